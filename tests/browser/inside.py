"""The pages in Rancher's dashboard: the caller is Rancher's session, and the service is behind one of Rancher's doors."""

from __future__ import annotations

from typing import Any

import requests

from tests.browser.dashboard import Dashboard
from tests.browser.pages import Pages
from tests.browser.world import World
from tests.integration.rancher.conftest import CSRF, PORT, USERS, Inside
from tests.unit.chart.chart import RANCHER, RELEASE, only, rendered

DOORS: dict[str, dict[str, Any]] = {
    "aggregated": {"rancher": RANCHER, "apiService": {"enabled": True}},
    "service proxy": {"rancher": RANCHER},
}
"""Values of the chart with which pages use each door."""
BASE = "/dashboard/fleet/c/_/continuous-delivery"


def plugin(door: str) -> dict[str, Any]:
    return only(rendered({"uiPlugin": {"enabled": True}, "service": {"port": PORT}, **DOORS[door]}, release=RELEASE), "UIPlugin")


def place(workspace: str, path: str) -> str:
    """The dashboard's address of a page: the part of the menu, then the workspace, then the rest."""
    section, _, rest = (path or "dashboard").partition("/")
    return f"{BASE}/{section}/w/{workspace}/{rest}".rstrip("/")


def world_of(inside: Inside, dashboard: Dashboard, door: str) -> World:
    def call(method: str, path: str, **options: Any) -> requests.Response:
        return inside.call("direct, token", "administrator", method, path, **options)

    def enter(pages: Pages, user: str) -> None:
        dashboard.announce(plugin(door))
        credential = inside.credential(user)
        inside.rancher.tokens[credential] = USERS[user]
        session = {"name": "R_SESS", "value": credential, "httpOnly": True, "secure": True, "sameSite": "Lax"}
        cookies = [session, {"name": "CSRF", "value": CSRF, "secure": True, "sameSite": "Lax"}]
        pages.page.context.add_cookies([{**one, "url": inside.rancher.url} for one in cookies])  # type: ignore[typeddict-item]

    def revoke(user: str) -> None:
        del inside.rancher.tokens[inside.credential(user)]

    def address(workspace: str, path: str) -> str:
        return inside.rancher.url + place(workspace, path)

    return World(f"Rancher, {door}", call, address, enter, revoke, inside.service.deployed())
