"""The charts of HelmOps: what a HelmOp may name, which version a constraint means now, and the chart's files (`fleet-semantics.md` 3.7).

A HelmOp names its repository and its Helm secret itself, so no pattern stands between the two. The secret goes to the origin
of the repository that the HelmOp names now, and nowhere else: not to the one it named before, nor to a target's own. Files are kept
for the many clusters that want them, apart for each credential, so a private chart is nobody else's.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from urllib.parse import urlsplit

import msgspec

from extension.objects.durations import seconds
from extension.objects.errors import Invalid, MissingRequired, UserError
from extension.objects.helmop import TARBALL, charts
from extension.objects.kinds import HelmOp, HelmOpSpec, Secret
from extension.objects.options import HelmOptions
from extension.sources.chart_url import parse_chart_url
from extension.sources.charts import ChartFetcher
from extension.sources.credentials import HelmAccess, HelmCredentials, helm_credentials
from extension.sources.kept import Kept
from extension.sources.oci import PREFIX
from extension.sources.remote import redact
from extension.sources.versions import Constraint, is_exact

KEPT = 64 * 1024 * 1024
FRESH = 60.0
"""How long a chart without a version, which can change, is taken for what it was."""
FAILED = 10.0
"""How long a chart that could not be had is not asked for again, however many clusters want it."""

_HINT = "name helm.repo and helm.chart, an oci:// reference in helm.repo, or the URL of a .tgz in helm.chart"

Wanted = tuple[str, str, str, str]


class _Outcome(msgspec.Struct, frozen=True):
    """What a fetch ended with, and until when (seconds of the clock) that is good enough."""

    until: float
    files: Mapping[str, bytes] = {}
    error: UserError | None = None


def check(spec: HelmOpSpec) -> None:
    """Raises Invalid or MissingRequired naming the field that a HelmOp can't be deployed with."""
    if spec.polling_interval is not None:
        seconds(spec.polling_interval, field="spec.pollingInterval", where="spec.pollingInterval")
    root = spec.helm or HelmOptions()
    if not (root.chart or root.repo):
        raise MissingRequired("spec.helm.chart: a HelmOp needs a chart", field="spec.helm.chart", hint=_HINT)
    for place, helm in charts(spec):
        _check_source(place, helm)
        Constraint(helm.version, field=f"{place}.version")


def _check_source(place: str, helm: HelmOptions) -> None:
    for name, value in (("repo", helm.repo), ("chart", helm.chart)):
        if redact(value) != value:
            raise _refused(
                f"{place}.{name}", "a URL must not hold credentials", "put them into a Secret and name it in spec.helmSecretName"
            )
    if is_tarball(helm):
        for name, value in (("repo", helm.repo), ("version", helm.version)):
            if value:
                raise _refused(
                    f"{place}.{name}", f"the chart is a {TARBALL}, which has none", f"leave it empty, or name the chart without {TARBALL}"
                )
        if parse_chart_url(helm.chart).kind != "http":
            raise _refused(f"{place}.chart", f"{helm.chart!r} is no http:// or https:// URL", _HINT)
    elif helm.repo.startswith(PREFIX):
        if helm.chart:
            raise _refused(f"{place}.chart", "a registry's reference in helm.repo names the chart already", "put all of it into helm.repo")
    elif not helm.chart:
        raise MissingRequired(f"{place}.chart: is required", field=f"{place}.chart", hint=_HINT)
    elif not helm.repo:
        raise MissingRequired(f"{place}.repo: is required", field=f"{place}.repo", hint=_HINT)
    elif urlsplit(helm.repo).scheme not in ("http", "https"):
        raise _refused(f"{place}.repo", f"{helm.repo!r} is no http://, https:// or oci:// URL", _HINT)


def _refused(field: str, message: str, hint: str) -> Invalid:
    return Invalid(f"{field}: {message}", field=field, hint=hint)


