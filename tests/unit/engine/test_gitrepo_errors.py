"""What goes wrong with a repository: said on its GitRepo, tried again with patience, and nobody else's trouble."""

from __future__ import annotations

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.kinds import Bundle, Secret
from tests.unit.engine.git import FILES, INTERVAL, Git
from tests.unit.engine.samples import NS, conditions, config_map, marked, message

BROKEN = {**FILES, "web/fleet.yaml": "namespace: [\n", "web/a.yaml": config_map("a", "two"), "db/b.yaml": config_map("b", "two")}


@pytest.fixture
def git(store, clock):
    return Git(store, clock)


def test_a_folder_that_can_not_be_read_is_named_and_nothing_of_the_commit_is_deployed(git):
    git.add()
    first, before = git.repo().status.commit, git.bundles()
    git.commit(BROKEN)
    git.poll()
    repo = git.repo()
    assert (conditions(repo)["Accepted"], conditions(repo)["Stalled"], repo.status.git_job_status) == ("False", "True", "Failed")
    assert "web/fleet.yaml" in message(repo, "Accepted") and "what was deployed before stays" in message(repo, "Stalled")
    assert repo.status.commit == first
    assert git.bundles() == before


def test_every_folder_that_can_not_be_read_is_named_at_once(git):
    git.add(files={**BROKEN, "db/fleet.yaml": "{"})
    told = message(git.repo(), "Accepted")
    assert "web/fleet.yaml" in told and "db/fleet.yaml" in told


def test_the_next_good_commit_clears_the_error(git):
    git.add(files=BROKEN)
    git.commit(FILES)
    git.poll()
    repo = git.repo()
    assert (conditions(repo)["Accepted"], conditions(repo)["Stalled"], message(repo, "Accepted")) == ("True", "False", "")
    assert set(git.bundles()) == {"repo-web", "repo-db"}


def test_one_gitrepos_error_is_not_the_others(git):
    git.add("bad", files=BROKEN)
    git.add("good")
    assert set(git.bundles()) == {"good-web", "good-db"}
    assert conditions(git.repo("good"))["Accepted"] == "True"


def test_a_repository_that_does_not_answer_fails_polling_and_keeps_what_is_deployed(git):
    git.add()
    before = git.bundles()
    git.sources.down = "connection refused"
    assert git.poll() == INTERVAL + 1
    repo = git.repo()
    assert (conditions(repo)["GitPolling"], conditions(repo)["Accepted"], conditions(repo)["Stalled"]) == ("False", "True", "True")
    assert "connection refused" in message(repo, "GitPolling")
    assert git.bundles() == before
    git.sources.down = ""
    git.poll()
    assert conditions(git.repo())["GitPolling"] == "True"


def test_a_failure_is_not_tried_again_before_the_interval_is_over(git):
    git.add(files=BROKEN)
    for _ in range(3):
        assert git.look() == INTERVAL + 1
    assert len(git.sources.fetched) == 1


def test_a_commit_that_was_refused_is_not_asked_for_again_and_again_when_bundles_differ_from_what_was_written(git):
    """As after a write that was cut off: what is stored is not what this process remembers."""
    git.add()
    git.commit(BROKEN)
    git.poll()
    git.store.delete(Bundle, NS, "repo-db")
    asked = len(git.sources.asked)
    for _ in range(3):
        assert git.look() > 0
    assert len(git.sources.asked) <= asked + 1


def test_a_warning_is_told_beside_the_good_conditions_and_goes_with_its_cause(git):
    git.add(files={"web/fleet.yaml": "namespac: web\n", "web/a.yaml": config_map()})
    repo = git.repo()
    assert conditions(repo)["Accepted"] == "True"
    assert "namespac" in message(repo, "Warning")
    git.commit(FILES)
    git.poll()
    assert "Warning" not in conditions(git.repo())


def test_two_folders_of_one_bundle_name_are_refused_with_that_name(git):
    same = "name: same\n"
    git.add(files={"a/fleet.yaml": same, "a/x.yaml": config_map("x"), "b/fleet.yaml": same, "b/y.yaml": config_map("y")})
    assert "2 folders make a bundle named same" in message(git.repo(), "Accepted")
    assert git.bundles() == {}


@pytest.mark.parametrize(("labels", "whose"), [({}, "a Bundle made by hand"), ({"fleet.cattle.io/repo-name": "other"}, "GitRepo other")])
def test_a_bundle_of_somebody_else_is_never_taken_over_and_the_commit_is_written_in_no_part(git, labels, whose):
    git.store.create(Bundle(metadata=ObjectMeta(name="repo-web", namespace=NS, labels=labels)))
    git.add()
    assert f"bundle name repo-web is taken by {whose}" in message(git.repo(), "Accepted")
    assert set(git.bundles()) == {"repo-web"}
    assert git.bundles()["repo-web"].spec.resources == ()


@pytest.mark.parametrize("type_", ["Opaque", "kubernetes.io/basic-auth"])
def test_a_secret_of_somebody_else_is_never_overwritten_with_values(git, type_):
    git.store.create(Secret(metadata=ObjectMeta(name="repo-web", namespace=NS), type=type_, data={"password": b"precious"}))
    valued = {**FILES, "web/fleet.yaml": "helm:\n  values:\n    a: 1\n"}
    git.add(files=valued)
    assert "Secret repo-web is not the bundle's" in message(git.repo(), "Accepted")
    assert git.store.get(Secret, NS, "repo-web").data == {"password": b"precious"}
    assert git.bundles() == {}
    git.commit(FILES)
    git.poll()
    git.commit(valued)
    git.poll()
    assert "Secret repo-web is not the bundle's" in message(git.repo(), "Accepted")
    assert not git.bundles()["repo-web"].spec.values_hash


def test_a_bundle_that_is_still_going_is_waited_for(git):
    git.add()
    git.store.update(marked(git.bundles()["repo-web"], finalizers=("hold",)))
    git.store.delete(Bundle, NS, "repo-web")
    git.commit({**FILES, "db/b.yaml": config_map("b", "two")})
    before = git.bundles()
    git.poll()
    assert "repo-web is being deleted" in message(git.repo(), "Stalled")
    assert git.bundles() == before
    git.store.update(marked(git.bundles()["repo-web"], finalizers=()))
    git.poll()
    assert conditions(git.repo())["Stalled"] == "False"
    assert set(git.bundles()) == {"repo-web", "repo-db"}
