"""Bundles of `apply` to the service: written, values apart, and what the repository no longer makes removed."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import click
import msgspec

from extension.bundles import extract_values
from extension.bundles.overlap import moved
from extension.bundles.scan import REPO_NAME
from extension.client import ApiClient, path
from extension.commands.objects import HEAVY
from extension.objects.base import Object, document
from extension.objects.codec import decode
from extension.objects.content import sha256_sum
from extension.objects.kinds import Bundle


def write(client: ApiClient, bundles: Iterable[Bundle], name: str, namespace: str) -> None:
    """Creates or replaces each Bundle and the Secret with its values, first those that get something of others; then prunes."""
    made = {b.metadata.name: b for b in bundles}
    listed = list(client.list(path(_plural(Bundle), namespace), labelSelector=f"{REPO_NAME}={name}", exclude=HEAVY))
    places = {one["metadata"]["name"]: path(_plural(Bundle), namespace, one["metadata"]["name"]) for one in listed}
    known = {one["metadata"]["name"]: one.get("status", {}).get("resourcesSha256Sum") for one in listed}
    others = {there: one for there, one in made.items() if sha256_sum(one.spec.resources) != known.get(there)}
    losing = [there for there in places if there in others or there not in made]
    moving = moved({there: decode(Bundle, client.get(places[there])) for there in losing}, others)
    for bundle in {**moving, **{there: one for there, one in made.items() if there not in moving}}.values():
        labels = {**bundle.metadata.labels, REPO_NAME: name}
        labelled = msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, labels=labels))
        stripped, secret = extract_values(labelled)
        for obj in (secret, stripped):
            if obj is not None:
                _put(client, obj)
        click.echo(f"bundle {bundle.metadata.name} applied")
    for there in places.keys() - made.keys():
        client.request("DELETE", places[there])
        click.echo(f"bundle {there} removed")


def _put(client: ApiClient, obj: Object) -> None:
    plural, meta = _plural(type(obj)), obj.metadata
    body = document(obj)
    body.pop("status", None)
    body["metadata"].pop("finalizers", None)
    if "data" in body:
        body["data"] = {key: value if isinstance(value, str) else base64.b64encode(value).decode() for key, value in body["data"].items()}
    if client.find(path(plural, meta.namespace, meta.name)) is None:
        client.request("POST", path(plural), body=body)
    else:
        # Any version: the engine writes its status into a Bundle all the while.
        client.request("PUT", path(plural, meta.namespace, meta.name), body=body, etag="*")


def _plural(cls: type[Object]) -> str:
    group = cls.API_VERSION.rpartition("/")[0]
    return f"{group}.{cls.PLURAL}" if group else cls.PLURAL
