"""Which doors there are, by the settings: one value for a service inside Rancher and for one that is not.

`--rancher-url` takes credentials of Rancher, `--api-service` opens the aggregated door. Both ask the API server of the local
cluster, which is Rancher's own, what a user may do; so that one has to be named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from extension.delivery import kubeconfig
from extension.objects.errors import Invalid
from extension.settings import Settings

if TYPE_CHECKING:
    from extension.delivery.client import Client
    from extension.rancher.aggregation import Aggregation, Door
    from extension.rancher.doors import Doors
    from extension.rancher.repair.repairs import Repairs


@dataclass(frozen=True)
class Inside:
    """`doors` is None where callers are this service's own, `repairs` with it."""

    doors: Doors | None = None
    aggregation: Aggregation | None = None
    repairs: Repairs | None = None

    def start(self) -> None:
        if self.aggregation:
            self.aggregation.start()

    def stop(self) -> None:
        if self.aggregation:
            self.aggregation.stop()
        if self.doors:
            self.doors.reviews.close()

    @property
    def door(self) -> Door | None:
        return self.aggregation.door if self.aggregation else None

    def problems(self) -> Mapping[str, str]:
        """What keeps a door shut, by component."""
        problem = self.aggregation.problem() if self.aggregation else ""
        return {"aggregation": problem} if problem else {}


def opened(settings: Settings) -> Inside:
    """The doors, not started yet. Raises Invalid for settings that can't be."""
    if not settings.inside_rancher:
        return Inside()
    from extension.rancher.doors import Doors  # noqa: PLC0415 (what is only needed inside Rancher)
    from extension.rancher.repair.repairs import Repairs  # noqa: PLC0415
    from extension.rancher.resolving import Resolving  # noqa: PLC0415
    from extension.rancher.reviewing import Reviews  # noqa: PLC0415

    client = management(settings)
    resolve = Resolving(settings.rancher_url, settings.rancher_ca).identity if settings.rancher_url else None
    doors = Doors(Reviews(lambda path, body: client.request("POST", path, body)), resolve)
    return Inside(doors, _aggregation(settings, client) if settings.api_service else None, Repairs(client))


def _aggregation(settings: Settings, client: Client) -> Aggregation:
    from extension.rancher.aggregation import Aggregation  # noqa: PLC0415
    from extension.rancher.serving import Certificates  # noqa: PLC0415

    namespace, slash, service = settings.api_service.partition("/")
    if not namespace or not slash or not service or "/" in service:
        raise Invalid(f"{settings.api_service!r} is not NAMESPACE/NAME", where="--api-service")
    return Aggregation(client, Certificates(client, namespace, service))


def management(settings: Settings) -> Client:
    """The API server of Rancher's own cluster, as this service's account."""
    from extension.delivery.client import Client  # noqa: PLC0415

    if settings.service_account_dir:
        text = kubeconfig.in_cluster(os.environ, Path(settings.service_account_dir))
        return Client(kubeconfig.read(text, "--service-account-dir", Path("/")))
    if not settings.kubeconfig:
        hint = "name the API server of Rancher's own cluster with --service-account-dir or --kubeconfig"
        raise Invalid("nobody can say what a user may do", where="--rancher-url, --api-service", hint=hint)
    path = Path(settings.kubeconfig)
    return Client(kubeconfig.read(kubeconfig.read_file(path, str(path)), str(path), path.resolve().parent))


def own_namespace(settings: Settings) -> str:
    """The service's namespace in Rancher's own cluster: that of its APIService's Service, or of its account; empty where neither says."""
    if settings.api_service:
        return settings.api_service.partition("/")[0]
    file = Path(settings.service_account_dir) / "namespace"
    return file.read_text().strip() if settings.service_account_dir and file.exists() else ""
