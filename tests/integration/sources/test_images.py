"""Images asked of a real registry, and commits pushed to real git servers (`fleet-semantics.md` 3.10)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import Conflict, Forbidden, Invalid, Unavailable
from extension.objects.imagescan import ImagePolicy, SecretReference, SemVerPolicy
from extension.objects.kinds import GitRepo, GitRepoSpec, ImageScan, ImageScanSpec, Secret
from extension.sources.charts import ChartFetcher
from extension.sources.committing import Change
from extension.sources.gitrepos import GitRepoSources
from extension.sources.reach import Reach
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import git_http
from tests.integration.sources.proxies import Proxy
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Handler, Server, basic, files

Serving = Callable[[Server], Server]
CANARY = "canary-9f2c"
LOGIN = f"bob:{CANARY}"
NS = "ws"
TAGS = {("team/app", tag): tag.encode() for tag in ("1.0.0", "1.1.0", "1.2.0-rc.1", "latest", "0.9.0")}


def reading(sources: Sources, *secrets: Secret) -> GitRepoSources:
    found = {(one.metadata.namespace, one.metadata.name): one for one in secrets}
    return GitRepoSources(sources.git, ChartFetcher(sources.http, sources.git), lambda namespace, name: found.get((namespace, name)))


def docker(*hosts: str, **more: bytes) -> Secret:
    auths = {host: {"username": "bob", "password": CANARY} for host in hosts}
    data = {".dockerconfigjson": json.dumps({"auths": auths}).encode(), **more}
    return Secret(metadata=ObjectMeta(name="reg", namespace=NS), type="kubernetes.io/dockerconfigjson", data=data)


def scan(image: str, secret: str = "reg", wanted: str = "1.x") -> ImageScan:
    reference = SecretReference(secret) if secret else None
    spec = ImageScanSpec(image=image, tag_name="app", secret_ref=reference, policy=ImagePolicy(semver=SemVerPolicy(wanted)))
    return ImageScan(metadata=ObjectMeta(name="scan", namespace=NS), spec=spec)


def place(server: Server, host: str = "localhost") -> str:
    return f"{host}:{server.port}"


def asked(server: Server) -> list[tuple[str, str]]:
    return [(method, path.partition("?")[0]) for method, path, _ in server.asked]


@pytest.mark.parametrize("tells_digest", [True, False])
def test_the_newest_tag_of_all_pages_is_found_with_what_it_points_to(sources: Sources, serving: Serving, tells_digest: bool) -> None:
    server = serving(registry(TAGS, tells_digest=tells_digest))
    found = reading(sources).images().latest(scan(f"{place(server)}/team/app:ignored", secret=""))
    assert (found.name, found.tag) == (f"{place(server)}/team/app", "1.1.0")
    manifest = sources.http.request("GET", f"{server.url}/v2/team/app/manifests/1.1.0").body
    assert found.digest == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert asked(server).count(("GET", "/v2/team/app/tags/list")) == 3, "two tags a page"
    assert asked(server).count(("GET", "/v2/team/app/manifests/1.1.0")) == (1 if tells_digest else 2), "the last is this test's"


@pytest.mark.parametrize("token", [True, False])
def test_the_login_for_the_registry_is_used(sources: Sources, serving: Serving, token: bool) -> None:
    server = serving(registry(TAGS, login=LOGIN, token=token))
    images = reading(sources, docker(place(server))).images()
    assert images.latest(scan(f"{place(server)}/team/app")).tag == "1.1.0"
    assert basic(LOGIN) in server.credentials()


@pytest.mark.parametrize("token", [True, False])
def test_a_login_that_is_refused_is_told_without_it(sources: Sources, serving: Serving, token: bool) -> None:
    server = serving(registry(TAGS, login="bob:another", token=token))
    with pytest.raises(Unavailable, match=r"answered 401 Unauthorized.*check user name and password") as caught:
        reading(sources, docker(place(server))).images().latest(scan(f"{place(server)}/team/app"))
    assert CANARY not in str(caught.value)


def test_a_login_for_another_registry_goes_nowhere(sources: Sources, serving: Serving) -> None:
    server = serving(registry(TAGS, login=LOGIN))
    with pytest.raises(Invalid, match=f"the secret has no login for {place(server)}"):
        reading(sources, docker("registry.example.org")).images().latest(scan(f"{place(server)}/team/app"))
    assert server.asked == []


def test_a_missing_secret_is_named(sources: Sources) -> None:
    with pytest.raises(Invalid, match=r"secret reg does not exist \(create it in namespace ws"):
        reading(sources).images().latest(scan("localhost:1/team/app"))


def test_a_redirect_to_another_server_goes_without_the_login(sources: Sources, serving: Serving) -> None:
    behind = serving(registry(TAGS))

    def elsewhere(handler: Handler) -> None:
        known = handler.headers.get("Authorization")
        moved, challenge = {"Location": f"{behind.url}{handler.path}"}, {"WWW-Authenticate": 'Basic realm="x"'}
        handler.reply(302 if known else 401, b"", moved if known else challenge)

    server = serving(files({"/v2/team/app/tags/list": elsewhere}))
    with pytest.raises(Unavailable, match=r"/v2/team/app/manifests/1\.1\.0"):  # chosen of the tags; this server knows no manifests
        reading(sources, docker(place(server))).images().latest(scan(f"{place(server)}/team/app"))
    assert basic(LOGIN) in server.credentials()
    assert asked(behind)[0] == ("GET", "/v2/team/app/tags/list")
    assert behind.credentials() == []


def test_a_list_of_tags_that_never_ends_is_given_up(sources: Sources, serving: Serving) -> None:
    page = json.dumps({"tags": ["1.0.0"] * 60_000}).encode()
    server = serving(files({"/v2/team/app/tags/list": lambda h: h.reply(200, page, {"Link": f'<{h.path}>; rel="next"'})}))
    with pytest.raises(Invalid, match="has more than 120000 tags"):
        reading(sources).images().latest(scan(f"{place(server)}/team/app", secret=""))


@pytest.mark.parametrize("answer", [b'{"tags": 7}', b'{"tags": {"a": 1}}', b'{"tags": ["a b", "-x", "1\\n0"]}', b'{"name": "team/app"}'])
def test_what_is_no_tag_is_none(sources: Sources, serving: Serving, answer: bytes) -> None:
    server = serving(files({"/v2/team/app/tags/list": answer}))
    with pytest.raises(Unavailable, match="has no tags"):
        reading(sources).images().latest(scan(f"{place(server)}/team/app", secret=""))


def test_a_registry_behind_a_proxy_with_a_private_ca_is_asked_over_tls(
    make_sources: Callable[..., Sources], proxy: Proxy, serving: Serving, tls: Any, authority: Any
) -> None:
    server = serving(registry(TAGS, login=LOGIN, token=False, tls=tls))
    host = place(server, "registry.test")
    made = make_sources({"HTTPS_PROXY": proxy.url})
    with pytest.raises(Unavailable, match="certificate is not trusted"):
        reading(made, docker(host)).images().latest(scan(f"{host}/team/app"))
    trusting = docker(host, cacerts=authority.cert_pem.bytes())
    assert reading(made, trusting).images().latest(scan(f"{host}/team/app")).tag == "1.1.0"
    assert set(proxy.reached) == {host}


@pytest.mark.parametrize(("more", "found"), [({}, False), ({"basicHTTP": b"true"}, True)])
def test_a_login_goes_unencrypted_to_another_machine_only_if_its_secret_says_so(
    make_sources: Callable[..., Sources], proxy: Proxy, serving: Serving, more: dict[str, bytes], found: bool
) -> None:
    server = serving(registry(TAGS, login=LOGIN))
    host = place(server, "registry.local")
    images = reading(make_sources({"HTTP_PROXY": server.url, "HTTPS_PROXY": server.url}), docker(host, **more)).images()
    with pytest.raises(Unavailable):
        images.latest(scan(f"{host}/team/app"))
    assert bool(server.credentials()) is found


def test_an_address_that_is_off_limits_is_not_asked(make_sources: Callable[..., Sources], serving: Serving) -> None:
    server = serving(registry(TAGS))
    with pytest.raises(Forbidden):
        reading(make_sources(reach=Reach(loopback=False))).images().latest(scan(f"{place(server)}/team/app", secret=""))
    assert server.asked == []


WRITER = Secret(
    metadata=ObjectMeta(name="writer", namespace=NS),
    type="kubernetes.io/basic-auth",
    data={"username": b"bob", "password": CANARY.encode()},
)


def gitrepo(server: Server, **spec: Any) -> GitRepo:
    given = {"repo": f"{server.url}/app.git", "branch": "main", "client_secret_name": "writer", **spec}
    return GitRepo(metadata=ObjectMeta(name="r", namespace=NS), spec=GitRepoSpec(**given))


def change(parent: str, files: dict[str, bytes], message: str = "Newer images") -> Change:
    return Change(parent, files, "Ann\n<eve@example.org>", "ann@example.org", message)


@pytest.fixture
def writable(repository: Repository, root: Path, serving: Serving) -> Server:
    repository.git("config", "http.receivepack", "true", cwd=repository.bare)
    repository.git("config", "receive.fsckObjects", "true", cwd=repository.bare)
    return serving(git_http(root, login=LOGIN))


def tip(repository: Repository, what: str = "%H", branch: str = "main") -> str:
    return repository.git("log", "-1", f"--format={what}", branch, cwd=repository.bare)


def test_a_commit_changes_its_files_and_nothing_else(repository: Repository, sources: Sources, writable: Server) -> None:
    (repository.work / "run.yaml").write_text("a: old\r\n")
    (repository.work / "run.yaml").chmod(0o755)
    (repository.work / "link.yaml").symlink_to("run.yaml")
    before = repository.commit({"ä/deep/b.yaml": b"\xffb"})
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    head = reader.latest(repo)
    reader.tree(repo, head)
    made = reader.push(repo, change(head, {"run.yaml": b"a: new\r\n", "app/cm.yaml": b"kind: Secret\n"}))
    assert (
        tip(repository, "%H %P %an|%ae|%cn|%s") == f"{made} {before} Ann eve@example.org|ann@example.org|Ann eve@example.org|Newer images"
    )
    raw = repository.git("diff-tree", "-r", "--name-status", before, made, cwd=repository.bare)
    assert raw.split() == ["M", "app/cm.yaml", "M", "run.yaml"]
    assert repository.git("ls-tree", made, "run.yaml", cwd=repository.bare).startswith("100755 ")
    assert reader.tree(repo, made).read("run.yaml") == b"a: new\r\n"
    repository.git("fsck", "--strict", cwd=repository.bare)


def test_files_as_they_are_make_no_commit_and_no_push(repository: Repository, sources: Sources, writable: Server) -> None:
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    head = reader.latest(repo)
    reader.tree(repo, head)
    assert reader.push(repo, change(head, {"README.md": b"# read me\n"})) == ""
    assert not any("receive-pack" in path for _, path, _ in writable.asked)
    assert tip(repository) == head


def test_a_branch_that_moved_is_a_conflict_and_keeps_what_is_there(repository: Repository, sources: Sources, writable: Server) -> None:
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    head = reader.latest(repo)
    reader.tree(repo, head)
    theirs = repository.commit({"theirs.yaml": "a: b\n"})
    with pytest.raises(Conflict, match="the branch has moved"):
        reader.push(repo, change(head, {"app/cm.yaml": b"ours\n"}))
    assert tip(repository) == theirs
    reader.tree(repo, reader.latest(repo))
    made = reader.push(repo, change(theirs, {"app/cm.yaml": b"ours\n"}))
    assert tip(repository, "%H %P") == f"{made} {theirs}"


def test_a_branch_that_was_taken_back_is_a_conflict_too(repository: Repository, sources: Sources, writable: Server) -> None:
    first = tip(repository)
    head = repository.commit({"bad.yaml": "a: b\n"})
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    reader.tree(repo, reader.latest(repo))
    repository.git("update-ref", "refs/heads/main", first, cwd=repository.bare)
    with pytest.raises(Conflict, match="the branch has moved"):
        reader.push(repo, change(head, {"app/cm.yaml": b"ours\n"}))
    assert tip(repository) == first


def test_a_server_that_refuses_by_a_rule_is_told(repository: Repository, sources: Sources, writable: Server) -> None:
    hook = repository.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    head = reader.latest(repo)
    reader.tree(repo, head)
    with pytest.raises(Unavailable, match="the server refuses the push: pre-receive hook declined"):
        reader.push(repo, change(head, {"app/cm.yaml": b"ours\n"}))


def test_who_may_only_read_is_told_and_the_password_is_not(
    repository: Repository, sources: Sources, writable: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    repository.git("config", "http.receivepack", "false", cwd=repository.bare)
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    head = reader.latest(repo)
    reader.tree(repo, head)
    with pytest.raises(Unavailable, match=r"the credentials were refused: .*403") as caught:
        reader.push(repo, change(head, {"app/cm.yaml": b"ours\n"}))
    assert CANARY not in f"{caught.value} {caplog.text}"


def test_a_file_in_a_submodule_is_left_out(
    repository: Repository, make_repository: Callable[[str], Repository], sources: Sources, writable: Server
) -> None:
    other = make_repository("other.git")
    other.commit({"a.yaml": "a: old\n"})
    repository.git("submodule", "add", "-q", f"{writable.url.replace('://', f'://{LOGIN}@')}/other.git", "sub")
    head = repository.commit({"x.yaml": "a: old\n"})
    reader, repo = reading(sources, WRITER), gitrepo(writable)
    reader.tree(repo, reader.latest(repo))
    made = reader.push(repo, change(head, {"sub/a.yaml": b"a: new\n", "x.yaml": b"a: new\n"}))
    assert repository.git("diff-tree", "-r", "--name-only", head, made, cwd=repository.bare) == "x.yaml"
