"""Every page there is, light and dark: readable by all (axe finds nothing), nothing beyond the window, no fault in the console."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import components
from tests.browser.pages import Pages
from tests.browser.world import HERE, World
from tests.integration.rancher.conftest import UNVERIFIED

Scheme = Literal["light", "dark"]

NAMES = {
    **dict.fromkeys(("gitrepo", "gitrepo-edit"), "shop"),
    **dict.fromkeys(("helmop", "helmop-edit"), "readable"),
    **dict.fromkeys(("clustergroup", "clustergroup-edit"), "production"),
    "cluster": "berlin",
    "bundle": "shop-02-helm-subchart",
    "workspace": "edge",
}
"""What the demonstration has for pages of one object, by the page's name."""
TABS = {
    "gitrepo": ("overview", "bundles", "resources", "plan", "yaml"),
    "cluster": ("bundles", "resources", "conditions", "yaml"),
    "bundle": ("rollout", "clusters", "resources", "conditions", "yaml"),
}
PLACES = [(name, path, tab) for name, path in components.routes().items() for tab in TABS.get(name, ("",))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_read_by_everybody(standalone: World, chromium: Browser, scheme: Scheme) -> None:
    look_at_all(standalone.tab(chromium, color_scheme=scheme), "fleet-default", NAMES)


@UNVERIFIED
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_in_rancher_can_be_read_by_everybody(aggregated: World, chromium: Browser, scheme: Scheme) -> None:
    """With Rancher's own colours, of which those of states are not for text."""
    names = {"gitrepo": "readable", "cluster": "readable", "bundle": "readable"}
    aggregated.cluster("readable", HERE, readable="yes")
    aggregated.bundle("readable", HERE, readable="yes")
    aggregated.made("gitrepos", HERE, "readable", {"repo": "https://127.0.0.1:9/readable.git"})
    look_at_all(aggregated.tab(chromium, color_scheme=scheme), HERE, names)


def look_at_all(pages: Pages, workspace: str, names: dict[str, str]) -> None:
    found: dict[str, list[str]] = {}
    for name, path, tab in PLACES:
        assert ":name" not in path or name in names, f"say in NAMES which object shows the page {name}"
        place = path.replace(":name", names.get(name, ""))
        pages.open(workspace, place, **({"tab": tab} if tab else {}))
        settle(pages)
        found[f"{place} {tab}"] = [*pages.violations(), *(f"beyond the window: {one}" for one in pages.spills())]
    pages.page.context.close()
    assert {place: said for place, said in found.items() if said} == {}
    assert not pages.faults


def test_the_login_can_be_read_by_everybody(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    pages.button("Log out").click()
    assert pages.violations() == []
    pages.page.context.close()


DIALOGS = {"clusters/berlin": ("Edit labels", "Change workspace", "Delete"), "gitrepos/shop": ("Delete",)}


def test_every_dialog_can_be_read_by_everybody_and_closes_with_escape(standalone: World, chromium: Browser) -> None:
    pages = standalone.tab(chromium)
    for place, names in DIALOGS.items():
        pages.open("fleet-default", place)
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
