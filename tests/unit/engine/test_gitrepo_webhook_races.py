"""A webhook that comes in the very moment in which a pass writes its result is not lost either."""

from __future__ import annotations

import pytest

from extension.objects.kinds import GitRepo
from tests.fakes.watched import WatchedStore
from tests.unit.engine.git import FILES, Git
from tests.unit.engine.samples import NS, config_map, replace

HINT = "feed" * 10


def noted(store):
    told = {"webhook_commit": HINT, "last_webhook_time": "2026-11-23T12:00:00Z"}
    store.change_status(GitRepo, NS, "repo", lambda stored: replace(stored, status=replace(stored.status, **told)))


@pytest.mark.parametrize("broken", [False, True], ids=["deployed", "refused"])
def test_what_comes_just_before_the_result_is_written_is_asked_for_by_the_next_pass(store, clock, broken):
    git = Git(WatchedStore(store), clock)
    git.add(disable_polling=True)
    git.commit({**FILES, "web/a.yaml": config_map("a", "two"), "db/fleet.yaml": "{" if broken else "namespace: db\n"})
    git.store.before = dict.fromkeys(("update_status", "change_status"), lambda: noted(store))
    git.change(force_sync_generation=2)
    assert git.repo().status.webhook_commit == HINT
    third = git.commit({**FILES, "web/a.yaml": config_map("a", "three")})
    git.look()
    assert git.repo().status.commit == third
