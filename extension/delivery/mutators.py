"""What clusters do to objects on their own, whoever deployed them: no bundle should be Modified for it. Pure.

Most of what controllers and admission add needs no rule, since only what the manifest says counts, and the API server is asked what
applying would change. A rule is needed where a manifest has the field all the same: charts have an empty `caBundle` in it, exported
manifests what a controller wrote. Replica counts that an autoscaler chose are seen by `observing`, which can ask for autoscalers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from extension.rendering.masking import COPIES

Object = dict[str, Any]
ITEMS = "*"


class Mutator(msgspec.Struct, frozen=True):
    """A field that is not compared. `kinds` are `Kind.group`, none is every kind; `path` leads to the field, ITEMS to each item of a list.
    `by` is who writes it, `only` tells for which object and value."""

    kinds: tuple[str, ...]
    path: tuple[str, ...]
    by: str
    only: Callable[[Object, Any], bool] = lambda _obj, _value: True

    @property
    def field(self) -> str:
        """The path for people."""
        steps = ("[]" if step == ITEMS else f"[{step}]" if "/" in step else f".{step}" for step in self.path)
        return "".join(steps).lstrip(".")


def _is_aggregated(obj: Object, _rules: Any) -> bool:
    return bool(obj.get("aggregationRule"))


def _is_generated(obj: Object, reference: Any) -> bool:
    """Whether a pull secret is the one that OpenShift makes for a service account, such as `web-dockercfg-gl9vz`."""
    own = f"{(obj.get('metadata') or {}).get('name')}-dockercfg-"
    return isinstance(reference, dict) and str(reference.get("name")).startswith(own)


_CA = "cert-manager, OpenShift and whoever else injects CAs"
_WEBHOOKS = tuple(f"{kind}WebhookConfiguration.admissionregistration.k8s.io" for kind in ("Validating", "Mutating"))
_CRD = ("CustomResourceDefinition.apiextensions.k8s.io",)
MUTATORS = (
    Mutator(_WEBHOOKS, ("webhooks", ITEMS, "clientConfig", "caBundle"), _CA),
    Mutator(("APIService.apiregistration.k8s.io",), ("spec", "caBundle"), _CA),
    Mutator(_CRD, ("spec", "conversion", "webhook", "clientConfig", "caBundle"), _CA),
    Mutator(("ClusterRole.rbac.authorization.k8s.io",), ("rules",), "Kubernetes, for a role with an `aggregationRule`", _is_aggregated),
    Mutator(("PersistentVolumeClaim",), ("spec", "volumeName"), "Kubernetes, which binds a volume"),
    Mutator(("ServiceAccount",), ("imagePullSecrets", ITEMS), "OpenShift, which adds `<name>-dockercfg-...`", _is_generated),
    Mutator(("Deployment.apps",), ("metadata", "annotations", "deployment.kubernetes.io/revision"), "Kubernetes, which counts rollouts"),
    *(Mutator((), ("metadata", "annotations", name), "whoever keeps a copy of the object in it") for name in sorted(COPIES)),
)


def drop(obj: Object) -> None:
    """Takes out of an object what clusters write on their own."""
    group, kind = str(obj.get("apiVersion", "")).rpartition("/")[0], str(obj.get("kind", ""))
    named = f"{kind}.{group}" if group else kind
    for mutator in MUTATORS:
        if not mutator.kinds or named in mutator.kinds:
            _drop(obj, mutator.path, mutator, obj)


def _drop(holder: Any, path: tuple[str, ...], mutator: Mutator, obj: Object) -> None:
    """Drops the field at a path below `holder`, and what holds nothing else."""
    step, rest = path[0], path[1:]
    if isinstance(holder, list) and step == ITEMS:
        for item in list(holder):
            if rest:
                _drop(item, rest, mutator, obj)
            elif mutator.only(obj, item):
                holder.remove(item)
    elif isinstance(holder, dict) and step in holder:
        if rest and holder[step]:
            _drop(holder[step], rest, mutator, obj)
            if not holder[step]:
                del holder[step]
        elif not rest and mutator.only(obj, holder[step]):
            del holder[step]
