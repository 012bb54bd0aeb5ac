"""A chart's dependencies from Helm repositories and registries, fetched as every other chart is.

Helm's own `dependency update` would ask with its own HTTP client: past the proxies' and certificates' settings, without
the Helm secret, to any address a Chart.yaml names. What has to come over the network therefore comes from here; what
lies in the same repository (`file://`) is packed by Helm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from extension.objects.errors import Invalid, UserError
from extension.sources.charts import ChartArchive
from extension.sources.remote import redact
from extension.sources.versions import Constraint

Packed = Callable[[str, str, str], ChartArchive]

_ARCHIVE = re.compile(r"(?P<name>.+)-(?P<version>v?\d+\.\d+\.\d+.*)\.tgz")


def missing(metadata: Mapping[str, Any], held: Iterable[str]) -> tuple[dict[str, Any], ...]:
    """The dependencies a Chart.yaml (or requirements.yaml) declares and `charts/` lacks; `held` are the names in that folder.

    An unpacked folder holds any version, an archive its own. Raises Invalid for a declaration that is none.
    """
    declared = metadata.get("dependencies") or ()
    if not isinstance(declared, list | tuple) or not all(isinstance(one, dict) and one.get("name") for one in declared):
        raise Invalid("dependencies must be a list of names with versions", field="dependencies", hint="see Helm's Chart.yaml")
    names = tuple(held)
    return tuple(one for one in declared if not any(_holds(name, one) for name in names))


def over_network(dependency: Mapping[str, Any]) -> bool:
    """Whether a dependency lies in a Helm repository or registry."""
    return str(dependency.get("repository") or "").startswith(("https://", "http://", "oci://"))


def how_to_vendor(folder: str) -> str:
    """The next step that always helps: the chart's dependencies committed beside it."""
    return f"run `helm dependency update {folder or '.'}` and commit charts/"


def fetch(dependencies: Iterable[Mapping[str, Any]], packed: Packed, where: str, folder: str) -> dict[str, bytes]:
    """The archives of dependencies that lie `over_network`, by their path in the chart (`charts/NAME-VERSION.tgz`).

    `packed(chart, repo, version)` is a `GitRepoCharts.packed`; `where` names the chart, which lies in `folder`. Raises as it
    does, naming the dependency, and Invalid for a repository that only Helm's own configuration knows (`@name`, `alias:name`).
    """
    found: dict[str, bytes] = {}
    for one in dependencies:
        name, version, repository = (str(one.get(key) or "") for key in ("name", "version", "repository"))
        if repository.startswith(("@", "alias:")):
            hint = "write the repository's URL"
            raise Invalid(f"dependency {name}: repository {repository} is a name of somebody's own Helm", where=where, hint=hint)
        if not over_network(one):
            continue
        try:
            got = packed(name, repository, version)
        except UserError as error:
            place = f"{where}: dependency {name} {version} of {redact(repository)}"
            hint = "; or ".join(filter(None, (error.hint, how_to_vendor(folder))))
            raise type(error)(error.message, where=place, field=error.field, hint=hint) from None
        found[f"charts/{name}-{got.version}.tgz"] = got.data
    return found


def _holds(entry: str, dependency: Mapping[str, Any]) -> bool:
    name, version = str(dependency["name"]), str(dependency.get("version") or "")
    if entry == name:
        return True
    packed = _ARCHIVE.fullmatch(entry)
    return bool(
        packed and packed["name"] == name and (packed["version"] == version or Constraint(version, "dependencies").check(packed["version"]))
    )
