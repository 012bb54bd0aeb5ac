"""Clusters: labels with what they would do, a move with its plan and its way back, what is done again, what is deleted."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, THERE, World


def test_labels_say_before_they_are_saved_what_comes_and_then_it_comes(world: World, pages: Pages) -> None:
    name, bundle = world.new("labelled"), world.new("for-labelled")
    cluster = world.cluster(name, HERE)
    world.bundle(bundle, HERE, browser=name)
    pages.open(HERE, f"clusters/{name}")
    pages.button("Edit labels").click()
    box = pages.dialog()
    expect(box.get_by_role("button", name="Save")).to_be_disabled()
    box.get_by_role("button", name="Add a label").click()
    box.get_by_label("Key 1").fill("browser")
    box.get_by_label("Value 1").fill(name)
    expect(box.get_by_text("1 bundle would come:")).to_be_visible()
    expect(box.get_by_text(bundle)).to_be_visible()
    assert world.deployed(cluster) == []
    box.get_by_role("button", name="Save").click()
    pages.sees(f"Labels of {name} are saved.")
    world.until("clusters", cluster, lambda _: world.deployed(cluster) == [bundle])
    expect(pages.row(bundle)).to_be_visible(timeout=30_000)


def test_labels_that_can_not_be_are_refused_where_they_are_written(world: World, pages: Pages) -> None:
    world.cluster("wrongly-labelled", HERE)
    pages.open(HERE, "clusters/wrongly-labelled")
    pages.button("Edit labels").click()
    pages.dialog().get_by_role("button", name="Add a label").click()
    pages.dialog().get_by_label("Key 1").fill("not a key")
    expect(pages.dialog().get_by_role("alert")).to_contain_text("not a key")
    expect(pages.dialog().get_by_role("button", name="Save")).to_be_disabled()


def test_a_move_is_planned_done_and_taken_back(world: World, pages: Pages) -> None:
    name = world.new("mover")
    cluster, moved = world.cluster(name, HERE, moves="yes"), f"{THERE}/{name}"
    world.bundle("leaves-with-move", HERE, moves="yes")
    world.bundle("comes-with-move", THERE, moves="yes")
    world.until("clusters", cluster, lambda _: world.deployed(cluster) == ["leaves-with-move"])
    pages.open(HERE, f"clusters/{name}")
    pages.button("Change workspace").click()
    box = pages.dialog()
    box.get_by_label("New workspace").select_option(THERE)
    expect(box.get_by_text("Leaves the cluster: ")).to_contain_text("leaves-with-move")
    expect(box.get_by_text("Comes to the cluster: ")).to_contain_text("comes-with-move")
    assert world.get("clusters", cluster), "nothing happens before it is confirmed"
    box.get_by_role("button", name="Move 1 cluster").click()
    world.until("clusters", moved, lambda found: found and world.deployed(moved) == ["comes-with-move"])
    expect(box.get_by_text("Moved.", exact=True)).to_be_visible(timeout=30_000)
    box.get_by_role("button", name="Take the move back").click()
    world.until("clusters", cluster, lambda found: found and world.deployed(cluster) == ["leaves-with-move"])
    assert world.get("clusters", moved) is None


def test_many_clusters_are_moved_at_once(world: World, pages: Pages) -> None:
    herd = world.new("herd")
    names = [f"{herd}-one", f"{herd}-two"]
    for name in names:
        world.cluster(name, HERE)
    pages.open(HERE, "clusters", q=herd)
    for name in names:
        pages.page.get_by_label(f"Select {HERE}/{name}").check()
    pages.button("Change workspace of 2").click()
    pages.dialog().get_by_label("New workspace").select_option(THERE)
    pages.dialog().get_by_role("button", name="Move 2 clusters").click()
    for name in names:
        world.until("clusters", f"{THERE}/{name}", lambda found: found)
    expect(pages.dialog().get_by_text("Moved.", exact=True)).to_be_visible(timeout=30_000)
    pages.dialog().get_by_role("button", name="Close").click()
    pages.sees("Nothing matches.")


def test_a_forced_update_of_many_is_begun_and_said(world: World, pages: Pages) -> None:
    cluster = world.cluster("forced", HERE)
    before = world.get("clusters", cluster)["spec"].get("redeployAgentGeneration", 0)
    pages.open(HERE, "clusters", q="forced")
    pages.page.get_by_label(f"Select {cluster}").check()
    pages.button("Force update of 1").click()
    pages.sees("A forced update of 1 object has begun.")
    world.until("clusters", cluster, lambda found: found["spec"].get("redeployAgentGeneration", 0) > before)


def test_a_cluster_is_deleted_when_its_name_was_typed_and_a_page_that_shows_it_says_so(world: World, pages: Pages) -> None:
    cluster = world.cluster("doomed", HERE)
    pages.open(HERE, "clusters/doomed")
    pages.button("Delete").click()
    box = pages.dialog()
    expect(box.get_by_role("button", name="Delete")).to_be_disabled()
    box.get_by_label("Type doomed to confirm").fill("doomed")
    box.get_by_role("button", name="Delete").click()
    pages.sees("doomed is being deleted.")
    world.until("clusters", cluster, lambda found: found is None)
    world.cluster("doomed", HERE)
    pages.open(HERE, "clusters/doomed")
    assert world.call("DELETE", f"/v1/fleet.cattle.io.clusters/{cluster}").ok
    pages.sees("doomed was deleted. What is shown is what was last known.")
