"""Rendering against what the real Fleet's dry run printed: every deployment of every case, errors included."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from extension.objects import content, yaml
from extension.objects.codec import decode
from extension.objects.errors import UserError
from extension.objects.kinds import BundleResource
from extension.objects.options import BundleDeploymentOptions
from extension.rendering.archives import archive_files
from extension.rendering.helm import DEFAULT_KUBE_VERSION, NativeHelm
from extension.rendering.kustomize import Kubectl
from extension.rendering.render import Input, render

CASES = Path(__file__).parent / "cases"
LONG_TEXT, LONG_MAP = 16_000, 500
CAUSES = {
    "helm-kube-version": ("kubeVersion: <1.30.0-0", "incompatible with Kubernetes 1.36.0"),
    "helm-release-name-refused": ("Not_A_Release", "invalid release name"),
    "helm-schema-violation": ("sch", "/port", "got string, want integer"),
    "kustomize-outside-root": ("../base",),
    "overlays-patch-no-base": ("failed to find base file zzz.yaml to patch",),
    "yaml-invalid-resource": ("bad.yaml", "line 3", "mapping values are not allowed"),
}
HELM = NativeHelm()
KUBECTL = Kubectl()


class Recorded(NamedTuple):
    case: str
    bundle: str
    nth: int
    cluster: str


def _json(case: str, name: str) -> Any:
    return json.loads((CASES / case / name).read_bytes())


def _nth(items: list[dict[str, Any]], nth: int, name: str, key: str) -> dict[str, Any]:
    """Two bundles can have one name: the n-th of them."""
    return [item for item in items if (item["metadata"] if key == "metadata" else item)["name" if key == "metadata" else key] == name][nth]


def _recorded() -> Iterator[Recorded]:
    for path in sorted(CASES.glob("*/manifests.json")):
        seen: Counter[str] = Counter()
        for entry in _json(path.parent.name, "manifests.json"):
            for cluster in entry["clusters"]:
                yield Recorded(path.parent.name, entry["bundle"], seen[entry["bundle"]], cluster)
            seen[entry["bundle"]] += 1


RECORDED = list(_recorded())


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: f"{r.case}-{r.bundle}{f'-{r.nth}' if r.nth else ''}-{r.cluster}")
def test_what_a_cluster_gets_is_what_fleet_prints(recorded: Recorded, tmp_path: Path) -> None:
    want = _nth(_json(recorded.case, "manifests.json"), recorded.nth, recorded.bundle, "bundle")["clusters"][recorded.cluster]
    deployment = _deployment(recorded)
    if "notStaged" in want:
        assert deployment["spec"]["paused"], "nothing is rendered because the deployment is paused"
        return
    given = _input(recorded, deployment, tmp_path)
    if "error" in want:
        with pytest.raises(UserError) as error:
            render(given, HELM, KUBECTL)
        assert all(cause in str(error.value) for cause in CAUSES[recorded.case]), str(error.value)
        return
    rendering = render(given, HELM, KUBECTL)
    got = [*rendering.objects, *(hook.object for hook in rendering.hooks)]
    assert _sorted(_shortened(got)) == _sorted(_whole_numbers(want["objects"]))


def test_every_recorded_refusal_is_expected_for_a_cause() -> None:
    refused = {path.parent.name for path in CASES.glob("*/error.txt") if "step: render" in path.read_text()}
    assert refused == set(CAUSES)


def _deployment(recorded: Recorded) -> dict[str, Any]:
    target = _nth(_json(recorded.case, "targets.json"), recorded.nth, recorded.bundle, "bundle")
    found: dict[str, Any] = target["clusters"][recorded.cluster]["bundleDeployment"]
    return found


def _input(recorded: Recorded, deployment: dict[str, Any], tmp_path: Path) -> Input:
    case = yaml.load((CASES / recorded.case / "case.yaml").read_bytes())
    bundle = _nth(_json(recorded.case, "bundles.json"), recorded.nth, recorded.bundle, "metadata")
    return Input(
        name=recorded.bundle,
        options=decode(BundleDeploymentOptions, deployment["spec"].get("options", {})),
        resources=tuple(_resource(r, case, recorded.case, tmp_path) for r in bundle["spec"].get("resources", ())),
        namespace="",
        set_id_prefix="",
        kube_version=case.get("kubeVersion", DEFAULT_KUBE_VERSION).removeprefix("v"),
    )


def _resource(resource: dict[str, Any], case: dict[str, Any], name: str, tmp_path: Path) -> BundleResource:
    if "contentBase64" in resource:
        return content.pack(resource["name"], base64.b64decode(resource["contentBase64"]), compress=True)
    if "size" in resource:
        return content.pack(resource["name"], _generated(resource, case), compress=bool(resource.get("encoding")))
    if "archive" in resource:
        return content.pack(resource["name"], _packed_by_helm(resource, case, name, tmp_path), compress=True)
    text = resource.get("content", "")
    if resource.get("writtenByHelm"):
        text = text.replace("generated: VARIES", "generated: 2026-01-01T00:00:00Z")
    return BundleResource(name=resource["name"], content=text)


def _generated(resource: dict[str, Any], case: dict[str, Any]) -> bytes:
    wanted = next(g for g in case["generate"] if g.get("path", "").endswith(f"/{resource['name']}"))
    count = wanted["size"] // len(wanted["line"].encode()) + 1
    data = (wanted["head"] + "".join(wanted["line"].replace("%d", str(i)) for i in range(count))).encode()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (resource["size"], resource["sha256"])
    return data


def _packed_by_helm(resource: dict[str, Any], case: dict[str, Any], name: str, tmp_path: Path) -> bytes:
    """The archive that a dependency update makes of the case's tree, checked against the recorded members."""
    [path] = case["gitrepo"]["spec"]["paths"]
    tree = shutil.copytree(CASES / name / "repo" / path, tmp_path / "tree")
    HELM.update_dependencies(str(tree / resource["name"].partition("/charts/")[0]))
    data = (tree / resource["name"]).read_bytes()
    members = {member: hashlib.sha256(inner).hexdigest() for member, inner in archive_files(data).items()}
    assert members == resource["archive"]
    return data


def _sorted(objects: list[Any]) -> list[Any]:
    return sorted(objects, key=lambda obj: json.dumps(obj, sort_keys=True))


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _shortened(value: Any) -> Any:
    """The corpus' form: long texts and maps by their digest."""
    if isinstance(value, str) and len(value.encode()) > LONG_TEXT:
        return {"__long__": {"size": len(value.encode()), "sha256": hashlib.sha256(value.encode()).hexdigest()}}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if isinstance(value, dict) and len(value) > LONG_MAP:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        return {"__long__": {"entries": len(value), "size": len(text), "sha256": hashlib.sha256(text).hexdigest()}}
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    return _whole_numbers(value)
