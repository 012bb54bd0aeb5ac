"""BundleDeployments as rows: what the API server says of one is what a plan and a report would have made of it.

So everything that asks rows (lists, counts, plans, groups of errors) asks those of Fleet. What is shown of one is what the API server
sent, kept sealed beside its row: options may hold Helm's values. A BundleDeployment belongs to its Bundle and
Cluster by its labels; one whose Bundle or Cluster is not here waits until it is (`orphans`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from extension.objects.base import Key
from extension.objects.codec import canonical
from extension.objects.kinds import Bundle, BundleDeployment, Cluster
from extension.objects.options import BundleDeploymentOptions
from extension.store import wordings
from extension.store.bulk import fetched, load, many, temporary
from extension.store.kubernetes.documents import ids_of
from extension.store.kubernetes.kinds import version
from extension.store.protocol import Report
from extension.store.reporting import report
from extension.store.sealing import Seal
from extension.store.wordings import sequence_of

_PREFIX = "fleet.cattle.io/"
_DIGESTS = 4096

Pair = tuple[int, int]
"""The numbers of a Bundle and a Cluster."""


Named = tuple[int, str, str]
"""A variant by its Bundle's number, its deployment ID and the digest of its options."""


def parents(deployment: BundleDeployment) -> tuple[Key, Key] | None:
    """Its Bundle and its Cluster; None for one that says no such thing."""
    labels = deployment.metadata.labels
    found = [labels.get(f"{_PREFIX}{name}", "") for name in ("bundle-namespace", "bundle-name", "cluster-namespace", "cluster")]
    return (Key(Bundle.KIND, *found[:2]), Key(Cluster.KIND, *found[2:])) if all(found) else None


