"""What is there only in Rancher: its menus, the actions in its tables, its choice of workspace, and rights that end while one looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser import components
from tests.browser.dashboard import Dashboard
from tests.browser.inside import place
from tests.browser.pages import Pages
from tests.browser.world import HERE, THERE, World
from tests.integration.rancher import rights
from tests.integration.rancher.conftest import UNVERIFIED, USERS, Inside
from tests.integration.service.running import wait_for

pytestmark = UNVERIFIED


@pytest.fixture
def world(aggregated: World) -> World:
    """The pages themselves are tried by both doors; what is around them has none."""
    return aggregated


def go(pages: Pages, inside: Inside, path: str) -> None:
    pages.page.goto(f"{inside.rancher.url}/dashboard{path}")


def problems(pages: Pages) -> list[str]:
    found: list[str] = pages.page.evaluate("() => host.problems")
    return found


def test_rancher_s_menu_has_our_pages_and_says_which_one_is_open(world: World, pages: Pages, inside: Inside) -> None:
    world.cluster("found-by-menu", HERE)
    go(pages, inside, "/c/_/fleet/fleet.cattle.io.cluster")
    menu = pages.page.get_by_role("navigation", name="Product", exact=True)
    expect(menu.get_by_role("link")).to_have_text(components.menu())
    menu.get_by_role("link", name="Clusters").click()
    expect(pages.row("found-by-menu")).to_be_visible()
    assert pages.page.url == inside.rancher.url + place(HERE, "clusters"), "the workspace is the one that was chosen in Rancher"
    pages.link("found-by-menu").click()
    expect(pages.page.get_by_role("heading", name="found-by-menu")).to_be_visible()
    expect(menu.locator("a.is-here")).to_have_text(["Clusters"])
    assert problems(pages) == []


def test_the_menu_has_no_entry_for_what_one_may_not_see(world: World, tab: Callable[..., Pages], inside: Inside) -> None:
    pages = tab("stranger")
    with pages.page.expect_response(lambda answer: "fleet.cattle.io.clusters?limit=1" in answer.url):
        go(pages, inside, "/c/_/fleet/fleet.cattle.io.cluster")
    expect(pages.page.get_by_role("heading", name="fleet.cattle.io.cluster")).to_be_visible()
    for name in ("GitRepos", "Clusters", "Bundles"):
        expect(pages.link(name)).to_have_count(0)


def test_the_choice_of_workspace_is_one_choice(world: World, pages: Pages, inside: Inside) -> None:
    go(pages, inside, "/c/_/fleet/fleet.cattle.io.cluster")
    expect(pages.page.get_by_label("Workspace of Rancher")).to_be_visible()
    pages.page.get_by_label("Workspace of Rancher").select_option(THERE)
    pages.link("Clusters").click()
    own = pages.page.get_by_role("combobox", name="Workspace", exact=True)
    expect(own).to_have_value(THERE)
    expect(pages.page.get_by_label("Workspace of Rancher")).to_have_count(0)
    own.select_option(HERE)
    expect(pages.page).to_have_url(inside.rancher.url + place(HERE, "clusters"))
    pages.page.evaluate("() => host.router.push('/c/_/fleet/fleet.cattle.io.cluster')")
    expect(pages.page.get_by_label("Workspace of Rancher")).to_have_value(HERE)


def test_where_rancher_hides_its_product_ours_is_there(world: World, pages: Pages, inside: Inside) -> None:
    listed = pages.page.get_by_role("main").get_by_role("link")
    go(pages, inside, "/home")
    expect(listed).to_have_text(["Rancher's Continuous Delivery"])
    go(pages, inside, "/home?without-fleet")
    expect(listed).to_have_text(["Continuous Delivery"])
    listed.click()
    expect(pages.page.get_by_role("heading", name="GitRepos")).to_be_visible()
    pages.page.get_by_role("navigation", name="Product", exact=True).get_by_role("link", name="Bundles").click()
    expect(pages.page.get_by_role("heading", name="Bundles")).to_be_visible()
    assert "/continuous-delivery/c/_/bundles/w/" in pages.page.url, "one stays in the product where one is"


def test_cluster_explorer_leads_to_the_cluster_that_one_explores(world: World, pages: Pages, inside: Inside) -> None:
    world.cluster("explored", HERE, **{"management.cattle.io/cluster-name": "c-m-explored"})
    go(pages, inside, "/c/c-m-explored/explorer")
    pages.link("Continuous Delivery").click()
    expect(pages.page.get_by_role("heading", name="explored")).to_be_visible()
    assert pages.page.url == inside.rancher.url + place(HERE, "clusters/explored")
    go(pages, inside, "/c/c-m-unknown/explorer/continuous-delivery")
    pages.sees("This cluster is not one of Continuous Delivery, or you may not see it there.")


def provisioned(name: str, workspace: str) -> dict[str, Any]:
    """A row of Cluster Management: what Rancher provisions lies in a namespace of its own, whatever its workspace."""
    metadata = {"name": name, "namespace": "fleet-default"}
    return {
        "id": f"fleet-default/{name}",
        "type": "provisioning.cattle.io.cluster",
        "metadata": metadata,
        "status": {"fleetWorkspaceName": workspace},
    }


def fleets(name: str, workspace: str) -> dict[str, Any]:
    return {"id": f"{workspace}/{name}", "type": "fleet.cattle.io.cluster", "metadata": {"name": name, "namespace": workspace}}


TABLES: dict[str, tuple[str, Callable[[str, str], dict[str, Any]]]] = {
    "Cluster Management": ("/c/_/manager/provisioning.cattle.io.cluster", provisioned),
    "Continuous Delivery": ("/c/_/fleet/fleet.cattle.io.cluster", fleets),
}


@pytest.mark.parametrize("table", TABLES)
def test_rancher_s_cluster_tables_force_updates_and_change_workspaces(
    world: World, pages: Pages, inside: Inside, dashboard: Dashboard, table: str
) -> None:
    path, row = TABLES[table]
    names = [world.new("tabled"), world.new("tabled")]
    for name in names:
        world.cluster(name, HERE)
    local = row("local", "fleet-local")
    dashboard.tables[f"/v1/{path.rpartition('/')[2]}s"] = [row(name, HERE) for name in names] + [local]
    go(pages, inside, path)
    pages.button(f"Actions of {row(names[0], HERE)['id']}").click()
    pages.button("Force Update").click()
    pages.sees("A forced update of 1 object has begun.")
    world.until("clusters", f"{HERE}/{names[0]}", lambda found: found["spec"].get("redeployAgentGeneration", 0) > 0)
    assert world.get("clusters", f"{HERE}/{names[1]}")["spec"].get("redeployAgentGeneration", 0) == 0
    for name in names:
        pages.page.get_by_label(f"Choose {row(name, HERE)['id']}").check()
    pages.page.get_by_role("toolbar").get_by_role("button", name="Change Workspace").click()
    pages.dialog().get_by_label("New workspace").select_option(THERE)
    assert pages.violations() == []
    pages.dialog().get_by_role("button", name="Move 2 clusters").click()
    expect(pages.dialog().get_by_text("Moved.", exact=True)).to_be_visible(timeout=60_000)
    for name in names:
        world.until("clusters", f"{THERE}/{name}", lambda found: found)
    pages.dialog().get_by_role("button", name="Close").click()
    pages.button(f"Actions of {local['id']}").click()
    rows = pages.page.get_by_role("table")
    expect(rows.get_by_role("button", name="Force Update")).to_be_visible()
    expect(rows.get_by_role("button", name="Change Workspace")).to_have_count(0)


def test_who_may_not_change_clusters_has_no_action_in_rancher_s_tables(
    world: World, tab: Callable[..., Pages], inside: Inside, dashboard: Dashboard
) -> None:
    path, row = TABLES["Continuous Delivery"]
    dashboard.tables[f"/v1/{path.rpartition('/')[2]}s"] = [row("looked-at", HERE)]
    world.cluster("looked-at", HERE)
    pages = tab("read-only")
    with pages.page.expect_response(lambda answer: "fleet.cattle.io.clusters?limit=1" in answer.url):
        go(pages, inside, path)
    pages.button(f"Actions of {HERE}/looked-at").click()
    expect(pages.page.get_by_role("button", name="Force Update")).to_have_count(0)


def test_a_right_that_ends_while_one_looks_is_said_where_it_was_needed(world: World, inside: Inside, tab: Callable[..., Pages]) -> None:
    name = world.new("kept")
    world.bundle(name, HERE, nobody="yes")
    given = rights.bind(inside.kubernetes, "fleetworkspace-member", "User", USERS["stranger"].name, HERE)
    pages = tab("stranger")
    pages.open(HERE, f"bundles/{name}")
    pages.button("Delete").click()
    pages.dialog().get_by_label(f"Type {name} to confirm").fill(name)
    inside.kubernetes.request("DELETE", given)
    taken = rights.bind(inside.kubernetes, "fleetworkspace-readonly", "User", USERS["stranger"].name, HERE)
    url = f"/v1/fleet.cattle.io.bundles/{HERE}/{name}?dryRun=All"
    wait_for(lambda: inside.call("direct, token", "stranger", "DELETE", url).status_code == 403, "the right to end")
    pages.dialog().get_by_role("button", name="Delete").click()
    expect(pages.dialog().get_by_role("alert")).to_contain_text("You may not do this.")
    assert world.get("bundles", f"{HERE}/{name}")
    inside.kubernetes.request("DELETE", taken)


def test_a_session_that_ends_is_said_and_leads_to_rancher_s_login(world: World, tab: Callable[..., Pages], inside: Inside) -> None:
    pages = tab("member")
    pages.open(HERE, "clusters")
    world.revoke("member")
    pages.page.get_by_label("Search by name").fill("anything")
    pages.sees("Rancher does not know your session any more.")
    pages.button("Log in again").click()
    pages.sees("Logged out of Rancher")
    world.enter(pages, "member")
    pages.open(HERE, "clusters")
    expect(pages.text("Rancher does not know your session any more.")).to_have_count(0)


def test_a_rancher_that_is_away_is_said_and_pages_go_on_when_it_is_back(world: World, pages: Pages, inside: Inside) -> None:
    pages.open(HERE, "clusters")
    try:
        inside.rancher.away = True
        pages.page.get_by_label("Search by name").fill("anything")
        pages.sees("The server did not answer.")
    finally:
        inside.rancher.away = False
    pages.page.get_by_label("Search by name").fill("anything-else")
    pages.sees("Nothing matches.")


def test_a_dashboard_that_can_not_use_the_extension_loads_none(world: World, pages: Pages, inside: Inside, dashboard: Dashboard) -> None:
    metadata = dashboard.plugin["metadata"]
    wanted = metadata["catalog.cattle.io/ui-extensions-version"]
    try:
        metadata["catalog.cattle.io/ui-extensions-version"] = ">= 4.0.0 < 5.0.0"
        go(pages, inside, "/home")
        expect(pages.link("Rancher's Continuous Delivery")).to_be_visible()
        assert problems(pages) == ["continuous-delivery: made for the shell >= 4.0.0 < 5.0.0"]
    finally:
        metadata["catalog.cattle.io/ui-extensions-version"] = wanted


def test_a_session_without_its_csrf_token_can_not_write(world: World, pages: Pages) -> None:
    name = world.new("not-forged")
    world.bundle(name, HERE, nobody="yes")
    pages.open(HERE, f"bundles/{name}")
    pages.page.context.clear_cookies(name="CSRF")
    pages.button("Force update").first.click()
    pages.sees("the CSRF token is missing or not that of the session")
    assert world.get("bundles", f"{HERE}/{name}")["spec"].get("forceSyncGeneration", 0) == 0
