"""OCI registries: tags and digests, versions of charts, and the archive by its digest (`fleet-semantics.md` 2.5).

The registry's plain HTTP API over `http`, so that proxies, CAs and limits hold here too. What is downloaded is checked
against the digest its manifest names. The token flow sends the user's login to the address the registry names for it,
which is how registries work; therefore only over https, and a token only goes back to the registry's own origin.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import orjson

from extension.objects.errors import Invalid, Unavailable
from extension.sources.credentials import HelmCredentials
from extension.sources.helm_repo import MAX_ARCHIVE, TIMEOUT
from extension.sources.http import Bound, Http, Response, check_url
from extension.sources.remote import Origin, redact
from extension.sources.versions import Constraint, is_exact

PREFIX = "oci://"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
IMAGES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    MANIFEST,
    "application/vnd.docker.distribution.manifest.v2+json",
)
CHART_LAYERS = ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip")
MAX_PAGES = 100
MAX_TAGS = 100_000
MAX_DOCUMENT = 16 * 1024 * 1024

NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_HOSTS = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class _Place(msgspec.Struct, frozen=True):
    """A repository in a registry."""

    base: str
    name: str
    shown: str

    @property
    def origin(self) -> Origin:
        return check_url(self.base)


class OciCharts:
    """Charts of any registry. Safe for several threads; holds nothing between calls."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def version(self, reference: str, version: str, credentials: HelmCredentials) -> str:
        """The version of the chart at `oci://host/path` that `version` (exact, constraint, or empty) names.

        Raises Invalid for a bad reference or constraint, Unavailable when no tag satisfies it or the registry refuses.
        """
        return _Session(self._http, _place(reference, credentials), credentials).version(version)

    def archive(self, reference: str, version: str, credentials: HelmCredentials) -> tuple[str, bytes]:
        """The chart's version and its .tgz. Raises as `version` does."""
        session = _Session(self._http, _place(reference, credentials), credentials)
        if is_exact(version):
            found = session.pull(version)
            if found is not None:
                return version, found
        resolved = session.version(version)
        data = session.pull(resolved)
        if data is None:
            raise Unavailable(f"has no tag {resolved}", where=redact(reference), hint="check helm.version")
        return resolved, data

    def speaks_tls(self, host: str, credentials: HelmCredentials) -> bool:
        """Whether there is a server over https, whatever it answers; it is asked without the login."""
        try:
            self._http.request("GET", f"https://{host}/v2/", tls=credentials.tls, timeout=TIMEOUT, accept=tuple(range(400, 600)))
        except Unavailable:
            return False
        return True

    def tags(self, reference: str, credentials: HelmCredentials) -> list[str]:
        """All tags at `oci://host/path`. Raises as `version` does."""
        return _Session(self._http, _place(reference, credentials), credentials).tags()

    def digest(self, reference: str, tag: str, credentials: HelmCredentials) -> str:
        """What the image's tag points to now. Raises as `version` does."""
        return _Session(self._http, _place(reference, credentials), credentials).digest(tag)


