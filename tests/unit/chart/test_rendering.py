"""What the chart makes of its values."""

from __future__ import annotations

import base64
import ipaddress
import itertools
from typing import Any

import pytest

from extension import __version__
from extension.objects import yaml
from tests.unit.chart.chart import NAMESPACE, RANCHER, Object, container, environment, only, pod, rendered, texts

REGISTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "no registry": ({}, ""),
    "Rancher's": ({"cattle": {"systemDefaultRegistry": "registry.example.org"}}, "registry.example.org/"),
    "Rancher's older": ({"systemDefaultRegistry": "registry.example.org:5000/"}, "registry.example.org:5000/"),
    "both": ({"systemDefaultRegistry": "old", "cattle": {"systemDefaultRegistry": "new"}}, "new/"),
}
PROXIES = {"no proxy": "", "proxy": "http://proxy.example.org:3128"}
WINDOWS: dict[str, Any] = {"linux": {}, "windows nodes": {"windows": {"enabled": True}}}
STORES: dict[str, dict[str, Any]] = {
    "embedded, volume": {},
    "embedded, PostgreSQL": {"database": {"secret": "db"}},
    "fleet": {"engine": "fleet", "rancher": RANCHER},
}
"""Values of each engine, with each store that it can have."""
LINUX = {"key": "cattle.io/os", "operator": "Equal", "value": "linux", "effect": "NoSchedule"}
COMBINATIONS = list(itertools.product(STORES, REGISTRIES, PROXIES, WINDOWS))


@pytest.mark.parametrize(("engine", "registry", "proxy", "windows"), COMBINATIONS, ids=[", ".join(row) for row in COMBINATIONS])
def test_every_combination_is_what_each_of_its_values_makes_it(engine: str, registry: str, proxy: str, windows: str) -> None:
    given, prefix = REGISTRIES[registry]
    values = {
        **STORES[engine],
        "proxy": PROXIES[proxy],
        "global": {**given, "cattle": {**given.get("cattle", {}), **WINDOWS[windows]}},
    }
    objects = rendered(values)
    deployment = only(objects, "Deployment")["spec"]
    spec = deployment["template"]["spec"]
    (one,) = spec["containers"]
    variables = {row["name"]: row.get("value") for row in one["env"]}
    assert one["image"] == f"{prefix}rancher/continuous-delivery:{__version__}"
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"} and LINUX in spec["tolerations"]
    assert {variables.get("HTTP_PROXY"), variables.get("HTTPS_PROXY")} == {PROXIES[proxy] or None}
    on_volume, stored = "volume" in engine, engine != "fleet"
    assert ("RANCHER_CD_DATABASE_URL" in variables) == ("PostgreSQL" in engine) and ("RANCHER_CD_SERVER_URL" in variables) == stored
    assert deployment["replicas"] == (1 if on_volume else 2)
    assert deployment["strategy"]["type"] == ("Recreate" if on_volume else "RollingUpdate")
    assert one["args"][3:] == ([] if stored else ["--engine", "fleet"])
    kinds = {kind for kind, _ in objects}
    common = {"Deployment", "ConfigMap", "Service", "ServiceAccount", "ClusterRoleBinding"}
    inside = set() if stored else {"ClusterRole", "Role", "RoleBinding"}
    assert kinds == common | inside | ({"Secret"} if stored else set()) | (
        {"PersistentVolumeClaim"} if on_volume else {"PodDisruptionBudget"}
    )


def test_every_object_is_in_the_namespace_and_carries_the_labels_by_which_it_is_found() -> None:
    everything = {
        "ingress": {"enabled": True, "host": "cd.example.org"},
        "networkPolicy": {"enabled": True},
        "metrics": {"serviceMonitor": {"enabled": True, "tokenSecret": "t"}, "dashboard": {"enabled": True}},
        "backup": {"resourceSet": True},
        "rancher": RANCHER,
        "apiService": {"enabled": True},
        "uiPlugin": {"enabled": True},
    }
    elsewhere = {"UIPlugin": "cattle-ui-plugin-system"} | dict.fromkeys(("ClusterRole", "ClusterRoleBinding", "ResourceSet", "APIService"))
    for (kind, name), one in rendered(everything).items():
        place = (
            "kube-system" if (kind, name) == ("RoleBinding", f"{NAMESPACE}-continuous-delivery-inside") else elsewhere.get(kind, NAMESPACE)
        )
        assert one["metadata"].get("namespace") == place, (kind, name)
        assert one["metadata"]["labels"]["app.kubernetes.io/instance"] == "continuous-delivery", name


@pytest.mark.parametrize(("release", "name"), [("continuous-delivery", "continuous-delivery"), ("cd", "cd-continuous-delivery")])
def test_a_release_of_another_name_has_objects_of_its_own(release: str, name: str) -> None:
    assert only(rendered(release=release), "Deployment")["metadata"]["name"] == name


