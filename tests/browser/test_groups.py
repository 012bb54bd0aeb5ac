"""Cluster groups and workspaces: what is foreseen while one writes, and what goes."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World


def select_labels(pages: Pages, key: str, value: str) -> None:
    pages.page.get_by_label("Key 1").last.fill(key)
    pages.page.get_by_label("Value 1").last.fill(value)


def test_a_cluster_group_shows_its_clusters_while_it_is_written_and_why_another_is_not_in_it(world: World, pages: Pages) -> None:
    name = world.new("grouped")
    world.cluster(f"{name}-in", HERE, group=name)
    world.cluster(f"{name}-out", HERE, group="another")
    pages.open(HERE, "clustergroups")
    pages.link("Create a cluster group").first.click()
    pages.page.get_by_label("Name", exact=True).fill(name)
    pages.page.get_by_label("Clusters with these labels").check()
    select_labels(pages, "group", name)
    expect(pages.page.get_by_role("link", name=f"{name}-in")).to_be_visible()
    pages.page.get_by_label("Find a cluster").fill(f"{name}-out")
    pages.page.get_by_role("button", name=f"{name}-out").click()
    pages.sees(f"{name}-out is not in the group")
    pages.button("Create").click()
    pages.sees(f"Cluster group {name} is saved.")
    world.until("clustergroups", f"{HERE}/{name}", lambda found: found and found["status"].get("clusterCount") == 1)


def test_a_workspace_is_made_and_goes_when_it_is_empty_and_its_name_was_typed(world: World, pages: Pages) -> None:
    name = world.new("team")
    pages.open("_", "workspaces")
    pages.button("Create a workspace").click()
    pages.dialog().get_by_label("Name").fill(name)
    pages.dialog().get_by_role("button", name="Create").click()
    pages.sees(f"Workspace {name} is created.")
    world.cluster("keeps", name)
    pages.open(name, f"workspaces/{name}")
    pages.button("Delete").click()
    expect(pages.dialog().get_by_role("alert")).to_be_visible()
    pages.dialog().get_by_role("button", name="Close").click()
    assert world.call("DELETE", f"/v1/fleet.cattle.io.clusters/{name}/keeps").ok
    world.until("clusters", f"{name}/keeps", lambda found: found is None)
    pages.button("Delete").click()
    pages.dialog().get_by_label(f"Type {name} to confirm").fill(name)
    pages.dialog().get_by_role("button", name="Delete").click()
    pages.sees(f"{name} is being deleted.")
    assert world.call("GET", f"/v1/management.cattle.io.fleetworkspaces/{name}").status_code == 404
