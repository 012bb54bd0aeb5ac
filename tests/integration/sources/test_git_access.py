"""Who may read a repository: logins, keys, certificates and known hosts, of which nothing is ever shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest
import trustme

from extension.objects.errors import Invalid, Unavailable
from extension.sources.credentials import BasicAuth, GitAccess, SSHKey
from extension.sources.trust import TLS
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import SSHServer, git_http
from tests.integration.sources.servers import Server, redirect

LOGIN = GitAccess(BasicAuth("bob", "canary-password"))


def test_basic_auth_is_sent_and_required(repository: Repository, root: Path, sources: Sources, serving: Callable[[Server], Server]) -> None:
    server = serving(git_http(root, login="bob:canary-password"))
    url = f"{server.url}/app.git"
    commit = sources.git.latest(url, "main", access=LOGIN)
    assert sources.git.tree(url, commit, LOGIN).read("README.md") == b"# read me\n"
    with pytest.raises(Unavailable, match="answered 401 Unauthorized: the server wants other credentials"):
        sources.git.latest(url, "main", access=GitAccess(BasicAuth("bob", "wrong")))


def test_a_login_in_the_url_works_and_is_never_shown(
    repository: Repository, root: Path, sources: Sources, serving: Callable[[Server], Server]
) -> None:
    server = serving(git_http(root, login="bob:canary-password"))
    url = f"http://bob:canary-password@localhost:{server.port}/app.git"
    assert sources.git.tree(url, sources.git.latest(url, "main")).read("README.md") == b"# read me\n"
    with pytest.raises(Unavailable) as caught:
        sources.git.latest(url.replace("app.git", "nope.git"), "main")
    assert "canary" not in str(caught.value)


def test_a_mirror_others_filled_is_closed_to_who_has_no_right(
    repository: Repository, root: Path, sources: Sources, serving: Callable[[Server], Server]
) -> None:
    server = serving(git_http(root, login="bob:canary-password"))
    url = f"{server.url}/app.git"
    commit = sources.git.latest(url, "main", access=LOGIN)
    sources.git.tree(url, commit, LOGIN)
    for access in (GitAccess(), GitAccess(BasicAuth("eve", "guess"))):
        with pytest.raises(Unavailable, match="401"):
            sources.git.tree(url, commit, access)


def test_a_redirect_to_another_host_works_without_the_credentials(
    repository: Repository, root: Path, sources: Sources, serving: Callable[[Server], Server]
) -> None:
    target = serving(git_http(root))
    front = serving(redirect(lambda path: f"{target.url}{path}"))
    url = f"{front.url}/app.git"
    commit = sources.git.latest(url, "main", access=LOGIN)
    assert sources.git.tree(url, commit, LOGIN).read("README.md") == b"# read me\n"
    assert front.credentials() != []
    assert target.credentials() == []


def test_a_private_ca_is_trusted_when_given_and_told_when_not(
    repository: Repository, root: Path, sources: Sources, serving: Callable[[Server], Server], authority: trustme.CA, tls: object
) -> None:
    url = f"{serving(git_http(root, tls=tls)).url}/app.git"  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match=r"the server's certificate is not trusted.*caBundle"):
        sources.git.latest(url, "main")
    for access in (GitAccess(tls=TLS(authority.cert_pem.bytes())), GitAccess(tls=TLS(insecure=True))):
        commit = sources.git.latest(url, "main", access=access)
        assert sources.git.tree(url, commit, access).read("README.md") == b"# read me\n"
        shutil.rmtree(sources.folder / "mirrors")


def test_a_ca_bundle_without_certificates_is_named(server: Server, sources: Sources) -> None:
    with pytest.raises(Invalid, match="holds no PEM certificate"):
        sources.git.latest(f"{server.url}/app.git", "main", access=GitAccess(tls=TLS(b"nonsense")))


def test_ssh_with_a_key_and_known_hosts(
    repository: Repository, sources: Sources, ssh_server: SSHServer, client_key: asyncssh.SSHKey
) -> None:
    access = GitAccess(SSHKey(client_key.export_private_key(), ssh_server.known_hosts))
    url = ssh_server.url("app.git")
    commit = sources.git.latest(url, "main", access=access)
    assert sources.git.tree(url, commit, access).read("README.md") == b"# read me\n"
    assert set(ssh_server.users) == {"git"}


def test_an_unknown_host_key_is_refused(
    repository: Repository, sources: Sources, ssh_server: SSHServer, client_key: asyncssh.SSHKey
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    access = GitAccess(SSHKey(client_key.export_private_key(), f"[localhost]:{ssh_server.port} {other}\n".encode()))
    with pytest.raises(Unavailable, match="its host key is not trusted"):
        sources.git.latest(ssh_server.url("app.git"), "main", access=access)
    assert ssh_server.users == []


@pytest.mark.parametrize(
    ("access", "message"),
    [
        (GitAccess(), "an ssh URL needs a private key"),
        (LOGIN, "an ssh URL needs a private key"),
        (GitAccess(SSHKey(b"key\n")), "no host keys are known"),
    ],
    ids=["no secret", "a password", "no known_hosts"],
)
def test_ssh_without_what_it_needs_is_invalid(sources: Sources, access: GitAccess, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        sources.git.latest("ssh://git@localhost/app.git", "main", access=access)


def test_a_key_the_server_does_not_know_is_refused(repository: Repository, sources: Sources, ssh_server: SSHServer) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
    access = GitAccess(SSHKey(stranger), known_hosts=ssh_server.known_hosts)
    with pytest.raises(Unavailable, match="the credentials were refused"):
        sources.git.latest(ssh_server.url("app.git"), "main", access=access)


def test_no_key_file_stays_behind(repository: Repository, sources: Sources, ssh_server: SSHServer, client_key: asyncssh.SSHKey) -> None:
    access = GitAccess(SSHKey(client_key.export_private_key(), ssh_server.known_hosts))
    sources.git.tree(ssh_server.url("app.git"), sources.git.latest(ssh_server.url("app.git"), "main", access=access), access)
    assert list((sources.folder / "mirrors" / "home").iterdir()) == []
    left = [path for path in sources.folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert left == []
