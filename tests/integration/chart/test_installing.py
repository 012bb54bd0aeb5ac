"""The chart's objects on a real API server: all are taken as they are, and what must outlive a release does."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import trustme

from extension.delivery.client import ApiError, Client, Kind, Unreachable
from extension.delivery.kubeconfig import read
from extension.rancher.group import APISERVICE
from extension.rancher.identity import Identity
from extension.rancher.impersonating import headers
from extension.rancher.reviewing import PATH, Attributes, review
from extension.rendering import documents
from extension.rendering.helm import sdk
from tests.integration.chart.conftest import DEPLOYMENTS, NAMESPACES, Release, definition
from tests.integration.chart.pod import CONFIG_MAPS, SECRETS
from tests.unit.chart.chart import RANCHER, RELEASE

pytestmark = pytest.mark.xdist_group("kube")

SERVICES = Kind("v1", "Service", "services", True)
CLAIMS = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims", True)
BINDINGS = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False)
SETS = Kind("resources.cattle.io/v1", "ResourceSet", "resourcesets", False)
MONITORS = Kind("monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", True)
PLUGINS = Kind("catalog.cattle.io/v1", "UIPlugin", "uiplugins", True)
PLACE = "cattle-ui-plugin-system"
API_SERVICES = Kind("apiregistration.k8s.io/v1", "APIService", "apiservices", False)
KEY = f"{RELEASE}-key"

TEXT, TEXTS = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
LABELS = {"type": "object", "additionalProperties": TEXT}


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
    apiVersion=TEXT, kindsRegexp=TEXT, excludeKinds=TEXTS, resourceNames=TEXTS, resourceNameRegexp=TEXT, namespaces=TEXTS,
    excludeResourceNameRegexp=TEXT,
    labelSelectors=record(matchLabels=LABELS, matchExpressions=rows(record(("key", "operator"), key=TEXT, operator=TEXT, values=TEXTS))),
)  # fmt: skip
RESOURCE_SET = definition(
    SETS.api_version, SETS.kind, SETS.plural, "Cluster", {"controllerReferences": rows(CONTROLLER), "resourceSelectors": rows(SELECTOR)}
)
"""The fields and demands of rancher-backup's own definition, as far as the chart uses them; an unknown field is refused."""

ENDPOINT = record(
    port=TEXT, path=TEXT, interval=TEXT, honorLabels={"type": "boolean"},
    authorization=record(type=TEXT, credentials=record(("key",), name=TEXT, key=TEXT)),
)  # fmt: skip
SERVICE_MONITOR = definition(
    MONITORS.api_version,
    MONITORS.kind,
    MONITORS.plural,
    "Namespaced",
    {"spec": record(("endpoints", "selector"), endpoints=rows(ENDPOINT), selector=record(matchLabels=LABELS))},
)
"""The same of Prometheus Operator's."""

PLUGIN = record(
    ("name", "version", "endpoint"),
    name=TEXT, version=TEXT, endpoint=TEXT, noCache={"type": "boolean"}, noAuth={"type": "boolean"}, metadata=LABELS,
)  # fmt: skip
UI_PLUGIN = definition(PLUGINS.api_version, PLUGINS.kind, PLUGINS.plural, "Namespaced", {"spec": record(plugin=PLUGIN)})
"""The same of Rancher's."""

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
SERVED = {"apiService": {"enabled": True}}
FLEET = {"engine": "fleet", "rancher": RANCHER, **SERVED}
VALUES = {
    "volume": {},
    "PostgreSQL": {"database": {"secret": "db"}},
    "volume with all annotations": {"persistence": {"annotations": {"a": "b"}, "storageClass": "fast"}},
    "everything": EVERYTHING,
    "everything inside Rancher": {**EVERYTHING, "rancher": {**RANCHER, "caSecret": "own"}, **SERVED},
    "fleet": {**FLEET, "backup": {"resourceSet": True, "workspaces": ["team-a"]}, "uiPlugin": {"enabled": True}},
}


@pytest.fixture
def kinds(client: Client, define: Callable[[Any], None]) -> None:
    """The kinds of rancher-backup, of the Prometheus Operator and of Rancher, and the namespace of its plugins."""
    for wanted, kind in ((RESOURCE_SET, SETS), (SERVICE_MONITOR, MONITORS), (UI_PLUGIN, PLUGINS)):
        define(wanted)
        deadline = time.monotonic() + 30
        while client.kind(kind.api_version, kind.kind) is None:
            assert time.monotonic() < deadline, f"{kind.kind} is not served"
            time.sleep(0.2)
    if client.get(NAMESPACES, "", PLACE) is None:
        client.request("POST", NAMESPACES.path(), {"metadata": {"name": PLACE}})


def strictly(client: Client, namespace: str, one: Any) -> None:
    """Has the server look at an object, with fields that it does not know refused; nothing is written."""
    kind = client.kind(one["apiVersion"], one["kind"])
    assert kind is not None, one["kind"]
    path = kind.path(one["metadata"].get("namespace", namespace), one["metadata"]["name"])
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


