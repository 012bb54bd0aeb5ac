"""Charts for the bundles room, put together from two others: `sources` fetches, `rendering` knows Helm.

A dependency that lies in the same tree (`file://`) is packed by Helm in a scratch folder; one from a repository or
registry is fetched as every chart is, with the GitRepo's credentials, proxies and certificates. What a dependency
update writes is made the same for the same input: no time of day is left in it.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from extension.objects import yaml
from extension.objects.errors import Invalid, UserError
from extension.objects.tree import EntryType, Tree, walk
from extension.rendering.archives import archive, archive_files
from extension.rendering.documents import to_yaml
from extension.sources import dependencies
from extension.sources.charts import ChartArchive

_GENERATED = re.compile(rb"^generated: .*$", re.MULTILINE)
_METADATA = ("requirements.yaml", "Chart.yaml")
LOCK = "Chart.lock"
_NO_TIME = b'generated: "0001-01-01T00:00:00Z"'


class Fetcher(Protocol):
    """`sources.gitrepos.GitRepoCharts`."""

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]: ...

    def packed(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> ChartArchive: ...


class TreeCharts:
    """`bundles.Charts`. `update` is `Helm.update_dependencies`: it works on a folder of this machine."""

    def __init__(self, fetcher: Fetcher, update: Callable[[str], None]) -> None:
        self._fetcher = fetcher
        self._update = update

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]:
        return self._fetcher.fetch(chart, repo, version, path=path)

    def update(self, tree: Tree, folder: str) -> Mapping[str, bytes]:
        metadata = _metadata(tree, folder)
        held = [entry.name for entry in tree.entries(posixpath.join(folder, "charts") if folder else "charts")]
        wanted = dependencies.missing(metadata, held)
        if not wanted:
            return {}
        where = f"chart {metadata.get('name', '')} in {folder or '.'}"
        added = dependencies.fetch(wanted, lambda c, r, v: self._fetcher.packed(c, r, v, path=folder), where, folder)
        local = [one for one in wanted if str(one.get("repository") or "").startswith("file://")]
        unknown = [one for one in wanted if not dependencies.over_network(one) and one not in local]
        if unknown:
            one = unknown[0]
            raise Invalid(
                f"dependency {one['name']} {one.get('version', '')} is not in charts/",
                where=f"{folder or '.'}/Chart.yaml",
                field="dependencies",
                hint=dependencies.how_to_vendor(folder),
            )
        return {**added, **(self._packed_by_helm(tree, folder, local, where) if local else {})}

    def _packed_by_helm(self, tree: Tree, folder: str, local: list[dict[str, Any]], where: str) -> dict[str, bytes]:
        with tempfile.TemporaryDirectory(prefix="rancher-cd-charts-") as scratch:
            for part in {folder, *(_inside(folder, one, where) for one in local)}:
                _write_out(tree, part, Path(scratch))
            root = Path(scratch) / folder
            is_whole = _narrowed(root, local)
            before = {path for path in root.rglob("*") if path.is_file()}
            try:
                self._update(str(root))
            except UserError as error:
                hint = dependencies.how_to_vendor(folder)
                raise type(error)(error.message, where=where, field=error.field, hint=hint) from None
            new = (path for path in root.rglob("*") if path.is_file() and path not in before and (is_whole or path.name != LOCK))
            return {str(path.relative_to(root)): _timeless(path) for path in sorted(new)}


def _metadata(tree: Tree, folder: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in _METADATA:
        path = posixpath.join(folder, file) if folder else file
        try:
            loaded = yaml.load(tree.read(path), path)
        except FileNotFoundError:
            continue
        found.update(loaded if isinstance(loaded, dict) else {})
    return found


def _narrowed(root: Path, wanted: list[dict[str, Any]]) -> bool:
    """Leaves the chart in this folder only the wanted dependencies: Helm would ask for the others too. Whether these are all."""
    is_whole = True
    for file in _METADATA:
        path = root / file
        loaded = yaml.load(path.read_bytes(), str(path)) if path.is_file() else None
        if isinstance(loaded, dict) and loaded.get("dependencies", wanted) != wanted:
            path.write_text(to_yaml({**loaded, "dependencies": wanted}))
            is_whole = False
    return is_whole


def _inside(folder: str, dependency: dict[str, Any], where: str) -> str:
    """The folder a `file://` dependency names. Raises Invalid for one outside the tree."""
    text = str(dependency["repository"]).removeprefix("file://")
    path = posixpath.normpath(posixpath.join(folder, text))
    if text.startswith("/") or path == ".." or path.startswith("../"):
        raise Invalid(f"dependency {dependency['name']}: {text} lies outside the repository", where=where, field="dependencies")
    return "" if path == "." else path


def _write_out(tree: Tree, folder: str, root: Path) -> None:
    for path, data in _files(tree, folder):
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _files(tree: Tree, folder: str) -> Iterator[tuple[str, bytes]]:
    for path, entry in walk(tree, folder):
        if entry.type is EntryType.FILE:
            yield path, tree.read(path)


def _timeless(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".tgz":
        return _GENERATED.sub(_NO_TIME, data)
    members = archive_files(data)
    root = next(iter(members)).partition("/")[0]
    return archive({name.partition("/")[2]: content for name, content in members.items()}, root)
