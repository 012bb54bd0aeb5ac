"""The git program: its environment, its credentials, and what its complaints mean.

git reads many files and variables and starts many helpers; here it gets an empty home, no system configuration, no
prompt, the transports that were allowed, and everything else through variables, never on the command line, where other
processes could read it. HTTP redirects are not followed: whoever calls resolves them over `http` first.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from extension.objects.errors import Conflict, Hop, Invalid, Unavailable, UserError
from extension.sources import connect, process
from extension.sources.credentials import BasicAuth, GitAccess, SSHKey
from extension.sources.network import Network
from extension.sources.process import Limits
from extension.sources.remote import Remote, redact

_KEPT = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
_DENIED: tuple[str, str, Hop] = (
    "the credentials were refused",
    "check the clientSecretName secret and its rights to the repository",
    "credentials",
)
_MEANINGS: tuple[tuple[str, tuple[str, str, Hop]], ...] = (  # the first that matches what git said
    (r"no space left|disk quota|file too large", ("the disk of the service is full", "free space below the service's state folder", "")),
    (
        r"host key verification failed|host key is known",
        ("its host key is not trusted", "put the host's line of `ssh-keyscan` into known_hosts", "identity"),
    ),
    (
        r"error in libcrypto|invalid format|incorrect passphrase",
        ("the private key can't be used", "store an unencrypted key in ssh-privatekey", "credentials"),
    ),
    (
        r"could not resolve (host|proxy)|not known|temporary failure in name|unable to look up",
        ("the host is unknown", "check the URL and DNS", "address"),
    ),
    (
        r"certificate|ssl[ _:]|gnutls|openssl",
        ("the server's certificate is not trusted", "put the server's CA into caBundle, or set insecureSkipTLSVerify", "identity"),
    ),
    (
        r"authentication failed|permission denied|access denied|could not read (username|password)|returned error: 40[13]",
        _DENIED,
    ),
    (
        r"not found|does not appear to be a git repo|does not exist|not exported|no such file",
        ("there is no such repository, or no right to see it", "check spec.repo and the secret", "repository"),
    ),
    (
        r"refused|timed out|unreachable|failed to connect|couldn't connect|connection reset|hung up|does not connect",
        ("it can't be reached", "check the URL, the network and the proxy settings", "connection"),
    ),
)
_MISSING = re.compile(
    r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref|dumb http transport|remote error: upload-pack"
)

_REJECTED = re.compile(r"! \[(?P<remote>remote )?rejected\].*\((?P<why>.*)\)")
_MOVED = re.compile(r"cannot lock ref|failed to update ref|incorrect old value")


class MissingObject(Exception):
    """The server does not hand out the wanted commit by its hash."""


class GitCommand:
    """Runs git. `home` is a folder of its own; `silence` the seconds without a sign of life, `seconds` those in all."""

    def __init__(
        self,
        home: Path,
        network: Network,
        *,
        silence: float = 30.0,
        seconds: float = 600.0,
        file_size: int = 4 * 1024**3,
        allow_file: bool = False,
    ) -> None:
        self._home = home
        self._network = network
        self._silence = silence
        self._limits = Limits(seconds=seconds, silence=silence, file_size=file_size)
        self._protocols = ":".join(("https", "http", "ssh", "git", *(("file",) if allow_file else ())))

    def local(self, args: Sequence[str], folder: Path, output: int = 64 * 1024 * 1024) -> bytes:
        """git in a mirror, without network. Raises process.Failed, process.Timeout, process.TooMuchOutput, Unavailable."""
        limits = Limits(seconds=self._limits.seconds, output=output)
        try:
            return process.run(("git", *args), env=self._environ(()), cwd=folder, limits=limits)
        except OSError as error:
            raise _not_started(error) from None

    def remote(self, args: Sequence[str], remote: Remote, access: GitAccess, folder: Path | None = None, *, polling: bool = False) -> bytes:
        """git with `remote`'s server; `args` end with what follows the URL. Raises UserError, MissingObject."""
        limits = msgspec.structs.replace(self._limits, seconds=self._silence, silence=0.0) if polling else self._limits
        try:
            with self._connection(remote, access) as environ:
                return process.run(("git", *args), env=environ, cwd=folder or self._home, limits=limits)
        except process.Timeout as error:
            hint = "check that the server works and its address is reachable"
            raise Unavailable(f"no answer within {error.args[0]:g} s", where=str(remote), hint=hint, hop="connection") from None
        except process.TooMuchOutput:
            raise Invalid("the server lists too many references", where=str(remote), hint="delete stale branches") from None
        except process.Failed as error:
            raise self._explain(error, remote, access) from None
        except OSError as error:
            raise _not_started(error) from None

    @contextlib.contextmanager
    def _connection(self, remote: Remote, access: GitAccess) -> Iterator[dict[str, str]]:
        """The environment for talking to `remote`; key files live as long as it does."""
        proxy = "" if remote.scheme == "file" else self._network.proxies.between(*remote.origin)
        addresses: tuple[str, ...] = ()
        if remote.scheme != "file":
            self._network.reach.check_name(remote.host, str(remote))
            addresses = () if proxy else self._network.reach.resolve(remote.host, remote.port, str(remote))
        self._home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._home) as scratch:
            if remote.scheme == "ssh":
                yield self._ssh(remote, access, proxy, Path(scratch))
            elif remote.scheme == "git":
                yield self._environ((("core.gitProxy", str(_connector(Path(scratch)))),) if proxy else (), proxy, self._network.ca.file())
            else:
                yield self._environ(self._http(remote, access, proxy, addresses))

    def _http(self, remote: Remote, access: GitAccess, proxy: str, addresses: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
        if remote.scheme == "file":
            return ()
        cafile = self._network.ca.file(access.tls.ca_bundle, "spec.caBundle")
        host = f"[{remote.host}]" if ":" in remote.host else remote.host
        settings = [
            ("http.followRedirects", "false"),
            ("http.proxy", proxy),
            ("http.proxySSLCAInfo", cafile),
            ("http.sslCAInfo", cafile),
            ("http.sslVerify", "false" if access.tls.insecure else "true"),
        ]
        if addresses:
            settings.append(("http.curloptResolve", f"{remote.host}:{remote.port}:{','.join(addresses)}"))
        auth = access.credentials
        if isinstance(auth, BasicAuth):
            header = auth.bound_to(remote.origin).header
            settings.append((f"http.{remote.scheme}://{host}:{remote.port}/.extraHeader", f"Authorization: {header}"))
        return tuple(settings)

    def _ssh(self, remote: Remote, access: GitAccess, proxy: str, scratch: Path) -> dict[str, str]:
        key = access.credentials
        if not isinstance(key, SSHKey):
            hint = "name a secret of type kubernetes.io/ssh-auth in clientSecretName"
            raise Invalid("an ssh URL needs a private key", where=str(remote), field="spec.clientSecretName", hint=hint)
        hosts = key.known_hosts or access.known_hosts
        if access.strict_host_keys and not hosts.strip():
            hint = "add known_hosts to the secret (`ssh-keyscan HOST`), or to the ConfigMap known-hosts"
            raise Invalid("no host keys are known, so the server can't be told from another", where=str(remote), hint=hint)
        for name, data in (("key", key.private_key), ("known_hosts", hosts)):
            with os.fdopen(os.open(scratch / name, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(data)
        options = {
            "IdentityFile": str(scratch / "key"),
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "BatchMode": "yes",
            "UserKnownHostsFile": str(scratch / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes" if access.strict_host_keys else "no",
            "UpdateHostKeys": "no",
            "ConnectTimeout": str(max(1, int(self._silence))),
            "LogLevel": "ERROR",
            **({"ProxyCommand": f"{shlex.quote(str(_connector(scratch)))} %h %p"} if proxy else {}),
        }
        words = ["ssh", "-F", "/dev/null", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
        return {**self._environ((), proxy, self._network.ca.file()), "GIT_SSH_COMMAND": shlex.join(words), "GIT_SSH_VARIANT": "ssh"}

    def _environ(self, settings: Sequence[tuple[str, str]], proxy: str = "", cafile: str = "") -> dict[str, str]:
        fixed = (("protocol.version", "2"), ("gc.auto", "0"), ("maintenance.auto", "false"), ("core.hooksPath", "/dev/null"))
        environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environ |= {
            "HOME": str(self._home),
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ALLOW_PROTOCOL": self._protocols,
            "GIT_CONFIG_COUNT": str(len(fixed) + len(settings)),
        }
        for number, (name, value) in enumerate((*fixed, *settings)):
            environ |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        return environ | ({connect.PROXY: proxy, connect.CAFILE: cafile} if proxy else {})

    def _explain(self, error: process.Failed, remote: Remote, access: GitAccess) -> UserError | MissingObject:
        """What git's complaint means, without anything secret in it."""
        told = scrub(error.stderr, access)
        if "died of signal 25" in told or error.status == -25:
            limit = self._limits.file_size
            return Invalid(
                f"the repository is larger than the {limit} bytes allowed", where=str(remote), hint="split it, or raise the limit"
            )
        rejected = _REJECTED.search(told)
        if rejected:
            return _refused(rejected["why"], bool(rejected["remote"]) and not _MOVED.search(rejected["why"]), remote)
        if _MISSING.search(told):
            return MissingObject(told)
        line, told = _last_line(told), told.replace(remote.url, "")
        for pattern, (why, hint, hop) in _MEANINGS:
            if re.search(pattern, told, re.IGNORECASE):
                return Unavailable(f"{why}: {line}", where=str(remote), hint=hint, hop=self._behind(remote, hop))
        return Unavailable(f"git failed: {line}", where=str(remote), hint="look at the server's log, or try the same with git")

    def _behind(self, remote: Remote, hop: Hop) -> Hop:
        """The hop, which is the proxy's where there is one and nobody was connected to."""
        proxied = hop in ("address", "connection") and remote.scheme != "file" and self._network.proxies.between(*remote.origin)
        return "proxy" if proxied else hop


def _refused(why: str, by_rule: bool, remote: Remote) -> UserError:
    """Why a push was not taken: by a rule of the server, else because somebody else pushed meanwhile."""
    if not by_rule:
        return Conflict(f"the branch has moved: {why}", where=str(remote), hint="it is tried again from the new commit")
    hint = "let the user of the clientSecretName secret push to the branch, or name another in spec.branch"
    return Unavailable(f"the server refuses the push: {why}", where=str(remote), hint=hint)


def scrub(text: str, access: GitAccess) -> str:
    """`text` without the credentials of `access` and those in URLs."""
    auth = access.credentials
    for secret in (auth.password, auth.bound_to(_NOWHERE).header) if isinstance(auth, BasicAuth) else ():
        text = text.replace(secret, "***") if secret else text
    return redact(text)


_NOWHERE = Remote("https", "", 443, "", "").origin


def _last_line(text: str) -> str:
    """The line that says most: the last `fatal:` or `error:` one, else the last."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    telling = [line for line in lines if re.match(r"(fatal|error|ssh|remote: |Permission|Host key|no .* host key)", line, re.IGNORECASE)]
    chosen = (telling or lines or ["it said nothing"])[-1]
    return chosen[:300]


def _connector(scratch: Path) -> Path:
    """A program that pipes to a host and port through the proxy; git and ssh start it."""
    path = scratch / "connect"
    if not path.exists():
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I {shlex.quote(connect.__file__)} "$@"\n')
        path.chmod(0o700)
    return path


def _not_started(error: OSError) -> Unavailable:
    if error.filename in ("git", "sh"):
        return Unavailable(f"git can't be started: {error.strerror}", hint="install git and openssh-client where the service runs")
    hint = "free space below the service's state folder, and check its permissions"
    return Unavailable(f"the state folder can't be used: {error.strerror}", hint=hint)
