"""Looking at what a release has on a Kubernetes cluster: what is missing, changed, left over, or not ready yet.

Live objects are listed by the label of their set, one list a kind, so the cost is the number of kinds and not of objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from extension.delivery import drift, readiness
from extension.delivery.client import ApiError, Client, Kind
from extension.delivery.drift import Difference
from extension.delivery.status import Observation
from extension.objects.options import BundleDeploymentOptions, ComparePatch
from extension.objects.status import ModifiedStatus, NonReadyStatus, ResourceKey
from extension.rendering.masking import Masking
from extension.rendering.postrender import HASH_LABEL, ID_ANNOTATION

Object = dict[str, Any]
MANAGER = "helm"
REFUSED = (400, 403, 409, 422)
_ATTEMPTS = 3
_MARKS = (("annotations", ID_ANNOTATION), ("labels", HASH_LABEL))
"""What says whose an object is, and by what the objects of a bundle are found."""


class Place(msgspec.Struct, frozen=True, order=True):
    """Which object on the cluster."""

    api_version: str
    kind: str
    namespace: str
    name: str


class Observer:
    """One look at the objects of a release. `desired` are as applied; `previous` gives those of the revision before; `noted` is told at
    once what is there, by its kinds."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        desired: Iterable[Object],
        set_hash: str,
        noted: Callable[[Mapping[Kind, Sequence[Object]]], None] = lambda _live: None,
    ) -> None:
        self._client = client
        self._noted = noted
        self._namespace = namespace
        self._hash = set_hash
        self._kinds: dict[tuple[str, str], Kind | None] = {}
        self._masking: Masking | None = None
        self._desired = {self._place(obj): obj for obj in desired}

    def observe(self, release: str, options: BundleDeploymentOptions, previous: Callable[[], Iterable[Object]]) -> Observation:
        live = self._live()
        patches = options.diff.compare_patches if options.diff else ()
        ignored = options.ignore.conditions if options.ignore else ()
        modified = [m for place, obj in self._desired.items() if (m := self._compared(place, obj, live, patches))]
        modified += self._left_over(live, previous)
        now = datetime.now(UTC)
        late: list[NonReadyStatus] = []
        for place in self._desired:
            found = live.get(place)
            if found is not None:
                summary = readiness.compute(readiness.without_ignored(found, ignored), now)
                if not readiness.is_ready(summary):
                    uid = str(found["metadata"].get("uid", ""))
                    late.append(NonReadyStatus(uid, place.kind, place.api_version, place.namespace, place.name, summary))
        resources = tuple(_key(place, live[place]) for place in sorted(self._desired) if place in live)
        return Observation(release, resources, tuple(modified), tuple(late))

    def _live(self) -> dict[Place, Object]:
        """The set's objects on the cluster, of the kinds that are desired."""
        by_kind: dict[tuple[str, str], set[str]] = defaultdict(set)
        for place in self._desired:
            by_kind[place.api_version, place.kind].add(place.namespace)
        found: dict[Kind, list[Object]] = {}
        for (api_version, kind_name), namespaces in by_kind.items():
            kind = self._kind(api_version, kind_name)
            if kind is not None:
                within = next(iter(namespaces)) if kind.namespaced and len(namespaces) == 1 else ""
                found[kind] = list(self._client.list(kind, within, f"{HASH_LABEL}={self._hash}"))
        self._noted(found)
        return {self._place(obj): obj for objects in found.values() for obj in objects}

    def _compared(
        self, place: Place, desired: Object, live: dict[Place, Object], patches: tuple[ComparePatch, ...]
    ) -> ModifiedStatus | None:
        found, desired = live.get(place), _placed(desired, place)
        status = ModifiedStatus(place.kind, place.api_version, place.namespace, place.name)
        kind = self._kind(place.api_version, place.kind)
        if found is None or kind is None:
            return None if drift.is_ignored(desired, patches) else self._missing(status, kind, desired, live)
        there = kind
        differing = drift.differs(desired, found, patches, lambda: self._applied(there, place, desired, found))
        if differing and self._is_scaled(place, differing):
            differing = differing.without("/spec/replicas")
        if differing is None:
            return None
        return self._told(status, differing, live)

    def _missing(self, status: ModifiedStatus, kind: Kind | None, desired: Object, live: dict[Place, Object]) -> ModifiedStatus:
        """An object that is not there, or whose marks say that it is another bundle's, or nobody's."""
        there = self._client.get(kind, status.namespace, status.name) if kind else None
        status = msgspec.structs.replace(status, missing=True, exist=there is not None)
        for marks in _MARKS if there else ():
            taken = drift.difference(_marked(there or {}, *marks), _marked(desired, *marks), there or {})
            if taken:
                return msgspec.structs.replace(self._told(status, taken, live), patch="")
        return status

    def _told(self, status: ModifiedStatus, differing: Difference, live: dict[Place, Object]) -> ModifiedStatus:
        self._masking = self._masking or Masking(self._desired.values(), live.values())
        return drift.told(status, differing, self._masking)

    def _applied(self, kind: Kind, place: Place, desired: Object, found: Object) -> tuple[Object, Object]:
        """The object, and what it would be after applying: both of one version, or somebody's change in between is taken for drift."""
        for _ in range(_ATTEMPTS):
            after = self._dry_applied(kind, place, desired, found)
            now = found if _version(after) == _version(found) else self._client.get(kind, place.namespace, place.name)
            if now is None or now is found:
                break
            found = now
        return found, after

    def _dry_applied(self, kind: Kind, place: Place, desired: Object, found: Object) -> Object:
        """What the object would be after applying. The server may refuse that (a field that can't be changed any more): then what is
        there differs all the more, and the plain difference is told."""
        try:
            return self._client.dry_apply(kind, place.namespace, desired, MANAGER)
        except ApiError as error:
            if error.status_code not in REFUSED:
                raise
            return drift.laid_over(found, desired)

    def _is_scaled(self, place: Place, differing: Difference) -> bool:
        """Whether a replica count differs that an autoscaler chose."""
        spec = differing.patch.get("spec")
        if not isinstance(spec, dict) or "replicas" not in spec:
            return False
        found = differing.found.get("spec")
        replicas = found.get("replicas", 1) if isinstance(found, dict) else None
        if not isinstance(replicas, int):
            return False
        kind = self._kind("autoscaling/v2", "HorizontalPodAutoscaler")
        for scaler in self._client.list(kind, place.namespace) if kind else ():
            target = scaler["spec"]["scaleTargetRef"]
            group = str(target.get("apiVersion") or place.api_version).rpartition("/")[0]
            if (group, target.get("kind"), target.get("name")) == (place.api_version.rpartition("/")[0], place.kind, place.name):
                return bool(scaler["spec"].get("minReplicas", 1) <= replicas <= scaler["spec"]["maxReplicas"])
        return False

    def _left_over(self, live: dict[Place, Object], previous: Callable[[], Iterable[Object]]) -> Iterator[ModifiedStatus]:
        """Objects of the set that this release does not have and the one before had."""
        extra = live.keys() - self._desired.keys()
        if extra:
            before = {self._place(obj) for obj in previous()}
            for place in sorted(extra & before):
                yield ModifiedStatus(place.kind, place.api_version, place.namespace, place.name, delete=True)

    def _kind(self, api_version: str, kind: str) -> Kind | None:
        if (api_version, kind) not in self._kinds:
            self._kinds[api_version, kind] = self._client.kind(api_version, kind)
        return self._kinds[api_version, kind]

    def _place(self, obj: Object) -> Place:
        api_version, kind_name = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
        metadata = obj.get("metadata") or {}
        kind = self._kind(api_version, kind_name)
        namespaced = kind.namespaced if kind else bool(metadata.get("namespace"))
        namespace = str(metadata.get("namespace") or self._namespace) if namespaced else ""
        return Place(api_version, kind_name, namespace, str(metadata.get("name") or ""))


def _placed(desired: Object, place: Place) -> Object:
    """The object with the namespace it is in, which its manifest need not say, or none."""
    metadata = {key: value for key, value in desired["metadata"].items() if key != "namespace"}
    return {**desired, "metadata": metadata | ({"namespace": place.namespace} if place.namespace else {})}


def _marked(obj: Object, field: str, name: str) -> Object:
    """The object with nothing but a mark."""
    marks = obj["metadata"].get(field) or {}
    return {"metadata": {field: {name: marks[name]} if name in marks else {}}}


def _version(obj: Object) -> object:
    return obj["metadata"].get("resourceVersion")


def _key(place: Place, live: Object) -> ResourceKey:
    created = str(live["metadata"].get("creationTimestamp") or "")
    return ResourceKey(place.kind, place.api_version, place.namespace, place.name, created)
