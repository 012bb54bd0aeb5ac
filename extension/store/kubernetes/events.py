"""Events as the API server has them, for as long as it keeps them, which is an hour unless it was told otherwise."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from extension.objects.base import Object, ObjectMeta, Struct, prepare
from extension.objects.happened import Event, involved
from extension.store.kubernetes.api import Reader

MOST = 500
"""So many events of one object are read: one that is repeated is counted, and they are not kept for long."""

_SECONDS = len("2026-01-01T00:00:00")


class _Series(Struct, frozen=True):
    count: int = 0
    last_observed_time: str = ""


class _Event(Struct, frozen=True):
    """One of core/v1. What was written by events.k8s.io has other times, and counts in a series."""

    metadata: ObjectMeta = ObjectMeta()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    series: _Series | None = None


class _Listed(Struct, frozen=True):
    items: tuple[_Event, ...] = ()


prepare(_Listed)


def read(api: Reader, obj: Object) -> list[Event]:
    """The events of an object, the newest first."""
    path = f"/api/v1/namespaces/{quote(obj.metadata.namespace, safe='')}/events"
    answer = api.read(path, {"fieldSelector": f"involvedObject.uid={obj.metadata.uid}", "limit": str(MOST)})
    found = [_event(one, obj) for one in msgspec.json.decode(answer, type=_Listed).items]
    return sorted(found, key=lambda one: one.last_timestamp, reverse=True)


def _event(one: _Event, obj: Object) -> Event:
    series = one.series or _Series()
    made = one.event_time or one.metadata.creation_timestamp or ""
    first = one.first_timestamp or made
    last = series.last_observed_time or one.last_timestamp or first
    return Event(
        one.metadata.uid,
        "Warning" if one.type == "Warning" else "Normal",
        one.reason,
        one.message,
        involved(obj),
        series.count or one.count or 1,
        _to_the_second(first),
        _to_the_second(last),
    )


def _to_the_second(time: str) -> str:
    """`eventTime` has microseconds, and texts of times are compared."""
    return f"{time[:_SECONDS]}Z" if time else ""