def test_the_pod_may_do_nothing_to_its_node_and_writes_to_its_volumes_only() -> None:
    spec = pod()
    (one,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"} and spec["automountServiceAccountToken"] is False
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    writable = {mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")}
    assert writable == {"/var/lib/rancher-cd", "/tmp"}
    assert {mount["name"] for mount in one["volumeMounts"]} == {volume["name"] for volume in spec["volumes"]}
    assert one["resources"]["limits"] and one["resources"]["requests"]


def test_pull_secrets_of_both_places_are_named_once() -> None:
    values = {"global": {"imagePullSecrets": ["a", {"name": "b"}], "cattle": {"imagePullSecrets": [{"name": "a"}, "c"]}}}
    assert pod(values)["imagePullSecrets"] == [{"name": name} for name in "abc"]
    assert "imagePullSecrets" not in pod()


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, f"http://continuous-delivery.{NAMESPACE}.svc:80"),
        ({"service": {"port": 8443}}, f"http://continuous-delivery.{NAMESPACE}.svc:8443"),
        ({"ingress": {"enabled": True, "host": "cd.example.org"}}, "https://cd.example.org"),
        ({"ingress": {"enabled": True, "host": "cd.example.org"}, "serverURL": "https://other.example.org:8443"}, "https://other.example.org:8443"),
    ],
    ids=["Service", "port", "Ingress", "named"],
)  # fmt: skip
def test_agents_are_told_the_url_that_reaches_the_service(values: dict[str, Any], url: str) -> None:
    assert environment(values)["RANCHER_CD_SERVER_URL"] == url


def test_the_api_server_is_never_behind_the_proxy() -> None:
    assert environment({"proxy": "http://p:1"})["NO_PROXY"].startswith("$(KUBERNETES_SERVICE_HOST),127.0.0.0/8,")
    assert environment({"proxy": "http://p:1", "noProxy": ""})["NO_PROXY"] == "$(KUBERNETES_SERVICE_HOST)"


def test_a_proxy_is_believed_from_loopback_and_private_networks_and_not_from_anywhere() -> None:
    believed = environment({"ingress": {"enabled": True, "host": "cd.example.org"}})["FORWARDED_ALLOW_IPS"]
    networks = [ipaddress.ip_network(one) for one in believed.split(",")]
    assert networks and all(one.is_private or str(one) == "100.64.0.0/10" for one in networks)
    assert "FORWARDED_ALLOW_IPS" not in environment()
    for given in ("*", "", "10.42.0.0/16, ::1"):
        ingress = {"enabled": True, "host": "cd.example.org", "trustedProxies": given}
        assert environment({"ingress": ingress})["FORWARDED_ALLOW_IPS"] == given


def test_no_secret_is_a_variable_or_an_argument() -> None:
    values = {"database": {"secret": "db", "key": "dsn"}}
    assert environment(values)["RANCHER_CD_DATABASE_URL"] == {"secretKeyRef": {"name": "db", "key": "dsn"}}
    assert container(values)["args"] == ["serve", "--config", "/etc/rancher-cd/settings/settings.yaml"]


def test_certificates_are_files_of_the_secrets_that_were_named() -> None:
    values = {"additionalCASecret": "more", "serverCASecret": "own"}
    variables = environment(values)
    assert variables["RANCHER_CD_ADDITIONAL_CA"] == "/etc/rancher-cd/additional-ca/ca.crt"
    assert variables["RANCHER_CD_SERVER_CA"] == "/etc/rancher-cd/server-ca/ca.crt"
    secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod(values)["volumes"] if "secret" in volume}
    assert secrets == {"key": "continuous-delivery-key", "additional-ca": "more", "server-ca": "own"}


