"""Every page there is, light and dark: readable by all (axe finds nothing), nothing beyond the window, no fault in the console."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import components
from tests.browser.pages import Pages
from tests.browser.world import HERE, World
from tests.integration.rancher.conftest import UNVERIFIED

Scheme = Literal["light", "dark"]
DEMO = "fleet-default"

TABS = {
    "gitrepo": ("overview", "bundles", "resources", "plan", "history", "yaml"),
    "cluster": ("bundles", "resources", "conditions", "history", "yaml"),
    "bundle": ("rollout", "clusters", "resources", "conditions", "history", "yaml"),
    "clustergroup": ("clusters", "membership", "conditions", "yaml"),
    "tokens": ("api", "registration"),
    "workspace": ("members", "yaml"),
    "helmop": ("overview", "clusters", "resources", "history", "yaml"),
}
PLACES = [(name, path, tab) for name, path in components.routes().items() for tab in TABS.get(name, ("",))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_by_everybody(standalone: World, chromium: Browser, scheme: Scheme) -> None:
    look_at_all(standalone.tab(chromium, color_scheme=scheme), DEMO, demonstrated(standalone))


@UNVERIFIED
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_in_rancher_can_be_read_by_everybody(aggregated: World, chromium: Browser, scheme: Scheme) -> None:
    """With Rancher's own colours, of which those of states are not for text."""
    look_at_all(aggregated.tab(chromium, color_scheme=scheme), HERE, shown(aggregated, HERE))


def shown(world: World, workspace: str) -> dict[str, str]:
    """What there is to show on pages of one object, by what the page's name begins with."""
    cluster = world.cluster("readable", workspace, readable="yes")
    world.bundle("readable", workspace, readable="yes")
    world.made("gitrepos", workspace, "readable", {"repo": "https://127.0.0.1:9/readable.git", "branch": "main"})
    world.made("helmops", workspace, "readable", {"helm": {"repo": "oci://127.0.0.1:9/readable", "version": "1.0.0"}})
    world.made("clustergroups", workspace, "readable", {"selector": {"matchLabels": {"readable": "yes"}}})
    body = {"kind": "forceUpdate", "type": "fleet.cattle.io.clusters", "ids": [cluster]}
    begun = world.call("POST", "/v1/operations", json=body)
    assert begun.ok, begun.text
    kinds = ("gitrepo", "cluster", "bundle", "helmop", "clustergroup")
    return {**dict.fromkeys(kinds, "readable"), "operation": begun.json()["id"], "workspace": workspace}


def demonstrated(world: World) -> dict[str, str]:
    """The same of the demonstration, its own objects where it has some."""
    own = {"gitrepo": "shop", "cluster": "berlin", "bundle": "shop-02-helm-subchart", "clustergroup": "production"}
    return {**shown(world, DEMO), **own}


def places(names: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Every page and each of its tabs: the path in a workspace, and the query."""
    for name, path, tab in PLACES:
        kind = name.partition("-")[0]
        assert ":name" not in path or kind in names, f"say in shown() which object the page {name} is to show"
        yield path.replace(":name", names.get(kind, "")), {"tab": tab} if tab else {}


def look_at_all(pages: Pages, workspace: str, names: dict[str, str]) -> None:
    found: dict[str, list[str]] = {}
    for place, query in places(names):
        pages.open(workspace, place, **query)
        settle(pages)
        found[f"{place} {query}"] = [*pages.violations(), *(f"beyond the window: {one}" for one in pages.spills())]
    pages.page.context.close()
    assert {place: said for place, said in found.items() if said} == {}
    assert not pages.faults


def test_the_login_can_be_read_by_everybody(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    pages.button("Log out").click()
    assert pages.violations() == []
    pages.page.context.close()


DIALOGS = {
    "clusters/berlin": ("Edit labels", "Change workspace", "Delete"),
    "gitrepos/shop": ("Delete",),
    "clustergroups/production": ("Delete",),
    "workspaces": ("Create a workspace",),
    "workspaces/edge": ("Delete",),
    "tokens": ("Create an API token",),
    "clusters/_add": ("Create a registration token",),
    "gitrepos/_create": ("New Secret",),
}


def test_every_dialog_can_be_read_by_everybody_and_closes_with_escape(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    for place, names in DIALOGS.items():
        pages.open(DEMO, place)
        for name in names:
            pages.button(name).click()
            expect(pages.dialog()).to_be_visible()
            assert pages.violations() == [], (place, name)
            pages.page.keyboard.press("Escape")
            expect(pages.dialog()).to_have_count(0)
    pages.page.context.close()


def settle(pages: Pages) -> None:
    """Waits until what the page asked for is there."""
    expect(pages.page.locator("[aria-busy=true]")).to_have_count(0)
    pages.page.wait_for_timeout(400)
