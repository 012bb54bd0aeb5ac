"""What a deployment is made of: the bundle's files from the store, or for a HelmOp's the chart, fetched when it is needed.

A chart that can't be had is no fault of the cluster: the error becomes the deployment's state, with chart, version and repository, and
the deployment is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from extension.delivery.copies import Copies, copies_of
from extension.delivery.protocol import Deployment
from extension.objects.content import pack
from extension.objects.errors import Invalid, UserError
from extension.objects.kinds import BundleResource, ConfigMap, HelmOp, Secret
from extension.objects.options import DownstreamResource, HelmOptions
from extension.rendering.style import fetched_chart_folder
from extension.sources.remote import redact
from extension.store.protocol import Assigned, Store

COPIED: dict[str, type[Secret | ConfigMap]] = {"secret": Secret, "configmap": ConfigMap}
"""What can be copied to a cluster, by its kind in any spelling (4.1)."""


class ChartFiles(Protocol):
    """`sources.helmops.HelmOpSources`, as far as deployments need it."""

    def fetch(self, op: HelmOp | None, helm: HelmOptions) -> Mapping[str, bytes]:
        """The files of the chart that `helm` names, with what the HelmOp has for its repository."""


class NoCharts:
    """`ChartFiles` where no HelmOps are served."""

    def fetch(self, op: HelmOp | None, helm: HelmOptions) -> Mapping[str, bytes]:
        raise Invalid("charts are not fetched here")


def made_of(item: Assigned, resources: Callable[[Assigned], tuple[BundleResource, ...]], copies: Copies) -> Deployment:
    """The deployment of an item whose files `resources` fetches when they are needed."""
    return Deployment(
        name=item.bundle.name,
        namespace=item.bundle.namespace,
        deployment_id=item.deployment_id,
        options=item.options,
        resources=lambda: resources(item),
        commit=item.commit,
        status=item.status,
        copies=copies,
    )


class Contents:
    """The deployments of this process's clusters, for their deliveries. Thread-safe."""

    def __init__(self, store: Store, charts: ChartFiles | None = None) -> None:
        self._store = store
        self._charts = charts or NoCharts()

    def deployment(self, item: Assigned) -> Deployment:
        """Raises Invalid when something that is to be copied beside it is not there."""
        return made_of(item, self.resources, self.copies(item))

    def copies(self, item: Assigned) -> Copies:
        """What is copied beside a deployment. Raises Invalid when something of it is not there."""
        return copies_of((self._source(item, one) for one in item.options.downstream_resources), item.bundle.name)

    def _source(self, item: Assigned, named: DownstreamResource) -> Secret | ConfigMap:
        """What is copied, of the bundle's workspace and no other."""
        workspace, field = item.bundle.namespace, "downstreamResources"
        kind = COPIED.get(named.kind.lower())
        if kind is None:
            raise Invalid(f"{field}: {named.kind!r} can't be copied to a cluster", field=field, hint="name a Secret or a ConfigMap")
        found = self._store.find(kind, workspace, named.name)
        if found is None:
            raise Invalid(
                f"{field}: {kind.KIND} {workspace}/{named.name} does not exist",
                field=field,
                hint=f"create it in workspace {workspace}, or take it out of {field}",
            )
        return found

    def resources(self, item: Assigned) -> tuple[BundleResource, ...]:
        """The files of a deployment. Raises Invalid for a chart that can't be fetched."""
        if item.chart is None:
            return self._store.content(item.content_sha256)
        op = self._store.find(HelmOp, item.bundle.namespace, item.bundle.name)
        return self.chart(op, item.options.helm or HelmOptions())

    def chart(self, op: HelmOp | None, helm: HelmOptions) -> tuple[BundleResource, ...]:
        """The files of a HelmOp's chart. Raises Invalid when it can't be fetched."""
        try:
            files = self._charts.fetch(op, helm)
        except UserError as error:
            raise _told(helm, error) from None
        folder = fetched_chart_folder(helm)
        return tuple(pack(f"{folder}/{path}", files[path]) for path in sorted(files))


def _told(helm: HelmOptions, error: UserError) -> Invalid:
    """The error of a fetch as one of the deployment. Words that Fleet takes for a mistake in a manifest, which trying again does not
    mend, are not in it: a repository's index can be mended by others."""
    name = " ".join(filter(None, (redact(helm.chart), helm.version, f"from {redact(helm.repo)}" if helm.repo else "")))
    message = error.message.replace("yaml: ", "its index is no YAML, ")
    return Invalid(message, where=f"chart {name} can't be fetched", field=error.field, hint=error.hint)
