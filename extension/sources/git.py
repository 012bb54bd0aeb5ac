"""Git repositories: which commit is the newest, and the tree at a commit (`fleet-semantics.md` 3.1, 5.2).

Mirrors are shared by everybody who names the same URL, rights are not: before a commit is read out of a mirror, the
server itself has let these very credentials in, at most `PROOF` seconds ago. Without that a GitRepo could read what
another tenant's credentials fetched just by naming the commit.
"""

from __future__ import annotations

import io
import posixpath
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from dulwich.config import ConfigFile

from extension.objects.connection import References, Way
from extension.objects.errors import Invalid, Unavailable
from extension.objects.explanation import CommitInfo
from extension.objects.tree import Tree
from extension.sources.commit import MAX_FILES, CommitTree, about
from extension.sources.committing import Change, committed
from extension.sources.credentials import BasicAuth, GitAccess, GitHubApp
from extension.sources.folder import MAX_FILE_SIZE
from extension.sources.gitcli import GitCommand
from extension.sources.github import GitHubTokens
from extension.sources.http import Http
from extension.sources.mirror import Bounds, Mirrors
from extension.sources.network import Network
from extension.sources.refs import RefLister, Wanted
from extension.sources.remote import Remote, hops, parse, redact

PROOF = 300.0
MAX_DEPTH = 10

__all__ = ["CommitTree", "Git", "GitOptions"]


class GitOptions(msgspec.Struct, frozen=True):
    """`timeout`: seconds for a poll, and for silence of a fetch; `fetch_timeout`: seconds for a whole fetch. Sizes are bytes."""

    timeout: float = 30.0
    fetch_timeout: float = 600.0
    max_file_size: int = MAX_FILE_SIZE
    max_files: int = MAX_FILES
    max_pack: int = 4 * 1024**3
    bounds: Bounds = Bounds()
    allow_file: bool = False


