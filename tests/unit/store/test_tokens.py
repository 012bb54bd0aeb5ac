"""API tokens: shown once, kept as a hash, good until they expire or are revoked."""

from __future__ import annotations

import time

import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import Invalid, NotFound
from extension.objects.kinds import FleetWorkspace

ROLES = {"team-a": "member", "*": "read-only"}


def test_a_token_stands_for_its_name_and_roles_also_after_a_restart(store, place):
    clear = store.tokens.create("ci", ROLES)
    found = store.tokens.verify(clear)
    assert (found.id, found.name, found.roles, found.expires) == (clear.partition(":")[0], "ci", ROLES, "")
    store.close()
    again = place.open()
    assert again.tokens.verify(clear) == found
    assert again.tokens.list() == [found]
    again.close()


def test_a_token_has_the_form_of_ranchers_and_no_two_are_alike(store):
    made = [store.tokens.create("ci", ROLES) for _ in range(20)]
    assert len(set(made)) == 20
    for clear in made:
        name, _, secret = clear.partition(":")
        assert name.startswith("token-")
        assert len(secret) >= 43


def test_the_file_holds_no_clear_token(store, place):
    clear = store.tokens.create("ci", ROLES)
    assert clear.partition(":")[2].encode() not in place.written()
    assert clear.partition(":")[0].encode() in place.written()
    assert len(place.rows("SELECT hash FROM token")[0][0]) == 32


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda c: c[:-1] + ("a" if c[-1] != "a" else "b"), id="another secret"),
        pytest.param(lambda c: c + "x", id="longer"),
        pytest.param(lambda c: c[:-1], id="shorter"),
        pytest.param(lambda c: c.partition(":")[0], id="no secret"),
        pytest.param(lambda c: c.partition(":")[0] + ":", id="an empty secret"),
        pytest.param(lambda c: c.partition(":")[2], id="no name"),
        pytest.param(lambda c: "token-00000000:" + c.partition(":")[2], id="another name"),
        pytest.param(lambda c: "", id="nothing"),
        pytest.param(lambda c: ":", id="two nothings"),
        pytest.param(lambda c: "\0ä:\udcff", id="what no header holds"),
    ],
)
def test_what_is_not_a_token_stands_for_nobody(store, spoil):
    clear = store.tokens.create("ci", ROLES)
    assert store.tokens.verify(spoil(clear)) is None


def test_a_token_ends_when_its_time_is_over(store):
    assert store.tokens.verify(store.tokens.create("ci", ROLES, ttl=3600)).expires.endswith("Z")
    short = store.tokens.create("ci", ROLES, ttl=0.2)
    time.sleep(0.25)
    assert store.tokens.verify(short) is None
    assert store.tokens.verify(store.tokens.create("ci", ROLES, ttl=0)) is None
    assert [token.name for token in store.tokens.list()] == ["ci", "ci", "ci"]


def test_a_revoked_token_is_no_more_and_the_others_stay(store):
    gone, kept = store.tokens.create("a", ROLES), store.tokens.create("b", ROLES)
    store.tokens.revoke(gone.partition(":")[0])
    assert store.tokens.verify(gone) is None
    assert store.tokens.verify(kept).name == "b"
    with pytest.raises(NotFound):
        store.tokens.revoke(gone.partition(":")[0])


@pytest.mark.parametrize("roles", [{}, {"*": "owner"}, {"team-a": "member", "team-b": ""}])
def test_a_token_without_a_role_that_exists_is_refused(store, roles):
    with pytest.raises(Invalid, match=r"role.*admin, member, read-only") as raised:
        store.tokens.create("ci", roles)
    assert "None" not in str(raised.value)
    assert store.tokens.list() == []


@pytest.mark.parametrize("ttl", [1e12, 1e300, float("inf"), float("nan")])
def test_a_time_beyond_the_calendar_is_refused(store, ttl):
    with pytest.raises(Invalid, match="ttl"):
        store.tokens.create("ci", ROLES, ttl=ttl)
    assert store.tokens.list() == []


def test_tokens_wake_nobody_who_waits_for_objects(store):
    before = store.revision()
    store.tokens.revoke(store.tokens.create("ci", ROLES).partition(":")[0])
    assert store.revision() == before


def test_a_workspace_that_goes_takes_its_roles_along(store):
    store.create(FleetWorkspace(metadata=ObjectMeta(name="team-a")))
    only = store.tokens.create("only", {"team-a": "member"})
    both = store.tokens.create("both", {"team-a": "member", "team-ab": "read-only"})
    all_ = store.tokens.create("all", {"*": "admin"})
    store.delete(FleetWorkspace, "", "team-a")
    store.create(FleetWorkspace(metadata=ObjectMeta(name="team-a")))
    assert store.tokens.verify(only) is None
    assert store.tokens.verify(both).roles == {"team-ab": "read-only"}
    assert store.tokens.verify(all_).roles == {"*": "admin"}