class _Session:
    """One call's conversation with a registry: the authorization it asked for is kept for the next request."""

    def __init__(self, http: Http, place: _Place, credentials: HelmCredentials) -> None:
        self._http = http
        self._place = place
        self._credentials = credentials
        self._auth: Bound | None = None

    def version(self, wanted: str) -> str:
        constraint = Constraint(wanted)
        tags = self.tags()
        versions = [tag.replace("_", "+") for tag in tags]
        best = wanted if is_exact(wanted) and wanted in versions else constraint.best(versions)
        if not best:
            some = ", ".join(versions[-5:]) or "none"
            raise Unavailable(
                f"no tag satisfies {wanted or '*'}", where=self._place.shown, field="helm.version", hint=f"the last tags are {some}"
            )
        return best

    def pull(self, version: str) -> bytes | None:
        """The archive tagged `version`; None when there is no such tag."""
        tag = version.replace("+", "_")
        answer = self._get(f"manifests/{tag}", accept=(404,), headers={"Accept": MANIFEST}, limit=4 * 1024 * 1024)
        if answer.status == 404:
            return None
        manifest = self._json(answer)
        listed = manifest.get("layers")
        layers = listed if isinstance(listed, list) else []
        digest = next((str(one.get("digest")) for one in layers if isinstance(one, dict) and one.get("mediaType") in CHART_LAYERS), "")
        if not _DIGEST.fullmatch(digest):
            raise Invalid(f"{tag} is no Helm chart", where=self._place.shown, hint="push it with `helm push`")
        data = self._get(f"blobs/{digest}", limit=MAX_ARCHIVE).body
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            raise Unavailable(
                f"{tag} was changed on its way: its digest differs", where=self._place.shown, hint="try again; look at the registry"
            )
        return data

    def tags(self) -> list[str]:
        path, tags = "tags/list?n=1000", list[str]()
        for _ in range(MAX_PAGES):
            answer = self._get(path, limit=MAX_DOCUMENT)
            listed = self._json(answer).get("tags")
            tags += [str(tag) for tag in listed] if isinstance(listed, list) else []
            if len(tags) > MAX_TAGS:
                break
            following = re.search(r'<([^>]+)>\s*;\s*rel="?next', answer.headers.get("Link", ""))
            if not following:
                return tags
            path = urljoin(self._url("tags/list"), following[1])
        raise Invalid(f"has more than {len(tags)} tags", where=self._place.shown, hint="name an exact version, or delete old tags")

    def digest(self, tag: str) -> str:
        """Asked without the manifest, which some registries count as a pull; computed where the registry does not tell."""
        headers = {"Accept": ", ".join(IMAGES)}
        told = self._get(f"manifests/{tag}", method="HEAD", headers=headers).headers.get("Docker-Content-Digest", "")
        if _DIGEST.fullmatch(told):
            return told
        return f"sha256:{hashlib.sha256(self._get(f'manifests/{tag}', headers=headers, limit=MAX_DOCUMENT).body).hexdigest()}"

    def _get(
        self,
        path: str,
        *,
        method: str = "GET",
        accept: tuple[int, ...] = (),
        headers: dict[str, str] | None = None,
        limit: int = MAX_ARCHIVE,
    ) -> Response:
        url = path if "://" in path else self._url(path)
        for attempt in range(2):
            allowed = accept if attempt else (*accept, 401)
            tls = self._credentials.tls
            answer = self._http.request(
                method, url, headers=headers, auth=self._auth, tls=tls, limit=limit, timeout=TIMEOUT, accept=allowed
            )
            if answer.status != 401:
                break
            self._auth = self._authorize(answer.headers.get("WWW-Authenticate", ""))
        return answer

    def _authorize(self, challenge: str) -> Bound | None:
        """What the registry's 401 asks for: a token from the place it names, or the login itself."""
        scheme, _, rest = challenge.partition(" ")
        login = self._credentials.auth
        if scheme.lower() == "basic":
            return login.bound_to(self._place.origin) if login else None
        asked = dict(_CHALLENGE.findall(rest))
        realm = asked.get("realm", "")
        if scheme.lower() != "bearer" or urlsplit(realm).scheme not in ("https", "http"):
            raise Unavailable("the registry asks for an unknown kind of login", where=self._place.shown, hint="look at the registry's log")
        if login and urlsplit(realm).scheme == "http" and check_url(realm) != self._place.origin:
            raise Unavailable(
                "the registry wants the login sent unencrypted", where=self._place.shown, hint="mend the registry's token realm"
            )
        scope = asked.get("scope") or f"repository:{self._place.name}:pull"
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        url = f"{realm}{'&' if '?' in realm else '?'}{query}"
        answer = self._http.request("GET", url, auth=login.bound(realm) if login else None, tls=self._credentials.tls, timeout=TIMEOUT)
        given = self._json(answer)
        token = given.get("token") or given.get("access_token")
        if not isinstance(token, str) or not token:
            raise Unavailable("the registry gave no token", where=self._place.shown, hint="check the credentials in the secret")
        return Bound(self._place.origin, f"Bearer {token}")

    def _url(self, path: str) -> str:
        return f"{self._place.base}/v2/{self._place.name}/{path}"

    def _json(self, answer: Response) -> dict[str, Any]:
        try:
            found = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Unavailable("the answer is not a registry's", where=self._place.shown, hint="check that the URL is an OCI registry")
        return found


def reference(repo: str, chart: str) -> str:
    """The `oci://` reference that `helm.repo` and `helm.chart` name together; empty when neither is one."""
    if repo.startswith(PREFIX):
        whole = repo.rstrip("/")
        return f"{whole}/{chart}" if chart and not whole.endswith(f"/{chart}") else whole
    return chart if chart.startswith(PREFIX) else ""


def _place(reference: str, credentials: HelmCredentials) -> _Place:
    host, _, name = reference.removeprefix(PREFIX).partition("/")
    base = f"{'http' if credentials.basic_http else 'https'}://{_HOSTS.get(host, host)}"
    shown = redact(reference)
    hint = "write oci://host/path/chart and the version in helm.version"
    if "@" in host or not host or not NAME.fullmatch(name):
        raise Invalid(f"{shown!r} is not the reference of a chart in a registry", field="helm.repo", hint=hint)
    check_url(base)
    return _Place(base, name, shown)
