"""Repository URLs: which are taken, how they are shown, and when two name the same repository.

A URL comes from a user and ends on a command line of git and ssh, so it is parsed here once and refused unless it is
plainly one of the known forms: `ext::` and its like run programs, a leading dash is an option, `file:` reads the
service's own disk. Invariant: neither `str` nor `repr` of a Remote, nor any message, holds a password.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import msgspec

from extension.objects.errors import Hop, Invalid

Scheme = Literal["https", "http", "ssh", "git", "file"]

DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}
HINT = "use https://host/path, ssh://git@host/path or git@host:path"

_USERINFO = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)[^\s/?#@'\"]*(?:@[^\s/?#@'\"]*)*@")
_KEY = re.compile(r"(?<=[?&])sshkey=[^&\s]*")
_SCP = re.compile(r"(?:(?P<user>[^@:/\s]+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/\s\[\]]+):(?P<path>(?!//).+)", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_USER = re.compile(r"[A-Za-z0-9_.~+][A-Za-z0-9_.~+@-]*")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class Origin(NamedTuple):
    """Where credentials may go: a scheme, a host and a port, nothing else."""

    scheme: str
    host: str
    port: int


class Remote(msgspec.Struct, frozen=True):
    """A parsed repository URL. `url` is what git is given (never with a password), `key` what keys its mirror."""

    scheme: Scheme
    host: str
    port: int
    path: str
    url: str
    user: str = ""
    password: str = ""

    @property
    def key(self) -> str:
        """The normal form: equal for two spellings of one repository, for ssh with its user, never with a password."""
        user = f"{self.user}@" if self.scheme == "ssh" and self.user else ""
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme, 0) else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{user}{host}{port}{self.path.rstrip('/')}"

    @property
    def origin(self) -> Origin:
        return Origin(self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return redact(self.url)

    def __repr__(self) -> str:
        return f"Remote({self})"


def parse(url: str, *, allow_file: bool = False, field: str = "spec.repo") -> Remote:
    """The Remote a URL names. Raises Invalid, with the URL without its credentials, for everything else.

    Taken: `https://`, `http://`, `ssh://`, `git://`, `user@host:path`; `file://` and absolute paths with `allow_file`.
    """
    shown = redact(url)
    if not url or url.startswith("-") or _CONTROL.search(url):
        raise Invalid(f"{shown!r} is not a repository URL", field=field, hint=HINT)
    if "://" in url:
        return _from_url(url, shown, allow_file, field)
    if url.startswith("/") and allow_file:
        return Remote("file", "", 0, url, url)
    found = _SCP.fullmatch(url)
    if not found or "::" in url.split("/", 1)[0].replace(found["host"], ""):
        raise Invalid(f"{shown!r} is not a repository URL", field=field, hint=HINT)
    host = found["host"].strip("[]").lower()
    path = found["path"]
    user = found["user"] or ""
    _check(shown, field, host, user, path)
    return Remote("ssh", host, 22, path if path.startswith("/") else f"/~/{path}", url, user)


def _from_url(url: str, shown: str, allow_file: bool, field: str) -> Remote:
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").lower()
    except ValueError:
        raise Invalid(f"{shown!r} is not a repository URL", field=field, hint=HINT) from None
    scheme = parts.scheme.lower()
    if scheme == "file" and allow_file and not host and parts.path.startswith("/"):
        return Remote("file", "", 0, unquote(parts.path), unquote(parts.path))
    if scheme not in DEFAULT_PORTS:
        raise Invalid(f"{shown!r}: scheme {scheme}:// is not allowed for a repository", field=field, hint=HINT)
    if parts.fragment or parts.query:
        raise Invalid(
            f"{shown!r}: a repository URL has no query or fragment", field=field, hint="name branch and revision in their own fields"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    _check(shown, field, host, user if scheme == "ssh" else "", parts.path)
    address = f"[{host}]" if ":" in host else host
    login = f"{quote(user, safe='@~+')}@" if user and scheme == "ssh" else ""
    place = f"{address}:{port}" if port else address
    known: Scheme = scheme  # type: ignore[assignment]  # narrowed by DEFAULT_PORTS above
    clean = f"{scheme}://{login}{place}{parts.path}"
    return Remote(known, host, port or DEFAULT_PORTS[scheme], parts.path, clean, user, password)


def _check(shown: str, field: str, host: str, user: str, path: str) -> None:
    if not _HOST.fullmatch(host):
        raise Invalid(f"{shown!r}: the host is missing or not a host name", field=field, hint=HINT)
    if user and not _USER.fullmatch(user):
        raise Invalid(f"{shown!r}: the user holds characters that are not allowed", field=field, hint=HINT)
    if path in ("", "/") or path.lstrip("/").startswith("-"):
        raise Invalid(f"{shown!r}: the path of the repository is missing or starts with a dash", field=field, hint=HINT)


def hops(remote: Remote, proxied: bool) -> tuple[Hop, ...]:
    """The steps on the way to a repository, in their order."""
    if remote.scheme == "file":
        return ("repository", "revision")
    identity: tuple[Hop, ...] = ("identity",) if remote.scheme in ("https", "ssh") else ()
    credentials: tuple[Hop, ...] = () if remote.scheme == "git" else ("credentials",)
    return ("proxy" if proxied else "address", "connection", *identity, *credentials, "repository", "revision")


def redact(text: str) -> str:
    """`text` with the credentials of every URL in it left out: logins, and keys in a chart URL's `sshkey`."""
    return _KEY.sub("", _USERINFO.sub(lambda found: found["scheme"], text))


def shown(url: str) -> str:
    """A URL for messages: without login, and without its query, which may be a signature."""
    return redact(url).partition("?")[0]
