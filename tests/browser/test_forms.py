"""What is made and edited in forms: what they find and foresee before anything is stored; nothing is lost that they do not know."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World


def repository(world: World) -> str:
    """Of the demonstration."""
    spec: dict[str, Any] = world.get("gitrepos", "fleet-default/shop")["spec"]
    return str(spec["repo"])


def select_labels(pages: Pages, key: str, value: str) -> None:
    pages.page.get_by_label("Key 1").last.fill(key)
    pages.page.get_by_label("Value 1").last.fill(value)


def test_a_gitrepo_is_made_of_what_was_found_in_its_repository_and_does_what_was_foreseen(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    name = standalone.new("made")
    cluster = standalone.cluster(name, HERE, form=name)
    pages.open(HERE, "gitrepos")
    pages.link("Create a GitRepo").first.click()
    expect(pages.button("Create")).to_be_disabled()
    pages.page.get_by_label("Name", exact=True).fill(name)
    pages.page.get_by_label("URL of the repository").fill(repository(standalone))
    pages.page.get_by_label("Branch", exact=True).fill("main")
    pages.button("Test the connection").click()
    pages.sees("It works.")
    pages.page.get_by_label("01-raw-overlays").first.check()
    pages.page.get_by_label("Clusters that I choose").check()
    select_labels(pages, "form", name)
    expect(pages.page.locator(".cd-target")).to_contain_text("1 cluster")
    pages.button("Show what saving does").click()
    pages.sees("1 cluster gets it:")
    assert standalone.get("gitrepos", f"{HERE}/{name}") is None, "nothing is stored before it is asked for"
    pages.button("Create").click()
    pages.sees(f"{name} is saved.")
    standalone.until("clusters", cluster, lambda _: standalone.deployed(cluster) == [f"{name}-01-raw-overlays"])
    expect(pages.page.get_by_text("Active", exact=True).first).to_be_visible(timeout=30_000)
    assert not pages.faults
    pages.page.context.close()


def test_a_repository_that_is_not_reached_says_at_which_step_and_what_to_do(world: World, pages: Pages) -> None:
    pages.open(HERE, "gitrepos/_create")
    pages.page.get_by_label("Name", exact=True).fill("unreached")
    pages.page.get_by_label("URL of the repository").fill("https://127.0.0.1:9/nothing.git")
    pages.button("Test the connection").click()
    pages.sees("It does not work.")
    expect(pages.page.locator("li.is-failed")).to_contain_text("What to do:")


def test_an_edit_of_a_gitrepo_writes_only_what_was_edited(world: World, pages: Pages) -> None:
    name = world.new("edited")
    drift = {"enabled": True, "force": True, "keepFailHistory": True}
    world.made("gitrepos", HERE, name, {"repo": "https://127.0.0.1:9/nothing.git", "branch": "main", "correctDrift": drift})
    pages.open(HERE, f"gitrepos/{name}/edit")
    pages.page.get_by_label("Branch", exact=True).fill("release")
    changed = world.call("PATCH", f"/v1/fleet.cattle.io.gitrepos/{HERE}/{name}", json={"spec": {"paths": ["theirs"]}})
    assert changed.ok, changed.text
    pages.button("Save").click()
    pages.sees(f"{name} is saved.")
    spec = world.get("gitrepos", f"{HERE}/{name}")["spec"]
    assert (spec["branch"], spec["paths"], spec["correctDrift"]) == ("release", ["theirs"], drift)


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
