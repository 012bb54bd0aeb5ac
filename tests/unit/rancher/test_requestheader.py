"""Whom the aggregation layer's headers name, and who may send them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from extension.objects.errors import Invalid
from extension.rancher.identity import Identity, is_somebody
from extension.rancher.requestheader import Config, configured, identity

DATA = {
    "client-ca-file": "another",
    "requestheader-client-ca-file": "PEM",
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
}
PROXY = "front-proxy-client"
USER = ("X-REMOTE-USER", "u-abc")


@pytest.fixture
def config() -> Config:
    return configured(DATA)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param([USER], Identity("u-abc"), id="a user alone"),
        pytest.param([("x-remote-user", "u-abc")], Identity("u-abc"), id="names in any case"),
        pytest.param([*[USER], ("X-REMOTE-UID", "7")], Identity("u-abc", "7"), id="a uid"),
        pytest.param(
            [USER, ("X-REMOTE-GROUP", "cn=team,ou=x,dc=y"), ("X-REMOTE-GROUP", "system:authenticated")],
            Identity("u-abc", groups=("cn=team,ou=x,dc=y", "system:authenticated")),
            id="a group with commas is one, repeated headers are many",
        ),
        pytest.param(
            [USER, ("X-REMOTE-EXTRA-PRINCIPALID", "local://u-abc"), ("X-REMOTE-EXTRA-EXAMPLE.ORG%2FTEAM", "a"),
             ("X-REMOTE-EXTRA-EXAMPLE.ORG%2FTEAM", "b")],
            Identity("u-abc", extra=(("example.org/team", ("a", "b")), ("principalid", ("local://u-abc",)))),
            id="extras with percent-encoded keys in lower case and several values",
        ),
        pytest.param([USER, ("X-REMOTE-EXTRA-A%ZZ", "1")], Identity("u-abc", extra=(("a%zz", ("1",)),)), id="a key that is not encoded"),
        pytest.param([("X-REMOTE-USER", "J\u00c3\u00b6rg")], Identity("Jörg"), id="UTF-8 read as Latin-1"),
        pytest.param([("X-REMOTE-USER", "J\u00f6rg")], Identity("Jörg"), id="Latin-1"),
        pytest.param([("X-REMOTE-USER", "")], None, id="an empty user"),
        pytest.param([("X-REMOTE-USER", "  ")], None, id="a blank user"),
        pytest.param([("X-REMOTE-GROUP", "system:masters")], None, id="no user"),
        pytest.param([("X_REMOTE_USER", "admin")], None, id="underscores are another header"),
        pytest.param([("IMPERSONATE-USER", "admin")], None, id="impersonation is nobody's business here"),
        pytest.param([], None, id="nothing"),
    ],
)  # fmt: skip
def test_the_headers_name_the_user(config: Config, headers: list[tuple[str, str]], expected: Identity | None) -> None:
    assert identity(headers, PROXY, config) == expected


@pytest.mark.parametrize(
    ("allowed", "name", "is_known"),
    [
        pytest.param((PROXY,), PROXY, True, id="its name"),
        pytest.param((PROXY, "other"), "other", True, id="one of several"),
        pytest.param((PROXY,), "kubelet", False, id="another name"),
        pytest.param((PROXY,), "", False, id="no name"),
        pytest.param((PROXY,), None, False, id="no certificate"),
        pytest.param((), "anything", True, id="an empty list is any name"),
        pytest.param((), "", True, id="an empty list is even no name"),
        pytest.param((), None, False, id="an empty list is not no certificate"),
    ],
)
def test_only_an_allowed_certificate_speaks_for_users(config: Config, allowed: tuple[str, ...], name: str | None, is_known: bool) -> None:
    config = msgspec.structs.replace(config, allowed_names=allowed)
    assert (identity([USER], name, config) is not None) == is_known


def test_the_first_header_that_names_a_user_counts(config: Config) -> None:
    config = msgspec.structs.replace(config, users=("x-first", "x-remote-user"))
    assert identity([USER, ("X-FIRST", "one")], PROXY, config) == Identity("one")
    assert identity([USER, ("X-FIRST", "")], PROXY, config) == Identity("u-abc")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"requestheader-client-ca-file": ""}, "no request-header CA", id="no CA"),
        pytest.param({"requestheader-username-headers": "[]"}, "no request-header CA", id="no header for a user"),
        pytest.param({"requestheader-allowed-names": "front-proxy-client"}, "requestheader-allowed-names is no list", id="no JSON"),
        pytest.param({"requestheader-group-headers": "[7]"}, "requestheader-group-headers is no list", id="no texts"),
    ],
)
def test_a_configuration_that_trusts_nobody_is_refused(change: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        configured(DATA | change)
    assert said in str(caught.value) and "kube-system/extension-apiserver-authentication" in str(caught.value)


def test_an_older_api_server_names_no_header_for_uids() -> None:
    data = {key: value for key, value in DATA.items() if "uid" not in key}
    assert identity([USER, ("X-REMOTE-UID", "7")], PROXY, configured(data)) == Identity("u-abc")


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        pytest.param(Identity("u-abc"), True, id="a user"),
        pytest.param(Identity("system:serviceaccount:a:b"), True, id="a service account"),
        pytest.param(Identity(""), False, id="no name"),
        pytest.param(Identity("system:anonymous"), False, id="anonymous"),
        pytest.param(Identity("x", groups=("system:unauthenticated",)), False, id="not authenticated"),
        pytest.param(Identity("system:cattle:error", groups=("a", "system:unauthenticated")), False, id="Rancher's error"),
    ],
)
def test_users_that_stand_for_nobody_are_nobody(who: Any, expected: bool) -> None:
    assert is_somebody(who) == expected
