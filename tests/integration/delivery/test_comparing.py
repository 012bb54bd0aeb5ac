"""What a bundle says that is not to be compared, or not to count, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.kubernetes import KubernetesDelivery
from extension.objects.options import ComparePatch, CorrectDrift, DiffOptions, IgnoreOptions, Operation
from tests.integration.delivery.conftest import CONFIG_MAPS, Make, message, wait_for
from tests.integration.delivery.test_watching import MERGE, change, changed_by

pytestmark = pytest.mark.xdist_group("kube")

NOTE = "example.org/note"
CONFIG = f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: a, annotations: {{{NOTE}: "y"}}}}
data: {{key: "one", more: "x"}}
"""
FILES = {"a.yaml": CONFIG}


def compared(op: str, path: str, value: str = "", **where: str) -> DiffOptions:
    patch = ComparePatch(operations=(Operation(op, path, value),), **{"kind": "ConfigMap", "api_version": "v1", "name": "a", **where})
    return DiffOptions(compare_patches=(patch,))


Edit = dict[str, Any]
OPERATIONS = [
    ("removed", "remove", "/data/key", "", {"key": "two"}, []),
    ("removed, and gone", "remove", "/data/key", "", {"key": None}, []),
    ("removed, with a slash", "remove", "/metadata/annotations/example.org~1note", "", {}, []),
    ("replaced by text", "replace", "/data/key", "any", {"key": "two"}, []),
    ("replaced with a number that stays", "replace", "/data/key", "7", {"key": "two"}, []),
    ("a whole map", "remove", "/data", "", {"key": "two", "more": None}, []),
    ("another field", "remove", "/data/more", "", {"key": "two"}, ["/data/key"]),
    ("a field beside it", "remove", "/data/key", "", {"key": "two", "more": "y"}, ["/data/more"]),
    ("nothing that is there", "remove", "/data/none", "", {"key": "two"}, ["/data/key"]),
    ("ignore is for missing objects", "ignore", "", "", {"key": "two"}, ["/data/key"]),
]


@pytest.mark.parametrize(("op", "path", "value", "edit", "told"), [row[1:] for row in OPERATIONS], ids=[row[0] for row in OPERATIONS])
def test_operations_take_fields_out_of_the_comparison_and_no_others(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, op: str, path: str, value: str, edit: Edit, told: list[str]
) -> None:
    options = {"files": FILES, "diff": compared(op, path, value, namespace=namespace)}
    status = delivery.deploy(make(**options))
    assert status.non_modified
    change(client, CONFIG_MAPS.path(namespace, "a"), data=edit, metadata={"annotations": {} if edit else {NOTE: "z"}})
    assert [found for found, *_ in changed_by(delivery.observe(make(status=status, **options)))] == told
    assert not delivery.observe(make(status=status, files=FILES)).non_modified


MISSING = [
    ("by name", {"name": "a"}, True),
    ("by pattern", {"name": "^[ab]$"}, True),
    ("every one of the namespace", {"name": ""}, True),
    ("another name", {"name": "b"}, False),
    ("another namespace", {"namespace": "other"}, False),
    ("another kind", {"kind": "Secret"}, False),
]


@pytest.mark.parametrize(("where", "overlooked"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING])
def test_a_missing_object_is_overlooked_and_not_made_again_where_the_operation_ignore_says_so(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, where: dict[str, str], overlooked: bool
) -> None:
    options = {
        "files": FILES,
        "correct_drift": CorrectDrift(enabled=True),
        "diff": compared("ignore", "", **{"namespace": namespace, **where}),
    }
    status = delivery.deploy(make(**options))
    client.delete(CONFIG_MAPS, namespace, "a")
    status = delivery.observe(make(status=status, **options))
    assert status.non_modified
    assert (client.get(CONFIG_MAPS, namespace, "a") is None) is overlooked


THINGS = Kind("example.org/v1", "Thing", "things", True)
CRD = {
    "metadata": {"name": "things.example.org"},
    "spec": {
        "group": "example.org",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THING = {"a.yaml": "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: a}\n"}


@pytest.fixture
def things(delivery: KubernetesDelivery, client: Client) -> None:
    """A kind of custom resources, whose conditions tests set."""
    if client.kind("example.org/v1", "Thing") is None:
        client.request("POST", CRDS, body=CRD)
        wait_for(lambda: client.kind("example.org/v1", "Thing"), "the kind")


CONDITIONS = [
    ("nothing", (), False),
    ("the condition", ({"type": "Ready"},), True),
    ("the condition with its status", ({"type": "Ready", "status": "False"},), True),
    ("another status of it", ({"type": "Ready", "status": "Unknown"},), False),
    ("another condition", ({"type": "Synced"},), False),
    ("one of several", ({"type": "Synced"}, {"type": "Ready", "reason": "Waits"}), True),
]


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(("ignored", "ready"), [row[1:] for row in CONDITIONS], ids=[row[0] for row in CONDITIONS])
def test_a_condition_that_is_ignored_keeps_nothing_from_being_ready(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, ignored: tuple[dict[str, str], ...], ready: bool
) -> None:
    options = {"files": THING, "ignore": IgnoreOptions(conditions=ignored)}
    status = delivery.deploy(make(**options))
    waits = {"type": "Ready", "status": "False", "reason": "Waits", "message": "for the moon"}
    path = f"{THINGS.path(namespace, 'a')}/status"
    client.request("PATCH", path, body={"status": {"conditions": [waits]}}, content_type=MERGE)
    status = delivery.observe(make(status=status, **options))
    assert (status.ready, status.non_modified, "for the moon" in message(status, "Ready")) == (ready, True, not ready)
