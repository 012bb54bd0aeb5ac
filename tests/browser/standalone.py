"""The pages at `/` of a service with its own users: the caller is an API token."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.browser.pages import Pages
from tests.browser.world import HERE, THERE, World
from tests.integration.service.running import Service, start, wait_for

QUICK = ("--demo", "--drift-interval", "1", "--polling-interval", "1")
ROLES = {"administrator": {"*": "admin"}, "member": {HERE: "member"}, "read-only": {HERE: "read-only"}}


class Users:
    """Tokens by the name of who has them, made when they are first asked for."""

    def __init__(self, service: Service) -> None:
        self._service, self._tokens = service, dict[str, str]()

    def token(self, user: str) -> str:
        if user not in self._tokens:
            answer = self._service.call("POST", "/v1/tokens", json={"name": user, "roles": ROLES[user]})
            assert answer.status_code == 201, answer.text
            self._tokens[user] = answer.json()["token"]
        return self._tokens[user]

    def revoke(self, user: str) -> None:
        token = self._tokens.pop(user).partition(":")[0]
        assert self._service.call("DELETE", f"/v1/tokens/{token}").ok


def log_in(pages: Pages, token: str) -> None:
    """As a person does it."""
    pages.page.get_by_label("API token", exact=True).fill(token)
    pages.button("Log in").click()
    pages.button("Log out").wait_for()


@contextmanager
def standalone(folder: Path, **environment: str) -> Iterator[World]:
    """The demonstration, with two workspaces for what tests make."""
    service = start(folder / "state", *QUICK, **environment)
    try:
        wait_for(lambda: "\nready\n" in service.log.read_text(), f"the demonstration:\n{service.log.read_text()}")
        for name in (HERE, THERE):
            answer = service.call("POST", "/v1/management.cattle.io.fleetworkspaces", json={"metadata": {"name": name}})
            assert answer.status_code == 201, answer.text
        yield world_of(service)
    finally:
        service.stop()


def world_of(service: Service) -> World:
    users = Users(service)

    def call(method: str, path: str, **options: Any) -> requests.Response:
        return service.call(method, path, **options)

    def enter(pages: Pages, user: str) -> None:
        pages.page.goto(service.url)
        log_in(pages, users.token(user))

    def address(workspace: str, path: str) -> str:
        return f"{service.url}/w/{workspace}/{path}".rstrip("/")

    return World("the embedded engine", call, address, enter, users.revoke, service.deployed())
