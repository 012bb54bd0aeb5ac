"""HelmOps in the store: their status from the counters of their Bundle, their values encrypted (`fleet-semantics.md` 1.2, 1.8, 1.14)."""

from __future__ import annotations

from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, BundleTarget, Cluster, GitRepo, HelmOp, HelmOpOptions, HelmOpSpec
from extension.objects.options import HelmOptions
from extension.store.protocol import Filter, Query
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy, names, repo, report, status

KEY = Key("Bundle", NS, "web")


def helmop(name="web", **helm):
    return HelmOp(metadata=ObjectMeta(name=name, namespace=NS), spec=HelmOpSpec(helm=HelmOptions(chart="web", repo="https://x", **helm)))


def made(store, name="web"):
    """The Bundle of a HelmOp."""
    there = bundle(name, helm_op_options=HelmOpOptions())
    return store.create(Bundle(metadata=ObjectMeta(name=name, namespace=NS, labels={HELM_NAME: name}), spec=there.spec))


def deployed(store, *clusters):
    store.create(helmop())
    made(store)
    for name in clusters:
        store.create(cluster(name))
    numbers = [store.object_id(cluster_key(name)) for name in clusters]
    return deploy(store, KEY, numbers), numbers


def test_a_helmops_status_is_that_of_its_bundles_deployments(store):
    wanted, (one, two) = deployed(store, "one", "two")
    assert store.get(HelmOp, NS, "web").status.display.state == "WaitApplied"
    report(store, KEY, one, status(wanted.deployment_id, ready=True, non_modified=True, counts=(3, 3)))
    report(store, KEY, two, status("", deployed="False", message="no such chart", counts=(0, 1)))
    found = store.get(HelmOp, NS, "web").status
    assert (found.display.state, found.display.message, found.display.error) == ("ErrApplied", "no such chart", True)
    assert (found.display.ready_bundle_deployments, found.ready_clusters, found.desired_ready_clusters) == ("1/2", 1, 2)
    assert (found.resource_counts.ready, found.resource_counts.desired_ready) == (3, 4)
    (ready,) = [c for c in found.conditions if c.type == "Ready"]
    assert (ready.status, ready.message) == ("False", "ErrApplied(1) [Bundle web: no such chart]")


def test_a_helmop_without_deployments_is_not_updating(store):
    store.create(helmop())
    found = store.get(HelmOp, NS, "web").status
    assert (found.display.state, found.display.ready_bundle_deployments) == ("", "0/0")


def test_what_is_wrong_with_the_bundle_is_what_the_helmop_says(store):
    deployed(store, "one")
    there = store.get(Bundle, NS, "web")
    told = Condition(type="Ready", status="False", reason="TargetingError", message="targeting error: broken")
    store.update_status(Bundle(metadata=there.metadata, spec=there.spec, status=type(there.status)(conditions=(told,))))
    (ready,) = [c for c in store.get(HelmOp, NS, "web").status.conditions if c.type == "Ready"]
    assert ready.message == "targeting error: broken"


def test_a_report_of_its_bundle_is_a_change_of_the_helmop(store):
    wanted, (one,) = deployed(store, "one")
    since = store.revision()
    report(store, KEY, one, status(wanted.deployment_id, ready=True, non_modified=True))
    assert Key("HelmOp", NS, "web") in {change.key for change in store.changes(since)}


def test_a_helmop_and_a_gitrepo_of_one_name_are_counted_apart(store):
    wanted, (one,) = deployed(store, "one")
    store.create(repo("web"))
    key = store.create(bundle("site", content="a: 1", repo="web")).key
    store.create(bundle("other", content="a: 1", repo="another"))
    deploy(store, key, [one])
    report(store, KEY, one, status(wanted.deployment_id, ready=True, non_modified=True))
    found = store.get(Cluster, NS, "one").status
    assert (found.ready_helm_ops, found.desired_ready_helm_ops, found.ready_git_repos, found.desired_ready_git_repos) == (1, 1, 0, 1)
    assert store.get(HelmOp, NS, "web").status.display.ready_bundle_deployments == "1/1"
    assert store.get(GitRepo, NS, "web").status.display.ready_bundle_deployments == "0/1"
    for maker, bundles in ((Key("HelmOp", NS, "web"), ["web"]), (Key("GitRepo", NS, "web"), ["site"])):
        assert names(store.deployments(Query(), gitrepo=maker)) == bundles


def test_a_helmops_values_are_encrypted_and_come_back(store, place):
    values = {"password": "canary-one"}
    target = BundleTarget(name="t", helm=HelmOptions(values={"a": "canary-two"}, template_values={"b": "canary-three"}))
    given = HelmOpSpec(helm=HelmOptions(chart="web", repo="https://x", values=values), targets=(target,), polling_interval="1h")
    store.create(HelmOp(metadata=ObjectMeta(name="web", namespace=NS), spec=given))
    assert store.get(HelmOp, NS, "web").spec == given
    store.close()
    assert b"canary" not in place.written()


def test_helmops_are_listed_by_chart_and_repository(store):
    store.create(helmop("one", version="1.x"))
    store.create(HelmOp(metadata=ObjectMeta(name="two", namespace=NS), spec=HelmOpSpec(helm=HelmOptions(chart="db", repo="https://x"))))
    for field, value, found in (("chart", "db", ["two"]), ("repo", "https://x", ["one", "two"]), ("version", "1.x", ["one"])):
        where = ((Filter(f"spec.helm.{field}", "=", (value,)),),)
        assert names(store.list(HelmOp, Query(filters=where))) == found
