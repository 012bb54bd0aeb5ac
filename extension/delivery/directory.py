"""A directory as a cluster: rendered manifests as files, with the states of a Kubernetes cluster.

    <namespace of the release>/<release>/[<namespace>_]<kind>[.<group>]_<name>.yaml
    .releases/<namespace>_<release>.json      what was written there (records.py)

One folder a release and one file an object, named by the object alone, so a commit of the directory shows just what
changed. Names from manifests are hostile: a path is made of checked characters and never leaves the folder. Written is
Ready; a file somebody edited is Modified, one that is gone Missing, but for what `comparePatches` name; files that no record names
are nobody's business.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from extension.delivery.copies import in_namespace, values_in
from extension.delivery.corrections import counted, judged, known
from extension.delivery.drift import Difference, compared, difference, is_ignored, told
from extension.delivery.protocol import Deployment, Release
from extension.delivery.records import PRIVATE, PUBLIC, File, Record, Records, write
from extension.delivery.status import Observation, failed, is_to_correct, observed
from extension.objects import yaml
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.options import ComparePatch
from extension.objects.status import ModifiedStatus, ResourceKey
from extension.rendering.documents import to_yaml
from extension.rendering.masking import Masking
from extension.rendering.render import Input, Rendering

Render = Callable[[Input], Rendering]

_ODD = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_NAME = 200


class DirectoryDelivery:
    """See `protocol.Delivery`. `root` is the cluster's folder; `render` the rendering pool's."""

    def __init__(self, root: Path, render: Render) -> None:
        self._root = root
        self._render = render
        self._records = Records(root)
        self._lock = threading.Lock()

    def deploy(self, deployment: Deployment) -> BundleDeploymentStatus:
        try:
            _check_namespace(deployment)
            record = self._record(deployment)
            if record is None or not _done(record, deployment):
                record = self._install(deployment, record)
        except Unavailable:
            raise
        except UserError as error:
            return failed(deployment.status, deployment.deployment_id, error, _now())
        return self._observe(deployment, record)

    def observe(self, deployment: Deployment) -> BundleDeploymentStatus:
        record = self._record(deployment)
        if record is None or not _done(record, deployment):
            return self.deploy(deployment)
        return self._observe(deployment, record)

    def remove(self, release: Release) -> None:
        record = self._records.find(release.namespace, release.name)
        if record is None:
            return
        if not release.keep_resources:
            self._delete(record.owned)
        self._records.drop(record)

    def withdraw(self, bundle: str) -> None:
        """Copies are files of their release here, and go with it."""

    def releases(self) -> tuple[Release, ...]:
        return tuple(Release(r.name, r.namespace, r.bundle, r.deployment_id, r.keep_resources) for r in self._records.all())

    def watch(self, tell: Callable[[str], None]) -> None:
        """A folder tells nothing: it is looked at by time."""

    def watched(self, name: str) -> bool:
        return False

    def close(self) -> None:
        """Nothing is held open."""

    def _record(self, deployment: Deployment) -> Record | None:
        """The bundle's newest release here."""
        return max(self._records.of(deployment.name), key=lambda record: record.deployment_id == deployment.deployment_id, default=None)

    def _install(self, deployment: Deployment, old: Record | None) -> Record:
        """Renders and writes the release; removes what the one before had and this one has not."""
        rendering = self._rendered(_input(deployment, old))
        texts = _with_copies(_files(rendering), deployment, rendering)
        if old is not None and (old.namespace, old.name) != (rendering.namespace, rendering.release):
            new_owned: set[str] = set()
        else:
            new_owned = old.owned if old else set()
        self._refuse_foreign(texts, new_owned, deployment)
        record = Record(
            name=rendering.release,
            namespace=rendering.namespace,
            bundle=deployment.name,
            deployment_id=deployment.deployment_id,
            revision=old.revision + 1 if old else 1,
            keep_resources=deployment.options.keep_resources,
            sync_generation=deployment.options.force_sync_generation,
            downstream_generation=deployment.copies.generation,
        )
        self._records.save(msgspec.structs.replace(record, deployment_id="", unfinished=tuple(sorted({*new_owned, *texts}))))
        written = {path: self._write(path, file) for path, file in texts.items()}
        leaving = new_owned - texts.keys()
        self._delete(leaving)
        record = msgspec.structs.replace(record, files=written)
        self._records.save(record)
        self._leave_other_names(deployment, record)
        return record

    def _rendered(self, given: Input) -> Rendering:
        """Raises Invalid, never Unavailable: a renderer that is out of order says nothing about the cluster."""
        try:
            return self._render(given)
        except Unavailable as error:
            raise Invalid(error.message, where=error.where, hint=error.hint) from None

    def _leave_other_names(self, deployment: Deployment, record: Record) -> None:
        """A bundle that got another release name or namespace leaves the old one (4.4)."""
        for other in self._records.of(deployment.name):
            if (other.namespace, other.name) != (record.namespace, record.name):
                self.remove(Release(other.name, other.namespace, other.bundle, other.deployment_id, other.keep_resources))

    def _refuse_foreign(self, texts: dict[str, File], owned: set[str], deployment: Deployment) -> None:
        """Raises Invalid when a file is there that no release wrote, as Helm refuses objects it does not own."""
        if deployment.options.helm is not None and deployment.options.helm.take_ownership:
            return
        for path in texts.keys() - owned:
            if (self._root / path).exists():
                raise Invalid(f"{path} exists and is not owned by us", where=str(self._root), hint="remove it, or set helm.takeOwnership")

    def _write(self, path: str, file: File) -> File:
        target = self._root / path
        data = file.text.encode()
        stat = write(target, data, PRIVATE if file.kind == "Secret" else PUBLIC)
        return msgspec.structs.replace(file, modified=stat.st_mtime_ns, size=stat.st_size)

    def _delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            target = self._root / path
            target.unlink(missing_ok=True)
            for folder in target.parents[:2]:
                if folder == self._root:
                    break
                try:
                    folder.rmdir()
                except OSError:  # not empty: somebody else's files, or other releases
                    break

    def _observe(self, deployment: Deployment, record: Record) -> BundleDeploymentStatus:
        diff = deployment.options.diff
        drift = self._drift(record, diff.compare_patches if diff else ())
        if wrong := [path for path in drift if record.files[path].copied]:
            record = self._restored(record, wrong, record.revision)
        own = {path: found for path, found in drift.items() if not record.files[path].copied}
        corrections, now = known(deployment.status, deployment.deployment_id, deployment.options), _now()
        marked = dict(zip(own, judged(own.values(), corrections), strict=True))
        if wrong := [path for path, found in marked.items() if is_to_correct(deployment.options, (found,))]:
            record = self._restored(record, wrong, record.revision + 1)
            corrections = counted(corrections, [own[path] for path in wrong], now)
            own = {path: found for path, found in own.items() if path not in wrong}
        seen = Observation(
            release=f"{record.namespace}/{record.name}:{record.revision}",
            resources=tuple(_key(file) for _, file in sorted(record.files.items()) if not file.copied),
            modified=tuple(own.values()),
        )
        status = observed(deployment.status, deployment.deployment_id, seen, now, corrections=corrections)
        return msgspec.structs.replace(
            status, sync_generation=record.sync_generation, downstream_resources_generation=record.downstream_generation
        )

    def _restored(self, record: Record, paths: Iterable[str], revision: int) -> Record:
        """The record after these files were written again."""
        written = {path: self._write(path, record.files[path]) for path in paths}
        record = msgspec.structs.replace(record, files={**record.files, **written}, revision=revision)
        self._records.save(record)
        return record

    def _drift(self, record: Record, ignored: Sequence[ComparePatch]) -> dict[str, ModifiedStatus]:
        """The record's files that are gone or say something else, but for what is ignored, which no copy is."""
        found: dict[str, ModifiedStatus] = {}
        for path, file in record.files.items():
            patches = () if file.copied else ignored
            try:
                stat = os.stat(self._root / path, follow_symlinks=False)  # noqa: PTH116 (Path.stat follows links before 3.13)
                if (stat.st_mtime_ns, stat.st_size) == (file.modified, file.size):
                    continue
                live = (self._root / path).read_text(encoding="utf-8", errors="replace")
            except FileNotFoundError:
                if not is_ignored(yaml.load(file.text), patches):
                    found[path] = ModifiedStatus(file.kind, file.api_version, file.namespace, file.name, missing=True)
                continue
            except OSError as error:
                raise Unavailable(f"can't read: {error.strerror}", where=path) from None
            differing = _differing(live, file, patches)
            if differing:
                status = ModifiedStatus(file.kind, file.api_version, file.namespace, file.name)
                found[path] = told(status, differing, _masking(record))
        return found


