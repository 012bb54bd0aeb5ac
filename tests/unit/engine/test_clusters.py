"""How a cluster is reached, and which ways are refused."""

from __future__ import annotations

from pathlib import Path

import certifi
import msgspec
import pytest

from extension.delivery.directory import DirectoryDelivery
from extension.delivery.kubernetes import KubernetesDelivery
from extension.engine.bootstrap import OBJECTS, bootstrap
from extension.engine.clusters import Opening
from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Cluster, Secret
from extension.objects.marks import DIRECTORY
from extension.rendering.pool import Pool
from extension.settings import Settings
from tests.unit.engine.samples import NS, cluster, marked

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
"""


@pytest.fixture(scope="module")
def pool():
    pool = Pool()
    yield pool
    pool.close()


class Door:
    def __init__(self, store, folder, pool):
        self.store, self.pool = store, pool
        self.settings = Settings(state_dir=folder)
        self.environ = {}

    def keep(self, name="kube", namespace=NS, key="value", text=KUBECONFIG):
        self.store.create(Secret(metadata=ObjectMeta(name=name, namespace=namespace), data={key: text.encode()}))

    def open(self, one):
        return Opening(self.store, self.settings, self.pool, self.pool, self.environ)(one)

    def opened(self, one):
        return self.open(one)[1]()


@pytest.fixture
def door(store, tmp_path, pool):
    return Door(store, tmp_path, pool)


def local(**given):
    return cluster("local", namespace="fleet-local", **given)


def test_a_cluster_without_a_way_to_it_waits_for_an_agent_of_its_own(door):
    assert door.open(cluster("a")) is None
    assert door.open(cluster("a", annotations={DIRECTORY: "false"})) is None


@pytest.mark.parametrize("one", [cluster("a", annotations={DIRECTORY: "true"}), local()], ids=["annotation", "local"])
def test_a_directory_cluster_has_a_folder_of_its_own(door, one):
    fingerprint, opening = door.open(one)
    assert fingerprint == f"directory {door.settings.directories / one.metadata.namespace / one.metadata.name}"
    assert isinstance(opening(), DirectoryDelivery)


def test_a_kubeconfig_secret_opens_a_kubernetes_cluster(door):
    door.keep()
    delivery = door.opened(cluster("a", kube_config_secret="kube"))
    assert isinstance(delivery, KubernetesDelivery)
    delivery.close()


def test_a_kubeconfig_comes_before_the_annotation_and_before_the_local_folder(door):
    door.keep()
    door.keep(namespace="fleet-local")
    assert door.open(cluster("a", annotations={DIRECTORY: "true"}, kube_config_secret="kube"))[0].startswith("kubernetes ")
    assert door.open(local(kube_config_secret="kube"))[0].startswith("kubernetes ")


def test_another_kubeconfig_is_another_way_and_tells_nothing_of_its_content(door):
    door.keep("one")
    door.keep("same")
    door.keep("two", text=KUBECONFIG.replace("token: t", "token: canary"))
    one, same, two = (door.open(cluster("a", kube_config_secret=name))[0] for name in ("one", "same", "two"))
    assert one == same != two
    assert "canary" not in two


@pytest.mark.parametrize(
    "namespace",
    [
        *(NS, "fleet-local", "fleet-default", "cattle-fleet-system", "fleet-system"),
        *("cattle-fleet-clusters-system", "fleet-clusters-system"),
    ],
)
def test_a_kubeconfig_secret_may_be_in_the_clusters_workspace_or_a_system_one(door, namespace):
    door.keep(namespace=namespace)
    assert door.open(cluster("a", kube_config_secret="kube", kube_config_secret_namespace=namespace)) is not None


def test_a_kubeconfig_secret_of_another_tenant_is_refused_whether_it_is_there_or_not(door):
    door.keep(namespace="other")
    for name in ("kube", "nobody"):
        with pytest.raises(Invalid, match="kubeConfigSecretNamespace other is not allowed"):
            door.open(cluster("a", kube_config_secret=name, kube_config_secret_namespace="other"))


def test_a_missing_secret_or_key_is_named(door):
    door.keep("wrong", key="kubeconfig")
    for name in ("wrong", "nobody"):
        with pytest.raises(NotFound, match=f"Secret ws/{name} with key value is missing"):
            door.open(cluster("a", kube_config_secret=name))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "just text",
        "contexts: 7",
        KUBECONFIG.replace("current-context: c", "current-context: other"),
        KUBECONFIG.replace("token: t", "exec: {command: sh}"),
        KUBECONFIG.replace("token: t", "tokenFile: /etc/passwd"),
        KUBECONFIG.replace("token: t", "client-certificate-data: bm90IGEgY2VydGlmaWNhdGU="),
        KUBECONFIG.replace("server:", "certificate-authority-data: bm90IGEgY2VydGlmaWNhdGU=, server:"),
        KUBECONFIG.replace("server:", "proxy-url: 'gopher://x', server:"),
    ],
    ids=["empty", "no YAML", "text", "odd", "context", "exec", "file", "certificate", "CA", "proxy"],
)
def test_a_kubeconfig_that_can_not_be_used_is_refused_when_the_cluster_is_opened(door, text):
    door.keep(text=text)
    with pytest.raises(Invalid):
        door.opened(cluster("a", kube_config_secret="kube"))


def test_the_local_cluster_is_reached_with_the_kubeconfig_that_was_named_for_it(door, tmp_path):
    file = tmp_path / "kubeconfig"
    file.write_text(KUBECONFIG)
    door.settings = Settings(state_dir=tmp_path, kubeconfig=str(file))
    assert door.open(local())[0].startswith("kubernetes ")
    assert door.open(cluster("local")) is None, "only that of fleet-local"


def test_a_pod_serves_the_cluster_it_runs_in_and_a_new_token_is_no_other_way_there(door, tmp_path):
    door.environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}
    (tmp_path / "token").write_text("canary")
    (tmp_path / "ca.crt").write_text(Path(certifi.where()).read_text())
    door.settings = Settings(state_dir=tmp_path, service_account_dir=str(tmp_path))
    before = door.open(local())[0]
    assert before.startswith("kubernetes ") and door.open(cluster("local")) is None, "only that of fleet-local"
    (tmp_path / "token").write_text("another")
    assert door.open(local())[0] == before
    delivery = door.opened(local())
    assert isinstance(delivery, KubernetesDelivery)
    delivery.close()


def test_a_kubeconfig_file_that_can_not_be_read_is_named(door, tmp_path):
    door.settings = Settings(state_dir=tmp_path, kubeconfig=str(tmp_path / "nowhere"))
    with pytest.raises(Invalid, match="nowhere"):
        door.open(local())


def test_the_workspaces_and_the_local_cluster_are_made_once_and_never_put_back_to_what_they_were(store):
    bootstrap(store)
    made = store.get(Cluster, "fleet-local", "local")
    assert made.metadata.labels["name"] == "local"
    store.update(marked(made, labels={"name": "mine"}))
    before = store.revision()
    bootstrap(store)
    assert store.revision() == before
    assert store.get(Cluster, "fleet-local", "local").metadata.labels == {"name": "mine"}
    assert all(store.find(type(obj), obj.metadata.namespace, obj.metadata.name) for obj in OBJECTS)


def test_an_object_that_another_process_makes_meanwhile_is_left_to_it(store):
    class Late:
        """Finds nothing, as another process does a moment before it is there."""

        def object_id(self, key):
            raise NotFound(f"{key} not found")

        def create(self, obj):
            return store.create(obj)

    bootstrap(store)
    bootstrap(Late())
    assert msgspec.structs.replace(store.get(Cluster, "fleet-local", "local").spec) == Cluster().spec
