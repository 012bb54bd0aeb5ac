"""A tree in, Bundles out: the assembly of `fleet-semantics.md` 2.2, folder by folder.

A folder that can't be read is a failure beside the others; nothing is raised for what a repository holds. The caller
decides whether the healthy bundles go on. With a Memo between commits only folders that changed are read again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from extension.bundles import links
from extension.bundles.discovery import Found, discover
from extension.bundles.fetched import FetchedTree
from extension.bundles.fleetyaml import NAMES, FleetYAML, parse
from extension.bundles.loading import Charts, Limits, Loading, depending_charts, fetched_folder, is_remote, updated
from extension.bundles.memo import Memo
from extension.bundles.scan import COMMIT, Scan, as_target
from extension.objects import names, yaml
from extension.objects.base import ObjectMeta
from extension.objects.codec import canonical, rounded
from extension.objects.content import pack
from extension.objects.errors import Invalid, UserError
from extension.objects.imagescan import ImageScanSpec
from extension.objects.kinds import Bundle, BundleResource, BundleSpec, BundleTarget
from extension.objects.options import HelmOptions
from extension.objects.tree import EntryType, Tree

COMPRESS_FROM = 1_000_000
"""Bytes of a Bundle's JSON from which all its resources are compressed."""


_EMPTY_STATUS = (
    b',"status":{"summary":{"ready":0,"desiredReady":0},"unavailable":0,"unavailablePartitions":0,'
    b'"maxUnavailable":0,"maxUnavailablePartitions":0,"display":{},"observedGeneration":0}'
)


class ImageScan(msgspec.Struct, frozen=True):
    """An entry of `imageScans` with the name of its object."""

    name: str
    spec: ImageScanSpec


class Read(msgspec.Struct, frozen=True):
    """What one folder gives; `bundle` is None when it holds nothing to deploy. `is_own`: everything came from the folder itself."""

    bundle: Bundle | None
    scans: tuple[ImageScan, ...] = ()
    is_own: bool = True
    warnings: tuple[str, ...] = ()


class Failure(msgspec.Struct, frozen=True):
    path: str
    error: UserError


class Reading(msgspec.Struct, frozen=True):
    bundles: tuple[Bundle, ...] = ()
    image_scans: tuple[ImageScan, ...] = ()
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = ()


def read(tree: Tree, scan: Scan, charts: Charts, memo: Memo | None = None, limits: Limits = Limits()) -> Reading:
    """The bundles of a tree. `failures` has one entry a folder that can't be read, or one for the whole scan: a path that
    leaves the tree, or nothing to deploy at all."""
    memo = Memo() if memo is None else memo
    inputs = msgspec.json.encode(scan)
    reads: list[Read] = []
    failures: list[Failure] = []
    try:
        found = tuple(discover(tree, scan, memo.surveys))
    except UserError as error:
        return Reading(failures=(Failure(", ".join(scan.paths) or ".", error),))
    for one in found:
        try:
            reads.append(memo.folder(tree, inputs, one, lambda one=one: _Reader(tree, scan, one, charts, limits).read()))  # type: ignore[misc]
        except UserError as error:
            failures.append(Failure(names.readable(one.folder) or ".", error))
    memo.sweep()
    bundles = tuple(r.bundle for r in reads if r.bundle is not None)
    if not bundles and not failures:
        named = ", ".join(scan.paths or tuple(b.base for b in scan.bundles)) or "."
        message = f"no resource found at the following paths to deploy: [{named}]"
        failures.append(Failure(named, Invalid(message, field="spec.paths", hint="name folders that hold YAML, a chart or a fleet.yaml")))
    warnings = tuple(w for r in reads for w in r.warnings)
    return Reading(bundles, tuple(s for r in reads for s in r.scans), tuple(failures), warnings)


