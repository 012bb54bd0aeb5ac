"""Documents: one row an object, its labels beside it, the resources of Bundles once by content.

What is encrypted: the data of Secrets, with their annotations (`kubectl apply` writes the data there once more), and the
spec of Bundles and HelmOps (it can hold helm values); what lists of HelmOps are filtered by is there in clear once more.
Everything in a document that has a column of its own (uid, generation, revision) is taken from there when it is read.
"""

from __future__ import annotations

import gzip
import secrets
import uuid
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Row, bindparam, delete, insert, select, text, update

from extension.objects import names
from extension.objects.base import Key, Object, ObjectMeta, prepare
from extension.objects.content import manifest, resources_in, sha256_sum
from extension.objects.errors import AlreadyExists, Conflict, MissingRequired, NotFound
from extension.objects.kinds import Bundle, BundleResource, BundleSpec, Cluster, HelmOp, HelmOpSpec, Secret
from extension.objects.marks import marks
from extension.objects.options import HelmOptions
from extension.store.clock import now
from extension.store.schema import contents, objects, tombstones
from extension.store.sealing import Seal
from extension.store.tagging import tag, untag
from extension.store.tallies import begin

T = TypeVar("T", bound=Object)

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_SECRET = msgspec.json.Decoder(tuple[dict[str, bytes], dict[str, str]])
_NO_RESOURCES = sha256_sum(())
_ATTEMPTS_AT_A_NAME = 5
_BY_KEY = select(objects).where(
    objects.c.kind == bindparam("kind"), objects.c.namespace == bindparam("namespace"), objects.c.name == bindparam("name")
)


class Documents:
    """Statements on documents; the caller brings the connection, and the next revision where it writes."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def row(self, connection: Connection, key: Key) -> Row[Any] | None:
        return connection.execute(_BY_KEY, {"kind": key.kind, "namespace": key.namespace, "name": key.name}).one_or_none()

    def require(self, connection: Connection, key: Key) -> Row[Any]:
        found = self.row(connection, key)
        if found is None:
            raise NotFound(f"{key.kind} {key.name} not found" + (f" in {key.namespace}" if key.namespace else ""))
        return found

    def object(self, cls: type[T], row: Row[Any]) -> T:
        """The object in a row, a Bundle without its resources."""
        obj = self._dated(msgspec.json.decode(row.doc, type=cls), row)
        return obj if row.sealed is None else _filled(obj, self._seal.open(row.sealed, row.uid))

    def _dated(self, obj: T, row: Row[Any]) -> T:
        meta = msgspec.structs.replace(
            obj.metadata, name=row.name, namespace=row.namespace, uid=row.uid, generation=row.generation,
            creation_timestamp=row.created, resource_version=str(row.revision),
        )  # fmt: skip
        return msgspec.structs.replace(obj, metadata=meta)

    def resources(self, connection: Connection, sha256: str) -> tuple[BundleResource, ...]:
        if sha256 == _NO_RESOURCES:
            return ()
        data = connection.execute(select(contents.c.data).where(contents.c.sha256 == sha256)).scalar_one_or_none()
        if data is None:
            raise NotFound(f"content {sha256} not found")
        return resources_in(gzip.decompress(data))

    def create(self, connection: Connection, obj: T, revision: int) -> T:
        meta = self._named(connection, obj)
        uid, created = str(uuid.uuid4()), now()
        meta = msgspec.structs.replace(
            meta, uid=uid, creation_timestamp=created, generation=1, resource_version=str(revision), deletion_timestamp=None
        )
        obj = prepared(msgspec.structs.replace(obj, metadata=meta))
        content = self._keep_content(connection, obj)
        doc, sealed = self._encode(obj, uid)
        values = {
            "kind": obj.KIND, "namespace": meta.namespace, "name": meta.name, "uid": uid, "generation": 1, "created": created,
            "born": revision, "revision": revision, "content": content, "doc": doc, "sealed": sealed, "marks": _marks(obj),
        }  # fmt: skip
        object_id = connection.execute(insert(objects).values(values).returning(objects.c.id)).scalar_one()
        tag(connection, [(object_id, obj)])
        if isinstance(obj, Cluster):
            begin(connection, [object_id], revision)
        return obj

    def _named(self, connection: Connection, obj: Object) -> ObjectMeta:
        meta = obj.metadata
        if meta.name:
            if self.row(connection, obj.key) is not None:
                raise AlreadyExists(f"{obj.key} exists already", field="metadata.name")
            return meta
        if not meta.generate_name:
            raise MissingRequired(f"a {obj.KIND} needs a name", field="metadata.name")
        for _ in range(_ATTEMPTS_AT_A_NAME):
            named = msgspec.structs.replace(meta, name=_generated(meta.generate_name))
            if self.row(connection, Key(obj.KIND, meta.namespace, named.name)) is None:
                return named
        raise AlreadyExists(f"no free name for {meta.generate_name}", field="metadata.generateName")

    def replace(self, connection: Connection, row: Row[Any], obj: T, revision: int) -> T:
        """Writes `obj`, whose metadata is complete, over `row`; its status is written as given."""
        obj = msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, resource_version=str(revision)))
        content = self._keep_content(connection, obj)
        doc, sealed = self._encode(obj, row.uid)
        values = {
            "generation": obj.metadata.generation, "revision": revision, "content": content, "doc": doc, "sealed": sealed,
            "marks": _marks(obj),
        }  # fmt: skip
        connection.execute(update(objects).where(objects.c.id == row.id).values(values))
        if _labels_of(row.doc) != obj.metadata.labels:
            untag(connection, row.id)
            tag(connection, [(row.id, obj)])
        if row.content and row.content != content:
            self.drop_content(connection, row.content)
        return obj

    def remove(self, connection: Connection, row: Row[Any], revision: int) -> None:
        connection.execute(delete(objects).where(objects.c.id == row.id))
        untag(connection, row.id)
        if row.content:
            self.drop_content(connection, row.content)
        gone = {"revision": revision, "kind": row.kind, "namespace": row.namespace, "name": row.name, "object_id": row.id}
        connection.execute(insert(tombstones).values(gone))

    def _encode(self, obj: Object, uid: str) -> tuple[str, bytes | None]:
        plain, secret = _parted(obj)
        return msgspec.json.encode(plain).decode(), None if secret is None else self._seal.close(secret, uid)

    def _keep_content(self, connection: Connection, obj: Object) -> str | None:
        if not isinstance(obj, Bundle):
            return None
        sha256 = obj.status.resources_sha256_sum
        if obj.spec.resources:
            data = gzip.compress(manifest(obj.spec.resources), compresslevel=3, mtime=0)
            connection.execute(
                text("INSERT INTO content (sha256, data) VALUES (:sha256, :data) ON CONFLICT (sha256) DO NOTHING"),
                {"sha256": sha256, "data": data},
            )
        return sha256

    def drop_content(self, connection: Connection, sha256: str) -> None:
        """Drops content that neither a Bundle nor a deployment's variant names any more."""
        connection.execute(
            text(
                "DELETE FROM content WHERE sha256 = :sha AND NOT EXISTS (SELECT 1 FROM object WHERE content = :sha)"
                " AND NOT EXISTS (SELECT 1 FROM variant WHERE content = :sha)"
            ),
            {"sha": sha256},
        )


