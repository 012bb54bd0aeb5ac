"""RBAC as it is on a Rancher server: what Rancher gives its users, what our chart gives them, and what it gives the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.delivery.client import Client
from extension.rancher.group import APISERVICE, GROUP
from extension.rancher.requestheader import NAMESPACE as SYSTEM
from tests.integration.kube.cluster import SERVICE_USER
from tests.integration.rancher.standin import EVERYBODY, User

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
    "continuous-delivery-api": [rule(GROUP, ("*",))],
    "continuous-delivery-service": [
        rule("authorization.k8s.io", ("subjectaccessreviews",), ("create",)),
        rule("apiregistration.k8s.io", ("apiservices",), ("get", "patch"), (APISERVICE,)),
        rule("", ("users", "groups"), ("impersonate",)),
        rule("authentication.k8s.io", ("*",), ("impersonate",)),
    ],
}  # fmt: skip
BOUND: tuple[tuple[str, str, str], ...] = (
    ("workspace admin", "fleetworkspace-admin", "team-a"),
    ("member", "fleetworkspace-member", "team-a"),
    ("read-only", "fleetworkspace-readonly", "team-a"),
    ("workspace admin", "fleetworkspace-own-team-a", ""),
    ("administrator", "cluster-admin", ""),
)
"""User, ClusterRole and namespace; none is the whole cluster."""


def give(client: Client, namespace: str, users: Mapping[str, User]) -> None:
    for name in (namespace, "team-a", "team-b"):
        client.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for name, rules in ROLES.items():
        client.request("POST", f"{RBAC}/clusterroles", {"metadata": {"name": name}, "rules": rules})
    for user, role, place in BOUND:
        bind(client, role, "User", users[user].name, place)
    bind(client, "continuous-delivery-api", "Group", EVERYBODY[1])
    bind(client, "continuous-delivery-service", "User", SERVICE_USER)
    bind(client, "extension-apiserver-authentication-reader", "User", SERVICE_USER, SYSTEM, kind="Role")
    _role(client, namespace, "serving-cert", [rule("", ("secrets",), ("create", "get", "update"))], "User", SERVICE_USER)


def let_through(client: Client, namespace: str, service: str) -> None:
    """Opens Kubernetes' service proxy to one service, as `http:<name>:<port>`."""
    _role(client, namespace, "proxy", [rule("", ("services/proxy",), names=(service,))], "Group", EVERYBODY[1])


def bind(client: Client, role: str, subject: str, name: str, namespace: str = "", kind: str = "ClusterRole") -> str:
    """Binds a role; the path of the binding, to take it away again."""
    place = f"{RBAC}/namespaces/{namespace}/rolebindings" if namespace else f"{RBAC}/clusterrolebindings"
    body = {
        "metadata": {"generateName": "test-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": subject, "name": name}],
    }
    return f"{place}/{client.request('POST', place, body)['metadata']['name']}"


def _role(client: Client, namespace: str, name: str, rules: list[dict[str, Any]], subject: str, who: str) -> None:
    client.request("POST", f"{RBAC}/namespaces/{namespace}/roles", {"metadata": {"name": name}, "rules": rules})
    bind(client, name, subject, who, namespace, kind="Role")