class _Reader:
    """One bundle's folder."""

    def __init__(self, tree: Tree, scan: Scan, found: Found, charts: Charts, limits: Limits) -> None:
        self._tree, self._scan, self._found, self._charts, self._limits = tree, scan, found, charts, limits
        self._is_own = True

    def read(self) -> Read:
        where, data = self._options()
        options, metadata, warnings = parse(data, where)
        name = options.name or names.bundle_name(self._scan.name, self._found.folder, self._found.options)
        scans = tuple(_scans(options, names.bundle_name(self._scan.name, self._found.folder, self._found.options), self._scan, where))
        spec = _with_charts_propagated(_with_named_targets(options))
        spec = self._with_values(spec)
        files = self._files(spec)
        if not files:
            return Read(None, warnings=warnings)
        bundle = self._assembled(options, spec, metadata, name, files, self._scan.compress)
        if not self._scan.compress and _size(bundle, options.namespace) >= COMPRESS_FROM:
            bundle = self._assembled(options, spec, metadata, name, files, True)
        return Read(bundle, scans, self._is_own, warnings)

    def _options(self) -> tuple[str, bytes]:
        """The options file and its content; `{}` when the folder has none. Raises Invalid when a named one is missing."""
        if self._found.options:
            path = posixpath.normpath(f"{self._found.folder}/{self._found.options}".lstrip("/"))
            try:
                return path, self._read(path)
            except FileNotFoundError:
                raise Invalid(f'failed to open file "{self._found.options}": there is no such file', where=path) from None
        for name in NAMES:
            path = posixpath.join(self._found.folder, name)
            try:
                return path, self._read(path)
            except FileNotFoundError:
                continue
        return posixpath.join(self._found.folder, NAMES[0]), b"{}"

    def _read(self, path: str) -> bytes:
        """A file of the repository. What lies outside of the bundle's folder, or is a link, makes the bundle more than its folder."""
        below = not self._found.folder or path.startswith(f"{self._found.folder}/")
        try:
            data = self._tree.read(path)
        except FileNotFoundError:
            data, below = links.read(self._tree, path), False
        self._is_own = self._is_own and below
        return data

    def _with_values(self, spec: FleetYAML) -> FleetYAML:
        """Values files folded into values: the root's only with a chart or repository, a target's always."""
        helm = spec.helm and self._merged(spec.helm, spec.helm.values_files if spec.helm.chart or spec.helm.repo else ())
        targets = tuple(msgspec.structs.replace(t, helm=self._merged(t.helm, t.helm.values_files)) if t.helm else t for t in spec.targets)
        return msgspec.structs.replace(spec, helm=helm, targets=targets)

    def _merged(self, helm: HelmOptions, files: Sequence[str]) -> HelmOptions:
        values = helm.values or {}
        for file in files:
            values = deep_merge(values, self._values_file(file))
        return msgspec.structs.replace(helm, values=rounded(values)) if values else helm

    def _values_file(self, file: str) -> dict[str, Any]:
        path = posixpath.normpath(f"{self._found.folder}/{file}".lstrip("/"))
        if path == ".." or path.startswith("../"):
            raise Invalid("the values file lies outside the repository", where=path, field="helm.valuesFiles")
        try:
            found = yaml.load(self._read(path), path)
        except FileNotFoundError:
            raise Invalid("reading values file: there is no such file", where=path, field="helm.valuesFiles") from None
        if not isinstance(found, dict | None):
            raise Invalid("reading values file: expected a map of values", where=path, field="helm.valuesFiles")
        return found or {}

    def _files(self, spec: FleetYAML) -> dict[str, bytes]:
        """The bundle's files by resource name."""
        folder = self._found.folder
        if not _exists(self._tree, folder):
            raise Invalid("failed reading resources: there is no such folder", where=folder, field="spec.bundles")
        blocks = [b for b in (spec.helm, *(t.helm for t in spec.targets)) if b is not None]
        named = [file for block in blocks for file in block.values_files]
        # As they are spelled, and by their base names: `./v.yaml` names no file, `c/v.yaml` also the one beside fleet.yaml.
        skipped = frozenset({"fleet.yaml", self._found.options, *named, *(posixpath.basename(file) for file in named)})
        hidden = posixpath.basename(folder).startswith(".")
        files = {} if hidden else self._loaded(self._tree, folder, spec, skipped)
        for block in blocks:
            if (block.chart or (block is spec.helm and block.repo)) and is_remote(self._tree, folder, block):
                place = fetched_folder(block)
                if not any(name.startswith(f"{place}/") for name in files):
                    self._is_own = False
                    got = FetchedTree(self._charts.fetch(block.chart, block.repo, block.version, path=folder or "."), folder)
                    files |= {f"{place}/{name}": data for name, data in self._loaded(got, folder, spec, skipped).items()}
        return files

    def _loaded(self, tree: Tree, folder: str, spec: FleetYAML, skipped: frozenset[str]) -> dict[str, bytes]:
        """The files of a folder with the dependencies of the charts in it."""
        loading = Loading(tree, folder, skipped, self._limits)
        files = loading.load()
        if spec.helm is not None and spec.helm.disable_dependency_update:
            return files
        depending = depending_charts(tree, folder, loading)
        self._is_own = self._is_own and not depending
        return files | {name: data for below in depending for name, data in updated(tree, folder, below, self._charts)}

    def _assembled(  # noqa: PLR0917
        self, options: FleetYAML, spec: FleetYAML, metadata: ObjectMeta, name: str, files: dict[str, bytes], compress: bool
    ) -> Bundle:
        scan = self._scan
        targets, restrictions = list(spec.targets), list(spec.target_restrictions)
        if options.override_targets is not None:
            targets += [as_target(target) for target in options.override_targets]
            restrictions += options.override_targets
        elif scan.targets is not None:
            targets += scan.targets
            restrictions += scan.target_restrictions
        targets = targets or [BundleTarget(name="default", cluster_group="default")]
        given = {name_: getattr(spec, name_) for name_ in BundleSpec.__struct_fields__}
        given |= {
            "resources": tuple(_resources(files, compress)),
            "service_account": scan.service_account or spec.service_account,
            "force_sync_generation": scan.sync_generation,
            "paused": scan.paused or spec.paused,
            "keep_resources": scan.keep_resources or spec.keep_resources,
            "delete_namespace": scan.delete_namespace or spec.delete_namespace,
            "target_restrictions": tuple(restrictions),
        }
        if scan.target_namespace:
            given["namespace"] = scan.target_namespace
            targets = [msgspec.structs.replace(target, namespace=scan.target_namespace) for target in targets]
        if scan.correct_drift is not None and scan.correct_drift.enabled:
            given["correct_drift"] = scan.correct_drift
        labels = {**metadata.labels, **scan.labels, **({COMMIT: scan.commit} if scan.commit else {}), **options.labels}
        meta = msgspec.structs.replace(metadata, name=name, namespace=scan.namespace, labels=labels)
        return Bundle(metadata=meta, spec=BundleSpec(**{**given, "targets": tuple(targets)}))


