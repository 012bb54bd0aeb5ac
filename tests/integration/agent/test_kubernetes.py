"""The agent on a real Kubernetes API: Helm releases by its own hands, and its identity in a Secret."""

from __future__ import annotations

import base64
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from extension.delivery.client import Client, Kind
from extension.delivery.helm_records import HelmRecords
from extension.delivery.kubeconfig import inlined, read
from tests.integration.agent.conftest import BUNDLES, CLUSTERS, WORKSPACE, Agent, World
from tests.integration.service.running import wait_for
from tests.integration.sources.archives import index, tgz
from tests.integration.sources.proxies import Proxy
from tests.integration.sources.servers import Server, files

pytestmark = pytest.mark.xdist_group("kube")
WORKLOADS = Kind("apps/v1", "Deployment", "deployments", True)
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
SECRETS = Kind("v1", "Secret", "secrets", True)
DEPLOYMENTS = "/v1/fleet.cattle.io.bundledeployments"
NAMESPACE = "agent-of-test"


@pytest.fixture
def client(kubeconfig: Path) -> Iterator[Client]:
    made = Client(read(inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)))
    yield made
    made.close()


@pytest.fixture
def agent(agents: Callable[..., Agent], kubeconfig: Path, client: Client) -> Iterator[Agent]:
    yield agents("kube", "--kubeconfig", str(kubeconfig), "--namespace", NAMESPACE, "--drift-interval", "1")
    if client.get(SECRETS, NAMESPACE, "continuous-delivery-agent"):
        client.delete(SECRETS, NAMESPACE, "continuous-delivery-agent")


@pytest.fixture
def charts() -> Iterator[Server]:
    """A Helm repository with version 0.1.0 of chart `app`."""
    manifest = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: charted}\n"
    packed = tgz({"app/Chart.yaml": b"apiVersion: v2\nname: app\nversion: 0.1.0\n", "app/templates/cm.yaml": manifest})
    server = files({"/index.yaml": index({"app": [("0.1.0", "app-0.1.0.tgz")]}, {"app-0.1.0.tgz": packed}), "/app-0.1.0.tgz": packed})
    yield server
    server.stop()


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.stop()


def value(client: Client, namespace: str, name: str) -> str:
    found = client.get(CONFIG_MAPS, namespace, name)
    return str(found["data"].get("value", "")) if found else ""


def test_it_deploys_releases_that_helm_knows_corrects_and_removes_them(world: World, agent: Agent, client: Client) -> None:
    world.bundle("web", correctDrift={"enabled": True}, defaultNamespace="pulled")
    agent.start()
    wait_for(lambda: world.deployments().get("web") == "Ready", f"the deployment\n{agent.log.read_text()}")
    assert [one.status for one in HelmRecords(client).revisions("pulled", "web")] == ["deployed"]
    client.request("PATCH", CONFIG_MAPS.path("pulled", "web"), {"data": {"value": "x"}}, content_type="application/merge-patch+json")
    wait_for(lambda: value(client, "pulled", "web") == "one", "the correction")
    world.bundle("web", "two", defaultNamespace="pulled")
    wait_for(lambda: value(client, "pulled", "web") == "two", "the other content")
    assert world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/web").ok
    wait_for(lambda: HelmRecords(client).revisions("pulled", "web") == [] and not world.deployments(), "the removal")


class Operator:
    """Somebody who changes a ConfigMap back each time that it is corrected."""

    def __init__(self, client: Client, namespace: str, name: str) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operator")
        self._thread.start()

    def _run(self) -> None:
        path = CONFIG_MAPS.path(self._namespace, self._name)
        while not self._stopping.wait(0.05):
            if value(self._client, self._namespace, self._name) == "one":
                query = {"fieldManager": "operator"}
                self._client.request("PATCH", path, {"data": {"value": "x"}}, query, content_type="application/merge-patch+json")

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()


