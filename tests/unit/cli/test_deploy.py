"""`rancher-cd deploy --dry-run` (fleet-semantics.md 6): what it prints, and how it refuses."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from click.testing import CliRunner

from extension.cli import main
from extension.objects import yaml
from extension.objects.content import sha256_sum
from extension.objects.kinds import BundleResource

CHART = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"


def _given(files: dict[str, str], **content: Any) -> str:
    resources = [{"name": name, "content": text} for name, text in files.items()]
    packed = base64.b64encode(gzip.compress(json.dumps({"resources": resources}).encode())).decode()
    sha = sha256_sum(tuple(BundleResource(name=name, content=text) for name, text in files.items()))
    made = {"kind": "Content", "metadata": {"name": "s-1"}, "content": packed, "sha256sum": sha, **content}
    deployment = {"kind": "BundleDeployment", "metadata": {"name": "demo", "namespace": "n"}, "spec": {"deploymentID": "s-1:x"}}
    return "---\n".join(f"{json.dumps(document)}\n" for document in (made, deployment))


def _deploy(given: str, *more: str) -> Any:
    return CliRunner().invoke(main, ["deploy", "--dry-run", "-i", "-", *more], input=given)


def _rendered(files: dict[str, str], *more: str) -> list[dict[str, Any]]:
    result = _deploy(_given(files), *more)
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = yaml.load(result.stdout)
    return found


def test_hooks_are_printed_last_and_crds_not_at_all() -> None:
    hook = CONFIG_MAP.replace("a}", "h, annotations: {helm.sh/hook: pre-install}}")
    files = {"Chart.yaml": CHART, "crds/x.yaml": "a: [", "templates/a.yaml": hook, "templates/b.yaml": CONFIG_MAP}
    assert [obj["metadata"]["name"] for obj in _rendered(files)] == ["a", "h"]


@pytest.mark.parametrize(
    ("more", "version"),
    [
        ((), "1.25.0"),
        (("--kube-version", "v1.28"), "1.28.0"),
        (("--kube-version", "1.30.2+k3s1"), "1.30.2+k3s1"),
        (("--kube-version", ""), "1.25.0"),
    ],
)
def test_templates_see_the_version_in_full(more: tuple[str, ...], version: str) -> None:
    template = CONFIG_MAP + "data: {v: '{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.KubeVersion }}'}\n"
    assert _rendered({"Chart.yaml": CHART, "templates/a.yaml": template}, *more)[0]["data"] == {"v": f"{version} {version}"}


@pytest.mark.parametrize(
    ("given", "more", "words"),
    [
        pytest.param(_given({"a.yaml": CONFIG_MAP}), ("--kube-version", "new"), "invalid kubeVersion: new", id="a version"),
        pytest.param(
            _given({"a.yaml": CONFIG_MAP}, sha256sum="0" * 64), (), "Content s-1 does not match its sha256sum", id="changed content"
        ),
        pytest.param(_given({"a.yaml": CONFIG_MAP}, content="AAAA"), (), "Content s-1 can't be read", id="content that is none"),
        pytest.param(_given({"a.yaml": "{kind: A}\n"}), (), "a.yaml: json: line 1 column 2: ", id="a file of the bundle"),
        pytest.param("kind: Namespace\n", (), "holds no BundleDeployment", id="no deployment"),
    ],
)
def test_what_can_not_be_rendered_is_refused_with_its_cause(given: str, more: tuple[str, ...], words: str) -> None:
    result = _deploy(given, *more)
    assert result.exit_code == 1
    assert words in result.output
