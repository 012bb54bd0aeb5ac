"""What Rancher's controllers do to the Fleet Cluster of a management cluster, and nothing else (`rancher-integration.md` 4.2)."""

from __future__ import annotations

from typing import Any

from extension.delivery.client import Client, Kind

MANAGEMENT = Kind("management.cattle.io/v3", "Cluster", "clusters", namespaced=False)
FLEET = Kind("fleet.cattle.io/v1alpha1", "Cluster", "clusters", namespaced=True)
NAME = "management.cattle.io/cluster-name"


def create(client: Client, kind: Kind, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
    return client.request("POST", kind.path(namespace), {"apiVersion": kind.api_version, "kind": kind.kind, **body})


def generate(client: Client) -> None:
    """A Fleet Cluster where each management cluster's workspace is, those that were made before are deleted; named as the provisioning
    cluster, which is in the annotation `name` here."""
    wanted = {_place(found): found for found in client.list(MANAGEMENT)}
    there = {(found["metadata"]["namespace"], found["metadata"]["name"]): found for found in client.list(FLEET, selector=NAME)}
    for (namespace, name), management in wanted.items():
        if (namespace, name) not in there:
            made = create(client, FLEET, namespace, _fleet(namespace, name, management))
            made["status"] = {"namespace": f"cluster-{namespace}-{name}"}
            client.request("PUT", f"{FLEET.path(namespace, name)}/status", made)
    for namespace, name in there.keys() - wanted.keys():
        client.delete(FLEET, namespace, name)


def _place(management: dict[str, Any]) -> tuple[str, str]:
    return management["spec"]["fleetWorkspaceName"], management["metadata"]["annotations"]["name"]


def _fleet(namespace: str, name: str, management: dict[str, Any]) -> dict[str, Any]:
    labels = {**management["metadata"].get("labels", {}), NAME: management["metadata"]["name"]}
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"metadata": meta, "spec": {"kubeConfigSecretNamespace": "fleet-default"}}