class DeploymentRows:
    """Statements on rows; the caller brings the connection of a write."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._digests: dict[bytes, str] = {}

    def pairs(self, connection: Connection, given: Sequence[BundleDeployment]) -> dict[Key, Pair]:
        """Where deployments belong, by their keys; those without a Bundle or Cluster here are left out."""
        known = {deployment.key: found for deployment in given if (found := parents(deployment)) is not None}
        bundles = ids_of(connection, [bundle for bundle, _ in known.values()])
        clusters = ids_of(connection, [cluster for _, cluster in known.values()])
        return {
            key: (bundles[bundle], clusters[cluster])
            for key, (bundle, cluster) in known.items()
            if bundle in bundles and cluster in clusters
        }

    def prepare(self, connection: Connection) -> None:
        """Makes the table that no other store has."""
        connection.exec_driver_sql(_TABLE)
        connection.exec_driver_sql(_INDEX)

    def shown(self, connection: Connection, found: Sequence[BundleDeployment]) -> list[BundleDeployment]:
        """Deployments that were read from rows as the API server has them. Where Fleet says no state yet the row's is shown."""
        pairs = self.pairs(connection, found)
        _ask_for(connection, pairs.values())
        kept = {(bundle, cluster): sealed for bundle, cluster, sealed in fetched(connection, _KEPT)}
        sent = ((one, pair, kept.get(pair) if pair else None) for one in found for pair in (pairs.get(one.key),))
        return [self._opened(pair, sealed, one) if pair and sealed else one for one, pair, sealed in sent]

    def _opened(self, pair: Pair, sealed: bytes, row: BundleDeployment) -> BundleDeployment:
        one = msgspec.json.decode(self._seal.open(sealed, _place(pair)), type=BundleDeployment)
        if one.status.display.state:
            return one
        display = msgspec.structs.replace(one.status.display, state=row.status.display.state)
        return msgspec.structs.replace(one, status=msgspec.structs.replace(one.status, display=display))

    def forget(self, connection: Connection, object_id: int) -> None:
        """Drops what is kept of the deployments of a Bundle or Cluster that went."""
        connection.execute(_FORGET, {"id": object_id})

    def put(self, connection: Connection, given: Sequence[BundleDeployment], revision: int) -> dict[Key, Pair]:
        """Writes those that have a place, which it gives; those not newer than what is there stay as they are."""
        pairs = self.pairs(connection, given)
        known = _versions(connection, pairs.values())
        last = {pairs[one.key]: one for one in sorted(given, key=version) if one.key in pairs}
        newer = {pair: one for pair, one in last.items() if known.get(pair, -1) < version(one)}
        if newer:
            self._write(connection, newer, revision)
            report(connection, [Report(*pair, status=one.status, sequence=version(one)) for pair, one in newer.items()], revision)
            _sweep(connection, {pair[0] for pair in newer if pair in known})  # a new row leaves nothing behind
        return pairs

    def drop(self, connection: Connection, pairs: Iterable[Pair], revision: int) -> None:
        gone = list(pairs)
        report(connection, [Report(*pair, removed=True) for pair in gone], revision)
        many(connection, "DELETE FROM mirrored WHERE bundle_id = ? AND cluster_id = ?", gone)

    def _write(self, connection: Connection, given: Mapping[Pair, BundleDeployment], revision: int) -> None:
        options: dict[Named, BundleDeploymentOptions] = {}
        wanted: dict[Pair, tuple[Named, Named | None]] = {}
        for pair, one in given.items():
            spec = one.spec
            staged = (pair[0], spec.staged_deployment_id, self._digest(spec.staged_options))
            live = (pair[0], spec.deployment_id, self._digest(spec.options)) if spec.deployment_id else None
            wanted[pair] = staged, live
            options |= {staged: spec.staged_options} | ({live: spec.options} if live else {})
        made = self._variants(connection, options)
        rows = []
        for pair, (staged, live) in wanted.items():
            leaves = given[pair].metadata.deletion_timestamp is not None
            rows.append((*pair, *made[staged], *(made[live] if live else (None, 0)), leaves, revision, revision))
        many(connection, _PUT, rows)
        many(connection, _KEEP, [(*pair, self._seal.close(msgspec.json.encode(one), _place(pair))) for pair, one in given.items()])

    def _digest(self, options: BundleDeploymentOptions) -> str:
        """As `targeting` makes it for a Variant."""
        raw = msgspec.json.encode(options)
        if raw not in self._digests:
            if len(self._digests) >= _DIGESTS:
                self._digests.clear()
            self._digests[raw] = hashlib.sha256(canonical(options)).hexdigest()
        return self._digests[raw]

    def _variants(self, connection: Connection, wanted: Mapping[Named, BundleDeploymentOptions]) -> dict[Named, tuple[int, int]]:
        """The row of each variant and of its deployment ID, made where they are new."""
        many(connection, _ADD_ID, sorted({(bundle, name) for bundle, name, _ in wanted}))
        bundles = sorted({bundle for bundle, _, _ in wanted})
        ids = {(bundle, name): number for bundle, name, number in fetched(connection, _IDS, bundles=bundles)}
        rows = {(bundle, name, digest): (bundle, ids[bundle, name], digest) for bundle, name, digest in wanted}
        known = _known(connection, bundles)
        new = [(*row, self._sealed(row, wanted[name])) for name, row in rows.items() if row not in known]
        many(connection, _ADD_VARIANT, new)
        known = _known(connection, bundles) if new else known
        return {name: (known[row], row[1]) for name, row in rows.items()}

    def _sealed(self, row: tuple[int, int, str], options: BundleDeploymentOptions) -> bytes:
        return self._seal.close(msgspec.json.encode(options), f"variant {row[0]} {row[2]}")


def _ask_for(connection: Connection, pairs: Iterable[Pair]) -> None:
    temporary(connection, "sent", "bundle_id BIGINT, cluster_id BIGINT")
    load(connection, "sent", ("bundle_id", "cluster_id"), sorted(set(pairs)))


def _place(pair: Pair) -> str:
    return f"deployment {pair[0]} {pair[1]}"


