"""How simulated agents behave, and what was simulated, in words that go with every figure."""

from __future__ import annotations

import dataclasses
from typing import Any


def _told(default: float, help_: str, most: float = float("inf")) -> Any:
    return dataclasses.field(default=default, metadata={"help": help_, "most": most})


@dataclasses.dataclass(frozen=True, slots=True)
class Behaviour:
    """Shares are between 0 and 1, times are seconds of the agents' own time."""

    deploy_seconds: float = _told(5.0, "Mean time a deployment takes.")
    failing: float = _told(0.0, "Share of deployments that fail at first.", 1)
    offline: float = _told(0.0, "Share of check-ins after which a cluster is away.", 1)
    offline_seconds: float = _told(600.0, "How long it is away.")
    restarting: float = _told(0.0, "Share of check-ins before which an agent forgot all it knew.", 1)
    duplicated: float = _told(0.0, "Share of reports that are sent twice.", 1)
    delayed: float = _told(0.0, "Share of reports that arrive up to a minute late, after newer ones.", 1)
    skewed: float = _told(0.0, "Hours by which clusters' clocks are wrong at most.")
    interval: float = _told(0.0, "Seconds between check-ins; 0 does what the hub says.")

    def __str__(self) -> str:
        said = ", ".join(f"{field.name.replace('_', '-')} {getattr(self, field.name):g}" for field in dataclasses.fields(self))
        return f"agents, their clusters and all deployments are simulated ({said}); contents are not fetched"
