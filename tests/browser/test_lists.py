"""Lists: searched, narrowed, ordered and paged by the server, each state of one a link."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World

MANY = 60


def test_what_a_list_shows_is_in_its_address_and_is_there_again_by_that_address(world: World, pages: Pages) -> None:
    for name in ("paris-one", "paris-two", "rome-one"):
        world.cluster(name, HERE, town=name.partition("-")[0])
    pages.open(HERE, "clusters")
    pages.page.get_by_label("Search by name").fill("paris")
    expect(pages.row("rome-one")).to_have_count(0)
    pages.button("Name").click()
    pages.button("Name ▲").click()
    expect(pages.page.locator("tbody tr").first).to_contain_text("paris-two")
    address = pages.page.url
    assert "q=paris" in address and "sort=-metadata.name" in address
    pages.page.goto("about:blank")
    pages.page.goto(address)
    expect(pages.page.locator("tbody tr").first).to_contain_text("paris-two")
    pages.page.get_by_label("Search by name").fill("")
    pages.page.get_by_label("Labels, such as env=prod").fill("town=rome")
    expect(pages.row("rome-one")).to_be_visible()
    expect(pages.row("paris")).to_have_count(0)


def test_pages_of_a_list_are_the_servers_and_can_be_gone_through_both_ways(world: World, pages: Pages) -> None:
    for place in range(MANY):
        world.cluster(f"many-{place:02d}", HERE, many="yes")
    pages.open(HERE, "clusters", labels="many=yes", sort="metadata.name")
    pages.sees(f"1\N{EN DASH}50 of {MANY}")
    pages.button("Next").click()
    pages.sees(f"51\N{EN DASH}{MANY} of {MANY}")
    expect(pages.row("many-59")).to_be_visible()
    pages.button("Previous").click()
    expect(pages.row("many-00")).to_be_visible()


def test_a_list_without_rows_says_what_the_first_step_is(world: World, pages: Pages) -> None:
    made = world.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": "nothing-yet"}})
    assert made.status_code in (201, 409), made.text
    pages.open("nothing-yet", "clusters")
    pages.sees("The first step")
    pages.open(HERE, "clusters", q="no-such-cluster")
    pages.sees("Nothing matches. Change or clear the search.")


def test_a_list_follows_what_changes_by_itself(world: World, pages: Pages) -> None:
    name = world.new("comes-later")
    pages.open(HERE, "clusters", q=name)
    pages.sees("Nothing matches.")
    world.cluster(name, HERE)
    expect(pages.row(name)).to_be_visible(timeout=30_000)


def test_a_list_is_there_also_while_the_workspaces_to_choose_from_can_not_be_read(world: World, pages: Pages) -> None:
    world.cluster("alone-in-sight", HERE)
    pages.page.route("**/v1/management.cattle.io.fleetworkspaces*", lambda route: route.abort())
    with pages.page.expect_event("requestfailed"):
        pages.open(HERE, "clusters")
    expect(pages.row("alone-in-sight")).to_be_visible()
    expect(pages.page.get_by_label("Workspace")).to_have_value(HERE)
