"""The options every online verb has, and what is said when whoever answers is not the service, or nobody does."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
import trustme
from click.testing import CliRunner

from extension.cli import VERBS, Verbs, main

SECRET = "token-abc:not-to-be-shown"
UNSET = ("RANCHER_CD_URL", "RANCHER_CD_TOKEN", "RANCHER_CD_TOKEN_FILE", "NAMESPACE")
OFFLINE = {"agent", "backup", "deploy", "doctor", "restore", "serve"}
EMPTY = {"type": "collection", "data": []}


@dataclass
class Answering:
    """A server that answers every request alike and keeps what it was sent."""

    url: str
    sent: list[tuple[str, Message]] = field(default_factory=list)


@contextmanager
def answering(body: Any, status: int = 200, tls: ssl.SSLContext | None = None, **headers: str) -> Iterator[Answering]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.sent.append((self.path, self.headers))
            data = body.encode() if isinstance(body, str) else json.dumps(body(self.path) if callable(body) else body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        found = Answering(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that trusts nobody hangs up
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield found
        server.shutdown()


def attempt(*arguments: str, **environment: str) -> Any:
    return CliRunner().invoke(main, arguments, env={**dict.fromkeys(UNSET), **environment})


def test_every_online_verb_takes_the_same_options() -> None:
    def leaves(verb: click.Command) -> list[click.Command]:
        return [leaf for one in verb.commands.values() for leaf in leaves(one)] if isinstance(verb, click.Group) else [verb]

    context = click.Context(main)
    group = main
    assert isinstance(group, Verbs)
    for name in VERBS.keys() - OFFLINE:
        verb = group.get_command(context, name)
        assert verb is not None
        for leaf in leaves(verb):
            taken = {option for parameter in leaf.params for option in parameter.opts}
            assert taken >= {"--url", "--token", "--token-file", "--ca-file", "--insecure-skip-tls-verify"}, leaf.name


@pytest.mark.parametrize(
    ("flags", "environment", "sent"),
    [
        (["--token", "flag"], {}, "flag"),
        (["--token-file", "FILE"], {}, "file"),
        ([], {"RANCHER_CD_TOKEN": "variable"}, "variable"),
        ([], {"RANCHER_CD_TOKEN_FILE": "FILE"}, "file"),
        ([], {"RANCHER_CD_TOKEN": "variable", "RANCHER_CD_TOKEN_FILE": "FILE"}, "variable"),
        (["--token", "flag"], {"RANCHER_CD_TOKEN": "variable", "RANCHER_CD_TOKEN_FILE": "FILE"}, "flag"),
        (["--token-file", "FILE"], {"RANCHER_CD_TOKEN": "variable"}, "file"),
    ],
)
def test_a_flag_wins_over_a_variable_and_a_token_over_its_file(
    flags: list[str], environment: dict[str, str], sent: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("file\n")
    with answering(EMPTY) as server:
        given = {name: value.replace("FILE", str(file)) for name, value in environment.items()}
        result = attempt("get", "cm", *(flag.replace("FILE", str(file)) for flag in flags), RANCHER_CD_URL=server.url, **given)
    assert result.exit_code == 0, result.output
    assert server.sent[0][1]["Authorization"] == f"Bearer {sent}"


def test_a_netrc_never_replaces_the_token(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    with answering(EMPTY) as server:
        attempt("get", "cm", "--url", server.url, "--token", "mine", NETRC=str(tmp_path / "netrc"))
    assert server.sent[0][1]["Authorization"] == "Bearer mine"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--token", SECRET, "--token-file", "FILE"),
        ("--token", f"{SECRET}\nmore"),
        ("--token", f"{SECRET}☃"),
        ("--token-file", "LINES"),
        ("--token-file", "EMPTY"),
        ("--token-file", "no-such-file"),
        ("--url", f"http://someone:{SECRET}@127.0.0.1"),
        ("--url", f"someone:{SECRET}@127.0.0.1"),
        ("--url", "127.0.0.1:8080"),
        ("--url", "ftp://127.0.0.1"),
        ("--url", "http://[::1"),
        ("--url", "http://127.0.0.1:99999"),
        ("--url", "https://"),
    ],
)
def test_what_can_not_be_a_url_or_token_is_wrong_usage_and_never_repeated(arguments: tuple[str, ...], tmp_path: Path) -> None:
    for name, text in (("FILE", SECRET), ("LINES", f"{SECRET}\n{SECRET}"), ("EMPTY", "\n")):
        (tmp_path / name).write_text(text)
    result = attempt("get", "cm", *(str(tmp_path / one) if one.isupper() else one for one in arguments))
    assert result.exit_code == 2, result.output
    assert "Error: " in result.output and "not-to-be-shown" not in result.output


ELSEWHERE = "is --url or RANCHER_CD_URL that of the service?"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("<html>Welcome</html>", 200, "status 200 and no answer of this API"),
        ("<html>Bad gateway</html>", 502, "status 502 and no answer of this API"),
        ("not found", 404, "status 404 and no answer of this API"),
        ([], 200, "status 200 and no answer of this API"),
        ({"kind": "Status", "code": 403}, 403, "status 403 and no answer of this API"),
    ],
)
def test_who_answers_but_is_not_the_service_is_told_apart(body: Any, status: int, said: str) -> None:
    with answering(body, status) as server:
        result = attempt("get", "cm", "--url", server.url, "--token", SECRET)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {server.url} answers GET /v1/configmaps/fleet-default with {said}; {ELSEWHERE}\n"


def test_a_redirect_is_told_and_not_followed() -> None:
    with answering(EMPTY) as other, answering("", 301, Location=f"{other.url}/v1") as server:
        result = attempt("token", "create", "x", "--url", server.url, "--token", SECRET)
    assert result.exit_code == 1 and f"a redirect to {other.url}/v1; {ELSEWHERE}" in result.stderr
    assert not other.sent


def test_nobody_listening_is_said_with_the_address_and_the_way_out() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        result = attempt("get", "cm", "--url", url)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {url} can't be reached: connection refused; is the service running, and --url or RANCHER_CD_URL right?\n"
    )


def test_a_certificate_is_trusted_when_it_is_named_or_when_told_to_whatever_the_environment_says(tmp_path: Path) -> None:
    mine, other = trustme.CA(), trustme.CA()
    for name, authority in (("mine.pem", mine), ("other.pem", other)):
        authority.cert_pem.write_to_path(str(tmp_path / name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mine.issue_cert("127.0.0.1").configure_cert(context)
    environment = {"REQUESTS_CA_BUNDLE": str(tmp_path / "other.pem")}
    with answering(EMPTY, tls=context) as server:
        unknown = attempt("get", "cm", "--url", server.url, **environment)
        named = attempt("get", "cm", "--url", server.url, "--ca-file", str(tmp_path / "mine.pem"), **environment)
        told = attempt("get", "cm", "--url", server.url, "--insecure-skip-tls-verify", **environment)
    assert unknown.exit_code == 1 and "certificate verify failed" in unknown.stderr and "--ca-file" in unknown.stderr
    assert (named.exit_code, told.exit_code) == (0, 0), named.output + told.output


def test_a_list_is_read_page_after_page() -> None:
    def page(path: str) -> dict[str, Any]:
        name = "second" if "continue=next" in path else "first"
        more = {"continue": "next"} if name == "first" else {}
        return {"type": "collection", "data": [{"metadata": {"name": name}}], **more}

    with answering(page) as server:
        result = attempt("get", "cm", "-o", "name", "--url", server.url)
    assert result.stdout == "configmap/first\nconfigmap/second\n"


def test_offline_verbs_ask_nobody(tmp_path: Path) -> None:
    (tmp_path / "cm.yaml").write_text("kind: ConfigMap\n")
    clusters = tmp_path / "clusters.yaml"
    clusters.write_text("kind: Cluster\nmetadata: {name: one}\n")
    with answering(EMPTY) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        applied = attempt("apply", "-o", "bundle.yaml", "demo", ".", RANCHER_CD_URL=server.url)
        targeted = attempt("target", "-b", "bundle.yaml", "--clusters", str(clusters), RANCHER_CD_URL=server.url)
    assert (applied.exit_code, targeted.exit_code) == (0, 0), applied.output + targeted.output
    assert not server.sent
