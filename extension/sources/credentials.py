"""Credentials from Secrets, each bound to where it may go (`fleet-semantics.md` 5.2, 5.3).

Invariants: `repr` and messages never hold a secret; a git credential is used for its repository's origin only; a Helm
credential only for a URL that `helmRepoURLRegex` matches, and then only for that URL's origin. An empty regex sends
nothing: a credential that goes to whatever host a fleet.yaml names is stolen by writing a fleet.yaml.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
from collections.abc import Mapping

import msgspec
import re2  # type: ignore[import-untyped]  # no stubs are published for it

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.objects.kinds import Secret
from extension.sources.http import Bound, check_url
from extension.sources.remote import Origin
from extension.sources.trust import TLS, check_pem

BASIC_AUTH = "kubernetes.io/basic-auth"
SSH_AUTH = "kubernetes.io/ssh-auth"
PATHS_KEY = "secrets-path.yaml"
_APP_KEYS = ("github_app_id", "github_app_installation_id", "github_app_private_key")
_TRUE = ("1", "t", "T", "true", "TRUE", "True")


class _Hidden(msgspec.Struct, frozen=True):
    """A value whose fields are secret."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(hidden)"

    def fingerprint(self) -> str:
        """A hash that tells two credentials apart without telling them."""
        return hashlib.sha256(msgspec.msgpack.encode(self)).hexdigest()


class BasicAuth(_Hidden, frozen=True):
    username: str = ""
    password: str = ""

    def bound(self, url: str) -> Bound:
        """As a header for the origin of `url`. Raises Invalid when `url` is not http(s)."""
        return self.bound_to(check_url(url))

    def bound_to(self, origin: Origin) -> Bound:
        login = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return Bound(origin, f"Basic {login}")


class SSHKey(_Hidden, frozen=True):
    """A private key and the host keys it trusts (empty: those of the service's `known-hosts` ConfigMap)."""

    private_key: bytes = b""
    known_hosts: bytes = b""


class GitHubApp(_Hidden, frozen=True):
    app_id: str = ""
    installation_id: str = ""
    private_key: bytes = b""


GitCredentials = BasicAuth | SSHKey | GitHubApp


class GitAccess(msgspec.Struct, frozen=True):
    """All that is needed to reach one repository. `known_hosts` are the service's, used when the secret brings none."""

    credentials: GitCredentials | None = None
    tls: TLS = TLS()
    known_hosts: bytes = b""
    strict_host_keys: bool = True

    def fingerprint(self) -> str:
        return self.credentials.fingerprint() if self.credentials else ""


def git_credentials(secret: Secret) -> GitCredentials:
    """What a `clientSecretName` holds, by the secret's type. Raises Invalid naming the secret and the missing key."""
    data, where = secret.data, str(secret.key)
    if secret.type == SSH_AUTH:
        key = _required(data, "ssh-privatekey", where)
        return SSHKey(key if key.endswith(b"\n") else key + b"\n", data.get("known_hosts", b""))
    if secret.type == BASIC_AUTH:
        username, password = _text(data, "username", where), _text(data, "password", where)
        if not username and not password:
            raise Invalid("username and password are empty", where=where, field="data.password", hint="fill both, or the token as password")
        return BasicAuth(username or password, password)
    if any(key in data for key in _APP_KEYS):
        found = {key: _required(data, key, where) for key in _APP_KEYS}
        app, installation = (found[key].decode().strip() for key in _APP_KEYS[:2])
        if not (app.isdigit() and installation.isdigit()):
            raise Invalid("the GitHub App's id and installation id must be numbers", where=where, hint="copy them from the App's settings")
        return GitHubApp(app, installation, found["github_app_private_key"])
    hint = f"use type {BASIC_AUTH} or {SSH_AUTH}, or the keys {', '.join(_APP_KEYS)}"
    raise Invalid(f"a secret of type {secret.type} holds no git credentials", where=where, field="type", hint=hint)


class HelmCredentials(_Hidden, frozen=True):
    """What one Helm repository or registry needs. `basic_http`: the registry speaks plain HTTP."""

    auth: BasicAuth | None = None
    ssh: SSHKey | None = None
    ca_bundle: bytes = b""
    insecure_skip_verify: bool = False
    basic_http: bool = False

    def without_secrets(self) -> HelmCredentials:
        """Only what may be used for any host: the CA."""
        return HelmCredentials(ca_bundle=self.ca_bundle)

    @property
    def tls(self) -> TLS:
        return TLS(self.ca_bundle, self.insecure_skip_verify)


