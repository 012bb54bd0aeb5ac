"""A try of the way to a repository: which hops are told as passed, and what a workspace's rules keep from being tried."""

from __future__ import annotations

import itertools

import pytest

from extension.engine.connections import MOST, Connections
from extension.engine.turns import Turns
from extension.objects.base import ObjectMeta
from extension.objects.connection import References
from extension.objects.errors import Busy, Forbidden, Hop, Invalid, Unavailable, UserError
from extension.objects.kinds import GitRepo, GitRepoRestriction, GitRepoSpec
from extension.store.sql import SqlStore
from tests.fakes.sources import DictSources
from tests.unit.engine.samples import NS

URL = "https://git.example.org/web.git"


def gitrepo(**spec: object) -> GitRepo:
    return GitRepo(metadata=ObjectMeta(name="r", namespace=NS), spec=GitRepoSpec(repo=URL, **spec))  # type: ignore[arg-type]


@pytest.fixture
def sources() -> DictSources:
    found = DictSources()
    found.commit(URL, {"a/x.yaml": "", "b/fleet.yaml": ""})
    return found


def states(store: SqlStore, sources: DictSources, *, paths: bool = False, **spec: object) -> str:
    """The hops by the first letters of their states."""
    return "".join(step.state[0] for step in Connections(store, sources).test(gitrepo(**spec), paths).steps)


def test_all_that_is_there_is_told(store: SqlStore, sources: DictSources) -> None:
    report = Connections(store, sources).test(gitrepo(branch="main"), with_paths=True)
    assert (report.works, report.default_branch, report.branches, report.commit) == (True, "main", ("main",), f"{1:040x}")
    assert [str(path) for path in report.paths] == ["a (manifests)", "b (fleet.yaml)"]
    assert [step.hop for step in report.steps][-2:] == ["revision", "files"]


def test_no_file_is_fetched_that_nobody_asked_for(store: SqlStore, sources: DictSources) -> None:
    assert Connections(store, sources).test(gitrepo(), with_paths=False).paths == ()
    assert sources.fetched == []


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unavailable("", hop="address"), "fuuuuu"),
        (Forbidden(""), "fuuuuu"),
        (Unavailable("", hop="proxy"), "fuuuuu"),
        (Unavailable("", hop="connection"), "pfuuuu"),
        (Unavailable("", hop="identity"), "ppfuuu"),
        (Unavailable("", hop="credentials"), "pppfuu"),
        (Unavailable("", hop="repository"), "ppppfu"),
        (Unavailable(""), "ppppfu"),
        (Invalid("", field="spec.caBundle"), "uufuuu"),
        (Invalid("", field="spec.clientSecretName"), "uuufuu"),
        (Invalid("", field="data.ssh-privatekey"), "uuufuu"),
    ],
)
def test_the_hop_that_failed_is_told_and_only_what_was_passed_before_it(
    store: SqlStore, sources: DictSources, error: UserError, expected: str
) -> None:
    sources.refused = error
    assert states(store, sources) == expected


def test_a_branch_that_is_not_there_leaves_what_was_found(store: SqlStore, sources: DictSources) -> None:
    sources.lost = Unavailable("branch x does not exist", hop="revision")
    report = Connections(store, sources).test(gitrepo(branch="x"), with_paths=True)
    assert "".join(step.state[0] for step in report.steps) == "pppppfu"
    assert (report.works, report.branches, report.steps[5].message) == (False, ("main",), "branch x does not exist")


@pytest.mark.parametrize("hop", ["connection", "", "repository"])
def test_files_that_can_not_be_read_are_told_as_such(store: SqlStore, sources: DictSources, hop: Hop) -> None:
    def cut() -> None:
        raise Unavailable("cut off", hop=hop)

    sources.meanwhile = cut
    assert states(store, sources, paths=True) == "ppppppf"


def test_what_is_listed_is_bounded_and_the_rest_counted(store: SqlStore, sources: DictSources) -> None:
    names = tuple(f"b{number}" for number in range(MOST + 3))
    sources.there = References(branches=names, tags=names[:2])
    sources.commit(URL, {f"p{number}/x.yaml": "" for number in range(7)})
    report = Connections(store, sources).test(gitrepo(), with_paths=True)
    assert (len(report.branches), report.more_branches, report.tags, report.more_tags) == (MOST, 3, names[:2], 0)
    assert (len(report.paths), report.more_paths) == (7, 0)


def test_what_the_workspace_does_not_allow_is_not_tried(store: SqlStore, sources: DictSources) -> None:
    rule = GitRepoRestriction(metadata=ObjectMeta(name="r", namespace=NS), allowed_repo_patterns=("https://other.example.org/.*",))
    store.create(rule)
    with pytest.raises(Forbidden) as caught:
        Connections(store, sources).test(gitrepo(), with_paths=False)
    assert (caught.value.field, sources.asked) == ("spec.repo", [])


def test_the_secret_that_the_workspaces_gitrepos_get_is_tried(store: SqlStore, sources: DictSources) -> None:
    store.create(GitRepoRestriction(metadata=ObjectMeta(name="r", namespace=NS), default_client_secret_name="theirs"))
    Connections(store, sources).test(gitrepo(), with_paths=False)
    assert sources.secrets == ["theirs"]


def test_only_so_many_are_tried_at_once(store: SqlStore, sources: DictSources) -> None:
    turns = Turns(at_once=1, of="connections")
    connections = Connections(store, sources, turns=turns)
    tried = itertools.count()

    def again() -> None:
        next(tried)
        with pytest.raises(Busy, match="too many connections"):
            connections.test(gitrepo(), with_paths=False)

    sources.meanwhile = again
    assert connections.test(gitrepo(), with_paths=True).works
    assert next(tried) == 1
