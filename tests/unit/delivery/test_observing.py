"""What is seen of a release on a Kubernetes cluster: as deployed, modified, missing, extra, not ready."""

from __future__ import annotations

import copy
import json

import pytest

from extension.delivery.client import Kind
from extension.delivery.observing import Observer
from extension.objects.options import BundleDeploymentOptions, ComparePatch, DiffOptions, IgnoreOptions, Operation
from extension.objects.status import FieldChange
from extension.rendering.postrender import HASH_LABEL, ID_ANNOTATION
from tests.fakes.kubernetes import MemoryCluster

CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)
SECRETS = Kind("v1", "Secret", "secrets", True)
DEPLOYMENTS = Kind("apps/v1", "Deployment", "deployments", True)
SCALERS = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", True)
CLUSTER_ROLES = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", False)
HASH = "set-hash"


def thing(name="a", kind=CONFIG_MAPS, namespace="", **spec):
    meta = {"name": name, "labels": {HASH_LABEL: HASH}, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec or {"key": "one"}}


def live(obj, namespace="web", status=None, labels=True, **spec):
    """The object as the cluster has it."""
    found = copy.deepcopy(obj)
    found["metadata"] |= {"uid": f"uid-{obj['metadata']['name']}", "creationTimestamp": "then"}
    if namespace:
        found["metadata"].setdefault("namespace", namespace)
    if not labels:
        del found["metadata"]["labels"]
    found["spec"] |= spec
    return {**found, "status": status or {}}


@pytest.fixture
def cluster():
    return MemoryCluster(CONFIG_MAPS, SECRETS, DEPLOYMENTS, SCALERS, CLUSTER_ROLES)


def look(cluster, *desired, previous=(), patches=(), ignored=()):
    options = BundleDeploymentOptions(diff=DiffOptions(compare_patches=patches), ignore=IgnoreOptions(conditions=ignored))
    return Observer(cluster, "web", desired, HASH).observe("web/r:1", options, lambda: previous)


def told(seen):
    """The faults: (name, what)."""
    return [(m.name, "missing" if m.missing else "extra" if m.delete else json.loads(m.patch)) for m in seen.modified]


def test_what_is_as_deployed_is_no_fault_and_the_cluster_is_only_listed(cluster):
    cluster.put(live(thing()), live(thing("b"), extra="by somebody"))
    seen = look(cluster, thing(), thing("b"))
    assert (seen.release, seen.modified, seen.non_ready) == ("web/r:1", (), ())
    assert [(r.kind, r.namespace, r.name, r.created_at) for r in seen.resources] == [
        ("ConfigMap", "web", "a", "then"),
        ("ConfigMap", "web", "b", "then"),
    ]
    assert (cluster.lists, cluster.asked) == ([("ConfigMap", "web")], [])


def test_a_changed_object_is_modified_with_the_patch_that_brings_it_back(cluster):
    cluster.put(live(thing(), key="two"))
    assert told(look(cluster, thing())) == [("a", {"spec": {"key": "one"}})]


def managed(obj, *entries):
    """The object with what the API server wrote down of who set what."""
    fields = [{"manager": manager, "time": time, "fieldsV1": fields} for manager, time, fields in entries]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": fields}}


def test_a_changed_object_says_which_fields_and_who_changed_them(cluster):
    who = ("kubectl-edit", "2026-11-29T12:00:00Z", {"f:spec": {"f:key": {}}})
    cluster.put(managed(live(thing(), key="two"), who))
    [found] = look(cluster, thing()).modified
    assert found.changes == (FieldChange("/spec/key", '"one"', '"two"', "kubectl-edit", "2026-11-29T12:00:00Z"),)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_what_a_controller_changes_while_one_looks_is_no_drift(cluster, times):
    obj = live(thing(), key="two")
    cluster.put(obj)
    cluster.changes = [{"spec": {"revision": str(number)}} for number in range(times)]
    [found] = look(cluster, thing()).modified
    assert json.loads(found.patch) == {"spec": {"key": "one"}}


