"""Charts of HelmOps from real servers: who sees the credentials, and how often a chart is fetched."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, Unavailable
from extension.objects.kinds import HelmOp, HelmOpSpec, Secret
from extension.objects.options import HelmOptions
from extension.sources.charts import ChartFetcher
from extension.sources.helmops import FAILED, FRESH, HelmOpSources
from tests.fakes.clock import Clock
from tests.integration.sources.archives import chart_archive, index
from tests.integration.sources.conftest import Sources
from tests.integration.sources.servers import Server, basic, files

Serving = Callable[[Server], Server]

NS = "ws"
LOGIN = "bob:canary-password"


class Charts(HelmOpSources):
    """With secrets of its own, and a clock that stands still."""

    def __init__(self, sources: Sources) -> None:
        self.secrets: dict[str, Secret] = {}
        self.clock = Clock()
        fetcher = ChartFetcher(sources.http, sources.git)
        super().__init__(fetcher, lambda namespace, name: self.secrets.get(name) if namespace == NS else None, self.clock)
        self.secret("login", username="bob", password="canary-password")

    def secret(self, name: str, **data: str) -> None:
        self.secrets[name] = Secret(metadata=ObjectMeta(name=name, namespace=NS), data={k: v.encode() for k, v in data.items()})


@pytest.fixture
def charts(sources: Sources) -> Charts:
    return Charts(sources)


def repository(version: str = "1.0.0", login: str = "") -> tuple[dict[str, Any], Server]:
    contents: dict[str, Any] = {
        "/charts/index.yaml": index({"web": [(version, f"web-{version}.tgz")]}),
        f"/charts/web-{version}.tgz": chart_archive("web", version),
    }
    return contents, files(contents, login=login)


def wanted(server: Server, version: str = "1.0.0") -> HelmOptions:
    return HelmOptions(chart="web", repo=f"{server.url}/charts", version=version)


def helmop(helm: HelmOptions, secret: str = "login") -> HelmOp:
    return HelmOp(metadata=ObjectMeta(name="web", namespace=NS), spec=HelmOpSpec(helm=helm, helm_secret_name=secret))


def test_a_helmops_secret_goes_to_its_repository_without_any_pattern(charts: Charts, serving: Serving) -> None:
    server = serving(repository(login=LOGIN)[1])
    op = helmop(wanted(server, "1.x"))
    assert charts.version(op, op.spec.helm or HelmOptions()) == "1.0.0"
    assert set(charts.fetch(op, wanted(server))) == {"web/Chart.yaml", "web/templates/cm.yaml"}
    assert server.credentials() == [basic(LOGIN)]


@pytest.mark.parametrize("who", ["another repository", "no helmop"])
def test_a_helmops_secret_goes_nowhere_else(charts: Charts, serving: Serving, who: str) -> None:
    named, other = serving(repository()[1]), serving(repository(login=LOGIN)[1])
    op = helmop(wanted(named))
    with pytest.raises(Unavailable, match="answered 401"):
        charts.fetch(op if who == "another repository" else None, wanted(other))
    assert other.credentials() == []


def test_a_private_chart_that_was_fetched_is_not_given_to_who_has_no_credentials(charts: Charts, serving: Serving) -> None:
    server = serving(repository(login=LOGIN)[1])
    assert charts.fetch(helmop(wanted(server)), wanted(server))
    for op in (None, helmop(wanted(server), secret="")):
        with pytest.raises(Unavailable, match="answered 401"):
            charts.fetch(op, wanted(server))


def test_many_deployments_fetch_a_chart_once(charts: Charts, serving: Serving) -> None:
    server = serving(repository()[1])
    threads = [threading.Thread(target=charts.fetch, args=(None, wanted(server))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    charts.clock.pass_(10 * FRESH)
    charts.fetch(None, wanted(server))
    assert [path for _, path, _ in server.asked] == ["/charts/index.yaml", "/charts/web-1.0.0.tgz"]


def test_a_chart_without_a_version_is_looked_at_again(charts: Charts, serving: Serving) -> None:
    contents: dict[str, Any] = {"/web.tgz": chart_archive("web", "1.0.0")}
    server = serving(files(contents))
    helm = HelmOptions(chart=f"{server.url}/web.tgz")
    before = charts.fetch(None, helm)
    contents["/web.tgz"] = chart_archive("web", "1.1.0")
    assert charts.fetch(None, helm) == before
    charts.clock.pass_(FRESH + 1)
    assert b"version: 1.1.0" in charts.fetch(None, helm)["web/Chart.yaml"]


def test_a_failure_is_not_repeated_for_every_cluster_and_not_remembered_for_long(charts: Charts, serving: Serving) -> None:
    contents, server = repository()
    archive = contents.pop("/charts/web-1.0.0.tgz")
    serving(server)
    for _ in range(5):
        with pytest.raises(Unavailable, match="answered 404"):
            charts.fetch(None, wanted(server))
    assert sum(path.endswith(".tgz") for _, path, _ in server.asked) == 1
    contents["/charts/web-1.0.0.tgz"] = archive
    charts.clock.pass_(FAILED + 1)
    assert charts.fetch(None, wanted(server))


def test_a_secret_that_is_mended_counts_at_once(charts: Charts, serving: Serving) -> None:
    server = serving(repository(login=LOGIN)[1])
    charts.secret("login", username="bob", password="mistaken")
    op = helmop(wanted(server))
    with pytest.raises(Unavailable, match="check user name and password"):
        charts.fetch(op, wanted(server))
    charts.secret("login", username="bob", password="canary-password")
    assert charts.fetch(op, wanted(server))


def test_a_missing_secret_is_named(charts: Charts, serving: Serving) -> None:
    server = serving(repository()[1])
    with pytest.raises(Invalid, match=r"secret nowhere does not exist \(create it in namespace ws"):
        charts.version(helmop(wanted(server), secret="nowhere"), wanted(server))
    assert server.asked == []


def test_a_self_signed_server_is_reached_with_its_ca_or_on_demand(charts: Charts, serving: Serving, tls: Any, authority: Any) -> None:
    contents, plain = repository()
    plain.stop()
    server = serving(files(contents, tls=tls))
    op = helmop(wanted(server), secret="")
    with pytest.raises(Unavailable, match="certificate is not trusted"):
        charts.version(op, wanted(server))
    careless = HelmOp(metadata=op.metadata, spec=HelmOpSpec(helm=op.spec.helm, insecure_skip_tls_verify=True))
    assert charts.version(careless, wanted(server)) == "1.0.0"
    charts.secret("ca", cacerts=authority.cert_pem.bytes().decode())
    assert charts.version(helmop(wanted(server), secret="ca"), wanted(server)) == "1.0.0"
