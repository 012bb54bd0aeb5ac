"""HelmOps on a real store: the version found, the Bundle made of it, and what is said of both (`fleet-semantics.md` 3.7)."""

from __future__ import annotations

import pytest

from extension.engine.bundles import FINALIZER as BUNDLE_FINALIZER
from extension.engine.helmops import RETRY
from extension.objects.base import Key
from extension.objects.errors import Unavailable
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, BundleTarget, HelmOp, HelmOpOptions, Policy
from extension.objects.options import HelmOptions
from extension.objects.policies import HelmOpPolicy
from extension.objects.selectors import LabelSelector
from extension.targeting.admission import Rules
from tests.unit.engine.charted import KEY, REPO, Hub
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import EVERYWHERE, NS, bundle, changed, cluster, conditions, marked, message, replace


@pytest.fixture
def hub(store, clock):
    return Hub(store, clock)


def test_a_helmop_makes_a_bundle_of_its_name_without_files_with_the_newest_version_that_satisfies_it(hub):
    assert hub.add(labels={"team": "a"}, helm_secret_name="login", insecure_skip_tls_verify=True, default_namespace="web") is None
    made = hub.bundle()
    assert made.metadata.labels == {"team": "a", HELM_NAME: "web"}
    assert made.metadata.finalizers == (BUNDLE_FINALIZER,)
    assert made.spec.helm == HelmOptions(chart="web", repo=REPO, version="1.2.0")
    assert made.spec.helm_op_options == HelmOpOptions("login", True)
    assert (made.spec.resources, made.spec.default_namespace) == ((), "web")
    assert made.spec.targets == (BundleTarget(name="default", cluster_group="default"),)
    assert hub.op().status.version == "1.2.0"
    assert conditions(hub.op()) | {"Ready": ""} == {"Accepted": "True", "Stalled": "False", "Reconciling": "False", "Ready": ""}


def test_targets_carry_options_of_their_own_under_the_version_that_was_found(hub):
    values = HelmOptions(values={"a": 1})
    older = BundleTarget(name="old", cluster_selector=LabelSelector(), helm=HelmOptions(version="1.0.x"))
    hub.add(targets=(BundleTarget(cluster_group="g", helm=values), older, EVERYWHERE))
    first, second, third = hub.bundle().spec.targets
    assert (first.name, first.helm.version, first.helm.repo, first.helm.values) == ("target000", "1.2.0", REPO, {"a": 1})
    assert (second.helm.version, third.helm, hub.bundle().spec.target_restrictions) == ("1.0.0", None, ())


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({"chart": "", "repo": ""}, "spec.helm.chart", "needs a chart"),
        ({"repo": ""}, "spec.helm.repo", "is required"),
        ({"chart": ""}, "spec.helm.chart", "is required"),
        ({"repo": "ftp://x/y"}, "spec.helm.repo", "is no http://"),
        ({"repo": "oci://x/y"}, "spec.helm.chart", "names the chart already"),
        ({"chart": "https://x/web-1.tgz"}, "spec.helm.repo", "the chart is a .tgz"),
        ({"chart": "https://x/web-1.tgz", "repo": ""}, "spec.helm.version", "the chart is a .tgz"),
        ({"chart": "./web-1.tgz", "repo": "", "version": ""}, "spec.helm.chart", "is no http://"),
        ({"repo": "https://bob:canary@x/y"}, "spec.helm.repo", "must not hold credentials"),
        ({"version": "newest"}, "", "is not a version"),
        ({"polling_interval": "1d"}, "spec.pollingInterval", "is not a duration"),
        ({"targets": (BundleTarget(helm=HelmOptions(repo="git@x")),)}, "spec.targets[0].helm.repo", "is no http://"),
    ],
)
def test_what_names_no_chart_is_refused_by_field_and_nothing_is_asked(hub, spec, field, words):
    assert hub.add(**spec) == RETRY
    told = message(hub.op(), "Accepted")
    assert words in told and field in told and "canary" not in told
    assert conditions(hub.op()) == {"Accepted": "False", "Stalled": "True", "Reconciling": "False", "Ready": "False"}
    assert (hub.charts.asked, hub.bundle()) == ([], None)


@pytest.mark.parametrize(
    ("spec", "polls"),
    [
        ({"polling_interval": "90s"}, True),
        ({"polling_interval": "90s", "version": ""}, True),
        ({"polling_interval": "90s", "version": "v1.2.0"}, True),
        ({"polling_interval": "90s", "version": "1.2.0"}, False),
        ({"polling_interval": "90s", "chart": "https://x/web-1.tgz", "repo": "", "version": ""}, False),
        ({"polling_interval": "0"}, False),
        ({"polling_interval": "0s"}, False),
        ({}, False),
    ],
)
def test_new_versions_are_looked_for_where_an_interval_is_set_and_a_version_can_change(hub, spec, polls):
    assert hub.add(**spec) == (90.0 if polls else None)
    assert ("Polled" in conditions(hub.op())) == polls
    hub.pass_(90)
    assert len(hub.charts.asked) == (2 if polls else 1)


