"""Empty places of either kind, stores with something in every table, and all their rows."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from extension.objects.kinds import Cluster
from extension.store.copying import TABLES, Place
from extension.store.opening import open_store
from extension.store.protocol import Report
from tests.unit.engine.rollouts import Rollouts
from tests.unit.store.places import BOTH, PostgresPlace
from tests.unit.store.places import Place as Looked
from tests.unit.store.samples import NS, bundle, cluster, secret, status

PAIRS = [(one, other) for one in BOTH for other in BOTH]
ACROSS = [pair for pair in PAIRS if pair[0] != pair[1]]
NOT_THE_SAME = {"lease", "key_sample"}
"""What a copy has of its own."""


def quiet(*_: Any) -> None:
    """Tells nobody."""


def on(pairs):
    return pytest.mark.parametrize(("kind", "to"), pairs, ids=["-".join(pair) for pair in pairs])


class Room:
    """Makes empty places; each has its key in a folder of its own."""

    def __init__(self, folder: Path, server: Any) -> None:
        self._folder, self._server, self.urls = folder, server, []
        self._seen = {}

    def place(self, kind: str) -> Place:
        folder = self._folder / f"p{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        if kind == "sqlite":
            return Place(folder / "store.db", folder / "store.db.key")
        self.urls.append(self._server.empty())
        return Place(self.urls[-1], folder / "store.db.key")

    def looked(self, place: Place) -> Looked:
        """What another program sees there."""
        made = Looked if isinstance(place.where, Path) else PostgresPlace
        return self._seen.setdefault(str(place.where), made(place.where))

    def close(self) -> None:
        for seen in self._seen.values():
            seen.close()
        for url in self.urls:
            self._server.drop(url)


@contextmanager
def opened(place):
    store = open_store(place.where, key_file=place.key_file)
    try:
        yield store
    finally:
        store.close()


def rows(place, *without):
    """All rows of all tables, values as they are whichever database they are in."""
    found = {}
    with opened(place) as store, store._database.read() as connection:
        for table in TABLES:
            if table.name not in without:
                found[table.name] = Counter(tuple(row) for row in connection.execute(table.select()).all())
    return found


def filled(place):
    """A store with something in each table."""
    with opened(place) as store:
        world = Rollouts(store)
        world.clusters("a", "b", env="prod")
        for name in ("web", "db"):
            world.add(name)
        world.report("web", "a")
        store.report([Report(*world.ids("web", "b"), status(deployed="False", message="release failed: timed out after 5 s"))])
        store.create(bundle("sealed", content="kind: ü\n\t\\N"))
        store.create(secret(password="hunter2"))
        for name in ("gone", "last"):  # the last ids that were given are of no object any more
            store.create(cluster(name))
            store.delete(Cluster, NS, name)
        store.asking.begin(1)
        store.asking.change_key(1, lambda was: was)
        store.tokens.create("ci", {"*": "admin"}, 3600.0)
        with store._database.write() as connection:
            for statement in (
                "INSERT INTO dropped (revision, bundle_id, cluster_id) VALUES (3, 1, 2)",
                "INSERT INTO webhook_delivery (workspace, verified, doc) VALUES ('', true, '{}')",
                "INSERT INTO errand (asked, begun) VALUES ('{}', false)",
                "INSERT INTO agent_key (cluster_id, newest, least, changed) VALUES (99, 1, 0, 1)",
                "INSERT INTO agent_successor (cluster_id, identity, successor) VALUES (98, 'ff', 99)",
                "INSERT INTO seen (cluster_id, at) SELECT id, '2026-01-01T00:00:00Z' FROM object WHERE kind = 'Cluster'",
                "INSERT INTO key_sample (id, sealed) SELECT 2, sealed FROM object WHERE sealed IS NOT NULL LIMIT 1",
            ):
                connection.execute(text(statement))
        assert store.lease.take("someone", "http://there", 3600.0) is not None
    return place
