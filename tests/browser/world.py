"""A service to try pages against: what a test makes there and sees there goes by the API; what is tried goes by the pages.

Its clusters are directory clusters, so what is deployed is deployed for real and nothing else is needed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Browser

from tests.browser.pages import Address, Pages
from tests.integration.service.running import wait_for

HERE, THERE = "team-a", "team-b"
DIRECTORY = "continuous-delivery.cattle.io/directory"
FLEET = "/v1/fleet.cattle.io."
_NUMBERS = itertools.count()
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  greeting: hello\n"


@dataclass
class World:
    """`call` is a request as an administrator; `enter` has a tab log in as a user, which is "administrator" or "read-only"."""

    name: str
    call: Callable[..., requests.Response]
    address: Address
    enter: Callable[[Pages, str], None]
    revoke: Callable[[str], None]
    """Takes the credential of a user away; the next `enter` has another."""
    folder: Path
    """Where the files of its clusters are."""

    def tab(self, browser: Browser, user: str = "administrator", **options: Any) -> Pages:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, ignore_https_errors=True, **options)
        pages = Pages(context.new_page(), self.address)
        self.enter(pages, user)
        return pages

    @staticmethod
    def new(name: str) -> str:
        """The name with a number, which nothing has yet: one service is there for several doors."""
        return f"{name}-{next(_NUMBERS)}"

    def made(self, plural: str, workspace: str, name: str, spec: dict[str, Any], **metadata: Any) -> None:
        body = {"metadata": {"name": name, "namespace": workspace, **metadata}, "spec": spec}
        answer = self.call("POST", f"{FLEET}{plural}", json=body)
        assert answer.status_code in (201, 409), answer.text

    def cluster(self, name: str, workspace: str = HERE, **labels: str) -> str:
        """A cluster that has been heard of; its id."""
        self.made("clusters", workspace, name, {}, labels=labels, annotations={DIRECTORY: "true"})
        return f"{workspace}/{name}"

    def bundle(self, name: str, workspace: str = HERE, **labels: str) -> str:
        """A Bundle of one ConfigMap for the clusters with these labels."""
        resources = [{"name": f"{name}.yaml", "content": MAP.format(name=name)}]
        targets = [{"name": "wanted", "clusterSelector": {"matchLabels": labels}}]
        self.made("bundles", workspace, name, {"resources": resources, "targets": targets, "defaultNamespace": "default"})
        return f"{workspace}/{name}"

    def file(self, cluster: str, name: str) -> Path:
        """The one file of this name that a cluster has."""
        (found,) = self.folder.joinpath(*cluster.split("/")).rglob(name)
        return found

    def get(self, plural: str, key: str) -> Any:
        """The object, None when it is not there."""
        answer = self.call("GET", f"{FLEET}{plural}/{key}")
        return answer.json() if answer.status_code == 200 else None

    def until(self, plural: str, key: str, check: Callable[[Any], Any]) -> Any:
        """Waits until the object is as `check` wants it, which gets None when there is none."""
        return wait_for(lambda: check(self.get(plural, key)), f"{plural} {key} in {self.name}: {self.get(plural, key)}")

    def deployed(self, cluster: str) -> list[str]:
        """The bundles that are ready on a cluster, as it reported."""
        answer = self.call("GET", f"{FLEET}bundledeployments", params={"cluster": cluster, "limit": 200})
        assert answer.status_code == 200, answer.text
        ready = [one for one in answer.json()["data"] if one["metadata"]["state"]["name"] == "active"]
        return sorted(one["metadata"]["labels"]["fleet.cattle.io/bundle-name"] for one in ready)