def sealed_sample(connection: Connection) -> tuple[bytes, str] | None:
    """A sealed value and its place, to try a key on; None when nothing is sealed yet."""
    where = objects.c.kind.in_(("Bundle", "HelmOp", "Secret")) & objects.c.sealed.is_not(None)
    row = connection.execute(select(objects.c.sealed, objects.c.uid).where(where).limit(1)).one_or_none()
    return None if row is None else (row.sealed, row.uid)


def _parted(obj: Object) -> tuple[Object, bytes | None]:
    """What of an object anybody with the file may read, and what is sealed."""
    if isinstance(obj, Bundle):
        spec = msgspec.structs.replace(obj.spec, resources=())
        return msgspec.structs.replace(obj, spec=BundleSpec()), msgspec.json.encode(spec)
    if isinstance(obj, HelmOp):
        return msgspec.structs.replace(obj, spec=_without_values(obj.spec)), msgspec.json.encode(obj.spec)
    if isinstance(obj, Secret):
        meta = msgspec.structs.replace(obj.metadata, annotations={})
        return msgspec.structs.replace(obj, data={}, metadata=meta), msgspec.json.encode((obj.data, obj.metadata.annotations))
    return obj, None


def _without_values(spec: HelmOpSpec) -> HelmOpSpec:
    """Which chart a HelmOp names, and how it is found."""
    helm = spec.helm or HelmOptions()
    return HelmOpSpec(
        helm=HelmOptions(chart=helm.chart, repo=helm.repo, release_name=helm.release_name, version=helm.version),
        paused=spec.paused,
        labels=spec.labels,
        polling_interval=spec.polling_interval,
        helm_secret_name=spec.helm_secret_name,
    )


