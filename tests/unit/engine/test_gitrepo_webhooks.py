"""A webhook only says "look now": it is believed about nothing else, waited for a little, and never lost."""

from __future__ import annotations

import pytest

from extension.engine.gitrepos import PROPAGATION, PROPAGATION_RETRY
from tests.fakes.watched import WatchedStore
from tests.unit.engine.git import FILES, INTERVAL, Git
from tests.unit.engine.samples import conditions, config_map, message, replace

CHANGED = {**FILES, "web/a.yaml": config_map("a", "two")}
HINT = "feed" * 10


@pytest.fixture
def git(store, clock):
    return Git(WatchedStore(store), clock)


def webhook(git, commit=HINT):
    repo = git.repo()
    git.store.update_status(replace(repo, status=replace(repo.status, webhook_commit=commit, last_webhook_time="2026-11-23T12:00:00Z")))


def test_a_webhook_asks_at_once_for_the_commit_that_is_there(git):
    git.add()
    second = git.commit(CHANGED)
    webhook(git)
    git.look()
    assert (git.repo().status.commit, git.repo().status.webhook_commit) == (second, second)
    assert git.look() == INTERVAL + 1, "the status this wrote asks once more, and then nobody does"


@pytest.mark.parametrize("spec", [{}, {"disable_polling": True}, {"polling_interval": "1h"}], ids=["polled", "not polled", "polled hourly"])
def test_a_commit_the_server_does_not_show_yet_is_asked_for_again_soon(git, spec):
    git.add(**spec)
    webhook(git)
    assert git.look() == PROPAGATION_RETRY
    second = git.commit(CHANGED)
    assert git.look() == PROPAGATION_RETRY, "not before its time"
    git.clock.pass_(PROPAGATION_RETRY)
    git.look()
    assert git.repo().status.commit == second


def test_a_commit_that_never_comes_is_given_up_and_the_repository_polled_as_before(git):
    git.add()
    first = git.repo().status.commit
    webhook(git)
    waited = 0.0
    while (again := git.look()) == PROPAGATION_RETRY:
        git.clock.pass_(again)
        waited += again
        assert waited <= PROPAGATION
    assert git.look() == INTERVAL + 1
    assert (git.repo().status.commit, git.repo().status.webhook_commit) == (first, first)
    assert conditions(git.repo())["Stalled"] == "False"


def test_the_same_commit_told_of_again_is_no_work(git):
    git.add()
    webhook(git, git.repo().status.commit)
    assert git.look() == INTERVAL + 1
    assert len(git.sources.fetched) == 1


@pytest.mark.parametrize("broken", [False, True], ids=["deployed", "refused"])
def test_a_webhook_that_comes_while_a_commit_is_read_is_not_lost(git, broken):
    git.add(polling_interval="1h")
    git.commit({**CHANGED, "db/fleet.yaml": "{" if broken else "namespace: db\n"})
    webhook(git, "0" * 40)
    git.sources.meanwhile = lambda: webhook(git)
    git.look()
    assert git.repo().status.webhook_commit == HINT
    third = git.commit({**CHANGED, "db/b.yaml": config_map("b", "three")})
    git.look()
    assert git.repo().status.commit == third


def test_an_answer_of_the_repository_clears_what_was_said_when_it_did_not_answer(git):
    git.sources.down = "connection refused"
    git.add(files={**FILES, "web/fleet.yaml": "{"})
    assert conditions(git.repo())["GitPolling"] == "False"
    git.sources.down = ""
    git.poll()
    assert (conditions(git.repo())["GitPolling"], message(git.repo(), "GitPolling")) == ("True", "")
    assert conditions(git.repo())["Accepted"] == "False"
