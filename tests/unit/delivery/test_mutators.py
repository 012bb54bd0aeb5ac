"""What clusters write into objects on their own is not compared, and nothing else is left out with it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from extension.delivery.drift import normalised
from extension.delivery.mutators import MUTATORS, Mutator
from extension.rendering.masking import COPIES

DOCS = Path(__file__).parents[3] / "docs" / "drift.md"


def obj(kind, api_version, **fields):
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "labels": {"a": "b"}}, **fields}


def hook(kind, **config):
    hooks = [{"name": "a", "clientConfig": {"url": "u", **config}}, {"name": "b"}, "odd"]
    return obj(f"{kind}WebhookConfiguration", "admissionregistration.k8s.io/v1", webhooks=hooks)


def crd(**config):
    conversion = {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "u", **config}}}
    return obj("CustomResourceDefinition", "apiextensions.k8s.io/v1", spec={"conversion": conversion})


def api(group="apiregistration.k8s.io", **spec):
    return obj("APIService", f"{group}/v1", spec={"group": "g", **spec})


def role(rules, group="rbac.authorization.k8s.io", **fields):
    return obj("ClusterRole", f"{group}/v1", rules=rules, **fields)


def account(*names):
    return obj("ServiceAccount", "v1", imagePullSecrets=[{"name": name} for name in names])


def annotated(kind, api_version, **annotations):
    made = obj(kind, api_version)
    return {**made, "metadata": {**made["metadata"], "annotations": {key.replace("__", "/"): value for key, value in annotations.items()}}}


REVISION = "deployment.kubernetes.io__revision"
AGGREGATED = {"aggregationRule": {"clusterRoleSelectors": []}}
SAME = [
    ("validating webhooks", hook("Validating", caBundle="x"), hook("Validating")),
    ("mutating webhooks", hook("Mutating", caBundle="x"), hook("Mutating", caBundle="")),
    ("an API", api(caBundle="x"), api(caBundle="")),
    ("a CRD that converts", crd(caBundle="x"), crd()),
    ("an aggregated role", role([1], **AGGREGATED), role([], **AGGREGATED)),
    ("a claim", obj("PersistentVolumeClaim", "v1", spec={"volumeName": "pv"}), obj("PersistentVolumeClaim", "v1", spec={"volumeName": ""})),
    ("a service account", account("own", "web-dockercfg-gl9vz"), account("own")),
    ("a service account with nothing else", account("web-dockercfg-gl9vz"), obj("ServiceAccount", "v1")),
    ("a rollout", annotated("Deployment", "apps/v1", **{REVISION: "2", "a": "b"}), annotated("Deployment", "apps/v1", **{"a": "b"})),
    ("the only annotation", annotated("Deployment", "apps/v1", **{REVISION: "2"}), obj("Deployment", "apps/v1")),
    *((name, annotated("Thing", "x/v1", **{name: "2"}), annotated("Thing", "x/v1", **{name: "1"})) for name in sorted(COPIES)),
]


@pytest.mark.parametrize(("live", "desired"), [row[1:] for row in SAME], ids=[row[0] for row in SAME])
def test_what_a_cluster_writes_is_not_compared(live, desired):
    before = copy.deepcopy(live)
    assert normalised(live, ()) == normalised(desired, ())
    assert live == before, "the object itself is not changed"


OTHER = [
    ("another part of a webhook", hook("Validating", url="v"), hook("Validating")),
    ("the same kind of another group", api("example.org", caBundle="x"), api("example.org")),
    ("a role that is not aggregated", role([1]), role([2])),
    ("the same role of another group", role([1], "example.org", **AGGREGATED), role([], "example.org", **AGGREGATED)),
    ("another pull secret", account("own", "other"), account("own")),
    ("the pull secret of another account", account("db-dockercfg-gl9vz"), account()),
    ("another annotation", annotated("Deployment", "apps/v1", a="b"), annotated("Deployment", "apps/v1", a="c")),
    ("a revision of another kind", annotated("StatefulSet", "apps/v1", **{REVISION: "1"}), annotated("StatefulSet", "apps/v1")),
]


@pytest.mark.parametrize(("live", "desired"), [row[1:] for row in OTHER], ids=[row[0] for row in OTHER])
def test_what_stands_beside_it_is_compared(live, desired):
    assert normalised(live, ()) != normalised(desired, ())


@pytest.mark.parametrize("odd", [None, [], "x", {}, [None], ["x"], [{"clientConfig": None}], [{"clientConfig": "x"}]])
def test_a_field_of_a_form_that_nobody_expects_stays(odd):
    made = obj("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1", webhooks=odd)
    assert normalised(made, ()) == made


@pytest.mark.parametrize("mutator", MUTATORS, ids=[one.field for one in MUTATORS])
def test_every_field_is_documented_with_who_writes_it(mutator: Mutator):
    kinds = ", ".join(f"`{kind.partition('.')[0]}`" for kind in mutator.kinds) or "every kind"
    assert f"| {kinds} | `{mutator.field}` | {mutator.by} |" in DOCS.read_text()
