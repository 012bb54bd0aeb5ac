"""Creating, replacing, patching and deleting objects: the same steps for every noun.

A body is completed, checked against the schema, cleaned of what is the server's to say (uid, times, status, Steve's
decorations), allowed, checked against the noun's rules, and stored under the version it was read at. Finalizers and owner
references belong to the engine and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import orjson

from api import checks
from api.access import Verb, absent, demand_write
from api.errors import MethodNotAllowed, PreconditionRequired
from api.nouns import Call, Noun, Write
from api.representation import redacted
from extension.objects.base import Object, ObjectMeta
from extension.objects.codec import decode_object
from extension.objects.errors import Conflict, Invalid, MissingRequired, NotFound
from extension.objects.kinds import GitRepo, HelmOp, Secret
from extension.objects.schemas import check

ATTEMPTS = 5
VERSION_FIELD = "metadata.resourceVersion"
"""The field a Conflict of the store is about when somebody wrote in between."""

CREATED_BY = "fleet.cattle.io/created-by-user-id"
DECORATIONS = ("id", "links", "actions")
SERVER_METADATA = ("managedFields", "state", "fields", "relationships", "selfLink", "deletionGracePeriodSeconds")


def readable(noun: Noun, call: Call, namespace: str, name: str) -> Object:
    """The object. Raises NotFound, in the same words, when it is not there and when the caller may not see it."""
    if not call.caller.may(noun.cls, "get", noun.workspace(namespace, name), name):
        raise absent(noun.key(namespace, name))
    try:
        return call.services.store.get(noun.cls, namespace, name)
    except NotFound:
        raise absent(noun.key(namespace, name)) from None


def writable(noun: Noun) -> None:
    if not noun.writable:
        raise MethodNotAllowed(f"{noun.plural} can't be written", hint="they are made by the engine")


def create(noun: Noun, call: Call, body: dict[str, Any], namespace: str | None) -> Object:
    """Stores a new object; `namespace` is that of the URL, if it has one."""
    writable(noun)
    new = parsed(noun, body, None)
    place = _place(noun, new, namespace)
    kept = ObjectMeta(
        name=new.metadata.name,
        generate_name=new.metadata.generate_name,
        namespace=place,
        labels=_signed(new, call),
        annotations=new.metadata.annotations,
    )
    new = msgspec.structs.replace(_without_status(noun, new), metadata=kept)
    demand_write(call.caller, "create", noun.cls, new.key, noun.workspace(place, kept.name))
    _obey((*checks.COMMON, *noun.checks), Write(call, new))
    return call.services.store.create(new, dry_run=call.dry_run)


def _signed(new: Object, call: Call) -> dict[str, str]:
    """The labels, with who made what deploys (`rancher-integration.md` 3.5): a copy is its maker's, whatever it was copied from. A
    user whose id is no value of a label is not named."""
    if not isinstance(new, GitRepo | HelmOp):
        return new.metadata.labels
    kept = {name: value for name, value in new.metadata.labels.items() if name != CREATED_BY}
    id_ = call.caller.id
    return {**kept, CREATED_BY: id_} if checks.is_label_value(id_) else kept


def _place(noun: Noun, new: Object, namespace: str | None) -> str:
    named = new.metadata.namespace
    if not noun.cls.NAMESPACED:
        if named:
            raise Invalid(f"metadata.namespace: a {noun.cls.KIND} has none", field="metadata.namespace")
        return ""
    if named and namespace and named != namespace:
        raise Invalid(f"metadata.namespace: {named} is not the namespace of the URL, {namespace}", field="metadata.namespace")
    place = named or namespace
    if not place:
        raise MissingRequired("metadata.namespace: is required", field="metadata.namespace", hint="name the workspace")
    return place


def replace(noun: Noun, call: Call, old: Object, body: dict[str, Any], verb: Verb = "update") -> Object:
    """Stores what `body` says in place of `old`; Conflict when somebody wrote since `old` was read. `verb` is what that is."""
    demand_write(call.caller, verb, noun.cls, old.key, noun.workspace(old.metadata.namespace, old.metadata.name))
    new = parsed(noun, body, old)
    for field in ("name", "namespace"):
        sent, stored = getattr(new.metadata, field), getattr(old.metadata, field)
        if sent not in ("", stored):
            raise Invalid(f"metadata.{field}: can't be changed from {stored} to {sent}", field=f"metadata.{field}")
    return _store(noun, call, old, new)


def _store(noun: Noun, call: Call, old: Object, new: Object) -> Object:
    kept = msgspec.structs.replace(old.metadata, labels=new.metadata.labels, annotations=new.metadata.annotations)
    new = msgspec.structs.replace(_without_status(noun, new), metadata=kept)
    if hasattr(old, "status"):
        new = msgspec.structs.replace(new, status=old.status)
    _obey((*checks.COMMON, *noun.checks), Write(call, new, old))
    return call.services.store.update(new, dry_run=call.dry_run)


def remove(noun: Noun, call: Call, old: Object) -> Object:
    demand_write(call.caller, "delete", noun.cls, old.key, noun.workspace(old.metadata.namespace, old.metadata.name))
    _obey(noun.on_delete, Write(call, old, old))
    return noun.delete(call, old) if noun.delete else deleted(call, old)


def deleted(call: Call, old: Object) -> Object:
    meta = old.metadata
    version = meta.resource_version
    return call.services.store.delete(type(old), meta.namespace, meta.name, resource_version=version, dry_run=call.dry_run)


def change(noun: Noun, call: Call, read: Callable[[], Object], edit: Callable[[Object], Object]) -> Object:
    """Reads, edits and stores an object, from the start again when somebody wrote in between."""

    def once() -> Object:
        old = read()
        demand_write(call.caller, "update", noun.cls, old.key, noun.workspace(old.metadata.namespace, old.metadata.name))
        return _store(noun, call, old, edit(old))

    return retried(once)


def retried(once: Callable[[], Object]) -> Object:
    for _ in range(ATTEMPTS - 1):
        try:
            return once()
        except Conflict as error:
            if error.field != VERSION_FIELD:
                raise
    return once()


def versioned(body: dict[str, Any]) -> dict[str, Any]:
    """The body, which says which version it was made from. Raises PreconditionRequired when it does not."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("resourceVersion"):
        hint = "send the ETag you read as If-Match, or metadata.resourceVersion in the body"
        raise PreconditionRequired("a PUT must say which version it replaces", hint=hint)
    return body


