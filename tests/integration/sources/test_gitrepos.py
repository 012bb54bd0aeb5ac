"""A GitRepo read through its secrets, and a canary that must not show up anywhere."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.kinds import GitRepo, GitRepoSpec, Secret
from extension.settings import Settings
from extension.sources.build import build
from extension.sources.charts import ChartFetcher
from extension.sources.credentials import GitHubApp
from extension.sources.github import GitHubTokens, api_url
from extension.sources.gitrepos import GitRepoSources
from extension.sources.remote import parse
from extension.sources.trust import TLS
from tests.integration.sources.archives import chart_archive, index
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import SSHServer, git_http
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Handler, Server, basic, files

Serving = Callable[[Server], Server]
CANARY = "canary-9f2c"


def secret(name: str, type_: str = "Opaque", **data: bytes | str) -> Secret:
    made = {key: value.encode() if isinstance(value, str) else value for key, value in data.items()}
    return Secret(metadata=ObjectMeta(name=name, namespace="fleet-default"), type=type_, data=made)


def gitrepo(**spec: object) -> GitRepo:
    return GitRepo(metadata=ObjectMeta(name="r", namespace="fleet-default"), spec=GitRepoSpec(**spec))  # type: ignore[arg-type]


def reading(sources: Sources, *secrets: Secret, known_hosts: bytes = b"") -> GitRepoSources:
    found = {(one.metadata.namespace, one.metadata.name): one for one in secrets}
    fetcher = ChartFetcher(sources.http, sources.git, known_hosts=lambda: known_hosts)
    return GitRepoSources(sources.git, fetcher, lambda namespace, name: found.get((namespace, name)), lambda: known_hosts)


BASIC = secret("bob", "kubernetes.io/basic-auth", username="bob", password=CANARY)


def test_the_named_secret_is_used(repository: Repository, root: Path, sources: Sources, serving: Serving) -> None:
    url = f"{serving(git_http(root, login=f'bob:{CANARY}')).url}/app.git"
    repo = gitrepo(repo=url, branch="main", client_secret_name="bob")
    reader = reading(sources, BASIC)
    assert reader.tree(repo, reader.latest(repo)).read("README.md") == b"# read me\n"
    assert reader.references(repo).branches == ("main",)


def test_without_a_name_the_namespaces_gitcredential_is_used(
    repository: Repository, root: Path, sources: Sources, serving: Serving
) -> None:
    url = f"{serving(git_http(root, login=f'bob:{CANARY}')).url}/app.git"
    default = secret("gitcredential", "kubernetes.io/basic-auth", username="bob", password=CANARY)
    assert reading(sources, default).latest(gitrepo(repo=url, branch="main"))
    with pytest.raises(Unavailable, match="401"):
        reading(sources).latest(gitrepo(repo=url, branch="main"))


def test_the_sources_of_a_process_are_built_from_its_settings(repository: Repository, root: Path, tmp_path: Path, serving: Serving) -> None:
    url = f"{serving(git_http(root)).url}/app.git"
    reader = build(Settings(state_dir=tmp_path / "state", max_file_size=5), {}, lambda namespace, name: None)
    repo = gitrepo(repo=url, branch="main")
    with pytest.raises(Invalid, match="more than the 5 allowed"):
        reader.tree(repo, reader.latest(repo)).read("README.md")
    assert len(list((tmp_path / "state" / "mirrors").glob("*.git"))) == 1


@pytest.mark.parametrize("field", ["clientSecretName", "helmSecretName", "helmSecretNameForPaths"])
def test_a_named_secret_that_is_missing_is_named(sources: Sources, field: str) -> None:
    names = {
        "clientSecretName": "client_secret_name",
        "helmSecretName": "helm_secret_name",
        "helmSecretNameForPaths": "helm_secret_name_for_paths",
    }
    repo = gitrepo(repo="https://localhost:1/x", branch="main", **{names[field]: "gone"})
    with pytest.raises(Invalid, match="secret gone does not exist") as caught:
        reading(sources).latest(repo) if field == "clientSecretName" else reading(sources).charts(repo)
    assert caught.value.field == f"spec.{field}"


def test_known_hosts_of_the_service_are_used_when_the_secret_has_none(
    repository: Repository, sources: Sources, ssh_server: SSHServer, client_key: asyncssh.SSHKey
) -> None:
    key = secret("key", "kubernetes.io/ssh-auth", **{"ssh-privatekey": client_key.export_private_key()})
    repo = gitrepo(repo=ssh_server.url("app.git"), branch="main", client_secret_name="key")
    assert reading(sources, key, known_hosts=ssh_server.known_hosts).latest(repo)
    with pytest.raises(Invalid, match="no host keys are known"):
        reading(sources, key).latest(repo)


def test_credentials_by_path_always_go_with_the_regex(sources: Sources, serving: Serving) -> None:
    server = serving(
        files({"/index.yaml": index({"web": [("1.0.0", "web.tgz")]}), "/web.tgz": chart_archive("web", "1.0.0")}, login=f"bob:{CANARY}")
    )
    by_path = secret("paths", **{"secrets-path.yaml": f"app/*: {{username: bob, password: {CANARY}}}"})
    repo = gitrepo(repo="https://x/y", helm_secret_name_for_paths="paths", helm_secret_name="ignored", helm_repo_url_regex=server.url)
    charts = reading(sources, by_path).charts(repo)
    assert "web/Chart.yaml" in charts.fetch("web", server.url, "", path="app/one")
    assert charts.packed("web", server.url, "", path="app/one").version == "1.0.0"
    with pytest.raises(Unavailable, match="401"):
        charts.fetch("web", f"{server.url}/", "", path="other")


def test_a_github_app_is_exchanged_for_a_token_once(repository: Repository, root: Path, sources: Sources, serving: Serving) -> None:
    asked: list[str] = []

    def answer(handler: Handler) -> None:
        asked.append(handler.headers["Authorization"])
        ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        handler.reply(201, json.dumps({"token": CANARY, "expires_at": ends}).encode())

    git = serving(git_http(root, login=f"x-access-token:{CANARY}", api={"/api/v3/app/installations/22/access_tokens": answer}))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    app = secret("app", github_app_id="11", github_app_installation_id="22", github_app_private_key=pem)
    repo = gitrepo(repo=f"{git.url}/app.git", branch="main", client_secret_name="app")
    reader = reading(sources, app)
    assert reader.tree(repo, reader.latest(repo)).read("README.md") == b"# read me\n"
    assert len(asked) == 1
    assert asked[0].startswith("Bearer ey")
    assert [path for method, path, _ in git.asked if "api" in path] == ["/api/v3/app/installations/22/access_tokens"]
    assert basic(f"x-access-token:{CANARY}") in git.credentials()


def test_a_github_token_is_renewed_before_it_ends(sources: Sources, serving: Serving) -> None:
    now = [1_000_000.0]
    given: list[str] = []

    def answer(handler: Handler) -> None:
        given.append(f"token-{len(given)}")
        ends = datetime.fromtimestamp(now[0] + 3600, UTC).isoformat()
        handler.reply(201, json.dumps({"token": given[-1], "expires_at": ends}).encode())

    server = serving(files({"/api/v3/app/installations/22/access_tokens": answer}))
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    tokens = GitHubTokens(sources.http, lambda: now[0])
    app, remote = GitHubApp("11", "22", pem), parse(f"{server.url}/o/r")
    assert tokens.auth(app, remote, TLS()).password == "token-0"
    now[0] += 3000
    assert tokens.auth(app, remote, TLS()).password == "token-0"
    now[0] += 500
    assert tokens.auth(app, remote, TLS()).password == "token-1"
    with pytest.raises(Invalid, match="is not a PEM key"):
        tokens.auth(GitHubApp("11", "23", CANARY.encode()), remote, TLS())


@pytest.mark.parametrize(
    ("url", "api"),
    [
        ("https://github.com/o/r", "https://api.github.com"),
        ("https://ghe.example.com/o/r", "https://ghe.example.com/api/v3"),
        ("https://ghe.example.com:8443/o/r", "https://ghe.example.com:8443/api/v3"),
    ],
)
def test_the_api_is_the_one_of_the_repositorys_host(url: str, api: str) -> None:
    assert api_url(parse(url)) == api


def test_a_canary_shows_up_in_no_error_no_log_and_no_file(
    repository: Repository,
    root: Path,
    sources: Sources,
    serving: Serving,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    git = serving(git_http(root, login="bob:other"))
    helm = serving(files({}, login="bob:other"))
    oci = serving(registry({("org/web", "1.0.0"): b""}, login="bob:other", token=True))
    login = secret("login", username="bob", password=CANARY, basicHTTP="true")
    errors: list[str] = []

    def collect(call: Callable[[], object]) -> None:
        with pytest.raises(UserError) as caught:
            call()
        errors.append(f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}")

    for url in (
        f"{git.url}/app.git",
        f"http://eve:{CANARY}@localhost:{git.port}/app.git",
        f"http://eve:{CANARY}@localhost:1/app.git",
        f"https://eve:{CANARY}@localhost:{git.port}/app.git",
        f"https://eve:{CANARY}@nope.invalid/app.git",
        f"ssh://eve:{CANARY}@localhost/app.git",
        f"ftp://eve:{CANARY}@localhost/app.git",
        f"https://eve:{CANARY}@/app.git",
    ):
        repo = gitrepo(repo=url, branch="main", client_secret_name="" if "eve" in url else "bob")
        collect(lambda repo=repo: reading(sources, BASIC).latest(repo))  # type: ignore[misc]
        collect(lambda repo=repo: reading(sources, BASIC).tree(repo, "1" * 40))  # type: ignore[misc]
    charts = reading(sources, login).charts(gitrepo(repo="x", helm_secret_name="login", helm_repo_url_regex=".*"))
    for chart, repo_url in (
        ("web", helm.url),
        ("web", f"http://eve:{CANARY}@localhost:{helm.port}"),
        ("", f"oci://localhost:{oci.port}/org/web"),
        ("", f"oci://eve:{CANARY}@localhost:{oci.port}/org/web"),
        (f"http://eve:{CANARY}@localhost:{helm.port}/x.tgz", ""),
        (f"git::http://eve:{CANARY}@localhost:{git.port}/app.git//x", ""),
        (f"git::ssh://git@localhost:1/app.git?sshkey={CANARY}", ""),
        (f"s3::https://eve:{CANARY}@localhost/x", ""),
    ):
        collect(lambda chart=chart, repo_url=repo_url: charts.fetch(chart, repo_url))  # type: ignore[misc]
    printed = capfd.readouterr()
    seen = "\n".join([*errors, caplog.text, printed.out, printed.err])
    assert len(errors) == 24
    assert CANARY not in seen
    stored = [path for path in sources.folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert stored == []
