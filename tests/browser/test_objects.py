"""Bundles and GitRepos: what they put on clusters, why they are not ready, and their YAML."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World


def test_a_bundle_shows_its_clusters_and_what_it_put_on_them(world: World, pages: Pages) -> None:
    cluster = world.cluster("carries", HERE, carries="yes")
    world.bundle("carried", HERE, carries="yes")
    world.until("clusters", cluster, lambda _: world.deployed(cluster) == ["carried"])
    pages.open(HERE, "bundles/carried", tab="clusters")
    expect(pages.row(cluster)).to_contain_text("Active")
    pages.page.get_by_role("tab", name="Resources").click()
    pages.page.get_by_label("Search objects").fill("carried")
    expect(pages.page.get_by_role("treeitem").filter(has_text="ConfigMap carried")).to_be_visible()
    pages.page.get_by_label("Search objects").fill("nowhere")
    pages.sees("Nothing matches.")


def test_each_cluster_of_a_bundle_can_be_asked_why_it_has_it(world: World, pages: Pages) -> None:
    cluster = world.cluster("asked", HERE, asked="yes")
    world.bundle("asked-about", HERE, asked="yes")
    world.until("clusters", cluster, lambda _: world.deployed(cluster) == ["asked-about"])
    pages.open(HERE, "bundles/asked-about", tab="clusters")
    pages.button("Why").click()
    expect(pages.dialog()).to_contain_text("asked=yes")


def test_a_gitrepo_that_is_not_ready_says_why_in_the_words_of_its_conditions(world: World, pages: Pages) -> None:
    world.made("gitrepos", HERE, "broken", {"repo": "https://127.0.0.1:9/nothing.git", "branch": "main"})
    world.until("gitrepos", f"{HERE}/broken", lambda found: found and found["metadata"]["state"]["error"])
    pages.open(HERE, "gitrepos")
    expect(pages.row("broken")).to_contain_text("127.0.0.1:9")
    pages.link("broken").click()
    why = pages.page.get_by_role("region", name="Why is it not ready?")
    expect(why).to_contain_text("127.0.0.1:9")


def test_a_forced_update_of_a_bundle_is_said_and_done(world: World, pages: Pages) -> None:
    world.bundle("again", HERE, nobody="yes")
    pages.open(HERE, "bundles/again")
    pages.button("Force update").first.click()
    pages.sees("again is being deployed again.")
    world.until("bundles", f"{HERE}/again", lambda found: found["spec"].get("forceSyncGeneration", 0) > 0)


def test_yaml_that_somebody_else_changed_meanwhile_is_not_overwritten_and_both_are_shown(world: World, pages: Pages) -> None:
    key = world.bundle("contested", HERE, nobody="yes")
    pages.open(HERE, "bundles/contested", tab="yaml")
    pages.button("Edit").click()
    box = pages.page.get_by_label("The object as YAML")
    mine = re.sub(r"defaultNamespace: default\b", "defaultNamespace: mine", box.input_value())
    box.fill(mine)
    theirs = world.call("PATCH", f"/v1/fleet.cattle.io.bundles/{key}", json={"spec": {"defaultNamespace": "theirs"}})
    assert theirs.ok, theirs.text
    pages.button("Save").click()
    pages.sees("Somebody else saved first.")
    expect(pages.page.locator("pre").last).to_contain_text("defaultNamespace: theirs")
    assert "defaultNamespace: mine" in box.input_value()
    assert world.get("bundles", key)["spec"]["defaultNamespace"] == "theirs"
    pages.button("Cancel").click()
    pages.button("Edit").click()
    box.fill(box.input_value().replace("defaultNamespace: theirs", "defaultNamespace: mine"))
    pages.button("Save").click()
    world.until("bundles", key, lambda found: found["spec"]["defaultNamespace"] == "mine")
