"""What the chart makes inside Rancher: the doors, by value, each with the rights that it needs and no others."""

from __future__ import annotations

from typing import Any

import pytest

from extension.rancher.group import APISERVICE, GROUP, MOUNT, VERSION
from tests.unit.chart.chart import NAMESPACE, RANCHER, RELEASE, Object, container, environment, loaded, only, pod, rendered, rules, texts

CLUSTER = f"{NAMESPACE}-{RELEASE}"
INSIDE, API = f"{CLUSTER}-inside", f"{CLUSTER}-api"
EVERYBODY = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:cattle:authenticated"}]
SERVICE = [{"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}]
SERVED = {"enabled": True}
FLEET: dict[str, Any] = {"engine": "fleet", "rancher": RANCHER, "apiService": SERVED}


def named(values: dict[str, Any], *kinds: str) -> set[tuple[str, str]]:
    """The objects of these kinds, by kind and name without what all names begin with."""
    return {(kind, name.removeprefix(CLUSTER).removeprefix(RELEASE)) for kind, name in rendered(values) if kind in kinds}


RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
ROLES = {("ClusterRole", f"-workspace-{role}") for role in ("admin", "member", "readonly")}
OWN = {("ClusterRole", "-inside"), ("ClusterRoleBinding", "-inside")}
ADMIN = {("ClusterRoleBinding", "")}
PROXY = {("Role", "-proxy"), ("RoleBinding", "-proxy")}
OPERATIONS = {("Role", "-operations"), ("RoleBinding", "-operations")}
AGGREGATED = {
    *(("ClusterRole", "-api"), ("ClusterRoleBinding", "-api")),
    *(("Role", "-serving-cert"), ("RoleBinding", "-serving-cert"), ("RoleBinding", "-inside")),
}
CASES: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "none": ({}, ADMIN),
    "Rancher": ({"rancher": RANCHER}, ADMIN | OWN | ROLES | PROXY),
    "aggregated": ({"apiService": SERVED}, ADMIN | OWN | ROLES | AGGREGATED),
    "both": ({"rancher": RANCHER, "apiService": SERVED}, ADMIN | OWN | ROLES | PROXY | AGGREGATED),
    "no proxy": ({"rancher": {**RANCHER, "serviceProxy": False}}, ADMIN | OWN | ROLES),
    "no roles": ({"rancher": {**RANCHER, "roles": False}}, ADMIN | OWN | PROXY),
    "no administrator": ({"rancher": RANCHER, "rbac": {"clusterAdmin": False}}, OWN | ROLES | PROXY),
    "fleet": (FLEET, OWN | ROLES | PROXY | AGGREGATED | OPERATIONS),
    "no RBAC": ({**FLEET, "rbac": {"create": False}}, set()),
}


@pytest.mark.parametrize(("values", "wanted"), CASES.values(), ids=CASES)
def test_each_door_has_its_own_rights_and_none_has_any_that_was_not_asked_for(values: dict[str, Any], wanted: set[tuple[str, str]]) -> None:
    assert named(values, *RBAC) == wanted


def test_without_doors_the_service_knows_nothing_of_rancher() -> None:
    variables = environment({"global": {"cattle": {"url": "https://rancher.example.org"}}})
    assert not [name for name in variables if "RANCHER_CD_RANCHER" in name or name in ("RANCHER_CD_API_SERVICE", "RANCHER_CD_TLS_PORT")]
    assert "APIService" not in {kind for kind, _ in rendered()}
    assert [port["name"] for port in only(rendered(), "Service")["spec"]["ports"]] == ["http"]


@pytest.mark.parametrize(
    ("rancher", "given", "url"),
    [
        ({"url": "https://a.example.org"}, "", "https://a.example.org"),
        ({}, "https://b.example.org", "https://b.example.org"),
        ({"url": "https://a.example.org"}, "https://b.example.org", "https://a.example.org"),
    ],
    ids=["named", "Rancher's installation page", "both"],
)
def test_rancher_is_where_it_was_named_or_says_itself(rancher: Any, given: str, url: str) -> None:
    values = {"rancher": {"enabled": True, **rancher}, "global": {"cattle": {"url": given}}}
    assert environment(values)["RANCHER_CD_RANCHER_URL"] == url


def test_a_ca_of_rancher_is_a_file_of_the_secret_that_was_named() -> None:
    values = {"rancher": {**RANCHER, "caSecret": "rancher-ca"}}
    assert environment(values)["RANCHER_CD_RANCHER_CA"] == "/etc/rancher-cd/rancher-ca/ca.crt"
    assert {"name": "rancher-ca", "secret": {"secretName": "rancher-ca", "defaultMode": 0o440}} in pod(values)["volumes"]
    mount = next(mount for mount in container(values)["volumeMounts"] if mount["name"] == "rancher-ca")
    assert mount == {"name": "rancher-ca", "mountPath": "/etc/rancher-cd/rancher-ca", "readOnly": True}
    assert "rancher-ca" not in {volume["name"] for volume in pod({"rancher": {"caSecret": "rancher-ca"}})["volumes"]}


def test_the_api_service_leads_to_the_tls_port_and_trusts_nobody_before_the_service_says_whom() -> None:
    values = {"apiService": {"enabled": True, "port": 10250}}
    objects = rendered(values)
    spec = only(objects, "APIService")["spec"]
    assert ("APIService", APISERVICE) in objects
    assert (spec["group"], spec["version"]) == (GROUP, VERSION) and not {"caBundle", "insecureSkipTLSVerify"} & spec.keys()
    assert spec["service"] == {"namespace": NAMESPACE, "name": RELEASE, "port": 10250}
    assert {"name": "https", "port": 10250, "targetPort": "https"} in only(objects, "Service")["spec"]["ports"]
    assert {"name": "https", "containerPort": 10250} in container(values)["ports"]
    variables = environment(values)
    assert (variables["RANCHER_CD_API_SERVICE"], variables["RANCHER_CD_TLS_PORT"]) == (f"{NAMESPACE}/{RELEASE}", "10250")


def test_everybody_of_rancher_comes_as_far_as_this_service_and_no_further() -> None:
    objects = rendered({"rancher": RANCHER, "apiService": SERVED, "service": {"port": 8081}})
    assert rules(objects, "ClusterRole", API) == [{"apiGroups": [GROUP], "resources": ["*"], "verbs": ["*"]}]
    assert objects["ClusterRoleBinding", API]["subjects"] == EVERYBODY
    proxy = {"apiGroups": [""], "resources": ["services/proxy"], "resourceNames": [f"http:{RELEASE}:8081"], "verbs": ["*"]}
    assert rules(objects, "Role", f"{RELEASE}-proxy") == [proxy]
    assert objects["RoleBinding", f"{RELEASE}-proxy"]["subjects"] == EVERYBODY
    others = [one for (kind, name), one in objects.items() if "Binding" in kind and name not in (API, f"{RELEASE}-proxy")]
    assert all(one["subjects"] == SERVICE for one in others) and len(others) == 4


def test_with_fleet_the_service_reads_and_writes_nothing_but_its_certificate_as_itself() -> None:
    objects = rendered(FLEET)
    own = rules(objects, "ClusterRole", INSIDE)
    verbs = {(group, resource): set(rule["verbs"]) for rule in own for group in rule["apiGroups"] for resource in rule["resources"]}
    written = {what: done for what, done in verbs.items() if done - {"get", "list", "watch", "impersonate"}}
    assert written == {
        ("authorization.k8s.io", "subjectaccessreviews"): {"create"},
        ("apiregistration.k8s.io", "apiservices"): {"get", "patch"},
    }
    read = {"get", "list", "watch"}
    assert (
        verbs["fleet.cattle.io", "*"]
        == verbs["management.cattle.io", "fleetworkspaces"]
        == verbs["provisioning.cattle.io", "clusters"]
        == read
    )
    assert ("", "secrets") not in verbs and not [rule for rule in own if "*" in rule["verbs"]]


@pytest.mark.parametrize("values", [FLEET, {"rancher": RANCHER}, {"apiService": SERVED}], ids=["fleet", "Rancher", "aggregated"])
def test_the_service_may_act_as_its_users_and_as_no_service_account(values: dict[str, Any]) -> None:
    own = rules(rendered(values), "ClusterRole", INSIDE)
    given = {(group, what) for rule in own if rule["verbs"] == ["impersonate"] for group in rule["apiGroups"] for what in rule["resources"]}
    assert given == {("", "users"), ("", "groups"), ("authentication.k8s.io", "*")}


def test_nobody_but_a_workspace_s_admin_reads_its_secrets() -> None:
    objects = rendered({"rancher": RANCHER})

    def given(role: str, resource: str) -> set[str]:
        found = rules(objects, "ClusterRole", f"{RELEASE}-workspace-{role}")
        return {verb for rule in found if resource in rule["resources"] for verb in rule["verbs"]}

    assert (given("admin", "secrets"), given("member", "secrets"), given("readonly", "secrets")) == ({"*"}, {"create"}, set())
    assert given("member", "helmops") >= {"*"} and given("member", "policies") == given("readonly", "helmops") == {"get", "list", "watch"}
    assert "*" not in {verb for rule in rules(objects, "ClusterRole", f"{RELEASE}-workspace-readonly") for verb in rule["verbs"]}
    assert given("admin", "events") == given("member", "events") == given("readonly", "events") == {"get", "list", "watch"}


def test_the_plugin_is_where_rancher_looks_for_it_and_off_unless_asked_for() -> None:
    assert loaded("values.yaml")["uiPlugin"]["enabled"] is False and "UIPlugin" not in {kind for kind, _ in rendered(FLEET)}
    plugin = only(rendered({"uiPlugin": {"enabled": True}, "rancher": RANCHER, "service": {"port": 8081}}, release="cd"), "UIPlugin")
    version = loaded("Chart.yaml")["version"]
    assert plugin["metadata"]["namespace"] == "cattle-ui-plugin-system"
    told = plugin["spec"]["plugin"]
    assert plugin["metadata"]["name"] == told["name"] == loaded("Chart.yaml")["name"] and told["version"] == version
    assert told["endpoint"] == f"http://cd-{RELEASE}.{NAMESPACE}.svc:8081/ui-assets/{version}" and told["noCache"] is False


@pytest.mark.parametrize(
    ("doors", "path"),
    [
        ({"rancher": RANCHER, "apiService": SERVED}, MOUNT),
        ({"apiService": SERVED}, MOUNT),
        ({"rancher": RANCHER}, f"/api/v1/namespaces/{NAMESPACE}/services/http:cd-{RELEASE}:8081/proxy"),
    ],
    ids=["both", "aggregated", "service proxy"],
)
def test_the_plugin_says_by_which_door_its_pages_reach_the_service(doors: dict[str, Any], path: str) -> None:
    plugin = only(rendered({"uiPlugin": {"enabled": True}, **doors, "service": {"port": 8081}}, release="cd"), "UIPlugin")
    assert plugin["spec"]["plugin"]["metadata"]["continuous-delivery.cattle.io/api"] == f"/k8s/clusters/local{path}"


def selectors(values: dict[str, Any]) -> list[Object]:
    found: list[Object] = only(rendered({"backup": {"resourceSet": True}, **values}), "ResourceSet")["resourceSelectors"]
    return found


def test_a_backup_names_every_right_that_the_chart_makes() -> None:
    """In the release's namespace all are taken; elsewhere they are named."""
    found = selectors(FLEET)
    names = {name for one in found if "rbac" in one["apiVersion"] for name in one.get("resourceNames", ())}
    made = {name for (kind, name), one in rendered(FLEET).items() if kind in RBAC and one["metadata"].get("namespace") != NAMESPACE}
    assert made <= names and names - made == {CLUSTER}, "the binding of the embedded engine is named too, for a release that had it"
    assert {"apiVersion": "apiregistration.k8s.io/v1", "kindsRegexp": "^apiservices$", "resourceNames": [APISERVICE]} in found


def test_a_backup_has_fleet_s_objects_where_they_are_the_state_and_the_workspaces_that_were_named() -> None:
    found = selectors({**FLEET, "backup": {"resourceSet": True, "workspaces": ["team-a", "team-b"]}})
    assert {"apiVersion": "fleet.cattle.io/v1alpha1", "kindsRegexp": ".", "excludeKinds": ["bundledeployments"]} in found
    assert {"apiVersion": "management.cattle.io/v3", "kindsRegexp": "^fleetworkspaces$"} in found
    named = {one["kindsRegexp"] for one in found if ["team-a", "team-b"] in (one.get("namespaces"), one.get("resourceNames"))}
    assert named == {"^namespaces$", "^secrets$", "^(configmaps|serviceaccounts)$", "^(roles|rolebindings)$"}
    anywhere = [one for one in found if one["kindsRegexp"] == "^secrets$" and "namespaces" not in one]
    assert [one["labelSelectors"] for one in anywhere] == [{"matchLabels": {"fleet.cattle.io/managed": "true"}}]
    groups = {one["apiVersion"] for one in selectors({"rancher": RANCHER})}
    assert not {"fleet.cattle.io/v1alpha1", "management.cattle.io/v3"} & groups, "the embedded engine's are in its store"


def test_the_notes_tell_how_rancher_s_users_call() -> None:
    notes = texts(FLEET)[f"{RELEASE}/templates/NOTES.txt"]
    assert "token create" not in notes and f"kubectl get --raw /apis/{GROUP}/{VERSION}/api/v1/" in notes
    assert f"https://rancher.example.org/k8s/clusters/local/api/v1/namespaces/{NAMESPACE}/services/http:{RELEASE}:80/proxy/v1" in notes
    alone = "One pod answers for the APIService"
    assert alone not in notes and alone in texts({"apiService": SERVED})[f"{RELEASE}/templates/NOTES.txt"]


def test_inside_rancher_prometheus_has_an_account_that_may_read_the_metrics_and_nothing_else() -> None:
    watched = {"rancher": RANCHER, "metrics": {"serviceMonitor": {"enabled": True}}}
    made = rendered(watched)
    account = f"{RELEASE}-metrics"
    secret = made["Secret", account]
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account}
    assert only(made, "ServiceMonitor")["spec"]["endpoints"][0]["authorization"]["credentials"] == {"name": account, "key": "token"}
    assert rules(made, "ClusterRole", f"{CLUSTER}-metrics") == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert made["ClusterRoleBinding", f"{CLUSTER}-metrics"]["subjects"] == [
        {"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}
    ]


def test_who_names_a_token_for_the_metrics_gets_no_account() -> None:
    given = {"rancher": RANCHER, "metrics": {"serviceMonitor": {"enabled": True, "tokenSecret": "mine"}}}
    made = rendered(given)
    assert ("ServiceAccount", f"{RELEASE}-metrics") not in made
    assert only(made, "ServiceMonitor")["spec"]["endpoints"][0]["authorization"]["credentials"] == {"name": "mine", "key": "token"}
