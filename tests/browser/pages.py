"""The pages in one tab of a browser, as somebody sees them who is logged in. What is looked for is what a person would look for: the
words on it. Whatever goes wrong in the page itself is remembered, and fails the test that opened it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Dialog, Locator, Page, expect

from tests.browser.components import AXE

REFUSED = "Failed to load resource"
"""How a browser tells of an answer that is no success, or of none. Pages show those themselves."""
Address = Callable[[str, str], str]
"""A workspace and a path in it to the URL of that page."""


class Pages:
    def __init__(self, page: Page, address: Address) -> None:
        self.page, self.address = page, address
        self.faults: list[str] = []
        page.set_default_timeout(20_000)
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("dialog", self._surprised)

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and REFUSED not in text:
            self.faults.append(f"{self.page.url}: {text}")

    def _surprised(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog that no page opens: {dialog.message}")
        dialog.dismiss()

    def go(self, workspace: str, path: str, **query: str) -> None:
        """Goes there as by a link."""
        self.page.goto(self.address(workspace, path) + (f"?{urlencode(query)}" if query else ""))

    def open(self, workspace: str, path: str, **query: str) -> None:
        """Goes there as by a link, and waits until there is something to read."""
        self.go(workspace, path, **query)
        expect(self.page.locator("h1").first).to_be_visible()

    def text(self, words: str, *, exact: bool = False) -> Locator:
        return self.page.get_by_text(words, exact=exact).first

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def row(self, words: str) -> Locator:
        return self.page.locator("tbody tr").filter(has_text=words)

    def sees(self, words: str) -> None:
        expect(self.text(words)).to_be_visible(timeout=30_000)

    def violations(self) -> list[str]:
        """What axe finds in the page as it is, one line a finding."""
        self.page.evaluate(AXE.read_text())
        found: Any = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {json.dumps([node['html'][:160] for node in one['nodes'][:3]])}" for one in found["violations"]]

    def spills(self) -> list[str]:
        """What reaches beyond the right edge of the window, where nothing scrolls to it."""
        script = """() => {
          const wide = document.documentElement.clientWidth;
          const scrolls = (one) => one && (/auto|scroll|hidden/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
          const spills = (one) => one.getBoundingClientRect().right > wide + 1 && !scrolls(one.parentElement);
          return [...document.querySelectorAll("body *")].filter(spills).map((one) => one.outerHTML.slice(0, 160));
        }"""
        found: list[str] = self.page.evaluate(script)
        return found
