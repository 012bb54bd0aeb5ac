"""What a repository's branches and tags point to, asked without cloning (`fleet-semantics.md` 3.1 "LatestCommit").

Over HTTP this is two small requests of git's protocol 2, through `http` like every other fetch (a process a poll would
cost ten times as much); ssh, git:// and dumb servers are asked with the git program.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping

import msgspec
from dulwich.client import (
    build_ls_refs_request_v2,
    extract_object_format_from_capabilities,
    read_pkt_refs_v1,
    read_pkt_refs_v2,
    read_server_capabilities,
)
from dulwich.errors import GitProtocolError, HangupException
from dulwich.objects import ObjectID
from dulwich.protocol import Protocol, pkt_line
from dulwich.refs import Ref, check_ref_format

from extension.objects.errors import Invalid, Unavailable
from extension.sources.credentials import BasicAuth, GitAccess
from extension.sources.gitcli import GitCommand
from extension.sources.http import Http, Response
from extension.sources.remote import Remote, parse, redact

DEFAULT_BRANCH = "master"

_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_TAIL = "/info/refs?service=git-upload-pack"
_HEADERS = {"Git-Protocol": "version=2"}
_BROKEN = (GitProtocolError, HangupException, ValueError, AssertionError, IndexError)


class Wanted(msgspec.Struct, frozen=True):
    """Which reference a GitRepo follows. A revision wins over a branch; `commit` is set when no server need be asked."""

    refs: tuple[str, ...]
    commit: str
    named: str
    field: str

    @classmethod
    def of(cls, branch: str, revision: str) -> Wanted:
        """Raises Invalid for a name that git does not take. 40 hexadecimal digits are a commit, other revisions tags."""
        if _COMMIT.fullmatch(revision):
            return cls((), revision.lower(), f"commit {revision}", "spec.revision")
        kind, name, field = ("tags", revision, "spec.revision") if revision else ("heads", branch or DEFAULT_BRANCH, "spec.branch")
        ref = f"refs/{kind}/{name}"
        if name.startswith("-") or not check_ref_format(Ref(ref.encode())):
            raise Invalid(
                f"{name!r} is not the name of a {'tag' if revision else 'branch'}", field=field, hint="give a name as `git` shows it"
            )
        return cls((f"{ref}^{{}}", ref) if revision else (ref,), "", f"{'tag' if revision else 'branch'} {name}", field)


class Listing(msgspec.Struct, frozen=True):
    """References by name (peeled tags as `refs/tags/x^{}`), and the repository as redirects name it."""

    refs: dict[str, str]
    remote: Remote


class RefLister:
    """Lists references of any remote. `timeout` is in seconds for one listing."""

    def __init__(self, http: Http, git: GitCommand, timeout: float) -> None:
        self._http = http
        self._git = git
        self._timeout = timeout

    def list(self, remote: Remote, access: GitAccess, prefixes: tuple[str, ...]) -> Listing:
        """The references that start with one of `prefixes`, perhaps more. Raises Unavailable and Invalid as `http` and git do."""
        if remote.scheme in ("https", "http"):
            return self._over_http(remote, access, prefixes)
        return Listing(self._by_command(remote, access, prefixes), remote)

    def _over_http(self, remote: Remote, access: GitAccess, prefixes: tuple[str, ...]) -> Listing:
        first = self._ask("GET", remote.url.rstrip("/") + _TAIL, remote, access)
        moved = _moved(remote, first.url)
        if not first.headers.get("Content-Type", "").startswith("application/x-git-upload-pack-advertisement"):
            return Listing(self._by_command(moved, access if moved.origin == remote.origin else GitAccess(tls=access.tls), prefixes), moved)
        try:
            packets = Protocol(io.BytesIO(first.body).read, _no_write)
            opening = list(packets.read_pkt_seq())
            if opening and opening[0].startswith(b"# service="):
                opening = list(packets.read_pkt_seq())
            if not opening or opening[0].strip() != b"version 2":
                refs, _ = read_pkt_refs_v1(opening)
                return Listing(_text(refs), moved)
            second = self._ask("POST", moved.url.rstrip("/") + "/git-upload-pack", remote, access, _ls_refs(opening[1:], prefixes))
            found, _, peeled = read_pkt_refs_v2(Protocol(io.BytesIO(second.body).read, _no_write).read_pkt_seq())
        except _BROKEN as error:
            told = redact(str(error))[:200]
            raise Unavailable(
                f"the answer is not git's protocol: {told}",
                where=str(remote),
                hint="check that spec.repo is a git URL",
                hop="repository",
            ) from None
        return Listing(_text(found) | {f"{name}^{{}}": sha for name, sha in _text(peeled).items()}, moved)

    def _ask(self, method: str, url: str, remote: Remote, access: GitAccess, body: bytes | None = None) -> Response:
        auth = access.credentials
        headers = dict(_HEADERS)
        if body is not None:
            headers |= {"Content-Type": "application/x-git-upload-pack-request", "Accept": "application/x-git-upload-pack-result"}
        bound = auth.bound_to(remote.origin) if isinstance(auth, BasicAuth) else None
        try:
            return self._http.request(
                method, url, headers=headers, body=body, auth=bound, tls=access.tls, timeout=self._timeout, repeat=True
            )
        except Unavailable as error:
            where = str(remote) if error.where.startswith(str(remote).rstrip("/")) else error.where
            raise Unavailable(error.message, where=where, hint=error.hint, hop=error.hop) from None

    def _by_command(self, remote: Remote, access: GitAccess, prefixes: tuple[str, ...]) -> dict[str, str]:
        patterns = [prefix if not prefix.endswith("/") else f"{prefix}*" for prefix in prefixes]
        out = self._git.remote(("ls-remote", "--quiet", "--", remote.url, *patterns), remote, access, polling=True)
        lines = (line.split("\t", 1) for line in out.decode(errors="surrogateescape").splitlines() if "\t" in line)
        return {name: sha for sha, name in lines}


def _no_write(_: bytes) -> None:
    raise GitProtocolError("nothing is written while reading")


def _text(refs: Mapping[Ref, ObjectID | None] | Mapping[Ref, ObjectID]) -> dict[str, str]:
    return {name.decode(errors="surrogateescape"): sha.decode() for name, sha in refs.items() if sha}


def _ls_refs(capabilities: list[bytes], prefixes: tuple[str, ...]) -> bytes:
    known = read_server_capabilities(capabilities)
    wanted = [prefix.removesuffix("^{}").encode() for prefix in prefixes]
    command, arguments = build_ls_refs_request_v2(known, extract_object_format_from_capabilities(known), wanted)
    return b"".join([*map(pkt_line, command), b"0001", *map(pkt_line, arguments), b"0000"])


def _moved(remote: Remote, url: str) -> Remote:
    """The remote at the place its server redirected to."""
    if not url.endswith(_TAIL):
        hint = "use the repository's own URL"
        raise Unavailable(f"redirected to {redact(url)}, which is no git repository", where=str(remote), hint=hint, hop="repository")
    base = url.removesuffix(_TAIL)
    return remote if base == remote.url.rstrip("/") else parse(base)
