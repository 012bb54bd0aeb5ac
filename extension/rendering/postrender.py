"""What Fleet does to every object after Helm and Kustomize, and how Helm sorts the result (`fleet-semantics.md` 4.2).

Each object, hook or not, gets the id of its set, by which drift detection finds it again. A CRD is kept on uninstall
unless `deleteCRDResources`. `namespace` in the options moves every object there, which objects of cluster scope can't follow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from extension.objects import names
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions

HASH_LABEL = "objectset.rio.cattle.io/hash"
ID_ANNOTATION = "objectset.rio.cattle.io/id"
POLICY_ANNOTATION = "helm.sh/resource-policy"
KEEP = "keep"
HOOK_ANNOTATION = "helm.sh/hook"
CRD = "CustomResourceDefinition"

Object = dict[str, Any]
Scopes = Callable[[str, str], bool | None]
"""Whether the kind (`apiVersion`, `kind`) is namespaced; None for one the cluster does not know."""

_AGENT_BUNDLE = "fleet-agent"
_AGENT_SET = "fleet-agent-bootstrap"

INSTALL_ORDER = (
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
)
"""Helm's order of kinds; kinds that are not here come last, sorted by kind."""
_RANK = {kind: rank for rank, kind in enumerate(INSTALL_ORDER)}

_EVENTS = frozenset(
    (
        *("pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade"),
        *("pre-rollback", "post-rollback", "test", "test-success"),
    )
)


class Hook(msgspec.Struct, frozen=True):
    """An object that Helm runs at `events` (`test-success` is `test`) instead of keeping it with the release."""

    object: Object
    events: tuple[str, ...]
    weight: int = 0
    delete_policies: tuple[str, ...] = ()
    output_log_policies: tuple[str, ...] = ()


def set_id(bundle: str, prefix: str, scope: str = "") -> str:
    """The id of the set of objects that a bundle makes on a cluster; `prefix` is the agent's default namespace."""
    if bundle.startswith(_AGENT_BUNDLE):
        return names.safe_concat_name(_AGENT_SET, scope) if scope else _AGENT_SET
    return names.safe_concat_name(prefix, bundle, scope) if scope else names.safe_concat_name(prefix, bundle)


def set_hash(identity: str) -> str:
    """The label value of a set id."""
    return hashlib.sha1(identity.encode(), usedforsecurity=False).hexdigest()


def finish(obj: Object, identity: str, options: BundleDeploymentOptions, scopes: Scopes | None) -> Object:
    """The object with what Fleet adds.

    Raises Invalid for an object of cluster scope in a forced namespace, and for one whose head is no text.
    """
    _check_head(obj)
    metadata = dict(obj["metadata"]) if isinstance(obj.get("metadata"), dict) else {}
    annotations = {**_texts(metadata.get("annotations")), ID_ANNOTATION: identity}
    if obj.get("kind") == CRD and not options.delete_crd_resources:
        annotations[POLICY_ANNOTATION] = KEEP
    metadata["annotations"] = annotations
    metadata["labels"] = {**_texts(metadata.get("labels")), HASH_LABEL: set_hash(identity)}
    if options.namespace:
        if scopes is not None:
            _check_scope(obj, str(metadata.get("name", "")), scopes)
        metadata["namespace"] = options.namespace
    return {**obj, "metadata": metadata}


def _texts(value: Any) -> dict[str, str]:
    """Labels or annotations as Kubernetes' own code reads them: null is empty, and one wrong value loses the whole map."""
    if not isinstance(value, dict) or any(not isinstance(v, str | None) for v in value.values()):
        return {}
    return {key: v or "" for key, v in value.items()}


def _check_head(obj: Object) -> None:
    """Raises Invalid for what Helm, which reads the head of every object, can't read."""
    kind, metadata = obj.get("kind"), obj.get("metadata")
    if not isinstance(metadata, dict | None):
        raise Invalid("metadata is no map", where=str(kind), field="metadata")
    for field, value in (("apiVersion", obj.get("apiVersion")), ("metadata.name", (metadata or {}).get("name"))):
        if isinstance(value, dict | list):
            raise Invalid(f"{field} must be text, not a {'map' if isinstance(value, dict) else 'list'}", where=str(kind), field=field)


def _check_scope(obj: Object, name: str, scopes: Scopes) -> None:
    api_version, kind = str(obj.get("apiVersion", "")), str(obj["kind"])
    namespaced = scopes(api_version, kind)
    if namespaced is None:
        raise Invalid(f'no matches for kind "{kind}" in version "{api_version}"', where=f"{kind} {name}", hint="its CRD must exist first")
    if not namespaced:
        raise Invalid(
            f"invalid cluster scoped object [name={name} kind={kind} apiVersion={api_version}] found: "
            "targetNamespace or namespace forbids objects of cluster scope",
            field="namespace",
            hint="use defaultNamespace to allow them",
        )


def split(objects: Iterable[Object]) -> tuple[tuple[Object, ...], tuple[Hook, ...]]:
    """Plain objects in the order Helm installs them, and hooks by weight, kind and name; hooks for unknown events are dropped."""
    plain: list[Object] = []
    hooks: list[Hook] = []
    for obj in objects:
        annotations = (obj.get("metadata") or {}).get("annotations") or {}
        if HOOK_ANNOTATION not in annotations:
            plain.append(obj)
            continue
        events = _words(annotations[HOOK_ANNOTATION])
        if events and _EVENTS.issuperset(events):
            hooks.append(_hook(obj, events, annotations))
    plain.sort(key=_order)
    hooks.sort(key=lambda hook: (hook.weight, _order(hook.object), str(hook.object["metadata"].get("name", ""))))
    return tuple(plain), tuple(hooks)


def _hook(obj: Object, events: tuple[str, ...], annotations: dict[str, str]) -> Hook:
    weight = annotations.get("helm.sh/hook-weight", "")
    return Hook(
        object=obj,
        events=tuple("test" if event == "test-success" else event for event in events),
        weight=int(weight) if weight.lstrip("+-").isascii() and weight.lstrip("+-").isdigit() else 0,
        delete_policies=_words(annotations.get("helm.sh/hook-delete-policy", "")),
        output_log_policies=_words(annotations.get("helm.sh/hook-output-log-policy", "")),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in text.split(",")) if text else ()


def _order(obj: Object) -> tuple[int, str]:
    kind = str(obj.get("kind", ""))
    return _RANK.get(kind, len(_RANK)), "" if kind in _RANK else kind
