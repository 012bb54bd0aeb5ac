"""A service behind TLS and agents that are programs of their own, as people start them."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from tests.integration.service.running import START as SERVE
from tests.integration.service.running import Service, start, wait_for

START = [sys.executable, "-c", "from extension.cli import main; main()", "agent"]
WORKSPACE = "fleet-default"
BUNDLES, CLUSTERS = "/v1/fleet.cattle.io.bundles", "/v1/fleet.cattle.io.clusters"
TOKENS = "/v1/fleet.cattle.io.clusterregistrationtokens"


class Door(ThreadingHTTPServer):
    """HTTPS before the service, as an ingress is. While `shut` it answers nobody."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.target, self.shut = "", False
        self.asked: list[str] = []
        self.after = ""
        """In place of the seconds that the service tells until the next check-in."""
        self.trouble: Callable[[], str] = lambda: ""
        """What goes wrong with a request, if anything."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def handle_error(self, *_args: Any) -> None:
        """Broken connections are part of these tests."""


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Door

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append(self.path)
        wrong = self.server.trouble()
        if self.server.shut or wrong == "lose":
            self.close_connection = True
            return
        if wrong == "hold":
            time.sleep(0.7)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection", "content-length")}
        try:
            if wrong == "twice":
                requests.request(self.command, f"{self.server.target}{self.path}", headers=headers, data=body, timeout=30)
            answer = requests.request(self.command, f"{self.server.target}{self.path}", headers=headers, data=body, timeout=30, stream=True)
            data = answer.raw.read()
        except requests.RequestException:
            self._answer(503, b"", ("Retry-After", "1"))
            return
        if wrong == "lose the answer":
            self.close_connection = True
            return
        if wrong in ("fail", "a page"):
            self._answer(500 if wrong == "fail" else 200, b"<html>Sorry</html>")
            return
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "server", "date"):
                self.send_header(name, self.server.after or value if name == "Check-In-After" else value)
        if answer.status_code != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815 (the names of http.server)

    def log_message(self, *_args: Any) -> None: ...


class World:
    """A service, its door, and what agents need to join."""

    def __init__(self, folder: Path, door: Door, ca: trustme.CA, command: Sequence[str]) -> None:
        self.folder, self.door, self._command = folder, door, command
        self.ca = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self.ca))
        self.begin()
        self._token = self.service.line("token: ")
        self.post(TOKENS, {"metadata": {"name": "join", "namespace": WORKSPACE}})
        wait_for(lambda: self.get(f"{TOKENS}/{WORKSPACE}/join").get("status", {}).get("secretName"), "the token's secret")
        told = self.call("POST", f"{TOKENS}/{WORKSPACE}/join?action=values")
        self.values = folder / "values.yaml"
        self.values.write_text(told.json()["values"])

    def begin(self) -> None:
        self.service: Service = start(
            self.folder / "state", "--server-url", self.door.url, "--server-ca", str(self.ca), command=self._command
        )
        wait_for(self.service.ready, "readiness")
        self.door.target = self.service.url

    def call(self, method: str, path: str, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token}", **body.pop("headers", {})}
        return requests.request(method, f"{self.service.url}{path}", headers=headers, timeout=30, **body)

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.ok, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        answer = self.call("POST", path, json=body)
        assert answer.ok, answer.text
        return answer.json()

    def bundle(self, name: str, value: str = "one", **spec: Any) -> None:
        """A bundle of one ConfigMap for every cluster; made, or with other content."""
        content = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{value: '{value}'}}\n"
        every = [{"clusterSelector": {}}]
        body = {
            "metadata": {"name": name, "namespace": WORKSPACE},
            "spec": {"resources": [{"name": "a.yaml", "content": content}], "targets": every, "targetRestrictions": every, **spec},
        }
        if self.call("PUT", f"{BUNDLES}/{WORKSPACE}/{name}", json=body, headers={"If-Match": "*"}).status_code == 404:
            self.post(BUNDLES, body)

    def clusters(self, workspace: str = WORKSPACE) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"{CLUSTERS}/{workspace}")["data"]
        return found

    def deployments(self, *names: str, workspace: str = WORKSPACE) -> dict[str, str]:
        """State by bundle, of the only cluster."""
        found = self.get("/v1/fleet.cattle.io.bundledeployments")["data"]
        return {one["metadata"]["name"]: one["status"].get("display", {}).get("state", "") for one in found}


class Agent:
    """One agent as a process of its own; stopped and started as often as wanted."""

    def __init__(self, world: World, folder: Path, *arguments: str) -> None:
        self.folder, self._arguments = folder, ("--values", str(world.values), "--state-dir", str(folder / "state"), *arguments)
        self.log = folder / "log"
        folder.mkdir(exist_ok=True)
        self.process: subprocess.Popen[str] | None = None

    def start(self, command: Sequence[str] = START, **environment: str) -> Agent:
        with self.log.open("a") as output:
            self.process = subprocess.Popen(
                [*command, *self._arguments], env={**os.environ, **environment}, stdout=output, stderr=subprocess.STDOUT, text=True
            )
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(30)


def audited(world: World) -> str:
    """What `rancher-cd doctor --audit` says beside the running service."""
    command = [*START[:-1], "doctor", "--audit", "--state-dir", str(world.service.state)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@contextmanager
def world_in(folder: Path, command: Sequence[str] = SERVE) -> Iterator[World]:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "hub.test").configure_cert(context)
    door = Door(context)
    made = World(folder, door, ca, command)
    try:
        yield made
    finally:
        made.service.stop()
        door.shutdown()
        door.server_close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with world_in(tmp_path) as made:
        yield made


@pytest.fixture
def agents(world: World, tmp_path: Path) -> Iterator[Callable[..., Agent]]:
    with ExitStack() as stack:

        def made(name: str, *arguments: str) -> Agent:
            agent = Agent(world, tmp_path / name, *arguments)
            stack.callback(lambda: agent.stop(signal.SIGKILL) if agent.process and agent.process.poll() is None else None)
            return agent

        yield made
