"""A repair of a management cluster in memory: its order, its end, what holds it up, and that a second one has nothing to do."""

from __future__ import annotations

from typing import Any

import pytest

from extension.objects.errors import Forbidden, Unavailable
from extension.rancher.repair.changes import PENDING, Restart, Step
from extension.rancher.repair.executing import Execution
from extension.rancher.repair.findings import findings
from extension.rancher.repair.planning import plan
from extension.rancher.repair.repairs import repair
from extension.rancher.repair.report import Asked, Outcome
from extension.rancher.repair.world import Ref
from tests.fakes.management import LONG_AGO, NOW, SILENT, Management, obj, snapshot
from tests.unit.rancher.repair.test_findings import HEALTHY, KEY, account, bundle, cluster, deployment, registration, secret

BROKEN = (
    account("fleet-controller", "gone"),
    account("fleet-controller-bootstrap", "lost", "kept"),
    secret("kept", "cattle-fleet-system"),
    deployment(),
    cluster(seen=LONG_AGO, status={"summary": {"modified": 1}}),
    KEY,
    bundle(cluster()),
    registration(cluster="left"),
    obj("GitRepo", "fleet-default", "web", spec={"helmSecretName": "helm"}),
    secret("helm"),
)
FIX = Asked(dry_run=False, wait=60.0)
CONTROLLER = Ref("Deployment", "cattle-fleet-system", "fleet-controller")
ACCOUNT = Ref("ServiceAccount", "cattle-fleet-system", "fleet-controller")
CLUSTER = Ref("Cluster", "fleet-default", "one")
BUNDLE = Ref("Bundle", "fleet-default", "fleet-agent-one")


