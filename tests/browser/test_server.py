"""The server goes away and comes back, and pages that are open stay usable."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.standalone import world_of
from tests.browser.world import HERE
from tests.integration.service.running import start, wait_for


def test_pages_say_that_the_server_is_away_and_go_on_by_themselves_when_it_is_back(tmp_path: Path, chromium: Browser) -> None:
    service = start(tmp_path / "state")
    world = world_of(service)
    world.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": HERE}})
    world.cluster("stays", HERE)
    pages = world.tab(chromium)
    pages.open(HERE, "clusters")
    expect(pages.row("stays")).to_be_visible()
    port = service.url.rpartition(":")[2]
    service.stop()
    pages.sees("The server is away.")
    expect(pages.row("stays")).to_be_visible()
    service = start(tmp_path / "state", "--port", port)
    try:
        wait_for(service.ready, "the service to be back")
        pages.sees("The server is back.")
        expect(pages.text("The server is away.")).to_have_count(0)
        pages.page.get_by_label("Search by name").fill("stay")
        expect(pages.row("stays")).to_be_visible()
    finally:
        service.stop()
    assert not pages.faults
    pages.page.context.close()
