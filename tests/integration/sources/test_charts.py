"""Charts from Helm repositories, registries, URLs and git: versions, credentials, limits, errors."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable

import asyncssh
import pytest
import trustme

from extension.objects.errors import Invalid, Unavailable
from extension.sources.archive import Limits
from extension.sources.charts import ChartFetcher
from extension.sources.credentials import BasicAuth, HelmAccess, HelmCredentials, SSHKey
from extension.sources.trust import TLS
from tests.integration.sources.archives import chart_archive, index, tgz
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import SSHServer, git_http
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Server, files

Serving = Callable[[Server], Server]

LOGIN = "bob:canary-password"
BOB = HelmCredentials(auth=BasicAuth("bob", "canary-password"))
VERSIONS = ["1.0.0", "1.2.0", "2.0.0", "2.1.0-rc.1", "not-a-version"]


@pytest.fixture
def fetcher(sources: Sources) -> ChartFetcher:
    return ChartFetcher(sources.http, sources.git)


def repo_files(versions: list[str] = VERSIONS, prefix: str = "") -> dict[str, bytes]:
    packed = {f"web-{version}.tgz": chart_archive("web", version) for version in versions}
    made = index({"other": [("9.9.9", "other.tgz")], "web": [(v, f"{prefix}web-{v}.tgz") for v in versions], "zeta": []})
    return {"/charts/index.yaml": made, **{f"/charts/{name}": data for name, data in packed.items()}}


@pytest.mark.parametrize(
    ("constraint", "version"),
    [("", "2.0.0"), ("1.x", "1.2.0"), ("~1.0", "1.0.0"), (">=1.0, <2", "1.2.0"), (">2.0-0", "2.1.0-rc.1"), ("1.0.0", "1.0.0")],
)
def test_a_constraint_picks_the_newest_that_satisfies_it(fetcher: ChartFetcher, serving: Serving, constraint: str, version: str) -> None:
    repo = f"{serving(files(dict(repo_files()))).url}/charts"
    found = fetcher.fetch("web", repo, constraint)
    assert set(found) == {"web/Chart.yaml", "web/templates/cm.yaml"}
    assert f"version: {version}\n".encode() in found["web/Chart.yaml"]
    assert fetcher.version("web", repo, constraint) == version


@pytest.mark.parametrize(
    ("chart", "version", "message"),
    [
        ("web", "3.x", r"chart web has no version 3.x \(the newest are 2.1.0-rc.1, 2.0.0, 1.2.0, 1.0.0\)"),
        ("nope", "", "the repository has no chart nope"),
        ("zeta", "", "the repository has no chart zeta"),
        ("web", "not a constraint", "is not a version or a version constraint"),
    ],
)
def test_what_a_repository_lacks_is_named_with_what_it_has(
    fetcher: ChartFetcher, serving: Serving, chart: str, version: str, message: str
) -> None:
    with pytest.raises((Invalid, Unavailable), match=message):
        fetcher.fetch(chart, f"{serving(files(dict(repo_files()))).url}/charts", version)


def test_an_unchanged_index_is_not_downloaded_again(
    sources: Sources, fetcher: ChartFetcher, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extension.sources.helm_repo.FRESH", 0.0)
    contents = repo_files()
    server = serving(files(dict(contents)))
    for _ in range(2):
        fetcher.version("web", f"{server.url}/charts", "")
    tags = [headers.get("If-None-Match") for _, _, headers in server.asked]
    assert tags == [None, f'"{hashlib.sha256(contents["/charts/index.yaml"]).hexdigest()}"']


def test_many_threads_ask_for_one_index_once(fetcher: ChartFetcher, serving: Serving) -> None:
    server = serving(files(dict(repo_files())))
    threads = [threading.Thread(target=fetcher.version, args=("web", f"{server.url}/charts", "")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(server.asked) == 1


def test_credentials_go_only_to_a_repository_the_regex_names(fetcher: ChartFetcher, serving: Serving) -> None:
    server = serving(files(dict(repo_files()), login=LOGIN))
    repo = f"{server.url}/charts"
    assert fetcher.fetch("web", repo, "1.x", HelmAccess(BOB, url_regex=f"{server.url}/.*"))
    for regex in ("", "https://other\\.example\\.com", "charts"):
        before = len(server.credentials())
        with pytest.raises(Unavailable, match="401") as caught:
            ChartFetcher(fetcher._http, fetcher._git).fetch("web", repo, "1.x", HelmAccess(BOB, url_regex=regex))
        assert len(server.credentials()) == before
        assert ("spec.helmRepoURLRegex is empty" in str(caught.value)) == (regex == "")
        assert "canary" not in str(caught.value)


def test_an_index_that_points_to_another_host_does_not_lead_the_credentials_there(fetcher: ChartFetcher, serving: Serving) -> None:
    other = serving(files({"/charts/web-1.0.0.tgz": chart_archive("web", "1.0.0")}))
    server = serving(files(dict(repo_files(["1.0.0"], prefix=f"{other.url}/charts/")), login=LOGIN))
    access = HelmAccess(BOB, url_regex=".*")
    assert "web/Chart.yaml" in fetcher.fetch("web", f"{server.url}/charts", "", access)
    assert len(other.asked) == 1
    assert other.credentials() == []


def test_a_regex_that_is_none_is_named(fetcher: ChartFetcher) -> None:
    with pytest.raises(Invalid) as caught:
        fetcher.fetch("web", "http://localhost:1", "", HelmAccess(BOB, url_regex="(("))
    assert caught.value.field == "spec.helmRepoURLRegex"


def test_a_private_ca_from_secret_or_gitrepo_is_trusted(
    fetcher: ChartFetcher, serving: Serving, authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    repo = f"{serving(files(dict(repo_files()), tls=tls)).url}/charts"
    with pytest.raises(Unavailable, match="certificate is not trusted"):
        fetcher.fetch("web", repo)
    pem = authority.cert_pem.bytes()
    assert fetcher.fetch("web", repo, "", HelmAccess(HelmCredentials(ca_bundle=pem)))
    assert fetcher.fetch("web", repo, "", tls=TLS(pem))
    assert fetcher.fetch("web", repo, "", tls=TLS(insecure=True))


@pytest.mark.parametrize("body", [b"<html>", b"entries: [", b"a: 1", b"[]", b""], ids=["html", "broken", "no entries", "a list", "empty"])
def test_what_is_no_index_is_said_to_be_none(fetcher: ChartFetcher, serving: Serving, body: bytes) -> None:
    with pytest.raises((Invalid, Unavailable)) as caught:
        fetcher.fetch("web", serving(files({"/index.yaml": body})).url)
    assert "index.yaml" in str(caught.value) or "no chart web" in str(caught.value)


def test_an_index_in_json_is_read(fetcher: ChartFetcher, serving: Serving) -> None:
    body = b'{"entries": {"web": [{"version": "1.0.0", "urls": ["web-1.0.0.tgz"]}]}}'
    server = serving(files({"/index.yaml": body, "/web-1.0.0.tgz": chart_archive("web", "1.0.0")}))
    assert fetcher.version("web", server.url, "") == "1.0.0"


@pytest.mark.parametrize("token", [False, True], ids=["basic", "bearer token"])
@pytest.mark.parametrize(
    ("constraint", "version"), [("", "2.0.0"), ("1.x", "1.2.0"), ("1.0.0", "1.0.0"), ("3.0.0+build.1", "3.0.0+build.1")]
)
def test_a_registry_gives_the_version_a_constraint_names(
    fetcher: ChartFetcher, serving: Serving, token: bool, constraint: str, version: str
) -> None:
    tags = ["1.0.0", "1.2.0", "2.0.0", "2.1.0-rc.1", "latest", *(["3.0.0_build.1"] if "+" in constraint else [])]
    charts = {("org/web", tag): chart_archive("web", tag.replace("_", "+")) for tag in tags}
    server = serving(registry(charts, login=LOGIN, token=token))
    reference = f"oci://localhost:{server.port}/org/web"
    access = HelmAccess(HelmCredentials(auth=BasicAuth("bob", "canary-password"), basic_http=True), url_regex="oci://localhost")
    for repo, chart in ((reference, ""), ("", reference), (reference.removesuffix("/web"), "web")):
        assert f"version: {version}\n".encode() in fetcher.fetch(chart, repo, constraint, access)["web/Chart.yaml"]
    assert fetcher.version("", reference, constraint, access) == version


def test_a_registry_that_lacks_the_version_names_its_tags(fetcher: ChartFetcher, serving: Serving) -> None:
    server = serving(registry({("org/web", "1.0.0"): chart_archive("web", "1.0.0")}))
    access = HelmAccess(HelmCredentials(basic_http=True), any_url=True)
    with pytest.raises(Unavailable, match=r"no tag satisfies 2.x \(the last tags are 1.0.0\)"):
        fetcher.fetch("", f"oci://localhost:{server.port}/org/web", "2.x", access)


def test_a_wrong_login_at_a_registry_is_refused_without_being_shown(fetcher: ChartFetcher, serving: Serving) -> None:
    for token in (False, True):
        server = serving(registry({("org/web", "1.0.0"): b""}, login=LOGIN, token=token))
        access = HelmAccess(HelmCredentials(auth=BasicAuth("bob", "canary-wrong"), basic_http=True), any_url=True)
        with pytest.raises(Unavailable, match="401") as caught:
            fetcher.fetch("", f"oci://localhost:{server.port}/org/web", "1.0.0", access)
        assert "canary" not in str(caught.value)


def test_an_archive_by_url_is_unpacked_and_its_checksum_checked(fetcher: ChartFetcher, serving: Serving) -> None:
    packed = chart_archive("web", "1.0.0")
    server = serving(files({"/web-1.0.0.tgz": packed, "/plain.yaml": b"a: 1\n", "/download": packed}))
    digest = hashlib.sha256(packed).hexdigest()
    assert "web/Chart.yaml" in fetcher.fetch(f"{server.url}/web-1.0.0.tgz")
    assert "web/Chart.yaml" in fetcher.fetch(f"{server.url}/download")
    assert "Chart.yaml" in fetcher.fetch(f"{server.url}/web-1.0.0.tgz//web?checksum=sha256:{digest}")
    assert fetcher.fetch(f"{server.url}/plain.yaml") == {"plain.yaml": b"a: 1\n"}
    with pytest.raises(Invalid, match="not the one asked for"):
        fetcher.fetch(f"{server.url}/web-1.0.0.tgz?checksum=sha256:{'0' * 64}")
    assert all("checksum" not in path for _, path, _ in server.asked)


def test_a_chart_in_git_by_folder_and_ref(fetcher: ChartFetcher, serving: Serving, repository: Repository, root: object) -> None:
    repository.commit({"charts/web/Chart.yaml": "version: 1\n", "charts/web/templates/a.yaml": "a: 1\n", ".git-not/x": ""})
    repository.git("tag", "v1")
    repository.push("refs/tags/v1")
    repository.commit({"charts/web/Chart.yaml": "version: 2\n"})
    url = f"git::{serving(git_http(repository.bare.parent)).url}/app.git"
    assert fetcher.fetch(f"{url}//charts/web") == {"Chart.yaml": b"version: 2\n", "templates/a.yaml": b"a: 1\n"}
    for ref, version in (("v1", b"version: 1\n"), ("main", b"version: 2\n"), (repository.git("rev-parse", "v1"), b"version: 1\n")):
        assert fetcher.fetch(f"{url}//charts/web?ref={ref}")["Chart.yaml"] == version
    with pytest.raises(Unavailable, match="there is no tag or branch v9"):
        fetcher.fetch(f"{url}//charts/web?ref=v9")
    with pytest.raises(Unavailable, match="has no folder 'charts/none'"):
        fetcher.fetch(f"{url}//charts/none")


def test_a_chart_in_git_over_ssh_uses_the_helm_secrets_key(
    fetcher: ChartFetcher, repository: Repository, ssh_server: SSHServer, client_key: asyncssh.SSHKey
) -> None:
    key = SSHKey(client_key.export_private_key(), ssh_server.known_hosts)
    chart = f"git::{ssh_server.url('app.git')}//app"
    assert "cm.yaml" in fetcher.fetch(chart, access=HelmAccess(HelmCredentials(ssh=key), url_regex="git::ssh://"))
    with pytest.raises(Invalid, match="needs a private key"):
        fetcher.fetch(chart, access=HelmAccess(HelmCredentials(ssh=key)))


def test_a_link_in_a_git_chart_stays_in_the_repository(fetcher: ChartFetcher, serving: Serving, repository: Repository) -> None:
    folder = repository.work / "charts" / "web"
    folder.mkdir(parents=True)
    (folder / "Chart.yaml").symlink_to("../../README.md")
    repository.commit({})
    url = f"git::{serving(git_http(repository.bare.parent)).url}/app.git//charts/web"
    assert fetcher.fetch(url) == {"Chart.yaml": b"# read me\n"}
    (folder / "passwd").symlink_to("../../../../../etc/passwd")
    repository.commit({})
    with pytest.raises(Invalid, match="the link charts/web/passwd does not lead to a file in the repository"):
        fetcher.fetch(url)


def test_an_archive_that_unpacks_to_too_much_is_refused(sources: Sources, serving: Serving) -> None:
    bomb = tgz({"web/big": b"\0" * 3_000_000})
    many = tgz({f"web/{number}": b"" for number in range(60)})
    server = serving(files({"/bomb.tgz": bomb, "/many.tgz": many, "/text.tgz": b"<html>not found</html>"}))
    fetcher = ChartFetcher(sources.http, sources.git, limits=Limits(entries=50))
    for name, message in (("bomb", "unpacks to 3000000 bytes"), ("many", "more than 50 files"), ("text", "not a tgz archive")):
        with pytest.raises(Invalid, match=message):
            fetcher.fetch(f"{server.url}/{name}.tgz")


@pytest.mark.parametrize(
    "chart", ["./local", "../up", "name", "s3::https://x/y", "file:///etc", "oci://", "oci://host", "oci://u:p@host/x", "git::ext::sh"]
)
def test_what_is_no_source_is_invalid(fetcher: ChartFetcher, chart: str) -> None:
    with pytest.raises(Invalid):
        fetcher.fetch(chart)
