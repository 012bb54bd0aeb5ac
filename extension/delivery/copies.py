"""Secrets and ConfigMaps of a workspace, copied to where a bundle is deployed (`downstreamResources`, `fleet-semantics.md` 4.1, 4.4).

A copy is what its source is, with Fleet's label that names the bundle it is there for. It is put where a release goes before the release
is, brought back when somebody changed it, and deleted with the bundle. What nobody marked as a copy is somebody else's.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from extension.delivery.client import ApiError, Client, Kind
from extension.delivery.drift import holds
from extension.objects.errors import Invalid
from extension.objects.kinds import ConfigMap, Secret
from extension.objects.options import BundleDeploymentOptions, DownstreamResource, HelmOptions
from extension.rendering.values import from_source

BUNDLE = "fleet.cattle.io/bundledeployment"
SOURCE = "continuous-delivery.cattle.io/source"
"""Annotation of a copy: the object it is made from."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
LONGEST_LABEL = 63
KINDS = {kind.kind: kind for kind in (Kind("v1", "Secret", "secrets", True), Kind("v1", "ConfigMap", "configmaps", True))}
NAMESPACES = Kind("v1", "Namespace", "namespaces", False)

Object = dict[str, Any]
Place = tuple[str, str, str]
"""Kind, namespace and name."""


class Copies(msgspec.Struct, frozen=True):
    """Manifests without a namespace. `generation` is another one whenever one of the sources is."""

    objects: tuple[Object, ...] = ()
    generation: int = 0

    def __repr__(self) -> str:  # no data of Secrets in a log
        return f"Copies({[one['metadata']['name'] for one in self.objects]}, generation={self.generation})"

    def places(self, namespace: str) -> set[Place]:
        return {(one["kind"], namespace, one["metadata"]["name"]) for one in self.objects}

    def named(self, kind: str, name: str) -> Object | None:
        return next((one for one in self.objects if (one["kind"], one["metadata"]["name"]) == (kind, name)), None)


def copies_of(sources: Iterable[Secret | ConfigMap], bundle: str) -> Copies:
    """The copies of these objects for a bundle. kubectl's own copy of what it applied stays behind."""
    found = tuple(sources)
    return Copies(tuple(_copy(one, bundle) for one in found), max((int(one.metadata.resource_version or 0) for one in found), default=0))


def _copy(source: Secret | ConfigMap, bundle: str) -> Object:
    meta = source.metadata
    annotations = {key: value for key, value in meta.annotations.items() if key != LAST_APPLIED}
    body = {key: value for key, value in msgspec.to_builtins(source).items() if key != "metadata"}
    return {
        "apiVersion": source.API_VERSION,
        "kind": source.KIND,
        "metadata": {
            "name": meta.name,
            "labels": {**meta.labels, BUNDLE: bundle},
            "annotations": {**annotations, SOURCE: f"{meta.namespace}/{meta.name}"},
        },
        **({"type": source.type} if isinstance(source, Secret) else {}),
        **body,
    }


def in_namespace(copy: Object, namespace: str) -> Object:
    return {**copy, "metadata": {**copy["metadata"], "namespace": namespace}}


def is_named(resources: Iterable[DownstreamResource], kind: str, name: str) -> bool:
    return any((one.kind.lower(), one.name) == (kind.lower(), name) for one in resources)


def data_of(obj: Object) -> dict[str, str | bytes]:
    """The data of a ConfigMap or Secret as it was put in."""
    data: dict[str, str] = obj.get("data") or {}
    return {key: base64.b64decode(value) if obj["kind"] == "Secret" else value for key, value in data.items()}


def values_in(copies: Copies, helm: HelmOptions | None) -> tuple[dict[str, Any], ...]:
    """The values that `valuesFrom` names of what is copied, for a place that has nothing else to read them from (2.8)."""
    found = []
    for source in helm.values_from if helm else ():
        for kind, reference in (("ConfigMap", source.config_map_key_ref), ("Secret", source.secret_key_ref)):
            copy = copies.named(kind, reference.name) if reference else None
            if reference and copy:
                found.append(from_source(data_of(copy), reference.key or "values.yaml", f"{kind} {reference.name}"))
    return tuple(found)


