"""RBAC as it is on a Rancher server: what Rancher gives its users. What the service and all its callers get is the chart's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.delivery.client import Client
from tests.integration.rancher.standin import User

RBAC = "/apis/rbac.authorization.k8s.io/v1"
FLEET = "fleet.cattle.io"
READ = ("get", "list", "watch")
ALL = ("clusterregistrationtokens", "gitreporestrictions", "clusterregistrations", "clusters", "gitrepos", "bundles", "clustergroups")
"""The kinds that Rancher's roles for workspaces name; helmops, secrets and others they do not (3.6)."""


def rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...] = ("*",), names: tuple[str, ...] = ()) -> dict[str, Any]:
    found = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return found | ({"resourceNames": list(names)} if names else {})


ROLES: Mapping[str, list[dict[str, Any]]] = {
    "fleetworkspace-admin": [rule(FLEET, ALL), rule("rbac.authorization.k8s.io", ("rolebindings",))],
    "fleetworkspace-member": [rule(FLEET, ("gitrepos", "bundles")), rule(FLEET, ALL, READ)],
    "fleetworkspace-readonly": [rule(FLEET, ALL, READ)],
    "fleetworkspace-own-team-a": [rule("management.cattle.io", ("fleetworkspaces",), names=("team-a",))],
}
BOUND: tuple[tuple[str, str, str], ...] = (
    ("workspace admin", "fleetworkspace-admin", "team-a"),
    ("member", "fleetworkspace-member", "team-a"),
    ("read-only", "fleetworkspace-readonly", "team-a"),
    ("full admin", "continuous-delivery-workspace-admin", "team-a"),
    ("full member", "continuous-delivery-workspace-member", "team-a"),
    ("full read-only", "continuous-delivery-workspace-readonly", "team-a"),
    ("workspace admin", "fleetworkspace-own-team-a", ""),
    ("administrator", "cluster-admin", ""),
)
"""User, ClusterRole and namespace; none is the whole cluster."""


def give(client: Client, users: Mapping[str, User]) -> None:
    for name in ("team-a", "team-b"):
        client.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for name, rules in ROLES.items():
        client.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    for user, role, place in BOUND:
        bind(client, role, "User", users[user].name, place)


def bind(client: Client, role: str, subject: str, name: str, namespace: str = "", kind: str = "ClusterRole") -> str:
    """Binds a role; the path of the binding, to take it away again."""
    place = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    body = {
        "metadata": {"generateName": "test-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": subject, "name": name}],
    }
    return f"{place}/{client.request('POST', place, body)['metadata']['name']}"
