"""Objects of Fleet's as its controllers leave them on an API server."""

from __future__ import annotations

from typing import Any

FLEET = "fleet.cattle.io/v1alpha1"
GROUP = f"/apis/{FLEET}"
WORKSPACES = "/apis/management.cattle.io/v3/fleetworkspaces"


def meta(name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, **({"namespace": namespace} if namespace else {}), **more}


def place(plural: str, namespace: str, name: str = "") -> str:
    return f"{GROUP}/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def gitrepo(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    found = {"repo": "https://git.example.com/web.git", "branch": "main", "targets": [{"clusterSelector": {}}], **spec}
    return {"apiVersion": FLEET, "kind": "GitRepo", "metadata": meta(name, namespace), "spec": found}


def cluster(namespace: str, name: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": FLEET,
        "kind": "Cluster",
        "metadata": meta(name, namespace, labels=labels or {}),
        "spec": {"clientID": f"client-{name}"},
        "status": {
            "namespace": place_of(namespace, name),
            "agent": {"lastSeen": "2026-01-02T03:04:05Z", "namespace": "cattle-fleet-system"},
            "summary": {"ready": 1, "desiredReady": 1},
            "display": {"readyBundles": "1/1"},
        },
    }


def place_of(namespace: str, name: str) -> str:
    return f"cluster-{namespace}-{name}"


def bundle(namespace: str, name: str, repo: str, files: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": FLEET,
        "kind": "Bundle",
        "metadata": meta(name, namespace, labels={"fleet.cattle.io/repo-name": repo}),
        "spec": {
            "resources": [{"name": path, "content": text} for path, text in (files or {}).items()],
            "targets": [{"clusterSelector": {}}],
        },
        "status": {"summary": {"ready": 7, "desiredReady": 7}, "display": {"readyClusters": "7/7"}},
    }


def deployment(namespace: str, name: str, on: str, *, deployed: str = "s-1:a", applied: str = "", ready: bool = True) -> dict[str, Any]:
    """Of a bundle on a cluster of the same workspace."""
    labels = {"bundle-name": name, "bundle-namespace": namespace, "cluster": on, "cluster-namespace": namespace}
    options = {"defaultNamespace": "web", "helm": {"values": {"replicas": 2}}}
    return {
        "apiVersion": FLEET,
        "kind": "BundleDeployment",
        "metadata": meta(name, place_of(namespace, on), labels={f"fleet.cattle.io/{key}": value for key, value in labels.items()}),
        "spec": {"deploymentID": deployed, "stagedDeploymentID": deployed, "options": options, "stagedOptions": options},
        "status": {
            "appliedDeploymentID": applied or deployed,
            "ready": ready,
            "nonModified": True,
            "resourceCounts": {"ready": 3 if ready else 2, "desiredReady": 3, "notReady": 0 if ready else 1},
            "conditions": [{"type": "Deployed", "status": "True"}],
        },
    }


def workspace(name: str) -> dict[str, Any]:
    return {"apiVersion": "management.cattle.io/v3", "kind": "FleetWorkspace", "metadata": meta(name)}
