"""What agents report is stored once for all that say the same, and read as it was said."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extension.objects.base import Condition
from extension.objects.kinds import Bundle, BundleDeploymentStatus
from extension.objects.status import Correction, FieldChange, ModifiedStatus, ResourceCounts
from extension.store import wordings
from extension.store.protocol import Filter, Query, Report
from extension.store.wordings import sequence_of
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, deploy

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
times = st.sampled_from(("", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"))
conditions = st.builds(Condition, type=texts, status=texts, reason=texts, message=texts, last_update_time=times, last_transition_time=times)
changes = st.builds(FieldChange, path=texts, wanted=texts, found=texts, manager=texts, time=times)
differing = st.builds(ModifiedStatus, name=texts, changes=st.lists(changes, max_size=2).map(tuple), repairs=st.integers(0, 9))
corrections = st.builds(Correction, name=texts, fields=st.lists(texts, max_size=2).map(tuple), repairs=st.integers(0, 9), time=times)
statuses = st.builds(
    BundleDeploymentStatus,
    conditions=st.lists(conditions, max_size=4).map(tuple),
    applied_deployment_id=st.sampled_from(("", "s-1:a", "s-2:b")),
    release=texts,
    ready=st.booleans(),
    modified_status=st.lists(differing, max_size=2).map(tuple),
    corrections=st.lists(corrections, max_size=2).map(tuple),
    resource_counts=st.builds(ResourceCounts, ready=st.integers(0, 5), desired_ready=st.integers(0, 5)),
)


@pytest.fixture
def fleet(store):
    """A bundle on three clusters, and its live deployment ID."""
    key = store.create(bundle(content="a: b")).key
    store.register([cluster(name) for name in ("one", "two", "three")])
    numbers = [store.object_id(cluster_key(name)) for name in ("one", "two", "three")]
    wanted = deploy(store, key, numbers)
    return key, numbers, wanted.deployment_id


def said(store, key, name):
    return msgspec.structs.replace(store.deployment(key, cluster_key(name)).status, display=BundleDeploymentStatus().display)


def rows(place):
    return place.rows("SELECT cluster_id, wording, doc FROM report ORDER BY cluster_id"), place.rows("SELECT id, doc FROM wording")


def ready(applied, when, **more):
    both = tuple(Condition(type=name, status="True", last_update_time=when) for name in ("Deployed", "Ready"))
    return BundleDeploymentStatus(
        conditions=both, applied_deployment_id=applied, release="n/a:1", ready=True, non_modified=True,
        resource_counts=ResourceCounts(1, 1), **more,
    )  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=statuses, second=statuses, whole=st.booleans())
def test_a_report_is_read_as_it_was_said(fleet, store, first, second, whole):
    key, numbers, live = fleet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordings, "MOST", 0 if whole else 200)
        for status in (first, msgspec.structs.replace(second, applied_deployment_id=live)):
            store.report([Report(store.object_id(key), numbers[0], status), Report(store.object_id(key), numbers[1], status)])
            assert said(store, key, "one") == said(store, key, "two") == status
    assert list(store.audit()) == []


def test_what_is_the_same_but_for_its_time_and_commit_is_stored_once(fleet, store, place):
    key, numbers, live = fleet
    for number, when in zip(numbers, ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"), strict=True):
        store.report([Report(store.object_id(key), number, ready(live, when), sequence=7)])
    reports, kept = rows(place)
    assert [row[1] for row in reports] == [kept[0][0]] * 3
    assert len(kept) == 1
    assert live not in kept[0][1]
    assert all(len(row[2]) < 30 and sequence_of(row[2]) == 7 for row in reports)
    again = deploy(store, key, numbers, word="v2")
    store.report([Report(store.object_id(key), numbers[0], ready(again.deployment_id, "2026-02-01T00:00:00Z"), sequence=8)])
    assert said(store, key, "one").applied_deployment_id == again.deployment_id
    assert said(store, key, "two").applied_deployment_id == live
    assert len(rows(place)[1]) == 1


def test_an_id_that_the_bundle_never_had_is_kept_as_it_was_said(fleet, store):
    key, numbers, _ = fleet
    store.report([Report(store.object_id(key), numbers[0], ready("s-other:1", ""))])
    assert said(store, key, "one").applied_deployment_id == "s-other:1"


def test_of_very_many_wordings_the_rest_is_whole_and_wordings_that_nobody_has_are_dropped(fleet, store, place, monkeypatch):
    monkeypatch.setattr(wordings, "MOST", 2)
    key, numbers, live = fleet
    for word in range(4):
        store.report([Report(store.object_id(key), numbers[0], ready(live, "", sync_generation=word), sequence=word + 1)])
    (row, *_), kept = rows(place)
    assert (row[1], sequence_of(row[2]), len(kept)) == (0, 4, 2)
    assert said(store, key, "one").sync_generation == 3
    deploy(store, key, numbers, word="v2")
    store.progress(key)
    store.tidy(key)
    assert rows(place)[1] == []
    assert list(store.audit()) == []


def test_wordings_go_with_their_bundle(fleet, store, place):
    key, numbers, live = fleet
    store.report([Report(store.object_id(key), numbers[0], ready(live, ""))])
    store.delete(Bundle, NS, key.name)
    assert rows(place) == ([], [])


def test_deployments_are_found_by_what_their_reports_have_in_common_and_by_what_is_applied(fleet, store):
    key, numbers, live = fleet
    store.report([Report(store.object_id(key), numbers[0], ready(live, "2026-01-01T00:00:00Z"))])
    store.report([Report(store.object_id(key), numbers[1], ready("s-other:1", ""))])

    def found(field, value):
        page = store.deployments(Query(filters=((Filter(field, "=", (value,)),),)), bundle=key)
        return [item.metadata.labels["fleet.cattle.io/cluster"] for item in page.items]

    assert found("status.release", "n/a:1") == ["one", "two"]
    assert found("status.appliedDeploymentID", live) == ["one"]
    assert found("status.appliedDeploymentID", "s-other:1") == ["two"]


def test_reports_of_an_older_program_are_read_and_counted(fleet, store, place):
    key, numbers, live = fleet
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wordings, "MOST", 0)
        store.report([Report(store.object_id(key), numbers[0], ready(live, "2026-01-01T00:00:00Z"), sequence=3)])
    assert rows(place)[0][0][1] == 0
    store.report([Report(store.object_id(key), numbers[0], ready(live, "2026-01-02T00:00:00Z"), sequence=3)])
    assert said(store, key, "one") == ready(live, "2026-01-01T00:00:00Z"), "the sequence is not above the old one"
    store.report([Report(store.object_id(key), numbers[0], ready(live, "2026-01-02T00:00:00Z"), sequence=4)])
    assert rows(place)[0][0][1] != 0
    assert list(store.audit()) == []