@pytest.fixture
def operator(client: Client) -> Iterator[Callable[[str, str], Operator]]:
    with ExitStack() as stack:

        def made(namespace: str, name: str) -> Operator:
            one = Operator(client, namespace, name)
            stack.callback(one.stop)
            return one

        yield made


def differing(world: World) -> dict[str, Any]:
    """The only object that is not as deployed, as `/v1` tells it."""
    found = world.get(DEPLOYMENTS)["data"][0]["status"].get("modifiedStatus") or [{}]
    return dict(found[0])


def test_it_says_who_undoes_its_corrections_and_stops_them_also_when_it_starts_again_until_a_forced_update(
    world: World, agent: Agent, client: Client, operator: Callable[[str, str], Operator]
) -> None:
    world.bundle("web", correctDrift={"enabled": True}, defaultNamespace="fought")
    agent.start()
    wait_for(lambda: world.deployments().get("web") == "Ready", f"the deployment\n{agent.log.read_text()}")
    fighting = operator("fought", "web")
    wait_for(lambda: differing(world).get("repairs"), f"the end of the corrections\n{agent.log.read_text()}")
    found = differing(world)
    [change] = found["changes"]
    assert (change["path"], change["wanted"], change["found"], change["manager"]) == ("/data/value", '"one"', '"x"', "operator")
    fighting.stop()
    agent.stop(signal.SIGKILL)
    seen = world.clusters()[0]["status"]["agent"]["lastSeen"]
    agent.start()
    wait_for(lambda: world.clusters()[0]["status"]["agent"]["lastSeen"] > seen, f"the agent's check-in\n{agent.log.read_text()}")
    time.sleep(3)  # some looks for drift
    assert value(client, "fought", "web") == "x" and differing(world)["repairs"] == found["repairs"]
    assert world.call("POST", f"{BUNDLES}/{WORKSPACE}/web?action=forceUpdate").ok
    wait_for(lambda: value(client, "fought", "web") == "one", "the forced update")
    wait_for(lambda: world.deployments()["web"] == "Ready", "readiness")


def test_installed_anew_without_its_secret_it_is_the_same_cluster_s(world: World, agent: Agent, client: Client) -> None:
    agent.start()
    (cluster,) = wait_for(world.clusters, "the cluster")
    kept = wait_for(lambda: client.get(SECRETS, NAMESPACE, "continuous-delivery-agent"), "the identity")
    assert cluster["spec"]["clientID"] in base64.b64decode(kept["data"]["identity"]).decode()
    agent.stop(signal.SIGKILL)
    client.delete(SECRETS, NAMESPACE, "continuous-delivery-agent")
    world.bundle("again", defaultNamespace="pulled")
    agent.start()
    wait_for(lambda: world.deployments().get("again") == "Ready", "the deployment")
    assert [one["id"] for one in world.clusters()] == [cluster["id"]]
    world.call("DELETE", f"{BUNDLES}/{WORKSPACE}/again")
    wait_for(lambda: not world.deployments(), "the removal")


def test_what_is_copied_and_charts_come_by_the_hub(world: World, agent: Agent, client: Client, charts: Server) -> None:
    secret: dict[str, Any] = {"metadata": {"name": "pull", "namespace": WORKSPACE}, "data": {"k": base64.b64encode(b"v").decode()}}
    world.post("/v1/secrets", secret)
    world.bundle("copied", defaultNamespace="pulled", downstreamResources=[{"kind": "Secret", "name": "pull"}])
    every = [{"clusterSelector": {}}]
    helm = {"repo": charts.url, "chart": "app", "version": "0.1.0"}
    body = {"metadata": {"name": "charted", "namespace": WORKSPACE}, "spec": {"helm": helm, "targets": every, "defaultNamespace": "pulled"}}
    world.post("/v1/fleet.cattle.io.helmops", body)
    agent.start()
    wait_for(lambda: world.deployments() == {"copied": "Ready", "charted": "Ready"}, f"the deployments\n{agent.log.read_text()}")
    copy = client.get(SECRETS, "pulled", "pull")
    assert copy is not None and copy["data"] == secret["data"]
    assert any(path.startswith("/agent/v1/charts/") for path in world.door.asked)
    for place in (f"{BUNDLES}/{WORKSPACE}/copied", f"/v1/fleet.cattle.io.helmops/{WORKSPACE}/charted"):
        world.call("DELETE", place)
    wait_for(lambda: not world.deployments(), "the removal")
    assert client.get(SECRETS, "pulled", "pull") is None


