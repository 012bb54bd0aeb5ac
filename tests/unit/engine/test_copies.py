"""`downstreamResources`: Secrets and ConfigMaps of the workspace that go along with a bundle."""

from __future__ import annotations

import pytest

from extension.delivery.copies import BUNDLE, LAST_APPLIED, SOURCE, Copies
from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, BundleDeploymentStatus, ConfigMap, Secret
from extension.objects.options import DownstreamResource
from extension.store.protocol import Report
from tests.fakes.waiting import wait_for
from tests.unit.engine.samples import NS, bundle_key, cluster_key, marked, replace

TOKEN = DownstreamResource(kind="Secret", name="token")
SETTINGS = DownstreamResource(kind="configmap", name="settings")
CANARY = "canary-7d1f"


def secret(value=CANARY, namespace=NS, name="token", **meta):
    return Secret(metadata=ObjectMeta(name=name, namespace=namespace, **meta), data={"password": value.encode()})


def settings(value="one", namespace=NS):
    return ConfigMap(metadata=ObjectMeta(name="settings", namespace=namespace), data={"key": value})


def written(served, source):
    """The source changes, and the engine hears of it."""
    there = served.store.find(type(source), source.metadata.namespace, source.metadata.name)
    served.store.update(source) if there else served.store.create(source)
    served.agents.source_changed(source.KIND, source.metadata.namespace, source.metadata.name)


def forgotten(served, name):
    """Whoever asked for a look until now is not heard."""
    served.agents.queue.forget((cluster_key("a"), bundle_key(name)))


def copied(delivery, name="web"):
    return [(one["kind"], one["metadata"]["name"]) for one in delivery.copies[name].objects]


def status(served):
    return served.store.deployment(bundle_key("web"), cluster_key("a")).status


def test_what_the_options_name_goes_along_as_it_is_with_the_mark_of_the_bundle_and_where_it_is_from(served):
    delivery = served.cluster("a")
    annotations = {"note": "stays", LAST_APPLIED: '{"data": "in clear"}'}
    served.store.create(secret(labels={"app": "web"}, annotations=annotations))
    served.store.create(settings())
    served.bundle("web", downstream_resources=(TOKEN, SETTINGS))
    served.look("web")
    [token, plain] = delivery.copies["web"].objects
    assert token == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "token",
            "labels": {"app": "web", BUNDLE: "web"},
            "annotations": {"note": "stays", SOURCE: f"{NS}/token"},
        },
        "type": "Opaque",
        "data": {"password": "Y2FuYXJ5LTdkMWY="},
    }
    assert (plain["kind"], plain["data"]) == ("ConfigMap", {"key": "one"})


def test_a_bundle_that_names_nothing_brings_nothing(served):
    delivery = served.cluster("a")
    served.store.create(secret())
    served.bundle("web")
    served.look("web")
    assert delivery.copies["web"] == Copies()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (TOKEN, "downstreamResources: Secret ws/token does not exist (create it in workspace ws, or take it out of downstreamResources)"),
        (SETTINGS, "downstreamResources: ConfigMap ws/settings does not exist"),
        (
            DownstreamResource(kind="Pod", name="x"),
            "downstreamResources: 'Pod' can't be copied to a cluster (name a Secret or a ConfigMap)",
        ),
    ],
)
def test_what_can_not_be_copied_is_an_error_that_names_it_and_nothing_is_deployed(served, named, message):
    delivery = served.cluster("a")
    served.store.create(secret(namespace="elsewhere"))
    served.bundle("web", downstream_resources=(named,))
    assert 0 < served.look("web") < 60
    served.reaches("web", "ErrApplied")
    assert served.message("web").startswith(message)
    assert delivery.calls == []


def test_a_source_that_comes_late_is_deployed_at_once(served):
    delivery = served.cluster("a")
    served.bundle("web", downstream_resources=(TOKEN,))
    served.agents.queue.start()
    served.reaches("web", "ErrApplied")
    written(served, secret())
    served.reaches("web", "Ready")
    assert copied(delivery) == [("Secret", "token")]
    assert served.message("web") == ""


def test_a_source_that_goes_makes_the_deployment_not_ready_and_one_that_comes_again_makes_it_ready(served):
    delivery = served.cluster("a")
    served.store.create(secret())
    served.bundle("web", downstream_resources=(TOKEN,))
    served.look("web")
    served.reaches("web", "Ready")
    served.store.delete(Secret, NS, "token")
    assert 0 < served.look("web") < 60
    served.reaches("web", "NotReady")
    assert "Secret ws/token does not exist" in served.store.get(Bundle, NS, "web").status.conditions[-1].message
    assert delivery.did("remove") == []
    served.store.create(secret())
    served.look("web")
    served.reaches("web", "Ready")


