"""Lists: what Steve's list parameters mean here, and pages that stay in place while others write.

Pages go by keyset (`limit`, `continue`): a page starts after the last row of the one before, so nothing is skipped or
shown twice however much is written in between. Rancher's dashboard pages by number (`page`, `pagesize`); that is served
up to MAX_OFFSET rows deep by walking, and refused beyond, because the cost grows with the depth. A limit above MAX_LIMIT
is answered with MAX_LIMIT rows and a `continue`, as Kubernetes does. What the caller may not see is left out by the query.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import orjson
from flask import request
from marshmallow import fields, validate

from api.access import Caller, Verb
from api.addresses import here
from api.columns import is_made, sort_path
from api.errors import InvalidOption
from api.nouns import Noun
from api.representation import represent, url
from api.selectors import STATE_FIELDS, filters, label_selector
from extension.objects.base import Object
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, ClusterGroup, ConfigMap, FleetWorkspace, GitRepo, HelmOp, Secret
from extension.objects.schemas import strict
from extension.store.errorgroups import ErrorQuery
from extension.store.listing import BUNDLES_READY_PATH, SEEN_PATH, SHAPE_PATH
from extension.store.protocol import Filter, Page, Query

DEFAULT_LIMIT = 500
MAX_LIMIT = 1000
MAX_OFFSET = 10_000
DEFAULT_SORT = ("metadata.namespace", "metadata.name")

Fetch = Callable[[Query], Page]
Asked = Query | ErrorQuery

_SELECTION: dict[str, fields.Field[Any]] = {
    "labelSelector": fields.String(metadata={"description": "such as `env=prod,tier!=gold,region in (eu,us),!legacy`"}),
    "filter": fields.List(
        fields.String(),
        metadata={"description": "such as `metadata.name~web`; commas are alternatives, repeated filters must all hold"},
    ),
}
CHUNK_FIELDS: dict[str, fields.Field[Any]] = {
    "limit": fields.Integer(validate=validate.Range(min=-1), metadata={"description": f"rows a page, at most {MAX_LIMIT}; -1 means that"}),
    "continue": fields.String(metadata={"description": "the `continue` of the page before"}),
}
SELECTION = {**_SELECTION, **CHUNK_FIELDS}
LIST_FIELDS: dict[str, fields.Field[Any]] = {
    **SELECTION,
    "sort": fields.String(metadata={"description": "field paths, descending with a leading `-`"}),
    "page": fields.Integer(validate=validate.Range(min=1), metadata={"description": f"page number; page x pagesize <= {MAX_OFFSET}"}),
    "pagesize": fields.Integer(validate=validate.Range(min=1), metadata={"description": "rows a page"}),
    "exclude": fields.List(fields.String(), metadata={"description": "field paths to leave out, such as `spec.resources`"}),
    "summary": fields.String(
        validate=validate.OneOf(STATE_FIELDS[:1]), metadata={"description": "also count all that the list asks for by this field"}
    ),
    "revision": fields.String(validate=validate.Regexp(r"\d{1,18}$"), metadata={"description": "the oldest acceptable revision"}),
}
ListQuery = strict("ListQuery", LIST_FIELDS)


def selected(noun: Noun, caller: Caller, args: Mapping[str, Any], namespace: str | None, verb: Verb = "list") -> Query | None:
    """The query of a list request, limited to the workspaces in which the caller may do that; None: nothing is visible.
    A deployment's namespace is its cluster's and says nothing of who may see it: `namespaces` are its Bundle's workspaces."""
    chosen = args.get("labelSelector")
    query = Query(
        selector=label_selector(chosen) if chosen else None,
        filters=filters(args.get("filter", []), "Ready" if noun.cls is BundleDeployment else ""),
        sort=tuple(sort_path(noun, part.strip()) for part in args["sort"].split(",")) if args.get("sort") else DEFAULT_SORT,
        limit=limit_of(args),
    )
    _readable(noun, query.sort[is_made(noun, query.sort[0].removeprefix("-")) :], "sort")
    _readable(noun, (term.field for terms in query.filters for term in terms), "filter")
    if namespace is not None and noun.cls is not BundleDeployment:
        return msgspec.structs.replace(query, namespaces=(namespace,)) if caller.may(noun.cls, verb, namespace) else None
    permitted = caller.workspaces(noun.cls, verb)
    if noun.cls is FleetWorkspace:
        return query if permitted is None else _named(query, permitted)
    if namespace is not None:
        query = msgspec.structs.replace(query, filters=(*query.filters, (Filter("metadata.namespace", "=", (namespace,)),)))
    return None if permitted == () else msgspec.structs.replace(query, namespaces=permitted)