def _check_namespace(deployment: Deployment) -> None:
    """Raises Invalid where a GitRepoRestriction asks for a namespace with labels: a folder has none (3.2)."""
    if deployment.options.allowed_target_namespace_selector is not None:
        hint = "deploy to a Kubernetes cluster, or use allowedTargetNamespaces"
        raise Invalid("a directory has no labels that allowedTargetNamespaceSelector could be compared with", hint=hint)


def _done(record: Record, deployment: Deployment) -> bool:
    made = (record.deployment_id, record.downstream_generation)
    return made == (deployment.deployment_id, deployment.copies.generation)


def _input(deployment: Deployment, old: Record | None) -> Input:
    return Input(
        name=deployment.name,
        options=deployment.options,
        resources=deployment.resources(),
        manifest_id=deployment.deployment_id.partition(":")[0],
        commit=deployment.commit,
        values_from=values_in(deployment.copies, deployment.options.helm),
        revision=old.revision + 1 if old else 1,
        is_upgrade=old is not None,
    )


def _files(rendering: Rendering) -> dict[str, File]:
    """The files of a release by path. Hooks have no meaning in a folder that nobody runs, and are left out with `test` ones;
    CRDs of `crds/` are written."""
    return dict(_file(obj, rendering) for obj in (*rendering.crds, *rendering.objects))


