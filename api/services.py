"""What the API needs from the rest of the service, and nothing more: handed in once by whoever starts it.

The API imports no engine; a test hands in a store on a temporary path and small functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from flask import current_app, g

from extension.objects.agents import ClusterCopies, Registration, RegistrationRequest, ReportAnswer, ReportBatch, Work
from extension.objects.base import Key
from extension.objects.connection import ConnectionReport
from extension.objects.explanation import Explanations, Trace, TracedObjects
from extension.objects.kinds import GitRepo
from extension.objects.moving import Move, Moved
from extension.objects.operation import Operation, OperationItem, Stage
from extension.objects.preview import Asked, Members, PlanReport
from extension.objects.status import ResourceKey
from extension.settings import Settings
from extension.store.protocol import Store

if TYPE_CHECKING:
    from extension.rancher.doors import Doors
    from extension.rancher.identity import Identity as Somebody
    from extension.rancher.members import Member
    from extension.rancher.repair.report import Asked as AskedRepair
    from extension.rancher.repair.report import RepairReport


class Identity(Protocol):
    """Who a token speaks for: `roles` maps a workspace, or `*` for all, to `admin`, `member` or `read-only`."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def roles(self) -> Mapping[str, str]: ...


class TokenInfo(Identity, Protocol):
    """A stored token without its secret. Times are RFC 3339; `expires` is empty for a token that does not expire."""

    @property
    def created(self) -> str: ...
    @property
    def expires(self) -> str: ...


class Tokens(Protocol):
    """API tokens (`extension/store/tokens.py`)."""

    def create(self, name: str, roles: Mapping[str, str], ttl: float | None = None) -> str:
        """The clear token `token-xxxxx:secret`, which is shown once. `ttl` is in seconds, None for no end."""

    def verify(self, token: str) -> Identity | None: ...

    def list(self) -> Sequence[TokenInfo]: ...

    def revoke(self, token_id: str) -> None:
        """Raises NotFound."""


Mover = Callable[[Key, Move, bool], Moved]
"""(cluster, what is asked for, dry run). Raises UserError when it can't be moved."""


class CheckInAnswer(Protocol):
    """`work` is None when there is none; the agent is to come back `after` seconds."""

    @property
    def work(self) -> Work | None: ...
    @property
    def after(self) -> float: ...


class Agents(Protocol):
    """Clusters' own agents (`extension/engine/hub.py`). Keys and secrets that are not good raise Unauthorized, a crowd raises Busy."""

    @property
    def register(self) -> Callable[[str, Sequence[RegistrationRequest]], list[Registration]]: ...
    def check_in(self, key: str, since: str) -> CheckInAnswer: ...
    def unchanged(self, key: str, since: str) -> float | None:
        """Seconds until the next check-in of an agent that has no news, from memory; None when `check_in` has to tell."""

    def content(self, key: str, sha256: str) -> bytes: ...
    def chart(self, key: str, bundle_id: int) -> bytes: ...
    def copies(self, key: str, bundle_id: int) -> ClusterCopies: ...
    def report(self, key: str, batch: ReportBatch) -> ReportAnswer: ...
    def renew(self, key: str) -> str: ...
    def rotate(self, cluster: Key) -> None: ...
    def revoke(self, cluster: Key) -> None: ...


class Plans(Protocol):
    """What would be, what is and why (`extension/engine/planning.py`, `explanations.py`, `tracing.py`). All raise TooLong when
    there is no answer in time, and Busy when too many ask."""

    def plan(self, asked: Asked) -> PlanReport: ...
    def members(self, asked: Asked, group: str, after: str, limit: int) -> Members: ...
    def explain(self, cluster: Key, bundle: Key | None, repo: Key | None) -> Explanations: ...
    def trace(self, cluster: Key, wanted: ResourceKey, workspaces: tuple[str, ...] | None) -> Trace: ...
    def traced(self, repo: GitRepo, path: str, limit: int, after: str, workspaces: tuple[str, ...] | None) -> TracedObjects: ...


class Connections(Protocol):
    """Tries of the way to a repository (`extension/engine/connections.py`). Raises Forbidden for what the workspace does not allow,
    TooLong when there is no answer in time, and Busy when too many ask."""

    def test(self, repo: GitRepo, with_paths: bool) -> ConnectionReport: ...


class Operations(Protocol):
    """Operations that are remembered, the newest KEPT (`extension/store/operations.py`)."""

    def add(self, operation: Operation) -> Operation: ...
    def find(self, name: str) -> Operation | None: ...
    def list(self) -> Sequence[Operation]:
        """The newest first."""

    def moved(self, item: OperationItem) -> Stage:
        """How far a move that was begun is."""


class Repairs(Protocol):
    """Repairs of the Rancher server this service belongs to (`extension/rancher/repair`), as one of its users. Raises Forbidden."""

    def repair(self, identity: Somebody, asked: AskedRepair) -> RepairReport: ...


class WorkspaceMembers(Protocol):
    """Members of the workspaces of a Rancher server, in one user's name (`extension/rancher/members.py`)."""

    def list(self, workspace: str) -> Sequence[Member]: ...
    def add(self, workspace: str, member: Member) -> None: ...
    def remove(self, workspace: str, id_: str) -> Member: ...


@dataclass(frozen=True)
class Services:
    """`ready` gives the problems that keep the service from working, by component; empty when it is ready.
    `allow_file` lets GitRepos name folders of this machine. `agents` is None where no agents are served, `plans` where nothing
    can be planned, `connections` where none can be tried, `rancher` where callers come with this service's own tokens, and `repairs`
    with it. `acting` gives the services as one of Rancher's users has them, None where all have the same; `members` comes with it."""

    store: Store
    tokens: Tokens
    settings: Settings
    version: str
    move: Mover
    operations: Operations
    ready: Callable[[], Mapping[str, str]] = dict
    allow_file: bool = False
    agents: Agents | None = None
    plans: Plans | None = None
    connections: Connections | None = None
    rancher: Doors | None = None
    repairs: Repairs | None = None
    acting: Callable[[Services, Somebody], Services] | None = None
    members: WorkspaceMembers | None = None


def services() -> Services:
    """The services of the application that serves the current request, the store of who sends it where each has one."""
    return cast(Services, g.get("services") or current_app.extensions["continuous-delivery"])