def is_tarball(helm: HelmOptions) -> bool:
    return helm.chart.lower().endswith(TARBALL)


def polls(spec: HelmOpSpec) -> bool:
    """Whether new versions are looked for: an interval is set, and there is a version that can come to mean another."""
    wanted = seconds(spec.polling_interval or "0") > 0
    return wanted and any(not is_tarball(helm) and not is_exact(helm.version) for _, helm in charts(spec))


class HelmOpSources:
    """Safe for several threads. Secrets are looked up for each call, so a changed one counts at once."""

    def __init__(
        self,
        fetcher: ChartFetcher,
        find_secret: Callable[[str, str], Secret | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher = fetcher
        self._find = find_secret
        self._clock = clock
        self._kept: Kept[Wanted, _Outcome] = Kept(KEPT)
        self._running: dict[Wanted, Future[_Outcome]] = {}
        self._guard = threading.Lock()

    def version(self, op: HelmOp, helm: HelmOptions) -> str:
        """The version that `helm`, the HelmOp's own or a target's, names now. Raises Invalid, Unavailable."""
        return self._fetcher.version(helm.chart, helm.repo, helm.version, _access(self._credentials(op, helm)))

    def fetch(self, op: HelmOp | None, helm: HelmOptions) -> Mapping[str, bytes]:
        """The files of a chart that a deployment of the HelmOp wants; without a HelmOp they are asked for as nobody. Raises as
        `ChartFetcher.fetch`; Invalid when the Helm secret is missing or malformed."""
        credentials = self._credentials(op, helm) if op else HelmCredentials()
        wanted = (helm.repo, helm.chart, helm.version, credentials.fingerprint())
        found = self._kept.get(wanted)
        if found is None or found.until < self._clock():
            found = self._once(wanted, lambda: self._fetched(helm, credentials))
        if found.error is not None:
            raise found.error
        return found.files

    def _once(self, wanted: Wanted, fetch: Callable[[], _Outcome]) -> _Outcome:
        """The outcome of one fetch, for all who want the same meanwhile."""
        with self._guard:
            running = self._running.get(wanted)
            mine = running or self._running.setdefault(wanted, Future())
        if running is not None:
            return running.result()
        try:
            found = fetch()
            self._kept.put(wanted, found, sum(map(len, found.files.values())) + 1)
            mine.set_result(found)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._guard:
                del self._running[wanted]
        return found

    def _fetched(self, helm: HelmOptions, credentials: HelmCredentials) -> _Outcome:
        try:
            files = self._fetcher.fetch(helm.chart, helm.repo, helm.version, _access(credentials))
        except UserError as error:
            return _Outcome(self._clock() + FAILED, error=error)
        return _Outcome(math.inf if is_exact(helm.version.removeprefix("v")) else self._clock() + FRESH, files)

    def _credentials(self, op: HelmOp, helm: HelmOptions) -> HelmCredentials:
        """The HelmOp's credentials where they may go, else its CA alone."""
        found = HelmCredentials()
        if op.spec.helm_secret_name:
            secret = helm_credentials(self._secret(op))
            found = secret if _origin(helm) == _origin(op.spec.helm or HelmOptions()) else secret.without_secrets()
        return msgspec.structs.replace(found, insecure_skip_verify=found.insecure_skip_verify or op.spec.insecure_skip_tls_verify)

    def _secret(self, op: HelmOp) -> Secret:
        name, namespace = op.spec.helm_secret_name, op.metadata.namespace
        secret = self._find(namespace, name)
        if secret is None:
            field = "spec.helmSecretName"
            raise Invalid(f"secret {name} does not exist", field=field, hint=f"create it in namespace {namespace}, or clear {field}")
        return secret


def _access(credentials: HelmCredentials) -> HelmAccess:
    return HelmAccess(default=credentials, any_url=True)


def _origin(helm: HelmOptions) -> tuple[str, str]:
    parts = urlsplit(helm.repo or helm.chart)
    return parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower()
