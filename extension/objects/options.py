"""BundleDeploymentOptions and what it is made of (`fleet-semantics.md` 1.6), in Go's field order."""

from __future__ import annotations

from typing import Any

import msgspec

from extension.objects.base import Struct, written
from extension.objects.selectors import LabelSelector


class YAMLOptions(Struct, frozen=True):
    overlays: tuple[str, ...] = ()


class KustomizeOptions(Struct, frozen=True):
    dir: str = ""


class LocalObjectReference(Struct, frozen=True):
    name: str = written()
    namespace: str = ""
    key: str = ""


class ValuesFrom(Struct, frozen=True):
    config_map_key_ref: LocalObjectReference | None = None
    secret_key_ref: LocalObjectReference | None = None


class HelmOptions(Struct, frozen=True):
    values_files: tuple[str, ...] = ()
    chart: str = ""
    repo: str = ""
    release_name: str = ""
    version: str = ""
    timeout_seconds: int = 0
    values: dict[str, Any] | None = None
    template_values: dict[str, str] = {}
    values_from: tuple[ValuesFrom, ...] = ()
    force: bool = False
    take_ownership: bool = False
    max_history: int = 0
    wait_for_jobs: bool = False
    atomic: bool = False
    disable_pre_process: bool = False
    disable_dns: bool = msgspec.field(default=False, name="disableDNS")
    skip_schema_validation: bool = False
    disable_dependency_update: bool = False


class Operation(Struct, frozen=True):
    op: str = ""
    path: str = ""
    value: str = ""


class ComparePatch(Struct, frozen=True):
    kind: str = ""
    api_version: str = ""
    namespace: str = ""
    name: str = ""
    operations: tuple[Operation, ...] = ()
    json_pointers: tuple[str, ...] = ()


class DiffOptions(Struct, frozen=True):
    compare_patches: tuple[ComparePatch, ...] = ()


class IgnoreOptions(Struct, frozen=True):
    conditions: tuple[dict[str, str], ...] = ()


class CorrectDrift(Struct, frozen=True):
    enabled: bool = False
    force: bool = False
    keep_fail_history: bool = False


class DownstreamResource(Struct, frozen=True):
    kind: str = ""
    name: str = ""


class OverwrittenResource(Struct, frozen=True):
    name: str = ""
    namespace: str = ""
    kind: str = ""


class BundleDeploymentOptions(Struct, frozen=True):
    yaml: YAMLOptions | None = None
    kustomize: KustomizeOptions | None = None
    default_namespace: str = ""
    namespace: str = ""
    helm: HelmOptions | None = None
    service_account: str = ""
    create_namespace: bool | None = None
    force_sync_generation: int = 0
    diff: DiffOptions | None = None
    keep_resources: bool = False
    delete_namespace: bool = False
    ignore: IgnoreOptions | None = None
    correct_drift: CorrectDrift | None = None
    namespace_labels: dict[str, str] = {}
    namespace_annotations: dict[str, str] = {}
    delete_crd_resources: bool = msgspec.field(default=False, name="deleteCRDResources")
    downstream_resources: tuple[DownstreamResource, ...] = ()
    overwrites: tuple[OverwrittenResource, ...] = ()
    allowed_target_namespace_selector: LabelSelector | None = None


def options_of(holder: BundleDeploymentOptions) -> BundleDeploymentOptions:
    """The options part of a BundleSpec or BundleTarget, which carry these fields inline."""
    return BundleDeploymentOptions(**{f: getattr(holder, f) for f in BundleDeploymentOptions.__struct_fields__})
