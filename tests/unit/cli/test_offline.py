"""`apply -o -`, `target` and `deploy --dry-run`: the three stand in for Fleet's, one feeding the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from extension.cli import VERBS, main
from extension.objects import yaml
from extension.objects.yaml_dump import dump_all
from tests.conformance.corpus import Case, cases

CASES = {case.name: case for case in cases()}


def run(*arguments: str, folder: Path | None = None, text: str | None = None) -> str:
    result = attempt(*arguments, folder=folder, text=text)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def attempt(*arguments: str, folder: Path | None = None, text: str | None = None) -> Any:
    before = Path.cwd()
    os.chdir(folder or before)
    try:
        return CliRunner().invoke(main, arguments, input=text)
    finally:
        os.chdir(before)


def applied(case: Case, tmp_path: Path) -> str:
    """What apply prints for a case, with the flags Fleet's GitRepo controller passes."""
    repo = case.gitrepo
    spec = repo.spec
    targets = [{"name": "default", "clusterGroup": "default"}]
    given = case.given["gitrepo"].get("spec", {}).get("targets") or targets
    file = tmp_path / "targets.yaml"
    file.write_text(json.dumps({"targets": given, "targetRestrictions": given}))
    labels = {**repo.metadata.labels, "fleet.cattle.io/repo-name": repo.metadata.name}
    arguments = ["apply", "-o", "-", "-n", repo.metadata.namespace, "--targets-file", str(file)]
    arguments += [f"--label={key}={value}" for key, value in labels.items()]
    arguments += [f"--service-account={spec.service_account}"] if spec.service_account else []
    arguments += [f"--target-namespace={spec.target_namespace}"] if spec.target_namespace else []
    return run(*arguments, repo.metadata.name, *spec.paths, folder=case.prepare(tmp_path))


@pytest.mark.parametrize("name", ["raw-flat", "labels-annotations", "tc-selectors", "helm-chart-in-place", "yaml-words-as-booleans"])
def test_apply_prints_the_bundles_fleet_prints(name: str, tmp_path: Path) -> None:
    got = list(yaml.load_all(applied(CASES[name], tmp_path)))
    want = CASES[name].recorded("bundles.json")
    assert [b["metadata"] for b in got] == [b["metadata"] for b in want]
    assert [[r["name"] for r in b["spec"].get("resources", [])] for b in got] == [[r["name"] for r in b["spec"]["resources"]] for b in want]


@pytest.mark.parametrize("name", ["raw-flat", "tc-selectors", "template-cluster-data", "restriction-and-policy", "namespace-mapping"])
def test_target_gives_every_cluster_the_deployment_id_fleet_gives_it(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    got = list(yaml.load_all(run("target", "-b", "-", "-n", case.given["workspace"], "--clusters", inputs(case, tmp_path),
                                 text=applied(case, tmp_path))))  # fmt: skip
    found = {(d["metadata"]["name"], d["metadata"]["namespace"]): d["spec"].get("deploymentID") for d in got if d["kind"] != "Content"}
    want = {
        (bundle["bundle"], one["bundleDeployment"]["namespace"]): one["bundleDeployment"]["spec"].get("deploymentID")
        for bundle in case.recorded("targets.json")
        for one in bundle["clusters"].values()
        if one["matched"]
    }
    assert found == want


def test_target_refuses_when_a_cluster_can_not_be_templated_and_names_it(tmp_path: Path) -> None:
    case = CASES["template-missing-label"]
    arguments = ("target", "-b", "-", "-n", case.given["workspace"], "--clusters", inputs(case, tmp_path))
    result = attempt(*arguments, text=applied(case, tmp_path))
    assert result.exit_code == 1
    assert "beta" in result.output and "tier" in result.output


def test_deploy_renders_what_target_printed(tmp_path: Path) -> None:
    case = CASES["raw-flat"]
    targeted = run("target", "-b", "-", "-n", case.given["workspace"], "--clusters", inputs(case, tmp_path), text=applied(case, tmp_path))
    got = yaml.load(run("deploy", "--dry-run", "-i", "-", text=targeted))
    want = next(iter(case.recorded("manifests.json")[0]["clusters"].values()))["objects"]
    assert {o["metadata"]["name"]: o for o in got}.keys() == {o["metadata"]["name"] for o in want}
    assert all("objectset.rio.cattle.io/hash" in o["metadata"]["labels"] for o in got)


def test_a_folder_that_can_not_be_read_is_refused_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "fleet.yaml").write_text("namespace: [x\n")
    (tmp_path / "a" / "cm.yaml").write_text("kind: ConfigMap\n")
    result = attempt("apply", "-o", "-", "demo", "a", folder=tmp_path)
    assert result.exit_code == 1
    assert "a/fleet.yaml: yaml: line" in result.output


