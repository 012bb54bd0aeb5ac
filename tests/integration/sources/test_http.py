"""The one HTTP client: redirects, limits, repeats, and who sees credentials."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Callable

import pytest

from extension.objects.errors import Forbidden, Invalid, Unavailable
from extension.sources.credentials import BasicAuth
from extension.sources.reach import Reach
from tests.integration.sources.conftest import Sources
from tests.integration.sources.servers import Handler, Server, dripping_server, files, redirect, silent_server

Serving = Callable[[Server], Server]
BOB = BasicAuth("bob", "canary-password")


def test_credentials_stay_with_their_origin_over_redirects(sources: Sources, serving: Serving) -> None:
    target = serving(files({"/x": b"found"}))
    front = serving(redirect(lambda path: f"{target.url}{path}"))
    answer = sources.http.request("GET", f"{front.url}/x", auth=BOB.bound(front.url))
    assert answer.body == b"found"
    assert answer.url == f"{target.url}/x"
    assert len(front.credentials()) == 1
    assert target.credentials() == []


def test_a_redirect_within_the_origin_keeps_the_credentials(sources: Sources, serving: Serving) -> None:
    server = serving(
        files({"/y": b"found", "/x": lambda handler: handler.reply(302, b"", {"Location": "/y"})}, login="bob:canary-password")
    )
    assert sources.http.request("GET", f"{server.url}/x", auth=BOB.bound(server.url)).body == b"found"


def test_credentials_for_another_origin_are_not_sent_at_all(sources: Sources, serving: Serving) -> None:
    server = serving(files({"/x": b"found"}))
    sources.http.request("GET", f"{server.url}/x", auth=BOB.bound("http://elsewhere.example.com"))
    assert server.credentials() == []


def test_a_login_in_a_url_is_not_sent_by_itself(sources: Sources, serving: Serving) -> None:
    server = serving(files({"/x": b"found"}))
    sources.http.request("GET", f"http://bob:canary@localhost:{server.port}/x")
    assert server.credentials() == []


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ("http://169.254.169.254/latest/meta-data", Forbidden, "metadata"),
        ("file:///etc/passwd", Invalid, "is not an http"),
        ("ftp://localhost/x", Invalid, "is not an http"),
        ("gopher://localhost/x", Invalid, "is not an http"),
    ],
)
def test_a_redirect_is_checked_as_the_first_url_was(
    sources: Sources, serving: Serving, target: str, error: type[Exception], message: str
) -> None:
    server = serving(redirect(lambda _: target))
    with pytest.raises(error, match=message):
        sources.http.request("GET", f"{server.url}/x")


def test_endless_redirects_end(sources: Sources, serving: Serving) -> None:
    server = serving(redirect(lambda path: f"{path}x"))
    with pytest.raises(Unavailable, match="redirected more than 5 times"):
        sources.http.request("GET", f"{server.url}/x")


def test_a_redirect_from_https_to_http_is_refused(sources: Sources, serving: Serving, tls: ssl.SSLContext, authority: object) -> None:
    from extension.sources.trust import TLS

    plain = serving(files({"/x": b"found"}))
    secure = serving(files({"/x": lambda handler: handler.reply(302, b"", {"Location": f"{plain.url}/x"})}, tls=tls))
    with pytest.raises(Unavailable, match="redirected from https to an unencrypted URL"):
        sources.http.request("GET", f"{secure.url}/x", tls=TLS(insecure=True))
    assert plain.asked == []


def test_a_body_over_the_limit_is_refused_announced_or_not(sources: Sources, serving: Serving) -> None:
    def bomb(handler: Handler) -> None:
        handler.reply(200, gzip.compress(b"\0" * 5_000_000), {"Content-Encoding": "gzip"})

    server = serving(files({"/big": b"x" * 2000, "/bomb": bomb}))
    with pytest.raises(Invalid, match="the answer has 2000 bytes, more than the 1000 allowed"):
        sources.http.request("GET", f"{server.url}/big", limit=1000)
    with pytest.raises(Invalid, match="more than the 100000 bytes allowed"):
        sources.http.request("GET", f"{server.url}/bomb", limit=100_000)


@pytest.mark.parametrize(("method", "tries"), [("GET", 3), ("POST", 1)])
def test_only_what_changes_nothing_is_repeated(sources: Sources, serving: Serving, method: str, tries: int) -> None:
    server = serving(files({"/x": lambda handler: handler.reply(503, b"busy")}))
    with pytest.raises(Unavailable, match="answered 503 Service Unavailable"):
        sources.http.request(method, f"{server.url}/x", body=b"" if method == "POST" else None)
    assert len(server.asked) == tries


def test_a_server_that_recovers_is_asked_again(sources: Sources, serving: Serving) -> None:
    answers = [502, 200]
    server = serving(files({"/x": lambda handler: handler.reply(answers.pop(0), b"now")}))
    assert sources.http.request("GET", f"{server.url}/x").body == b"now"


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "wants other credentials"),
        (403, "have no right"),
        (404, "nothing at this URL"),
        (429, "limits how often"),
        (500, "server failed"),
    ],
)
def test_a_refusal_says_what_where_why_and_the_next_step(sources: Sources, serving: Serving, status: int, message: str) -> None:
    server = serving(files({"/x": lambda handler: handler.reply(status, b"canary body")}))
    with pytest.raises(Unavailable, match=message) as caught:
        sources.http.request("GET", f"http://bob:canary@localhost:{server.port}/x")
    assert caught.value.where == f"{server.url}/x"
    assert caught.value.hint
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("slow", [silent_server, dripping_server], ids=["silent", "dripping"])
def test_a_slow_server_ends_in_an_error_within_the_timeout(sources: Sources, slow: Callable[..., object]) -> None:
    with slow() as port:  # type: ignore[attr-defined]
        started = time.monotonic()
        with pytest.raises(Unavailable, match="no answer within"):
            sources.http.request("GET", f"http://localhost:{port}/x", timeout=1.0)
        assert time.monotonic() - started < 3


@pytest.mark.parametrize(("reach", "refused"), [(Reach(), False), (Reach(loopback=False), True), (Reach(private=False), False)])
def test_the_address_a_name_leads_to_decides(make_sources: Callable[..., Sources], serving: Serving, reach: Reach, refused: bool) -> None:
    server = serving(files({"/x": b"found"}))
    http = make_sources(reach=reach).http
    if refused:
        with pytest.raises(Forbidden):
            http.request("GET", f"{server.url}/x")
        assert server.asked == []
    else:
        assert http.request("GET", f"{server.url}/x").body == b"found"
