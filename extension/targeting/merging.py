"""Options of a customization laid over those of a bundle (`fleet-semantics.md` 3.3 `Merge`).

Every field has its own rule, and the fields that have none keep the bundle's value whatever the customization says
(maxHistory, skipSchemaValidation, disableDependencyUpdate, valuesFiles, ignore, deleteNamespace, namespaceLabels,
namespaceAnnotations, deleteCRDResources, createNamespace): users' repositories depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from extension.objects.options import (
    BundleDeploymentOptions,
    ComparePatch,
    DiffOptions,
    DownstreamResource,
    HelmOptions,
    KustomizeOptions,
    ValuesFrom,
    YAMLOptions,
)

T = TypeVar("T")

_HELM_TEXTS = ("repo", "chart", "version", "release_name")
_HELM_SWITCHES = ("force", "atomic", "take_ownership", "disable_pre_process", "wait_for_jobs", "disable_dns")


def merge(base: BundleDeploymentOptions, custom: BundleDeploymentOptions) -> BundleDeploymentOptions:
    """`base` with `custom` on top; neither is changed. `base` may be a BundleSpec or BundleTarget; the result is plain options."""
    kept = {field: getattr(base, field) for field in BundleDeploymentOptions.__struct_fields__}
    return BundleDeploymentOptions(
        **kept
        | {
            "default_namespace": custom.default_namespace or base.default_namespace,
            "namespace": custom.namespace or base.namespace,
            "service_account": custom.service_account or base.service_account,
            "helm": _helm(base.helm, custom.helm),
            "kustomize": _kustomize(base.kustomize, custom.kustomize),
            "diff": _diff(base.diff, custom.diff),
            "yaml": _yaml(base.yaml, custom.yaml),
            "force_sync_generation": custom.force_sync_generation if custom.force_sync_generation > 0 else base.force_sync_generation,
            "keep_resources": base.keep_resources or custom.keep_resources,
            "correct_drift": base.correct_drift if custom.correct_drift is None else custom.correct_drift,
            "downstream_resources": _union(base.downstream_resources, custom.downstream_resources, _resource_key),
        }
    )


def _helm(base: HelmOptions | None, custom: HelmOptions | None) -> HelmOptions | None:
    if custom is None:
        return base
    base = base or HelmOptions()
    return msgspec.structs.replace(
        base,
        timeout_seconds=_timeout(base.timeout_seconds, custom.timeout_seconds),
        values=_values(base.values, custom.values),
        template_values=base.template_values | custom.template_values,
        values_from=_union(base.values_from, custom.values_from, _values_from_key),
        **{field: getattr(custom, field) or getattr(base, field) for field in _HELM_TEXTS},
        **{field: getattr(base, field) or getattr(custom, field) for field in _HELM_SWITCHES},
    )


def _timeout(base: int, custom: int) -> int:
    return max(custom, 0) if custom else base


def _values(base: dict[str, Any] | None, custom: dict[str, Any] | None) -> dict[str, Any] | None:
    if base is None or custom is None:
        return custom if base is None else base
    return merge_values(base, custom)


def merge_values(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Helm values with others on top: maps deep, lists and scalars replaced, null kept as a value (2.8)."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge_values(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _kustomize(base: KustomizeOptions | None, custom: KustomizeOptions | None) -> KustomizeOptions | None:
    if custom is None:
        return base
    return KustomizeOptions(dir=custom.dir or (base.dir if base else ""))


def _diff(base: DiffOptions | None, custom: DiffOptions | None) -> DiffOptions | None:
    if custom is None:
        return base
    return DiffOptions(compare_patches=_union(base.compare_patches if base else (), custom.compare_patches, _patch_key))


def _yaml(base: YAMLOptions | None, custom: YAMLOptions | None) -> YAMLOptions | None:
    if custom is None:
        return base
    return YAMLOptions(overlays=(base.overlays if base else ()) + custom.overlays)


def _union(base: Sequence[T], custom: Sequence[T], key: Callable[[T], tuple[str, ...] | None]) -> tuple[T, ...]:
    """`base` with entries of `custom` in place of those with the same key, the others behind; of two equal keys within
    `custom` the first counts. An entry without a key is always appended."""
    merged = list(base)
    places = {key(entry): place for place, entry in enumerate(base)}
    seen = set()
    for entry in custom:
        own = key(entry)
        if own is not None and own in seen:
            continue
        seen.add(own)
        if own is not None and own in places:
            merged[places[own]] = entry
        else:
            merged.append(entry)
    return tuple(merged)


def _resource_key(resource: DownstreamResource) -> tuple[str, ...]:
    return (resource.kind.lower(), resource.name)


def _patch_key(patch: ComparePatch) -> tuple[str, ...]:
    return (patch.api_version, patch.kind, patch.namespace, patch.name)


def _values_from_key(source: ValuesFrom) -> tuple[str, ...] | None:
    for kind, ref in (("configmap", source.config_map_key_ref), ("secret", source.secret_key_ref)):
        if ref is not None:
            return (kind, ref.namespace, ref.name, ref.key)
    return None
