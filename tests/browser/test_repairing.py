"""The repair of a Rancher server after a restore, on its page: looked at, done step by step, and what is left for a person."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.pages import Pages
from tests.browser.world import HERE, World
from tests.integration.rancher.conftest import UNVERIFIED
from tests.integration.rancher.test_repair import Fleet, fleet, restore

__all__ = ["fleet"]
pytestmark = UNVERIFIED


@pytest.fixture
def world(service_proxy: World) -> World:
    """By the door that lets least pass."""
    return service_proxy


def test_a_restored_server_is_looked_at_first_then_repaired_step_by_step(world: World, fleet: Fleet, pages: Pages) -> None:
    restore(fleet)
    before = fleet.versions()
    pages.open(HERE, "repair")
    pages.sees("A controller lists tokens that do not exist")
    pages.sees("A cluster's agent does not tell of itself")
    expect(pages.page.get_by_text("Planned", exact=True).first).to_be_visible()
    assert fleet.versions() == before, "looking writes nothing"
    assert pages.violations() == []
    pages.button("Do these 6 steps").click()
    expect(pages.page.get_by_text("Done", exact=True)).to_have_count(6, timeout=90_000)
    pages.sees("1 thing is left.")
    expect(pages.page.get_by_text("kubectl create secret")).to_be_visible()
