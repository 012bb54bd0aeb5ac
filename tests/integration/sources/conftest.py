"""Repositories, servers and the sources under test."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
import trustme

from extension.sources.git import Git, GitOptions
from extension.sources.http import Http
from extension.sources.network import Network
from extension.sources.reach import Reach
from tests.integration.sources.gits import SSHServer, git_http
from tests.integration.sources.proxies import Proxy
from tests.integration.sources.servers import Server


class Repository:
    """A bare repository below `root` and ways to commit to it."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.bare = root / name
        self.work = root.parent / "work" / name
        self.git("init", "-q", "-b", "main", str(self.work), cwd=root)
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=root)

    def git(self, *args: str, cwd: Path | None = None) -> str:
        identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always")
        env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
        return subprocess.run(
            ["git", *identity, *args], cwd=cwd or self.work, env=env, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, files: dict[str, str | bytes], branch: str = "main") -> str:
        """Commits these files and pushes to `branch`; the commit's hash."""
        for path, data in files.items():
            at = self.work / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(data if isinstance(data, bytes) else data.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        self.push(branch)
        return self.git("rev-parse", "HEAD")

    def push(self, *refs: str) -> None:
        self.git("push", "-q", str(self.bare), *(f"HEAD:refs/heads/{ref}" if not ref.startswith("refs/") else ref for ref in refs))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("install git")
    folder = tmp_path / "served"
    folder.mkdir()
    return folder


@pytest.fixture
def repository(root: Path) -> Repository:
    """A repository `app.git` with one commit on main."""
    made = Repository(root, "app.git")
    made.commit({"app/fleet.yaml": "namespace: app\n", "app/cm.yaml": "kind: ConfigMap\n", "README.md": "# read me\n"})
    return made


@pytest.fixture
def make_repository(root: Path) -> Callable[[str], Repository]:
    return lambda name: Repository(root, name)


class Sources:
    """The sources with one environment, all their files in one folder."""

    def __init__(self, folder: Path, environ: dict[str, str], reach: Reach = Reach(), options: GitOptions = GitOptions()) -> None:
        self.folder = folder
        self.network = Network.of(environ, folder / "ca", reach=reach)
        self.http = Http(self.network, options.timeout)
        self.git = Git(folder / "mirrors", self.http, self.network, options)


@pytest.fixture
def make_sources(tmp_path: Path) -> Iterator[Callable[..., Sources]]:
    made: list[Sources] = []

    def make(environ: dict[str, str] | None = None, reach: Reach = Reach(), **options: object) -> Sources:
        made.append(Sources(tmp_path / "state", environ or {}, reach, GitOptions(**options)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for sources in made:
        sources.http.close()


@pytest.fixture
def sources(make_sources: Callable[..., Sources]) -> Sources:
    return make_sources()


@pytest.fixture
def serving() -> Iterator[Callable[[Server], Server]]:
    """Registers a server to be stopped at the end."""
    running: list[Server] = []

    def keep(server: Server) -> Server:
        running.append(server)
        return server

    yield keep
    for server in running:
        server.stop()


@pytest.fixture
def proxy(serving: Callable[[Server], Server]) -> Proxy:
    server = Proxy()
    serving(server)
    return server


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "git.test", "charts.test", "registry.test").configure_cert(context)
    return context


@pytest.fixture
def client_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture
def ssh_server(root: Path, client_key: asyncssh.SSHKey) -> Iterator[SSHServer]:
    if shutil.which("ssh") is None:
        pytest.skip("install openssh-client")
    server = SSHServer(root, client_key)
    yield server
    server.stop()


@pytest.fixture
def server(root: Path, serving: Callable[[Server], Server]) -> Server:
    return serving(git_http(root))
