"""Helm repositories: `index.yaml` to a chart's URL, and its archive (`fleet-semantics.md` 2.5).

Many bundles name the same repository, so an index is asked for once at a time for a repository and its credentials,
then only whether it changed. An index can have tens of megabytes of which one chart's entry is wanted: that entry is
cut out of the text and only it is parsed.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from urllib.parse import urljoin

import msgspec
import orjson

from extension.objects import yaml
from extension.objects.errors import Invalid, Unavailable
from extension.sources.credentials import HelmCredentials
from extension.sources.http import Http
from extension.sources.kept import Kept
from extension.sources.remote import redact
from extension.sources.versions import Constraint, normalize, sort_key

TIMEOUT = 300.0
MAX_INDEX = 128 * 1024 * 1024
MAX_ARCHIVE = 64 * 1024 * 1024
FRESH = 5.0

_ENTRIES = re.compile(rb"^entries:[ \t]*$", re.MULTILINE)
_NEXT_KEY = re.compile(rb"^(?:  (?![ -])|(?! )[^\s#-])", re.MULTILINE)


class ChartVersion(msgspec.Struct, frozen=True):
    """One version of a chart in an index. `url` is absolute; `digest` the archive's SHA-256 where the index tells it."""

    name: str
    version: str
    url: str
    digest: str = ""


class _Index(msgspec.Struct, frozen=True):
    body: bytes
    tag: str
    modified: str
    checked: float


class HelmRepos:
    """All Helm repositories. Safe for several threads. `keep` is how many bytes of indexes and of archives stay in memory."""

    def __init__(self, http: Http, keep: int = 128 * 1024 * 1024) -> None:
        self._http = http
        self._indexes: Kept[tuple[str, str], _Index] = Kept(keep)
        self._archives: Kept[str, bytes] = Kept(keep)
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._guard = threading.Lock()

    def find(self, repo: str, chart: str, version: str, credentials: HelmCredentials) -> ChartVersion:
        """The version of `chart` that `version` (exact, a constraint, or empty for the newest release) names.

        Raises Invalid for a constraint or index that can't be read; Unavailable when chart or version is not there.
        """
        found = _versions(self._index(repo, credentials), chart, repo)
        if not found:
            raise Unavailable(
                f"the repository has no chart {chart}", where=redact(repo), field="helm.chart", hint="check helm.chart and helm.repo"
            )
        constraint = Constraint(version)
        exact = next((one for one in found if version and one.version == version), None)
        chosen = exact or max((one for one in found if constraint.check(one.version)), key=lambda one: sort_key(one.version), default=None)
        if chosen is None:
            newest = ", ".join(one.version for one in sorted(found, key=lambda one: sort_key(one.version), reverse=True)[:5])
            hint = f"the newest are {newest}"
            raise Unavailable(f"chart {chart} has no version {version or '*'}", where=redact(repo), field="helm.version", hint=hint)
        if not chosen.url:
            raise Invalid(
                f"the index names no URL for {chart} {chosen.version}", where=redact(repo), hint="rebuild it with `helm repo index`"
            )
        return chosen

    def archive(self, repo: str, found: ChartVersion, credentials: HelmCredentials) -> bytes:
        """The chart's .tgz. Credentials go with it only where it lies on the repository's own origin."""
        kept = self._archives.get(found.digest) if found.digest else None
        if kept is not None:
            return kept
        auth = credentials.auth.bound(repo) if credentials.auth else None
        answer = self._http.request("GET", found.url, auth=auth, tls=credentials.tls, limit=MAX_ARCHIVE, timeout=TIMEOUT)
        if hashlib.sha256(answer.body).hexdigest() == found.digest:
            self._archives.put(found.digest, answer.body, len(answer.body))
        return answer.body

    def _index(self, repo: str, credentials: HelmCredentials) -> bytes:
        key = (repo, credentials.fingerprint())
        asked = time.monotonic()
        with self._guard:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            kept = self._indexes.get(key)
            if kept and kept.checked > asked - FRESH:
                return kept.body
            headers = {"If-None-Match": kept.tag, "If-Modified-Since": kept.modified} if kept else {}
            answer = self._http.request(
                "GET",
                f"{repo.rstrip('/')}/index.yaml",
                headers={name: value for name, value in headers.items() if value},
                auth=credentials.auth.bound(repo) if credentials.auth else None,
                tls=credentials.tls,
                limit=MAX_INDEX,
                timeout=TIMEOUT,
            )
            body = kept.body if kept and answer.status == 304 else answer.body
            now = _Index(body, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""), time.monotonic())
            self._indexes.put(key, now, len(body))
            return body


def _versions(index: bytes, chart: str, repo: str) -> list[ChartVersion]:
    """The versions of `chart` that are versions, in the index's order."""
    where = f"{redact(repo)}/index.yaml"
    listed = _entry(index, chart, where)
    if not isinstance(listed, list):
        return []
    found: list[ChartVersion] = []
    for item in listed:
        if not isinstance(item, dict) or not normalize(str(item.get("version") or "")):
            continue
        urls = item.get("urls")
        url = str(urls[0]) if isinstance(urls, list) and urls else ""
        absolute = urljoin(f"{repo.rstrip('/')}/", url) if url else ""
        found.append(ChartVersion(chart, str(item["version"]), absolute, str(item.get("digest") or "").removeprefix("sha256:")))
    return found


def _entry(index: bytes, chart: str, where: str) -> object:
    """What the index has below `entries` for `chart`, parsed alone where the text is plain block YAML."""
    if index.lstrip()[:1] == b"{":
        try:
            whole = orjson.loads(index)
        except orjson.JSONDecodeError:
            raise Invalid("is not JSON", where=where, hint="check that helm.repo is a Helm repository") from None
    else:
        part = _slice(index, chart)
        whole = yaml.load(part if part is not None else index, where)
    if not isinstance(whole, dict) or not isinstance(whole.get("entries") or {}, dict):
        raise Invalid("is no Helm index: it has no entries", where=where, hint="check that helm.repo is a Helm repository")
    return (whole.get("entries") or {}).get(chart)


def _slice(index: bytes, chart: str) -> bytes | None:
    """The part of an index, as `helm repo index` writes it, that holds one chart; None when it is written otherwise."""
    entries = _ENTRIES.search(index)
    key = re.compile(rb"^  " + re.escape(chart.encode()) + rb":[ \t]*$", re.MULTILINE)
    start = key.search(index, entries.end()) if entries else None
    if not start:
        return None
    end = _NEXT_KEY.search(index, start.end())
    return b"entries:\n" + index[start.start() : end.start() if end else len(index)]
