"""What agents report, stored once for all deployments of a bundle that say the same.

A release that is as it should be tells the same on every cluster but for its times. So a report's row has those, and the number of its
wording: the rest. Wordings are a bundle's own, as shapes are, and few: what does not fit among them is in the row, whole.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import msgspec
from sqlalchemy import Connection, text

from extension.objects.base import Condition, prepare
from extension.objects.kinds import BundleDeploymentStatus
from extension.objects.status import ResourceCounts
from extension.store.bulk import fetched

MOST = 200
"""So many wordings of a bundle are kept; all further reports are whole in their rows."""
_OWN = "["
"""What the part of a report begins with that is not in its wording: a list of the sequence and the conditions' times."""
_Times = str | list[tuple[str, str]]
"""When every condition was last updated, or of each that and when it last changed."""


class Wordings:
    """The wordings of the bundles of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[int, dict[str, int]] = {}

    def stored(self, bundle_id: int, status: BundleDeploymentStatus, sequence: int, *, applied: bool) -> tuple[str, int]:
        """What a report's row has, and the number of its wording, 0 for none. `applied`: the deployment's row says what is applied."""
        common = _encoder.encode(_bare(status, applied=applied))
        number = self._number(bundle_id, common)
        return _own(status, sequence) if number else _whole(status, sequence), number

    def _number(self, bundle_id: int, common: bytes) -> int:
        if bundle_id not in self._known:
            self._known[bundle_id] = dict(fetched(self._connection, _OF_BUNDLE, bundle=bundle_id))
        known, digest = self._known[bundle_id], blake2b(common, digest_size=16).hexdigest()
        if digest not in known and len(known) < MOST:
            new = {"bundle": bundle_id, "digest": digest, "doc": common.decode()}
            known[digest] = int(self._connection.execute(_ADD, new).scalar_one())
        return known.get(digest, 0)


def sweep(connection: Connection, bundle_id: int) -> None:
    """Drops the wordings of a bundle that no report has any more."""
    connection.execute(_SWEEP, {"bundle": bundle_id})


def sequence_of(doc: str | None) -> int:
    """The sequence in a report's row; 0 where there is none."""
    if not doc:
        return 0
    return int(_own_decoder.decode(doc)[0]) if doc.startswith(_OWN) else _sequenced.decode(doc).sequence


def counts_of(doc: str | None, common: str | None) -> ResourceCounts:
    """The resource counts of a report: of its row and its wording, if it has one."""
    whole = common or _row(doc)
    return _counts(whole) if whole else ResourceCounts()


def status_of(doc: str | None, common: str | None, applied: str = "") -> BundleDeploymentStatus:
    """What was reported, by a report's row, its wording if it has one, and what the deployment's row says is applied."""
    if common is None or doc is None:
        whole = _row(doc)
        return _status(whole) if whole else BundleDeploymentStatus()
    status = _status(common)
    times = _own_decoder.decode(doc)[1]
    each = [(times, "")] * len(status.conditions) if isinstance(times, str) else times
    conditions = tuple(_timed(one, *when) for one, when in zip(status.conditions, each, strict=True))
    return msgspec.structs.replace(status, conditions=conditions, applied_deployment_id=status.applied_deployment_id or applied)


def _row(doc: str | None) -> str:
    """A report that is whole in its row. One whose wording is gone says nothing: the store is damaged, and the audit tells so."""
    return "" if doc is None or doc.startswith(_OWN) else doc


def _bare(status: BundleDeploymentStatus, *, applied: bool) -> BundleDeploymentStatus:
    conditions = tuple(_timed(one, "", "") for one in status.conditions)
    known = "" if applied else status.applied_deployment_id
    return msgspec.structs.replace(status, conditions=conditions, applied_deployment_id=known)


def _timed(condition: Condition, updated: str, changed: str) -> Condition:
    return msgspec.structs.replace(condition, last_update_time=updated, last_transition_time=changed)


def _own(status: BundleDeploymentStatus, sequence: int) -> str:
    each = [(one.last_update_time, one.last_transition_time) for one in status.conditions]
    same = {*each} if each else {("", "")}
    times: _Times = next(iter(same))[0] if len(same) == 1 and not next(iter(same))[1] else each
    return _encoder.encode((sequence, times)).decode()


def _whole(status: BundleDeploymentStatus, sequence: int) -> str:
    doc = _encoder.encode(status).decode()
    return doc if not sequence else f'{{"sequence":{sequence}{"," if len(doc) > 2 else ""}{doc[1:]}'


@lru_cache(4 * MOST)
def _status(doc: str) -> BundleDeploymentStatus:
    return _statuses.decode(doc)


@lru_cache(4 * MOST)
def _counts(doc: str) -> ResourceCounts:
    return _counted.decode(doc).resource_counts


class _Counted(msgspec.Struct, rename="camel"):
    resource_counts: ResourceCounts = ResourceCounts()


class _Sequenced(msgspec.Struct):
    sequence: int = 0


prepare(_Counted, _Sequenced, tuple[int, _Times])
_encoder = msgspec.json.Encoder()
_statuses = msgspec.json.Decoder(BundleDeploymentStatus)
_counted = msgspec.json.Decoder(_Counted)
_sequenced = msgspec.json.Decoder(_Sequenced)
_own_decoder: msgspec.json.Decoder[tuple[int, _Times]] = msgspec.json.Decoder(tuple[int, _Times])

_OF_BUNDLE = text("SELECT digest, id FROM wording WHERE bundle_id = :bundle")
_ADD = text("INSERT INTO wording (bundle_id, digest, doc) VALUES (:bundle, :digest, :doc) RETURNING id")
_SWEEP = text("DELETE FROM wording WHERE bundle_id = :bundle AND id NOT IN (SELECT wording FROM report WHERE bundle_id = :bundle)")