def fleet(raw: dict[str, Any], at: Ref) -> None:
    """What Kubernetes and Fleet make of a write."""
    status = raw.setdefault("status", {})
    if at.kind == "Deployment":
        status |= {"observedGeneration": raw["metadata"]["generation"], "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}
    elif at.kind == "Cluster":
        status |= {"agentDeployedGeneration": raw["spec"]["redeployAgentGeneration"], "agent": {"lastSeen": NOW}}
    elif at.kind == "Bundle":
        status |= {"observedGeneration": raw["metadata"]["generation"], "summary": {"modified": 0, "ready": 1}}


class Patience:
    """A clock that only sleeping moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def run(place: Management, steps: list[Step] | None = None, until: float = 30.0) -> list[Outcome]:
    clock = Patience()
    planned = plan(findings(place.world(SILENT))) if steps is None else steps
    execution = Execution(place, until, lambda _: None, clock, clock.sleep)
    execution.run(planned)
    return execution.outcomes


def results(outcomes: list[Outcome]) -> dict[Ref, str]:
    return {one.at: one.result for one in outcomes}


def test_a_dry_run_tells_the_plan_in_its_order_and_writes_nothing() -> None:
    place = Management(*BROKEN)
    report = repair(place, Asked())
    assert place.writes == [] and report.dry_run and report.left == report.findings
    assert [(one.at.kind, one.at.name, one.action.partition(":")[0]) for one in report.steps] == [
        ("ServiceAccount", "fleet-controller", "take the missing token secrets off its list"),
        ("ServiceAccount", "fleet-controller-bootstrap", "take the missing token secrets off its list"),
        ("Deployment", "fleet-controller", "restart its pods"),
        ("ServiceAccount", "fleet-controller", "forget the restart that was to be made"),
        ("ServiceAccount", "fleet-controller-bootstrap", "forget the restart that was to be made"),
        ("Cluster", "one", "have its agent installed again"),
        ("Bundle", "fleet-agent-one", "have it deployed again"),
        ("ClusterRegistration", "request-a", "delete it"),
    ]


def test_a_broken_system_is_whole_after_a_repair_and_a_second_one_has_nothing_to_do() -> None:
    place = Management(*BROKEN, after=fleet)
    report = repair(place, FIX)
    assert {one.result for one in report.steps} == {"done"}
    assert [one.rule for one in report.left] == ["NotBackedUp"], "what nobody asked for is left"
    assert "secrets" not in place.objects[ACCOUNT] and PENDING not in place.objects[ACCOUNT]["metadata"]["annotations"]
    before = list(place.writes)
    assert repair(place, FIX).steps == () and place.writes == before


def test_what_is_listed_and_there_stays_listed() -> None:
    place = Management(*BROKEN, after=fleet)
    repair(place, FIX)
    bootstrap = place.objects[Ref("ServiceAccount", "cattle-fleet-system", "fleet-controller-bootstrap")]
    assert bootstrap["secrets"] == [{"name": "kept"}]


def test_a_healthy_system_is_not_written() -> None:
    place = Management(*HEALTHY)
    assert repair(place, FIX).steps == () and place.writes == []


def test_secrets_are_labelled_only_when_asked_for() -> None:
    place = Management(*BROKEN, after=fleet)
    assert repair(place, Asked(dry_run=False, label_secrets=True, wait=60.0)).left == ()
    assert place.objects[Ref("Secret", "fleet-default", "helm")]["metadata"]["labels"] == {"resources.cattle.io/backup": "true"}


def test_a_refused_write_holds_up_what_comes_after_it_and_nothing_else() -> None:
    place = Management(*BROKEN, after=fleet)
    place.refuse[CONTROLLER] = Forbidden("you may not patch it")
    outcomes = run(place)
    told = results(outcomes)
    assert (told[CONTROLLER], told[CLUSTER], told[BUNDLE]) == ("failed", "skipped", "skipped")
    assert told[Ref("ClusterRegistration", "fleet-default", "request-a")] == "done"
    assert PENDING in place.objects[ACCOUNT]["metadata"]["annotations"], "the next repair knows of the restart"
    place.refuse.clear()
    assert set(results(run(place)).values()) == {"done"}


def test_what_is_not_whole_in_time_is_waited_for_and_not_asked_for_again() -> None:
    place = Management(cluster(seen=LONG_AGO), KEY)
    (first,) = run(place)
    assert (first.result, first.detail) == ("waiting", "for Fleet to install the agent")
    (second,) = run(place)
    assert second.result == "waiting" and len(place.writes) == 1
    fleet(place.objects[CLUSTER], CLUSTER)
    assert findings(place.world(SILENT)) == []


def test_the_bundle_of_an_agent_that_is_not_back_waits() -> None:
    place = Management(cluster(seen=LONG_AGO, status={"summary": {"modified": 1}}), KEY, bundle(cluster()))
    told = results(run(place))
    assert (told[CLUSTER], told[BUNDLE]) == ("waiting", "skipped")


def test_an_agent_that_comes_back_may_make_its_bundle_whole_by_itself() -> None:
    place = Management(cluster(seen=LONG_AGO, status={"summary": {"modified": 1}}), KEY, bundle(cluster()))

    def after(raw: dict[str, Any], at: Ref) -> None:
        fleet(raw, at)
        place.objects[BUNDLE]["status"]["summary"]["modified"] = 0

    place.after = after
    assert results(run(place))[BUNDLE] == "unneeded"
    assert place.writes == [("patch", CLUSTER)]


def test_a_bundle_that_shows_to_be_modified_once_its_agent_is_back_is_cured_in_the_same_repair() -> None:
    place = Management(cluster(seen=LONG_AGO), KEY, bundle(cluster(), modified=0))

    def after(raw: dict[str, Any], at: Ref) -> None:
        fleet(raw, at)
        if at == CLUSTER:
            place.objects[BUNDLE]["status"]["summary"]["modified"] = 1

    place.after = after
    report = repair(place, FIX)
    assert [(one.at, one.result) for one in report.steps] == [(CLUSTER, "done"), (BUNDLE, "done")] and report.left == ()


def test_nothing_is_tried_twice_in_one_repair() -> None:
    place = Management(cluster(seen=NOW), KEY, after=fleet)
    report = repair(place, Asked(dry_run=False, silent_after=0.0, wait=0.0))
    assert place.writes == [("patch", CLUSTER)] and len(report.steps) == 1


def test_who_comes_in_between_is_asked_again() -> None:
    place = Management(cluster(seen=LONG_AGO), KEY, after=fleet)
    place.raced.add(CLUSTER)
    assert results(run(place)) == {CLUSTER: "done"}
    steps = plan(findings(snapshot(cluster(seen=LONG_AGO), KEY)))
    other = Management(cluster(seen=NOW, spec={"redeployAgentGeneration": 4}, status={"agentDeployedGeneration": 4}), KEY)
    assert results(run(other, steps)) == {CLUSTER: "unneeded"} and other.writes == []


def test_a_registration_whose_cluster_is_back_is_left_alone() -> None:
    steps = plan(findings(snapshot(registration(cluster="one"))))
    place = Management(registration(cluster="one"), cluster())
    (only,) = run(place, steps)
    assert (only.result, only.detail) == ("unneeded", "Cluster fleet-default/one is there again") and place.writes == []


def test_a_restart_by_hand_in_the_meantime_is_enough() -> None:
    place = Management(account("fleet-controller", annotations={PENDING: LONG_AGO}), deployment())
    raw = place.objects[CONTROLLER]
    raw["spec"]["template"]["metadata"] = {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-28T13:30:00+01:00"}}
    raw["status"] = {"updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}
    assert results(run(place)) == {CONTROLLER: "unneeded", ACCOUNT: "done"}
    assert place.writes == [("patch", ACCOUNT)]


def test_one_restart_serves_all_accounts_and_comes_after_the_last_of_them() -> None:
    accounts = account("fleet-controller", annotations={PENDING: LONG_AGO}), account("fleet-controller-bootstrap", "gone")
    steps = plan(findings(snapshot(*accounts, deployment())))
    (restart,) = (step for step in steps if step.at == CONTROLLER)
    assert restart.change == Restart(NOW) and restart.after == tuple(one.at for one in accounts)


@pytest.mark.parametrize("at", [ACCOUNT, CONTROLLER, CLUSTER])
def test_a_cluster_that_went_away_ends_the_repair_and_the_next_goes_on(at: Ref) -> None:
    place = Management(*BROKEN, after=fleet)
    place.refuse[at] = Unavailable("the cluster can't be reached")
    outcomes = run(place)
    failed = [one.result for one in outcomes].index("failed")
    assert {one.result for one in outcomes[failed + 1 :]} <= {"skipped", "waiting"}
    place.refuse.clear()
    run(place)
    assert [one.rule for one in findings(place.world(SILENT))] == ["NotBackedUp"]
