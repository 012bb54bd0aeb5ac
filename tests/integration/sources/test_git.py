"""Git repositories: what is newest, what is in it, and what is not there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.objects.tree import Entry, EntryType, walk
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import git_daemon
from tests.integration.sources.servers import Server


def test_a_branch_is_resolved_fetched_and_read(repository: Repository, server: Server, sources: Sources) -> None:
    url = f"{server.url}/app.git"
    commit = sources.git.latest(url, "main")
    assert commit == repository.git("rev-parse", "HEAD")
    tree = sources.git.tree(url, commit)
    assert tree.entries("") == (Entry("README.md", EntryType.FILE, 10), Entry("app", EntryType.FOLDER))
    assert tree.read("app/fleet.yaml") == b"namespace: app\n"
    assert [path for path, _ in walk(tree, "app")] == ["app/cm.yaml", "app/fleet.yaml"]


def test_a_new_commit_is_seen_and_only_the_digests_of_its_folders_change(repository: Repository, server: Server, sources: Sources) -> None:
    url = f"{server.url}/app.git"
    repository.commit({"other/cm.yaml": "a: 1\n"})
    before = sources.git.tree(url, sources.git.latest(url, "main"))
    repository.commit({"other/cm.yaml": "a: 2\n"})
    after = sources.git.tree(url, sources.git.latest(url, "main"))
    assert after.digest("app") == before.digest("app") != ""
    assert after.digest("other") != before.digest("other")
    assert after.digest("") != before.digest("")
    assert after.read("other/cm.yaml") == b"a: 2\n"
    assert before.read("other/cm.yaml") == b"a: 1\n"


def test_an_empty_branch_means_master(repository: Repository, server: Server, sources: Sources) -> None:
    with pytest.raises(Unavailable, match=r"branch master does not exist \(spec.branch is empty, which means master\) \(there is main\)"):
        sources.git.latest(f"{server.url}/app.git")
    repository.push("master")
    assert sources.git.latest(f"{server.url}/app.git") == repository.git("rev-parse", "HEAD")


@pytest.mark.parametrize("annotated", [True, False], ids=["annotated", "lightweight"])
def test_a_tag_names_its_commit_and_wins_over_the_branch(repository: Repository, server: Server, sources: Sources, annotated: bool) -> None:
    tagged = repository.git("rev-parse", "HEAD")
    repository.git("tag", *(("-a", "-m", "x") if annotated else ()), "v1.0.0")
    repository.push("refs/tags/v1.0.0")
    repository.commit({"app/cm.yaml": "changed\n"})
    assert sources.git.latest(f"{server.url}/app.git", "main", "v1.0.0") == tagged


def test_a_full_hash_is_the_commit_without_asking(repository: Repository, server: Server, sources: Sources) -> None:
    old = repository.git("rev-parse", "HEAD")
    repository.commit({"app/cm.yaml": "changed\n"})
    assert sources.git.latest(f"{server.url}/app.git", "main", old.upper()) == old
    assert server.asked == []
    assert sources.git.tree(f"{server.url}/app.git", old).read("app/cm.yaml") == b"kind: ConfigMap\n"


@pytest.mark.parametrize(
    ("branch", "revision", "message"),
    [
        ("nope", "", "branch nope does not exist .there is main."),
        ("", "v9", "tag v9 does not exist"),
        ("main", "0" * 39, "tag 0{39} does not exist"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    repository: Repository, server: Server, sources: Sources, branch: str, revision: str, message: str
) -> None:
    with pytest.raises(Unavailable, match=f"{server.url}/app.git: {message}"):
        sources.git.latest(f"{server.url}/app.git", branch, revision)


@pytest.mark.parametrize("branch", ["-x", "a b", "a..b", "a~1", "--upload-pack=x", "a\nb"])
def test_a_name_git_does_not_take_is_refused_before_anything_runs(server: Server, sources: Sources, branch: str) -> None:
    with pytest.raises(Invalid, match="is not the name of a branch"):
        sources.git.latest(f"{server.url}/app.git", branch)
    assert server.asked == []


def test_a_commit_the_server_does_not_have_is_named(repository: Repository, server: Server, sources: Sources) -> None:
    with pytest.raises(Unavailable, match=r"the server does not have commit 1{40}"):
        sources.git.tree(f"{server.url}/app.git", "1" * 40)


def test_git_protocol_serves_the_same(repository: Repository, root: Path, sources: Sources) -> None:
    with git_daemon(root) as port:
        url = f"git://localhost:{port}/app.git"
        commit = sources.git.latest(url, "main")
        assert sources.git.tree(url, commit).read("README.md") == b"# read me\n"


def test_a_folder_on_disk_is_read_only_when_allowed(repository: Repository, make_sources: Callable[..., Sources]) -> None:
    url = f"file://{repository.bare}"
    with pytest.raises(Invalid, match="file:// is not allowed"):
        make_sources().git.latest(url, "main")
    allowed = make_sources(allow_file=True).git
    assert allowed.tree(url, allowed.latest(url, "main")).read("README.md") == b"# read me\n"


def test_links_are_told_and_executables_are_files(repository: Repository, server: Server, sources: Sources) -> None:
    (repository.work / "link").symlink_to("app/cm.yaml")
    (repository.work / "run.sh").write_text("#!/bin/sh\n")
    (repository.work / "run.sh").chmod(0o755)
    commit = repository.commit({})
    tree = sources.git.tree(f"{server.url}/app.git", commit)
    assert tree.link("link") == "app/cm.yaml"
    assert {entry.name: entry.type for entry in tree.entries("")}["run.sh"] is EntryType.FILE
    for path in ("link", "app", "none", "README.md/x", "../x"):
        with pytest.raises(FileNotFoundError):
            tree.read(path)
    with pytest.raises(FileNotFoundError):
        tree.link("README.md")
    assert tree.entries("none") == tree.entries("README.md") == ()


def test_submodules_are_read_where_somebody_looks(
    repository: Repository, server: Server, sources: Sources, make_repository: Callable[[str], Repository]
) -> None:
    inner = make_repository("lib.git")
    pinned = inner.commit({"chart/Chart.yaml": "name: lib\n"})
    inner.commit({"chart/Chart.yaml": "name: newer\n"})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{pinned},vendor/lib")
    (repository.work / ".gitmodules").write_text('[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib.git\n')
    repository.git("add", ".gitmodules")
    repository.git("commit", "-q", "-m", "submodule")
    repository.push("main")
    tree = sources.git.tree(f"{server.url}/app.git", repository.git("rev-parse", "HEAD"))
    assert tree.read("vendor/lib/chart/Chart.yaml") == b"name: lib\n"
    assert [entry.name for entry in tree.entries("vendor/lib")] == ["chart"]
    assert tree.digest("vendor/lib").endswith(pinned)
