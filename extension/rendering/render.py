"""A bundle's content and options in, the manifests for one cluster out (`fleet-semantics.md` 4.2).

The order is Fleet's: overlays for plain manifests, Helm for what is a template, Kustomize over Helm's output, the
un-templated manifests behind it, then what Fleet adds to every object, hooks included. Helm and kubectl are handed
in; a bundle of plain manifests without `templates/` uses neither and gives the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import msgspec

from extension.objects import content, names
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleResource
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.rendering import charts, documents, overlays, postrender, rendered, style, values
from extension.rendering.helm import DEFAULT_KUBE_VERSION, ChartRendering, ChartRequest

Object = dict[str, Any]
_KUSTOMIZATION_ENDS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
RELEASE_NAME_LIMIT = names.RELEASE_NAME_LIMIT


class Templates(Protocol):
    """The part of `helm.Helm` that rendering needs; the pool has it too."""

    def render(self, request: ChartRequest) -> ChartRendering: ...


class Kustomize(Protocol):
    def build(self, files: dict[str, bytes], folder: str, rendered: str) -> list[Object] | None: ...

    def strategic_merge(self, original: Object, patch: Object) -> Object | None: ...


class Input(msgspec.Struct, frozen=True):
    """What a rendering is made from. `name` is the bundle deployment's; `values_from` are read values, lowest first.

    `namespace` is the release namespace where the options name none, and `set_id_prefix` the agent's default namespace:
    `default` in a cluster, both empty in a dry run. `manifest_id` is the content id (computed when empty). `kube_version`
    without a leading `v` is shown to templates without it, as Fleet's dry run does.
    """

    name: str
    options: BundleDeploymentOptions
    resources: tuple[BundleResource, ...]
    manifest_id: str = ""
    commit: str = ""
    namespace: str = "default"
    set_id_prefix: str = "default"
    agent_scope: str = ""
    values_from: tuple[dict[str, Any], ...] = ()
    kube_version: str = DEFAULT_KUBE_VERSION
    api_versions: tuple[str, ...] = ()
    revision: int = 1
    is_upgrade: bool = False

    @property
    def is_dry_run(self) -> bool:
        return not self.set_id_prefix


class Rendering(msgspec.Struct, frozen=True):
    """The manifests of one deployment: `objects` in the order Helm applies them, `hooks` by weight, `crds` from `crds/` (in a dry run,
    which does not look at them, none).

    `chart` is the chart's metadata, `chart_values` its own values, `values` those of the deployment, for the release
    record. `warnings` are sentences for people.
    """

    release: str
    namespace: str
    objects: tuple[Object, ...]
    hooks: tuple[postrender.Hook, ...]
    crds: tuple[Object, ...]
    chart: dict[str, Any]
    chart_values: dict[str, Any]
    values: dict[str, Any]
    notes: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def manifest(self) -> str:
        """The objects as the YAML stream of a release record."""
        return documents.stream(self.objects)


def render(given: Input, helm: Templates, kustomize: Kustomize, scopes: postrender.Scopes | None = None) -> Rendering:
    """The manifests of a deployment. `scopes` tells whether a kind is namespaced; None (a dry run) checks nothing.

    Raises Invalid naming file, line and cause for whatever in the bundle can't be rendered.
    """
    options = given.options
    files = unpacked(given.resources)
    found = style.determine(files, options)
    if found.is_raw_yaml:
        files = overlays.lay(files, options.yaml.overlays if options.yaml else (), kustomize.strategic_merge)
    release, namespace = release_of(given)
    chart = charts.build(given.name, files, found, _manifest_id(given, found), given.commit)
    merged = values.layered([_helm(options).values or {}, *given.values_from])
    rendering = helm.render(_request(given, chart, release, namespace, merged)) if chart.needs_helm else plain_rendering(chart, release)
    templated = _kustomized(rendered.read(rendering.templates), given, files, kustomize)
    set_id = postrender.set_id(given.name, given.set_id_prefix, given.agent_scope)
    placed = [*templated, *(("", obj) for obj in _raw(chart))]
    finished = rendered.ended([(path, _finished(obj, set_id, given, scopes)) for path, obj in placed])
    plain, hooks = postrender.split(finished)
    return Rendering(
        release=release,
        namespace=namespace,
        objects=tuple(_of_lists(plain)),
        hooks=hooks,
        crds=() if given.is_dry_run else tuple(_crds(rendering)),
        chart=rendering.metadata,
        chart_values=rendering.values,
        values=merged,
        notes=_notes(rendering),
        warnings=tuple(_missing(rendering)),
    )


def unpacked(resources: tuple[BundleResource, ...]) -> dict[str, bytes]:
    """The bundle's files. A resource without a name is called as Fleet calls it. Raises Invalid for broken content."""
    files: dict[str, bytes] = {}
    for index, resource in enumerate(resources):
        name = resource.name or f"manifests/file{index:03d}.yaml"
        try:
            files[name] = content.unpack(resource)
        except (ValueError, OSError, EOFError) as error:
            raise Invalid(f"the content can't be unpacked: {error}", where=name) from None
    return files


