"""How the service was told to run: one frozen value, from flags, then `RANCHER_CD_*`, then a file, then defaults.

Every field is a flag `--the-field`, a variable `RANCHER_CD_THE_FIELD` and a key `theField` of the settings file. What a field
means, and what it may be, stands beside it: the flags, their help and the checks of all three places are made from that.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from extension.objects import yaml
from extension.objects.errors import Invalid


def _default_state_dir() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "rancher-cd"


def _told(help_: str, least: float | None = None, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"help": help_, "least": least, "choices": choices}


def _setting(default: Any, help_: str, *, least: float | None = None, choices: tuple[str, ...] = ()) -> Any:
    """A field with its help; a number is at least `least`, a text one of `choices`."""
    return dataclasses.field(default=default, metadata=_told(help_, least, choices))


EMBEDDED, FLEET = "embedded", "fleet"


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """Intervals are seconds, sizes are bytes."""

    host: str = _setting("127.0.0.1", "Address to listen on, such as 0.0.0.0 or ::1.")
    port: int = _setting(8080, "Port to listen on; 0 takes a free one.", least=0)
    state_dir: Path = dataclasses.field(
        default_factory=_default_state_dir, metadata=_told("Folder of the store, the mirrors and directory clusters.")
    )
    engine: str = _setting(
        EMBEDDED, "Who deploys: this service, or on a Rancher server the Fleet that is there.", choices=(EMBEDDED, FLEET)
    )
    database_url: str = dataclasses.field(  # no repr: it may hold a password
        default="",
        repr=False,
        metadata=_told(
            "PostgreSQL database of the store, as postgresql://HOST/NAME; a file without. Set the variable: others can read flags."
        ),
    )
    kubeconfig: str = _setting("", "The Kubernetes API of the cluster fleet-local/local; a directory without.")
    service_account_dir: str = _setting(
        "", "In a pod, the folder of its service account (token, ca.crt): fleet-local/local is then the cluster it runs in."
    )
    rancher_url: str = _setting("", "https:// URL of a Rancher server: its users may call, and Kubernetes says what they may do.")
    rancher_ca: str = _setting("", "File with the CA certificates that Rancher's own is checked with; the system's without.")
    api_service: str = _setting("", "Service (NAMESPACE/NAME) by which Kubernetes' API server reaches --tls-port for an APIService.")
    tls_port: int = _setting(8443, "Port for Kubernetes' API server, with TLS; listened on where --api-service is given.", least=0)
    polling_interval: float = _setting(15.0, "Seconds between looks at a repository whose GitRepo names none.", least=0.1)
    git_client_timeout: float = _setting(30.0, "Seconds a Git server may take to answer.", least=0.1)
    drift_interval: float = _setting(15.0, "Seconds between looks for drift at what can't be watched.", least=0.1)
    max_file_size: int = _setting(20 * 1024 * 1024, "The largest file of a repository, in bytes.", least=1)
    max_tree_files: int = _setting(50_000, "The most files of a repository at one commit.", least=1)
    checkin_interval: float = _setting(900.0, "Longest time in seconds between check-ins of an agent.", least=1)
    offline_after: float = _setting(2700.0, "Seconds without a check-in after which a cluster counts as offline.", least=1)
    server_url: str = _setting("", "URL at which agents reach this service; its own address without.")
    server_ca: str = _setting("", "File with the CA certificates that agents trust for it.")
    agent_chart: str = _setting("", "Folder of the chart of the agents that this service installs; the one that came with it without.")
    additional_ca: str = _setting("", "File with CA certificates trusted besides the system's: of Git servers, registries, a proxy.")
    without_token: bool = _setting(False, "Make no token at the first start; `rancher-cd token create --state-dir DIR` makes one.")
    ignore_cluster_registration_labels: bool = _setting(False, "Register clusters without the labels that they ask for.")
    workers: int = _setting(4, "Threads that deploy.", least=1)
    threads: int = _setting(32, "Threads of a process that answer requests.", least=2)
    processes: int = _setting(1, "Processes that answer requests; one of them works as the engine too.", least=1)
    allow_file_repos: bool = _setting(False, "Let GitRepos name repositories on this machine's disk.")
    imagescan_enabled: bool = _setting(False, "Scan registries for imageScans of fleet.yaml, and commit what they find.")
    log_level: str = _setting("info", "The least that is logged.", choices=("debug", "info", "warning", "error"))
    log_format: str = _setting("text", "Log lines for people or for programs.", choices=("text", "json"))

    @property
    def address(self) -> str:
        """Host and port as in a URL, an IPv6 address in brackets."""
        return self.at(self.port)

    @property
    def addresses(self) -> list[str]:
        """All that is listened on: the plain port, and the one for Kubernetes' API server where it has a way here."""
        return [self.address, *([self.at(self.tls_port)] if self.api_service else [])]

    @property
    def inside_rancher(self) -> bool:
        """Whether callers are Rancher's and Kubernetes', and not this service's own."""
        return bool(self.rancher_url or self.api_service)

    def at(self, port: int) -> str:
        return f"[{self.host}]:{port}" if ":" in self.host else f"{self.host}:{port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def database(self) -> Path:
        return self.state_dir / "store.db"

    @property
    def store(self) -> Path | str:
        """Where the store is, as `open_store` takes it."""
        return self.database_url or self.database

    @property
    def alone(self) -> bool:
        """Whether one process is all that ever uses the store at a time."""
        return self.processes == 1 and not self.database_url

    @property
    def store_key(self) -> Path:
        """The file of the key to what is encrypted in the store; all processes that share a database need the same one."""
        return self.state_dir / "store.db.key"

    @property
    def mirrors(self) -> Path:
        return self.state_dir / "mirrors"

    @property
    def directories(self) -> Path:
        """Where directory clusters receive their manifests: `<workspace>/<cluster>` below it."""
        return self.state_dir / "clusters"


