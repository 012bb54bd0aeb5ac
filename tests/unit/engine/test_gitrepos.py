"""When a repository is asked, and what a commit makes of the Bundles."""

from __future__ import annotations

import pytest

from extension.engine.bundles import FINALIZER as BUNDLE_FINALIZER
from extension.engine.gitrepos import CHECK, DELETION_RETRY, FINALIZER
from extension.engine.runtime import jitter, secrets_of
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import Bundle, GitRepo, GitRepoSpec, Secret
from tests.fakes.watched import WatchedStore
from tests.unit.engine.git import FILES, INTERVAL, Git
from tests.unit.engine.samples import NS, changed, conditions, config_map, marked, replace

KEY = Key("GitRepo", NS, "repo")


@pytest.fixture
def git(store, clock):
    return Git(store, clock)


def webhook(git, commit):
    repo = git.repo()
    git.store.update_status(replace(repo, status=replace(repo.status, webhook_commit=commit)))


def test_a_commit_becomes_one_bundle_a_folder_and_the_gitrepo_says_which_commit(git):
    git.add()
    assert set(git.bundles()) == {"repo-web", "repo-db"}
    repo = git.repo()
    assert (repo.status.commit, repo.status.git_job_status) == (git.commits()["repo-web"], "Current")
    assert repo.metadata.finalizers == (FINALIZER,)
    wanted = {"GitPolling": "True", "Accepted": "True", "Stalled": "False", "Reconciling": "False"}
    assert {type_: conditions(repo)[type_] for type_ in wanted} == wanted


@pytest.mark.parametrize(
    ("spec", "interval"),
    [({}, INTERVAL), ({"polling_interval": "2m"}, 120.0), ({"polling_interval": "0s"}, INTERVAL)],
    ids=["default", "its own", "zero is the default"],
)
def test_a_repository_is_asked_again_after_its_interval_and_its_jitter_and_not_before(git, spec, interval):
    assert git.add(**spec) == interval + 1
    assert git.jitters == [interval]
    git.clock.pass_(interval)
    assert git.look() == 1.0
    assert git.sources.asked == ["repo"]
    git.clock.pass_(1)
    git.look()
    assert git.sources.asked == ["repo", "repo"]


def test_jitter_adds_up_to_a_tenth_and_is_not_the_same_twice():
    found = [jitter(100.0) for _ in range(200)]
    assert min(found) >= 100 and max(found) <= 110
    assert len(set(found)) > 100


def test_a_new_bundle_has_its_finalizer_from_the_start(git):
    git.add()
    assert {b.metadata.finalizers for b in git.bundles().values()} == {(BUNDLE_FINALIZER,)}
    assert {b.metadata.generation for b in git.bundles().values()} == {1}


def test_a_poll_that_finds_nothing_new_fetches_nothing_and_writes_no_bundle(git):
    git.add()
    before = {name: b.metadata.resource_version for name, b in git.bundles().items()}
    git.poll()
    assert len(git.sources.asked) == 2
    assert len(git.sources.fetched) == 1
    assert {name: b.metadata.resource_version for name, b in git.bundles().items()} == before


def test_a_commit_that_changes_one_folder_writes_one_bundle(git):
    git.add()
    before = git.bundles()
    second = git.commit({**FILES, "web/a.yaml": config_map("a", "two")})
    git.poll()
    after = git.bundles()
    assert after["repo-db"].metadata.resource_version == before["repo-db"].metadata.resource_version
    assert after["repo-web"].metadata.generation == before["repo-web"].metadata.generation + 1
    assert git.commits()["repo-web"] == second != git.commits()["repo-db"]
    assert git.repo().status.commit == second


def test_after_a_restart_too_a_commit_writes_only_the_bundles_it_changed(git):
    git.add()
    before = git.bundles()
    second = git.commit({**FILES, "web/a.yaml": config_map("a", "two")})
    git.restarted()
    git.look()
    assert git.bundles()["repo-db"].metadata.resource_version == before["repo-db"].metadata.resource_version
    assert git.commits()["repo-web"] == second != git.commits()["repo-db"]


def test_after_a_restart_a_known_commit_is_not_read_again(git):
    git.add()
    git.restarted()
    git.look()
    assert len(git.sources.fetched) == 1


def test_a_folder_that_left_the_repository_takes_its_bundle_along_and_a_new_one_brings_one(git):
    git.add()
    git.commit({"web/fleet.yaml": "", "web/a.yaml": config_map("a"), "new/fleet.yaml": "", "new/c.yaml": config_map("c")})
    git.poll()
    git.let_go()
    assert set(git.bundles()) == {"repo-web", "repo-new"}


@pytest.mark.parametrize(
    ("renamed", "name"),
    [
        ({"web/fleet.yaml": "name: shop\n", "web/a.yaml": config_map("a")}, "shop"),
        ({"shop/fleet.yaml": "", "shop/a.yaml": config_map("a")}, "repo-shop"),
    ],
    ids=["by its options", "by its folder"],
)
def test_a_bundle_that_is_renamed_comes_under_its_new_name_and_goes_under_the_old(git, renamed, name):
    git.add(files={"web/fleet.yaml": "", "web/a.yaml": config_map("a")})
    git.commit(renamed)
    git.poll()
    git.let_go()
    assert set(git.bundles()) == {name}


