"""Reports become few transactions, the newest wins, and none is lost to a full disk."""

from __future__ import annotations

import threading
import time

import pytest

from extension.engine import reports as module
from extension.engine.reports import GATHER, Reports
from extension.objects.errors import Unavailable
from extension.objects.kinds import BundleDeploymentStatus
from extension.store.protocol import Report
from tests.fakes.disk import FullDisk
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import bundle_key, cluster_key, replace

NAMES = [f"c{i:02}" for i in range(20)]


@pytest.fixture
def world(store):
    world = Rollouts(store)
    world.clusters(*NAMES)
    world.add("web")
    return world


@pytest.fixture
def disk(world):
    return FullDisk(world.store)


@pytest.fixture
def reports(disk):
    reports = Reports(disk)
    yield reports
    reports.stop()


def said(world, name, ready=True):
    applied = world.store.deployment(bundle_key("web"), cluster_key(name)).spec.deployment_id
    status = BundleDeploymentStatus(applied_deployment_id=applied, ready=ready, non_modified=True)
    return Report(*world.ids("web", name), status)


def states(world, state):
    return [name for name, found in world.states("web").items() if found == state]


def test_reports_that_come_one_after_the_other_are_one_transaction(world, disk, reports):
    made = [said(world, name) for name in NAMES]
    reports.start()
    for report in made:
        reports.add(report)
        time.sleep(GATHER / len(NAMES) / 4)
    wait_for(lambda: len(states(world, "Ready")) == len(NAMES))
    assert len(disk.batches) <= 2, disk.batches


def test_the_last_report_of_a_deployment_is_the_one_that_is_written(world, disk, reports):
    for ready in (True, False, True, False):
        reports.add(said(world, "c00", ready))
    reports.start()
    wait_for(lambda: states(world, "NotReady") == ["c00"])
    wait_for(lambda: disk.batches == [1])


def test_stopping_writes_what_is_waiting(world, disk, reports):
    reports.start()
    for name in NAMES:
        reports.add(said(world, name))
    reports.stop()
    assert len(states(world, "Ready")) == len(NAMES)


def test_a_full_disk_keeps_the_reports_and_newer_ones_replace_them(world, disk, reports):
    disk.full = True
    reports.start()
    reports.add(said(world, "c00", ready=False))
    reports.add(said(world, "c01"))
    wait_for(lambda: disk.refused)
    reports.add(said(world, "c00"))
    disk.full = False
    wait_for(lambda: sorted(states(world, "Ready")) == ["c00", "c01"])


def test_a_full_disk_is_not_asked_again_with_every_report(world, disk, reports):
    disk.full = True
    made = [said(world, name) for name in NAMES]
    reports.start()
    reports.add(made[0])
    wait_for(lambda: disk.refused == 1)
    for report in made:
        reports.add(report)
        time.sleep(0.002)
    assert disk.refused == 1


def test_stopping_does_not_wait_for_a_full_disk(world, disk, reports, monkeypatch):
    monkeypatch.setattr(module, "RETRY", 60.0)
    disk.full = True
    reports.start()
    reports.add(said(world, "c00"))
    wait_for(lambda: disk.refused)
    before = time.monotonic()
    reports.stop()
    assert time.monotonic() - before < 5 < module.RETRY


def test_reports_of_what_is_gone_are_dropped_and_the_others_count(world, disk, reports):
    reports.start()
    reports.add(Report(999_999, 999_999))
    reports.add(said(world, "c00"))
    wait_for(lambda: states(world, "Ready") == ["c00"])


def test_who_delivers_reports_goes_on_when_they_are_on_disk(world, reports):
    reports.start()
    reports.deliver([said(world, name) for name in NAMES], 10)
    assert len(states(world, "Ready")) == len(NAMES)


def test_who_delivers_what_a_newer_report_overtakes_is_told_when_that_is_on_disk(world, disk, reports):
    disk.full = True
    reports.start()
    done = []
    first = threading.Thread(target=lambda: done.append(reports.deliver([said(world, "c00", ready=False)], 10)))
    first.start()
    wait_for(lambda: disk.refused)
    reports.add(said(world, "c00"))
    assert not done
    disk.full = False
    first.join(10)
    assert done == [{world.ids("web", "c00"): 0}]
    assert states(world, "Ready") == ["c00"]


def test_who_delivers_to_a_full_disk_is_told_that_it_takes_too_long_and_why(world, disk, reports):
    disk.full = True
    reports.start()
    reports.add(said(world, "c01"))
    wait_for(lambda: disk.refused)
    with pytest.raises(Unavailable, match=r"in time: .*disk"):
        reports.deliver([said(world, "c00")], 0.05)


def test_after_the_end_nothing_is_delivered(world, reports):
    reports.start()
    reports.stop()
    with pytest.raises(Unavailable, match="stopping"):
        reports.deliver([said(world, "c00")], 10)


def test_of_two_reports_with_a_sequence_the_higher_counts_whichever_came_last(world, disk, reports):
    old, new = replace(said(world, "c00", ready=False), sequence=7), replace(said(world, "c00"), sequence=8)
    for report in (new, old):
        reports.add(report)
    reports.start()
    wait_for(lambda: states(world, "Ready") == ["c00"])


def test_a_report_that_nobody_can_write_harms_no_other(world, reports):
    poison = said(world, "c00")
    counts = replace(poison.status.resource_counts, ready=2**70)
    reports.start()
    reports.deliver([replace(poison, status=replace(poison.status, resource_counts=counts)), said(world, "c01")], 60)
    reports.deliver([said(world, "c02")], 60)
    assert sorted(states(world, "Ready")) == ["c01", "c02"]
