"""The files of a bundle: its folder, and the charts it takes from elsewhere (`fleet-semantics.md` 2.5).

Hidden files and folders, options files, values files and what `.fleetignore` names are left out. A link is followed
to a file inside the bundle's folder only. Sizes are added up before anything is read, so that a huge tree is an
error and not an exhausted memory.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from extension.bundles import links
from extension.bundles.ignoring import Rules, patterns
from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.objects.options import HelmOptions
from extension.objects.tree import Entry, EntryType, Tree

CHART_YAML = "Chart.yaml"


class Limits(msgspec.Struct, frozen=True):
    """What a bundle may hold at most; sizes in bytes."""

    file: int = 20 * 1024 * 1024
    files: int = 50_000
    total: int = 200 * 1024 * 1024


class Charts(Protocol):
    """Where charts come from that are not in the tree; both raise UserErrors that name chart and dependency."""

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]:
        """The files of a chart by their paths in it. `path` is the bundle's folder, for credentials that are bound to one."""

    def update(self, tree: Tree, folder: str) -> Mapping[str, bytes]:
        """The files that a dependency update adds to the chart in `folder`, by their path below it; none when none is missing."""


class Loading:
    """The files of one bundle in `folder`."""

    def __init__(self, tree: Tree, folder: str, skipped: frozenset[str], limits: Limits) -> None:
        self._tree = tree
        self._folder = folder
        self._skipped = skipped
        self._limits = limits
        self._total = 0
        self._rules = Rules()
        self.files: dict[str, bytes] = {}
        self.charts: list[str] = []
        """Folders with a Chart.yaml, hidden and ignored ones too: their dependencies are looked after before they are left out."""

    def load(self) -> dict[str, bytes]:
        """The files by their paths below the folder. Raises Invalid for a link that leaves it, and for more than the limits allow."""
        self._walk("")
        return self.files

    def _walk(self, below: str) -> None:
        folder = posixpath.join(self._folder, below) if below else self._folder
        self._rules.add(below, patterns(self._tree, folder))
        entries = self._tree.entries(folder)
        if any(entry.name == CHART_YAML for entry in entries):
            self.charts.append(below)
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            is_folder = entry.type is EntryType.FOLDER
            hidden = self._rules.hide(name, is_folder) or entry.name.startswith(".")
            if name in self._skipped and not is_folder:
                continue
            if is_folder and hidden and any(e.name == CHART_YAML for e in self._tree.entries(f"{self._folder}/{name}".lstrip("/"))):
                self.charts.append(name)
            elif is_folder and not hidden:
                self._walk(name)
            elif not is_folder and not hidden:
                self._add(name, entry)

    def _add(self, name: str, entry: Entry) -> None:
        path = f"{self._folder}/{name}" if self._folder else name
        self._total += entry.size
        if len(self.files) >= self._limits.files:
            raise Invalid(
                f"the bundle has more than {self._limits.files} files", where=self._folder or ".", hint="split it, or use .fleetignore"
            )
        if entry.size > self._limits.file or self._total > self._limits.total:
            raise Invalid(
                f"{_mib(entry.size)} are too much: a file may have {_mib(self._limits.file)}, a bundle {_mib(self._limits.total)}",
                where=path,
                hint="leave it out with .fleetignore",
            )
        data = self._linked(path) if entry.type is EntryType.LINK else self._tree.read(path)
        if data is not None:
            self.files[name] = data

    def _linked(self, path: str) -> bytes | None:
        """What a link points to inside the bundle's folder; a link to a folder is left out."""
        target = links.resolved(self._tree, path)
        if self._folder and not target.startswith(f"{self._folder}/") and target != self._folder:
            raise Invalid("symlink target escapes bundle directory", where=path, hint="link only to files of the same bundle")
        try:
            return self._tree.read(target)
        except FileNotFoundError:
            if self._tree.entries(target):
                return None
            raise Invalid("the link points to nothing", where=path) from None


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.3g} MiB"


def depending_charts(tree: Tree, folder: str, loading: Loading) -> tuple[str, ...]:
    """The charts among what was loaded that declare dependencies, by their folders below `folder`."""
    return tuple(below for below in loading.charts if _declares_dependencies(tree, posixpath.join(folder, below) if below else folder))


def updated(tree: Tree, folder: str, below: str, charts: Charts) -> Iterator[tuple[str, bytes]]:
    """The files that a dependency update adds to the chart `below` the bundle's folder, by their paths below that."""
    for name, data in charts.update(tree, posixpath.join(folder, below) if below else folder).items():
        yield (f"{below}/{name}" if below else name), data


def _declares_dependencies(tree: Tree, folder: str) -> bool:
    prefix = f"{folder}/" if folder else ""
    for file in (CHART_YAML, "requirements.yaml"):
        try:
            data = tree.read(f"{prefix}{file}")
        except FileNotFoundError:
            continue
        found: Any = yaml.load(data, f"{prefix}{file}") if b"dependencies" in data else None
        if isinstance(found, dict) and found.get("dependencies"):
            return True
    return False


def is_remote(tree: Tree, folder: str, helm: HelmOptions) -> bool:
    """Whether a chart has to be fetched: it has a repository, or nothing lies at its path."""
    if helm.repo:
        return True
    if "://" in helm.chart or "::" in helm.chart:
        return True
    path = posixpath.normpath(f"{folder}/{helm.chart}").lstrip("/")
    path = "" if path == "." else path
    if path == ".." or path.startswith("../"):
        return True
    parent, _, name = path.rpartition("/")
    return bool(path) and not any(entry.name == name for entry in tree.entries(parent))


def fetched_folder(helm: HelmOptions) -> str:
    """The folder among a bundle's resources that a fetched chart is put into."""
    return f".chart/{hashlib.sha256(f'{helm.chart}:{helm.repo}:{helm.version}'.encode()).hexdigest()}"
