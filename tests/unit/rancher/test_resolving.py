"""Whose credential it is: Rancher tells, and is believed for a while only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from extension.objects.errors import Invalid, Unavailable
from extension.rancher.identity import Identity
from extension.rancher.resolving import PATH, REFUSED_SECONDS, SECONDS, SIZE, Resolving
from tests.fakes.clock import Clock

URL = "https://rancher.example.org"
CREDENTIAL = "token-canary:s3cr3t-canary"
INFO = {
    "username": "u-abc",
    "uid": "7",
    "groups": ["cn=team,ou=x", "system:authenticated"],
    "extra": {"requesttokenid": ["token-canary"], "principalid": ["local://u-abc"]},
}
WHO = Identity(
    "u-abc", "7", ("cn=team,ou=x", "system:authenticated"), (("principalid", ("local://u-abc",)), ("requesttokenid", ("token-canary",)))
)


@pytest.fixture
def rancher() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def resolving(clock: Clock) -> Resolving:
    return Resolving(f"{URL}/", clock=clock)


def tells(rancher: responses.RequestsMock, status: int = 201, **info: Any) -> None:
    rancher.upsert(responses.POST, f"{URL}{PATH}", json={"status": {"userInfo": INFO | info}}, status=status)


def test_the_answer_is_the_whole_identity(rancher: responses.RequestsMock, resolving: Resolving) -> None:
    tells(rancher)
    assert resolving.identity(CREDENTIAL) == WHO
    assert WHO.token == "token-canary"
    sent = rancher.calls[0].request
    assert (sent.headers["Authorization"], "Cookie" in sent.headers) == (f"Bearer {CREDENTIAL}", False)
    assert json.loads(sent.body or b"")["kind"] == "SelfSubjectReview"


def test_it_is_asked_once_for_as_long_as_the_answer_is_good(rancher: responses.RequestsMock, resolving: Resolving, clock: Clock) -> None:
    assert SECONDS <= 60 and REFUSED_SECONDS <= 5
    tells(rancher)
    for _ in range(3):
        resolving.identity(CREDENTIAL)
    assert len(rancher.calls) == 1
    clock.pass_(SECONDS)
    rancher.upsert(responses.POST, f"{URL}{PATH}", status=401)
    assert resolving.identity(CREDENTIAL) is None, "a revoked token outlived its time"


def test_a_refusal_is_remembered_shortly(rancher: responses.RequestsMock, resolving: Resolving, clock: Clock) -> None:
    rancher.add(responses.POST, f"{URL}{PATH}", status=401)
    assert [resolving.identity(CREDENTIAL) for _ in range(3)] == [None] * 3
    assert len(rancher.calls) == 1
    clock.pass_(REFUSED_SECONDS)
    tells(rancher)
    assert resolving.identity(CREDENTIAL) == WHO


def test_an_identity_is_honoured_for_its_time_and_no_longer_when_rancher_is_away(
    rancher: responses.RequestsMock, resolving: Resolving, clock: Clock
) -> None:
    tells(rancher)
    resolving.identity(CREDENTIAL)
    rancher.upsert(responses.POST, f"{URL}{PATH}", body=requests.ConnectionError(f"refused {CREDENTIAL}"))
    clock.pass_(SECONDS - 1)
    assert resolving.identity(CREDENTIAL) == WHO
    clock.pass_(1)
    with pytest.raises(Unavailable) as caught:
        resolving.identity(CREDENTIAL)
    assert caught.value.status == 503 and URL in str(caught.value)


def test_what_is_dropped_is_asked_again(rancher: responses.RequestsMock, resolving: Resolving) -> None:
    tells(rancher)
    resolving.identity(CREDENTIAL)
    resolving.drop(CREDENTIAL)
    resolving.identity(CREDENTIAL)
    assert len(rancher.calls) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param({"status": 500}, "HTTP status 500", id="an error"),
        pytest.param({"status": 429}, "HTTP status 429", id="too many"),
        pytest.param({"status": 302, "headers": {"Location": "https://elsewhere.example.org/"}}, "HTTP status 302", id="a redirect"),
        pytest.param({"body": "<html>"}, "no SelfSubjectReview", id="a page"),
        pytest.param({"json": {"status": {}}}, "no SelfSubjectReview", id="no user"),
        pytest.param({"json": {"status": {"userInfo": {"username": 7}}}}, "no SelfSubjectReview", id="a user that is no text"),
        pytest.param({"json": {"status": {"userInfo": {**INFO, "groups": "admins"}}}}, "no SelfSubjectReview", id="groups that are none"),
        pytest.param({"json": []}, "no SelfSubjectReview", id="no object"),
        pytest.param({"body": requests.Timeout(CREDENTIAL)}, "not answer in time", id="silence"),
        pytest.param({"body": requests.exceptions.SSLError(CREDENTIAL)}, "certificate is not trusted", id="a wrong certificate"),
        pytest.param({"body": requests.exceptions.InvalidHeader(CREDENTIAL)}, "can't be reached", id="anything else"),
    ],
)
def test_what_is_no_answer_is_an_outage_and_never_a_user(
    rancher: responses.RequestsMock, resolving: Resolving, reply: dict[str, Any], said: str
) -> None:
    rancher.add(responses.POST, f"{URL}{PATH}", **reply)
    with pytest.raises(Unavailable) as caught:
        resolving.identity(CREDENTIAL)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value) and caught.value.__cause__ is None


@pytest.mark.parametrize("info", [{"username": "system:anonymous"}, {"groups": ["system:unauthenticated"]}, {"username": ""}])
def test_who_is_not_authenticated_there_is_nobody_here(rancher: responses.RequestsMock, resolving: Resolving, info: dict[str, Any]) -> None:
    tells(rancher, **info)
    assert resolving.identity(CREDENTIAL) is None


@pytest.mark.parametrize("credential", ["", "a\r\nX-Evil: 1", "tök:en", "a" * 20_000])
def test_what_can_be_no_credential_is_not_sent(rancher: responses.RequestsMock, resolving: Resolving, credential: str) -> None:
    assert resolving.identity(credential) is None
    assert len(rancher.calls) == 0


def test_no_cookie_of_one_caller_goes_along_with_another(rancher: responses.RequestsMock, resolving: Resolving) -> None:
    headers = {"Set-Cookie": "R_SESS=token-other:secret; Path=/"}
    rancher.add(responses.POST, f"{URL}{PATH}", json={"status": {"userInfo": INFO}}, headers=headers)
    resolving.identity(CREDENTIAL)
    resolving.identity("token-two:secret")
    assert "Cookie" not in rancher.calls[1].request.headers


def test_only_hashes_are_kept_and_not_too_many(rancher: responses.RequestsMock, resolving: Resolving) -> None:
    tells(rancher)
    resolving.identity(CREDENTIAL)
    kept = list(resolving._known._known)
    assert kept == [hashlib.sha256(CREDENTIAL.encode()).digest()]
    assert resolving._known._size == SIZE


@pytest.mark.parametrize(("url", "ca"), [("http://rancher.example.org", ""), ("", ""), (URL, "/nowhere/ca.pem")])
def test_an_address_that_can_not_be_trusted_is_refused(url: str, ca: str) -> None:
    with pytest.raises(Invalid):
        Resolving(url, ca)


def test_a_file_of_certificates_is_the_trust(tmp_path: Path, rancher: responses.RequestsMock) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text("PEM")
    tells(rancher)
    Resolving(URL, str(ca)).identity(CREDENTIAL)
    assert rancher.calls[0].request.req_kwargs["verify"] == str(ca)  # type: ignore[attr-defined]