def release_of(given: Input) -> tuple[str, str]:
    """Name and namespace of the release. Raises Invalid for a name that Helm refuses."""
    release = _helm(given.options).release_name or names.helm_release_name(given.name)
    if len(release) > RELEASE_NAME_LIMIT or not names.RELEASE_NAME.fullmatch(release):
        raise Invalid(
            f"release name check failed: release name {release!r}: invalid release name, must match {names.RELEASE_NAME.pattern} "
            f"and be no longer than {RELEASE_NAME_LIMIT} characters",
            field="helm.releaseName",
        )
    return release, given.options.namespace or given.options.default_namespace or given.namespace


def _helm(options: BundleDeploymentOptions) -> HelmOptions:
    return options.helm or HelmOptions()


def _manifest_id(given: Input, found: style.Style) -> str:
    if given.manifest_id or found.is_helm:
        return given.manifest_id
    return content.content_id(content.sha256_sum(given.resources))


def _request(given: Input, chart: charts.Chart, release: str, namespace: str, merged: dict[str, Any]) -> ChartRequest:
    helm = _helm(given.options)
    return ChartRequest(
        files=chart.packed,
        name=release,
        namespace=namespace,
        values=merged,
        revision=given.revision,
        is_upgrade=given.is_upgrade,
        kube_version=given.kube_version,
        api_versions=given.api_versions,
        skip_schema_validation=helm.skip_schema_validation,
        disable_dns=helm.disable_dns,
    )


def plain_rendering(chart: charts.Chart, release: str) -> ChartRendering:
    """What Helm would make of a chart without templates."""
    name = chart.metadata["name"]
    if not name or "/" in name or name in (".", ".."):
        raise Invalid(f"the chart can't be read: chart name {name!r} is invalid", where=f"chart of {release}")
    return ChartRendering({}, {}, dict(chart.metadata), {})


def _kustomized(found: list[rendered.Document], given: Input, files: dict[str, bytes], kustomize: Kustomize) -> list[tuple[str, Object]]:
    """The objects of the templates with their files, or what Kustomize makes of them."""
    objects = rendered.objects(found)
    if not any(name.endswith(_KUSTOMIZATION_ENDS) for name in files):
        return objects
    folder = given.options.kustomize.dir if given.options.kustomize else ""
    built = kustomize.build(files, folder, rendered.for_kustomize(found) if objects else "")
    return objects if built is None else [rendered.unmarked(obj) for obj in built]


def _raw(chart: charts.Chart) -> Iterator[Object]:
    """The manifests that are no templates. A file with a document that is no object is left out whole, as Fleet does."""
    for path, data in chart.raw.items():
        try:
            found = list(documents.objects(data, path.removeprefix(charts.RAW)))
        except documents.MissingKind:
            continue
        yield from (obj for obj in found if _is_named(obj, "apiVersion") and _is_named(obj, "kind"))


def _finished(obj: Object, set_id: str, given: Input, scopes: postrender.Scopes | None) -> Object:
    """The object with what Fleet adds. To `metadata: null` nothing can be added, and a dry run shows such an object without."""
    if given.is_dry_run and obj.get("metadata", obj) is None:
        return {key: value for key, value in obj.items() if key != "metadata"}
    return postrender.finish(obj, set_id, given.options, scopes)


def _is_named(obj: Object, key: str) -> bool:
    return isinstance(obj.get(key), str) and bool(obj[key])


def _of_lists(objects: Iterable[Object]) -> Iterator[Object]:
    """The objects, those of lists within lists among them: Fleet marked the inner list only."""
    for obj in objects:
        yield from documents.taken_apart(obj, "the list", str(obj["kind"]))


def _crds(rendering: ChartRendering) -> Iterator[Object]:
    for path in sorted(rendering.crds):
        yield from documents.objects(rendering.crds[path], path)


def _notes(rendering: ChartRendering) -> str:
    main = re.compile(r"[^/]+/templates/NOTES\.txt")
    return next((text for path, text in sorted(rendering.templates.items()) if main.fullmatch(path)), "")


def _missing(rendering: ChartRendering) -> Iterator[str]:
    for dependency in rendering.missing:
        yield (
            f"chart {rendering.metadata.get('name', '')}: dependency {dependency} is not in charts/ and was left out; "
            "run `helm dependency update`, or do not set disableDependencyUpdate"
        )


Renderer = Callable[[Input], Rendering]
