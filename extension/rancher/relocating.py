"""Moves clusters of Rancher's between workspaces: reads what a move depends on, asks what the caller may do, writes as the caller.

Rancher's webhook is no guard here, it lets clusters pass while it is away (`rancher-integration.md` 4.3): the questions are asked before
anything is written. A move that was written is done by Rancher's controllers; `seen` tells how far they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from extension.delivery.client import Kind
from extension.objects.base import Key
from extension.objects.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from extension.objects.names import MANAGEMENT_NAME
from extension.rancher.identity import Identity
from extension.rancher.management import Management, found, listed
from extension.rancher.moving import Facts, Relocation, Seen, relocation, secret_names
from extension.rancher.reviewing import Attributes, Reviews
from extension.store.kubernetes.api import Api

_MANAGEMENT = "management.cattle.io/v3"
_CLUSTERS = Kind(_MANAGEMENT, "Cluster", "clusters", namespaced=False)
_WORKSPACES = Kind(_MANAGEMENT, "FleetWorkspace", "fleetworkspaces", namespaced=False)
_FEATURES = Kind(_MANAGEMENT, "Feature", "features", namespaced=False)
_PROVISIONING = Kind("provisioning.cattle.io/v1", "Cluster", "clusters", namespaced=True)
_FLEET = Kind("fleet.cattle.io/v1alpha1", "Cluster", "clusters", namespaced=True)
_SECRETS = Kind("v1", "Secret", "secrets", namespaced=True)
_KEPT = ("labels",)
"""Of a secret's metadata, what its copy has as well."""


class Relocating:
    """Moves, by one API server, from any thread."""

    def __init__(self, api: Management, reviews: Reviews) -> None:
        self._api = api
        self._reviews = reviews

    def move(self, identity: Identity, cluster: Key, target: str, labels: Mapping[str, str], *, dry_run: bool = False) -> Relocation:
        """Asks Rancher to move a Fleet Cluster; with `dry_run` nothing is written. One that is there already is no error. Raises
        NotFound, Forbidden, Invalid, AlreadyExists, Conflict (somebody else moves it), Unavailable."""
        user = self._api.acting(identity)
        made = relocation(self._facts(user, cluster, target), labels)
        self._permitted(identity, made)
        if made.patch and not dry_run:
            for secret in made.secrets:
                _copied(user, secret, target)
            _patched(user, made)
        return made

    def seen(self, management: str, source: Key, target: str) -> Seen:
        """How far a move of `source` to `target` is."""
        cluster = found(self._api, _CLUSTERS.path("", management))
        new = found(self._api, _FLEET.path(target, source.name))
        return Seen(
            workspace=None if cluster is None else str((cluster.get("spec") or {}).get("fleetWorkspaceName") or ""),
            arrived=new is not None,
            placed=bool(((new or {}).get("status") or {}).get("namespace")),
            stays=found(self._api, _FLEET.path(source.namespace, source.name)) is not None,
        )

    def _facts(self, user: Api, cluster: Key, target: str) -> Facts:
        fleet = found(self._api, _FLEET.path(cluster.namespace, cluster.name))
        if fleet is None:
            raise NotFound(f"{cluster} not found")
        name = _management(fleet)
        management = found(self._api, _CLUSTERS.path("", name)) if name else None
        namespace = (fleet.get("spec") or {}).get("kubeConfigSecretNamespace") or cluster.namespace
        provisioning = found(self._api, _PROVISIONING.path(namespace, cluster.name))
        missing, unseen = _secrets(user, cluster.namespace, target, secret_names(management or {}, provisioning))
        return Facts(
            cluster=cluster,
            target=target,
            target_exists=bool(target) and found(self._api, _WORKSPACES.path("", target)) is not None,
            management=management,
            provisioning=provisioning,
            features=frozenset(one["metadata"]["name"] for one in listed(self._api, _FEATURES.path()) if _is_on(one)),
            taken=_management(found(self._api, _FLEET.path(target, cluster.name)) or {}) if target != cluster.namespace else "",
            missing=missing,
            unseen=unseen,
        )

    def _permitted(self, identity: Identity, made: Relocation) -> None:
        """Raises Forbidden unless the caller may move this cluster to this workspace."""
        facts = made.facts
        cluster = [Attributes(verb, "management.cattle.io", "clusters", name=facts.name) for verb in ("update", "patch")]
        target = Attributes("fleetaddcluster", "management.cattle.io", "fleetworkspaces", name=facts.target)
        wanted = [*cluster, target]
        for what, allowed in zip(wanted, self._reviews.allowed_each(identity, wanted), strict=True):
            if not allowed:
                hint = f"it needs {what.verb} {what.resource}.{what.group} {what.name}"
                raise Forbidden(f"{identity.user} may not move {facts.cluster} to workspace {facts.target}", hint=hint)


def _management(fleet: Mapping[str, Any]) -> str:
    return str(((fleet.get("metadata") or {}).get("labels") or {}).get(MANAGEMENT_NAME) or "")


def _is_on(feature: Mapping[str, Any]) -> bool:
    spec, status = feature.get("spec") or {}, feature.get("status") or {}
    values = (status.get("lockedValue"), spec.get("value"), status.get("default"))
    return next((bool(value) for value in values if value is not None), False)


def _secrets(user: Api, source: str, target: str, names: tuple[str, ...]) -> tuple[tuple[Key, ...], tuple[str, ...]]:
    """Of registry secrets: those to copy, and those that the user may not look for."""
    missing: list[Key] = []
    unseen: list[str] = []
    for name in names if target != source else ():
        try:
            if found(user, _SECRETS.path(target, name)) is None and found(user, _SECRETS.path(source, name)) is not None:
                missing.append(Key("Secret", source, name))
        except Forbidden:
            unseen.append(name)
    return tuple(missing), tuple(unseen)


def _copied(user: Api, secret: Key, target: str) -> None:
    """A copy of a secret in the target. One that somebody else made meanwhile stays as it is."""
    there = found(user, _SECRETS.path(secret.namespace, secret.name))
    if there is None:
        raise NotFound(f"{secret} not found", hint="move again")
    meta = {"name": secret.name, "namespace": target, **{name: there["metadata"].get(name) or {} for name in _KEPT}}
    copy = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": there.get("type"), "data": there.get("data") or {}}
    with suppress(AlreadyExists):
        user.send("POST", _SECRETS.path(target), copy)


def _patched(user: Api, made: Relocation) -> None:
    """The API server says no more of a failed `test` than that something is invalid, so what is there is looked at."""
    facts, path = made.facts, _CLUSTERS.path("", made.facts.name)
    try:
        user.send("PATCH", path, list(made.patch), kind="application/json-patch+json")
    except Invalid:
        now = found(user, path)
        if now is None or msgspec.structs.replace(facts, management=now).workspace == facts.workspace:
            raise
        hint = "look where it is, and move again"
        raise Conflict("somebody else moved the cluster meanwhile", where=str(facts.cluster), hint=hint) from None
