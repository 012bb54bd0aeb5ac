"""How the service was told to run: one frozen value, from flags, then `RANCHER_CD_*`, then a file, then defaults.

Every field is a flag `--the-field`, a variable `RANCHER_CD_THE_FIELD` and a key `theField` of the settings file.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from extension.objects import yaml
from extension.objects.errors import Invalid


def _default_state_dir() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "rancher-cd"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Intervals are seconds, sizes are bytes. `kubeconfig` is that of the local cluster, a directory when empty. `workers` are
    threads that deploy, `threads` those that answer requests.
    `allow_file_repos` lets GitRepos name repositories on this machine's disk, `imagescan_enabled` takes imageScans of fleet.yaml."""

    host: str = "127.0.0.1"
    port: int = 8080
    state_dir: Path = dataclasses.field(default_factory=_default_state_dir)
    kubeconfig: str = ""
    polling_interval: float = 15.0
    git_client_timeout: float = 30.0
    drift_interval: float = 15.0
    agent_checkin_interval: float = 900.0
    max_file_size: int = 20 * 1024 * 1024
    max_tree_files: int = 50_000
    workers: int = 4
    threads: int = 32
    allow_file_repos: bool = False
    imagescan_enabled: bool = False
    log_level: str = "info"
    log_format: str = "text"

    @property
    def database(self) -> Path:
        return self.state_dir / "store.db"

    @property
    def mirrors(self) -> Path:
        return self.state_dir / "mirrors"

    @property
    def directories(self) -> Path:
        """Where directory clusters receive their manifests: `<workspace>/<cluster>` below it."""
        return self.state_dir / "clusters"


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings from all places, flags winning. Raises Invalid naming the place of a value that is not of its type."""
    stored = yaml.load(file.read_bytes(), str(file)) or {} if file else {}
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for field in dataclasses.fields(Settings):
        camel = "".join(w if i == 0 else w.capitalize() for i, w in enumerate(field.name.split("_")))
        variable = f"RANCHER_CD_{field.name.upper()}"
        places = (
            (flags.get(field.name), f"--{field.name.replace('_', '-')}"),
            (environ.get(variable), variable),
            (stored.get(camel), f"{file}: {camel}"),
        )
        found = next(((value, place) for value, place in places if value is not None), None)
        if found:
            values[field.name] = _convert(hints[field.name], *found)
    return Settings(**values)


_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def _convert(kind: type[Any], value: Any, place: str) -> Any:
    try:
        if kind is bool and not isinstance(value, bool):
            return _BOOLEANS[str(value).lower()]
        return kind(value)
    except (TypeError, ValueError, KeyError):
        raise Invalid(f"{value!r} is not a {kind.__name__}", where=place) from None
