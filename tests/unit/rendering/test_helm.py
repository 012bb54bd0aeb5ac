"""One test for each thing that is reached behind the SDK's public face, and for the words of errors."""

from pathlib import Path

import msgspec
import pytest

from extension.objects.errors import Invalid, NotFound, Unavailable
from extension.rendering import archives, versions
from extension.rendering.helm import ChartRequest, NativeHelm

HELM = NativeHelm()
CHART = b"apiVersion: v2\nname: c\nversion: 1.0.0\n"
SCHEMA = b'{"type": "object", "properties": {"port": {"type": "integer"}}}'


def _render(template: str, extra: dict[str, bytes] | None = None, **given: object) -> str:
    request = ChartRequest({"Chart.yaml": CHART, "templates/a.yaml": template.encode(), **(extra or {})}, "rel", "ns")
    return HELM.render(msgspec.structs.replace(request, **given)).templates["c/templates/a.yaml"]


@pytest.mark.parametrize(
    ("template", "given", "want"),
    [
        pytest.param("{{ .Capabilities.KubeVersion.Version }}", {"kube_version": "v1.30.2"}, "v1.30.2", id="kube-version"),
        pytest.param("{{ .Capabilities.KubeVersion.Version }}", {"kube_version": "1.30.2"}, "1.30.2", id="kube-version-of-a-dry-run"),
        pytest.param("{{ .Capabilities.KubeVersion.Minor }}", {"kube_version": "1.30.2"}, "30", id="minor-of-a-dry-run"),
        pytest.param(
            "a {{ .Capabilities.KubeVersion }} b", {"kube_version": "1.30.2+k3s1"}, "a 1.30.2+k3s1 b", id="all-of-it-in-a-dry-run"
        ),
        pytest.param("{{ .Capabilities.KubeVersion }}", {"kube_version": "v1.30.2"}, "v1.30.2", id="all-of-it"),
        pytest.param('{{ .Capabilities.APIVersions.Has "x/v1" }}', {"api_versions": ("x/v1",)}, "true", id="api-versions"),
        pytest.param('{{ .Capabilities.APIVersions.Has "x/v1" }}', {}, "false", id="api-versions-default"),
        pytest.param("{{ .Release.Namespace | quote }}", {"namespace": ""}, '""', id="no-namespace"),
        pytest.param("{{ .Release.IsInstall }} {{ .Release.Revision }}", {}, "true 1", id="install"),
        pytest.param("{{ .Release.IsUpgrade }} {{ .Release.Revision }}", {"is_upgrade": True, "revision": 7}, "true 7", id="upgrade"),
        pytest.param('{{ getHostByName "localhost" }}', {"disable_dns": True}, "", id="dns-off"),
        pytest.param('{{ getHostByName "localhost" | empty }}', {}, "false", id="dns-on"),
        pytest.param('{{ (lookup "v1" "Secret" "a" "b") | empty }}', {}, "true", id="lookup-finds-nothing"),
    ],
)
def test_an_option_arrives_in_the_templates(template: str, given: dict[str, object], want: str) -> None:
    assert _render(template, **given) == want


def test_a_dry_run_looks_the_same_to_subcharts_and_leaves_no_trace() -> None:
    files = {
        "Chart.yaml": CHART,
        "charts/s/Chart.yaml": CHART.replace(b"c\n", b"s\n"),
        "charts/s/templates/a": b"{{ .Release.Namespace }}|",
    }
    rendering = HELM.render(ChartRequest(files, "rel", kube_version="1.30.0"))
    assert rendering.templates == {"c/charts/s/templates/a": "|"}


def test_values_are_checked_against_the_schema_unless_told_not_to() -> None:
    packed = archives.archive({"Chart.yaml": CHART.replace(b"c\n", b"sub\n"), "values.schema.json": SCHEMA}, "sub")
    for extra, values in (({"values.schema.json": SCHEMA}, {"port": "x"}), ({"charts/sub.tgz": packed}, {"sub": {"port": "x"}})):
        with pytest.raises(Invalid, match="got string, want integer"):
            _render("a", extra, values=values)
        assert _render("a", extra, values=values, skip_schema_validation=True) == "a"