class HelmAccess(msgspec.Struct, frozen=True):
    """The Helm credentials of one GitRepo (or HelmOp): a default, or one for each path, and the rule who gets them."""

    default: HelmCredentials = HelmCredentials()
    by_path: Mapping[str, HelmCredentials] = {}
    url_regex: str = ""
    any_url: bool = False

    def at(self, path: str) -> HelmAccess:
        """For bundles below `path`: the exact path's credentials, else the first glob's in lexical order, else the default."""
        if not self.by_path:
            return self
        found = self.by_path.get(path)
        if found is None:
            found = next((self.by_path[glob] for glob in sorted(self.by_path) if _glob(glob, path)), HelmCredentials())
        return msgspec.structs.replace(self, default=found, by_path={})

    def to(self, repo: str, chart: str) -> HelmCredentials:
        """The credentials a chart's repository may see (2.5); the CA always. Raises Invalid for a bad `url_regex`.

        A HelmOp names its repository and its secret itself, so `any_url` is set for it.
        """
        return self.default if self.any_url or self._matches(repo or chart) else self.default.without_secrets()

    def stripped(self, repo: str, chart: str) -> bool:
        """Whether there are secrets that `to` holds back because no `url_regex` is set: worth a hint when a fetch fails."""
        return not self.url_regex and self.to(repo, chart) != self.default

    def _matches(self, url: str) -> bool:
        if not self.url_regex:
            return False
        try:
            return re2.compile(f"^(?:{self.url_regex})", _QUIET).search(url) is not None
        except re2.error:
            hint = "write a regular expression such as https://charts\\.example\\.com/.*"
            raise Invalid("is not a regular expression", field="spec.helmRepoURLRegex", hint=hint) from None


_QUIET = re2.Options()
_QUIET.log_errors = False
_QUIET.max_mem = 1 << 20


def helm_credentials(secret: Secret) -> HelmCredentials:
    """What a `helmSecretName` holds. Raises Invalid for a user name without password or the reverse."""
    data, where = secret.data, str(secret.key)
    username, password = _text(data, "username", where), _text(data, "password", where)
    key = data.get("ssh-privatekey", b"")
    return HelmCredentials(
        auth=_pair(username, password, where),
        ssh=SSHKey(key, data.get("known_hosts", b"")) if key else None,
        ca_bundle=_ca(data.get("cacerts", b""), "data.cacerts", where),
        insecure_skip_verify=_text(data, "insecureSkipVerify", where) in _TRUE,
        basic_http=_text(data, "basicHTTP", where) in _TRUE,
    )


def helm_credentials_by_path(secret: Secret) -> dict[str, HelmCredentials]:
    """What a `helmSecretNameForPaths` holds in `secrets-path.yaml`. Raises Invalid naming the path, never its content."""
    where = f"{secret.key}: {PATHS_KEY}"
    try:
        paths = yaml.load(_required(secret.data, PATHS_KEY, str(secret.key)), where) or {}
    except Invalid:
        raise Invalid("is not YAML", where=where, hint="map each path to username, password, caBundle, sshPrivateKey") from None
    if not isinstance(paths, dict) or not all(isinstance(entry, dict) for entry in paths.values()):
        raise Invalid(
            "is not a map of paths to credentials", where=where, hint="map each path to username, password, caBundle, sshPrivateKey"
        )
    return {path: _of_path(entry, f"{where}: {path}") for path, entry in paths.items()}


def _of_path(entry: Mapping[str, object], where: str) -> HelmCredentials:
    folded = {str(key).lower(): value for key, value in entry.items()}
    key = _decoded(folded, "sshPrivateKey", where)
    return HelmCredentials(
        auth=_pair(str(folded.get("username") or ""), str(folded.get("password") or ""), where),
        ssh=SSHKey(key, _decoded(folded, "sshKnownHosts", where)) if key else None,
        ca_bundle=_ca(_decoded(folded, "caBundle", where), "caBundle", where),
        insecure_skip_verify=folded.get("insecureskipverify") is True,
        basic_http=folded.get("basichttp") is True,
    )


def _pair(username: str, password: str, where: str) -> BasicAuth | None:
    if bool(username) != bool(password):
        missing = "password" if username else "username"
        raise Invalid(f"{missing} is missing", where=where, field=missing, hint="give both username and password, or neither")
    return BasicAuth(username, password) if username else None


def _ca(pem: bytes, field: str, where: str) -> bytes:
    if pem.strip():
        try:
            check_pem(pem, field)
        except Invalid as error:
            raise Invalid(error.message, where=where, field=field, hint=error.hint) from None
    return pem.strip()


def _decoded(entry: Mapping[str, object], name: str, where: str) -> bytes:
    try:
        return base64.b64decode("".join(str(entry.get(name.lower()) or "").split()), validate=True)
    except ValueError:
        raise Invalid("is not base64 text", where=where, field=name, hint="encode the file with base64") from None


def _required(data: Mapping[str, bytes], key: str, where: str) -> bytes:
    if not data.get(key):
        raise Invalid(f"the secret has no {key}", where=where, field=f"data.{key}", hint=f"add the key {key} to the secret")
    return data[key]


def _text(data: Mapping[str, bytes], key: str, where: str) -> str:
    try:
        return data.get(key, b"").decode().strip("\r\n")
    except UnicodeDecodeError:
        raise Invalid("is not UTF-8 text", where=where, field=f"data.{key}", hint="store it as text") from None


def _glob(pattern: str, path: str) -> bool:
    """Go's filepath.Match for the patterns people write: `*` and `?` stay within one folder."""
    wanted, parts = pattern.replace("[^", "[!").split("/"), path.split("/")
    return len(wanted) == len(parts) and all(fnmatch.fnmatchcase(part, glob) for part, glob in zip(parts, wanted, strict=True))
