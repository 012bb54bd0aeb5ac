"""Behind a proxy everything goes through it, and NO_PROXY is honoured.

Names ending in `.test` exist for the proxy only: what is read from one was read through the proxy.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import asyncssh
import pytest
import trustme

from extension.objects.errors import Forbidden, Unavailable
from extension.sources.charts import ChartFetcher
from extension.sources.credentials import GitAccess, SSHKey
from extension.sources.trust import TLS
from tests.integration.sources.archives import chart_archive, index
from tests.integration.sources.conftest import Repository, Sources
from tests.integration.sources.gits import SSHServer, git_daemon, git_http
from tests.integration.sources.proxies import Proxy
from tests.integration.sources.registries import registry
from tests.integration.sources.servers import Server, files

Serving = Callable[[Server], Server]


def through(proxy: Proxy, login: str = "", **more: str) -> dict[str, str]:
    url = f"http://{login + '@' if login else ''}127.0.0.1:{proxy.port}"
    return {"HTTP_PROXY": url, "HTTPS_PROXY": url, **more}


@pytest.mark.parametrize("encrypted", [False, True], ids=["http", "https"])
def test_git_over_http_goes_through_the_proxy(
    repository: Repository,
    root: Path,
    serving: Serving,
    proxy: Proxy,
    make_sources: Callable[..., Sources],
    authority: trustme.CA,
    tls: ssl.SSLContext,
    encrypted: bool,
) -> None:
    server = serving(git_http(root, tls=tls if encrypted else None))
    git = make_sources(through(proxy)).git
    url = f"{server.scheme}://git.test:{server.port}/app.git"
    access = GitAccess(tls=TLS(authority.cert_pem.bytes()))
    assert git.tree(url, git.latest(url, "main", access=access), access).read("README.md") == b"# read me\n"
    assert set(proxy.reached) == {f"git.test:{server.port}"}
    agents = {headers.get("User-Agent", "").partition("/")[0] for _, _, headers in server.asked}
    assert agents == {"rancher-cd", "git"}


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY"])
def test_ssh_goes_through_the_proxy(
    repository: Repository,
    ssh_server: SSHServer,
    client_key: asyncssh.SSHKey,
    proxy: Proxy,
    make_sources: Callable[..., Sources],
    variable: str,
) -> None:
    git = make_sources({variable: f"http://127.0.0.1:{proxy.port}"}).git
    access = GitAccess(SSHKey(client_key.export_private_key(), ssh_server.known_hosts))
    url = ssh_server.url("app.git", "ssh.test")
    assert git.tree(url, git.latest(url, "main", access=access), access).read("README.md") == b"# read me\n"
    assert set(proxy.reached) == {f"ssh.test:{ssh_server.port}"}


def test_git_protocol_goes_through_the_proxy(
    repository: Repository, root: Path, proxy: Proxy, make_sources: Callable[..., Sources]
) -> None:
    git = make_sources({"ALL_PROXY": f"http://127.0.0.1:{proxy.port}"}).git
    with git_daemon(root) as port:
        url = f"git://git.test:{port}/app.git"
        assert git.tree(url, git.latest(url, "main")).read("README.md") == b"# read me\n"
    assert set(proxy.reached) == {f"git.test:{port}"}


def test_helm_repositories_and_registries_go_through_the_proxy(
    serving: Serving, proxy: Proxy, make_sources: Callable[..., Sources], authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    packed = chart_archive("web", "1.0.0")
    repo = serving(files({"/index.yaml": index({"web": [("1.0.0", "web-1.0.0.tgz")]}), "/web-1.0.0.tgz": packed}))
    oci = serving(registry({("charts/web", "1.0.0"): packed}, tls=tls))
    sources = make_sources(through(proxy))
    fetcher = ChartFetcher(sources.http, sources.git)
    trust = TLS(authority.cert_pem.bytes())
    assert "web/Chart.yaml" in fetcher.fetch("web", f"http://charts.test:{repo.port}", "1.0.0")
    assert "web/Chart.yaml" in fetcher.fetch("", f"oci://registry.test:{oci.port}/charts/web", "1.0.0", tls=trust)
    assert "web/Chart.yaml" in fetcher.fetch(f"http://charts.test:{repo.port}/web-1.0.0.tgz")
    assert set(proxy.reached) == {f"charts.test:{repo.port}", f"registry.test:{oci.port}"}


@pytest.mark.parametrize("listed", ["10.0.0.0/8,localhost", "git.test", ".test", "*.test", "*", "git.test:{port}"])
def test_what_no_proxy_names_is_asked_directly(serving: Serving, proxy: Proxy, make_sources: Callable[..., Sources], listed: str) -> None:
    server = serving(files({}))
    git = make_sources(through(proxy, NO_PROXY=listed.format(port=server.port))).git
    host = "localhost" if "localhost" in listed else "git.test"
    with pytest.raises(Unavailable) as caught:
        git.latest(f"http://{host}:{server.port}/app.git", "main")
    assert proxy.reached == []
    assert ("404" if host == "localhost" else "host git.test is unknown") in str(caught.value)


def test_a_proxy_with_a_login_is_given_it_and_it_is_never_shown(
    repository: Repository, root: Path, serving: Serving, make_sources: Callable[..., Sources], authority: trustme.CA, tls: ssl.SSLContext
) -> None:
    proxy = Proxy(login="me:canary-proxy")
    serving(proxy)
    server = serving(git_http(root, tls=tls))
    access = GitAccess(tls=TLS(authority.cert_pem.bytes()))
    url = f"https://git.test:{server.port}/app.git"
    git = make_sources(through(proxy, "me:canary-proxy")).git
    assert git.tree(url, git.latest(url, "main", access=access), access).read("README.md") == b"# read me\n"
    refused = make_sources(through(proxy, "me:canary-wrong")).git
    with pytest.raises(Unavailable, match="407") as caught:
        refused.latest(url, "main", access=access)
    assert "canary" not in str(caught.value)


def test_a_proxy_that_is_down_is_named(make_sources: Callable[..., Sources]) -> None:
    git = make_sources({"HTTPS_PROXY": "http://user:canary@127.0.0.1:1"}).git
    for url in ("https://git.test/app.git", "git://git.test/app.git"):
        with pytest.raises(Unavailable) as caught:
            git.latest(url, "main")
        assert "canary" not in str(caught.value)
        assert "proxy" in str(caught.value).lower() or "refused" in str(caught.value)


@pytest.mark.parametrize("url", ["http://169.254.169.254/a.git", "http://metadata.google.internal/a.git", "git://169.254.169.254/a.git"])
def test_metadata_services_are_not_asked_for_through_the_proxy_either(proxy: Proxy, make_sources: Callable[..., Sources], url: str) -> None:
    with pytest.raises(Forbidden, match="metadata"):
        make_sources(through(proxy)).git.latest(url, "main")
    assert proxy.reached == []