def test_a_poll_finds_the_new_version_and_one_that_finds_none_writes_nothing(hub):
    hub.add(polling_interval="60s")
    hub.look()
    before = hub.store.revision()
    hub.pass_(60)
    assert hub.store.revision() == before
    hub.publish("1.3.0")
    assert hub.pass_(30) == 30.0
    assert hub.bundle().spec.helm.version == "1.2.0"
    hub.pass_(30)
    assert (hub.bundle().spec.helm.version, hub.op().status.version) == ("1.3.0", "1.3.0")
    assert hub.op().status.last_polling_triggered
    assert hub.op().spec.helm.version == "1.x"


def test_without_polling_a_version_is_found_once_until_chart_repository_or_version_change(hub):
    hub.add()
    hub.publish("1.3.0")
    hub.change(helm={"values": {"a": 1}})
    hub.look()
    assert (hub.bundle().spec.helm.version, hub.bundle().spec.helm.values) == ("1.2.0", {"a": 1})
    hub.change(helm={"version": ">=1.0, <2"})
    assert hub.bundle().spec.helm.version == "1.3.0"
    assert hub.charts.asked == ["1.x", ">=1.0, <2"]


def test_a_forced_update_looks_for_a_new_version_and_deploys_again(hub):
    hub.add()
    hub.publish("1.3.0")
    hub.change(force_sync_generation=2)
    assert (hub.bundle().spec.helm.version, hub.bundle().spec.force_sync_generation) == ("1.3.0", 2)


def test_after_a_start_the_version_in_the_bundle_counts_where_it_still_satisfies(hub):
    hub.add()
    hub.publish("1.3.0")
    hub.restarted()
    hub.look()
    assert (hub.bundle().spec.helm.version, hub.charts.asked) == ("1.2.0", ["1.x"])
    hub.store.update(changed(hub.op(), helm=HelmOptions(chart="web", repo=REPO, version="2.x")))
    hub.restarted()
    hub.look()
    assert hub.bundle().spec.helm.version == "2.0.0"


def test_an_unreachable_repository_holds_up_nothing_but_a_version_that_is_not_known(hub):
    hub.charts.error = Unavailable("can't connect", where=REPO)
    assert hub.add(polling_interval="1h") == RETRY
    assert conditions(hub.op()) == {"Accepted": "True", "Stalled": "True", "Reconciling": "False", "Polled": "False", "Ready": "False"}
    assert "can't connect" in message(hub.op(), "Ready")
    assert hub.bundle() is None
    hub.charts.error = None
    assert hub.pass_(RETRY) == 3600.0
    assert conditions(hub.op())["Ready"] == "True" and conditions(hub.op())["Polled"] == "True"
    hub.charts.error = Unavailable("can't connect", where=REPO)
    assert hub.pass_(3600) == RETRY
    hub.change(helm={"values": {"a": 1}})
    assert (hub.bundle().spec.helm.version, hub.bundle().spec.helm.values) == ("1.2.0", {"a": 1})
    assert "can't connect" in message(hub.op(), "Polled") and conditions(hub.op())["Stalled"] == "True"
    assert (conditions(hub.op())["Ready"], hub.op().status.version) == ("True", "1.2.0")


def test_without_polling_what_can_not_be_had_is_not_accepted(hub):
    hub.add("9.x")
    assert "has no version 9.x" in message(hub.op(), "Accepted")
    assert "Polled" not in conditions(hub.op())


def test_a_secret_that_changed_is_tried_at_once(hub):
    hub.charts.error = Unavailable("answered 401")
    hub.add()
    hub.charts.error = None
    assert hub.look() == RETRY
    hub.reconcile.look_again(KEY)
    assert hub.look() is None
    assert hub.bundle().spec.helm.version == "1.2.0"


@pytest.mark.parametrize(
    ("there", "whose"),
    [
        (bundle("web", labels={"fleet.cattle.io/repo-name": "site"}), "GitRepo site"),
        (bundle("web", labels={"fleet.cattle.io/repo-name": "s", HELM_NAME: "web"}, helm_op_options=HelmOpOptions()), "GitRepo s"),
        (bundle("web"), "a Bundle made by hand"),
        (bundle("web", helm_op_options=HelmOpOptions()), "a Bundle made by hand"),
    ],
    ids=["git", "git that looks like it", "hand", "chart by hand"],
)
def test_a_name_that_is_taken_is_refused_and_what_took_it_stays_also_when_the_helmop_goes(hub, there, whose):
    made = hub.store.create(there)
    hub.add()
    assert f"bundle name web is taken by {whose}" in message(hub.op(), "Accepted")
    hub.store.delete(HelmOp, NS, "web")
    assert hub.look() is None
    assert hub.store.find(HelmOp, NS, "web") is None
    assert hub.bundle() == replace(made, spec=replace(made.spec, resources=()))