def _scans(options: FleetYAML, name: str, scan: Scan, where: str) -> Iterator[ImageScan]:
    if options.image_scans and not scan.image_scan:
        raise Invalid(
            "imagescan is disabled; remove imagescans from your config files, or enable imagescan", where=where, field="imageScans"
        )
    for index, one in enumerate(options.image_scans):
        if one.image:
            if not one.tag_name:
                raise Invalid("the name of scan is required", where=where, field=f"imageScans[{index}].tagName")
            yield ImageScan(names.safe_concat_name("imagescan", name, str(index)), one)


def _with_named_targets(options: FleetYAML) -> FleetYAML:
    """`targets` and `targetCustomizations` as one list; those without a name are called by their place in it."""
    both = (*options.targets, *options.target_customizations)
    named = tuple(t if t.name else msgspec.structs.replace(t, name=f"target{index:03d}") for index, t in enumerate(both))
    return msgspec.structs.replace(options, targets=named, target_customizations=())


def _with_charts_propagated(spec: FleetYAML) -> FleetYAML:
    """The root's repo, chart and version in every target that has a helm block and leaves them empty."""
    root = spec.helm
    if root is None:
        return spec
    targets: Sequence[BundleTarget] = [
        msgspec.structs.replace(
            t,
            helm=msgspec.structs.replace(
                t.helm, repo=t.helm.repo or root.repo, chart=t.helm.chart or root.chart, version=t.helm.version or root.version
            ),
        )
        if t.helm
        else t
        for t in spec.targets
    ]
    return msgspec.structs.replace(spec, targets=tuple(targets))


def _size(bundle: Bundle, namespace: str) -> int:
    """The length of the JSON Fleet measures: the Bundle with an empty status and the `namespace` of fleet.yaml, which is
    one of metadata too, before it gets that of its workspace."""
    meta = msgspec.structs.replace(bundle.metadata, namespace=namespace)
    return len(canonical(msgspec.structs.replace(bundle, metadata=meta))) + len(_EMPTY_STATUS)


def _exists(tree: Tree, folder: str) -> bool:
    parent, _, name = folder.rpartition("/")
    return not folder or any(entry.name == name and entry.type is not EntryType.FILE for entry in tree.entries(parent))


def _resources(files: dict[str, bytes], compress: bool) -> Iterator[BundleResource]:
    for name in sorted(files, key=lambda name: name.encode(errors="surrogateescape")):
        yield pack(name, files[name], compress)


def deep_merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Maps merged key by key, everything else replaced; null is a value (2.8)."""
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        merged[key] = deep_merge(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return merged
