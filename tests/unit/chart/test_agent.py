"""The agent's chart: what it says of itself, what it makes, and what it refuses."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from extension import __version__
from extension.commands.agent import command
from extension.objects.errors import Invalid
from extension.rendering.helm import sdk
from tests.unit.chart.chart import AGENT, leaves, loaded, only, rendered

JOIN = {"apiServerURL": "https://cd.example.org", "token": "canary"}
SCHEDULING = {"priorityClass": {"value": 1000, "preemptionPolicy": "Never"}, "podDisruptionBudget": {"minAvailable": "50%"}}
CA = "-----BEGIN CERTIFICATE-----\n"


def made(**values: Any) -> dict[tuple[str, str], Any]:
    return rendered({**JOIN, **values}, release="continuous-delivery-agent", chart=AGENT)


def pod(**values: Any) -> Any:
    return only(made(**values), "Deployment")["spec"]["template"]["spec"]


def container(**values: Any) -> Any:
    (found,) = pod(**values)["containers"]
    return found


def test_the_table_has_every_value_with_its_default() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `(.*?)` \| (.+) \|$", (AGENT / "README.md").read_text(), re.MULTILINE)
    assert {path: json.loads(default) for path, default, _ in rows} == leaves(loaded("values.yaml", AGENT))
    assert all(meaning.endswith(".") for _, _, meaning in rows)


def test_the_schema_has_every_value_and_refuses_all_others() -> None:
    schema, values = json.loads((AGENT / "values.schema.json").read_text()), loaded("values.yaml", AGENT)
    assert schema["additionalProperties"] is False and schema["properties"].keys() == values.keys()
    for name in ("image", "serviceAccount", "rbac", "fleetAgent"):
        assert schema["properties"][name]["additionalProperties"] is False
        assert schema["properties"][name]["properties"].keys() == values[name].keys()


def test_it_is_of_the_version_of_the_package() -> None:
    chart = loaded("Chart.yaml", AGENT)
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)
    assert chart["annotations"]["catalog.cattle.io/permits-os"] == "linux,windows"


def test_helm_finds_nothing_to_complain_of_but_that_there_is_no_icon() -> None:
    report = sdk().lint(str(AGENT), JOIN, strict=True, namespace="ns", kube_version="v1.36.0")
    assert [one["error"] for one in report["messages"]] == ["icon is recommended"] and not report["errors"]


def test_the_values_of_a_token_are_all_it_needs_and_the_token_is_a_file() -> None:
    told = {**JOIN, "apiServerCA": CA, "clusterNamespace": "fleet-default", "tokenName": "join", "systemRegistrationNamespace": "x"}
    objects = made(**told)
    assert objects["Secret", "continuous-delivery-agent-token"]["stringData"] == {"token": "canary"}
    assert objects["ConfigMap", "continuous-delivery-agent-ca"]["data"] == {"ca.crt": CA}
    assert "canary" not in json.dumps(only(objects, "Deployment"))


def test_every_variable_is_one_that_the_program_reads() -> None:
    known = {option.envvar for option in command.params}
    given = {one["name"] for one in container(apiServerCA=CA, clientID="c")["env"]}
    assert given <= known and "RANCHER_CD_AGENT_SERVER_CA" in given


def test_it_runs_on_linux_nodes_also_where_there_are_windows_nodes() -> None:
    found = pod(fleetAgent={"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "mine", "operator": "Exists"}]})
    assert found["nodeSelector"] == {"kubernetes.io/os": "linux", "disk": "ssd"}
    assert [one["key"] for one in found["tolerations"]] == ["cattle.io/os", "node.cloudprovider.kubernetes.io/uninitialized", "mine"]


def test_labels_and_a_proxy_are_the_program_s() -> None:
    found = container(labels={"env": "prod"}, proxy="http://proxy:3128", noProxy=".svc", agentEnvVars=[{"name": "A", "value": "b"}])
    assert found["args"] == ["agent", "--label=env=prod"]
    variables = {one["name"]: one["value"] for one in found["env"]}
    shown = (variables["HTTPS_PROXY"], variables["NO_PROXY"], variables["A"])
    assert shown == (
        "http://proxy:3128",
        "$(KUBERNETES_SERVICE_HOST),.svc",
        "b",
    )


def test_a_private_registry_and_its_secrets_are_those_of_both_places() -> None:
    cattle = {"systemDefaultRegistry": "registry.example.org", "imagePullSecrets": ["one", {"name": "two"}]}
    found = pod(**{"global": {"cattle": cattle}})
    assert found["containers"][0]["image"] == f"registry.example.org/rancher/continuous-delivery:{__version__}"
    assert [one["name"] for one in found["imagePullSecrets"]] == ["one", "two"]


def test_the_pod_may_do_nothing_to_its_node() -> None:
    found = container()["securityContext"]
    assert found == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert pod()["securityContext"]["runAsNonRoot"] and not pod()["automountServiceAccountToken"]


def test_without_the_right_of_an_administrator_nothing_is_bound() -> None:
    assert not [kind for kind, _ in made(rbac={"clusterAdmin": False}) if kind == "ClusterRoleBinding"]
    assert only(made(), "ClusterRoleBinding")["roleRef"]["name"] == "cluster-admin"


def test_a_priority_class_and_a_disruption_budget_are_made_for_it() -> None:
    assert {kind for kind, _ in made()} & {"PriorityClass", "PodDisruptionBudget"} == set()
    found = made(fleetAgent={"schedulingCustomization": SCHEDULING, "priorityClassName": "mine"})
    made_for_it = only(found, "PriorityClass")
    assert (made_for_it["value"], made_for_it["preemptionPolicy"]) == (1000, "Never")
    budget, agent = only(found, "PodDisruptionBudget")["spec"], only(found, "Deployment")["spec"]
    assert (budget["minAvailable"], "maxUnavailable" in budget) == ("50%", False)
    assert budget["selector"] == agent["selector"]
    assert agent["template"]["spec"]["priorityClassName"] == made_for_it["metadata"]["name"]


@pytest.mark.parametrize(("given", "least", "most"), [({"maxUnavailable": 1}, None, 1), ({}, None, None), ({"minAvailable": "1"}, 1, None)])
def test_a_disruption_budget_says_one_of_both(given: dict[str, Any], least: Any, most: Any) -> None:
    found = made(fleetAgent={"schedulingCustomization": {"podDisruptionBudget": given}})
    budget = [one["spec"] for (kind, _), one in found.items() if kind == "PodDisruptionBudget"]
    assert [(one.get("minAvailable"), one.get("maxUnavailable")) for one in budget] == ([(least, most)] if given else [])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"apiServerURL": ""}, "apiServerURL: the agent needs the service's URL"),
        ({"token": ""}, "token: the agent registers with a token"),
        ({"tokenSecret": "mine"}, "tokenSecret: name a Secret or give a token"),
        ({"apiServerURL": "cd.example.org"}, "apiServerURL"),
        (
            {"fleetAgent": {"schedulingCustomization": {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}}}},
            "podDisruptionBudget: give minAvailable or maxUnavailable, not both",
        ),
        ({"fleetAgent": {"schedulingCustomization": {"priorityClass": {"value": "high"}}}}, "value"),
        ({"lables": {}}, "lables"),
        ({"labels": {"env": True}}, "labels"),
    ],
)
def test_a_value_that_can_not_be_is_refused_with_its_place(values: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=re.escape(words)):
        made(**values)
