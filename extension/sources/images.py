"""The newest image of an ImageScan's policy, asked of its registry (`fleet-semantics.md` 3.10).

A login goes to the registry that its secret names it for. A registry at a local address may speak plain HTTP, as for Fleet;
a login goes there unencrypted only on this machine, or when its secret says `basicHTTP: "true"`.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from extension.objects.errors import Invalid, Unavailable
from extension.objects.imagescan import ImagePolicy
from extension.objects.kinds import ImageScan, Secret
from extension.sources.credentials import BasicAuth, HelmCredentials, helm_credentials
from extension.sources.oci import NAME, PREFIX, OciCharts
from extension.sources.remote import redact
from extension.sources.versions import Constraint

DOCKER_HUB = "index.docker.io"
DOCKER_CONFIG = "kubernetes.io/dockerconfigjson"
CONFIG_KEY = ".dockerconfigjson"
DESCENDING = "DESC"

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?")
_DIGEST = re.compile(r"@[a-z0-9]+:[0-9a-f]{32,}$")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_HERE = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?")
_NEAR = re.compile(r"(?:10(?:\.\d+){3}|192\.168(?:\.\d+){2}|172\.(?:1[6-9]|2\d|3[01])(?:\.\d+){2}|.*\.local(?:host)?)(?::\d+)?")


class Latest(msgspec.Struct, frozen=True):
    """An image: its name with registry and path, its tag, and what the tag points to."""

    name: str
    tag: str
    digest: str


class ImageSources:
    """Safe for several threads. Secrets are looked up for each call, so a changed one counts at once."""

    def __init__(self, registries: OciCharts, find_secret: Callable[[str, str], Secret | None]) -> None:
        self._registries = registries
        self._find = find_secret

    def latest(self, scan: ImageScan) -> Latest:
        """The image that the policy chooses now. Raises Invalid for a bad name, policy or secret, Unavailable when no tag
        satisfies the policy or the registry refuses."""
        host, path = split(scan.spec.image)
        name = f"{host}/{path}"
        credentials = self._reached(host, self._credentials(scan, host))
        reference = f"{PREFIX}{name}"
        tag = chosen(scan.spec.policy, [tag for tag in self._registries.tags(reference, credentials) if _TAG.fullmatch(tag)], name)
        return Latest(name, tag, self._registries.digest(reference, tag, credentials))

    def _reached(self, host: str, credentials: HelmCredentials) -> HelmCredentials:
        """The credentials, for plain HTTP where that is all that a local registry speaks."""
        local = _HERE.fullmatch(host) or (_NEAR.fullmatch(host) and credentials.auth is None)
        if not local or credentials.basic_http or self._registries.speaks_tls(host, credentials):
            return credentials
        return msgspec.structs.replace(credentials, basic_http=True)

    def _credentials(self, scan: ImageScan, host: str) -> HelmCredentials:
        if scan.spec.secret_ref is None or not scan.spec.secret_ref.name:
            return HelmCredentials()
        name, namespace = scan.spec.secret_ref.name, scan.metadata.namespace
        secret = self._find(namespace, name)
        if secret is None:
            hint = f"create it in namespace {namespace}, or clear secretRef"
            raise Invalid(f"secret {name} does not exist", field="spec.secretRef.name", hint=hint)
        return msgspec.structs.replace(helm_credentials(secret), auth=login(secret, host))


def split(image: str) -> tuple[str, str]:
    """Registry and path of an image; a tag or digest at its end does not count. Raises Invalid."""
    name = _DIGEST.sub("", image)
    head, slash, tail = name.partition("/")
    host, path = (head, tail) if slash and ("." in head or ":" in head or head == "localhost") else (DOCKER_HUB, name)
    path = re.sub(r":[^/:]*$", "", path)
    host = DOCKER_HUB if host == "docker.io" else host
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not _HOST.fullmatch(host) or not NAME.fullmatch(path):
        raise Invalid(
            f"{redact(image)[:200]!r} is not the name of an image",
            field="spec.image",
            hint="write for example registry.example.com/org/app",
        )
    return host, path


def chosen(policy: ImagePolicy, tags: list[str], name: str) -> str:
    """The tag that the policy takes. Raises Invalid for a bad range, Unavailable when there is none."""
    if not tags:
        raise Unavailable("has no tags", where=name, hint="push an image, or check spec.image")
    if policy.semver is None and policy.alphabetical is not None:
        order = policy.alphabetical.order.upper()
        return max(tags) if order in ("", DESCENDING) else min(tags)
    wanted = policy.semver.range if policy.semver else ""
    best = Constraint(wanted, field="spec.policy.semver.range").best(tags)
    if not best:
        hint = f"the last tags are {', '.join(tags[-5:])}; a pre-release counts only where the range names one"
        raise Unavailable(f"no tag satisfies {wanted or '*'}", where=name, field="spec.policy.semver.range", hint=hint)
    return best


def login(secret: Secret, host: str) -> BasicAuth | None:
    """The login that a docker configuration has for a registry; None for an entry without one. Raises Invalid."""
    where = str(secret.key)
    if secret.type != DOCKER_CONFIG:
        hint = f"make it with `kubectl create secret docker-registry`, which has the type {DOCKER_CONFIG}"
        raise Invalid(f"a secret of type {secret.type} holds no login for a registry", where=where, field="type", hint=hint)
    entries = _entries(secret, where)
    found = entries.get(host) or next((entry for named, entry in entries.items() if _registry(named) == host), None)
    if not isinstance(found, dict):
        raise Invalid(f"the secret has no login for {host}", where=where, field=f"data.{CONFIG_KEY}", hint=f"add {host} to its auths")
    if found.get("identitytoken") or found.get("registrytoken"):
        hint = "use a user name and a password or an access token"
        raise Invalid(f"the login for {host} is a token of a docker client", where=where, field=f"data.{CONFIG_KEY}", hint=hint)
    username, password = str(found.get("username") or ""), str(found.get("password") or "")
    if found.get("auth") and not (username and password):
        username, password = _decoded(str(found["auth"]), where, host)
    return BasicAuth(username, password) if username or password else None


def _entries(secret: Secret, where: str) -> dict[str, Any]:
    try:
        entries = orjson.loads(secret.data.get(CONFIG_KEY, b""))["auths"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        entries = None
    if not isinstance(entries, dict):
        hint = "make it with `kubectl create secret docker-registry`"
        raise Invalid("is not a docker configuration with auths", where=where, field=f"data.{CONFIG_KEY}", hint=hint)
    return entries


def _decoded(auth: str, where: str, host: str) -> tuple[str, str]:
    try:
        username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
    except ValueError:
        colon = ""
    if not colon:
        raise Invalid(f"auth of {host} is not user:password in base64", where=where, field=f"data.{CONFIG_KEY}", hint="make it anew")
    return username, password.rstrip("\0")


def _registry(named: str) -> str:
    """The registry that a key of `auths` means: with or without scheme and path, and as Docker calls its own."""
    host = named.partition("://")[2] or named
    host = host.partition("/")[0]
    return DOCKER_HUB if host in ("docker.io", "registry-1.docker.io") else host
