"""An agent that the hub installs: once, anew when something about it changed, and taken away with its cluster."""

from __future__ import annotations

import pytest

from extension.engine.clusters import Opening
from extension.engine.installing import INSTALLED, NAMESPACE, Installer, chart_of
from extension.engine.keyring import Keyring
from extension.engine.registrationtokens import RegistrationTokenReconciler
from extension.objects.base import Key, ObjectMeta
from extension.objects.departing import FINALIZER, departing
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import Cluster, ClusterRegistrationToken, FleetWorkspace
from extension.objects.marks import AGENT, AGENT_FINALIZER, Mark, marks
from extension.objects.names import AGENT_BUNDLE
from extension.settings import Settings
from tests.fakes.delivery import MemoryDelivery
from tests.unit.engine.samples import NS, cluster, replace

ASKED = {AGENT: "true"}


class Recording(MemoryDelivery):
    """Remembers what it was told to deploy."""

    def deploy(self, deployment):
        self.told = deployment
        return super().deploy(deployment)


class World:
    def __init__(self, store):
        self.store, self.delivery = store, Recording()
        self.settings = Settings(server_url="https://hub.test")
        self.install = Installer(store, self._open, chart_of(self.settings))
        self._tokens = RegistrationTokenReconciler(store, Keyring(store.asking), self.settings)
        store.create(FleetWorkspace(metadata=ObjectMeta(name=NS)))
        made = cluster("a", annotations=ASKED)
        store.create(replace(made, spec=replace(made.spec, kube_config_secret="kube")))

    def _open(self, one):
        return self.delivery

    @property
    def cluster(self):
        return self.store.find(Cluster, NS, "a")

    @property
    def values(self):
        return self.delivery.told.options.helm.values

    def pass_(self):
        """Looks until there is nothing to be done; the Secret of a token is made meanwhile."""
        for _ in range(3):
            again = self.install(Key("Cluster", NS, "a"))
            token = self.store.find(ClusterRegistrationToken, NS, "import-token-a")
            if token is not None:
                self._tokens(token.key)
            if again is None:
                break
        return again

    def imported(self):
        return next(((c.status, c.message) for c in self.cluster.status.conditions if c.type == "Imported"), None)


@pytest.fixture
def world(store):
    return World(store)


def test_it_is_installed_with_what_it_registers_with_and_only_once(world):
    assert world.pass_() is None
    assert world.imported() == ("True", "")
    told = world.delivery.told
    assert (told.options.helm.release_name, told.options.default_namespace) == (AGENT_BUNDLE, NAMESPACE)
    assert world.values["apiServerURL"] == "https://hub.test" and world.values["token"].startswith("registration-")
    assert world.values["clientID"] == world.cluster.spec.client_id != ""
    assert {"Chart.yaml", "templates/deployment.yaml"} <= {one.name for one in told.resources()}
    world.pass_()
    assert world.delivery.did("deploy") == [AGENT_BUNDLE]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"redeploy_agent_generation": 1}, id="a forced update"),
        pytest.param({"agent_env_vars": ({"name": "A", "value": "b"},)}, id="its variables"),
        pytest.param({"private_repo_url": "registry.example.org"}, id="another registry"),
        pytest.param({"agent_scheduling_customization": {"priorityClass": {"value": 1}}}, id="how it is scheduled"),
    ],
)
def test_it_is_installed_anew_when_what_the_cluster_says_of_it_changed(world, change):
    world.pass_()
    found = world.cluster
    world.store.update(replace(found, spec=replace(found.spec, **change)))
    world.pass_()
    assert world.delivery.did("deploy") == [AGENT_BUNDLE] * 2


def test_an_agent_whose_token_is_over_gets_another_one(world):
    world.pass_()
    before = world.values["token"]
    world.store.delete(ClusterRegistrationToken, NS, "import-token-a")
    found = world.cluster
    world.store.update(replace(found, spec=replace(found.spec, redeploy_agent_generation=1)))
    world.pass_()
    assert world.values["token"] not in ("", before)


def test_why_it_can_not_be_installed_is_on_the_cluster_and_it_is_tried_again(world):
    world.delivery.errors[AGENT_BUNDLE] = Invalid("the chart is broken")
    assert world.pass_() is not None
    assert world.imported()[0] == "False" and "the chart is broken" in world.imported()[1]
    del world.delivery.errors[AGENT_BUNDLE]
    world.delivery.down = "no route to host"
    assert world.pass_() is not None and "no route to host" in world.imported()[1]
    world.delivery.down = ""
    assert world.pass_() is None and world.imported() == ("True", "")


def test_it_goes_with_its_cluster_after_it_was_let_go(world):
    world.pass_()
    world.store.update(departing(world.cluster, FINALIZER))
    world.store.delete(Cluster, NS, "a")
    world.pass_()
    assert world.delivery.did("remove") == [], "its deployments come first"
    world.store.update(departing(world.cluster, without=(FINALIZER,)))
    world.pass_()
    assert world.delivery.did("remove") == [AGENT_BUNDLE] and world.cluster is None


def test_it_goes_when_it_is_not_asked_for_any_more_and_the_service_reaches_the_cluster_itself(world):
    world.pass_()
    assert not marks(world.cluster) & Mark.SERVED
    found = world.cluster
    world.store.update(replace(found, metadata=replace(found.metadata, annotations={})))
    world.pass_()
    assert world.delivery.did("remove") == [AGENT_BUNDLE]
    assert AGENT_FINALIZER not in world.cluster.metadata.finalizers
    assert marks(world.cluster) & Mark.SERVED
    assert not world.cluster.metadata.annotations.get(INSTALLED)


def test_the_service_does_not_reach_a_cluster_that_gets_an_agent(world):
    opening = Opening(world.store, world.settings, None, None)
    assert opening(world.cluster) is None
    with pytest.raises(NotFound, match="Secret ws/kube"):
        opening.by_kubeconfig(world.cluster)


def test_a_folder_without_the_chart_is_named(store, tmp_path):
    world = World(store)
    world.install = Installer(store, world._open, tmp_path)
    assert world.pass_() is not None
    assert "holds no chart of the agent" in world.imported()[1]
