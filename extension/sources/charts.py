"""Charts from wherever a bundle names them: a Helm repository, a registry, a URL, a git repository.

The one door through which charts come in, so that the rule who gets credentials (`fleet-semantics.md` 2.5) and the
limits of unpacking hold for all four.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import posixpath
from collections.abc import Callable

import msgspec

from extension.objects.errors import Invalid, Unavailable, UserError
from extension.objects.tree import EntryType, Tree, walk
from extension.sources import archive, oci
from extension.sources.chart_url import ChartURL, file_name, parse_chart_url
from extension.sources.credentials import GitAccess, GitCredentials, HelmAccess, HelmCredentials, SSHKey
from extension.sources.git import Git
from extension.sources.helm_repo import MAX_ARCHIVE, TIMEOUT, HelmRepos
from extension.sources.http import Http
from extension.sources.remote import redact
from extension.sources.trust import TLS

_GZIP = b"\x1f\x8b"
_CHECKSUMS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_REGEX_HINT = "the Helm secret was not used because spec.helmRepoURLRegex is empty: set it to a regular expression for the repository's URL"


class ChartArchive(msgspec.Struct, frozen=True):
    """A chart as it was packed: its version (of the index, the tag) and the .tgz."""

    version: str
    data: bytes


class ChartFetcher:
    """Fetches charts. Safe for several threads. `known_hosts` gives the service's, for charts in git over ssh."""

    def __init__(
        self, http: Http, git: Git, *, limits: archive.Limits = archive.Limits(), known_hosts: Callable[[], bytes] = bytes
    ) -> None:
        self._http = http
        self._git = git
        self._limits = limits
        self._known_hosts = known_hosts
        self._repos = HelmRepos(http)
        self.registries = oci.OciCharts(http)

    def fetch(self, chart: str, repo: str = "", version: str = "", access: HelmAccess = HelmAccess(), tls: TLS = TLS()) -> dict[str, bytes]:
        """The files of a chart by path: `<chart name>/Chart.yaml` and so on for a packed one, the folder's own for git.

        `access` decides which credentials this source may see; `tls` (a GitRepo's caBundle and insecureSkipTLSVerify)
        adds to theirs. Raises Invalid for a source that is none or breaks a limit, Unavailable when it can't be had.
        """
        credentials = _with_tls(access.to(repo, chart), tls)
        try:
            if repo or oci.reference(repo, chart):
                packed = self._packed(chart, repo, version, credentials)
                where = f"{redact(repo or chart)} {chart} {packed.version}"
                return archive.unpack(packed.data, ".tgz", where, limits=self._limits)
            source = parse_chart_url(chart)
            if source.kind == "git":
                return self._from_git(source, credentials)
            if source.kind == "http":
                return self._from_url(source, credentials)
        except UserError as error:
            raise _hinted(error, access.stripped(repo, chart)) from None
        hint = "name a folder with Chart.yaml, a chart with helm.repo, or an oci://, https:// or git:: URL"
        raise Invalid(f"{redact(chart)!r} is neither a local chart nor a URL", field="helm.chart", hint=hint)

    def packed(self, chart: str, repo: str, version: str, access: HelmAccess = HelmAccess(), tls: TLS = TLS()) -> ChartArchive:
        """The .tgz of a chart in a Helm repository or registry, as a dependency update needs it. Raises as `fetch`."""
        try:
            return self._packed(chart, repo, version, _with_tls(access.to(repo, chart), tls))
        except UserError as error:
            raise _hinted(error, access.stripped(repo, chart)) from None

    def version(self, chart: str, repo: str, version: str, access: HelmAccess = HelmAccess(), tls: TLS = TLS()) -> str:
        """The version a constraint names now: what a HelmOp polls (3.7). A chart without repository keeps `version`."""
        credentials = _with_tls(access.to(repo, chart), tls)
        reference = oci.reference(repo, chart)
        try:
            if reference:
                return self.registries.version(reference, version, credentials)
            return self._repos.find(repo, chart, version, credentials).version if repo else version
        except UserError as error:
            raise _hinted(error, access.stripped(repo, chart)) from None

    def _packed(self, chart: str, repo: str, version: str, credentials: HelmCredentials) -> ChartArchive:
        reference = oci.reference(repo, chart)
        if reference:
            return ChartArchive(*self.registries.archive(reference, version, credentials))
        found = self._repos.find(repo, chart, version, credentials)
        return ChartArchive(found.version, self._repos.archive(repo, found, credentials))

    def _from_url(self, source: ChartURL, credentials: HelmCredentials) -> dict[str, bytes]:
        where, name = redact(source.url), file_name(source.url)
        auth = credentials.auth.bound(source.url) if credentials.auth else None
        answer = self._http.request("GET", source.url, auth=auth, tls=credentials.tls, limit=MAX_ARCHIVE, timeout=TIMEOUT)
        _check_sum(answer.body, source.query.get("checksum", ""), where)
        named = source.query.get("archive", "")
        suffix = archive.kind(f"x.{named.lstrip('.')}" if named else name)
        if not suffix and answer.body.startswith(_GZIP):
            suffix = ".tgz"
        files = archive.unpack(answer.body, suffix, where, name=name, limits=self._limits) if suffix else {name: answer.body}
        return _below(files, source.folder, where)

    def _from_git(self, source: ChartURL, credentials: HelmCredentials) -> dict[str, bytes]:
        key: GitCredentials | None = credentials.ssh or credentials.auth
        if "sshkey" in source.query:
            key = _url_key(source.query["sshkey"], credentials)
        access = GitAccess(key, credentials.tls, self._known_hosts())
        commit = self._git.resolve(source.url, source.query.get("ref", ""), access)
        tree = self._git.tree(source.url, commit, access)
        try:
            return _files(tree, source.folder, redact(source.url), self._limits)
        finally:
            tree.close()


