"""Charts from elsewhere among a bundle's files (fleet-semantics.md 2.5)."""

from __future__ import annotations

import hashlib

import pytest

from extension.bundles import Memo
from extension.bundles.loading import fetched_folder, is_remote
from extension.objects.options import HelmOptions
from tests.fakes.tree import DictTree
from tests.unit.bundles.apply import CHART, CM, Shelf, apply, only, refusal, resources

WEB = {"web/Chart.yaml": CHART.encode(), "web/values.yaml": b"a: 1", "web/templates/t.yaml": b"x"}
REMOTE = "helm: {repo: 'https://r', chart: web, version: 1.0.0}"
KEY = "web https://r 1.0.0"


def _folder(chart: str = "web", repo: str = "https://r", version: str = "1.0.0") -> str:
    return f".chart/{hashlib.sha256(f'{chart}:{repo}:{version}'.encode()).hexdigest()}"


def _fetched(chart: dict[str, bytes], options: str = REMOTE, shelf: Shelf | None = None) -> list[str]:
    bundle = only({"a/fleet.yaml": options}, charts=shelf or Shelf({KEY: chart}))
    return [name.removeprefix(f"{_folder()}/") for name in resources(bundle)]


def test_a_chart_lies_in_a_folder_of_its_own() -> None:
    assert fetched_folder(HelmOptions(chart="web", repo="https://r", version="1.0.0")) == _folder()
    shelf = Shelf({KEY: WEB})
    bundle = only({"a/fleet.yaml": REMOTE, "a/x.yaml": CM}, charts=shelf)
    assert resources(bundle) == [f"{_folder()}/web/{name}" for name in ("Chart.yaml", "templates/t.yaml", "values.yaml")] + ["x.yaml"]
    assert shelf.asked == [f"{KEY} for a"]


@pytest.mark.parametrize(
    ("more", "options", "gone"),
    [
        pytest.param({"web/.helmignore": b"x", "web/.git/x": b"x"}, REMOTE, {"web/.helmignore", "web/.git/x"}, id="hidden files"),
        pytest.param({".fleetignore": b"*.md", "web/README.md": b"x"}, REMOTE, {".fleetignore", "web/README.md"}, id="what it ignores"),
        pytest.param({"fleet.yaml": b"x", "web/fleet.yaml": b"x"}, REMOTE, {"fleet.yaml"}, id="a fleet.yaml at its root"),
        pytest.param({"v.yaml": b"x"}, REMOTE[:-1] + ", valuesFiles: [v.yaml]}", {"v.yaml"}, id="values files by name"),
    ],
)
def test_its_files_are_chosen_as_those_of_a_folder(more: dict[str, bytes], options: str, gone: set[str]) -> None:
    tree = {"a/fleet.yaml": options, "a/v.yaml": ""}
    bundle = only(tree, charts=Shelf({KEY: {**WEB, **more}}))
    left = {name.removeprefix(f"{_folder()}/") for name in resources(bundle)} - {"v.yaml"}
    assert {*WEB, *more} - left == gone


def test_its_dependencies_are_updated_unless_the_root_says_no() -> None:
    chart = {**WEB, "web/Chart.yaml": CHART.encode() + b"dependencies: [{name: d}]\n"}
    shelf = Shelf({KEY: chart}, {"a/web": {"charts/d.tgz": b"\xff"}})
    assert "web/charts/d.tgz" in _fetched(chart, shelf=shelf)
    assert _fetched(chart, REMOTE[:-1] + ", disableDependencyUpdate: true}", shelf) == sorted(chart)
    assert shelf.asked.count("update a/web") == 1


def test_a_chart_of_several_targets_is_fetched_once_a_version() -> None:
    shelf = Shelf({KEY: WEB, "web https://r 2.0.0": WEB})
    options = f"{REMOTE}\ntargets: [{{helm: {{values: {{a: 1}}}}}}, {{helm: {{version: 2.0.0}}}}, {{name: none}}]"
    assert len(resources(only({"a/fleet.yaml": options}, charts=shelf))) == 2 * len(WEB)
    assert shelf.asked == [f"{KEY} for a", "web https://r 2.0.0 for a"]


def test_a_chart_that_can_not_be_fetched_refuses_the_bundle() -> None:
    assert "no chart web https://r 1.0.0" in refusal({"a/fleet.yaml": REMOTE, "a/x.yaml": CM})