class Git:
    """See the module docstring. Safe for several threads. Everything it writes is below `folder`."""

    def __init__(self, folder: Path, http: Http, network: Network, options: GitOptions = GitOptions()) -> None:
        command = GitCommand(
            folder / "home",
            network,
            silence=options.timeout,
            seconds=options.fetch_timeout,
            file_size=options.max_pack,
            allow_file=options.allow_file,
        )
        self._options = options
        self._network = network
        self._tokens = GitHubTokens(http)
        self._lister = RefLister(http, command, options.timeout)
        self._mirrors = Mirrors(folder, command, options.bounds, options.fetch_timeout + 60)
        self._proofs: dict[tuple[str, str], tuple[float, Remote]] = {}
        self._crowded = 1000
        self._guard = threading.Lock()

    def latest(self, url: str, branch: str = "", revision: str = "", access: GitAccess = GitAccess()) -> str:
        """The commit (40 hexadecimal digits) that `revision` (a commit or tag), else `branch` (default master) names now.

        A revision that is a commit is returned as it is. Raises Invalid for a bad URL or name; Unavailable when there
        is no such branch or tag or the server can't be asked, after `timeout` seconds at most.
        """
        remote, access = self._prepare(url, access)
        wanted = Wanted.of(branch, revision)
        if wanted.commit:
            return wanted.commit
        refs = self._list(remote, access, wanted.refs)
        found = next((refs[name] for name in wanted.refs if name in refs), "")
        if not found:
            raise self._no_ref(remote, access, wanted, branch)
        return found

    def resolve(self, url: str, ref: str = "", access: GitAccess = GitAccess()) -> str:
        """The commit of a chart's `?ref=`: a commit, tag or branch, the default branch when empty. Raises as `latest` does."""
        if not ref:
            remote, ready = self._prepare(url, access)
            head = self._list(remote, ready, ("HEAD",)).get("HEAD", "")
            if not head:
                raise Unavailable("the repository has no default branch", where=str(remote), hint="name one with ?ref=")
            return head
        wanted = Wanted.of("", ref)
        if wanted.commit:
            return wanted.commit
        remote, ready = self._prepare(url, access)
        names = (*wanted.refs, *Wanted.of(ref, "").refs)
        refs = self._list(remote, ready, names)
        found = next((refs[name] for name in names if name in refs), "")
        if not found:
            raise Unavailable(f"there is no tag or branch {ref}", where=str(remote), field="helm.chart", hint="check ?ref=")
        return found

    def tree(self, url: str, commit: str, access: GitAccess = GitAccess()) -> CommitTree:
        """The tree at `commit`, fetched first if the mirror does not have it. Raises Invalid, Unavailable."""
        return self._tree(url, commit, access, 0)

    def about(self, url: str, commit: str, access: GitAccess = GitAccess()) -> CommitInfo:
        """Who made a commit that `tree` was asked for, when, and its first line. Raises as `tree` does."""
        remote, access = self._prepare(url, access)
        self._proven(remote, access)
        return about(self._mirrors.mirrored(remote), commit)

    def push(self, url: str, branch: str, change: Change, access: GitAccess = GitAccess()) -> str:
        """Commits on top of a commit that `tree` was asked for, and pushes that to the branch; the commit, empty when the files are as
        they were. Raises Conflict when the branch has moved on, Unavailable when the server refuses."""
        remote, access = self._prepare(url, access)
        name = Wanted.of(branch, "").refs[0].removeprefix("refs/heads/")
        at = self._proven(remote, access)
        allowed = access if at.origin == remote.origin else msgspec.structs.replace(access, credentials=None)
        return self._mirrors.push(remote, at, name, lambda mirror: committed(mirror, change), allowed)

    def way(self, url: str) -> Way:
        """The hops to a repository, each of which may be what an error of the other calls names. Raises Invalid for a bad URL."""
        remote = parse(url, allow_file=self._options.allow_file)
        proxy = "" if remote.scheme == "file" else self._network.proxies.between(*remote.origin)
        return Way(hops(remote, bool(proxy)), redact(proxy))

    def references(self, url: str, access: GitAccess = GitAccess()) -> References:
        """The branches and tags of a repository: proof that URL, credentials, proxy and CA work. Raises as `latest` does."""
        remote, access = self._prepare(url, access)
        refs = self._list(remote, access, ("HEAD", "refs/heads/", "refs/tags/"))
        branches, tags = sorted(_heads(refs)), sorted(_heads(refs, tags=True))
        on = [name for name in branches if refs[f"refs/heads/{name}"] == refs.get("HEAD")]
        return References(next((name for name in ("main", "master", *on) if name in on), ""), tuple(branches), tuple(tags))

    def _tree(self, url: str, commit: str, access: GitAccess, depth: int) -> CommitTree:
        remote, access = self._prepare(url, access)
        at = self._proven(remote, access)
        tree = self._mirrors.tree_of(remote, commit)
        if not tree:
            allowed = access if at.origin == remote.origin else msgspec.structs.replace(access, credentials=None)
            tree = self._mirrors.fetch(remote, at, commit, allowed)
        return CommitTree(
            self._mirrors.mirrored(remote),
            tree,
            f"{remote}@{commit[:12]}",
            self._submodule(remote, access, depth),
            max_files=self._options.max_files,
            max_file_size=self._options.max_file_size,
        )

    def _prepare(self, url: str, access: GitAccess) -> tuple[Remote, GitAccess]:
        """The remote, and the access with what is sent: App keys as a token, a login in the URL where there is no secret."""
        remote = parse(url, allow_file=self._options.allow_file)
        auth = access.credentials
        if isinstance(auth, GitHubApp):
            auth = self._tokens.auth(auth, remote, access.tls)
        elif auth is None and remote.scheme != "ssh" and (remote.user or remote.password):
            auth = BasicAuth(remote.user, remote.password)
        return remote, msgspec.structs.replace(access, credentials=auth)

    def _list(self, remote: Remote, access: GitAccess, prefixes: tuple[str, ...]) -> dict[str, str]:
        listing = self._lister.list(remote, access, prefixes)
        with self._guard:
            now = time.monotonic()
            if len(self._proofs) > self._crowded:
                self._proofs = {key: proof for key, proof in self._proofs.items() if proof[0] > now - PROOF}
                self._crowded = max(1000, 2 * len(self._proofs))
            self._proofs[remote.key, access.fingerprint()] = (now, listing.remote)
        return listing.refs

    def _proven(self, remote: Remote, access: GitAccess) -> Remote:
        """Where the repository is, known from a listing that these credentials were let in for."""
        for attempt in range(2):
            with self._guard:
                proof = self._proofs.get((remote.key, access.fingerprint()))
            if proof and proof[0] > time.monotonic() - PROOF:
                return proof[1]
            if attempt == 0:
                self._list(remote, access, ("HEAD",))
        raise Unavailable("the listing of references was not kept", where=str(remote), hint="try again")

    def _no_ref(self, remote: Remote, access: GitAccess, wanted: Wanted, branch: str) -> Unavailable:
        tags = wanted.field == "spec.revision"
        names = sorted(_heads(self._list(remote, access, ("refs/tags/" if tags else "refs/heads/",)), tags))
        some = ", ".join(names[-5:] if tags else names[:5])
        hint = (
            f"there {'are' if len(names) > 1 else 'is'} {some}{', ...' if len(names) > 5 else ''}" if names else "the repository is empty"
        )
        told = "" if tags or branch else " (spec.branch is empty, which means master)"
        return Unavailable(f"{wanted.named} does not exist{told}", where=str(remote), field=wanted.field, hint=hint, hop="revision")

    def _submodule(self, remote: Remote, access: GitAccess, depth: int) -> Callable[[CommitTree, str, str], Tree]:
        def open_(tree: CommitTree, path: str, commit: str) -> Tree:
            if depth >= MAX_DEPTH:
                raise Invalid(f"submodules are nested deeper than {MAX_DEPTH}", where=f"{remote}: {path}", hint="remove the loop")
            url = _submodule_url(tree, path, remote)
            same = parse(url, allow_file=self._options.allow_file, field=".gitmodules").origin == remote.origin
            allowed = (
                access if same else GitAccess(tls=access.tls, known_hosts=access.known_hosts, strict_host_keys=access.strict_host_keys)
            )
            return self._tree(url, commit, allowed, depth + 1)

        return open_


