"""Callers that Rancher knows and Kubernetes judges (`rancher-integration.md` 3.5).

Asked is for the real objects (`update gitrepos.fleet.cattle.io web` in a workspace's namespace), so that the roles that Rancher
gives its users mean the same here: first everywhere, then in the workspace, then for the one object. A BundleDeployment has no
role of its own anywhere; it is its Bundle's, and who may read that may read it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

from api.access import EVERYWHERE, READS, WRITES, Verb
from api.services import Services
from extension.objects.base import Object
from extension.objects.kinds import Bundle, BundleDeployment, FleetWorkspace
from extension.rancher import csrf
from extension.rancher.doors import Arrival, Doors
from extension.rancher.environ import CONFIG, HEADERS, PROVED
from extension.rancher.reviewing import Attributes
from extension.store.protocol import Query

if TYPE_CHECKING:
    from extension.rancher.identity import Identity
    from extension.rancher.reviewing import Reviews

PAGE = 1000
NAMED: tuple[Verb, ...] = ("get", "update", "patch", "delete", "fleetaddcluster")
"""Verbs that can be given for one object by its name."""


def arrived() -> Arrival:
    """The current request, as far as it tells who sent it."""
    environ = request.environ
    return Arrival(
        method=request.method,
        headers=environ.get(HEADERS, ()),
        authorization=request.headers.get("Authorization", ""),
        cookies=request.cookies,
        csrf=request.headers.get(csrf.HEADER, ""),
        common_name=environ.get(PROVED),
        config=environ.get(CONFIG),
    )


def known_by(services: Services, doors: Doors, identity: Identity) -> KubernetesCaller:
    return KubernetesCaller(identity, doors.reviews, lambda: workspace_names(services))


def workspace_names(services: Services) -> tuple[str, ...]:
    """All there are."""
    names: list[str] = []
    after = ""
    while True:
        page = services.store.list(FleetWorkspace, Query(sort=("metadata.name",), limit=PAGE, after=after))
        names += [item.metadata.name for item in page.items]
        after = page.next
        if not after:
            return tuple(names)


@dataclass(frozen=True)
class KubernetesCaller:
    """See `access.Caller`. `all_workspaces` gives the names of those there are."""

    identity: Identity
    reviews: Reviews
    all_workspaces: Callable[[], tuple[str, ...]]

    @property
    def name(self) -> str:
        return self.identity.user

    @property
    def token(self) -> str:
        return self.identity.token

    @property
    def id(self) -> str:
        return self.identity.user

    def may(self, cls: type[Object], verb: Verb, workspace: str, name: str = "") -> bool:
        if not _is_possible(cls, verb):
            return False
        return any(self.reviews.allowed(self.identity, what) for what in _asked(cls, verb, workspace, name))

    def workspaces(self, cls: type[Object], verb: Verb) -> tuple[str, ...] | None:
        if self.may(cls, verb, EVERYWHERE):
            return None
        if not _is_possible(cls, verb):
            return ()
        names = self.all_workspaces()
        answers = self.reviews.allowed_each(self.identity, [_asked(cls, verb, name, "")[-1] for name in names])
        return tuple(sorted(name for name, allowed in zip(names, answers, strict=True) if allowed))

    def may_anywhere(self, cls: type[Object], verb: Verb) -> bool:
        """Told to users and decides nothing, so it is good for longer than other answers."""
        return self.reviews.shown((self.identity, cls, verb), lambda: self._may_anywhere(cls, verb))

    def _may_anywhere(self, cls: type[Object], verb: Verb) -> bool:
        """Who may not even list a kind in a workspace is not asked for what they may write there."""
        if not _is_possible(cls, verb) or self.may(cls, verb, EVERYWHERE):
            return _is_possible(cls, verb)
        if verb in READS:
            return self.workspaces(cls, verb) != ()
        readable = self.workspaces(cls, "list")
        names = self.all_workspaces() if readable is None else readable
        return any(self.reviews.allowed_each(self.identity, [_asked(cls, verb, name, "")[-1] for name in names]))

    def lacks(self, cls: type[Object], verb: Verb, workspace: str) -> str:
        if not _is_possible(cls, verb):
            return "it is made by the engine"
        what = _asked(cls, verb, workspace, "")[-1]
        plural = f"{what.resource}.{what.group}" if what.group else what.resource
        place = f"in namespace {what.namespace}" if what.namespace else f"for {what.name}" if what.name else "in all namespaces"
        return f"it needs the verb {what.verb} on {plural} {place}; see your roles in Rancher"

    def gives_tokens(self, workspace: str) -> bool:
        """Nobody: the tokens are Rancher's."""
        return False

    def may_measure(self) -> bool:
        return self.reviews.allowed(self.identity, Attributes("get", path="/metrics"))


def _is_possible(cls: type[Object], verb: Verb) -> bool:
    return verb in READS or verb in WRITES[cls]


def _asked(cls: type[Object], verb: Verb, workspace: str, name: str) -> list[Attributes]:
    """What to ask, the widest first; a yes to any will do. A workspace is an object of the cluster and is asked for by its name."""
    judged = Bundle if cls is BundleDeployment else cls
    group = judged.API_VERSION.rpartition("/")[0]
    asked = [Attributes(verb, group, judged.PLURAL)]
    if workspace in (EVERYWHERE, ""):
        return asked
    if cls is FleetWorkspace:
        one: Verb = "get" if verb in READS else verb
        return asked if verb == "create" else [*asked, Attributes(one, group, judged.PLURAL, name=workspace)]
    asked.append(Attributes(verb, group, judged.PLURAL, workspace))
    return [*asked, Attributes(verb, group, judged.PLURAL, workspace, name)] if name and verb in NAMED else asked