def test_a_changed_source_wakes_the_bundles_of_its_workspace_that_name_it_and_moves_their_generation(served):
    delivery = served.cluster("a")
    for source in (secret(), secret(name="other"), settings()):
        served.store.create(source)
    served.bundle("web", downstream_resources=(TOKEN,))
    served.bundle("other", downstream_resources=(SETTINGS,))
    for name in ("web", "other"):
        served.look(name)
        forgotten(served, name)
    served.reaches("web", "Ready")
    before = delivery.copies["web"].generation
    calls = len(delivery.calls)
    served.agents.queue.start()
    written(served, secret("x", namespace="elsewhere"))
    written(served, secret("x", name="other"))
    written(served, secret("changed"))
    wait_for(lambda: status(served).downstream_resources_generation > before)
    served.agents.queue.stop()
    assert {name for _, name in delivery.calls[calls:]} == {"web"}
    assert delivery.copies["web"].objects[0]["data"] == {"password": "Y2hhbmdlZA=="}


def test_two_bundles_that_fail_do_not_wake_each_other_for_ever(served):
    delivery = served.cluster("a")
    for name in ("one", "two"):
        served.bundle(name, downstream_resources=(TOKEN,))
        served.look(name)
    for name in ("one", "two"):
        forgotten(served, name)
    served.look("one")
    assert served.agents.queue.idle()
    assert delivery.calls == []


@pytest.mark.parametrize("keep", [True, False])
def test_copies_go_with_their_bundle_also_when_it_was_never_deployed_unless_resources_are_kept(served, keep):
    delivery = served.cluster("a")
    served.bundle("web", downstream_resources=(TOKEN,), keep_resources=keep)
    served.look("web")
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    served.look("web")
    assert delivery.did("withdraw") == ([] if keep else ["web"])


def test_a_bundle_that_had_copies_once_is_rid_of_them(served):
    delivery = served.cluster("a")
    served.bundle("web")
    told = BundleDeploymentStatus(downstream_resources_generation=-1)
    served.store.report([Report(*served.rollouts.ids("web", "a"), told)])
    served.restarted().cluster_changed(cluster_key("a"))
    served.agents.reports.start()
    served.store.delete(Bundle, NS, "web")
    served.rollouts.look("web")
    served.agents.sync_all()
    served.look("web")
    assert delivery.did("withdraw") == ["web"]


def test_a_copy_that_two_bundles_have_is_looked_after_when_one_of_them_goes(served):
    delivery = served.cluster("a")
    served.store.create(secret())
    for name in ("one", "two", "plain"):
        served.bundle(name, **({} if name == "plain" else {"downstream_resources": (TOKEN,)}))
        served.look(name)
    served.reaches("two", "Ready")
    served.store.delete(Bundle, NS, "one")
    served.rollouts.look("one")
    served.agents.sync_all()
    calls = len(delivery.calls)
    served.agents.queue.start()
    served.reaches("one", None)
    wait_for(lambda: ("observe", "two") in delivery.calls[calls:])


def test_the_data_of_a_source_is_in_no_status_no_log_and_no_printed_value(served, capsys):
    delivery = served.cluster("a")
    served.store.create(secret())
    served.bundle("web", downstream_resources=(TOKEN, SETTINGS))
    served.look("web")
    served.reaches("web", "ErrApplied")
    served.store.create(settings())
    served.look("web")
    served.reaches("web", "Ready")
    [item] = served.store.assigned(cluster_key("a"))
    told = [repr(status(served)), repr(item), repr(delivery.copies["web"]), repr(served.store.get(Bundle, NS, "web"))]
    told += capsys.readouterr()
    assert not [text for text in told if CANARY in text or "Y2FuYXJ5" in text]


def test_a_source_is_not_in_clear_in_the_stores_file(served, tmp_path):
    served.cluster("a")
    served.store.create(secret())
    served.bundle("web", downstream_resources=(TOKEN,))
    served.look("web")
    served.reaches("web", "Ready")
    files = [path.read_bytes() for path in tmp_path.rglob("store.db*") if path.suffix != ".key"]
    assert files and not [data for data in files if CANARY.encode() in data or b"Y2FuYXJ5" in data]


def test_a_change_of_metadata_alone_reaches_the_copy_too(served):
    delivery = served.cluster("a")
    served.store.create(secret())
    served.bundle("web", downstream_resources=(TOKEN,))
    served.look("web")
    served.store.update(replace(marked(served.store.get(Secret, NS, "token"), labels={"new": "yes"})))
    served.look("web")
    assert delivery.copies["web"].objects[0]["metadata"]["labels"] == {"new": "yes", BUNDLE: "web"}
