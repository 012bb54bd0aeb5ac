"""Git repositories over every transport: what is newest, what is in it, and how it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest
import trustme

from extension.objects.errors import Forbidden, Invalid, Unavailable
from extension.objects.tree import Entry, EntryType, walk
from extension.sources.credentials import BasicAuth, GitAccess, SSHKey
from extension.sources.mirror import Bounds
from extension.sources.reach import Reach
from extension.sources.trust import TLS
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.servers import Server, SSHServer, dripping_server, files, git_daemon, git_http, redirect, silent_server

LOGIN = GitAccess(BasicAuth("bob", "canary-password"))


@pytest.fixture
def server(root: Path, serving: Callable[[Server], Server]) -> Server:
    return serving(git_http(root))


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