def _printed(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    return list(yaml.load_all(run("apply", "-o", "-", *arguments, folder=folder)))


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("demo",), ["demo"]),
        (("demo", "a:dev.yaml", "a"), ["demo-a-dev", "demo-a"]),
        (("--driven-scan-sep", ",", "demo", "a,dev.yaml"), ["demo-a-dev"]),
    ],
)
def test_a_driven_scan_takes_folders_and_options_apart_at_its_separator(
    tmp_path: Path, arguments: tuple[str, ...], names: list[str]
) -> None:
    (tmp_path / "a").mkdir()
    for name in ("dev.yaml", "fleet.yaml", "x.yaml"):
        (tmp_path / "a" / name).write_text("{}\n")
    assert [bundle["metadata"]["name"] for bundle in _printed(tmp_path, "--driven-scan", *arguments)] == names


def test_a_driven_scan_refuses_a_path_with_two_separators(tmp_path: Path) -> None:
    result = attempt("apply", "-o", "-", "--driven-scan", "demo", "a:b:c", folder=tmp_path)
    assert result.exit_code == 2
    assert "'a:b:c' has more than one ':'" in result.output


def test_numbers_and_words_in_a_file_of_targets_are_text_as_in_fleet_yaml(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: ConfigMap\n")
    (tmp_path / "t").write_text(
        "targets: [{name: 1, clusterSelector: {matchLabels: {gpu: yes}}}]\ntargetRestrictions: [{clusterGroup: 2}]\n"
    )
    [bundle] = _printed(tmp_path, "--targets-file", str(tmp_path / "t"), "demo")
    assert bundle["spec"]["targets"] == [{"name": "1", "clusterSelector": {"matchLabels": {"gpu": "true"}}}]
    assert bundle["spec"]["targetRestrictions"] == [{"clusterGroup": "2"}]


def test_an_image_scan_without_a_policy_prints_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: ConfigMap\n")
    (tmp_path / "fleet.yaml").write_text("imageScans:\n- {image: a, tagName: t}\n- {image: a, tagName: t, policy: {semver: {}}}\n")
    scans = [one["spec"]["policy"] for one in _printed(tmp_path, "--imagescan-enabled", "demo") if one["kind"] == "ImageScan"]
    assert scans == [{}, {"semver": {"range": ""}}]


def test_what_kubectl_noted_is_not_printed(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: ConfigMap\n")
    noted = "{kubectl.kubernetes.io/x: a, objectset.rio.cattle.io/id: b, example.cattle.io/y: c}"
    (tmp_path / "fleet.yaml").write_text(f"labels: {noted}\nannotations: {{kubectl.kubernetes.io/x: a}}\n")
    [bundle] = _printed(tmp_path, "demo")
    assert bundle["metadata"] == {
        "name": "demo",
        "namespace": "fleet-local",
        "labels": {"objectset.rio.cattle.io/id": "b", "example.cattle.io/y": "c"},
    }


def test_target_prints_the_content_though_no_cluster_matches(tmp_path: Path) -> None:
    case = CASES["raw-flat"]
    (tmp_path / "none.yaml").write_text("")
    text = run("target", "-b", "-", "-n", case.given["workspace"], "--clusters", str(tmp_path / "none.yaml"), text=applied(case, tmp_path))
    [content] = yaml.load_all(text)
    assert (content["kind"], content["metadata"]["name"]) == ("Content", case.recorded("targets.json")[0]["contentID"])


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb: str) -> None:
    assert "Usage:" in run(verb, "--help")


def test_apply_loads_neither_flask_nor_sqlalchemy_nor_helm(tmp_path: Path) -> None:
    (tmp_path / "cm.yaml").write_text("kind: ConfigMap\n")
    program = (
        "import sys; from extension.cli import main; main(['apply', '-o', '-', 'demo'], standalone_mode=False);"
        "print(sorted({'flask', 'sqlalchemy', 'helm_python', 'requests', 'dulwich', 'kubernetes'} & sys.modules.keys()), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def inputs(case: Case, tmp_path: Path) -> str:
    """The case's clusters, groups and other objects as a file."""
    given = case.given
    documents: list[dict[str, Any]] = []
    for one in given.get("clusters", ()):
        meta = {"name": one["name"], "namespace": one.get("workspace", given["workspace"]), "labels": one.get("labels") or {}}
        spec = {"templateValues": one.get("templateValues") or {}, "paused": bool(one.get("paused"))}
        documents.append({"kind": "Cluster", "metadata": {**meta, "annotations": one.get("annotations") or {}}, "spec": spec})
    for one in given.get("clusterGroups", ()):
        meta = {"name": one["name"], "namespace": one.get("workspace", given["workspace"]), "labels": one.get("labels") or {}}
        documents.append({"kind": "ClusterGroup", "metadata": meta, "spec": {k: one[k] for k in ("selector",) if k in one}})
    for one in given.get("namespaces", ()):
        documents.append({"kind": "Namespace", "metadata": {"name": one["name"], "labels": one.get("labels") or {}}})
    documents += given.get("objects", ())
    path = tmp_path / "clusters.yaml"
    path.write_text(dump_all(documents))
    return str(path)
