import pytest

from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions, HelmOptions, KustomizeOptions
from extension.rendering import archives, charts, style
from extension.rendering.style import Style

REMOTE = HelmOptions(chart="web", repo="https://charts.example.com", version="1.0.0")
FETCHED = style.fetched_chart_folder(REMOTE)


def _options(helm: HelmOptions | None = None, kustomize: str | None = None) -> BundleDeploymentOptions:
    return BundleDeploymentOptions(helm=helm, kustomize=None if kustomize is None else KustomizeOptions(dir=kustomize))


@pytest.mark.parametrize(
    ("names", "options", "want"),
    [
        pytest.param(["a.yaml"], _options(), Style(), id="plain"),
        pytest.param(["Chart.yaml"], _options(), Style("Chart.yaml"), id="chart-in-place"),
        pytest.param(["sub/Chart.yaml"], _options(), Style(), id="chart-below-is-not-it"),
        pytest.param(["sub/Chart.yaml"], _options(HelmOptions(chart="./sub/")), Style("sub/Chart.yaml"), id="chart-named"),
        pytest.param([f"{FETCHED}/Chart.yaml"], _options(REMOTE), Style(f"{FETCHED}/Chart.yaml"), id="fetched"),
        pytest.param([f"{FETCHED}/web/Chart.yaml"], _options(REMOTE), Style(f"{FETCHED}/web/Chart.yaml"), id="fetched-one-down"),
        pytest.param([f"{FETCHED}/web/charts/Chart.yaml"], _options(REMOTE), Style(), id="fetched-two-down"),
        pytest.param(["kustomization.yaml"], _options(), Style("", "kustomization.yaml"), id="kustomize"),
        pytest.param(["kustomization.yml"], _options(), Style(), id="the-other-spelling-is-not-seen"),
        pytest.param(["o/kustomization.yaml"], _options(kustomize="./o"), Style("", "o/kustomization.yaml"), id="kustomize-dir"),
        pytest.param(["Chart.yaml", "kustomization.yaml"], _options(), Style("Chart.yaml", "kustomization.yaml"), id="both"),
        pytest.param(["charts/x.tgz"], _options(HelmOptions(chart="charts/x.tgz")), Style(), id="an-archive-is-no-chart"),
    ],
)
def test_the_style_is_found(names: list[str], options: BundleDeploymentOptions, want: Style) -> None:
    assert style.determine(names, options) == want


def test_nested_bundles_and_charts_are_no_manifests() -> None:
    names = ["fleet.yaml", "a.yaml", "b.json", "c.txt", "n/fleet.yml", "n/x.yaml", "n/deep/y.yaml", "h/Chart.yaml", "h/t.yaml", "ok/z.yml"]
    found = charts.manifests(dict.fromkeys(names, b""))
    assert list(found) == ["raw-yaml/a.yaml", "raw-yaml/b.json", "raw-yaml/ok/z.yml"]


def test_only_templates_at_the_root_are_templates() -> None:
    chart = charts.build(
        "b", {"templates/a.yaml": b"", "templates/_h.tpl": b"", "x/templates/b.yaml": b"", "values.yaml": b""}, Style(), "s-1"
    )
    assert set(chart.files) == {"templates/a.yaml", "raw-yaml/x/templates/b.yaml", "raw-yaml/values.yaml"}
    assert chart.needs_helm


@pytest.mark.parametrize(
    ("commit", "version"),
    [("", "v0.0.0+s-1"), ("123456789012", "v0.0.0+s-1"), ("1234567890123", "v0.0.0+git-123456789012")],
    ids=["content", "short-commit", "commit"],
)
def test_a_made_up_chart_is_versioned_by_what_it_came_from(commit: str, version: str) -> None:
    chart = charts.build("x/name", {"a.yaml": b""}, Style(), "s-1", commit)
    assert chart.metadata == {"apiVersion": "v2", "name": "name", "version": version}
    assert not chart.needs_helm


def test_a_kustomization_alone_makes_an_empty_chart() -> None:
    chart = charts.build("k", {"kustomization.yaml": b"", "a.yaml": b""}, Style("", "kustomization.yaml"), "s-1")
    assert (chart.files, chart.needs_helm) == ({}, False)


def test_the_bundles_own_chart_is_moved_whole() -> None:
    chart = charts.build("k", {"c/Chart.yaml": b"1", "c/templates/a.txt": b"2", "cx": b"3", "a.yaml": b"4"}, Style("c/Chart.yaml"), "s-1")
    assert chart.files == {"Chart.yaml": b"1", "templates/a.txt": b"2"}
    assert chart.needs_helm


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", "a\0b"])
def test_a_path_that_leaves_the_bundle_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="leaves the bundle"):
        charts.check_path(path)


def test_an_archive_is_read_back_as_it_was() -> None:
    files = {"Chart.yaml": b"a", "templates/x.yaml": b"\xff"}
    assert archives.archive_files(archives.archive(files, "r")) == {f"r/{path}": data for path, data in files.items()}


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_UNPACKED", 10)
    with pytest.raises(Invalid, match="more than 10 bytes"):
        archives.archive_files(archives.archive({"a": b"x" * 11}))


def test_schemas_are_left_out_also_of_packed_subcharts() -> None:
    packed = archives.archive({"Chart.yaml": b"", "values.schema.json": b"{}"}, "sub")
    files = {"values.schema.json": b"{}", "charts/s/values.schema.json": b"{}", "files/values.schema.json": b"{}", "charts/sub.tgz": packed}
    kept = archives.without_schemas(files)
    assert set(kept) == {"files/values.schema.json", "charts/sub.tgz"}
    assert set(archives.archive_files(kept["charts/sub.tgz"])) == {"sub/Chart.yaml"}