def _heads(refs: dict[str, str], tags: bool = False) -> set[str]:
    prefix = "refs/tags/" if tags else "refs/heads/"
    return {name.removeprefix(prefix).removesuffix("^{}") for name in refs if name.startswith(prefix)}


def _submodule_url(tree: CommitTree, path: str, remote: Remote) -> str:
    """The URL `.gitmodules` gives for the submodule at `path`; a relative one is relative to the repository's own."""
    where = f"{remote}: .gitmodules"
    try:
        config = ConfigFile.from_file(io.BytesIO(tree.read(".gitmodules")))
    except FileNotFoundError:
        raise Invalid(f"submodule {path} has no URL: the file is missing", where=where, hint="add it with `git submodule add`") from None
    except ValueError:
        raise Invalid("is not a git configuration file", where=where, hint="mend the file") from None
    for section in config.sections():
        if section[0] == b"submodule" and config.get(section, b"path").decode(errors="replace") == path:
            url = config.get(section, b"url").decode(errors="replace")
            return _relative(remote, url) if url.startswith(("./", "../")) else url
    raise Invalid(f"submodule {path} has no URL", where=where, hint="add it with `git submodule add`")


def _relative(remote: Remote, url: str) -> str:
    head, _, tail = remote.url.partition("://")
    if not tail:
        host, colon, path = remote.url.rpartition(":") if remote.scheme == "ssh" else ("", "", remote.url)
        return f"{host}{colon}{posixpath.normpath(posixpath.join(path, url))}"
    host, _, path = tail.partition("/")
    return f"{head}://{host}{posixpath.normpath(posixpath.join('/', path, url))}"
