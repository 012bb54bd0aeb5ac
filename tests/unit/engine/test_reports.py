"""Reports become few transactions, the newest wins, and none is lost to a full disk."""

from __future__ import annotations

import time

import pytest

from extension.engine import reports as module
from extension.engine.reports import GATHER, Reports
from extension.objects.kinds import BundleDeploymentStatus
from extension.store.protocol import Report
from tests.fakes.disk import FullDisk
from tests.fakes.waiting import wait_for
from tests.unit.engine.rollouts import Rollouts
from tests.unit.engine.samples import bundle_key, cluster_key

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
