"""A Helm repository in memory, for `engine.helmops.Versions` and `engine.contents.ChartFiles`."""

from __future__ import annotations

from collections.abc import Mapping

from extension.objects.errors import Unavailable, UserError
from extension.objects.kinds import HelmOp
from extension.objects.options import HelmOptions
from extension.sources.versions import Constraint

TEMPLATE = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"


class DictCharts:
    """`versions` by (repository, chart). `asked` are the constraints asked for, `fetched` the versions; while `error` is set nothing
    answers."""

    def __init__(self, versions: Mapping[tuple[str, str], list[str]]) -> None:
        self.versions = dict(versions)
        self.asked: list[str] = []
        self.fetched: list[tuple[str, str]] = []
        self.error: UserError | None = None

    def version(self, op: HelmOp, helm: HelmOptions) -> str:
        self.asked.append(helm.version)
        if self.error:
            raise self.error
        if not helm.repo:
            return helm.version
        best = Constraint(helm.version).best(self.versions.get((helm.repo, helm.chart), []))
        if not best:
            raise Unavailable(f"chart {helm.chart} has no version {helm.version or '*'}", where=helm.repo)
        return best

    def fetch(self, op: HelmOp | None, helm: HelmOptions) -> Mapping[str, bytes]:
        self.fetched.append((op.metadata.name if op else "", helm.version))
        if self.error:
            raise self.error
        return {"web/Chart.yaml": f"name: web\nversion: {helm.version}\n".encode(), "web/templates/a.yaml": TEMPLATE}
