"""Reading against what the real `fleet apply` printed and stored: every case, refusals included."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extension.bundles import Scan, extract_values, read
from extension.engine.charts import TreeCharts
from extension.objects.codec import canonical
from extension.objects.content import unpack
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleResource
from extension.rendering.archives import archive_files
from extension.rendering.helm import NativeHelm
from extension.sources.folder import FolderTree
from tests.conformance.corpus import Case, cases

LONG = 16_000
DEVIATIONS = {
    "paths-escape-tree": "a path that leaves the repository is refused: it could name any folder of the service's machine",
}
CAUSES = {
    "depends-on-empty": ("dependsOn[1]", "must specify either 'name' or 'selector'"),
    "dir-empty": ("no resource found at the following paths to deploy: [void]",),
    "driven-missing-options": ('failed to open file "none.yaml"', "app/none.yaml"),
    "fleet-yaml-invalid": ("fleet.yaml", "did not find expected ',' or ']'"),
    "helm-chart-missing": ("no-such-chart",),
    "helm-values-file-missing": ("c/absent.yaml", "values file"),
    "image-scan-disabled": ("imagescan is disabled; remove imagescans from your config files, or enable imagescan",),
    "path-missing": ("no resource found at the following paths to deploy: [nope]",),
    "symlink-outside-tree": ("leak.yaml", "escapes bundle directory"),
}


class NoNetwork:
    """Charts from elsewhere: none of the cases has one."""

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Any:
        raise Invalid(f"{chart} {repo} can't be fetched")

    packed = fetch


def reading(case: Case, tmp_path: Path) -> Any:
    tree = FolderTree(case.prepare(tmp_path))
    scan = Scan.of(case.gitrepo)
    if case.given.get("bare"):
        scan = Scan(name=scan.name, namespace=scan.namespace, paths=scan.paths, bundles=scan.bundles)
    scan = msgspec.structs.replace(scan, image_scan=bool(case.given.get("imageScanEnabled")), commit=case.given.get("commit", ""))
    return read(tree, scan, TreeCharts(NoNetwork(), NativeHelm().update_dependencies))


@pytest.mark.parametrize("case", [c for c in cases() if c.recorded("bundles.json") is not None], ids=lambda c: c.name)
def test_bundles_are_what_fleet_prints(case: Case, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if case.name in DEVIATIONS:
        request.applymarker(pytest.mark.xfail(reason=DEVIATIONS[case.name], strict=True))
    got = reading(case, tmp_path)
    assert got.failures == ()
    want = sorted(case.recorded("bundles.json"), key=_order)
    assert sorted((_shown(bundle) for bundle in got.bundles), key=_order) == [recorded_bundle(bundle) for bundle in want]


@pytest.mark.parametrize("case", [c for c in cases() if c.recorded("stored.json")], ids=lambda c: c.name)
def test_values_are_stored_as_fleet_stores_them(case: Case, tmp_path: Path) -> None:
    bundles = {bundle.metadata.name: bundle for bundle in reading(case, tmp_path).bundles}
    for want in case.recorded("stored.json"):
        stripped, secret = extract_values(bundles[want["bundle"]])
        assert secret is not None
        assert {key: data.decode() for key, data in secret.data.items()} == want["data"]
        assert (stripped.spec.values_hash, secret.type) == (want["valuesHash"], want["secretType"])


@pytest.mark.parametrize("case", [c for c in cases() if c.recorded("imagescans.json")], ids=lambda c: c.name)
def test_image_scans_are_what_fleet_prints(case: Case, tmp_path: Path) -> None:
    got = [(scan.name, scan.spec.tag_name, scan.spec.image) for scan in reading(case, tmp_path).image_scans]
    assert got == [(s["metadata"]["name"], s["spec"]["tagName"], s["spec"]["image"]) for s in case.recorded("imagescans.json")]


@pytest.mark.parametrize("case", [c for c in cases() if c.errors("apply")], ids=lambda c: c.name)
def test_what_fleet_refuses_to_apply_fails_with_the_same_cause(case: Case, tmp_path: Path) -> None:
    got = reading(case, tmp_path)
    told = "; ".join(str(failure.error) for failure in got.failures)
    assert got.failures, "nothing was refused"
    assert all(cause in told for cause in CAUSES[case.name]), told


def _order(bundle: dict[str, Any]) -> tuple[str, str]:
    return bundle["metadata"]["name"], str(bundle["spec"])[:1000]


def _shown(bundle: Bundle) -> dict[str, Any]:
    body = json.loads(canonical(bundle))  # with the numbers Go would write
    body["metadata"].pop("finalizers", None)
    resources = [shown_resource(resource) for resource in bundle.spec.resources]
    if resources:
        body["spec"]["resources"] = resources
    return {"apiVersion": bundle.API_VERSION, "kind": bundle.KIND, **body}


def shown_resource(resource: BundleResource) -> dict[str, Any]:
    data = unpack(resource)
    shown: dict[str, Any] = {"name": resource.name}
    if resource.encoding:
        shown["encoding"] = resource.encoding
    if resource.name.endswith("Chart.lock"):
        return {**shown, "content": data.decode().replace('generated: "0001-01-01T00:00:00Z"', "generated: VARIES")}
    if resource.name.endswith(".tgz") and "/charts/" in f"/{resource.name}":
        members = {name: hashlib.sha256(content).hexdigest() for name, content in archive_files(data).items()}
        return {**shown, "archive": members}
    if len(data) > LONG:
        return {**shown, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    try:
        return {**shown, "content": data.decode()}
    except UnicodeDecodeError:
        return {**shown, "contentBase64": base64.b64encode(data).decode()}


def recorded_bundle(bundle: dict[str, Any]) -> dict[str, Any]:
    resources = [{k: v for k, v in r.items() if k != "writtenByHelm"} for r in bundle["spec"].get("resources", ())]
    return {**bundle, "spec": {**bundle["spec"], "resources": resources}} if resources else bundle