@pytest.mark.parametrize(
    ("chart", "repo", "remote"),
    [
        ("c", "", False),
        ("./c", "", False),
        ("c/", "", False),
        ("/c", "", False),
        (".", "", False),
        ("..", "", False),
        ("../b/c", "", False),
        ("c.tgz", "", False),
        ("l", "", False),
        ("none", "", True),
        ("c/none", "", True),
        ("https://x/c.tgz", "", True),
        ("git::https://x//c", "", True),
        ("oci://x/c", "", True),
        ("c", "https://r", True),
    ],
)
def test_a_chart_is_fetched_when_nothing_lies_at_its_path(chart: str, repo: str, remote: bool) -> None:
    tree = DictTree({"a/c/Chart.yaml": "", "b/c/Chart.yaml": "", "a/c.tgz": b""}, {"a/l": "c"})
    assert is_remote(tree, "a", HelmOptions(chart=chart, repo=repo)) is remote


DEPENDING = CHART + "dependencies: [{name: d, version: 1.0.0, repository: 'file://../lib'}]\n"


@pytest.mark.parametrize(
    ("tree", "links", "kept"),
    [
        pytest.param({"a/x.yaml": CM}, {}, True, id="manifests"),
        pytest.param({"a/Chart.yaml": CHART}, {}, True, id="a chart without dependencies"),
        pytest.param(
            {"a/fleet.yaml": "helm: {chart: ., valuesFiles: [v.yaml]}", "a/Chart.yaml": CHART, "a/v.yaml": ""}, {}, True, id="values"
        ),
        pytest.param({"a/fleet.yaml": REMOTE}, {}, False, id="a chart from elsewhere"),
        pytest.param({"a/Chart.yaml": DEPENDING}, {}, False, id="a chart with dependencies"),
        pytest.param({"a/Chart.yaml": DEPENDING, "a/big": "0123456789" * 100_000}, {}, False, id="a packed one"),
        pytest.param({"a/.c/Chart.yaml": DEPENDING, "a/x.yaml": CM}, {}, False, id="a hidden one"),
        pytest.param(
            {"a/fleet.yaml": "targets: [{helm: {valuesFiles: [../v.yaml]}}]", "a/x.yaml": CM, "v.yaml": ""}, {}, False, id="above"
        ),
        pytest.param({"a/x.yaml": CM, "f.yaml": ""}, {"a/fleet.yaml": "../f.yaml"}, False, id="a link to options"),
        pytest.param(
            {"a/fleet.yaml": "targets: [{helm: {valuesFiles: [v.yaml]}}]", "a/x.yaml": CM, "w": ""},
            {"a/v.yaml": "../w"},
            False,
            id="or to values",
        ),
    ],
)
def test_only_what_a_folder_gives_by_itself_is_remembered_for_the_next_commit(
    tree: dict[str, str], links: dict[str, str], kept: bool
) -> None:
    memo = Memo()
    first = apply(tree, links, charts=Shelf({KEY: WEB}), memo=memo)
    second = apply(tree, links, charts=Shelf({KEY: WEB}), memo=memo)
    assert first.bundles == second.bundles != ()
    assert (first.bundles[0] is second.bundles[0]) is kept


def test_a_changed_folder_or_another_order_is_read_again() -> None:
    memo = Memo()
    first = apply({"a/x.yaml": CM}, memo=memo).bundles[0]
    assert apply({"a/x.yaml": CM, "b/y.yaml": CM}, memo=memo).bundles[0] is first
    assert apply({"a/x.yaml": CM}, memo=memo, paused=True).bundles[0].spec.paused
    assert apply({"a/x.yaml": CM + "#"}, memo=memo).bundles[0] != first


@pytest.mark.parametrize(
    ("target", "namespace"),
    [("../common/fleet.yaml", "shared"), ("other.yaml", "own"), ("../linked/fleet.yaml", "shared")],
)
def test_options_may_be_a_link_within_the_repository(target: str, namespace: str) -> None:
    tree = {"a/x.yaml": CM, "a/other.yaml": "namespace: own", "common/fleet.yaml": "namespace: shared"}
    assert only(tree, {"a/fleet.yaml": target, "linked": "common"}).spec.namespace == namespace


def test_values_and_ignored_names_may_be_links_too() -> None:
    tree = {"a/fleet.yaml": "targets: [{helm: {valuesFiles: [v.yaml]}}]", "a/x.yaml": CM, "a/y.yaml": CM, "v": "k: 1", "i": "y.yaml"}
    bundle = only(tree, {"a/v.yaml": "../v", "a/.fleetignore": "../i"})
    assert [target.helm.values for target in bundle.spec.targets if target.helm] == [{"k": 1}]
    assert resources(bundle) == ["x.yaml"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../x", "fleet.yaml"])
def test_options_that_are_a_link_out_of_the_repository_are_refused(target: str) -> None:
    message = refusal({"a/x.yaml": CM}, {"a/fleet.yaml": target})
    assert "escapes" in message or "too many links" in message
