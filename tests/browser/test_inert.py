"""What users wrote is text: it runs nothing and breaks nothing."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
LONG = "a-name-of-sixty-three-letters-as-long-as-kubernetes-lets-it-be1"


def test_markup_in_what_users_wrote_is_shown_as_it_is_written(world: World, pages: Pages) -> None:
    spec = {"repo": "https://127.0.0.1:9/inert.git", "paths": [MARKUP], "targets": [{"name": MARKUP, "clusterName": MARKUP}]}
    world.made("gitrepos", HERE, "inert", spec, annotations={"note": MARKUP})
    for path, query in (
        ("gitrepos", {"q": "inert"}),
        ("gitrepos/inert", {}),
        ("gitrepos/inert", {"tab": "yaml"}),
        ("gitrepos", {"q": MARKUP}),
    ):
        pages.open(HERE, path, **query)
        pages.page.wait_for_timeout(300)
        assert pages.page.locator("img").count() == 0
    pages.open(HERE, "gitrepos/inert")
    pages.sees(MARKUP)


def test_the_longest_names_fit(world: World, pages: Pages) -> None:
    assert len(LONG) == 63
    world.cluster(LONG, HERE, **{LONG: LONG, "region": LONG})
    world.bundle(LONG[:53].rstrip("-"), HERE, region=LONG)
    for width in (1280, 700):
        pages.page.set_viewport_size({"width": width, "height": 800})
        for path in ("clusters", f"clusters/{LONG}", "bundles"):
            pages.open(HERE, path)
            expect(pages.page.get_by_text(LONG[:40]).first).to_be_visible()
            assert pages.spills() == [], (path, width)
