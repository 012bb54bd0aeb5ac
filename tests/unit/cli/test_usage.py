"""Exit codes and messages of the verbs that need no service: 0 done, 1 refused or failed, 2 wrong usage."""

from __future__ import annotations

import base64
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from extension import __version__
from extension.objects import yaml
from extension.objects.yaml_dump import dump, dump_all
from tests.conformance.corpus import cases
from tests.unit.cli.test_offline import attempt, run

BUNDLE = {"apiVersion": "fleet.cattle.io/v1alpha1", "kind": "Bundle", "metadata": {"name": "demo"}}
DEPLOYMENT = {"kind": "BundleDeployment", "metadata": {"name": "demo"}, "spec": {"deploymentID": "s-1:x"}}


def packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data)).decode()


def content(text: object) -> str:
    return dump_all([{"kind": "Content", "metadata": {"name": "s-1"}, "content": text}, DEPLOYMENT])


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version") == f"rancher-cd, version {__version__}\n"


def test_image_scans_are_printed_as_fleet_prints_them(tmp_path: Path) -> None:
    case = next(case for case in cases() if case.name == "image-scan-enabled")
    repo = case.gitrepo
    text = run("apply", "-o", "-", "--imagescan-enabled", repo.metadata.name, *repo.spec.paths, folder=case.prepare(tmp_path))
    assert [one for one in yaml.load_all(text) if one["kind"] == "ImageScan"] == case.recorded("imagescans.json")


