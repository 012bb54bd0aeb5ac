"""All clusters as numbers: the sets that targeting is made of, each read with one statement when somebody asks for it.

Numbers are the ids of Cluster objects, which are never used twice. Nothing here opens a document but `members`, which is
for few clusters.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from pyroaring import BitMap
from sqlalchemy import BindParameter, Text, bindparam, text

from extension.objects.base import Key, Object, prepare
from extension.objects.kinds import Cluster
from extension.objects.marks import Mark
from extension.store.bulk import fetched
from extension.store.database import Database
from extension.store.protocol import Member

DISPLAY_NAME = "management.cattle.io/cluster-display-name"
_AT_ONCE = 500
T = TypeVar("T", bound=Object)


class _Numbers:
    """A query of numbers, its only column `number`, as rows and as a list in one row, in the order of the query."""

    def __init__(self, sql: str, *parameters: BindParameter[Any]) -> None:
        self.rows = text(sql).bindparams(*parameters)
        self.packed = text(f"SELECT json_group_array(number) FROM ({sql})").bindparams(*parameters)  # noqa: S608 (ours)


class Population:
    """Reads of the whole fleet; each is one snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ordered(self, namespaces: Collection[str]) -> array[int]:
        """The clusters of some namespaces in the order of their names, then namespaces."""
        if len(namespaces) == 1:
            return array("I", self._numbers(_ORDERED_HERE, namespace=next(iter(namespaces))))
        return array("I", self._numbers(_ORDERED, namespaces=tuple(namespaces)))

    def everyone(self) -> BitMap:
        return BitMap(self._numbers(_EVERYONE))

    def inside(self, namespace: str) -> BitMap:
        """The clusters of a namespace."""
        return BitMap(self._numbers(_INSIDE, namespace=namespace))

    def named(self, namespace: str, name: str) -> BitMap:
        """The clusters whose name or display name is `name`."""
        found = self._rows(_NAMED, namespace=namespace, name=name, display=DISPLAY_NAME)
        return BitMap([row[0] for row in found])

    def labelled(self, key: str, value: str) -> BitMap:
        return BitMap(self._numbers(_LABELLED, key=key, value=value))

    def having(self, key: str) -> BitMap:
        """The clusters with a label of this key."""
        return BitMap(self._numbers(_HAVING, key=key))

    def by_value(self, key: str) -> dict[str, BitMap]:
        """The clusters with a label, by its value."""
        rows = self._rows(_BY_VALUE, key=key)
        return {value: BitMap([row[1] for row in group]) for value, group in groupby(rows, key=itemgetter(0))}

    def marked(self, mark: Mark) -> BitMap:
        return BitMap(self._numbers(_MARKED, mark=int(mark)))

    def has(self, number: int, mark: Mark) -> bool:
        """Whether a cluster is there and has this mark."""
        return bool(self._rows(_HAS, number=number, mark=int(mark)))

    def vacant(self, numbers: Iterable[int]) -> list[int]:
        """Those of these clusters that have no deployments."""
        wanted, found = list(numbers), []
        for at in range(0, len(wanted), _AT_ONCE):
            found += [row[0] for row in self._rows(_VACANT, numbers=wanted[at : at + _AT_ONCE])]
        return found

    def members(self, numbers: Iterable[int]) -> dict[int, Member]:
        """What targeting may read of these clusters, without those that are gone."""
        wanted = list(numbers)
        found: dict[int, Member] = {}
        for at in range(0, len(wanted), _AT_ONCE):
            for number, namespace, name, mark, doc in self._rows(_MEMBERS, numbers=wanted[at : at + _AT_ONCE]):
                cluster = msgspec.json.decode(doc, type=_Document)
                meta, spec = cluster.metadata, cluster.spec
                found[number] = Member(namespace, name, meta.labels, meta.annotations, spec.template_values, mark)
        return found

    def names(self) -> Sequence[tuple[int, str]]:
        """All clusters with their names."""
        return self._rows(_NAMES)

    def documents(self, cls: type[T], key: Key | None = None) -> list[T]:
        """All objects of a kind, or the one with this key, as they are stored: without a computed status."""
        found = (
            self._rows(_DOCUMENTS, kind=cls.KIND)
            if key is None
            else self._rows(_DOCUMENT, kind=cls.KIND, space=key.namespace, name=key.name)
        )
        return [msgspec.json.decode(row[0], type=cls) for row in found]

    def _numbers(self, query: _Numbers, **values: Any) -> list[int]:
        """The numbers that a query finds. SQLite gives them in one row: between two rows its driver lets other threads run, and with
        those at work a million rows take seconds."""
        with self._database.read() as connection:
            if connection.dialect.name != "sqlite":
                return [row[0] for row in fetched(connection, query.rows, **values)]
            return _LIST.decode(fetched(connection, query.packed, **values)[0][0])

    def _rows(self, statement: Any, **values: Any) -> Sequence[Any]:
        with self._database.read() as connection:
            return fetched(connection, statement, **values)


class _Meta(msgspec.Struct, frozen=True):
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    template_values: dict[str, Any] = {}


class _Document(msgspec.Struct):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()


prepare(_Document)
_LIST = msgspec.json.Decoder(list[int])


_NAMES = text(f"SELECT id, name FROM object WHERE kind = '{Cluster.KIND}'")  # noqa: S608
_DOCUMENTS = text("SELECT doc FROM object WHERE kind = :kind")
_DOCUMENT = text("SELECT doc FROM object WHERE kind = :kind AND namespace = :space AND name = :name")
_CLUSTERS = f"SELECT id AS number FROM object WHERE kind = '{Cluster.KIND}'"  # noqa: S608
_EVERYONE = _Numbers(_CLUSTERS)
_INSIDE = _Numbers(f"{_CLUSTERS} AND namespace = :namespace")
_ORDERED_HERE = _Numbers(f"{_CLUSTERS} AND namespace = :namespace ORDER BY name")
_ORDERED = _Numbers(
    f"{_CLUSTERS} AND namespace IN :namespaces ORDER BY name, namespace", bindparam("namespaces", expanding=True, type_=Text())
)
_NAMED = text(
    f"SELECT id FROM object WHERE kind = '{Cluster.KIND}' AND namespace = :namespace AND name = :name UNION"  # noqa: S608
    f" SELECT o.id FROM label l JOIN object o ON o.id = l.object_id WHERE l.kind = '{Cluster.KIND}' AND l.key = :display"
    " AND l.value = :name AND o.namespace = :namespace"
)
_TAGGED = f"SELECT object_id AS number FROM label WHERE kind = '{Cluster.KIND}' AND key = :key"  # noqa: S608
_LABELLED = _Numbers(f"{_TAGGED} AND value = :value")
_HAVING = _Numbers(_TAGGED)
_BY_VALUE = text(f"SELECT value, object_id FROM label WHERE kind = '{Cluster.KIND}' AND key = :key ORDER BY value, object_id")  # noqa: S608
_MARKED = _Numbers("SELECT id AS number FROM object WHERE marks <> 0 AND (marks & :mark) <> 0")
_HAS = text("SELECT 1 FROM object WHERE id = :number AND (marks & :mark) <> 0")
_VACANT = text(
    "SELECT id FROM object WHERE id IN :numbers AND NOT EXISTS (SELECT 1 FROM deployment WHERE cluster_id = object.id)"
).bindparams(bindparam("numbers", expanding=True))
_MEMBERS = text(
    f"SELECT id, namespace, name, marks, doc FROM object WHERE kind = '{Cluster.KIND}' AND id IN :numbers"  # noqa: S608
).bindparams(bindparam("numbers", expanding=True))
