"""A chart's dependencies: fetched, packed from beside it, or said to be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from extension.engine.charts import TreeCharts
from extension.objects.errors import Invalid, NotFound
from extension.rendering.archives import archive, archive_files
from extension.rendering.helm import NativeHelm
from extension.sources.charts import ChartArchive
from tests.fakes.tree import DictTree

HELM = NativeHelm()
KID = {"kid/Chart.yaml": "apiVersion: v2\nname: kid\nversion: 0.1.0\n", "kid/templates/a.yaml": "kind: A\n"}
REMOTE = "https://charts.example.org"


class Repository:
    """Charts by (name, repository); `asked` is what for."""

    def __init__(self, **charts):
        self.charts = charts
        self.asked = []

    def fetch(self, chart, repo="", version="", *, path=""):
        self.asked.append((chart, repo, version, path))
        return {"Chart.yaml": b"name: fetched"}

    def packed(self, chart, repo="", version="", *, path=""):
        self.asked.append((chart, repo, version, path))
        if chart not in self.charts:
            raise NotFound(f"no chart {chart}")
        return ChartArchive(self.charts[chart], archive({"Chart.yaml": f"name: {chart}".encode()}, chart))


def parent(*dependencies, **files):
    lines = "".join(f"- name: {name}\n  version: {version}\n  repository: {repository!r}\n" for name, version, repository in dependencies)
    chart = f"apiVersion: v2\nname: parent\nversion: 1.0.0\n{'dependencies:' if lines else ''}\n{lines}"
    return DictTree({"app/Chart.yaml": chart, **KID, **files})


def update(tree, repository=None, helm=HELM.update_dependencies):
    return TreeCharts(repository or Repository(), helm).update(tree, "app")


@pytest.mark.parametrize(
    "tree",
    [
        parent(),
        DictTree({"app/x.yaml": "a: 1"}),
        parent(("kid", "0.1.0", REMOTE), **{"app/charts/kid/Chart.yaml": "name: kid"}),
        parent(("kid", "0.1.0", REMOTE), **{"app/charts/kid-0.1.0.tgz": "x"}),
        parent(("kid", "^0.1", REMOTE), **{"app/charts/kid-0.1.7.tgz": "x"}),
    ],
    ids=["none", "no chart", "unpacked", "archive", "archive in the range"],
)
def test_a_chart_that_has_what_it_needs_gets_nothing(tree):
    repository = Repository()
    assert update(tree, repository) == {}
    assert repository.asked == []


def test_a_dependency_of_a_repository_is_fetched_with_the_credentials_of_its_folder():
    repository = Repository(kid="0.1.9")
    added = update(parent(("kid", "^0.1", REMOTE)), repository)
    assert list(added) == ["charts/kid-0.1.9.tgz"]
    assert repository.asked == [("kid", REMOTE, "^0.1", "app")]


def test_a_dependency_beside_the_chart_is_packed_by_helm_and_the_same_every_time():
    first, second = (update(parent(("kid", "0.1.0", "file://../kid"))) for _ in range(2))
    assert set(first) == {"charts/kid-0.1.0.tgz", "Chart.lock"}
    assert first == second, "no time of day is in it"
    assert archive_files(first["charts/kid-0.1.0.tgz"])["kid/templates/a.yaml"] == b"kind: A\n"


def test_both_kinds_together_without_a_lock_that_would_name_only_some():
    added = update(parent(("kid", "0.1.0", "file://../kid"), ("far", "1", REMOTE)), Repository(far="1.0.0"))
    assert set(added) == {"charts/kid-0.1.0.tgz", "charts/far-1.0.0.tgz"}


def test_a_dependency_that_is_there_already_is_not_asked_for_because_another_is_missing():
    repository = Repository()
    held = {"app/charts/far-1.0.0.tgz": archive({"Chart.yaml": b"apiVersion: v2\nname: far\nversion: 1.0.0\n"}, "far")}
    assert set(update(parent(("kid", "0.1.0", "file://../kid"), ("far", "1", REMOTE), **held), repository)) == {"charts/kid-0.1.0.tgz"}
    assert repository.asked == []


def test_a_chart_of_the_first_version_names_its_dependencies_in_a_file_of_their_own():
    wanted = "dependencies:\n- {name: kid, version: 0.1.0, repository: 'file://../kid'}\n"
    tree = DictTree({"app/Chart.yaml": "apiVersion: v1\nname: parent\nversion: 1.0.0\n", "app/requirements.yaml": wanted, **KID})
    assert "charts/kid-0.1.0.tgz" in update(tree)


@pytest.mark.parametrize(
    ("dependency", "error", "words"),
    [
        (("nobody", "1", REMOTE), NotFound, "chart parent in app: dependency nobody 1 of https://charts.example.org.*commit charts/"),
        (("kid", "1", "@mine"), Invalid, "dependency kid: repository @mine is a name of somebody's own Helm"),
        (("kid", "1", ""), Invalid, "dependency kid 1 is not in charts/.*helm dependency update app"),
        (("kid", "1", "file://../../kid"), Invalid, "lies outside the repository"),
        (("kid", "1", "file:///etc"), Invalid, "lies outside the repository"),
        (("kid", "9.9.9", "file://../kid"), Invalid, "chart parent in app.*commit charts/"),
    ],
    ids=["not there", "a name", "no repository", "outside", "absolute", "another version"],
)
def test_a_dependency_that_can_not_be_had_is_named_with_the_next_step(dependency, error, words):
    with pytest.raises(error, match=words):
        update(parent(dependency))


def test_what_helm_did_is_not_left_on_the_disk():
    folders = []

    def helm(folder):
        folders.append(folder)
        HELM.update_dependencies(folder)

    update(parent(("kid", "0.1.0", "file://../kid")), helm=helm)
    assert len(folders) == 1 and not Path(folders[0]).exists()


def test_a_chart_is_fetched_as_it_is_asked_for():
    repository = Repository()
    assert TreeCharts(repository, HELM.update_dependencies).fetch("c", REMOTE, "1", path="app") == {"Chart.yaml": b"name: fetched"}
    assert repository.asked == [("c", REMOTE, "1", "app")]
