"""BundleDeployments: one bundle on one cluster, made by the engine. Listed by bundle, cluster, GitRepo or HelmOp."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields

from api.access import absent, workspace_of
from api.auth import caller
from api.errors import InvalidOption
from api.nouns import Noun
from api.resources import blueprint
from api.schemas import PLACE
from api.services import services
from extension.objects.base import Key, Object
from extension.objects.kinds import BundleDeployment
from extension.store.protocol import Filter, Page, Query

NOUN = Noun(BundleDeployment, "One bundle on one cluster. Read only: it follows from bundles, clusters and targets.")

_OF = {"bundle": "Bundle", "cluster": "Cluster", "gitrepo": "GitRepo", "helmop": "HelmOp"}
OF_FIELDS = {
    name: fields.String(validate=PLACE, metadata={"description": f"those of a {kind}: `<workspace>/<name>`"}) for name, kind in _OF.items()
}


def named_in(args: Mapping[str, Any]) -> dict[str, Key]:
    """The objects that a list's parameters name, a HelmOp as `gitrepo` too. Raises InvalidOption."""
    if {"gitrepo", "helmop"} <= args.keys():
        raise InvalidOption("helmop: can't be used together with gitrepo", field="helmop", hint="a bundle is of one of the two")
    of = {name: Key(kind, *args[name].split("/")) for name, kind in _OF.items() if name in args}
    if "helmop" in of:
        of["gitrepo"] = of.pop("helmop")
    return of


def _fetch(query: Query, args: dict[str, Any]) -> Page:
    return services().store.deployments(query, **named_in(args))


def _find(namespace: str, name: str) -> Object:
    """A deployment by its place, which is its cluster's namespace and its Bundle's name."""
    place = ((Filter("metadata.namespace", "=", (namespace,)),), (Filter("metadata.name", "=", (name,)),))
    found: tuple[BundleDeployment, ...] = services().store.deployments(Query(filters=place, limit=2)).items
    mine = [deployment for deployment in found if caller().may(BundleDeployment, "get", workspace_of(deployment), name)]
    if not mine:
        raise absent(NOUN.key(namespace, name))
    return mine[0]


blueprints = (blueprint(NOUN, _find, _fetch, OF_FIELDS),)