def as_read(old: Object, body: dict[str, Any]) -> Object:
    """`old` under the version the body was made from, if it names one."""
    metadata = body.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return under(old, [str(version)]) if version else old


def under(old: Object, versions: Iterable[str]) -> Object:
    """`old` under the newest of the versions its reader may have got. The store refuses to write when the document changed
    since, but not when only what is counted did: that moves with every report. Raises Conflict for versions that never were."""
    known = [int(v) for v in versions if _VERSION.fullmatch(v) and int(v) <= int(old.metadata.resource_version)]
    if not known:
        raise Conflict(f"{old.key} changed since it was read", field=VERSION_FIELD, hint="read it again and repeat the change")
    return msgspec.structs.replace(old, metadata=msgspec.structs.replace(old.metadata, resource_version=str(max(known))))


_VERSION = re.compile(r"[0-9]{1,18}")


def parsed(noun: Noun, body: dict[str, Any], old: Object | None) -> Object:
    """The object a body describes. Raises Invalid naming the fields that don't fit the schema."""
    clean = noun.prepare(undecorated(noun, body), old)
    check(noun.cls, clean)
    return decode_object(noun.cls, clean)


def undecorated(noun: Noun, body: dict[str, Any]) -> dict[str, Any]:
    """The body as a plain Kubernetes object: what Steve's clients send back of what they got is dropped."""
    clean = {key: value for key, value in body.items() if key not in DECORATIONS}
    if clean.get("type") == noun.id:
        del clean["type"]
    if noun.cls is Secret and "_type" in clean:
        clean["type"] = clean.pop("_type")
    if isinstance(clean.get("metadata"), dict):
        clean["metadata"] = {k: v for k, v in clean["metadata"].items() if k not in SERVER_METADATA}
    return clean


def patchable(obj: Object) -> dict[str, Any]:
    """What a patch is applied to: the object as its readers see it, so that no operation can test or copy a secret's
    value. Plain JSON: lists and no tuples, or an operation could not append to them."""
    plain: dict[str, Any] = orjson.loads(orjson.dumps(redacted(obj)))
    return plain


def _without_status(noun: Noun, obj: Object) -> Object:
    fields = {f.name: f.default for f in msgspec.structs.fields(noun.cls)}
    return msgspec.structs.replace(obj, status=fields["status"]) if "status" in fields else obj


def _obey(rules: Iterable[Callable[[Write], None]], write: Write) -> None:
    for rule in rules:
        rule(write)