def test_an_object_that_goes_while_one_looks_is_told_as_it_was(cluster):
    cluster.put(live(thing(), key="two"))
    cluster.changes = [None]
    assert [m.name for m in look(cluster, thing()).modified] == ["a"]


def test_what_a_secret_of_the_release_holds_is_told_nowhere(cluster):
    secret = {**thing("s", SECRETS), "stringData": {"password": "canary-7f3a"}}
    cluster.put(live(secret), live(thing(), key="canary-7f3a"))
    assert "canary" not in str(look(cluster, secret, thing()).modified)


def test_another_spelling_that_applying_would_not_change_is_no_drift():
    cluster = MemoryCluster(CONFIG_MAPS, defaults={"cpu": "1"})
    cluster.put(live(thing(cpu="1000m"), cpu="1"))
    assert told(look(cluster, thing(cpu="1"))) == []


def test_an_object_that_is_gone_is_missing_and_no_resource(cluster):
    seen = look(cluster, thing())
    assert (told(seen), seen.modified[0].exist, seen.resources) == ([("a", "missing")], False, ())


def test_an_object_that_lost_its_label_is_there_and_not_ours(cluster):
    cluster.put(live(thing(), labels=False))
    seen = look(cluster, thing())
    assert (told(seen), seen.modified[0].exist) == ([("a", "missing")], True)


def marked(obj, **meta):
    return {**obj, "metadata": {**obj["metadata"], **meta}}


TAKEN = [
    ("its label is gone", {"labels": {}}, (f"/metadata/labels/{HASH_LABEL.replace('/', '~1')}", '"set-hash"', "")),
    (
        "another bundle took it",
        {"labels": {HASH_LABEL: "other"}, "annotations": {ID_ANNOTATION: "default-other"}},
        (f"/metadata/annotations/{ID_ANNOTATION.replace('/', '~1')}", '"default-web"', '"default-other"'),
    ),
]