def _named(query: Query, names: tuple[str, ...]) -> Query | None:
    only = (Filter("metadata.name", "in", names),)
    return msgspec.structs.replace(query, filters=(*query.filters, only)) if names else None


def limit_of(args: Mapping[str, Any]) -> int:
    """Rows a page: the smaller of what is asked for, -1 (all) as many as one answer may hold."""
    wanted = [args[name] for name in ("limit", "pagesize") if name in args] or [DEFAULT_LIMIT]
    if 0 in wanted:
        raise InvalidOption("limit: must be -1 or at least 1", field="limit")
    return min(n if n > 0 else MAX_LIMIT for n in (*wanted, MAX_LIMIT))


ROOTS: Mapping[type[Object], tuple[str, ...]] = {Secret: ("metadata",), ConfigMap: ("metadata",), Bundle: ("metadata", "status")}
"""Where the fields lie that a list may go by. What is encrypted in the store can't be searched, and nobody is to find a
secret's value by asking for it."""


STATED = (Bundle, BundleDeployment, Cluster)
"""Kinds whose state is counted in a row of its own; that of the others is a sum, which a list can't go by."""

KNOWN_BY_SETS: Mapping[tuple[type[Object], str], tuple[str, ...]] = {
    (Cluster, "sort"): (SEEN_PATH, BUNDLES_READY_PATH),
    (Cluster, "filter"): (SHAPE_PATH,),
    (BundleDeployment, "filter"): (SHAPE_PATH,),
}
"""Fields that are laid over an object or never shown, and that a list goes by all the same, by kind and parameter."""

_MADE = re.compile(r"metadata\.(state|fields|resourceVersion)\b.*")
_COUNTED = re.compile(
    r"status\.(conditions|display|summary|agent|resourceCounts|clusterCount|nonReadyClusters|nonReadyClusterCount"
    r"|readyClusters|desiredReadyClusters|readyGitRepos|desiredReadyGitRepos|readyHelmOps|desiredReadyHelmOps|partitions"
    r"|observedGeneration|unavailable|unavailablePartitions|maxUnavailable|maxUnavailablePartitions)\b.*"
)
"""What is made or laid over an object when it is read (`extension/store/views.py`, `objects/shown.py`): a list can't go by it."""

COUNTED: Mapping[type[Object], re.Pattern[str]] = {
    **dict.fromkeys((GitRepo, HelmOp, Bundle, Cluster, ClusterGroup), _COUNTED),
    BundleDeployment: re.compile(r"id|spec\b.*|status\.(display|resourceCounts)\b.*|metadata\.(?!(name|namespace)$|labels\b).*"),
}
_PATH = re.compile(r"id|metadata\.labels(\[.+\]|\..+)|[a-z]+(\.\w+|\[\d+\])+", re.ASCII)


def _readable(noun: Noun, fields: Iterable[str], parameter: str) -> None:
    """Raises InvalidOption for a field that a list of this noun can't go by: better none than a wrong one."""
    roots = ROOTS.get(noun.cls) or tuple(name for name in ("metadata", "spec", "status") if name in noun.cls.__struct_fields__)
    for field in (field.removeprefix("-") for field in fields):
        if field in STATE_FIELDS:
            if noun.cls not in STATED:
                hint = "list their bundles by state"
                raise InvalidOption(f"{parameter}: {noun.plural} can't be listed by state", field=parameter, hint=hint)
        elif field in KNOWN_BY_SETS.get((noun.cls, parameter), ()):
            continue
        elif noun.cls is Cluster and field == SEEN_PATH:
            raise InvalidOption(f"filter: can't go by {field}", field="filter", hint="use seenBefore, seenSince or silentFor")
        elif field == SHAPE_PATH or _MADE.fullmatch(field) or (noun.cls in COUNTED and COUNTED[noun.cls].fullmatch(field)):
            raise InvalidOption(f"{parameter}: can't go by {field[:80]}", field=parameter, hint="it is made when an object is read")
        elif not _PATH.fullmatch(field) or (field != "id" and re.split(r"[.\[]", field, maxsplit=1)[0] not in roots):
            raise InvalidOption(f"{parameter}: can't go by {field[:80]}", field=parameter, hint=f"use fields of {', '.join(roots)}")


