"""What Kubernetes is asked about a user, and for how long its answer is good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from extension.objects.errors import Forbidden, Unavailable
from extension.rancher.identity import Identity
from extension.rancher.reviewing import PATH, SECONDS, SHOWN_SECONDS, Attributes, Reviews, review
from tests.fakes.clock import Clock

WHO = Identity("u-abc", "7", ("cn=a,ou=b", "system:authenticated"), (("principalid", ("local://u-abc",)),))
WHAT = Attributes("update", "fleet.cattle.io", "gitrepos", "team-a", "web")


class Judge:
    """Allows what is in `allowed`; `asked` are the reviews that came."""

    def __init__(self, *allowed: Attributes, status: Mapping[str, Any] | None = None) -> None:
        self.allowed = [review(WHO, what)["spec"] for what in allowed]
        self.asked: list[dict[str, Any]] = []
        self.status = status

    def __call__(self, path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        assert path == PATH
        self.asked.append(body["spec"])
        return {"status": {"allowed": body["spec"] in self.allowed} if self.status is None else self.status}


def test_the_review_names_the_user_exactly_as_received() -> None:
    spec = review(WHO, WHAT)["spec"]
    assert spec == {
        "user": "u-abc",
        "uid": "7",
        "groups": ["cn=a,ou=b", "system:authenticated"],
        "extra": {"principalid": ["local://u-abc"]},
        "resourceAttributes": {
            "namespace": "team-a", "verb": "update", "group": "fleet.cattle.io", "resource": "gitrepos", "name": "web",
        },
    }  # fmt: skip
    assert review(Identity("u"), Attributes("get", path="/metrics"))["spec"]["nonResourceAttributes"] == {"verb": "get", "path": "/metrics"}


def test_an_answer_is_good_for_seconds_and_for_one_user_only() -> None:
    judge, clock = Judge(WHAT), Clock()
    reviews = Reviews(judge, clock)
    assert [reviews.allowed(WHO, WHAT) for _ in range(3)] == [True] * 3
    assert not reviews.allowed(Identity("u-other"), WHAT)
    assert not reviews.allowed(Identity("u-abc", groups=WHO.groups), WHAT), "another with the same name has other extras"
    assert len(judge.asked) == 3 and SECONDS <= 10
    judge.allowed.clear()
    clock.pass_(SECONDS)
    assert not reviews.allowed(WHO, WHAT)


def test_many_are_asked_at_once_and_answered_in_order() -> None:
    many = [Attributes("list", "fleet.cattle.io", "gitrepos", f"team-{n}") for n in range(40)]
    reviews = Reviews(Judge(*many[::3]))
    assert reviews.allowed_each(WHO, many) == [n % 3 == 0 for n in range(40)]
    reviews.close()


@pytest.mark.parametrize(
    ("status", "allowed"), [({"allowed": True}, True), ({"allowed": False}, False), ({"allowed": True, "denied": True}, False)]
)
def test_a_denial_wins(status: Mapping[str, Any], allowed: bool) -> None:
    assert Reviews(Judge(status=status)).allowed(WHO, WHAT) == allowed


def test_a_service_that_may_not_ask_says_that_it_is_its_fault_and_not_the_user_s() -> None:
    def refuse(path: str, body: dict[str, Any]) -> Mapping[str, Any]:
        raise Forbidden('User "cd" cannot create resource "subjectaccessreviews"')

    with pytest.raises(Unavailable, match="does not tell what a user may do") as caught:
        Reviews(refuse).allowed(WHO, WHAT)
    assert caught.value.status == 503 and "docs/rancher.md" in str(caught.value)


def test_what_is_only_shown_is_asked_once_in_its_time() -> None:
    clock, asked = Clock(), []
    reviews = Reviews(Judge(), clock)
    for _ in range(3):
        assert reviews.shown("what", lambda: not asked.append(1))  # type: ignore[func-returns-value]
    clock.pass_(SHOWN_SECONDS)
    reviews.shown("what", lambda: not asked.append(1))  # type: ignore[func-returns-value]
    assert len(asked) == 2


@pytest.mark.parametrize("status", [{}, {"allowed": "true"}])
def test_no_answer_is_neither_yes_nor_no(status: Mapping[str, Any]) -> None:
    reviews = Reviews(Judge(status=status))
    with pytest.raises(Unavailable):
        reviews.allowed(WHO, WHAT)
