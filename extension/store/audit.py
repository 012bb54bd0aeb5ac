"""Everything that is stored twice, compared: counters with what they count, indices with what they index, pointers with what they point to.

One snapshot, read only, so it can run beside the service. A store that the service wrote has no findings, whatever was killed;
one is a mistake of ours, or somebody wrote to the database by hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec
from sqlalchemy import Connection, text

from extension.objects.shapes import complaint
from extension.store.bulk import fetched, streamed
from extension.store.database import Database
from extension.store.schema import RESOURCE_COLUMNS, STATE_COLUMNS
from extension.store.staging import STATE
from extension.store.wordings import status_of

EXAMPLES = 5
_AT_ONCE = 5000


class Finding(msgspec.Struct, frozen=True):
    """A rule that does not hold, for how many rows, and some of them."""

    rule: str
    count: int
    examples: tuple[str, ...]


class _Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Document(msgspec.Struct, frozen=True):
    metadata: _Labelled = _Labelled()


class _Counts(msgspec.Struct, rename="camel"):
    """The resource counts of a report."""

    resource_counts: dict[str, int] = {}


def audit(database: Database) -> Iterator[Finding]:
    """The rules that do not hold. Raises Unavailable."""
    with database.read() as connection:
        for rule, query in _RULES.items():
            rows = fetched(connection, text(query))
            if rows:
                yield Finding(rule, len(rows), tuple(", ".join(map(str, row)) for row in rows[:EXAMPLES]))
        yield from _found("labels are those of the documents", _labels(connection))
        yield from _found("a deployment with a shape has a report that says something", _complaints(connection))
        yield from _found("sums of resource counts are those of the reports", _resources(connection))


def _found(rule: str, examples: Iterator[str]) -> Iterator[Finding]:
    some = list(examples)
    if some:
        yield Finding(rule, len(some), tuple(some[:EXAMPLES]))


def _labels(connection: Connection) -> Iterator[str]:
    last = 0
    while rows := fetched(connection, _DOCUMENTS, last=last, limit=_AT_ONCE):
        last = rows[-1][0]
        stored: dict[int, dict[str, str]] = {}
        for id_, key, value in fetched(connection, _LABELS, first=rows[0][0], last=last):
            stored.setdefault(id_, {})[key] = value
        for id_, kind, namespace, name, doc in rows:
            if stored.get(id_, {}) != msgspec.json.decode(doc, type=_Document).metadata.labels:
                yield f"{kind} {namespace}/{name}"


def _resources(connection: Connection) -> Iterator[str]:
    sums: dict[int, dict[str, int]] = {}
    for bundle, cluster, doc in streamed(connection, _REPORTS):
        counts = _counted(doc)
        for owner in (bundle, cluster):
            known = sums.setdefault(owner, {})
            for name, count in counts.items():
                known[name] = known.get(name, 0) + count
    for owner, *row in fetched(connection, _SUMS):
        told = {name: count for name, count in zip(_CAMEL, row, strict=True) if count}
        if told != {name: count for name, count in sums.pop(owner, {}).items() if count}:
            yield f"object {owner}: {told}"
    yield from (f"object {owner} has no sums" for owner, counts in sums.items() if any(counts.values()))


@lru_cache(1000)
def _counted(doc: str) -> dict[str, int]:
    return msgspec.json.decode(doc, type=_Counts).resource_counts


def _complaints(connection: Connection) -> Iterator[str]:
    """Deployments with the shape of a message that their reports do not hold. One without is no finding: its report may be older than
    the program that keeps shapes."""
    for bundle, cluster, doc, common in fetched(connection, _SHAPED):
        if not complaint(status_of(doc, common)):
            yield f"{bundle}, {cluster}"


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


_CAMEL = tuple(_camel(name) for name in RESOURCE_COLUMNS)
_COUNTED = ", ".join(f"coalesce(sum(CASE WHEN state = {name[1:]} THEN 1 ELSE 0 END), 0) AS {name}" for name in STATE_COLUMNS)
_DIFFERENT = " OR ".join(f"t.{name} <> coalesce(c.{name}, 0)" for name in STATE_COLUMNS)


def _recount(owner: str, kind: str) -> str:
    return (
        f"SELECT t.object_id FROM tally t JOIN object o ON o.id = t.object_id AND o.kind = '{kind}'"  # noqa: S608 (our own names)
        f" LEFT JOIN (SELECT {owner} AS id, {_COUNTED} FROM deployment GROUP BY {owner}) c ON c.id = t.object_id WHERE {_DIFFERENT}"
    )


_COMPLAINTS = "SELECT bundle_id, shape, state, count(*) FROM deployment WHERE shape <> 0 GROUP BY bundle_id, shape, state"
_RULES = {
    "counters of bundles are those of their deployments": _recount("bundle_id", "Bundle"),
    "counters of clusters are those of their deployments": _recount("cluster_id", "Cluster"),
    "every cluster has counters": "SELECT id FROM object WHERE kind = 'Cluster' AND id NOT IN (SELECT object_id FROM tally)",
    "every bundle with deployments has counters": (
        "SELECT DISTINCT bundle_id FROM deployment WHERE bundle_id NOT IN (SELECT object_id FROM tally)"
    ),
    "a deployment has the state that its columns make": f"SELECT bundle_id, cluster_id, state FROM deployment WHERE state <> {STATE}",  # noqa: S608 (ours)
    "a deployment is of a bundle and a cluster that are there": (
        "SELECT bundle_id, cluster_id FROM deployment WHERE bundle_id NOT IN (SELECT id FROM object WHERE kind = 'Bundle')"
        " OR cluster_id NOT IN (SELECT id FROM object WHERE kind = 'Cluster')"
    ),
    "a deployment has options that are there": (
        "SELECT bundle_id, cluster_id FROM deployment d WHERE NOT EXISTS (SELECT 1 FROM variant v WHERE v.id = d.staged AND"
        " v.bundle_id = d.bundle_id) OR (live IS NOT NULL AND NOT EXISTS (SELECT 1 FROM variant v WHERE v.id = d.live AND"
        " v.bundle_id = d.bundle_id))"
    ),
    "options have a deployment ID and a content that are there": (
        "SELECT id FROM variant WHERE deployment_id NOT IN (SELECT id FROM deployment_id) OR"
        " (content <> '' AND content NOT IN (SELECT sha256 FROM content))"
    ),
    "a bundle has its content": (
        "SELECT id FROM object WHERE kind = 'Bundle' AND content <> '' AND content NOT IN (SELECT sha256 FROM content)"
    ),
    "complaints are counted as their deployments are": (
        f"SELECT bundle_id, shape_id, state, n FROM complaint EXCEPT {_COMPLAINTS} UNION ALL"  # noqa: S608 (ours)
        f" SELECT * FROM ({_COMPLAINTS} EXCEPT SELECT bundle_id, shape_id, state, n FROM complaint) AS uncounted"
    ),
    "a shape is of its bundle, and of a deployment": (
        "SELECT bundle_id, id FROM shape EXCEPT SELECT bundle_id, shape FROM deployment WHERE shape <> 0"
    ),
    "a deployment has a shape that is there": (
        "SELECT bundle_id, shape FROM deployment WHERE shape <> 0 EXCEPT SELECT bundle_id, id FROM shape"
    ),
    "a report is of a deployment": "SELECT bundle_id, cluster_id FROM report EXCEPT SELECT bundle_id, cluster_id FROM deployment",
    "a report's wording is its bundle's": (
        "SELECT bundle_id, wording FROM report WHERE wording <> 0 EXCEPT SELECT bundle_id, id FROM wording"
    ),
    "counters are of an object": "SELECT object_id FROM tally WHERE object_id NOT IN (SELECT id FROM object)",
    "a label is of an object": "SELECT label_id, object_id FROM tag WHERE object_id NOT IN (SELECT id FROM object)",
    "a last-seen time is of a cluster": "SELECT cluster_id FROM seen WHERE cluster_id NOT IN (SELECT id FROM object)",
    "an event is of an object": "SELECT id, object_id FROM event WHERE object_id NOT IN (SELECT id FROM object)",
    "no revision is ahead of the sequence": (
        "SELECT 'object', id FROM object WHERE revision > (SELECT number FROM sequence) UNION ALL"
        " SELECT 'deployment', bundle_id FROM deployment WHERE revision > (SELECT number FROM sequence) UNION ALL"
        " SELECT 'tally', object_id FROM tally WHERE revision > (SELECT number FROM sequence)"
    ),
}
"""Queries of the rows for which a rule does not hold."""

_DOCUMENTS = text("SELECT id, kind, namespace, name, doc FROM object WHERE id > :last ORDER BY id LIMIT :limit")
_LABELS = text("SELECT object_id, key, value FROM label WHERE object_id BETWEEN :first AND :last")
_REPORTS = (
    "SELECT r.bundle_id, r.cluster_id, coalesce(w.doc, r.doc) FROM report r LEFT JOIN wording w ON w.id = r.wording"
    " WHERE r.wording = 0 OR w.id IS NOT NULL"
)
_SHAPED = text(
    "SELECT d.bundle_id, d.cluster_id, r.doc, w.doc FROM deployment d LEFT JOIN report r ON r.bundle_id = d.bundle_id"
    " AND r.cluster_id = d.cluster_id LEFT JOIN wording w ON w.id = r.wording WHERE d.shape <> 0"
)
_SUMS = text(f"SELECT object_id, {', '.join(f'r_{name}' for name in RESOURCE_COLUMNS)} FROM tally")  # noqa: S608 (our own columns)
