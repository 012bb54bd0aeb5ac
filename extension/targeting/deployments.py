"""The BundleDeployment documents a plan stands for, as `rancher-cd target` prints them (`fleet-semantics.md` 3.3)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, BundleDeployment, BundleDeploymentSpec, Cluster
from extension.objects.plan import Plan, Step, Variant
from extension.targeting.planning import leaked
from extension.targeting.values import exported

_PREFIX = "fleet.cattle.io/"


def deployments(plan: Plan, bundle: Bundle, written: Step, cluster: Callable[[int], Cluster]) -> tuple[BundleDeployment, ...]:
    """The deployments that `written`, a first step of `plan`, creates, sorted by cluster name and namespace.

    `cluster` gives the object of a number. Staged options stand there only where they differ from the live ones, that is
    where a pause keeps them from being promoted. Without a namespace of its own a cluster gets none.
    """
    found = [
        (cluster(number), assignment.variant, number in written.promote)
        for assignment in plan.assignments
        for number in assignment.clusters & written.create
    ]
    found.sort(key=lambda entry: (entry[0].metadata.name, entry[0].metadata.namespace))
    return tuple(_deployment(bundle, *entry) for entry in found)


def labels_of(bundle: Bundle, cluster_namespace: str, cluster_name: str) -> dict[str, str]:
    """The labels of a bundle's deployment to a cluster; `content-name` is the store's to add."""
    own = {key: value for key, value in bundle.metadata.labels.items() if key.startswith(_PREFIX)}
    return {
        **exported(bundle.metadata.labels),
        **own,
        f"{_PREFIX}bundle-name": bundle.metadata.name,
        f"{_PREFIX}bundle-namespace": bundle.metadata.namespace,
        f"{_PREFIX}managed": "true",
        f"{_PREFIX}cluster-namespace": cluster_namespace,
        f"{_PREFIX}cluster": cluster_name,
    }


def _deployment(bundle: Bundle, cluster: Cluster, variant: Variant, promoted: bool) -> BundleDeployment:
    meta = cluster.metadata
    spec = BundleDeploymentSpec(
        paused=bundle.spec.paused or cluster.spec.paused,
        options=variant.options if promoted else leaked(bundle.spec),
        deployment_id=variant.deployment_id if promoted else "",
        depends_on=bundle.spec.depends_on,
        correct_drift=variant.options.correct_drift,
        oci_contents=bool(bundle.spec.contents_id),
        helm_chart_options=bundle.spec.helm_op_options,
    )
    if not promoted:
        spec = msgspec.structs.replace(spec, staged_options=variant.options, staged_deployment_id=variant.deployment_id)
    labels = labels_of(bundle, meta.namespace, meta.name)
    return BundleDeployment(metadata=ObjectMeta(name=bundle.metadata.name, namespace=cluster.status.namespace, labels=labels), spec=spec)
