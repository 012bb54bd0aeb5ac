"""Rancher's part in showing an extension: its server fetches what a UIPlugin names and gives it to the dashboard, which is here the page
in `host/` (`rancher-integration.md` 5.1). What Rancher would refuse is refused."""

from __future__ import annotations

import json
import mimetypes
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.browser.components import PACKAGES
from tests.integration.rancher.standin import User

HOST = Path(__file__).parent / "host"
LIBRARIES = {"vue.js": PACKAGES / "vue/dist/vue.global.prod.js", "vue-router.js": PACKAGES / "vue-router/dist/vue-router.global.prod.js"}
LARGEST = 30 * 1024 * 1024
HTML = "text/html; charset=utf-8"
Answer = tuple[int, str, bytes]


@dataclass
class Dashboard:
    """`address` is where the cluster's own names lead: the Service of this service. `tables` are rows of Rancher's tables, by path."""

    address: str
    plugin: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _files: dict[str, bytes] = field(default_factory=dict)

    def announce(self, plugin: dict[str, Any]) -> None:
        """A UIPlugin was made: its files are fetched as Rancher does it. Raises AssertionError where Rancher would not keep them."""
        assert plugin["metadata"]["namespace"] == "cattle-ui-plugin-system"
        told = plugin["spec"]["plugin"]
        assert plugin["metadata"]["name"] == told["name"] and not told["noCache"]
        package = json.loads(self._fetch(told["endpoint"], "plugin/package.json"))
        assert package["version"] == told["version"]
        names = self._fetch(told["endpoint"], "files.txt").decode().split("\n")
        assert not [name for name in names if re.search(r"^[/\\.]|\.\.", name)]
        self._files = {name: self._fetch(told["endpoint"], name) for name in names if name}
        self.plugin = told

    def _fetch(self, endpoint: str, name: str) -> bytes:
        path = urlsplit(endpoint).path
        answer = requests.get(f"{self.address}{path}/{name}", timeout=30)
        assert answer.status_code == 200, answer.text
        assert len(answer.content) <= LARGEST
        return answer.content

    def answer(self, method: str, target: str, user: User | None) -> Answer | None:
        """What Rancher itself answers; None for what it passes on."""
        path = urlsplit(target).path
        if method != "GET":
            return None
        if path.startswith("/dashboard/"):
            return self._page(path.removeprefix("/dashboard/"))
        if path == "/v1/uiplugins":
            return _json({"Entries": {self.plugin["name"]: self.plugin} if user and self.plugin else {}})
        if path.startswith("/v1/uiplugins/"):
            return self._file(path.removeprefix("/v1/uiplugins/"), user)
        return _json({"type": "collection", "data": self.tables.get(path, [])}) if path.startswith("/v1/") else None

    def _page(self, name: str) -> Answer:
        file = LIBRARIES.get(name, HOST / name)
        if "/" in name or not file.is_file():
            file = HOST / "index.html"
        return 200, mimetypes.guess_type(file.name)[0] or HTML, file.read_bytes()

    def _file(self, rest: str, user: User | None) -> Answer:
        name, version, file = rest.split("/", 2)
        if user is None or (name, version) != (self.plugin.get("name"), self.plugin.get("version")) or file not in self._files:
            return 404, "text/plain", b"does not exist in index"
        return 200, mimetypes.guess_type(file)[0] or "application/octet-stream", self._files[file]


def _json(body: Any) -> Answer:
    return 200, "application/json", json.dumps(body).encode()
