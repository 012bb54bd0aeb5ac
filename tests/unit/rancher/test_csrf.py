"""CSRF: every write that a session cookie comes with has to show the other cookie's value."""

from __future__ import annotations

import itertools

import pytest

from extension.rancher.csrf import InvalidCSRFToken, check

TOKEN = "0123456789abcdef0123456789abcdef"
SESSION = {"R_SESS": "token-x:secret"}


def is_refused(method: str, cookies: dict[str, str], header: str) -> bool:
    try:
        check(method, cookies, header)
    except InvalidCSRFToken:
        return True
    return False


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "post", "PURGE"])
@pytest.mark.parametrize(
    ("cookies", "header", "refused"),
    [
        pytest.param(SESSION | {"CSRF": TOKEN}, TOKEN, False, id="equal"),
        pytest.param(SESSION | {"CSRF": TOKEN}, "", True, id="cookie only"),
        pytest.param(SESSION | {"CSRF": TOKEN}, TOKEN[:-1] + "0", True, id="another value"),
        pytest.param(SESSION | {"CSRF": TOKEN}, TOKEN.upper(), True, id="another case"),
        pytest.param(SESSION | {"CSRF": ""}, "", True, id="both empty"),
        pytest.param(SESSION, TOKEN, True, id="header only"),
        pytest.param(SESSION, "", True, id="neither, which Rancher lets pass"),
        pytest.param(SESSION | {"CSRF": "ö"}, "ö", False, id="not ASCII"),
        pytest.param({}, "", False, id="no session: a token, or Kubernetes' word"),
        pytest.param({"CSRF": TOKEN}, "", False, id="no session but the other cookie"),
    ],
)
def test_a_write_with_a_session_shows_the_token(method: str, cookies: dict[str, str], header: str, refused: bool) -> None:
    assert is_refused(method, cookies, header) == refused


@pytest.mark.parametrize(("method", "cookies"), list(itertools.product(["GET", "HEAD", "OPTIONS"], [SESSION, {}])))
def test_a_read_needs_none(method: str, cookies: dict[str, str]) -> None:
    assert not is_refused(method, cookies, "")


def test_the_refusal_is_rancher_s_and_shows_no_token() -> None:
    with pytest.raises(InvalidCSRFToken) as caught:
        check("POST", SESSION | {"CSRF": TOKEN}, "other")
    assert (caught.value.status, caught.value.code) == (422, "InvalidCSRFToken")
    assert TOKEN not in str(caught.value) and "secret" not in str(caught.value)