class Copier:
    """Copies on a Kubernetes cluster. `client` is the agent's own, `acting` the one that may do what the deployment may."""

    def __init__(self, client: Client, acting: Client) -> None:
        self._client = client
        self._acting = acting

    def put(self, copies: Copies, namespace: str, options: BundleDeploymentOptions, *, anew: bool) -> None:
        """Makes or mends the copies; `anew` also those that look right. Raises Invalid for what is somebody else's."""
        if options.create_namespace is not False and self._client.get(NAMESPACES, "", namespace) is None:
            self._make_namespace(namespace)
        take = bool(options.helm and options.helm.take_ownership)
        for copy in copies.objects:
            self._put(in_namespace(copy, namespace), take, anew)

    def _make_namespace(self, namespace: str) -> None:
        try:
            self._acting.request("POST", NAMESPACES.path(), body={"metadata": {"name": namespace}})
        except ApiError as error:
            if error.status_code != 409:
                raise

    def _put(self, wanted: Object, take: bool, anew: bool) -> None:
        kind, meta = KINDS[wanted["kind"]], wanted["metadata"]
        live = self._client.get(kind, meta["namespace"], meta["name"])
        if live is not None:
            if not take:
                _refuse_foreign(wanted, live)
            wanted = _shared(wanted, live)
            if not anew and _same(wanted, live):
                return
            if not live.get("immutable") and live.get("type") == wanted.get("type"):
                self._acting.request("PUT", kind.path(meta["namespace"], meta["name"]), body=wanted)
                return
            self._acting.delete(kind, meta["namespace"], meta["name"])
        self._acting.request("POST", kind.path(meta["namespace"]), body=wanted)

    def withdraw(self, bundle: str, keep: Collection[Place]) -> None:
        """Deletes a bundle's copies, but for those to `keep`."""
        if len(bundle) > LONGEST_LABEL:  # no object can carry it
            return
        for kind in KINDS.values():
            for found in self._client.list(kind, selector=f"{BUNDLE}={bundle}"):
                place = (kind.kind, str(found["metadata"]["namespace"]), str(found["metadata"]["name"]))
                if place not in keep:
                    self._client.delete(kind, *place[1:])


def _mark(obj: Object, part: str, key: str) -> str:
    return str((obj["metadata"].get(part) or {}).get(key) or "")


def _refuse_foreign(wanted: Object, live: Object) -> None:
    """Raises Invalid for an object that is no copy, or one of another source that another bundle has."""
    meta = wanted["metadata"]
    what = f"{wanted['kind']} {meta['namespace']}/{meta['name']}"
    holder = _mark(live, "labels", BUNDLE)
    if not holder:
        raise Invalid(
            f"downstreamResources: {what} is on the cluster already and is not owned by us",
            field="downstreamResources",
            hint="remove it, or set helm.takeOwnership",
        )
    theirs, ours = _mark(live, "annotations", SOURCE), _mark(wanted, "annotations", SOURCE)
    if holder != _mark(wanted, "labels", BUNDLE) and theirs not in ("", ours):
        raise Invalid(f"downstreamResources: {what} is the copy of {theirs} that bundle {holder} has there", field="downstreamResources")


def _shared(wanted: Object, live: Object) -> Object:
    """What is wanted, with the label of the bundle that has the same copy already: two bundles must not take it from each other."""
    holder = _mark(live, "labels", BUNDLE)
    if not holder or _mark(live, "annotations", SOURCE) != _mark(wanted, "annotations", SOURCE):
        return wanted
    meta = wanted["metadata"]
    return {**wanted, "metadata": {**meta, "labels": {**meta["labels"], BUNDLE: holder}}}


def _same(wanted: Object, live: Object) -> bool:
    """Whether the copy is as wanted; more labels and annotations do not matter."""
    marks = ("labels", "annotations")
    if not all(holds(wanted["metadata"][part], live["metadata"].get(part) or {}) for part in marks):
        return False
    return all((wanted.get(part) or None) == (live.get(part) or None) for part in ("type", "data", "binaryData", "immutable"))
