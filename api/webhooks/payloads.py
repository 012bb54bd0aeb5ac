"""What a push looks like on the wire of each provider (`fleet-semantics.md` 5.1), read into one form. Pure.

Only these fields are read; the rest of a payload, however large, is skipped and never kept. A push may tell of several
branches at once, as Bitbucket's and Azure's do: Fleet looks at the first, here each is a change of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from extension.objects.base import prepare

MAX_CHANGES = 20
"""Branches of one push that are looked at."""
LONGEST_REF = 255

T = TypeVar("T")

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REF = re.compile(rf"[^\x00-\x20\x7f~^:?*\[\\]{{1,{LONGEST_REF}}}")


class Change(msgspec.Struct, frozen=True):
    """A branch or tag that moved. `commit` is empty when it was deleted."""

    ref: str = ""
    commit: str = ""


class Told(msgspec.Struct, frozen=True):
    """What a payload tells. `event` and `guid` are set where the payload and not a header has them."""

    urls: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    event: str = ""
    guid: str = ""


class _Project(msgspec.Struct, frozen=True):
    html_url: str | None = None
    clone_url: str | None = None
    ssh_url: str | None = None
    web_url: str | None = None
    git_ssh_url: str | None = None
    git_http_url: str | None = None


class _Push(msgspec.Struct, frozen=True):
    """GitHub's, Gogs', Gitea's, and with `project` GitLab's."""

    ref: str | None = None
    after: str | None = None
    checkout_sha: str | None = None
    repository: _Project | None = None
    project: _Project | None = None


class _Link(msgspec.Struct, frozen=True):
    href: str | None = None


class _Links(msgspec.Struct, frozen=True):
    html: _Link | None = None
    clone: tuple[_Link, ...] = ()


class _Repository(msgspec.Struct, frozen=True):
    links: _Links | None = None


class _Target(msgspec.Struct, frozen=True):
    hash: str | None = None


class _Tip(msgspec.Struct, frozen=True):
    name: str | None = None
    type: str | None = None
    target: _Target | None = None


class _CloudChange(msgspec.Struct, frozen=True):
    new: _Tip | None = None
    old: _Tip | None = None


class _CloudChanges(msgspec.Struct, frozen=True):
    changes: tuple[_CloudChange, ...] = ()


class _CloudPush(msgspec.Struct, frozen=True):
    push: _CloudChanges | None = None
    repository: _Repository | None = None


class _ServerChange(msgspec.Struct, frozen=True, rename="camel"):
    ref_id: str | None = None
    to_hash: str | None = None


class _ServerPush(msgspec.Struct, frozen=True):
    changes: tuple[_ServerChange, ...] = ()
    repository: _Repository | None = None


class _RefUpdate(msgspec.Struct, frozen=True, rename="camel"):
    name: str | None = None
    new_object_id: str | None = None


class _AzureRepository(msgspec.Struct, frozen=True, rename="camel"):
    remote_url: str | None = None
    ssh_url: str | None = None


class _Resource(msgspec.Struct, frozen=True, rename="camel"):
    ref_updates: tuple[_RefUpdate, ...] = ()
    repository: _AzureRepository | None = None


class _AzurePush(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    event_type: str | None = None
    resource: _Resource | None = None


def hub(body: bytes) -> Told:
    """GitHub, Gogs, Gitea and Forgejo: `after` of `ref`. Raises msgspec.DecodeError, as all of these."""
    push = _decode(body, _Push)
    place = push.repository or _Project()
    return Told(_urls(place.html_url, place.clone_url, place.ssh_url), (_change(push.ref, push.after),))


def gitlab(body: bytes) -> Told:
    """GitLab: `checkout_sha` of `ref`, which is null when the branch was deleted."""
    push = _decode(body, _Push)
    place = push.project or _Project()
    return Told(_urls(place.web_url, place.git_http_url, place.git_ssh_url), (_change(push.ref, push.checkout_sha),))


def bitbucket(body: bytes) -> Told:
    """Bitbucket Cloud: the new tip of each change, null when it was deleted. Its payload has no ssh URL: the web one stands for it."""
    payload = _decode(body, _CloudPush)
    links = (payload.repository or _Repository()).links or _Links()
    changes = (payload.push or _CloudChanges()).changes
    return Told(_urls((links.html or _Link()).href), tuple(_tip(c) for c in changes[:MAX_CHANGES]))


def bitbucket_server(body: bytes) -> Told:
    """Bitbucket Server and Data Center: `toHash` of each change."""
    payload = _decode(body, _ServerPush)
    links = (payload.repository or _Repository()).links or _Links()
    urls = _urls(*(link.href for link in links.clone[:MAX_CHANGES]))
    return Told(urls, tuple(_change(c.ref_id, c.to_hash) for c in payload.changes[:MAX_CHANGES]))


def azure(body: bytes) -> Told:
    """Azure DevOps: `newObjectId` of each ref; the event and the delivery's id are in the payload."""
    payload = _decode(body, _AzurePush)
    resource = payload.resource or _Resource()
    place = resource.repository or _AzureRepository()
    changes = tuple(_change(u.name, u.new_object_id) for u in resource.ref_updates[:MAX_CHANGES])
    return Told(_urls(place.remote_url, place.ssh_url), changes, payload.event_type or "", payload.id or "")


Read = Callable[[bytes], Told]


def _tip(change: _CloudChange) -> Change:
    tip = change.new or change.old or _Tip()
    kind = "tags" if tip.type in ("tag", "annotated_tag") else "heads"
    return _change(f"refs/{kind}/{tip.name or ''}", tip.target.hash if tip.target and change.new else "")


def _decode(body: bytes, cls: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=cls)
    except (RecursionError, UnicodeDecodeError):
        raise msgspec.DecodeError("not to be read") from None


def _urls(*found: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(url for url in found if url))


def _change(ref: str | None, commit: str | None) -> Change:
    """A change whose texts are what git would take: they come from outside and are shown."""
    ref, commit = ref or "", (commit or "").lower()
    known = _COMMIT.fullmatch(commit) and set(commit) != {"0"}
    return Change(ref if _REF.fullmatch(ref) else "", commit if known else "")


def _types() -> Iterable[type[msgspec.Struct]]:
    return (_Push, _CloudPush, _ServerPush, _AzurePush)


prepare(*_types())
