"""The chart on a real Kubernetes API server, by the Helm that the service has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import ApiError, Client, Kind
from extension.delivery.kubeconfig import inlined, read
from extension.rendering.helm import sdk
from tests.integration.chart.pod import CA
from tests.unit.chart.chart import CHART, RELEASE

NAMESPACES = Kind("v1", "Namespace", "namespaces", False)
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", True)
_NUMBERS = itertools.count(1)

Object = dict[str, Any]


@pytest.fixture(scope="session")
def access(kubeconfig: Path) -> str:
    return inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)


@pytest.fixture
def client(access: str) -> Iterator[Client]:
    client = Client(read(access))
    yield client
    client.close()


class Release:
    """A release of the chart in a namespace of its own."""

    def __init__(self, client: Client, access: str, ca: str, namespace: str = "") -> None:
        self.client, self.namespace = client, namespace or f"chart-{next(_NUMBERS)}"
        self._config = sdk().Config(kubeconfig_content=access, namespace=self.namespace)
        client.request("POST", NAMESPACES.path(), body={"metadata": {"name": self.namespace}})
        # Of the controllers that every cluster has this one is not among those that run here.
        self.create("ConfigMap", CA, {"ca.crt": ca})

    def create(self, kind: str, name: str, data: dict[str, str]) -> None:
        field, plural = ("stringData", "secrets") if kind == "Secret" else ("data", "configmaps")
        path = f"/api/v1/namespaces/{self.namespace}/{plural}"
        self.client.request("POST", path, body={"metadata": {"name": name}, field: data})

    def install(self, values: Object) -> str:
        """The manifest."""
        return str(self._config.install(str(CHART), RELEASE, values, namespace=self.namespace)["manifest"])

    def upgrade(self, values: Object) -> None:
        self._config.upgrade(str(CHART), RELEASE, values, namespace=self.namespace)

    def uninstall(self) -> None:
        self._config.uninstall(RELEASE)

    def get(self, kind: Kind, name: str = RELEASE) -> Object:
        found = self.client.get(kind, self.namespace, name)
        assert found is not None, f"{kind.kind} {name} is not there"
        return found

    def close(self) -> None:
        if self.client.get(DEPLOYMENTS, self.namespace, RELEASE):
            self.uninstall()
        self._config.close()


def ca_of(access: str, folder: Path) -> str:
    """The CA of an API server; one that runs for tests has a certificate that it made itself, in its folder."""
    return read(access).ca or (folder / "certificates" / "apiserver.crt").read_text()


@pytest.fixture
def release(client: Client, access: str, kubeconfig: Path) -> Iterator[Release]:
    made = Release(client, access, ca_of(access, kubeconfig.parent))
    yield made
    made.close()


def definition(api_version: str, kind: str, plural: str, scope: str, schema: Object) -> Object:
    """A CustomResourceDefinition; `schema` are its fields."""
    group, version = api_version.split("/")
    names = {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object", "properties": schema}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": names, "versions": [served]},
    }


@pytest.fixture
def define(client: Client) -> Callable[[Object], None]:
    """Makes a kind known to the cluster, unless it is."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    def known(wanted: Object) -> None:
        try:
            client.request("POST", path, body=wanted)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    return known