def test_behind_a_proxy_the_service_is_asked_through_it_and_the_cluster_is_not(world: World, agent: Agent, proxy: Proxy) -> None:
    """The service's name leads nowhere but through the proxy."""
    door = world.door.url.removeprefix("https://").replace("localhost", "hub.test")
    agent.start(HTTPS_PROXY=proxy.url, HTTP_PROXY=proxy.url, NO_PROXY="127.0.0.1", RANCHER_CD_AGENT_SERVER_URL=f"https://{door}")
    wait_for(world.clusters, f"the cluster\n{agent.log.read_text()}")
    assert set(proxy.reached) == {door}
    (cluster,) = world.clusters()
    assert world.call("DELETE", f"{CLUSTERS}/{cluster['id']}").ok


INSTALLED = "cattle-continuous-delivery-system"


def test_the_hub_installs_an_agent_that_is_the_cluster_s_own_and_takes_it_away_with_it(
    world: World, agents: Callable[..., Agent], kubeconfig: Path, client: Client, tmp_path: Path
) -> None:
    whole = inlined(kubeconfig.read_text(), str(kubeconfig), kubeconfig.parent)
    world.post("/v1/secrets", {"metadata": {"name": "kube", "namespace": WORKSPACE}, "stringData": {"value": whole}})
    notes = {"continuous-delivery.cattle.io/agent": "true"}
    place = f"{CLUSTERS}/{WORKSPACE}/far"
    world.post(CLUSTERS, {"metadata": {"name": "far", "namespace": WORKSPACE, "annotations": notes}, "spec": {"kubeConfigSecret": "kube"}})
    installed = wait_for(lambda: client.get(WORKLOADS, INSTALLED, "continuous-delivery-agent"), "the agent's Deployment")
    variables = {one["name"]: one.get("value", "") for one in installed["spec"]["template"]["spec"]["containers"][0]["env"]}
    secret = client.get(SECRETS, INSTALLED, "continuous-delivery-agent-token")
    token = tmp_path / "token"
    token.write_bytes(base64.b64decode(secret["data"]["token"]))
    agent = agents("far", "--kubeconfig", str(kubeconfig), "--registration-token-file", str(token), "--drift-interval", "1")
    world.values.write_text("{}")  # nothing but what the pod has
    world.bundle("web", defaultNamespace="pulled")
    given = ("SERVER_URL", "NAMESPACE", "CLIENT_ID")
    agent.start(
        **{f"RANCHER_CD_AGENT_{name}": variables[f"RANCHER_CD_AGENT_{name}"] for name in given}, RANCHER_CD_AGENT_SERVER_CA=str(world.ca)
    )
    wait_for(lambda: world.deployments().get("web") == "Ready", f"the deployment\n{agent.log.read_text()}")
    assert [one["id"] for one in world.clusters()] == [f"{WORKSPACE}/far"]
    wait_for(lambda: world.get(place)["status"]["agent"].get("lastSeen"), "the cluster to have been seen")
    assert world.call("DELETE", f"{place}?confirm=far").ok
    wait_for(lambda: not world.clusters(), f"the cluster to be gone\n{agent.log.read_text()}")
    assert client.get(WORKLOADS, INSTALLED, "continuous-delivery-agent") is None
    assert HelmRecords(client).revisions("pulled", "web") == []
    assert client.get(SECRETS, INSTALLED, "continuous-delivery-agent") is None, "its key goes too"
    assert "was deleted at the hub" in agent.log.read_text()
