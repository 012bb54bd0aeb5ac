"""Who may look: a token at `/`."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, expect

from tests.browser.pages import Pages
from tests.browser.standalone import log_in
from tests.browser.world import HERE, World


def test_a_token_that_nobody_knows_is_refused_in_words_and_one_that_is_known_opens_the_pages(standalone: World, chromium: Browser) -> None:
    pages = Pages(chromium.new_context().new_page(), standalone.address)
    pages.page.goto(standalone.address("_", ""))
    pages.page.get_by_label("API token", exact=True).fill("token-nobody:nothing")
    pages.button("Log in").click()
    pages.sees("This token is unknown, expired or revoked.")
    standalone.enter(pages, "administrator")
    expect(pages.page.get_by_role("navigation", name="Pages", exact=True)).to_be_visible()
    pages.button("Log out").click()
    pages.sees("Log in with an API token.")
    assert not pages.faults
    pages.page.context.close()


def test_a_token_that_ends_meanwhile_leads_to_the_login_and_back_to_where_one_was(standalone: World, chromium: Browser) -> None:
    standalone.cluster("seen-before-and-after", HERE)
    pages = standalone.tab(chromium, "member")
    pages.open(HERE, "clusters", q="seen-before")
    expect(pages.row("seen-before-and-after")).to_be_visible()  # else it may be at the login before anything is searched
    standalone.revoke("member")
    pages.page.get_by_label("Search by name").fill("seen-before-and")
    pages.sees("Your token is no longer valid. Log in again to go on where you were.")
    before = pages.page.url
    log_in(pages, token_of(standalone, "member", chromium))
    expect(pages.row("seen-before-and-after")).to_be_visible()
    assert pages.page.url == before and "q=seen-before" in before
    assert not pages.faults
    pages.page.context.close()


def token_of(world: World, user: str, chromium: Browser) -> str:
    """A new token of the user, as a tab of its own has it."""
    pages = world.tab(chromium, user)
    token: str = pages.page.evaluate("() => sessionStorage.getItem('continuous-delivery-token')")
    pages.page.context.close()
    return token


def test_who_may_only_read_is_shown_no_button_that_writes(world: World, tab: Callable[..., Pages]) -> None:
    world.cluster("looked-at", HERE)
    world.bundle("looked-at", HERE, nobody="yes")
    reader, writer = tab("read-only"), tab()
    for path, words in {
        "clusters/looked-at": ["Edit labels", "Change workspace", "Delete"],
        "bundles/looked-at": ["Force update", "Delete"],
    }.items():
        for pages in (writer, reader):
            pages.open(HERE, path)
            pages.sees("looked-at")
            for name in words:
                expect(pages.button(name)).to_have_count(1 if pages is writer else 0)
