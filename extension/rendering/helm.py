"""Helm itself: the only file that imports the Helm SDK, behind the protocol `Helm`.

The SDK is a Go runtime in a shared library. It is **not fork-safe**, so it is imported at the first use and never at
import time, and processes that render are spawned (`pool.py`). Some options exist only in its C layer
(`design.md`, "Libraries"): they are reached through `native()`, and each has a test. Calls release the GIL and may come
from several threads. No path, URL or environment of this process reaches a template.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import msgspec

from extension.objects import yaml
from extension.objects.base import prepare
from extension.objects.errors import Invalid, Unavailable, UserError
from extension.rendering.archives import archive, without_schemas
from extension.rendering.versions import SEMVER

DEFAULT_KUBE_VERSION = "v1.25.0"
"""What Fleet's dry run assumes."""

_EVALUATED = "values/templates/_text"
_EVALUATE = {
    "Chart.yaml": b"apiVersion: v2\nname: values\nversion: 0.0.0\n",
    "templates/out": b'{{ include "values/templates/_text" .Values.context | b64enc }}',
}
_COMPATIBLE = {
    "Chart.yaml": b"apiVersion: v2\nname: versions\nversion: 0.0.0\n",
    "templates/out": b"{{ range $i, $v := .Values.versions }}{{ if semverCompare $.Values.constraint $v }}{{ $i }}\n{{ end }}{{ end }}",
}


class ChartRequest(msgspec.Struct, frozen=True):
    """A chart's files (paths relative to the chart) and what to render it with. `namespace` may be empty (dry run)."""

    files: dict[str, bytes]
    name: str
    namespace: str = ""
    values: dict[str, Any] = {}
    revision: int = 1
    is_upgrade: bool = False
    kube_version: str = DEFAULT_KUBE_VERSION
    api_versions: tuple[str, ...] = ()
    skip_schema_validation: bool = False
    disable_dns: bool = False


class ChartRendering(msgspec.Struct, frozen=True):
    """What Helm made: rendered text by template path, CRD texts by file name, the chart's metadata and own values.

    `missing` are declared dependencies that the chart does not hold; Helm renders without them.
    """

    templates: dict[str, str]
    crds: dict[str, str]
    metadata: dict[str, Any]
    values: dict[str, Any]
    missing: tuple[str, ...] = ()


class Helm(Protocol):
    """Errors are Invalid (chart, values, template; with file and cause) or Unavailable (a repository)."""

    def render(self, request: ChartRequest) -> ChartRendering: ...

    def evaluate(self, source: str, context: Mapping[str, Any], name: str) -> str:
        """`source` as a Helm template with `context` as `.` and `$`; missing keys are errors that name `name`."""

    def satisfying(self, constraint: str, versions: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `versions` that Helm's semver constraint takes, in the order given. Raises Invalid for a bad constraint."""

    def update_dependencies(self, folder: str) -> None:
        """Brings the dependencies of the chart in `folder` into its `charts/` and writes `Chart.lock`."""


@cache
def native() -> ModuleType:
    """The SDK's C layer, imported now. Call it only in a process that will not fork afterwards."""
    from helm_python import _native  # noqa: PLC0415  not before it is needed, see above

    return _native


@cache
def sdk() -> ModuleType:
    """The SDK's Python layer, imported now; see `native`."""
    import helm_python  # noqa: PLC0415  not before it is needed, see above

    return helm_python


class NativeHelm:
    """Helm in this process."""

    def render(self, request: ChartRequest) -> ChartRendering:
        _check_name(request.name)
        files = _with_prelude(without_schemas(request.files) if request.skip_schema_validation else request.files, request)
        with _load(files, request.name) as chart:
            metadata = chart.metadata
            title = f"chart {metadata.get('name', request.name)}"
            self._check_kube_version(title, metadata, request.kube_version)
            options = {
                "name": request.name,
                "namespace": request.namespace,
                "revision": request.revision,
                "is_upgrade": request.is_upgrade,
                "is_install": not request.is_upgrade,
                "kube_version": request.kube_version,
                "enable_dns": not request.disable_dns,
                **({"api_versions": list(request.api_versions)} if request.api_versions else {}),
            }
            made = _render(chart, request.values, options, title)
            templates = {p: _shown(t, request.kube_version) for p, t in made.items() if _PRELUDE not in p}
            crds = {crd["filename"]: crd["data"] for crd in chart.crds}
            held = {dependency["name"] for dependency in chart.dependencies}
            missing = tuple(d["name"] for d in metadata.get("dependencies") or () if d["name"] not in held)
            return ChartRendering(templates, crds, metadata, chart.values or {}, missing)

    def evaluate(self, source: str, context: Mapping[str, Any], name: str) -> str:
        with _load({**_EVALUATE, "templates/_text": source.encode()}, name) as chart:
            try:
                out = _call_render(chart, {"context": dict(context)}, {"strict": True})
            except sdk().HelmError as error:
                raise Invalid(_template_words(str(error), name)) from None
        return base64.b64decode(out["values/templates/out"]).decode()

    def satisfying(self, constraint: str, versions: tuple[str, ...]) -> tuple[str, ...]:
        known = ("0.0.0", *(version for version in versions if SEMVER.fullmatch(version)))  # one more, so that a bad constraint is seen
        with _load(_COMPATIBLE, "versions") as chart:
            try:
                out = _call_render(chart, {"constraint": constraint, "versions": list(known)}, {})
            except sdk().HelmError as error:
                raise Invalid(f"{constraint!r} is no version constraint: {_last_line(str(error)).rpartition(': ')[0]}") from None
        return tuple(known[int(index)] for index in out["versions/templates/out"].split() if index != "0")

    def update_dependencies(self, folder: str) -> None:
        try:
            sdk().dependency_update(folder)
        except sdk().HelmError as error:
            raise _dependency_error(Path(folder), str(error)) from None

    def _check_kube_version(self, title: str, metadata: dict[str, Any], version: str) -> None:
        constraint = metadata.get("kubeVersion")
        if not constraint:
            return
        plain = version.removeprefix("v")
        try:
            taken = self.satisfying(constraint, (plain,))
        except Invalid:
            taken = ()
        if not taken:
            raise Invalid(f"chart requires kubeVersion: {constraint} which is incompatible with Kubernetes {plain}", where=title)


def _load(files: Mapping[str, bytes], name: str) -> Any:
    try:
        return sdk().Chart.load_archive(archive(files))
    except sdk().HelmError as error:
        raise Invalid(f"the chart can't be read: {error}", where=f"chart of {name}") from None


def _call_render(chart: Any, values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = json.loads(native().call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options)))
    return found