def _file(obj: dict[str, Any], rendering: Rendering) -> tuple[str, File]:
    meta: dict[str, Any] = obj.get("metadata") or {}
    kind, api_version = str(obj.get("kind", "")), str(obj.get("apiVersion", ""))
    namespace, name = str(meta.get("namespace") or ""), str(meta.get("name") or "")
    if not name:
        raise Invalid(f"a {kind} has no name", where=f"release {rendering.namespace}/{rendering.release}", field="metadata.name")
    path = f"{rendering.namespace}/{rendering.release}/{_file_name(kind, api_version, namespace, name)}"
    return path, File(kind, api_version, namespace, name, to_yaml(obj), _now())


def _with_copies(files: dict[str, File], deployment: Deployment, rendering: Rendering) -> dict[str, File]:
    """The files with those of the copies. Raises Invalid where the bundle makes an object of that name itself."""
    names = {(file.kind, file.namespace or rendering.namespace, file.name) for file in files.values()}
    if twice := sorted(names & deployment.copies.places(rendering.namespace)):
        kind, namespace, name = twice[0]
        raise Invalid(f"downstreamResources: the bundle has a {kind} {namespace}/{name} of its own", field="downstreamResources")
    found = dict(_file(in_namespace(copy, rendering.namespace), rendering) for copy in deployment.copies.objects)
    return files | {path: msgspec.structs.replace(file, copied=True) for path, file in found.items()}


def _file_name(kind: str, api_version: str, namespace: str, name: str) -> str:
    group = api_version.rpartition("/")[0]
    parts = [namespace, f"{kind.lower()}.{group}" if group else kind.lower(), name]
    exact = "_".join(part for part in parts if part)
    text = _ODD.sub("-", exact).lstrip(".")[:_LONGEST_NAME]
    if text != exact:  # characters were lost: two objects must not become one file
        text = f"{text}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"
    return f"{text}.yaml"


def _key(file: File) -> ResourceKey:
    return ResourceKey(file.kind, file.api_version, file.namespace, file.name, file.created_at)


def _differing(live: str, file: File, patches: Sequence[ComparePatch]) -> Difference | None:
    """How an edited file differs from what was written; None when only its form was changed, or what the patches name."""
    wanted = yaml.load(file.text)
    try:
        found = yaml.load(live)
    except Invalid:
        found = None
    return difference(compared(found if isinstance(found, dict) else {}, patches), compared(wanted, patches), {})


def _masking(record: Record) -> Masking:
    return Masking([yaml.load(file.text) for file in record.files.values() if file.kind == "Secret"])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
