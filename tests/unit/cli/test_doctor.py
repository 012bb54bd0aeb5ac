"""`rancher-cd doctor --kubeconfig` where there is no Fleet, no cluster or no sense in the options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_connection import answering
from tests.unit.cli.test_offline import attempt

PLURALS = {
    "/api/v1": ["Secret", "ServiceAccount"],
    "/apis/apps/v1": ["Deployment"],
    "/apis/fleet.cattle.io/v1alpha1": ["GitRepo", "Cluster"],
}


def kubeconfig(folder: Path, server: str) -> str:
    path = folder / "kubeconfig"
    entry = {"name": "x", "cluster": {"server": server}, "user": {"token": "t"}, "context": {"cluster": "x", "user": "x"}}
    path.write_text(json.dumps({"clusters": [entry], "users": [entry], "contexts": [entry], "current-context": "x"}))
    return str(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give --audit with --state-dir, or --kubeconfig"),
        (("--fix",), "give --audit with --state-dir, or --kubeconfig"),
        (("--audit",), "--audit needs --state-dir"),
        (("--audit", "--kubeconfig", "FILE"), "give --audit with --state-dir, or --kubeconfig"),
        (("--audit", "--state-dir", "DIR", "--fix"), "no option of a repair"),
        (("--kubeconfig", "FILE", "--state-dir", "DIR"), "--state-dir is for --audit"),
        (("--kubeconfig", "FILE", "--wait", "soon"), "'soon' is not a duration"),
    ],
)
def test_options_that_make_no_sense_together_are_wrong_usage(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    names = {"FILE": kubeconfig(tmp_path, "http://127.0.0.1:9"), "DIR": str(tmp_path)}
    result = attempt("doctor", *(names.get(option, option) for option in options))
    assert result.exit_code == 2 and said in result.stderr


def test_a_cluster_without_fleet_is_said_to_be_one(tmp_path: Path) -> None:
    with answering({"resources": []}) as server:
        result = attempt("doctor", "--kubeconfig", kubeconfig(tmp_path, server.url))
    assert result.exit_code == 1 and "there is no Fleet here: the kind GitRepo is missing" in result.stderr


def test_a_cluster_that_is_away_is_said_to_be_so(tmp_path: Path) -> None:
    result = attempt("doctor", "--kubeconfig", kubeconfig(tmp_path, "http://127.0.0.1:9"))
    assert result.exit_code == 1 and "the cluster can't be reached" in result.stderr


def test_an_older_fleet_without_some_kinds_is_looked_at_and_the_report_is_json(tmp_path: Path) -> None:
    def body(path: str) -> Any:
        kinds = PLURALS.get(path)
        return {"resources": [{"kind": k, "name": f"{k.lower()}s", "namespaced": True} for k in kinds]} if kinds else {"items": []}

    with answering(body) as server:
        result = attempt("doctor", "--kubeconfig", kubeconfig(tmp_path, server.url), "-o", "json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == {"findings": [], "steps": [], "left": [], "dryRun": True, "type": "repair"}
