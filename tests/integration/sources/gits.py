"""Git on loopback: over HTTP, over ssh and by its own protocol. Git itself does the work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh

from tests.integration.sources.servers import Answer, Handler, Server


def git_http(root: Path, *, login: str = "", tls: ssl.SSLContext | None = None, api: dict[str, Answer] | None = None) -> Server:
    """Git's smart HTTP over `git http-backend` for the repositories below `root`; `api` answers POSTs at its paths."""

    class Git(Handler):
        def do_GET(self) -> None:  # noqa: N802
            if self.let_in():
                self.backend(b"")

        def do_POST(self) -> None:  # noqa: N802
            body = self._body()
            if self.path in (api or {}):
                (api or {})[self.path](self)
            elif self.let_in():
                self.backend(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            whole = b""
            while size := int(self.rfile.readline(), 16):
                whole += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return whole

        def backend(self, body: bytes) -> None:
            parts = urlsplit(self.path)
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": parts.path,
                "QUERY_STRING": parts.query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True, check=False).stdout
            head, _, rest = out.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
            self.reply(int(headers.pop("Status", "200").split()[0]), rest, headers)

    Git.login = login
    return Server(Git, tls)


class SSHServer:
    """An ssh server that runs git for one public key. `known_hosts` is its line for that file."""

    def __init__(self, root: Path, client: asyncssh.SSHKey) -> None:
        self.users: list[str] = []
        self._root = root
        self._client = client
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._serving: set[asyncio.Task[None]] = set()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    @property
    def known_hosts(self) -> bytes:
        public = self._host_key.export_public_key().decode().strip()
        return f"[localhost]:{self.port} {public}\n[ssh.test]:{self.port} {public}\n".encode()

    def url(self, name: str, host: str = "localhost") -> str:
        return f"ssh://git@{host}:{self.port}/{name}"

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        keys = asyncssh.import_authorized_keys(self._client.export_public_key().decode())

        async def start() -> None:
            server = await asyncssh.listen(
                "127.0.0.1", 0, server_host_keys=[self._host_key], authorized_client_keys=keys, process_factory=self._serve, encoding=None
            )
            self.port = server.get_port()
            self._server = server
            ready.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()
        self._server.close()
        self._loop.run_until_complete(self._server.wait_closed())
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        """A git whose client went away is reaped before its loop closes; nobody could afterwards."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await asyncio.sleep(0.1)

    async def _serve(self, process: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        program, _, path = (process.command or "").partition(" ")
        self.users.append(process.get_extra_info("username"))
        if program != "git-upload-pack":
            process.exit(1)
            return
        folder = self._root / path.strip("'").lstrip("/")
        env = {"PATH": os.environ["PATH"], "GIT_PROTOCOL": process.env.get("GIT_PROTOCOL", "")}
        pipe = asyncio.subprocess.PIPE
        git = await asyncio.create_subprocess_exec("git", "upload-pack", str(folder), stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        assert git.stdin is not None
        receiving = asyncio.create_task(_copy(process.stdin, git.stdin))
        try:
            await asyncio.gather(_copy(git.stdout, process.stdout), _copy(git.stderr, process.stderr))
        except asyncio.CancelledError:
            git.kill()
            raise
        finally:
            receiving.cancel()
            git.stdin.close()
            status = await git.wait()
        process.exit(status)


@contextlib.contextmanager
def git_daemon(root: Path) -> Iterator[int]:
    """`git daemon` for the repositories below `root`, one a connection, so that the port is never somebody else's; yields it."""
    command = ["git", "daemon", "--inetd", "--export-all", f"--base-path={root}", str(root)]

    class Daemon(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            subprocess.run(command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, check=False)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Daemon) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


async def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.write_eof()
