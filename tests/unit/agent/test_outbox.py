"""What is told to the hub, however its answers come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extension.agent.outbox import LARGEST, Outbox
from extension.objects.agents import DeploymentReport, ReportAnswer, StaleReport
from extension.objects.kinds import BundleDeploymentStatus


def report(bundle: int, said: str = "") -> DeploymentReport:
    return DeploymentReport(bundle_id=bundle, status=BundleDeploymentStatus(applied_deployment_id=said))


STEPS = st.lists(st.tuples(st.sampled_from(["put", "send", "lost answer", "restart of the hub"]), st.integers(1, 3)), max_size=40)


@given(STEPS)
def test_the_hub_knows_the_newest_report_of_each_once_all_is_sent(steps):
    outbox, known, said = Outbox(), {}, {}

    def sent(answered: bool) -> None:
        batch = outbox.batch()
        stale = tuple(StaleReport(one.bundle_id, known[one.bundle_id].sequence) for one in batch.reports
                      if one.bundle_id in known and known[one.bundle_id].sequence > one.sequence)  # fmt: skip
        late = {one.bundle_id for one in stale}
        known.update({one.bundle_id: one for one in batch.reports if one.bundle_id not in late})
        if answered:
            outbox.answered(batch, ReportAnswer(len(batch.reports), stale))

    for number, (what, bundle) in enumerate(steps):
        if what == "put":
            said[bundle] = str(number)
            outbox.put(report(bundle, str(number)))
        elif what == "restart of the hub":
            known.pop(bundle, None)
        else:
            sent(what == "send")
    for _ in range(2):  # two check-ins: while answers are missing the sums of what is known can be the same by chance
        if outbox.told(0, sum(one.sequence for one in known.values()), None):
            for bundle, last in said.items():
                outbox.put(report(bundle, last))
        while outbox.batch().reports:
            sent(True)
    assert {bundle: one.status.applied_deployment_id for bundle, one in known.items()} == said
    assert not outbox.told(0, sum(one.sequence for one in known.values()), None)


def test_a_stale_report_is_told_again_above_what_the_hub_has():
    outbox = Outbox()
    outbox.put(report(1, "new"))
    outbox.answered(outbox.batch(), ReportAnswer(0, (StaleReport(1, 99),)))
    (again,) = outbox.batch().reports
    assert (again.sequence, again.status.applied_deployment_id) == (100, "new")


def test_what_is_put_while_a_batch_is_on_its_way_stays():
    outbox = Outbox()
    outbox.put(report(1, "old"))
    batch = outbox.batch()
    outbox.put(report(1, "new"))
    outbox.answered(batch, ReportAnswer(1))
    assert [one.status.applied_deployment_id for one in outbox.batch().reports] == ["new"]


def test_what_the_hub_has_no_deployment_of_is_forgotten():
    outbox = Outbox()
    outbox.put(report(1))
    outbox.answered(outbox.batch(), ReportAnswer(0, gone=(1,)))
    assert not outbox.told(0, 0, None)
    outbox.put(report(2))
    outbox.told(0, 0, [3])
    assert (outbox.batch().reports, outbox.filled.is_set()) == ((), False)


def test_large_reports_go_in_parts_and_one_that_is_too_large_alone():
    outbox = Outbox()
    for bundle, size in enumerate((LARGEST, LARGEST // 3, LARGEST // 3, LARGEST // 2), 1):
        outbox.put(report(bundle, "x" * size))
    sent = []
    while (batch := outbox.batch()).reports:
        sent.append([one.bundle_id for one in batch.reports])
        outbox.answered(batch, ReportAnswer(len(batch.reports)))
    assert sent == [[1], [2, 3], [4]]


def test_whether_the_cluster_can_be_reached_is_told_until_the_hub_has_heard_the_newest_of_it():
    outbox = Outbox()
    outbox.reached("no route")
    first = outbox.batch()
    outbox.reached("")
    outbox.answered(first, ReportAnswer())
    assert (first.unreachable, outbox.batch().unreachable, outbox.filled.is_set()) == ("no route", "", True)
    outbox.answered(outbox.batch(), ReportAnswer())
    assert (outbox.batch().unreachable, outbox.filled.is_set()) == (None, False)