def _with_tls(credentials: HelmCredentials, tls: TLS) -> HelmCredentials:
    pem = b"\n".join(part for part in (credentials.ca_bundle, tls.ca_bundle) if part)
    return msgspec.structs.replace(credentials, ca_bundle=pem, insecure_skip_verify=credentials.insecure_skip_verify or tls.insecure)


def _hinted(error: UserError, stripped: bool) -> UserError:
    """The error with the reason people miss most: the credentials were there and held back."""
    if not stripped or not isinstance(error, Unavailable):
        return error
    hint = f"{error.hint}; {_REGEX_HINT}" if error.hint else _REGEX_HINT
    return Unavailable(error.message, where=error.where, field="spec.helmRepoURLRegex", hint=hint)


def _check_sum(data: bytes, wanted: str, where: str) -> None:
    kind, _, value = wanted.partition(":")
    if not wanted:
        return
    if len(value) != _CHECKSUMS.get(kind.lower()):
        raise Invalid(
            "checksum is not md5, sha1, sha256 or sha512 with its hexadecimal value", where=where, hint="write ?checksum=sha256:<hex>"
        )
    found = hashlib.new(kind.lower(), data, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(found, value.lower()):
        raise Invalid(f"the download's {kind} is {found}, not the one asked for", where=where, hint="check the file and ?checksum=")


def _below(files: dict[str, bytes], folder: str, where: str) -> dict[str, bytes]:
    """The files below `folder`, by their path in it."""
    prefix = f"{folder}/" if folder else ""
    found = {path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)}
    if not found:
        raise Unavailable(f"has no folder {folder!r}", where=where, field="helm.chart", hint="check the part after //")
    return found


def _files(tree: Tree, folder: str, where: str, limits: archive.Limits) -> dict[str, bytes]:
    """Every file below `folder` of a git tree; links are followed inside the repository only."""
    found: dict[str, bytes] = {}
    left = limits.total
    for path, entry in walk(tree, folder):
        if entry.type is EntryType.FOLDER:
            continue
        data = tree.read(path) if entry.type is EntryType.FILE else _linked(tree, path, where)
        left -= len(data)
        if left < 0 or len(found) >= limits.entries:
            raise Invalid(
                f"the chart has more than {limits.entries} files or {limits.total} bytes", where=where, hint="name the chart's folder"
            )
        found[path] = data
    return _below(found, folder, where)


def _linked(tree: Tree, path: str, where: str) -> bytes:
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), tree.link(path)))
    try:
        return tree.read(target)
    except FileNotFoundError:
        hint = "link to a file of the same repository"
        raise Invalid(f"the link {path} does not lead to a file in the repository", where=where, hint=hint) from None


def _url_key(text: str, credentials: HelmCredentials) -> SSHKey:
    hosts = credentials.ssh.known_hosts if credentials.ssh else b""
    try:
        return SSHKey(base64.b64decode(text), hosts)
    except ValueError:
        raise Invalid("sshkey is not base64 text", field="helm.chart", hint="put the key into the Helm secret instead") from None