@pytest.mark.parametrize("act", ["removed", "edited"])
def test_a_bundle_that_somebody_removes_or_edits_is_put_back(hub, act):
    hub.add()
    before = hub.bundle()
    if act == "removed":
        hub.store.update(marked(before, finalizers=()))
        hub.store.delete(Bundle, NS, "web")
    else:
        hub.store.update(changed(before, paused=True))
    hub.look()
    assert hub.bundle().spec == before.spec


def test_values_files_are_said_to_have_no_meaning_while_they_are_there(hub):
    hub.add(helm={"values_files": ("a.yaml",)})
    assert "spec.helm.valuesFiles: a HelmOp has no files" in message(hub.op(), "Warning")
    assert conditions(hub.op())["Warning"] == "True" and hub.bundle() is not None
    hub.change(helm={"values_files": ()})
    assert "Warning" not in conditions(hub.op())


def test_a_pause_reaches_the_bundle(hub):
    hub.add()
    hub.change(paused=True)
    assert hub.bundle().spec.paused


def test_a_helmop_goes_after_its_bundle(hub):
    hub.add()
    hub.store.delete(HelmOp, NS, "web")
    assert hub.look() == 2.0
    assert hub.bundle().metadata.deletion_timestamp
    hub.store.update(marked(hub.bundle(), finalizers=()))
    assert hub.look() is None
    assert hub.store.find(HelmOp, NS, "web") is None
    assert hub.look() is None


def test_a_helmop_made_anew_waits_for_the_old_bundle_to_go(hub):
    hub.add()
    hub.store.delete(Bundle, NS, "web")
    hub.restarted()
    assert hub.look() == 2.0
    assert "is being deleted" in message(hub.op(), "Accepted")
    hub.store.update(marked(hub.bundle(), finalizers=()))
    hub.pass_(2)
    assert hub.bundle().spec.helm.version == "1.2.0"


def test_the_workspaces_rules_fill_in_what_is_missing_and_refuse_what_is_not_allowed(hub):
    policy = Policy(helm_op=HelmOpPolicy(default_service_account="deployer", default_helm_secret_name="login"))
    hub.rules = Rules(policies=(policy,))
    hub.add()
    assert (hub.op().spec.service_account, hub.op().spec.helm_secret_name) == ("deployer", "login")
    assert hub.bundle().spec.helm_op_options.helm_op_secret_name == "login"
    before = hub.bundle()
    hub.rules = Rules(policies=(Policy(helm_op=HelmOpPolicy(allowed_chart_patterns=("db",))),))
    hub.reconcile.look_again(KEY)
    hub.look()
    assert "disallowed chart 'web'" in message(hub.op(), "Accepted")
    assert hub.bundle() == before and conditions(hub.op())["Ready"] == "True"


@pytest.fixture
def world(store):
    return Rollouts(store)


def test_a_bundle_with_a_constraint_in_place_of_a_version_is_not_deployed_and_says_so(world):
    world.clusters("a")
    helm = HelmOptions(chart="web", repo=REPO, version="1.x")
    world.add("web", helm_op_options=HelmOpOptions(), helm=helm, resources=())
    assert message(world.bundle("web"), "Ready").startswith("chart version cannot be deployed; check HelmOp status for more details")
    assert world.states("web") == {}
    world.store.update(changed(world.bundle("web"), helm=replace(helm, version="v1.2.0")))
    world.look("web")
    assert set(world.states("web")) == {"a"}
    assert "chart version" not in message(world.bundle("web"), "Ready")


def test_a_deployment_id_is_that_of_the_options_alone(world):
    world.store.create(cluster("a"))
    world.add("web", helm_op_options=HelmOpOptions("login"), helm=HelmOptions(chart="web", repo=REPO, version="1.2.0"), resources=())
    (item,) = world.store.assigned(Key("Cluster", NS, "a"))
    assert item.deployment_id.startswith(":") and len(item.deployment_id) == 65
    assert item.chart == HelmOpOptions("login")


def test_what_is_wrong_has_fleets_reasons_and_what_is_well_has_none(hub):
    def reasons():
        return {c.type: c.reason for c in hub.op().status.conditions if c.type != "Ready"}

    hub.charts.error = Unavailable("can't connect", where=REPO)
    hub.add(polling_interval="1m")
    assert reasons() == {"Accepted": "", "Polled": "Error", "Stalled": "Stalled", "Reconciling": ""}
    hub.charts.error = None
    hub.pass_(60)
    assert set(reasons().values()) == {""}