def read_page(fetch: Fetch, query: Query | None, args: Mapping[str, Any], revision: Callable[[], int]) -> Page:
    """The page a list request asks for. Raises InvalidOption for a `continue` of another list, Gone from the store."""
    if int(args.get("revision") or 0) > revision():
        raise InvalidOption(f"revision: unknown revision {args['revision']}", field="revision")
    if query is None:
        return Page((), "", 0, revision())
    if "page" not in args:
        return fetch(msgspec.structs.replace(query, after=place_after(args.get("continue", ""), query)))
    return _numbered(fetch, query, args)


def _numbered(fetch: Fetch, query: Query, args: Mapping[str, Any]) -> Page:
    if "continue" in args:
        raise InvalidOption("page: can't be used together with continue", field="page")
    if args.get("pagesize", 0) > MAX_LIMIT or args["page"] * query.limit > MAX_OFFSET:
        raise InvalidOption(
            f"page: pages reach {MAX_OFFSET} rows deep and have at most {MAX_LIMIT}",
            field="page",
            hint="use limit and continue, or a filter",
        )
    page = fetch(query)
    for _ in range(args["page"] - 1):
        if not page.next:
            return Page((), "", page.count, page.revision)
        page = fetch(msgspec.structs.replace(query, after=page.next))
    return page


def continue_token(page: Page, query: Asked | None) -> str:
    """An opaque token for the page after, empty on the last one; it is good only for the same list."""
    if not page.next or query is None:
        return ""
    return base64.urlsafe_b64encode(orjson.dumps([page.next, _digest(query)])).decode().rstrip("=")


def place_after(token: str, query: Asked) -> str:
    """Where the page begins that a `continue` asks for. Raises InvalidOption for one of another list."""
    if not token:
        return ""
    try:
        after, digest = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error):
        raise InvalidOption("continue: is not a token of this API", field="continue") from None
    if digest != _digest(query) or not isinstance(after, str):
        raise InvalidOption("continue: belongs to another list", field="continue", hint="repeat the parameters of the first page")
    return after


def _digest(query: Asked) -> str:
    """Of what makes a list that list: everything but where in it one is and how many rows one takes."""
    same = msgspec.structs.replace(query, after="", limit=0)
    return hashlib.blake2s(msgspec.json.encode(same, order="deterministic"), digest_size=8).hexdigest()


def collection_body(noun: Noun, page: Page, query: Query | None, caller: Caller, args: Mapping[str, Any]) -> dict[str, Any]:
    """Steve's collection of a page of objects."""
    data = [represent(noun, item, caller, args.get("exclude", ())) for item in page.items]
    body = wrapped(noun.id, data, page, query, args)
    if caller.may_anywhere(noun.cls, "create"):
        body["createTypes"] = {noun.id: url(noun.plural)}
    if noun.actions and caller.may_anywhere(noun.cls, "update"):
        body["actions"] = {name: f"{url(noun.plural)}?action={name}" for name in sorted(noun.actions)}
    return body


def wrapped(type_: str, data: list[Any], page: Page, query: Asked | None, args: Mapping[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "collection", "links": {"self": here()}, "resourceType": type_}
    body |= {"revision": str(page.revision), "count": page.count, "data": data}
    if "page" in args and query is not None:
        body["pages"] = -(-page.count // query.limit)
        return body
    token = continue_token(page, query)
    if token and query is not None:
        pairs = [(k, v) for k, v in request.args.items(multi=True) if k != "continue"]
        body["continue"] = token
        body["pagination"] = {"limit": query.limit, "partial": True, "next": _with(pairs, token)}
    return body


def _with(pairs: list[tuple[str, str]], token: str) -> str:
    return f"{here()}?{urlencode([*pairs, ('continue', token)])}"