def test_the_key_is_32_bytes_that_stay_when_the_release_goes_and_are_nobodys_where_one_is_named() -> None:
    secret = only(rendered(), "Secret")
    assert len(base64.b64decode(secret["data"]["store.db.key"])) == 32 and secret["immutable"] is True
    assert secret["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert secret["metadata"]["labels"]["resources.cattle.io/backup"] == "true"
    named = rendered({"keySecret": "mine"})
    assert "Secret" not in {kind for kind, _ in named}
    volumes = only(named, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert next(volume for volume in volumes if volume["name"] == "key")["secret"]["secretName"] == "mine"


def test_a_changed_setting_makes_new_pods() -> None:
    def found(values: dict[str, Any]) -> tuple[Any, Any]:
        objects = rendered(values)
        annotations = only(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]
        return yaml.load(only(objects, "ConfigMap")["data"]["settings.yaml"], "settings"), annotations["checksum/settings"]

    before, after = found({}), found({"settings": {"maxFileSize": 20971520, "pollingInterval": 0.5, "imagescanEnabled": True}})
    assert before[0] == {"logFormat": "json"} and before[1] != after[1]
    assert after[0] == {"logFormat": "json", "maxFileSize": 20971520, "pollingInterval": 0.5, "imagescanEnabled": True}


def test_one_pod_is_free_to_move_and_several_move_one_at_a_time() -> None:
    def budgets(**values: Any) -> list[Object]:
        return [one for (kind, _), one in rendered(values).items() if kind == "PodDisruptionBudget"]

    assert budgets() == [] and budgets(database={"secret": "db"}, replicas=1) == []
    (budget,) = budgets(database={"secret": "db"}, replicas=3)
    assert budget["spec"]["maxUnavailable"] == 1
    assert budgets(database={"secret": "db"}, podDisruptionBudget={"enabled": False}) == []


def test_a_claim_that_is_there_is_used_and_none_is_made() -> None:
    objects = rendered({"persistence": {"existingClaim": "mine"}})
    assert "PersistentVolumeClaim" not in {kind for kind, _ in objects}
    state = only(objects, "Deployment")["spec"]["template"]["spec"]["volumes"][0]
    assert state == {"name": "state", "persistentVolumeClaim": {"claimName": "mine"}}
    claim = only(rendered({"persistence": {"size": "1Ti", "storageClass": "fast"}}), "PersistentVolumeClaim")
    assert (claim["spec"]["storageClassName"], claim["spec"]["resources"]["requests"]["storage"]) == ("fast", "1Ti")


def test_a_network_policy_lets_in_the_port_and_says_nothing_of_connections_out_unless_told() -> None:
    plain = only(rendered({"networkPolicy": {"enabled": True}}), "NetworkPolicy")["spec"]
    assert plain["policyTypes"] == ["Ingress"] and plain["ingress"] == [{"ports": [{"port": "http"}]}] and "egress" not in plain
    peer, rule = {"namespaceSelector": {}}, {"ports": [{"port": 443}]}
    strict = only(rendered({"networkPolicy": {"enabled": True, "from": [peer], "egress": [rule]}}), "NetworkPolicy")["spec"]
    doors = {"networkPolicy": {"enabled": True, "from": [peer]}, "apiService": {"enabled": True}}
    assert only(rendered(doors), "NetworkPolicy")["spec"]["ingress"][1] == {"ports": [{"port": "https"}]}, "the API server is nobody's pod"
    assert strict["policyTypes"] == ["Ingress", "Egress"] and strict["egress"] == [rule] and strict["ingress"][0]["from"] == [peer]


def test_a_backup_has_the_secrets_and_stops_every_pod() -> None:
    backup = only(rendered({"backup": {"resourceSet": True}, "database": {"secret": "db"}, "replicas": 3}), "ResourceSet")
    (controller,) = backup["controllerReferences"]
    assert (controller["resource"], controller["name"], controller["replicas"]) == ("deployments", "continuous-delivery", 3)
    secrets = next(one for one in backup["resourceSelectors"] if one["kindsRegexp"] == "^secrets$")
    assert secrets["namespaces"] == [NAMESPACE]
    assert secrets["labelSelectors"] == {"matchExpressions": [{"key": "owner", "operator": "NotIn", "values": ["helm"]}]}


@pytest.mark.parametrize(
    ("create", "name", "used"),
    [(True, "", "continuous-delivery"), (True, "a", "a"), (False, "", "default"), (False, "a", "a")],
)
def test_the_pod_and_the_binding_are_of_the_same_service_account(create: bool, name: str, used: str) -> None:
    objects = rendered({"serviceAccount": {"create": create, "name": name}})
    assert ("ServiceAccount" in {kind for kind, _ in objects}) == create
    assert only(objects, "Deployment")["spec"]["template"]["spec"]["serviceAccountName"] == used
    assert [subject["name"] for subject in only(objects, "ClusterRoleBinding")["subjects"]] == [used]
    assert "ClusterRoleBinding" not in {kind for kind, _ in rendered({"rbac": {"create": False}})}


def test_what_is_given_is_added_to_what_the_chart_says_of_the_pod() -> None:
    values = {
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "priorityClassName": "system-cluster-critical",
        "extraEnv": [{"name": "A", "value": "b"}],
        "podLabels": {"a": "b"},
        "podAnnotations": {"c": "d"},
        "affinity": {"nodeAffinity": {}},
    }
    spec = pod(values)
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "fast"}
    assert spec["tolerations"] == [LINUX, {"operator": "Exists"}]
    assert spec["priorityClassName"] == "system-cluster-critical" and spec["affinity"] == {"nodeAffinity": {}}
    assert environment(values)["A"] == "b"
    metadata = only(rendered(values), "Deployment")["spec"]["template"]["metadata"]
    assert metadata["labels"]["a"] == "b" and metadata["annotations"]["c"] == "d"


def test_the_notes_tell_how_to_get_a_token_and_where_to_use_it() -> None:
    notes = "continuous-delivery/templates/NOTES.txt"
    command = (
        f"kubectl exec --namespace {NAMESPACE} deploy/continuous-delivery -- rancher-cd token create admin --state-dir /var/lib/rancher-cd"
    )
    assert command in texts()[notes] and "port-forward" in texts()[notes]
    assert "RANCHER_CD_URL=https://cd.example.org " in texts({"ingress": {"enabled": True, "host": "cd.example.org"}})[notes]
