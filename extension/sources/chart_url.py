"""Which kind of source a `helm.chart` is when no repository is named: git, an archive over HTTP, or a local path.

The notation is the one Fleet took over from go-getter (`fleet-semantics.md` 2.1): `git::URL//folder?ref=tag`,
`https://host/chart.tgz//folder?checksum=sha256:...`, `github.com/user/repo/folder`.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec

SHORTHANDS = ("github.com", "gitlab.com", "bitbucket.org")


class ChartURL(msgspec.Struct, frozen=True):
    """`folder` is the part below which the chart lies; `query` the parameters that are for us and not for the server."""

    kind: Literal["git", "http", "local"]
    url: str
    folder: str = ""
    query: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"ChartURL({self.kind}, folder={self.folder!r})"


_OURS = {"git": ("ref", "depth", "sshkey"), "http": ("checksum", "archive"), "local": ()}


def parse_chart_url(chart: str) -> ChartURL:
    """What `chart` names. Never raises: what is nothing else is a local path."""
    forced, source = _forced(chart)
    url, folder = _split_folder(source)
    if forced in ("git", "ssh"):
        return _with_query("git", _scp(url), folder)
    if forced in ("http", "https"):
        return _with_query("http", url, folder)
    scheme = url.partition("://")[0].lower() if "://" in url else ""
    if scheme in ("git", "ssh"):
        return _with_query("git", url, folder)
    if scheme in ("http", "https"):
        return _with_query("http", url, folder)
    parts = url.split("/", 3)
    if parts[0] in SHORTHANDS and len(parts) > 2:
        name, mark, query = parts[2].partition("?")
        repo = f"https://{parts[0]}/{parts[1]}/{name if name.endswith('.git') else name + '.git'}{mark}{query}"
        inner = parts[3] if len(parts) > 3 else ""
        inner, mark, query = inner.partition("?")
        return _with_query("git", repo + mark + query, "/".join(p for p in (inner, folder) if p))
    if "://" not in url and "@" in url.partition(":")[0] and url.partition(":")[2]:
        return _with_query("git", _scp(url), folder)
    return ChartURL("local", chart)


def _forced(chart: str) -> tuple[str, str]:
    scheme, mark, rest = chart.partition("::")
    return (scheme, rest) if mark and scheme in ("git", "ssh", "http", "https") else ("", chart)


def _split_folder(source: str) -> tuple[str, str]:
    """`URL//folder?query` as `URL?query` and `folder`."""
    path, mark, query = source.partition("?")
    start = path.find("://") + 3 if "://" in path else 0
    at = path.find("//", start)
    if at < 0:
        return source, ""
    return path[:at] + mark + query, path[at + 2 :].strip("/")


def _scp(url: str) -> str:
    login, colon, path = url.partition(":")
    return f"ssh://{login}/{path.lstrip('/')}" if "://" not in url and colon and "@" in login else url


def _with_query(kind: Literal["git", "http"], url: str, folder: str) -> ChartURL:
    """The parameters that steer the download taken out of the URL; a server's own stay (a git URL has none)."""
    base, _, text = url.partition("?")
    pairs = parse_qsl(text, keep_blank_values=True)
    ours = {name: value for name, value in pairs if name in _OURS[kind]}
    theirs = urlencode([(name, value) for name, value in pairs if name not in _OURS[kind]])
    return ChartURL(kind, f"{base}?{theirs}" if theirs else base, folder, ours)


def file_name(url: str) -> str:
    """The last part of a URL's path."""
    return urlsplit(url).path.rsplit("/", 1)[-1] or "download"