def _filled(obj: T, secret: bytes) -> T:
    """The object with its sealed part."""
    if isinstance(obj, Bundle):
        return msgspec.structs.replace(obj, spec=msgspec.json.decode(secret, type=BundleSpec))
    if isinstance(obj, HelmOp):
        return msgspec.structs.replace(obj, spec=msgspec.json.decode(secret, type=HelmOpSpec))
    data, annotations = _SECRET.decode(secret)
    return msgspec.structs.replace(obj, data=data, metadata=msgspec.structs.replace(obj.metadata, annotations=annotations))


class _Labelled(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}


class _Document(msgspec.Struct):
    metadata: _Labelled = _Labelled()


prepare(_Document)


def _labels_of(doc: str) -> dict[str, str]:
    return msgspec.json.decode(doc, type=_Document).metadata.labels


def _marks(obj: Object) -> int:
    return int(marks(obj)) if isinstance(obj, Cluster) else 0


def _generated(prefix: str) -> str:
    """A name as Kubernetes makes one: the prefix, cut so that all has 63 characters, and five that spell no words."""
    return prefix[:58] + "".join(secrets.choice("bcdfghjklmnpqrstvwxz2456789") for _ in range(5))


def prepared(obj: T) -> T:
    """What an object has from its first moment: a Bundle its content hash, a Cluster its namespace."""
    if isinstance(obj, Bundle):
        status = msgspec.structs.replace(obj.status, resources_sha256_sum=sha256_sum(obj.spec.resources))
        return msgspec.structs.replace(obj, status=status)
    if isinstance(obj, Cluster):
        namespace = names.cluster_namespace(obj.metadata.namespace, obj.metadata.name)
        return msgspec.structs.replace(obj, status=msgspec.structs.replace(obj.status, namespace=namespace))
    return obj


def updated(old: T, new: T) -> T | None:
    """What an update of `old` by `new` leaves, None when nothing changes. Raises Conflict for an outdated resourceVersion.

    The status stays; the generation rises when anything but metadata changed; identity and times can't be changed.
    """
    given = new.metadata.resource_version
    if given and int(given) < int(old.metadata.resource_version):
        raise Conflict(
            f"{old.key} was changed since it was read", field="metadata.resourceVersion", hint="read it again and repeat the change"
        )
    body = {f: getattr(old, f) for f in ("status",) if hasattr(old, f)}
    if isinstance(new, Bundle) and isinstance(old, Bundle):
        body["status"] = msgspec.structs.replace(old.status, resources_sha256_sum=_sha_of(old, new))
        new = msgspec.structs.replace(new, spec=_without_repeated_resources(old, new))
    meta = msgspec.structs.replace(
        new.metadata, uid=old.metadata.uid, creation_timestamp=old.metadata.creation_timestamp, generate_name=old.metadata.generate_name,
        deletion_timestamp=old.metadata.deletion_timestamp, generation=old.metadata.generation,
        resource_version=old.metadata.resource_version,
    )  # fmt: skip
    merged = msgspec.structs.replace(new, metadata=meta, **body)
    if merged == old:
        return None
    raised = any(getattr(merged, f) != getattr(old, f) for f in merged.__struct_fields__ if f != "metadata")
    generation = old.metadata.generation + (1 if raised else 0)
    return msgspec.structs.replace(merged, metadata=msgspec.structs.replace(meta, generation=generation))


def restated(old: T, status: Any) -> T:
    """`old` with another status. Which content a Bundle has is its spec's to say: a status may come from an older Bundle."""
    if status is None:
        return old
    if isinstance(old, Bundle):
        status = msgspec.structs.replace(status, resources_sha256_sum=old.status.resources_sha256_sum)
    return msgspec.structs.replace(old, status=status)


def _sha_of(old: Bundle, new: Bundle) -> str:
    """The content hash after an update. Without resources, but with the old hash, the content stays: the object was read
    without them."""
    if not new.spec.resources and new.status.resources_sha256_sum == old.status.resources_sha256_sum:
        return old.status.resources_sha256_sum
    return sha256_sum(new.spec.resources)


def _without_repeated_resources(old: Bundle, new: Bundle) -> Any:
    if _sha_of(old, new) == old.status.resources_sha256_sum:
        return msgspec.structs.replace(new.spec, resources=())
    return new.spec


def hidden(obj: T) -> T:
    """The object as a list shows it: a Secret without data, nor kubectl's copy of it."""
    if not isinstance(obj, Secret):
        return obj
    kept = {key: value for key, value in obj.metadata.annotations.items() if key != LAST_APPLIED}
    return msgspec.structs.replace(obj, data={}, metadata=msgspec.structs.replace(obj.metadata, annotations=kept))
