"""Objects as Steve's resources: `id`, `type`, `links` and `actions` the caller may use, `metadata.state`.

A Secret's values are never in a representation, not even for those who wrote them: `data` has the keys with null, and
kubectl's copy of them in an annotation is left out. Written back, a null keeps the stored value (`secrets.py`), so that
reading, editing and writing a Secret loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.access import Caller, Verb, workspace_of
from api.addresses import root
from api.nouns import Noun, object_id
from api.states import state
from extension.objects.base import Object
from extension.objects.kinds import Secret
from extension.objects.shown import cells, shown
from extension.store.documents import LAST_APPLIED

LINKS: Mapping[str, Verb] = {"update": "update", "patch": "patch", "remove": "delete"}
"""The links of an object to what may be done with it, and the verb that each is."""


def url(*parts: str) -> str:
    """An absolute URL below the API's root, as the caller reaches it."""
    return "/".join((root(), "v1", *parts))


def represent(noun: Noun, obj: Object, caller: Caller, exclude: Iterable[str] = (), *, alone: bool = False) -> dict[str, Any]:
    """The resource of an object, without the excluded fields (dotted paths). What the caller may do with one object by its name
    is shown where it stands `alone`: asking for each row would make a list cost as much as its rows."""
    body = redacted(obj)
    body.setdefault("metadata", {}).update(state=state(obj), fields=cells(obj.KIND, body))
    name = obj.metadata.name if alone else ""
    links, actions = links_of(noun, obj, caller, name), actions_of(noun, obj, caller, name)
    if isinstance(obj, Secret):
        body["_type"] = body.pop("type", obj.type)
    body = {"id": object_id(obj.key), "type": noun.id, "links": links, **({"actions": actions} if actions else {}), **body}
    for path in exclude:
        _drop(body, path.split("."))
    return body


def redacted(obj: Object) -> dict[str, Any]:
    """The object as a Kubernetes document, a Secret's values left out."""
    body = shown(obj)
    if isinstance(obj, Secret):
        body |= {"data": dict.fromkeys(sorted(obj.data))} if obj.data else {}
        body.get("metadata", {}).get("annotations", {}).pop(LAST_APPLIED, None)
    return body


def links_of(noun: Noun, obj: Object, caller: Caller, name: str) -> dict[str, str]:
    self_url = url(noun.plural, object_id(obj.key))
    workspace = workspace_of(obj)
    links = {"self": self_url}
    for link, verb in LINKS.items():
        if caller.may(noun.cls, verb, workspace, name):
            links[link] = self_url
    return links | {name: f"{self_url}/{name}" for name in noun.links}


def actions_of(noun: Noun, obj: Object, caller: Caller, name: str) -> dict[str, str]:
    if not noun.actions or not caller.may(noun.cls, "update", workspace_of(obj), name):
        return {}
    paused = getattr(getattr(obj, "spec", None), "paused", False)
    useless = "pause" if paused else "unpause"
    self_url = url(noun.plural, object_id(obj.key))
    return {name: f"{self_url}?action={name}" for name in sorted(noun.actions) if name != useless}


def _drop(body: Any, path: list[str]) -> None:
    for step in path[:-1]:
        body = body.get(step) if isinstance(body, dict) else None
    if isinstance(body, dict):
        body.pop(path[-1], None)