def test_an_image_scan_whose_interval_is_no_duration_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.yaml").write_text("imageScans:\n- {image: org/app, tagName: main, interval: soon}\n")
    (tmp_path / "cm.yaml").write_text("kind: ConfigMap\n")
    result = attempt("apply", "-o", "-", "--imagescan-enabled", "demo", folder=tmp_path)
    assert result.exit_code == 1 and "'soon' is not a duration" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Usage:"),
        (("no-such-verb",), "No such command 'no-such-verb'"),
        (("get",), "Missing argument 'KIND'"),
        (("get", "pod"), "'pod' is no kind; use one of gitrepo, helmop, bundle,"),
        (("get", "gitrepo", "-o", "xml"), "'xml' is not one of"),
        (("get", "gitrepo", "shop", "-l", "a=b"), "without --selector"),
        (("get", "gitrepo", "shop", "-A"), "in one workspace"),
        (("describe", "gitrepo"), "Missing argument 'NAME'"),
        (("delete", "bd", "x"), "not for bundledeployments; use one of gitrepo, helmop, bundle,"),
        (("create",), "Missing option '-f'"),
        (("pause", "bundle", "x"), "not for bundles; use one of gitrepo, helmop, cluster"),
        (("pause", "gitrepo"), "name the objects, or choose them with --selector"),
        (("unpause", "gitrepo", "x", "-l", "a=b"), "name the objects, or choose them with --selector"),
        (("force-update", "secret", "x"), "not for secrets"),
        (("force-update", "error"), "name the errors: they have no labels"),
        (("force-update", "error", "-l", "a=b"), "name the errors: they have no labels"),
        (("move",), "Missing argument 'WORKSPACE'"),
        (("move", "berlin", "edge", "-l", "env"), "'env' is not KEY=VALUE"),
        (("apply", "demo", "-l", "=x"), "'=x' is not KEY=VALUE"),
        (("apply",), "Missing argument 'NAME'"),
        (("target",), "Missing option '-b'"),
        (("deploy", "-i", "-"), "name the cluster with --kubeconfig, or use --dry-run"),
        (("token",), "Usage:"),
        (("token", "create", "x", "--role", "edge"), "'edge' is not WORKSPACE=ROLE"),
        (("token", "create", "x", "--role", "edge=king"), "'king' is not one of admin, member, read-only"),
        (("token", "create", "x", "--state-dir", "no-such-folder"), "'no-such-folder' does not exist"),
        (("serve", "--port", "http"), "'http' is not a valid integer"),
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_names_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    result = attempt(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.stderr and "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", [("create", "-f"), ("target", "-b"), ("deploy", "-d", "-i")], ids=lambda verb: verb[0])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "given.yaml: No such file or directory"),
        (b"\xff\xfe\x00", "given.yaml: is no text in UTF-8"),
        (b"a: [b\n", "given.yaml: yaml: line 2: did not find expected ',' or ']'"),
        (b"", "given.yaml: holds no "),
        (b"---\n---\n", "given.yaml: holds no "),
    ],
    ids=["missing", "binary", "broken", "empty", "empty-documents"],
)
def test_a_file_that_can_not_be_used_is_refused_by_name(verb: tuple[str, ...], text: bytes | None, said: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "given.yaml").write_bytes(text)
    result = attempt(*verb, "given.yaml", folder=tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {said}"), result.stderr


@pytest.mark.parametrize(
    ("arguments", "text", "said"),
    [
        (("create", "-f", "-"), "- 1\n", "-: a document is no object; use one of gitrepo,"),
        (("create", "-f", "-"), "kind: Pod\n", "-: kind 'Pod' can't be created; use one of gitrepo,"),
        (("create", "-f", "-"), "kind: BundleDeployment\n", "-: kind 'BundleDeployment' can't be created"),
        (("create", "-f", "-"), "kind: GitRepo\n---\nkind: Pod\n", "-: kind 'Pod' can't be created"),
        (("target", "-b", "-", "--clusters", "/dev/null"), dump({**BUNDLE, "spec": {"targets": 1}}), "-: spec.targets: expected"),
        (("target", "-b", "/dev/null", "--clusters", "cm.yaml"), "", "/dev/null: holds no Bundle"),
        (("deploy", "-d", "-i", "-"), content(packed(b'{"resources": 1}')), "-: resources: expected"),
        (("deploy", "-d", "-i", "-"), content(packed(b"text")), "-: Content s-1 can't be read (it is gzipped JSON in base64)"),
        (("deploy", "-d", "-i", "-"), content(packed(b"{}")[:20]), "-: Content s-1 can't be read"),
        (("deploy", "-d", "-i", "-"), content("H4sIAAAAAAAAA/////8="), "-: Content s-1 can't be read"),
        (("deploy", "-d", "-i", "-"), content(1), "-: Content s-1 can't be read"),
        (("deploy", "-d", "-i", "-"), "kind: Content\n---\n" + dump(DEPLOYMENT), "-: Content  can't be read"),
        (("deploy", "-d", "-i", "-"), dump(DEPLOYMENT), "-: Content s-1 is missing (give the whole output of `rancher-cd target`)"),
        (("apply", "-o", "-", "--targets-file", "cm.yaml", "demo"), "", "cm.yaml: targets: expected"),
        (("apply", "-o", "/no/such/folder/b.yaml", "demo"), "", "/no/such/folder/b.yaml: No such file or directory"),
        (("serve", "--port", "99999"), "", "can't listen on 127.0.0.1:99999: "),
        (("serve", "--host", "no-such-host.invalid"), "", "can't listen on no-such-host.invalid:8080: "),
        (("serve", "--port", "0", "--state-dir", "cm.yaml/x"), "", "cm.yaml/x: Not a directory"),
        (("token", "create", "x", "--state-dir", "."), "", "store.db does not exist; start the service once"),
    ],
)  # fmt: skip
def test_what_is_refused_exits_1_with_one_message(arguments: tuple[str, ...], text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "cm.yaml").write_text("kind: ConfigMap\ntargets: 1\n")
    result = attempt(*arguments, folder=tmp_path, text=text)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ") and said in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not result.stdout


def test_a_service_that_can_not_start_says_why_and_exits_1(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("no database")
    command = [sys.executable, "-c", "from extension.cli import main; main()", "serve", "--port", "0", "--state-dir", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1, ended.stderr
    assert f"Error: {tmp_path}/store.db: " in ended.stderr and "Traceback" not in ended.stderr
