"""What a deployment is made of: files from the store, or the chart of a HelmOp."""

from __future__ import annotations

import pytest

from extension.engine.agents import Agents
from extension.engine.contents import Contents
from extension.objects.base import ObjectMeta
from extension.objects.errors import Unavailable
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import HelmOp, HelmOpOptions
from extension.objects.options import HelmOptions
from extension.rendering.style import determine
from tests.fakes.charts import DictCharts
from tests.fakes.delivery import MemoryDelivery
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, bundle_key, cluster_key

REPO = "https://bob:canary@charts.example.org"
HELM = HelmOptions(chart="web", repo=REPO, version="1.2.0")


@pytest.fixture
def world(store):
    made = Rollouts(store)
    made.clusters("a", "b")
    store.create(HelmOp(metadata=ObjectMeta(name="web", namespace=NS)))
    made.add("web", helm_op_options=HelmOpOptions("login"), helm=HELM, resources=(), labels={HELM_NAME: "web"})
    made.add("files")
    return made


def deployment(world, charts, name):
    return next(Contents(world.store, charts).deployment(i) for i in world.store.assigned(cluster_key("a")) if i.bundle.name == name)


def test_a_helmops_deployment_is_its_chart_where_rendering_looks_for_it(world):
    charts = DictCharts({})
    made = deployment(world, charts, "web").resources()
    assert charts.fetched == [("web", "1.2.0")]
    assert [one.name.partition("/web/")[2] for one in made] == ["Chart.yaml", "templates/a.yaml"]
    assert determine([one.name for one in made], deployment(world, charts, "web").options).is_helm


def test_another_bundles_deployment_is_its_files(world):
    charts = DictCharts({})
    assert [one.name for one in deployment(world, charts, "files").resources()] == ["a.yaml"]
    assert charts.fetched == []


def state(world, name, on):
    found = world.store.deployment(bundle_key(name), cluster_key(on)).status
    return found.display.state, next((c.message for c in found.conditions if c.type == "Deployed"), "")


class Rendering(MemoryDelivery):
    """Asks for the files as every delivery does: an error of the deployment is in its status, one of the cluster is raised."""

    def deploy(self, deployment):
        try:
            return super().deploy(deployment)
        except Unavailable:
            raise
        except Exception as error:
            self.errors[deployment.name] = error
            return super().deploy(deployment)
        finally:
            self.errors.clear()


@pytest.mark.parametrize("message", ["answered 401 Unauthorized", "yaml: line 3: did not find expected key"])
def test_a_chart_that_can_not_be_had_is_the_deployments_error_is_tried_again_and_holds_up_no_other(world, clock, message):
    charts, deliveries = DictCharts({}), {"a": Rendering(), "b": Rendering()}
    charts.error = Unavailable(message, where="https://charts.example.org/index.yaml", hint="check the secret")
    agents = Agents(
        world.store,
        lambda one: ("memory", lambda: deliveries[one.metadata.name]),
        workers=1,
        drift_interval=15.0,
        contents=Contents(world.store, charts),
        clock=clock,
    )
    agents.reports.start()
    try:
        for name in deliveries:
            agents.cluster_changed(cluster_key(name))
        assert 0 < agents.work((cluster_key("a"), bundle_key("web"))) < 60
        agents.work((cluster_key("a"), bundle_key("files")))
        wait_for(lambda: state(world, "web", "a")[0] == "ErrApplied" and state(world, "files", "a")[0] == "Ready")
        told = state(world, "web", "a")[1]
        assert told.startswith("chart web 1.2.0 from https://charts.example.org can't be fetched: ")
        assert "(check the secret)" in told and "canary" not in told
        charts.error = None
        agents.work((cluster_key("a"), bundle_key("web")))
        wait_for(lambda: state(world, "web", "a")[0] == "Ready")
    finally:
        agents.stop()


def test_a_chart_where_none_are_fetched_is_said_so(world):
    with pytest.raises(
        Exception, match=r"chart web 1\.2\.0 from https://charts\.example\.org can't be fetched: charts are not fetched here"
    ):
        deployment(world, None, "web").resources()


def test_without_its_helmop_a_chart_is_asked_for_as_nobody(world):
    world.store.delete(HelmOp, NS, "web")
    charts = DictCharts({})
    deployment(world, charts, "web").resources()
    assert charts.fetched == [("", "1.2.0")]
    assert world.store.find(HelmOp, NS, "web") is None