def _render(chart: Any, values: Mapping[str, Any], options: Mapping[str, Any], title: str) -> dict[str, str]:
    try:
        return _call_render(chart, values, options)
    except sdk().HelmError as error:
        raise Invalid(_bounded(str(error).strip()), where=title) from None


_PRELUDE = "/".join(["templates", *["_dry-run"] * 24, "prelude"])


def _with_prelude(files: Mapping[str, bytes], request: ChartRequest) -> Mapping[str, bytes]:
    """The chart with a template that makes what Fleet's dry run has and the SDK refuses to be told: an empty release
    namespace, a Kubernetes version without `v`. Helm renders the deepest path first, so it runs before all others."""
    lines = []
    if not request.namespace:
        lines.append('{{ $_ := set .Release "Namespace" "" }}')
    if not request.kube_version.startswith("v"):
        version = json.dumps(request.kube_version)
        lines.append(
            f'{{{{ $v := dict "Version" {version} "GitVersion" {version} "Major" .Capabilities.KubeVersion.Major '
            '"Minor" .Capabilities.KubeVersion.Minor }}{{ $_ := set . "Capabilities" (dict "KubeVersion" $v '
            '"APIVersions" .Capabilities.APIVersions "HelmVersion" .Capabilities.HelmVersion) }}'
        )
    if not lines:
        return files
    prelude = "".join(lines).encode()
    charts = [path.removesuffix("Chart.yaml") for path in files if path == "Chart.yaml" or _SUBCHART.fullmatch(path)]
    return {**files, **{root + _PRELUDE: prelude for root in charts}}


def _shown(text: str, version: str) -> str:
    """The text with the version where a template prints all of `.Capabilities.KubeVersion`, which the prelude made a map."""
    if version.startswith("v") or "map[GitVersion:" not in text:
        return text
    return re.sub(rf"map\[GitVersion:{re.escape(version)} Major:\d+ Minor:\d+ Version:{re.escape(version)}\]", version, text)


_SUBCHART = re.compile(r"(charts/[^/]+/)+Chart\.yaml")


def _dependency_error(folder: Path, words: str) -> UserError:
    """Why the dependencies can't be updated, with their names and without this machine's paths or a URL's credentials."""
    try:
        chart = yaml.load((folder / "Chart.yaml").read_bytes(), "Chart.yaml") or {}
    except OSError:
        return Invalid("there is no Chart.yaml", where=folder.name)
    wanted = [d for d in chart.get("dependencies") or () if isinstance(d, dict)]
    named = ", ".join(f"{d.get('name')} {d.get('version', '')} from {d.get('repository', '')}" for d in wanted)
    kind = Unavailable if any(not str(d.get("repository", "")).startswith("file:") for d in wanted) else Invalid
    said = re.sub(r"//[^/@\s]*@", "//", f"{named}: {words.replace(f'{folder.parent}/', '')}")
    return kind(
        f"its dependencies can't be updated: {_bounded(said)}",
        where=f"chart {chart.get('name', folder.name)}",
        hint="see what `helm dependency update` says in that folder",
    )


def _check_name(name: str) -> None:
    try:
        native().call_status("helm_release_name_validate", name)
    except sdk().HelmError as error:
        words = str(error)
        message = words if name in words else f"release name {name!r}: {words}"
        raise Invalid(f"release name check failed: {message}", field="helm.releaseName") from None


_PLACE = re.compile(rf"{re.escape(_EVALUATED)}:(\d+)(?::\d+)?")
_UNPARSED = re.compile(rf"parse error at \({re.escape(_EVALUATED)}:(\d+)\): (.*)", re.DOTALL)


def _template_words(text: str, name: str) -> str:
    """Helm's report of a failed `evaluate` without the frame around the text: name, line and cause."""
    unparsed = _UNPARSED.match(text)
    if unparsed:
        return f"template: {name}:{unparsed[1]}: {_bounded(unparsed[2].replace(_EVALUATED, name))}"
    at = text.rfind(_EVALUATED + ":")
    if at < 0:
        return f"template: {name}: {text.partition('): ')[2] or text}"
    found = _PLACE.match(text, at)
    line = found[1] if found else "1"
    cause = text[found.end() if found else at :].lstrip("):").replace(_EVALUATED, name)
    return f"template: {name}:{line}: {_bounded(' '.join(cause.split()))}"


def _bounded(text: str, most: int = 2000) -> str:
    """The two ends of a long report: a template that calls itself repeats its frame a thousand times."""
    return text if len(text) <= most else f"{text[: most // 2]} ... {text[-most // 2 :]}"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else text


prepare(ChartRequest, ChartRendering)
