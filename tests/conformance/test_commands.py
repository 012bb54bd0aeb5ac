"""The commands one after the other, `apply -o -` and `target`, against what the real ones printed: every case, as a person runs them.

The documents go through YAML twice here, so nothing may be lost on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from extension.objects import yaml
from extension.objects.codec import decode
from extension.objects.kinds import BundleResource
from extension.objects.yaml_dump import dump_all
from tests.conformance.corpus import Case, cases
from tests.conformance.test_bundles import DEVIATIONS, recorded_bundle, shown_resource
from tests.unit.cli.test_offline import attempt, inputs

PRINTED = [case for case in cases() if case.recorded("bundles.json") is not None and case.name not in DEVIATIONS]
TARGETED = [case for case in PRINTED if case.recorded("targets.json")]


def _name(case: Case) -> str:
    return case.name


def _flags(case: Case, tmp_path: Path) -> list[str]:
    """What Fleet's GitRepo controller passes to apply."""
    repo, spec = case.gitrepo, case.gitrepo.spec
    flags = ["--commit", case.given["commit"]] if case.given.get("commit") else []
    flags += ["--imagescan-enabled"] if case.given.get("imageScanEnabled") else []
    flags += ["--driven-scan"] if spec.bundles else []
    if case.given.get("bare"):
        return flags
    given = case.given["gitrepo"].get("spec", {}).get("targets") or [{"name": "default", "clusterGroup": "default"}]
    file = tmp_path / "targets.yaml"
    file.write_text(json.dumps({"targets": given, "targetRestrictions": given}))
    labels = {**repo.metadata.labels, "fleet.cattle.io/repo-name": repo.metadata.name}
    drift = spec.correct_drift
    switches = {
        "--paused": spec.paused,
        "--keep-resources": spec.keep_resources,
        "--delete-namespace": spec.delete_namespace,
        "--correct-drift": drift and drift.enabled,
        "--correct-drift-force": drift and drift.force,
        "--correct-drift-keep-fail-history": drift and drift.keep_fail_history,
    }
    flags += [f"--label={key}={value}" for key, value in labels.items()] + [flag for flag, is_set in switches.items() if is_set]
    flags += [f"--service-account={spec.service_account}"] if spec.service_account else []
    flags += [f"--target-namespace={spec.target_namespace}"] if spec.target_namespace else []
    return [*flags, "--targets-file", str(file), f"--sync-generation={spec.force_sync_generation}"]


def _applied(case: Case, tmp_path: Path) -> list[dict[str, Any]]:
    repo = case.gitrepo
    bundles = [f"{path.base}:{path.options}".removesuffix(":") for path in repo.spec.bundles]
    flags = ["apply", "-o", "-", "-n", repo.metadata.namespace, *_flags(case, tmp_path), *case.given.get("flags", ())]
    ran = attempt(*flags, repo.metadata.name, *(bundles or repo.spec.paths), folder=case.prepare(tmp_path))
    assert ran.exit_code == 0, ran.output
    return list(yaml.load_all(ran.stdout))


def _shown(bundle: dict[str, Any]) -> dict[str, Any]:
    """A printed Bundle in the corpus' form."""
    resources = [shown_resource(decode(BundleResource, one)) for one in bundle["spec"].get("resources", ())]
    return {**bundle, "spec": {**bundle["spec"], **({"resources": resources} if resources else {})}}


def _sorted(documents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(documents, key=lambda document: json.dumps(document, sort_keys=True))


@pytest.mark.parametrize("case", PRINTED, ids=_name)
def test_apply_prints_what_fleet_prints(case: Case, tmp_path: Path) -> None:
    found = _applied(case, tmp_path)
    bundles = [_shown(one) for one in found if one["kind"] == "Bundle"]
    assert _sorted(bundles) == _sorted(map(recorded_bundle, case.recorded("bundles.json")))
    assert [one for one in found if one["kind"] == "ImageScan"] == (case.recorded("imagescans.json") or [])


@pytest.mark.parametrize("case", TARGETED, ids=_name)
def test_target_prints_what_fleet_prints_for_what_apply_printed(case: Case, tmp_path: Path) -> None:
    applied = [one for one in _applied(case, tmp_path) if one["kind"] == "Bundle"]
    arguments = ("target", "-b", "-", "-n", case.given["workspace"], "--clusters", inputs(case, tmp_path))
    for want in case.recorded("targets.json"):
        [bundle, *others] = [one for one in applied if one["metadata"]["name"] == want["bundle"]]
        if others:
            continue  # two bundles of one name can't be told apart here
        ran = attempt(*arguments, text=dump_all([bundle]))
        assert (ran.exit_code != 0) == ("error" in want), ran.output
        found = [one for one in yaml.load_all(ran.stdout) if one["kind"] == "BundleDeployment"] if ran.stdout else []
        expected = [one["bundleDeployment"] for one in want["clusters"].values() if one["matched"]]
        assert _sorted(_flat(one, want) for one in map(_merged, found)) == _sorted(_flat(one, want) for one in expected)


def _merged(deployment: dict[str, Any]) -> dict[str, Any]:
    return {**deployment["metadata"], "spec": {"options": {}, **deployment["spec"]}}


def _flat(deployment: dict[str, Any], want: dict[str, Any]) -> dict[str, Any]:
    """Without IDs where they can't be the same."""
    spec = deployment["spec"]
    return {**deployment, "spec": {k: v for k, v in spec.items() if not k.endswith("eploymentID")}} if "idVaries" in want else deployment
