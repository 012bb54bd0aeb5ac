"""The pages in a real browser, before a real service: every flow from the click to what came of it.

A flow is written once, against a World, and tried wherever the pages are: at `/` of the embedded engine, and in Rancher by each of its
doors. A page that is new in `components/routes.ts` is looked at by `test_every_page.py` by itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser import components
from tests.browser.dashboard import Dashboard
from tests.browser.inside import world_of
from tests.browser.pages import Pages
from tests.browser.standalone import standalone as made_standalone
from tests.browser.world import World
from tests.integration.rancher.conftest import UNVERIFIED, Inside, inside

__all__ = ["inside"]

PATIENCE = 30_000
"""Milliseconds in which a page has to show what is expected: other tests may have all processors."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All in one process: each service, browser and API server is started once."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser, and the pages built. Skipped with what to install where there is none; CI has it."""
    reason = components.missing()
    if reason:
        assert not os.environ.get("REQUIRE_COMPONENTS"), reason
        pytest.skip(reason)
    try:
        components.build()
    except subprocess.CalledProcessError as failed:
        pytest.fail(f"the pages can't be built:\n{failed.stdout}", pytrace=False)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=components.chromium(), args=components.FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[World]:
    with made_standalone(tmp_path_factory.mktemp("standalone")) as world:
        yield world


@pytest.fixture(scope="session")
def dashboard(inside: Inside, chromium: Browser) -> Dashboard:
    """Rancher with its dashboard."""
    made = Dashboard(inside.address)
    inside.rancher.own = made.answer
    return made


@pytest.fixture(scope="session")
def aggregated(inside: Inside, dashboard: Dashboard) -> World:
    return world_of(inside, dashboard, "aggregated")


@pytest.fixture(scope="session")
def service_proxy(inside: Inside, dashboard: Dashboard) -> World:
    return world_of(inside, dashboard, "service proxy")


@pytest.fixture(params=["standalone", pytest.param("aggregated", marks=UNVERIFIED), pytest.param("service_proxy", marks=UNVERIFIED)])
def world(request: pytest.FixtureRequest) -> World:
    """Each place where the pages are, one after the other."""
    found: World = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tab(chromium: Browser, world: World) -> Iterator[Callable[..., Pages]]:
    """Opens tabs, each of a browser that knows nothing of the others. A fault in any of them fails the test."""
    opened: list[Pages] = []

    def open_one(user: str = "administrator", **options: Any) -> Pages:
        opened.append(world.tab(chromium, user, **options))
        return opened[-1]

    yield open_one
    faults = [fault for pages in opened for fault in pages.faults]
    for pages in opened:
        pages.page.context.close()
    assert not faults


@pytest.fixture
def pages(tab: Callable[..., Pages]) -> Pages:
    """One tab of an administrator."""
    return tab()
