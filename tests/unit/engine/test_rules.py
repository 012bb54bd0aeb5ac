"""The rules of a workspace: read once, counted again when they change, for GitRepos and for Bundles."""

from __future__ import annotations

import pytest

from extension.engine.policies import Policies
from extension.objects.base import Key, ObjectMeta
from extension.objects.kinds import BundleTarget, GitRepoRestriction, Policy
from extension.objects.policies import GitRepoPolicy
from extension.objects.selectors import LabelSelector
from extension.store.protocol import Change, Query
from extension.targeting.admission import Rules
from tests.fakes.watched import WatchedStore
from tests.unit.engine.git import Git
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import NS, changed, conditions, message

KEY = Key("GitRepo", NS, "repo")


class Workspace(Git):
    """A workspace with its rules, as the engine puts them together."""

    def __init__(self, store, clock):
        self.policies = Policies(store)
        super().__init__(store, clock, self.policies)

    def rule(self, cls, name="rule", namespace=NS, **rules):
        """Makes or replaces a rule; the feed tells of it."""
        obj = cls(metadata=ObjectMeta(name=name, namespace=namespace), **rules)
        there = self.store.find(cls, namespace, name)
        self.store.update(obj) if there else self.store.create(obj)
        self.tell(obj.key)

    def drop(self, cls, name="rule"):
        self.store.delete(cls, NS, name)
        self.tell(Key(cls.KIND, NS, name))

    def tell(self, key):
        self.policies.changed(Change(0, key, "MODIFIED"))
        self.reconcile.look_again(KEY)

    def refused(self):
        return message(self.repo(), "Accepted")


@pytest.fixture
def ws(store, clock):
    return Workspace(store, clock)


@pytest.mark.parametrize(
    ("cls", "rules", "words"),
    [
        (GitRepoRestriction, {"allowed_repo_patterns": ("^https://git.corp/",)}, "disallowed repo"),
        (GitRepoRestriction, {"allowed_target_namespaces": ("shop",)}, "empty targetNamespace denied"),
        (GitRepoRestriction, {"allowed_target_namespace_selector": LabelSelector()}, "empty targetNamespace denied"),
        (Policy, {"require_service_account": True}, "requires a service account"),
        (Policy, {"git_repo": GitRepoPolicy(allowed_repo_patterns=("https://git.corp/.*",))}, "disallowed repo"),
    ],
    ids=["repository", "namespaces", "namespace labels", "service account", "policy's repositories"],
)
def test_a_gitrepo_that_the_rules_refuse_is_not_asked_and_says_why_until_they_admit_it(ws, cls, rules, words):
    ws.rule(cls, **rules)
    ws.add()
    assert words in ws.refused() and conditions(ws.repo())["Stalled"] == "True"
    assert (ws.sources.asked, ws.bundles()) == ([], {})
    ws.drop(cls)
    ws.look()
    assert (ws.refused(), conditions(ws.repo())["Accepted"], conditions(ws.repo())["Stalled"]) == ("", "True", "False")
    assert set(ws.bundles()) == {"repo-web", "repo-db"}


def test_what_the_rules_refuse_later_keeps_what_is_deployed_and_takes_no_new_commit(ws):
    ws.add()
    before = ws.bundles()
    ws.rule(GitRepoRestriction, allowed_repo_patterns=("nothing",))
    ws.commit({"web/a.yaml": "a: 1\n"})
    ws.look()
    assert "disallowed repo" in ws.refused()
    assert ws.bundles() == before


def test_defaults_of_the_workspace_are_filled_in_and_kept(ws):
    ws.rule(GitRepoRestriction, default_service_account="deployer", default_client_secret_name="token")
    ws.add()
    ws.look()
    assert (ws.repo().spec.service_account, ws.repo().spec.client_secret_name) == ("deployer", "token")
    assert {b.spec.service_account for b in ws.bundles().values()} == {"deployer"}
    ws.drop(GitRepoRestriction)
    ws.look()
    assert ws.repo().spec.service_account == "deployer"


def test_a_gitrepos_own_choice_stands_where_it_is_allowed(ws):
    ws.rule(Policy, allowed_service_accounts=("deployer", "other"), git_repo=GitRepoPolicy(default_service_account="deployer"))
    ws.add(service_account="other")
    assert ws.repo().spec.service_account == "other"
    ws.store.update(changed(ws.repo(), service_account="root"))
    ws.look()
    assert "disallowed serviceAccount 'root'" in ws.refused()
    assert "deployer, other" in ws.refused()


def test_rules_of_another_workspace_are_not_this_ones(ws):
    ws.rule(GitRepoRestriction, namespace="other", allowed_repo_patterns=("nothing",))
    ws.add()
    assert ws.refused() == ""


def test_rules_are_read_once_and_again_after_a_change_or_a_gap(store):
    watched = WatchedStore(store)
    policies = Policies(watched)
    assert policies(NS) == Rules()
    assert watched.asked(lambda: policies(NS)) == []
    restriction = store.create(GitRepoRestriction(metadata=ObjectMeta(name="rule", namespace=NS)))
    policies.changed(Change(1, restriction.key, "ADDED"))
    assert policies(NS).restrictions == (restriction,)
    store.delete(GitRepoRestriction, NS, "rule")
    assert policies(NS).restrictions == (restriction,)
    policies.forget()
    assert policies(NS) == Rules()


def test_a_rule_that_changes_while_the_rules_are_read_is_not_missed(store):
    watched = WatchedStore(store)
    policies = Policies(watched)
    key = Key("GitRepoRestriction", NS, "rule")

    def change():
        store.create(GitRepoRestriction(metadata=ObjectMeta(name="rule", namespace=NS)))
        policies.changed(Change(1, key, "ADDED"))

    watched.after["list"] = change
    policies(NS)
    assert [one.metadata.name for one in policies(NS).restrictions] == ["rule"]


@pytest.fixture
def world(store):
    return Rollouts(store)


def test_a_bundle_that_a_policy_refuses_is_not_rolled_out_until_the_policy_admits_it(world):
    world.clusters("a")
    world.rules = Rules(policies=(Policy(allowed_service_accounts=("deployer",)),))
    assert world.add("web", service_account="root") is None
    assert world.states("web") == {}
    ready = next(c for c in world.bundle("web").status.conditions if c.type == "Ready")
    assert (ready.status, ready.reason) == ("False", "PolicyViolation")
    assert "disallowed serviceAccount 'root'" in ready.message
    world.rules = Rules()
    world.look("web")
    assert set(world.states("web")) == {"a"}
    assert "disallowed" not in message(world.bundle("web"), "Ready")


def test_a_policy_counts_for_a_bundles_targets_and_what_was_deployed_stays(world):
    world.clusters("a")
    world.add("web", BundleTarget(name="all", cluster_selector=LabelSelector(), service_account="root"))
    world.report("web", "a")
    world.rules = Rules(policies=(Policy(allowed_service_accounts=("deployer",)),))
    world.look("web")
    assert "disallowed serviceAccount 'root'" in message(world.bundle("web"), "Ready")
    assert world.states("web") == {"a": "Ready"}


def test_a_policy_that_forbids_namespaces_reaches_what_is_deployed(world):
    world.clusters("a")
    world.add("web", service_account="deployer")
    world.rules = Rules(policies=(Policy(metadata=ObjectMeta(name="strict", namespace=NS), require_service_account=True),))
    world.look("web")
    (deployment,) = world.store.deployments(Query()).items
    assert deployment.spec.staged_options.create_namespace is False
