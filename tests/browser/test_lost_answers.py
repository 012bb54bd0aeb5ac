"""Every page, while answers get lost on the way or are errors: it says so or does without, and nothing in it breaks."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.browser.pages import Pages
from tests.browser.test_every_page import DEMO, demonstrated, places
from tests.browser.world import World

BROKEN = '{"type":"error","status":500,"code":"ServerError","message":"it is broken","detail":"try again"}'


class Losses:
    """Loses so many of the answers, or makes errors of them; by `seed` always the same ones as long as the questions are."""

    def __init__(self, share: float, seed: int) -> None:
        self.share, self._chance, self.count = share, random.Random(seed), 0

    def __call__(self, route: Route) -> None:
        if self._chance.random() >= self.share:
            route.continue_()
            return
        self.count += 1
        if self._chance.random() < 0.5:
            route.abort()
        else:
            route.fulfill(status=500, content_type="application/json", body=BROKEN)


@pytest.mark.parametrize(("share", "seed"), [(1.0, 1), (0.3, 2)], ids=["all of them", "some"])
def test_every_page_bears_that_answers_are_lost(standalone: World, chromium: Browser, share: float, seed: int) -> None:
    names = demonstrated(standalone)
    pages = standalone.tab(chromium)
    losses = Losses(share, seed)
    pages.page.route("**/v1/**", losses)
    for place, query in places(names):
        before = losses.count
        pages.go(DEMO, place, **query)
        pages.page.wait_for_timeout(300)
        expect(pages.page.locator("main")).not_to_be_empty()
        assert share < 1 or losses.count > before, place
        assert pages.faults == [], place
    assert_mended(pages, losses)


def assert_mended(pages: Pages, losses: Losses) -> None:
    """Nothing is left of it when all is answered again."""
    losses.share = 0
    pages.open(DEMO, "clusters")
    expect(pages.row("berlin")).to_be_visible()
    assert pages.faults == []
    pages.page.context.close()
