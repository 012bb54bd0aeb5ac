"""The tables, of SQLite and of PostgreSQL.

Documents hold what people write; deployments are rows of integers, since there can be a million a bundle. What is in
`sealed` columns is encrypted. `tally` keeps, for every bundle and cluster, how many of its deployments are in which
state (`n1` to `n7`, the ranks of objects/states.py) and the sums of their resource counts: no status is ever scanned.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)

from extension.objects.states import State
from extension.objects.status import ResourceCounts
from extension.store.dialects import TEXT

metadata = MetaData()

_ID = BigInteger().with_variant(Integer, "sqlite")
STATE_COLUMNS = tuple(f"n{state.value}" for state in State)
RESOURCE_COLUMNS = tuple(ResourceCounts.__struct_fields__)
"""Columns `r_<field>` of tally."""

sequence = Table("sequence", metadata, Column("id", Integer, primary_key=True, autoincrement=False), Column("number", _ID, nullable=False))

objects = Table(
    "object",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("kind", TEXT, nullable=False),
    Column("namespace", TEXT, nullable=False),
    Column("name", TEXT, nullable=False),
    Column("uid", TEXT, nullable=False),
    Column("generation", _ID, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("born", _ID, nullable=False),  # revision of its creation
    Column("revision", _ID, nullable=False),
    Column("content", TEXT),  # SHA-256 of a Bundle's manifest
    Column("marks", SmallInteger, nullable=False, default=0),  # MARKS of a Cluster
    Column("doc", TEXT, nullable=False),
    Column("sealed", LargeBinary),
    UniqueConstraint("kind", "namespace", "name"),
    Index("object_revision", "revision"),
    Index("object_content", "content", sqlite_where=text("content IS NOT NULL"), postgresql_where=text("content IS NOT NULL")),
    Index("object_marks", "marks", sqlite_where=text("marks <> 0"), postgresql_where=text("marks <> 0")),
    sqlite_autoincrement=True,  # an id is never used twice: bitmaps and late reports may still name it
)

label_values = Table(
    "label_value",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("kind", TEXT, nullable=False),
    Column("key", TEXT, nullable=False),
    Column("value", TEXT, nullable=False),
    UniqueConstraint("kind", "key", "value"),
)

tags = Table(
    "tag",
    metadata,
    Column("label_id", _ID, primary_key=True),
    Column("object_id", _ID, primary_key=True),
    Index("tag_object", "object_id", "label_id"),
    sqlite_with_rowid=False,
)

labels = Table(
    "label",
    MetaData(),  # a view, so no table is made of it
    Column("object_id", _ID),
    Column("key", TEXT),
    Column("value", TEXT),
    Column("kind", TEXT),
)
LABEL_VIEW = "CREATE VIEW label AS SELECT t.object_id, v.key, v.value, v.kind FROM tag t JOIN label_value v ON v.id = t.label_id"
"""A label is a pair of integers: a million clusters share few values."""

tombstones = Table(
    "tombstone",
    metadata,
    Column("revision", _ID, primary_key=True),
    Column("kind", TEXT, primary_key=True),
    Column("namespace", TEXT, primary_key=True),
    Column("name", TEXT, primary_key=True),
    Column("object_id", _ID, nullable=False),
    sqlite_with_rowid=False,
)

contents = Table("content", metadata, Column("sha256", TEXT, primary_key=True), Column("data", LargeBinary, nullable=False))

deployment_ids = Table(
    "deployment_id",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bundle_id", _ID, nullable=False),
    Column("text", TEXT, nullable=False),
    UniqueConstraint("bundle_id", "text"),
)

variants = Table(
    "variant",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bundle_id", _ID, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("deployment_id", _ID, nullable=False),
    Column("content", TEXT, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("bundle_id", "deployment_id", "digest"),
    Index("variant_content", "content"),
)

deployments = Table(
    "deployment",
    metadata,
    Column("bundle_id", _ID, primary_key=True),
    Column("cluster_id", _ID, primary_key=True),
    Column("staged", _ID, nullable=False),  # variant
    Column("staged_id", _ID, nullable=False),  # deployment_id of it
    Column("live", _ID),
    Column("live_id", _ID, nullable=False, default=0),  # 0: none yet
    Column("applied_id", _ID, nullable=False, default=0),
    Column("failed", Boolean, nullable=False, default=False),  # condition Deployed is False
    Column("waiting", Boolean, nullable=False, default=False),  # for a dependency
    Column("ready", Boolean, nullable=False, default=False),
    Column("non_modified", Boolean, nullable=False, default=False),
    Column("deleting", Boolean, nullable=False, default=False),
    Column("state", SmallInteger, nullable=False),  # a State; 0 while deleting
    Column("asked", _ID, nullable=False),  # revision of the hub's last wish
    Column("revision", _ID, nullable=False),
    Column("shape", _ID, nullable=False, server_default="0"),  # of what its report says is wrong; 0: nothing
    Index("deployment_cluster", "cluster_id", "bundle_id"),
    Index("deployment_not_ready", "bundle_id", "cluster_id", sqlite_where=text("state > 1"), postgresql_where=text("state > 1")),
    Index("deployment_revision", "bundle_id", "revision"),
    Index("deployment_shape", "shape", "state", "cluster_id", sqlite_where=text("shape <> 0"), postgresql_where=text("shape <> 0")),
    sqlite_with_rowid=False,
)

shapes = Table(
    "shape",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bundle_id", _ID, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("text", TEXT, nullable=False),
    Column("example", TEXT, nullable=False),
    UniqueConstraint("bundle_id", "digest"),
    Index("shape_digest", "digest"),
    sqlite_autoincrement=True,
)
"""Messages of a bundle's deployments without what differs (`objects/shapes.py`)."""