@pytest.mark.parametrize(
    ("constraint", "version", "taken"),
    [
        (">=1.30.0-0", "v1.36.0", True),
        ("<1.30.0-0", "v1.36.0", False),
        (">=1.21.0", "v1.30.2-gke.1", False),
        (">=1.21.0-0", "v1.30.2-gke.1", True),
        ("nonsense", "v1.30.0", False),
    ],
)
def test_a_charts_kube_version_is_held_against_the_clusters(constraint: str, version: str, taken: bool) -> None:
    files = {"Chart.yaml": CHART + f'kubeVersion: "{constraint}"\n'.encode()}
    request = ChartRequest(files, "rel", kube_version=version)
    if taken:
        assert HELM.render(request).metadata["kubeVersion"] == constraint
        return
    with pytest.raises(Invalid, match=r"chart requires kubeVersion: .* which is incompatible with Kubernetes"):
        HELM.render(request)


def test_a_report_that_repeats_itself_is_cut() -> None:
    with pytest.raises(Invalid) as error:
        _render('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}')
    assert len(str(error.value)) < 2200
    assert "nested reference name: a" in str(error.value)


@pytest.mark.parametrize(
    ("constraint", "want"),
    [
        ("", "2.0.0"),
        ("*", "2.0.0"),
        ("1.x", "1.10.0"),
        (">= 1.0, < 2", "1.10.0"),
        ("^1.2", "1.10.0"),
        ("~1.2.0", "1.2.3"),
        (">=2.0.0-0", "2.1.0-rc.10"),
        ("v1.2.3", "1.2.3"),
        ("2.1.0-rc.9", "2.1.0-rc.9"),
        ("1.2 - 1.3 || 2", "2.0.0"),
    ],
)
def test_a_constraint_means_the_version_helm_takes(constraint: str, want: str) -> None:
    known = ("1.2.3", "latest", "1.10.0", "2.1.0-rc.10", "2.0.0", "2.1.0-rc.9", "1.9.9")
    assert versions.resolve(constraint, known, HELM.satisfying) == want


def test_a_constraint_that_nothing_meets_or_that_is_none_is_an_error() -> None:
    with pytest.raises(NotFound, match=r"no chart version found for '3\.x' among 1 versions"):
        versions.resolve("3.x", ("1.0.0",), HELM.satisfying)
    with pytest.raises(Invalid, match="'abc' is no version constraint"):
        versions.resolve("abc", (), HELM.satisfying)


@pytest.mark.parametrize(
    ("version", "want"),
    [
        ("v1.30.2", "1.30.2"),
        ("1.30.2", "1.30.2"),
        ("v1.28", "1.28.0"),
        ("1", "1.0.0"),
        ("v1.30.2-rc.1+k3s1", "1.30.2-rc.1+k3s1"),
        ("v1.30+x", "1.30.0+x"),
    ],
)
def test_a_kubernetes_version_is_shown_in_full(version: str, want: str) -> None:
    assert versions.full(version) == want


@pytest.mark.parametrize("version", ["", "x", "v", "1.x", "1.2.3.4", "v1.30.2 "])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(Invalid, match=f"invalid kubeVersion: {version}"):
        versions.full(version)


def _chart(folder: Path, repository: str) -> str:
    folder.mkdir()
    dependency = f"dependencies: [{{name: kid, version: 0.1.x, repository: '{repository}'}}]\n"
    (folder / "Chart.yaml").write_bytes(CHART + dependency.encode())
    return str(folder)


def test_a_dependency_in_a_folder_is_packed_and_locked(tmp_path: Path) -> None:
    (tmp_path / "kid").mkdir()
    (tmp_path / "kid" / "Chart.yaml").write_text("apiVersion: v2\nname: kid\nversion: 0.1.4\n")
    HELM.update_dependencies(_chart(tmp_path / "parent", "file://../kid"))
    assert set(archives.archive_files((tmp_path / "parent/charts/kid-0.1.4.tgz").read_bytes())) == {"kid/Chart.yaml"}
    assert "version: 0.1.4" in (tmp_path / "parent/Chart.lock").read_text()


@pytest.mark.parametrize(
    ("repository", "kind"), [("file://../none", Invalid), ("http://user:pa55@127.0.0.1:9/x", Unavailable)], ids=["folder", "repository"]
)
def test_a_dependency_that_can_not_be_had_is_named(tmp_path: Path, repository: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as error:
        HELM.update_dependencies(_chart(tmp_path / "parent", repository))
    said = str(error.value)
    assert all(word in said for word in ("chart c", "kid 0.1.x", "helm dependency update"))
    assert str(tmp_path) not in said
    assert "pa55" not in said


def test_a_folder_without_a_chart_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"there is no Chart\.yaml"):
        HELM.update_dependencies(str(tmp_path))