def test_with_polling_off_a_new_commit_waits_until_somebody_asks(git):
    assert git.add(disable_polling=True) is None
    second = git.commit({**FILES, "web/a.yaml": config_map("a", "two")})
    git.clock.pass_(10_000)
    assert git.look() is None
    assert git.repo().status.commit != second
    webhook(git, "feed" * 10)
    git.look()
    assert git.repo().status.commit == second, "the webhook's own commit is only a hint"
    assert git.repo().status.webhook_commit == second


def test_with_polling_off_a_failure_is_still_tried_again(git):
    git.sources.down = "connection refused"
    assert git.add(disable_polling=True) == INTERVAL + 1
    git.sources.down = ""
    assert git.poll() is None
    assert set(git.bundles()) == {"repo-web", "repo-db"}


def test_a_bumped_force_sync_generation_reaches_every_bundle_without_a_new_commit(git):
    git.add()
    git.change(force_sync_generation=7)
    assert {b.spec.force_sync_generation for b in git.bundles().values()} == {7}
    assert git.repo().status.update_generation == 7


def test_a_changed_spec_is_applied_at_once_and_the_same_wish_only_once(git):
    git.add()
    git.change(target_namespace="elsewhere")
    assert {b.spec.namespace for b in git.bundles().values()} == {"elsewhere"}
    git.look()
    assert len(git.sources.asked) == 2


def test_a_pause_is_passed_on_and_does_not_stop_the_polling(git):
    git.add(paused=True)
    second = git.commit({**FILES, "web/a.yaml": config_map("a", "two")})
    git.poll()
    assert {b.spec.paused for b in git.bundles().values()} == {True}
    assert git.repo().status.commit == second


def test_a_bundle_somebody_removed_or_changed_is_put_back(git):
    git.add()
    git.store.delete(Bundle, NS, "repo-web")
    git.let_go()
    git.clock.pass_(git.look())
    git.look()
    assert set(git.bundles()) == {"repo-web", "repo-db"}
    git.store.update(changed(git.bundles()["repo-db"], paused=True))
    git.clock.pass_(CHECK)
    git.look()
    assert not git.bundles()["repo-db"].spec.paused


def test_the_reports_of_a_rollout_wake_a_gitrepo_often_and_its_bundles_are_read_now_and_then(store, clock):
    git = Git(WatchedStore(store), clock)
    git.add()
    git.store.calls.clear()
    for _ in range(100):
        assert git.look() > 0
        clock.pass_(CHECK / 20)
    assert git.store.calls.count("list") <= 5


def test_a_wish_that_comes_while_a_commit_is_read_is_kept(git):
    git.sources.meanwhile = lambda: git.reconcile.look_again(KEY)
    git.add()
    git.look()
    assert len(git.sources.asked) == 2


def test_a_gitrepo_without_a_repository_asks_nobody(git):
    git.store.create(GitRepo(metadata=ObjectMeta(name="empty", namespace=NS)))
    assert git.look("empty") is None
    assert git.sources.asked == []


def test_a_deleted_gitrepo_waits_for_its_bundles_and_leaves_those_of_others(git):
    git.add()
    git.add("other")
    for held in ("repo-web", "repo-db"):
        git.store.update(marked(git.bundles()[held], finalizers=("hold",)))
    git.store.delete(GitRepo, NS, "repo")
    assert git.look() == DELETION_RETRY
    assert git.store.find(GitRepo, NS, "repo") is not None
    for held in ("repo-web", "repo-db"):
        git.store.update(marked(git.bundles()[held], finalizers=()))
    git.look()
    assert git.store.find(GitRepo, NS, "repo") is None
    assert set(git.bundles()) == {"other-web", "other-db"}
    assert git.look() is None


def test_values_are_kept_in_a_secret_of_the_bundles_name_that_goes_when_they_do(git):
    chart = {"chart/Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "chart/templates/a.yaml": config_map()}
    git.add(files={**chart, "chart/fleet.yaml": "helm:\n  values:\n    password: canary\n"})
    secret = git.store.get(Secret, NS, "repo-chart")
    assert b"canary" in secret.data["values.yaml"]
    assert git.bundles()["repo-chart"].spec.values_hash
    git.commit({**chart, "chart/fleet.yaml": "helm:\n  releaseName: c\n"})
    git.poll()
    assert not git.bundles()["repo-chart"].spec.values_hash
    assert git.store.find(Secret, NS, "repo-chart") is None


def test_the_owner_of_a_bundle_is_the_gitrepo_it_was_written_for(git):
    git.add()
    assert git.reconcile.owner(Key("Bundle", NS, "repo-web")) == KEY
    assert git.reconcile.owner(Key("Bundle", NS, "by-hand")) is None


def test_looking_again_asks_although_no_poll_is_due(git):
    git.add()
    git.reconcile.look_again(KEY)
    git.look()
    assert len(git.sources.asked) == 2


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, {"gitcredential"}),
        ({"client_secret_name": "mine"}, {"mine"}),
        ({"helm_secret_name": "helm", "helm_secret_name_for_paths": "paths"}, {"gitcredential", "helm", "paths"}),
    ],
)
def test_the_secrets_a_gitrepo_is_read_with(spec, names):
    assert secrets_of(GitRepo(spec=GitRepoSpec(**spec))) == names