def _versions(connection: Connection, pairs: Iterable[Pair]) -> dict[Pair, int]:
    """The versions of rows, which are the sequences of their reports."""
    _ask_for(connection, pairs)
    return {(bundle, cluster): sequence_of(doc) for bundle, cluster, doc in fetched(connection, _REPORTS)}


def _known(connection: Connection, bundles: Sequence[int]) -> dict[tuple[int, int, str], int]:
    rows = fetched(connection, _VARIANTS, bundles=list(bundles))
    return {(bundle, id_, digest): number for bundle, id_, digest, number in rows}


def _sweep(connection: Connection, bundles: set[int]) -> None:
    """Drops what no row of these bundles names any more."""
    for bundle in sorted(bundles):
        connection.execute(_UNUSED_VARIANTS, {"bundle": bundle})
        connection.execute(_UNUSED_IDS, {"bundle": bundle})
        wordings.sweep(connection, bundle)


def _of_bundles(statement: str) -> Any:
    return text(statement).bindparams(bindparam("bundles", expanding=True))


_TABLE = "CREATE TABLE mirrored (bundle_id INTEGER, cluster_id INTEGER, sealed BLOB, PRIMARY KEY (bundle_id, cluster_id)) WITHOUT ROWID"
_INDEX = "CREATE INDEX mirrored_cluster ON mirrored (cluster_id)"
_KEEP = "INSERT OR REPLACE INTO mirrored (bundle_id, cluster_id, sealed) VALUES (?, ?, ?)"
_FORGET = text("DELETE FROM mirrored WHERE bundle_id = :id OR cluster_id = :id")
_KEPT = text(
    "SELECT m.bundle_id, m.cluster_id, m.sealed FROM sent s JOIN mirrored m ON m.bundle_id = s.bundle_id AND m.cluster_id = s.cluster_id"
)
_REPORTS = text(
    "SELECT r.bundle_id, r.cluster_id, r.doc FROM sent s JOIN report r ON r.bundle_id = s.bundle_id AND r.cluster_id = s.cluster_id"
)
_ADD_ID = "INSERT INTO deployment_id (bundle_id, text) VALUES (?, ?) ON CONFLICT (bundle_id, text) DO NOTHING"
_IDS = _of_bundles("SELECT bundle_id, text, id FROM deployment_id WHERE bundle_id IN :bundles")
_VARIANTS = _of_bundles("SELECT bundle_id, deployment_id, digest, id FROM variant WHERE bundle_id IN :bundles")
_ADD_VARIANT = "INSERT INTO variant (bundle_id, deployment_id, digest, content, sealed) VALUES (?, ?, ?, '', ?)"
_PUT = (
    "INSERT INTO deployment (bundle_id, cluster_id, staged, staged_id, live, live_id, applied_id, failed, waiting, ready, non_modified,"
    " deleting, state, asked, revision) VALUES (?, ?, ?, ?, ?, ?, 0, false, false, false, false, ?, 0, ?, ?)"
    " ON CONFLICT (bundle_id, cluster_id) DO UPDATE SET staged = excluded.staged, staged_id = excluded.staged_id, live = excluded.live,"
    " live_id = excluded.live_id, deleting = excluded.deleting, asked = excluded.asked, revision = excluded.revision"
)
"""The state stays what the counters know of the row; the report that follows moves both."""
_UNUSED_VARIANTS = text(
    "DELETE FROM variant WHERE bundle_id = :bundle AND id NOT IN (SELECT staged FROM deployment WHERE bundle_id = :bundle)"
    " AND id NOT IN (SELECT live FROM deployment WHERE bundle_id = :bundle AND live IS NOT NULL)"
)
_UNUSED_IDS = text(
    "DELETE FROM deployment_id WHERE bundle_id = :bundle AND id NOT IN (SELECT applied_id FROM deployment WHERE bundle_id = :bundle)"
    " AND id NOT IN (SELECT deployment_id FROM variant WHERE bundle_id = :bundle)"
)
