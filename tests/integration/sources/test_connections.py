"""The way to a repository is tried as it is: real servers, a real proxy, and each hop that can fail is told as the one that did."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest
import trustme

from extension.engine.connections import Connections
from extension.engine.sources import EngineSources
from extension.objects.connection import ConnectionReport
from extension.objects.kinds import Secret
from extension.rendering.pool import Pool
from extension.sources.reach import Reach
from extension.store.opening import open_store
from extension.store.sql import SqlStore
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import SSHServer, git_http
from tests.integration.sources.proxies import Proxy
from tests.integration.sources.servers import Server, silent_server
from tests.integration.sources.test_gitrepos import BASIC, CANARY, gitrepo, reading, secret
from tests.integration.sources.test_proxy import through

Serving = Callable[[Server], Server]
Try = Callable[..., ConnectionReport]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(tmp_path / "store.db")
    yield opened
    opened.close()


@pytest.fixture
def tried(store: SqlStore, make_sources: Callable[..., Sources]) -> Iterator[Try]:
    """Tries a GitRepo with these secrets, in this environment."""
    pool = Pool()

    def run(
        *secrets: Secret,
        environ: dict[str, str] | None = None,
        reach: Reach = Reach(),
        timeout: float = 10.0,
        paths: bool = False,
        **spec: object,
    ) -> ConnectionReport:
        sources = make_sources(environ, reach, timeout=timeout)
        report = Connections(store, EngineSources(reading(sources, *secrets), pool)).test(gitrepo(**{"branch": "main", **spec}), paths)
        assert CANARY not in str(report)
        return report

    yield run
    pool.close()


def failed(report: ConnectionReport) -> tuple[str, str]:
    """The hop that failed and how many were passed, as `2 proxy`; what it said."""
    passed = sum(step.state == "passed" for step in report.steps)
    step = next(step for step in report.steps if step.state == "failed")
    assert (report.works, bool(step.message), bool(step.hint)) == (False, True, True)
    return f"{passed} {step.hop}", step.message


def test_a_repository_tells_its_branches_tags_and_paths(repository: Repository, root: Path, tried: Try, serving: Serving) -> None:
    repository.push("other")
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("push", "-q", str(repository.bare), "v1")
    report = tried(repo=f"{serving(git_http(root)).url}/app.git", paths=True)
    assert report.works, str(report)
    assert (report.default_branch, report.branches, report.tags) == ("main", ("main", "other"), ("v1",))
    assert ([str(path) for path in report.paths], len(report.commit)) == (["app (fleet.yaml)"], 40)


def test_a_path_of_five_thousand_is_told(repository: Repository, root: Path, tried: Try, serving: Serving) -> None:
    repository.commit({f"apps/a{number:04}/cm.yaml": "kind: ConfigMap\n" for number in range(5003)})
    report = tried(repo=f"{serving(git_http(root)).url}/app.git", paths=True, timeout=30.0)
    assert (len(report.paths), report.more_paths) == (5000, 4)


@pytest.mark.parametrize(
    ("login", "path", "secrets", "spec", "expected"),
    [
        ("", "app.git", (), {"branch": "nowhere"}, "4 revision"),
        ("", "app.git", (), {"branch": "", "revision": "v9"}, "4 revision"),
        ("", "other.git", (), {}, "3 repository"),
        (f"bob:{CANARY}", "app.git", (), {}, "2 credentials"),
        ("bob:else", "app.git", (BASIC,), {"client_secret_name": "bob"}, "2 credentials"),
        ("", "app.git", (), {"client_secret_name": "none"}, "0 credentials"),
        ("", "app.git", (secret("odd", "kubernetes.io/basic-auth"),), {"client_secret_name": "odd"}, "0 credentials"),
    ],
)
def test_what_the_server_refuses_is_told_by_its_hop(
    repository: Repository,
    root: Path,
    tried: Try,
    serving: Serving,
    login: str,
    path: str,
    secrets: tuple[Secret, ...],
    spec: dict[str, str],
    expected: str,
) -> None:
    url = serving(git_http(root, login=login)).url
    assert failed(tried(*secrets, repo=f"{url}/{path}", **spec))[0] == expected


def test_a_certificate_that_is_not_trusted_is_told(
    repository: Repository, root: Path, tried: Try, serving: Serving, tls: ssl.SSLContext, authority: trustme.CA
) -> None:
    url = f"{serving(git_http(root, tls=tls)).url}/app.git"
    assert failed(tried(repo=url))[0] == "2 identity"
    assert failed(tried(repo=url, ca_bundle=b"no certificate"))[0] == "0 identity"
    assert tried(repo=url, ca_bundle=authority.cert_pem.bytes()).works
    assert tried(repo=url, insecure_skip_tls_verify=True).works


@pytest.mark.parametrize("scheme", ["http", "https", "git", "ssh"])
def test_a_host_that_is_unknown_or_does_not_answer_is_told(tried: Try, client_key: asyncssh.SSHKey, scheme: str) -> None:
    key = secret("key", "kubernetes.io/ssh-auth", **{"ssh-privatekey": client_key.export_private_key(), "known_hosts": "x ssh-ed25519 AA"})
    user = "git@" if scheme == "ssh" else ""
    spec = {"client_secret_name": "key"} if scheme == "ssh" else {}
    assert failed(tried(key, repo=f"{scheme}://{user}nowhere.invalid/app.git", **spec))[0] == "0 address"
    assert failed(tried(key, repo=f"{scheme}://{user}127.0.0.1:1/app.git", **spec))[0] == "1 connection"


def test_a_server_that_says_nothing_is_told(tried: Try) -> None:
    with silent_server() as port:
        hop, said = failed(tried(repo=f"http://127.0.0.1:{port}/app.git", timeout=1.0))
    assert (hop, said) == ("1 connection", "no answer within 1 s")


def test_an_address_that_is_off_limits_is_told_and_not_connected_to(
    repository: Repository, root: Path, tried: Try, serving: Serving
) -> None:
    server = serving(git_http(root))
    assert failed(tried(repo=f"{server.url}/app.git", reach=Reach(loopback=False)))[0] == "0 address"
    assert failed(tried(repo="http://169.254.169.254/app.git"))[0] == "0 address"
    assert server.asked == []


def test_an_ssh_server_is_told_from_its_key_and_its_repository(
    repository: Repository, tried: Try, ssh_server: SSHServer, client_key: asyncssh.SSHKey
) -> None:
    def key(name: str, private: asyncssh.SSHKey, hosts: bytes) -> Secret:
        return secret(name, "kubernetes.io/ssh-auth", **{"ssh-privatekey": private.export_private_key(), "known_hosts": hosts})

    stranger = asyncssh.generate_private_key("ssh-ed25519")
    other = f"[localhost]:{ssh_server.port} {stranger.export_public_key().decode()}".encode()
    good, bad = key("good", client_key, ssh_server.known_hosts), key("bad", stranger, ssh_server.known_hosts)
    unknown = key("unknown", client_key, other)
    url = ssh_server.url("app.git")
    assert tried(good, repo=url, client_secret_name="good", paths=True).works
    assert failed(tried(bad, repo=url, client_secret_name="bad"))[0] == "3 credentials"
    assert failed(tried(unknown, repo=url, client_secret_name="unknown"))[0] == "2 identity"
    assert failed(tried(good, repo=ssh_server.url("none.git"), client_secret_name="good"))[0] == "4 repository"
    assert failed(tried(repo=url))[0] == "0 credentials"


def test_behind_a_proxy_its_own_hop_is_told(
    repository: Repository, root: Path, tried: Try, serving: Serving, proxy: Proxy, tls: ssl.SSLContext, authority: trustme.CA
) -> None:
    port = serving(git_http(root, tls=tls)).port
    spec = {"repo": f"https://git.test:{port}/app.git", "ca_bundle": authority.cert_pem.bytes()}
    report = tried(environ=through(proxy), paths=True, **spec)
    assert report.works, str(report)
    assert (report.proxy, report.steps[0].hop) == (f"http://127.0.0.1:{proxy.port}", "proxy")
    assert set(proxy.reached) == {f"git.test:{port}"}
    assert failed(tried(environ=through(proxy), **{**spec, "ca_bundle": b""}))[0] == "2 identity"
    assert failed(tried(environ=through(proxy), **spec, branch="nowhere"))[0] == "5 revision"


@pytest.mark.parametrize("url", ["https://git.test/app.git", "http://git.test/app.git", "git://git.test/app.git"])
def test_a_proxy_that_is_down_or_does_not_connect_is_the_hop_that_failed(tried: Try, proxy: Proxy, url: str) -> None:
    down = f"http://bob:{CANARY}@127.0.0.1:1"
    assert failed(tried(environ={"ALL_PROXY": down}, repo=url))[0] == "0 proxy"
    elsewhere = url.replace("git.test", "git.test.invalid")
    if not url.startswith("http:"):
        assert failed(tried(environ={"ALL_PROXY": f"http://127.0.0.1:{proxy.port}"}, repo=elsewhere))[0] == "0 proxy"


def test_a_login_that_the_proxy_refuses_is_its_hop(tried: Try, serving: Serving) -> None:
    proxy = Proxy(login="me:right")
    serving(proxy)
    for scheme in ("http", "https"):
        hop, said = failed(tried(environ=through(proxy, f"me:{CANARY}"), repo=f"{scheme}://git.test:1/app.git"))
        assert (hop, "407" in said) == ("0 proxy", True)