@pytest.mark.parametrize(("meta", "told"), [row[1:] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_an_object_that_is_not_ours_says_by_which_mark_and_whose_it_is(cluster, meta, told):
    desired = marked(thing(), annotations={ID_ANNOTATION: "default-web"})
    cluster.put(marked(live(desired), **meta))
    [found] = look(cluster, desired).modified
    assert (found.missing, found.exist, found.patch) == (True, True, "")
    assert [(one.path, one.wanted, one.found) for one in found.changes] == [told]


def test_a_kind_the_cluster_no_longer_serves_is_missing(cluster):
    gone = thing(kind=Kind("example.org/v1", "Widget", "widgets", True))
    seen = look(cluster, gone)
    assert (told(seen), seen.modified[0].exist) == ([("a", "missing")], False)


@pytest.mark.parametrize(("previous", "found"), [((thing("old"),), [("old", "extra")]), ((), [])], ids=["before", "never"])
def test_an_object_of_the_set_is_extra_only_when_the_release_before_had_it(cluster, previous, found):
    cluster.put(live(thing()), live(thing("old")))
    assert told(look(cluster, thing(), previous=previous)) == found


def test_objects_are_found_in_the_namespace_they_name_and_else_in_the_releases(cluster):
    far = thing("far", namespace="other")
    cluster.put(live(thing()), live(far))
    seen = look(cluster, thing(), far)
    assert [(r.namespace, r.name) for r in seen.resources] == [("other", "far"), ("web", "a")]
    assert cluster.lists == [("ConfigMap", "")]
    assert seen.modified == ()


def test_an_object_of_the_cluster_has_no_namespace_whatever_it_says(cluster):
    role = thing("role", CLUSTER_ROLES)
    cluster.put(live(role, namespace=""))
    seen = look(cluster, {**role, "metadata": {**role["metadata"], "namespace": "web"}})
    assert [(r.namespace, r.name) for r in seen.resources] == [("", "role")]


IGNORE = (Operation("ignore"),)


@pytest.mark.parametrize("namespace", ["", "web"], ids=["the release's namespace", "a namespace of its own"])
@pytest.mark.parametrize(
    ("patch", "found"),
    [
        (ComparePatch(api_version="v1", kind="ConfigMap", namespace="web", name="a", operations=IGNORE), []),
        (ComparePatch(api_version="v1", kind="ConfigMap", namespace="web", operations=IGNORE), []),
        (ComparePatch(api_version="v1", kind="ConfigMap", namespace="other", name="a", operations=IGNORE), [("a", "missing")]),
    ],
)
def test_a_missing_object_is_overlooked_by_the_namespace_it_would_be_in(cluster, namespace, patch, found):
    assert told(look(cluster, thing(namespace=namespace), patches=(patch,))) == found


@pytest.mark.parametrize("namespace", ["", "web"], ids=["the release's namespace", "a namespace of its own"])
@pytest.mark.parametrize(
    "patch",
    [
        ComparePatch(api_version="v1", kind="ConfigMap", namespace="web", name="a", json_pointers=("/spec/key",)),
        ComparePatch(api_version="v1", kind="ConfigMap", namespace="web", name="a", operations=(Operation("remove", "/spec/key"),)),
    ],
    ids=["pointer", "operation"],
)
def test_a_field_is_left_out_by_the_namespace_the_object_is_in_without_asking_the_cluster(cluster, namespace, patch):
    cluster.put(live(thing(), key="two"))
    assert told(look(cluster, thing(namespace=namespace), patches=(patch,))) == []
    assert cluster.asked == []


LATE = {"conditions": [{"type": "Ready", "status": "False", "message": "soon"}]}


def test_an_object_that_is_not_ready_is_told_with_its_reason(cluster):
    cluster.put(live(thing(), status=LATE), live(thing("b")))
    [late] = look(cluster, thing(), thing("b")).non_ready
    assert (late.name, late.uid, late.summary.transitioning, late.summary.message) == ("a", "uid-a", True, ("soon",))


def test_a_condition_that_is_ignored_makes_nothing_not_ready(cluster):
    cluster.put(live(thing(), status=LATE))
    assert look(cluster, thing(), ignored=({"type": "Ready"},)).non_ready == ()


def scaler(low=1, high=5, target="web", kind="Deployment", **where):
    return thing("scaler", SCALERS, scaleTargetRef={"kind": kind, "name": target, **where}, minReplicas=low, maxReplicas=high)


READY = {"replicas": 4, "updatedReplicas": 4, "availableReplicas": 4}
WEB = thing("web", DEPLOYMENTS, replicas=2, image="a")


@pytest.mark.parametrize(
    ("scalers", "changed", "found"),
    [
        ([scaler()], {}, []),
        ([], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler(high=3)], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler(low=5)], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler(target="db")], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler(kind="StatefulSet")], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler(apiVersion="apps/v1")], {}, []),
        ([scaler(apiVersion="example.org/v1")], {}, [("web", {"spec": {"replicas": 2}})]),
        ([scaler()], {"image": "b"}, [("web", {"spec": {"image": "a"}})]),
    ],
    ids=[
        "chosen by it",
        "none",
        "above its limit",
        "below its limit",
        "of another",
        "of another kind",
        "of its group",
        "of another group",
        "but something else is",
    ],
)
def test_a_replica_count_that_an_autoscaler_chose_is_no_drift(cluster, scalers, changed, found):
    cluster.put(live(WEB, status=READY, replicas=4, **changed), *(live(one) for one in scalers))
    assert told(look(cluster, WEB)) == found


@pytest.mark.parametrize("spec", [None, {"replicas": "many"}, {"replicas": None}], ids=["none", "a text", "null"])
def test_a_spec_of_a_form_that_nobody_expects_is_drift_although_an_autoscaler_is_there(cluster, spec):
    cluster.put({**live(WEB), "spec": spec}, live(scaler()))
    assert [name for name, _ in told(look(cluster, WEB))] == ["web"]
