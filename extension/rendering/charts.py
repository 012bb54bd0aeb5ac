"""The chart that a bundle's files become (`fleet-semantics.md` 4.2).

Whatever the style, Fleet deploys a chart: the bundle's own, or one made up around its manifests. Manifests in
`templates/` are templates; all others lie in the chart's `raw-yaml/` and are never templated. A chart of nothing but
`raw-yaml/` needs no Helm to be rendered.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import msgspec

from extension.objects.errors import Invalid
from extension.rendering.style import CHART_YAML, Style

RAW = "raw-yaml/"
_MANIFEST_SUFFIXES = (".yaml", ".yml", ".json")
_FLEET_YAMLS = ("fleet.yaml", "fleet.yml")


class Chart(msgspec.Struct, frozen=True):
    """`files` by path in the chart. `metadata` is known for a made-up chart, empty for the bundle's own."""

    files: dict[str, bytes]
    metadata: dict[str, str] = {}

    @property
    def needs_helm(self) -> bool:
        """Whether there is anything that only Helm can render."""
        return not self.metadata or any(not path.startswith(RAW) for path in self.files)

    @property
    def raw(self) -> dict[str, bytes]:
        return {path: data for path, data in self.files.items() if path.startswith(RAW)}

    @property
    def packed(self) -> dict[str, bytes]:
        """The files with a Chart.yaml in any case."""
        if not self.metadata:
            return self.files
        lines = [f"{key}: {msgspec.json.encode(value).decode()}\n" for key, value in self.metadata.items()]
        return {**self.files, CHART_YAML: "".join(lines).encode()}


def build(name: str, files: Mapping[str, bytes], style: Style, manifest_id: str, commit: str = "") -> Chart:
    """The chart of the bundle deployment `name`; its overlays are laid already. `commit` goes into a made-up version."""
    if style.chart_path:
        root = posixpath.dirname(style.chart_path)
        prefix = f"{root}/" if root else ""
        return Chart({path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)})
    version = f"git-{commit[:12]}" if len(commit) > 12 else manifest_id
    metadata = {"apiVersion": "v2", "name": name.rpartition("/")[2], "version": f"v0.0.0+{version}"}
    return Chart(manifests(files) if style.is_raw_yaml else {}, metadata)


def manifests(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The manifests of a plain bundle by their path in its chart, sorted; nested bundles and charts left out."""
    nested = tuple(
        f"{posixpath.dirname(path)}/" for path in files if "/" in path and posixpath.basename(path) in (*_FLEET_YAMLS, CHART_YAML)
    )
    kept = (
        path
        for path in sorted(files)
        if path.endswith(_MANIFEST_SUFFIXES) and posixpath.basename(path) not in _FLEET_YAMLS and not path.startswith(nested)
    )
    return {path if path.startswith("templates/") else RAW + path: files[path] for path in kept}


def check_path(path: str) -> str:
    """`path` if it stays below its root. Raises Invalid otherwise: paths come from bundles and are written to scratch folders."""
    if path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise Invalid("the path leaves the bundle", where=path)
    return path
