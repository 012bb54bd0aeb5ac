"""History: what happened to an object, from a push to the row of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, MAP, World
from tests.integration.sources.conftest import Repository
from tests.integration.sources.gits import git_http


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Repository, str]]:
    """A repository and its URL."""
    root = tmp_path / "served"
    root.mkdir()
    made, server = Repository(root, "app.git"), git_http(root)
    yield made, f"{server.url}/app.git"
    server.stop()


def test_a_push_comes_into_the_history_by_itself_and_its_commit_can_be_copied(
    world: World, pages: Pages, served: tuple[Repository, str]
) -> None:
    repository, url = served
    cluster, name = world.cluster(world.new("remembers"), HERE, remembers="yes"), world.new("remembered")
    first = repository.commit({"map.yaml": MAP.format(name=name)})
    targets = [{"clusterSelector": {"matchLabels": {"remembers": "yes"}}}]
    world.made("gitrepos", HERE, name, {"repo": url, "branch": "main", "pollingInterval": "1s", "targets": targets})
    world.until("clusters", cluster, lambda _: name in world.deployed(cluster))
    pages.open(HERE, f"gitrepos/{name}", tab="history")
    expect(pages.row(first[:12])).to_contain_text("New commit")
    expect(pages.row("Ready").first).to_be_visible()
    second = repository.commit({"map.yaml": MAP.format(name=name).replace("hello", "good morning")})
    expect(pages.row(second[:12])).to_contain_text("New commit")
    pages.row(second[:12]).get_by_role("button", name="Copy the commit").click()
    assert pages.violations() == []
    pages.open(HERE, f"bundles/{name}", tab="history")
    expect(pages.row(f"resources, by commit {second}")).to_contain_text("Changed")
    pages.open(HERE, f"clusters/{cluster.partition('/')[2]}", tab="history")
    expect(pages.row(f"Bundle {HERE}/{name}").filter(has_text="Deployed")).to_be_visible()


def test_a_pause_and_a_change_of_labels_come_into_the_history_of_a_cluster(world: World, pages: Pages) -> None:
    cluster = world.cluster(world.new("noted"), HERE, env="dev")
    world.until("clusters", cluster, lambda found: found)
    answer = world.call("PATCH", f"/v1/fleet.cattle.io.clusters/{cluster}", json={"metadata": {"labels": {"env": "prod"}}})
    assert answer.ok, answer.text
    pages.open(HERE, f"clusters/{cluster.partition('/')[2]}", tab="history")
    expect(pages.row("Labels changed")).to_contain_text("env=prod")
    pages.button("Pause").click()
    expect(pages.row("Paused")).to_be_visible()
