"""What a GitRepo's status tells of reading it: conditions with reasons, commits, generations, the job (`fleet-semantics.md` 3.1, 3.6)."""

from __future__ import annotations

import pytest

from extension.objects.errors import Unavailable
from tests.unit.engine.git import FILES, Git
from tests.unit.engine.samples import config_map

BROKEN = {**FILES, "web/fleet.yaml": "namespace: [\n"}
NEWER = {**FILES, "web/a.yaml": config_map("a", "two")}


@pytest.fixture
def git(store, clock):
    return Git(store, clock)


def told(repo):
    """Status, and reason where there is one, by type of condition."""
    return {c.type: (c.status, c.reason) for c in repo.status.conditions if c.type != "Ready"}


GOOD = {"GitPolling": ("True", ""), "Accepted": ("True", ""), "Stalled": ("False", ""), "Reconciling": ("False", "")}


def test_a_commit_that_is_deployed_leaves_good_conditions_without_reasons(git):
    git.add()
    repo = git.repo()
    assert told(repo) == GOOD
    assert {c.message for c in repo.status.conditions if c.type != "Ready"} == {""}
    assert (repo.status.git_job_status, repo.status.polling_commit) == ("Current", repo.status.commit)


def test_while_a_commit_is_read_the_gitrepo_is_updating_and_names_the_commit(git):
    git.add()
    deployed, newest = git.repo().status.commit, git.commit(NEWER)
    seen = []
    git.sources.meanwhile = lambda: seen.append(git.repo())
    git.poll()
    (during,) = seen
    assert (during.status.git_job_status, during.status.display.state) == ("InProgress", "GitUpdating")
    assert told(during) == {**GOOD, "Reconciling": ("True", "Reconciling")}
    assert newest[:12] in next(c.message for c in during.status.conditions if c.type == "Reconciling")
    assert (during.status.commit, during.status.polling_commit) == (deployed, newest)
    assert told(git.repo()) == GOOD


def test_a_commit_that_was_being_read_when_the_service_stopped_is_read_again(git):
    git.add()
    newest = git.commit(NEWER)

    class Killed(BaseException):
        """Nothing of ours catches it."""

    def kill():
        raise Killed

    git.sources.meanwhile = kill
    with pytest.raises(Killed):
        git.poll()
    assert git.repo().status.git_job_status == "InProgress"
    git.sources.meanwhile = lambda: None
    git.restarted()
    git.look()
    assert (git.repo().status.git_job_status, git.repo().status.commit) == ("Current", newest)


def test_what_can_not_be_read_is_not_accepted_and_stalls_with_reasons(git):
    git.add()
    deployed, newest = git.repo().status.commit, git.commit(BROKEN)
    git.poll()
    repo = git.repo()
    assert told(repo) == {**GOOD, "Accepted": ("False", "Error"), "Stalled": ("True", "Stalled")}
    assert (repo.status.git_job_status, repo.status.display.state) == ("Failed", "GitUpdating")
    assert (repo.status.commit, repo.status.polling_commit) == (deployed, newest), "the poll found it, and it is not deployed"


def test_a_failed_commit_that_is_tried_again_is_not_shown_as_in_progress_each_time(git):
    git.add(files=BROKEN)
    seen = []
    git.sources.meanwhile = lambda: seen.append(git.repo().status.git_job_status)
    git.poll()
    assert seen == ["Failed"]
    git.commit(FILES)
    git.poll()
    assert seen == ["Failed", "InProgress"]


def test_a_server_that_does_not_answer_fails_the_polling_with_a_reason(git):
    git.add()
    before = git.repo().status
    git.sources.down = "connection refused"
    git.poll()
    repo = git.repo()
    assert told(repo) == {**GOOD, "GitPolling": ("False", "Error"), "Stalled": ("True", "Stalled")}
    assert (repo.status.commit, repo.status.polling_commit) == (before.commit, before.polling_commit)


def test_a_server_that_stops_answering_while_a_commit_is_fetched_leaves_nothing_in_progress(git):
    git.add()
    git.commit(NEWER)

    def fail():
        raise Unavailable("connection reset")

    git.sources.meanwhile = fail
    git.poll()
    assert told(git.repo()) == {**GOOD, "GitPolling": ("False", "Error"), "Stalled": ("True", "Stalled")}


def test_generations_are_those_of_what_was_read(git):
    git.add()
    first = git.repo()
    assert (first.status.observed_generation, first.status.update_generation) == (first.metadata.generation, 0)
    git.change(force_sync_generation=7)
    forced = git.repo()
    assert forced.metadata.generation == first.metadata.generation + 1
    assert (forced.status.observed_generation, forced.status.update_generation) == (forced.metadata.generation, 7)
    git.commit(BROKEN)
    git.change(force_sync_generation=8, paths=("web",))
    failed = git.repo()
    assert (failed.status.observed_generation, failed.status.update_generation) == (forced.metadata.generation, 7)
