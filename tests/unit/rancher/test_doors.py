"""Which door a request comes by, and whom it lets in: one identity, or nobody."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from extension.objects.errors import Unauthorized, Unavailable
from extension.rancher.csrf import InvalidCSRFToken
from extension.rancher.doors import SECONDS, Arrival, Doors
from extension.rancher.identity import Identity
from extension.rancher.requestheader import Config, configured
from extension.rancher.reviewing import Reviews
from tests.fakes.clock import Clock
from tests.unit.rancher.test_requestheader import DATA, PROXY

TOKEN = "token-x:secret"
RANCHERS, KUBERNETES = Identity("u-rancher"), Identity("u-kubernetes")
REMOTE = (("X-REMOTE-USER", "u-kubernetes"),)
COOKIE = {"R_SESS": TOKEN}


@pytest.fixture
def config() -> Config:
    return configured(DATA)


def no_reviews() -> Reviews:
    return Reviews(lambda path, body: {})


def doors(clock: Clock | None = None) -> Doors:
    return Doors(no_reviews(), {TOKEN: RANCHERS}.get, clock or Clock())


def basic(text: str, encode: Any = base64.b64encode) -> str:
    return f"Basic {encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"common_name": PROXY, "headers": REMOTE}, KUBERNETES, id="(a) the API server's word"),
        pytest.param({"common_name": PROXY, "headers": REMOTE, "cookies": COOKIE}, KUBERNETES, id="(a) a browser's session goes along"),
        pytest.param({"common_name": PROXY, "headers": REMOTE, "authorization": f"Bearer {TOKEN}"}, KUBERNETES, id="(a) before a token"),
        pytest.param({"common_name": PROXY, "headers": ()}, None, id="(a) no user"),
        pytest.param({"common_name": PROXY, "headers": (), "cookies": COOKIE}, None, id="(a) no user, and the session is none instead"),
        pytest.param({"common_name": PROXY, "headers": (("X-REMOTE-USER", "system:anonymous"),)}, None, id="(a) anonymous"),
        pytest.param({"common_name": "kubelet", "headers": REMOTE}, None, id="(a) a name that is not allowed"),
        pytest.param({"common_name": None, "headers": REMOTE}, None, id="forged headers without a certificate"),
        pytest.param({"headers": (("IMPERSONATE-USER", "admin"),)}, None, id="forged impersonation"),
        pytest.param({"headers": REMOTE, "authorization": f"Bearer {TOKEN}"}, RANCHERS, id="forged headers beside a token"),
        pytest.param({"cookies": COOKIE}, RANCHERS, id="(b) a session"),
        pytest.param({"cookies": {"R_SESS": "token-x:other"}}, None, id="(b) another session"),
        pytest.param({"cookies": {"CSRF": "x"}}, None, id="(b) no session"),
        pytest.param({"cookies": COOKIE, "authorization": "Bearer token-x:other"}, None, id="a session counts only without Authorization"),
        pytest.param({"authorization": f"Bearer {TOKEN}"}, RANCHERS, id="(c) a token"),
        pytest.param({"authorization": f"bearer  {TOKEN}"}, RANCHERS, id="(c) in lower case"),
        pytest.param({"authorization": basic(TOKEN)}, RANCHERS, id="(c) name and secret"),
        pytest.param({"authorization": basic(TOKEN, base64.urlsafe_b64encode).rstrip("=")}, RANCHERS, id="(c) URL-safe, no padding"),
        pytest.param({"authorization": basic("token-x")}, None, id="(c) no secret"),
        pytest.param({"authorization": "Basic !!!"}, None, id="(c) no base64"),
        pytest.param({"authorization": f"Digest {TOKEN}"}, None, id="(c) another scheme"),
        pytest.param({"authorization": "Bearer"}, None, id="(c) nothing"),
        pytest.param({}, None, id="nobody"),
    ],
)
def test_a_request_is_from_one_user_or_from_nobody(config: Config, parts: dict[str, Any], expected: Identity | None) -> None:
    arrival = Arrival("GET", config=config if parts.get("common_name") else None, **parts)
    if expected is None:
        with pytest.raises(Unauthorized) as caught:
            doors().identify(arrival)
        assert "secret" not in str(caught.value)
    else:
        assert doors().identify(arrival)[0] == expected


def test_where_no_credentials_are_taken_only_kubernetes_opens(config: Config) -> None:
    shut = Doors(no_reviews(), None)
    with pytest.raises(Unauthorized):
        shut.identify(Arrival("GET", authorization=f"Bearer {TOKEN}"))
    assert shut.identify(Arrival("GET", REMOTE, common_name=PROXY, config=config))[0] == KUBERNETES


@pytest.mark.parametrize("with_certificate", [True, False])
def test_a_write_with_a_session_needs_the_csrf_token_by_every_door(config: Config, with_certificate: bool) -> None:
    more: dict[str, Any] = {"headers": REMOTE, "common_name": PROXY, "config": config} if with_certificate else {}
    with pytest.raises(InvalidCSRFToken):
        doors().identify(Arrival("DELETE", cookies=COOKIE, **more))
    doors().identify(Arrival("DELETE", cookies=COOKIE | {"CSRF": "x"}, csrf="x", **more))
    doors().identify(Arrival("GET", cookies=COOKIE, **more))


def test_what_kubernetes_said_is_good_for_a_minute(config: Config) -> None:
    clock = Clock()
    _, again = doors(clock).identify(Arrival("GET", REMOTE, common_name=PROXY, config=config))
    clock.pass_(SECONDS - 1)
    assert again() == KUBERNETES
    clock.pass_(1)
    assert again() is None


def test_a_credential_is_asked_for_again() -> None:
    known: dict[str, Identity] = {TOKEN: RANCHERS}
    _, again = Doors(no_reviews(), known.get).identify(Arrival("GET", cookies=COOKIE))
    assert again() == RANCHERS
    known.clear()
    assert again() is None


def test_an_outage_is_no_answer() -> None:
    def away(_: str) -> Identity | None:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        Doors(no_reviews(), away).identify(Arrival("GET", cookies=COOKIE))


def test_an_arrival_never_shows_its_credentials() -> None:
    assert "secret" not in repr(Arrival("GET", authorization=f"Bearer {TOKEN}", cookies=COOKIE))


def test_a_configuration_is_told_from_another(config: Config) -> None:
    assert msgspec.structs.replace(config, ca="other") != config