def test_a_change_of_the_release_leaves_the_ca_that_the_service_put_into_its_api_service(release: Release) -> None:
    release.install(SERVED)
    path, bundle = API_SERVICES.path("", APISERVICE), base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    release.client.request("PATCH", path, {"spec": {"caBundle": bundle}}, content_type="application/merge-patch+json")
    release.upgrade({**SERVED, "settings": {"logLevel": "debug"}})
    assert release.get(API_SERVICES, APISERVICE)["spec"]["caBundle"] == bundle


def test_a_release_may_take_another_engine_and_doors_and_go_back(release: Release) -> None:
    """No field is in the way that can't be changed; the key and the volume wait for the engine that has them."""
    release.install({})
    key = release.get(SECRETS, KEY)["data"]
    for values, strategy, served in (
        ({"rancher": RANCHER, **SERVED}, "Recreate", True),
        ({"database": {"secret": "db"}}, "RollingUpdate", False),
        ({"engine": "embedded"}, "Recreate", False),
        (FLEET, "RollingUpdate", True),
        ({"engine": "embedded"}, "Recreate", False),
    ):
        release.upgrade(values)
        assert release.get(DEPLOYMENTS)["spec"]["strategy"]["type"] == strategy
        assert (release.client.get(API_SERVICES, "", APISERVICE) is not None) == served
        assert release.get(CLAIMS) and release.get(SECRETS, KEY)["data"] == key


def test_the_api_service_goes_before_the_service_that_answers_for_it(release: Release) -> None:
    """One that nobody answers for holds up the deletion of every namespace."""
    release.install(SERVED)
    kinds = {API_SERVICES: APISERVICE, SERVICES: RELEASE, DEPLOYMENTS: RELEASE}
    since = {kind: release.get(kind, name)["metadata"]["resourceVersion"] for kind, name in kinds.items()}
    release.uninstall()
    gone = [int(went(release, kind, name, since[kind])) for kind, name in kinds.items()]
    assert gone == sorted(gone) and len(set(gone)) == 3


def went(release: Release, kind: Kind, name: str, since: str) -> str:
    """The version of the whole cluster in which an object went."""
    query = {"resourceVersion": since, "fieldSelector": f"metadata.name={name}"}
    namespace = release.namespace if kind.namespaced else ""
    events = release.client.watch(kind.path(namespace), query, 20)
    return str(next(one["object"]["metadata"]["resourceVersion"] for one in events if one["type"] == "DELETED"))


MAY = {
    ("list", "fleet.cattle.io", "gitrepos"): True,
    ("watch", "fleet.cattle.io", "bundledeployments"): True,
    ("list", "management.cattle.io", "settings"): True,
    ("get", "provisioning.cattle.io", "clusters"): True,
    ("impersonate", "", "users"): True,
    ("impersonate", "", "groups"): True,
    ("create", "authorization.k8s.io", "subjectaccessreviews"): True,
    ("update", "fleet.cattle.io", "gitrepos"): False,
    ("update", "management.cattle.io", "clusters"): False,
    ("list", "", "secrets"): False,
    ("create", "", "secrets"): False,
    ("impersonate", "", "serviceaccounts"): False,
    ("patch", "apiregistration.k8s.io", "apiservices"): False,
    ("*", "*", "*"): False,
}
"""What the service account may do everywhere, with the engine fleet."""


def test_with_fleet_the_service_account_is_no_administrator(release: Release) -> None:
    release.install(FLEET)
    user = f"system:serviceaccount:{release.namespace}:{RELEASE}"
    identity = Identity(user, groups=("system:serviceaccounts", "system:authenticated"))

    def may(verb: str, group: str, resource: str) -> bool:
        answer = release.client.request("POST", PATH, review(identity, Attributes(verb, group, resource)))
        return bool(answer["status"]["allowed"])

    assert {what: may(*what) for what in MAY} == MAY


def test_with_fleet_the_service_account_writes_as_a_user_with_all_that_rancher_says_of_them(release: Release, access: str) -> None:
    """And the API server judges that user, and not the account."""
    release.install(FLEET)
    account = f"/api/v1/namespaces/{release.namespace}/serviceaccounts/{RELEASE}/token"
    token = release.client.request("POST", account, {"spec": {"expirationSeconds": 600}})["status"]["token"]
    endpoint = msgspec.structs.replace(read(access), token=token, certificate="", key="")
    binding = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{release.namespace}/rolebindings"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "u-editor"}
    release.client.request("POST", binding, {"metadata": {"name": "editor"}, "roleRef": role, "subjects": [subject]})
    keys = ("principalid", "username", "requesttokenid", "requesthost", "authentication.kubernetes.io/credential-id")
    told = tuple((key, ("x",)) for key in keys)
    path, body = CONFIG_MAPS.path(release.namespace), {"metadata": {"name": "written"}}

    def write(user: str) -> None:
        who = Identity(user, uid=user, groups=("system:cattle:authenticated", "cn=a,ou=b"), extra=told)
        own.sending(headers(who)).request("POST", path, body, query={"dryRun": "All"})

    own = Client(endpoint)
    try:
        write("u-editor")
        with pytest.raises(ApiError, match='User "u-nobody" cannot create resource "configmaps"'):
            write("u-nobody")
    finally:
        own.close()
