"""What of Kubernetes and Fleet a repair waits for, and no more: pods get ready, agents are installed and come back, Bundles are deployed.

Fleet's kinds are looked at again and again, as there are few; what was asked for is done once, and told as Fleet tells it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from extension.delivery.client import Client, Kind
from extension.objects.errors import UserError

FLEET = "fleet.cattle.io/v1alpha1"
CLUSTERS = Kind(FLEET, "Cluster", "clusters", True)
BUNDLES = Kind(FLEET, "Bundle", "bundles", True)
PODS = Kind("v1", "Pod", "pods", True)
MERGE_PATCH = "application/merge-patch+json"
PAUSE = 0.1


@contextmanager
def running(client: Client, namespace: str) -> Iterator[None]:
    """While the context runs; pods of `namespace` get ready."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(PAUSE):
            try:
                _look(client, namespace)
            except UserError:  # an object that went away meanwhile
                continue

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _look(client: Client, namespace: str) -> None:
    for pod in client.list(PODS, namespace):
        if not (pod.get("status") or {}).get("conditions"):
            ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
            status(client, PODS, pod, ready)
    for cluster in client.list(CLUSTERS):
        wanted = cluster["spec"].get("redeployAgentGeneration", 0)
        if cluster.get("status", {}).get("agentDeployedGeneration") != wanted:
            status(client, CLUSTERS, cluster, {"agentDeployedGeneration": wanted, "agent": {"lastSeen": now()}})
    for bundle in client.list(BUNDLES):
        generation = bundle["metadata"]["generation"]
        if bundle.get("status", {}).get("observedGeneration") != generation:
            status(client, BUNDLES, bundle, {"observedGeneration": generation, "summary": {"modified": 0, "ready": 1}, "display": None})


def status(client: Client, kind: Kind, obj: dict[str, Any], body: dict[str, Any]) -> None:
    path = kind.path(obj["metadata"]["namespace"], obj["metadata"]["name"])
    client.request("PATCH", f"{path}/status", {"status": body}, content_type=MERGE_PATCH)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
