"""The log of webhook deliveries in the file, and status fields that two write at the same time."""

from __future__ import annotations

import threading

import pytest
from msgspec.structs import replace

from extension.objects.errors import NotFound
from extension.objects.kinds import GitRepo
from extension.store.deliveries import KEPT, UNMATCHED, Delivery, Outcome, Wanted
from tests.unit.store.samples import NS, repo


def added(store, *deliveries):
    return [delivery.id for delivery in store.deliveries.add(deliveries)]


def test_a_delivery_is_read_as_it_was_written_also_after_a_restart(store, place):
    delivery = Delivery(workspace=NS, provider="github", urls=("a", "b"), verified=True, gitrepos=(Outcome("web", "triggered", "x"),))
    (number,) = added(store, delivery)
    store.close()
    again = place.open()
    assert again.deliveries.get(number) == replace(delivery, id=number)
    with pytest.raises(NotFound):
        again.deliveries.get(number + 1)
    again.close()


def test_a_workspace_keeps_its_newest_and_verified_ones_apart(store, place):
    for workspace in (NS, "team-b", UNMATCHED):
        for verified in (True, False):
            added(store, *(Delivery(workspace=workspace, verified=verified) for _ in range(KEPT + 3)))
    assert place.rows("SELECT count(*) FROM webhook_delivery") == [(6 * KEPT,)]
    found = store.deliveries.list(Wanted((NS,)), 3 * KEPT)
    assert [row.verified for row in found].count(True) == KEPT
    assert [row.id for row in found] == sorted((row.id for row in found), reverse=True)


def test_a_number_is_never_used_twice(store, place):
    (first,) = added(store, Delivery(workspace=NS))
    place.rows("DELETE FROM webhook_delivery")
    assert added(store, Delivery(workspace=NS)) == [first + 1]


def test_a_list_holds_what_was_asked_for(store):
    ours, theirs, nobodys = added(store, Delivery(workspace=NS, gitrepos=(Outcome("web", "failed"),)), Delivery(workspace="b"), Delivery())
    for wanted, ids in (
        (Wanted(), [theirs, ours]),
        (Wanted(unmatched=True), [nobodys, theirs, ours]),
        (Wanted((NS,)), [ours]),
        (Wanted(()), []),
        (Wanted((), unmatched=True), []),
        (Wanted(before=theirs), [ours]),
        (Wanted(gitrepo="web"), [ours]),
        (Wanted(gitrepo="we_"), []),
    ):
        assert [row.id for row in store.deliveries.list(wanted)] == ids, wanted
    assert [row.id for row in store.deliveries.list(Wanted(), 1)] == [theirs]


def test_a_delivery_wakes_nobody(store):
    before = store.revision()
    added(store, Delivery())
    assert store.revision() == before


def test_a_file_from_before_the_log_gets_it(store, place):
    store.close()
    place.rows("DROP TABLE webhook_delivery")
    place.rows("DELETE FROM migration WHERE version > 1")
    again = place.open()
    assert len(added(again, Delivery())) == 1
    again.close()


def test_two_that_set_fields_of_one_status_at_the_same_time_lose_none(store):
    store.create(repo())

    def count(field):
        for _ in range(50):
            store.change_status(GitRepo, NS, "web", lambda old: raised(old, field))

    def raised(old, field):
        return replace(old, status=replace(old.status, **{field: getattr(old.status, field) + 1}))

    threads = [threading.Thread(target=count, args=(field,)) for field in ("observed_generation", "update_generation") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = store.get(GitRepo, NS, "web").status
    assert (status.observed_generation, status.update_generation) == (100, 100)


def test_a_changed_status_leaves_the_rest_and_an_unchanged_one_writes_nothing(store):
    made = store.create(repo())
    told = store.change_status(GitRepo, NS, "web", lambda old: replace(old, spec=replace(old.spec, branch="x"), status=made.status))
    assert (told.spec, store.revision()) == (made.spec, int(made.metadata.resource_version))
    store.change_status(
        GitRepo, NS, "web", lambda old: replace(old, spec=replace(old.spec, branch="x"), status=replace(old.status, commit="c"))
    )
    found = store.get(GitRepo, NS, "web")
    assert (found.status.commit, found.spec, found.metadata.generation) == ("c", made.spec, 1)
    with pytest.raises(NotFound):
        store.change_status(GitRepo, NS, "other", lambda old: old)