complaints = Table(
    "complaint",
    metadata,
    Column("bundle_id", _ID, primary_key=True),
    Column("shape_id", _ID, primary_key=True),
    Column("state", SmallInteger, primary_key=True),
    Column("n", _ID, nullable=False),
    Column("since", TEXT, nullable=False),
    sqlite_with_rowid=False,
)
"""How many deployments of a bundle have a shape in each state (also Ready ones and those that go, which nobody lists: a shape that no row
has any more is dropped)."""

dropped = Table(
    "dropped",
    metadata,
    Column("revision", _ID, primary_key=True),
    Column("bundle_id", _ID, primary_key=True),
    Column("cluster_id", _ID, primary_key=True),
    sqlite_with_rowid=False,
)
"""Deployment rows that went, for who keeps sets of them up to date (`progress.py`)."""

reports = Table(
    "report",
    metadata,
    Column("bundle_id", _ID, primary_key=True),
    Column("cluster_id", _ID, primary_key=True),
    Column("doc", TEXT, nullable=False),
    Column("wording", _ID, nullable=False, server_default="0"),  # 0: the doc is whole
    sqlite_with_rowid=False,
)

wordings = Table(
    "wording",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("bundle_id", _ID, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("doc", TEXT, nullable=False),
    UniqueConstraint("bundle_id", "digest"),
    sqlite_autoincrement=True,
)
"""What many reports of a bundle have in common (`wordings.py`)."""

tallies = Table(
    "tally",
    metadata,
    Column("object_id", _ID, primary_key=True, autoincrement=False),
    *(Column(name, _ID, nullable=False, server_default="0") for name in STATE_COLUMNS),
    *(Column(f"r_{name}", _ID, nullable=False, server_default="0") for name in RESOURCE_COLUMNS),
    Column("revision", _ID, nullable=False),
    Column("changed", TEXT, nullable=False),
    Column("of_cluster", Boolean, nullable=False),
    Index("tally_revision", "revision"),
    Index("tally_few", "revision", sqlite_where=text("NOT of_cluster"), postgresql_where=text("NOT of_cluster")),
)

seen = Table(
    "seen",
    metadata,
    Column("cluster_id", _ID, primary_key=True, autoincrement=False),
    Column("at", TEXT, nullable=False),
    Column("written", _ID, nullable=False, server_default="0"),  # number of the write, above all before it (`lastseen.py`)
    Index("seen_written", "written"),
)

tokens = Table(
    "token",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("roles", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("expires", Float),  # Unix time
)

webhook_deliveries = Table(
    "webhook_delivery",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("workspace", TEXT, nullable=False),  # empty: no GitRepo is of its repository
    Column("verified", Boolean, nullable=False),
    Column("doc", TEXT, nullable=False),
    Index("webhook_delivery_workspace", "workspace", "verified"),
    sqlite_autoincrement=True,  # a link to a delivery never shows another one
)

events = Table(
    "event",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("object_id", _ID, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("message", TEXT, nullable=False),
    Column("times", _ID, nullable=False),  # in a row
    Column("first", TEXT, nullable=False),
    Column("last", TEXT, nullable=False),
    Index("event_object", "object_id", "id"),
    sqlite_autoincrement=True,
)
"""What happened to objects, the newest of each (`events.py`)."""

leases = Table(
    "lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", TEXT, nullable=False),
    Column("url", TEXT, nullable=False),
    Column("epoch", _ID, nullable=False),  # how often it was taken or let go of
    Column("until", _ID, nullable=False),  # milliseconds since 1970, by the database's clock
)

samples = Table(
    "key_sample",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""What a key is tried on before anything else is sealed with it, where several machines bring their own copies of it."""

errands = Table(
    "errand",
    metadata,
    Column("id", _ID, primary_key=True, autoincrement=True),
    Column("asked", TEXT, nullable=False),  # JSON
    Column("begun", Boolean, nullable=False),
    Column("answer", TEXT),  # JSON
    sqlite_autoincrement=True,  # who asked never reads another's answer
)
"""What processes ask of the one that works as the engine."""
