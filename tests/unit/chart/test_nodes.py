"""On which nodes of a cluster with Windows and Linux nodes the pods of both charts may be placed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.chart.chart import AGENT, only, rendered
from tests.unit.chart.test_agent import JOIN

LINUX = {"labels": {"kubernetes.io/os": "linux"}, "taints": []}
TAINTED = {"labels": {"kubernetes.io/os": "linux"}, "taints": [("cattle.io/os", "linux")]}
"""As Rancher makes Linux nodes of clusters with Windows nodes."""
WINDOWS = {"labels": {"kubernetes.io/os": "windows"}, "taints": []}
NEW = {"labels": {"kubernetes.io/os": "linux"}, "taints": [("node.cloudprovider.kubernetes.io/uninitialized", "true")]}
BUSY = {"labels": {"kubernetes.io/os": "linux"}, "taints": [("example.org/own", "yes")]}
PODS = {
    "service": lambda: only(rendered(), "Deployment"),
    "agent": lambda: only(rendered(JOIN, release="continuous-delivery-agent", chart=AGENT), "Deployment"),
}


def may_be_placed(spec: dict[str, Any], node: dict[str, Any]) -> bool:
    """What the scheduler says: the labels are there, and every taint is tolerated."""
    tolerated = {(one["key"], one.get("value")) for one in spec["tolerations"] if one.get("effect") == "NoSchedule"}
    return spec["nodeSelector"].items() <= node["labels"].items() and set(node["taints"]) <= tolerated


@pytest.mark.parametrize(
    ("node", "agent", "service"),
    [
        pytest.param(LINUX, True, True, id="linux"),
        pytest.param(TAINTED, True, True, id="linux beside windows"),
        pytest.param(WINDOWS, False, False, id="windows"),
        pytest.param(NEW, True, False, id="not initialized yet"),
        pytest.param(BUSY, False, False, id="for others"),
    ],
)
def test_both_go_to_linux_nodes_only_tainted_or_not_and_the_agent_first_of_all(node: dict[str, Any], agent: bool, service: bool) -> None:
    placed = {name: may_be_placed(make()["spec"]["template"]["spec"], node) for name, make in PODS.items()}
    assert placed == {"agent": agent, "service": service}
