"""The chart's objects on a real API server: all are taken as they are, and what must outlive a release does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from extension.delivery.client import ApiError, Client, Kind, Unreachable
from extension.rendering import documents
from extension.rendering.helm import sdk
from tests.integration.chart.conftest import DEPLOYMENTS, Release, definition
from tests.integration.chart.pod import CONFIG_MAPS, SECRETS
from tests.unit.chart.chart import RELEASE

pytestmark = pytest.mark.xdist_group("kube")

CLAIMS = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True)
BINDINGS = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False)
SETS = Kind("resources.cattle.io/v1", "ResourceSet", "resourcesets", False)
MONITORS = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", True)
KEY = f"{RELEASE}-key"

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}


def record(required: tuple[str, ...] = (), **fields: Any) -> Any:
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def rows(of: Any) -> Any:
    return {"type": "array", "items": of}


CONTROLLER = record(
    ("apiVersion", "name", "namespace", "replicas", "resource"),
    apiVersion=TEXT, name=TEXT, namespace=TEXT, replicas={"type": "integer", "format": "int32"}, resource=TEXT,
)  # fmt: skip
SELECTOR = record(
    ("apiVersion",),
    apiVersion=TEXT, kindsRegexp=TEXT, resourceNames=TEXTS, namespaces=TEXTS, excludeResourceNameRegexp=TEXT,
    labelSelectors=record(matchExpressions=rows(record(("key", "operator"), key=TEXT, operator=TEXT, values=TEXTS))),
)  # fmt: skip
RESOURCE_SET = definition(
    SETS.api_version, SETS.kind, SETS.plural, "Cluster", {"controllerReferences": rows(CONTROLLER), "resourceSelectors": rows(SELECTOR)}
)
"""The fields and demands of rancher-backup's own definition, as far as the chart uses them; an unknown field is refused."""

ENDPOINT = record(
    port=TEXT, path=TEXT, interval=TEXT, honorLabels={"type": "boolean"},
    authorization=record(type=TEXT, credentials=record(("key",), name=TEXT, key=TEXT)),
)  # fmt: skip
LABELS = {"type": "object", "additionalProperties": TEXT}
SERVICE_MONITOR = definition(
    MONITORS.api_version,
    MONITORS.kind,
    MONITORS.plural,
    "Namespaced",
    {"spec": record(("endpoints", "selector"), endpoints=rows(ENDPOINT), selector=record(matchLabels=LABELS))},
)
"""The same of Prometheus Operator's."""

EVERYTHING = {
    "database": {"secret": "db"},
    "replicas": 3,
    "proxy": "http://proxy.example.org:3128",
    "additionalCASecret": "more",
    "serverCASecret": "own",
    "ingress": {"enabled": True, "host": "cd.example.org", "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
    "networkPolicy": {"enabled": True, "from": [{"namespaceSelector": {}}], "egress": [{"ports": [{"port": 443}]}]},
    "service": {"type": "NodePort", "annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"a": "b"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"a": "b"},
    "extraEnv": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "global": {"imagePullSecrets": ["a"], "cattle": {"systemDefaultRegistry": "registry.example.org"}},
    "metrics": {"serviceMonitor": {"enabled": True, "tokenSecret": "token", "labels": {"a": "b"}}, "dashboard": {"enabled": True}},
    "backup": {"resourceSet": True},
}
VALUES = {
    "volume": {},
    "PostgreSQL": {"database": {"secret": "db"}},
    "volume with all annotations": {"persistence": {"annotations": {"a": "b"}, "storageClass": "fast"}},
    "everything": EVERYTHING,
}


@pytest.fixture
def kinds(client: Client, define: Callable[[Any], None]) -> None:
    """The kinds of rancher-backup and of the Prometheus Operator."""
    for wanted, kind in ((RESOURCE_SET, SETS), (SERVICE_MONITOR, MONITORS)):
        define(wanted)
        deadline = time.monotonic() + 30
        while client.kind(kind.api_version, kind.kind) is None:
            assert time.monotonic() < deadline, f"{kind.kind} is not served"
            time.sleep(0.2)


def strictly(client: Client, namespace: str, one: Any) -> None:
    """Has the server look at an object, with fields that it does not know refused; nothing is written."""
    kind = client.kind(one["apiVersion"], one["kind"])
    assert kind is not None, one["kind"]
    path = kind.path(namespace, one["metadata"]["name"])
    query = {"fieldManager": "test", "force": "true", "dryRun": "All", "fieldValidation": "Strict"}
    client.request("PATCH", path, body=one, query=query, content_type="application/apply-patch+yaml")


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_the_api_server_takes_every_object_and_knows_every_field(release: Release, client: Client, values: Any) -> None:
    manifest = release.install(values)
    objects = list(documents.objects(manifest, "manifest"))
    assert len(objects) >= 6
    for one in objects:
        strictly(client, release.namespace, one)
        if one["kind"] == "Deployment":
            one["spec"]["template"]["spec"]["noSuchField"] = 1
            with pytest.raises((ApiError, Unreachable), match="noSuchField"):
                strictly(client, release.namespace, one)


def test_the_key_and_the_volume_outlive_changes_and_the_release_and_are_found_again(release: Release) -> None:
    release.install({})
    key = release.get(SECRETS, KEY)["data"]
    release.upgrade({"settings": {"logLevel": "debug"}})
    assert release.get(SECRETS, KEY)["data"] == key
    assert "logLevel: debug" in release.get(CONFIG_MAPS)["data"]["settings.yaml"]
    claim = release.get(CLAIMS)["metadata"]["uid"]
    release.uninstall()
    assert release.client.get(DEPLOYMENTS, release.namespace, RELEASE) is None
    assert release.client.get(BINDINGS, "", f"{release.namespace}-{RELEASE}") is None
    release.install({})
    assert release.get(SECRETS, KEY)["data"] == key and release.get(CLAIMS)["metadata"]["uid"] == claim


def test_another_key_is_refused_by_the_api_server_whoever_writes_it(release: Release) -> None:
    release.install({})
    other = {**release.get(SECRETS, KEY), "data": {"store.db.key": "AA=="}}
    with pytest.raises(ApiError, match="immutable"):
        release.client.request("PUT", SECRETS.path(release.namespace, KEY), body=other)


def test_a_second_pod_for_a_volume_is_refused_and_changes_nothing(release: Release) -> None:
    release.install({})
    with pytest.raises(sdk().HelmError, match="replicas: 2 pods can't share a store on a volume"):
        release.upgrade({"replicas": 2})
    assert release.get(DEPLOYMENTS)["spec"]["replicas"] == 1
