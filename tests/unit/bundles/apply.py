"""Small trees read as `fleet apply` reads them, for these tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extension.bundles import Memo, Reading, Scan, read
from extension.bundles.loading import Limits
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle
from extension.objects.tree import Tree
from tests.fakes.tree import DictTree

CM = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
CHART = "apiVersion: v2\nname: c\nversion: 1.0.0\n"


class Shelf:
    """Charts by `chart repo version`; what an update adds by the chart's folder. `asked` are the calls."""

    def __init__(self, charts: Mapping[str, Mapping[str, bytes]] | None = None, updates: Mapping[str, Mapping[str, bytes]] | None = None):
        self.charts, self.updates = charts or {}, updates or {}
        self.asked: list[str] = []

    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Mapping[str, bytes]:
        key = f"{chart} {repo} {version}"
        self.asked.append(f"{key} for {path}")
        if key not in self.charts:
            raise Invalid(f"no chart {key}")
        return self.charts[key]

    def update(self, tree: Tree, folder: str) -> Mapping[str, bytes]:
        self.asked.append(f"update {folder}")
        return self.updates.get(folder, {})


def apply(
    files: Mapping[str, bytes | str],
    links: Mapping[str, str] | None = None,
    *,
    charts: Shelf | None = None,
    memo: Memo | None = None,
    limits: Limits = Limits(),
    **scan: Any,
) -> Reading:
    """What a scan of folder `a` gives, unless `scan` says otherwise."""
    given = {"name": "demo", "paths": ("a",), **scan}
    return read(DictTree(files, links), Scan(**given), charts or Shelf(), memo, limits)


def only(files: Mapping[str, bytes | str], links: Mapping[str, str] | None = None, **more: Any) -> Bundle:
    """The one bundle of `apply`."""
    found = apply(files, links, **more)
    assert [str(failure.error) for failure in found.failures] == []
    [bundle] = found.bundles
    return bundle


def with_fleet_yaml(options: str, **more: Any) -> Bundle:
    """The bundle of a folder with these options and one manifest."""
    return only({"a/fleet.yaml": options, "a/x.yaml": CM}, **more)


def refusal(files: Mapping[str, bytes | str], links: Mapping[str, str] | None = None, **more: Any) -> str:
    """Why the one folder of a scan can't be read."""
    [failure] = apply(files, links, **more).failures
    return str(failure.error)


def names(found: Reading) -> list[str]:
    return [bundle.metadata.name for bundle in found.bundles]


def resources(bundle: Bundle) -> list[str]:
    return [resource.name for resource in bundle.spec.resources]