def load(flags: Mapping[str, Any], environ: Mapping[str, str], file: Path | None = None) -> Settings:
    """The settings from all places, flags winning. Raises Invalid naming the place of a value that can't be."""
    stored = yaml.load(file.read_bytes(), str(file)) or {} if file else {}
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for field in dataclasses.fields(Settings):
        camel = "".join(w if i == 0 else w.capitalize() for i, w in enumerate(field.name.split("_")))
        places = (
            (flags.get(field.name), flag(field.name)),
            (environ.get(variable(field.name)), variable(field.name)),
            (stored.get(camel), f"{file}: {camel}"),
        )
        found = next(((value, place) for value, place in places if value is not None), None)
        if found:
            values[field.name] = _allowed(field, _convert(hints[field.name], *found), found[1])
    if values.get("kubeconfig") and values.get("service_account_dir"):
        raise Invalid("both name the cluster fleet-local/local", where="--kubeconfig, --service-account-dir", hint="leave one out")
    if values.get("engine") == FLEET:
        _fit_fleet(values)
    return Settings(**values)


def _fit_fleet(values: Mapping[str, Any]) -> None:
    """Raises Invalid for settings that the engine of a Rancher server can't have."""
    if not values.get("rancher_url") and not values.get("api_service"):
        hint = "name a door of Rancher's: --rancher-url or --api-service"
        raise Invalid("the engine fleet has no users of its own", where="--engine", hint=hint)
    if values.get("database_url"):
        hint = "leave --database-url out"
        raise Invalid("the engine fleet keeps everything on Kubernetes' API server", where="--database-url", hint=hint)


def flag(name: str) -> str:
    """The flag of a field."""
    return f"--{name.replace('_', '-')}"


def variable(name: str) -> str:
    """The environment variable of a field."""
    return f"RANCHER_CD_{name.upper()}"


_BOOLEANS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


def _convert(kind: type[Any], value: Any, place: str) -> Any:
    try:
        if kind is bool and not isinstance(value, bool):
            return _BOOLEANS[str(value).lower()]
        return kind(value)
    except (TypeError, ValueError, KeyError):
        raise Invalid(f"{value!r} is not a {kind.__name__}", where=place) from None


def _allowed(field: dataclasses.Field[Any], value: Any, place: str) -> Any:
    least, choices = field.metadata["least"], field.metadata["choices"]
    if choices and value not in choices:
        raise Invalid(f"{value!r} is not one of {', '.join(choices)}", where=place)
    if least is not None and not least <= value < math.inf:
        raise Invalid(f"{value} is not a number of at least {least}", where=place)
    return value
