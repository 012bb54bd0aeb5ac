"""The mirror: a follower a kind, the tables that they write, and whether those can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from extension.objects.base import Key, Object
from extension.objects.errors import NotFound, Unavailable
from extension.objects.kinds import Bundle, BundleDeployment, Cluster, FleetWorkspace
from extension.store.kubernetes.api import Api
from extension.store.kubernetes.kinds import MIRRORED, decoded, path_of, served_as
from extension.store.kubernetes.tables import Tables
from extension.store.kubernetes.watching import Follower

PATIENCE = 10.0
"""Seconds that a mirror counts as true while the API server does not answer: a watch ends now and then."""
AWAY = "see whether the API server of Rancher's cluster runs and can be reached from here; this service comes back by itself"
NO_FLEET = "install Fleet (Rancher's feature continuous-delivery), or serve with --engine embedded; this service comes back by itself"


class Mirror:
    """`api` is the API server as this service's account. Nothing is read before `start`."""

    def __init__(self, api: Api, path: Path) -> None:
        self._api = api
        self.tables = Tables(path)
        plain = {cls: Follower(api, cls, self.tables, put=self._settle) for cls in MIRRORED if cls is not BundleDeployment}
        last = Follower(api, BundleDeployment, self.tables, after=(plain[Bundle], plain[Cluster]))
        self._followers: Mapping[type[Object], Follower] = {**plain, BundleDeployment: last}

    def start(self) -> None:
        for follower in self._followers.values():
            follower.start()

    def stop(self) -> None:
        for follower in self._followers.values():
            follower.stop()

    def problems(self, patience: float = 0.0) -> Mapping[str, str]:
        """What the mirror has not, by kind; empty when it is whole."""
        missing = [cls for cls, follower in self._followers.items() if not follower.served]
        if missing:
            whose = "Rancher" if missing == [FleetWorkspace] else "Fleet"
            names = ", ".join(served_as(cls) for cls in missing)
            return {"fleet": f"{whose} is not installed: the API server does not serve {names} ({NO_FLEET})"}
        found = {served_as(cls): follower.problem(patience) for cls, follower in self._followers.items()}
        return {name: problem for name, problem in found.items() if problem}

    def check(self) -> None:
        """Raises Unavailable while what the mirror has can't be believed."""
        problems = self.problems(PATIENCE)
        if "fleet" in problems:
            what, _, hint = problems["fleet"].partition(" (")
            raise Unavailable(what, hint=hint.removesuffix(")"))
        if problems:
            name, why = next(iter(problems.items()))
            raise Unavailable(f"{name} can't be read from the API server: {why}", hint=AWAY)

    def refresh(self, cls: type[Object], namespace: str, name: str) -> Object | None:
        """Brings one object up to what the API server has; None when there is none."""
        try:
            found = decoded(cls, self._api.read(path_of(cls, namespace, name)))
        except NotFound:
            known = self.tables.store.find(cls, namespace, name) if cls is not BundleDeployment else None
            if known is not None:
                self.tables.drop([known])
            return None
        self.tables.put([found])
        return found

    def _settle(self, keys: set[Key]) -> None:
        """Places the BundleDeployments that came before their Bundle or Cluster."""
        for key in self.tables.waiting_for(keys):
            self.refresh(BundleDeployment, key.namespace, key.name)
