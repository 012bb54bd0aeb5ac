"""Git servers that hang, lie or can't be reached, and machines without git or room: an error that says why, in time."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from extension.objects.errors import Forbidden, Unavailable
from extension.sources.reach import Reach
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import git_daemon
from tests.integration.sources.servers import Server, dripping_server, files, silent_server


@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_server_that_hangs_ends_in_an_error_within_the_timeout(make_sources: Callable[..., Sources], scheme: str) -> None:
    sources = make_sources(timeout=1.5)
    with silent_server() as port:
        started = time.monotonic()
        with pytest.raises(Unavailable, match=r"no answer within 1.5 s"):
            sources.git.latest(f"{scheme}://localhost:{port}/app.git", "main")
        assert time.monotonic() - started < 4


def test_a_server_that_drips_bytes_ends_in_an_error_within_the_timeout(make_sources: Callable[..., Sources]) -> None:
    sources = make_sources(timeout=1.0)
    with dripping_server() as port:
        started = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within"):
            sources.git.latest(f"http://localhost:{port}/app.git", "main")
        assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost:1/app.git", "can't connect"),
        ("git://localhost:1/app.git", "can't be reached"),
        ("http://no-such-host.invalid/app.git", "host no-such-host.invalid is unknown"),
        ("git://no-such-host.invalid/app.git", "host no-such-host.invalid is unknown"),
    ],
)
def test_what_can_not_be_reached_says_why(sources: Sources, url: str, message: str) -> None:
    with pytest.raises(Unavailable, match=message) as caught:
        sources.git.latest(url, "main")
    assert caught.value.where == url
    assert caught.value.hint


def test_a_web_page_is_no_repository(sources: Sources, serving: Callable[[Server], Server]) -> None:
    server = serving(files({"/app.git/info/refs": b"<html>login</html>"}))
    with pytest.raises(Unavailable, match=r"app\.git"):
        sources.git.latest(f"{server.url}/app.git", "main")


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/app.git", "http://[fe80::1]/app.git", "git://169.254.1.1/app.git", "http://2852039166/app.git"]
)
def test_link_local_and_metadata_addresses_are_never_asked(sources: Sources, url: str) -> None:
    with pytest.raises(Forbidden, match="link-local or metadata"):
        sources.git.latest(url, "main")


def test_loopback_can_be_switched_off(repository: Repository, server: Server, make_sources: Callable[..., Sources]) -> None:
    closed = make_sources(reach=Reach(loopback=False))
    with pytest.raises(Forbidden, match="this machine's own address"):
        closed.git.latest(f"{server.url}/app.git", "main")
    assert server.asked == []


@pytest.mark.parametrize("scheme", ["http", "git"])
def test_a_state_folder_that_can_not_be_written_is_named(
    repository: Repository, server: Server, sources: Sources, root: Path, scheme: str
) -> None:
    (sources.folder / "mirrors").parent.mkdir(parents=True, exist_ok=True)
    (sources.folder / "mirrors").write_text("not a folder")
    with git_daemon(root) as port:
        url = f"{server.url}/app.git" if scheme == "http" else f"git://localhost:{port}/app.git"
        with pytest.raises(Unavailable, match=r"(the state folder|the mirror) can't be"):
            sources.git.tree(url, repository.git("rev-parse", "HEAD"))


def test_a_missing_git_program_is_named(repository: Repository, sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(Unavailable, match="install git and openssh-client"):
        sources.git.latest("git://localhost:1/app.git", "main")


def test_a_fetch_that_stalls_half_way_ends_and_leaves_nothing_running(
    repository: Repository, server: Server, make_sources: Callable[..., Sources]
) -> None:
    commit = repository.commit({})
    sources = make_sources(timeout=1.5)
    url = f"{server.url}/app.git"
    sources.git.latest(url, "main")
    with silent_server() as port:
        remote = f"git://localhost:{port}/app.git"
        started = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within"):
            sources.git.tree(remote, commit)
        assert time.monotonic() - started < 6
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"localhost:{port}" not in left
