"""Mirrors of repositories: one for all who ask, mended when they are damaged, bounded in what they hold and give."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.objects.tree import walk
from extension.sources.mirror import Bounds
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.servers import Server


def test_one_mirror_serves_every_spelling_of_a_url(repository: Repository, server: Server, sources: Sources) -> None:
    commit = sources.git.latest(f"{server.url}/app.git", "main")
    sources.git.tree(f"{server.url}/app.git", commit)
    fetches = len([1 for method, path, _ in server.asked if path.endswith("git-upload-pack") and method == "POST"])
    tree = sources.git.tree(f"http://LOCALHOST:{server.port}/app.git/", commit)
    assert tree.read("README.md") == b"# read me\n"
    assert len(list((sources.folder / "mirrors").glob("*.git"))) == 1
    assert len([1 for method, path, _ in server.asked if path.endswith("git-upload-pack") and method == "POST"]) == fetches


def test_many_threads_that_want_one_commit_fetch_it_once(repository: Repository, server: Server, sources: Sources) -> None:
    url = f"{server.url}/app.git"
    commit = sources.git.latest(url, "main")
    asked = len(server.asked)
    read: list[bytes] = []

    def work() -> None:
        read.append(sources.git.tree(url, commit).read("README.md"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert read == [b"# read me\n"] * 8
    assert len([path for _, path, _ in server.asked[asked:] if "service=git-upload-pack" in path]) == 1


@pytest.mark.parametrize("damage", ["objects", "HEAD", "blob", "empty packs"])
def test_a_damaged_mirror_is_fetched_again(repository: Repository, server: Server, sources: Sources, damage: str) -> None:
    url = f"{server.url}/app.git"
    commit = sources.git.latest(url, "main")
    sources.git.tree(url, commit).close()
    (mirror,) = (sources.folder / "mirrors").glob("*.git")
    if damage == "objects":
        shutil.rmtree(mirror / "objects")
    elif damage == "HEAD":
        (mirror / "HEAD").unlink()
    else:
        for pack in (*(mirror / "objects").rglob("*.pack"), *(p for p in (mirror / "objects").rglob("*") if p.is_file())):
            pack.chmod(0o600)
            pack.write_bytes(b"" if damage == "empty packs" else pack.read_bytes()[: pack.stat().st_size // 2])
    for _ in range(2):
        try:
            assert sources.git.tree(url, commit).read("README.md") == b"# read me\n"
            break
        except Unavailable as error:
            assert "will be fetched again" in str(error)
    assert sources.git.tree(url, commit).read("README.md") == b"# read me\n"


def test_a_file_over_the_limit_is_refused_only_when_it_is_read(
    repository: Repository, server: Server, make_sources: Callable[..., Sources]
) -> None:
    commit = repository.commit({"big.bin": b"x" * 1001})
    tree = make_sources(max_file_size=1000).git.tree(f"{server.url}/app.git", commit)
    assert tree.read("README.md") == b"# read me\n"
    with pytest.raises(Invalid, match=r"big.bin: the file has 1001 bytes, more than the 1000 allowed"):
        tree.read("big.bin")


def test_more_files_than_allowed_are_refused_but_a_folder_within_the_limit_is_read(
    repository: Repository, server: Server, make_sources: Callable[..., Sources]
) -> None:
    commit = repository.commit({f"many/{i // 50}/{i}.yaml": "x: 1\n" for i in range(300)})
    git = make_sources(max_files=100).git
    assert git.tree(f"{server.url}/app.git", commit).read("app/cm.yaml") == b"kind: ConfigMap\n"
    with pytest.raises(Invalid, match="more than 100 files and folders"):
        list(walk(git.tree(f"{server.url}/app.git", commit), ""))


def test_a_tree_that_repeats_itself_does_not_exhaust_the_service(
    repository: Repository, server: Server, make_sources: Callable[..., Sources]
) -> None:
    tree = repository.git("rev-parse", "HEAD:app")
    for _ in range(12):
        lines = "\n".join(f"040000 tree {tree}\td{i}" for i in range(10))
        tree = _mktree(repository, lines)
    commit = repository.git("commit-tree", "-m", "bomb", tree)
    repository.git("update-ref", "refs/heads/bomb", commit)
    repository.push("refs/heads/bomb")
    git = make_sources(max_files=2000).git
    started = time.monotonic()
    with pytest.raises(Invalid, match="more than 2000 files and folders"):
        list(walk(git.tree(f"{server.url}/app.git", commit), ""))
    assert time.monotonic() - started < 20


def _mktree(repository: Repository, lines: str) -> str:
    return subprocess.run(
        ["git", "mktree"], cwd=repository.work, input=lines + "\n", check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_mirror_in_which_a_git_was_killed_is_fetched_into_again(repository: Repository, server: Server, sources: Sources) -> None:
    url = f"{server.url}/app.git"
    sources.git.tree(url, sources.git.latest(url, "main")).close()
    (mirror,) = (sources.folder / "mirrors").glob("*.git")
    commit = repository.commit({"later.yaml": "a: b"})
    for left in ("shallow.lock", f"refs/kept/{commit}.lock"):
        (mirror / left).touch()
    tree = sources.git.tree(url, sources.git.latest(url, "main"))
    assert tree.read("later.yaml") == b"a: b"
    tree.close()


def test_old_commits_and_mirrors_make_room(
    repository: Repository, root: Path, server: Server, make_sources: Callable[..., Sources]
) -> None:
    Repository(root, "second.git").commit({"a": "b"})
    git = make_sources(bounds=Bounds(mirrors=1, commits=2)).git
    first = f"{server.url}/app.git"
    for number in range(4):
        repository.commit({"n": str(number)})
        git.tree(first, git.latest(first, "main")).close()
    (mirror,) = (make_sources().folder / "mirrors").glob("*.git")
    assert len(list((mirror / "refs" / "kept").iterdir())) == 2
    git.tree(f"{server.url}/second.git", git.latest(f"{server.url}/second.git", "main")).close()
    assert len(list(mirror.parent.glob("*.git"))) == 1
    assert git.tree(first, git.latest(first, "main")).read("n") == b"3"


def test_a_repository_over_the_limit_is_refused_before_it_fills_the_disk(
    repository: Repository, server: Server, make_sources: Callable[..., Sources]
) -> None:
    commit = repository.commit({"big.bin": os.urandom(3_000_000)})
    sources = make_sources(max_pack=1024 * 1024)
    with pytest.raises(Invalid, match="the repository is larger than the 1048576 bytes allowed"):
        sources.git.tree(f"{server.url}/app.git", commit)
    assert sum(path.stat().st_size for path in sources.folder.rglob("*") if path.is_file()) < 2_000_000
