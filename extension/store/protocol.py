"""What the engine and the API may ask of a store; `sql.py` is the one there is.

Invariants every store keeps:
- every write takes the next number of one sequence, its resourceVersion; a bulk write takes one for all its rows; one
  that changes nothing takes none, so a number above a known one always has a change to tell;
- what a call returned is on disk; a killed process leaves either all of a call or nothing;
- counters (by bundle, GitRepo and cluster, by state) change in the transaction that changes a state;
- deletions leave a tombstone for a window, so that a watch sees them; older than that is `Gone`;
- `status` of Bundle, GitRepo, Cluster and ClusterGroup is laid over from counters when read, never scanned.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec
from pyroaring import BitMap, FrozenBitMap

from extension.objects.base import Key, Object
from extension.objects.happened import Event
from extension.objects.kinds import BundleDeployment, BundleDeploymentStatus, BundleRef, BundleResource, Cluster, HelmOpOptions
from extension.objects.marks import Mark
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import Plan, Progress, Step
from extension.objects.selectors import LabelSelector
from extension.store.deliveries import Deliveries

if TYPE_CHECKING:
    from extension.store.asking import Asking
    from extension.store.errands import ErrandLog
    from extension.store.errorgroups import Errors
    from extension.store.lease import Leases

T = TypeVar("T", bound=Object)


class Filter(msgspec.Struct, frozen=True):
    """One condition on a field path such as `metadata.name` or `metadata.labels[env]`. `values` are alternatives.
    `<` and `>=` are for times, of those that a kind can be asked for by (`finding.py`)."""

    field: str
    operator: Literal["=", "!=", "~", "!~", "in", "notin", "exists", "!exists", "<", ">="]
    values: tuple[str, ...] = ()


class Query(msgspec.Struct, frozen=True):
    """A list request. `namespaces` None means all; `sort` is a field path, descending with a leading `-`.

    `filters` are ANDed, each a tuple of alternatives. `after` is the `next` of the page before.
    """

    namespaces: tuple[str, ...] | None = None
    selector: LabelSelector | None = None
    filters: tuple[tuple[Filter, ...], ...] = ()
    sort: tuple[str, ...] = ("metadata.namespace", "metadata.name")
    limit: int = 100
    after: str = ""


class Page(msgspec.Struct, frozen=True):
    """A page by keyset: `next` is empty on the last one, `count` the number of all matches, `revision` the sequence."""

    items: tuple[Any, ...]
    next: str
    count: int
    revision: int


class Change(msgspec.Struct, frozen=True):
    """One entry of the change feed. Changes of BundleDeployments are one entry a Bundle and write, under the Bundle's name.
    `number` is the object's id."""

    revision: int
    key: Key
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    number: int = 0


class Assigned(msgspec.Struct, frozen=True):
    """One deployment as its agent needs it. `deleting` asks for an uninstall; `labels` are the Bundle's. With `chart` the
    content is the chart that the options name. What a rollout still holds back and takes something over from other bundles says so
    ahead, by the part of its options that tells what and where (`coming`); one that is `held` altogether has nothing else to say."""

    bundle_id: int
    cluster_id: int
    revision: int
    bundle: Key
    labels: dict[str, str]
    deployment_id: str
    staged_deployment_id: str
    options: BundleDeploymentOptions
    content_sha256: str
    commit: str
    depends_on: tuple[BundleRef, ...]
    paused: bool
    deleting: bool
    status: BundleDeploymentStatus
    chart: HelmOpOptions | None = None
    coming: BundleDeploymentOptions | None = None
    held: bool = False

    @property
    def is_wanted(self) -> bool:
        """Whether the cluster is to have it now."""
        return not self.deleting and not self.held


class Member(msgspec.Struct, frozen=True):
    """All of a cluster that targeting may read; `marks` are its Marks."""

    namespace: str
    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    template_values: dict[str, Any]
    marks: int


class Report(msgspec.Struct, frozen=True):
    """What an agent says of one deployment. `removed`: the release is gone, drop the row.

    With a `sequence` it came over a network that may repeat and re-order: one that is not above the last one's is dropped, and so
    is a `removed` that answers to something older than `asked`, the revision of the work that the agent had.
    """

    bundle_id: int
    cluster_id: int
    status: BundleDeploymentStatus = BundleDeploymentStatus()
    removed: bool = False
    sequence: int = 0
    asked: int = 0


class Clusters(Protocol):
    """All clusters as numbers, the ids of their objects; see `population.Population`."""

    def ordered(self, namespaces: Collection[str]) -> array[int]:
        """The clusters of some namespaces in the order of their names, then namespaces."""

    def everyone(self) -> BitMap: ...
    def inside(self, namespace: str) -> BitMap: ...
    def named(self, namespace: str, name: str) -> BitMap: ...
    def labelled(self, key: str, value: str) -> BitMap: ...
    def having(self, key: str) -> BitMap: ...
    def by_value(self, key: str) -> dict[str, BitMap]: ...
    def documents(self, cls: type[T], key: Key | None = None) -> list[T]: ...
    def names(self) -> Sequence[tuple[int, str]]: ...
    def marked(self, mark: Mark) -> BitMap: ...
    def has(self, number: int, mark: Mark) -> bool: ...
    def vacant(self, numbers: Iterable[int]) -> list[int]: ...
    def members(self, numbers: Iterable[int]) -> dict[int, Member]: ...


class Store(Protocol):
    """See the module docstring. All methods may raise `Unavailable` (the disk is full, the file can't be read, no server answers)."""

    # documents
    def get(self, cls: type[T], namespace: str, name: str) -> T:
        """The object, a Bundle with its resources. Raises NotFound."""

    def find(self, cls: type[T], namespace: str, name: str) -> T | None:
        """The object, a Bundle without its resources; None when there is none."""

    def list(self, cls: type[T], query: Query = Query()) -> Page:
        """A page of objects, Bundles without resources, Secrets without data."""

    def create(self, obj: T, *, dry_run: bool = False) -> T:
        """Fills uid, creation time, generation, resourceVersion, name from generateName. Raises AlreadyExists.
        A Bundle's resources are kept once by content hash; `status.resourcesSha256Sum` names them."""

    def update(self, obj: T, *, dry_run: bool = False) -> T:
        """Replaces everything but status. A set resourceVersion must be the current one: Conflict. The generation rises
        when spec (or data) changed. Nothing changed: nothing is written. Ends a deletion when no finalizer is left."""

    def update_status(self, obj: T) -> T:
        """Replaces the stored status (what no counter gives), but for a Bundle's content hash. Nothing changed: nothing is
        written. Raises NotFound."""

    def change_status(self, cls: type[T], namespace: str, name: str, change: Callable[[T], T]) -> T:
        """As update_status, with the object that `change` makes of the stored one while nobody else writes: for who sets a few
        fields of a status that is another's. Raises NotFound."""

    def delete(self, cls: type[T], namespace: str, name: str, *, resource_version: str = "", dry_run: bool = False) -> T:
        """Deletes, or sets the deletion time while finalizers are there. Deleting a Cluster drops its deployments."""

    def events(self, obj: Object) -> Sequence[Event]:
        """What happened to an object of late, the newest first. Raises Forbidden where not everybody who reads the object may read that."""

    def object_id(self, key: Key) -> int:
        """The dense integer of an object (clusters' are the members of bitmaps). Raises NotFound."""

    def keys(self, kind: str, ids: Iterable[int]) -> dict[int, Key]: ...

    # content
    def content(self, sha256: str) -> tuple[BundleResource, ...]:
        """The resources with this manifest hash. Raises NotFound."""

    # change feed
    def revision(self) -> int:
        """The newest number of the sequence."""

    def changes(self, since: int, limit: int = 1000, *, counters: bool = True) -> Sequence[Change]:
        """Changes after `since`, oldest first; without `counters` those of clusters and Bundles that only their deployments' states
        made are left out (of a Bundle's there is the one of its deployments). Raises Gone when tombstones up to there are dropped, for
        a number that was never given, and where one write changed more objects than anybody wants to hear of one by one."""

    def wait(self, since: int, timeout: float, ended: Callable[[], bool] = lambda: False) -> int:
        """Blocks until the newest number is not `since` any more (by any process, or because a backup was restored), for `timeout`
        seconds, or until `ended`, which is asked again after each `wake`; the newest number."""

    def wake(self) -> None:
        """Has those who wait in this process look whether their wait has ended."""

    # deployments
    def progress(self, bundle: Key) -> Progress: ...

    def apply(self, plan: Plan, step: Step) -> int:
        """Writes a step in one transaction, only what changes; the revision (the old one when nothing did). Raises
        NotFound for a Bundle that is gone, Conflict for a plan made from content that it no longer has. Who writes for very
        many clusters does it in parts (`Step.parts`), so that others can write in between."""

    def tidy(self, bundle: Key) -> None:
        """Drops options, deployment IDs and contents of a bundle that no deployment has any more, if the last `progress` saw any. Tells
        nobody. Raises NotFound."""

    def assigned(self, cluster: Key, since: int = 0) -> Sequence[Assigned]:
        """Deployments of a cluster that changed after `since` (by the hub, not by its reports), by bundle name."""

    def whole(self, item: Assigned) -> Assigned:
        """The same with what is kept elsewhere: where Fleet deploys, the values and the files. Raises NotFound, Forbidden."""

    def report(self, reports: Sequence[Report]) -> Mapping[tuple[int, int], int]:
        """Many reports in one transaction: states, counters and details. Reports for rows that are gone are dropped. By bundle and
        cluster, the sequence of the report that stands now; rows that are gone are left out."""

    def deployment(self, bundle: Key, cluster: Key) -> BundleDeployment: ...

    def deployments(self, query: Query, *, bundle: Key | None = None, cluster: Key | None = None, gitrepo: Key | None = None) -> Page:
        """BundleDeployments as views; filterable by `state`, sortable by name, state and cluster. `gitrepo` may be a HelmOp."""

    def forget(self, bundle: Key) -> int:
        """Marks all deployments of a bundle for removal; how many are left."""

    # clusters
    def register(self, clusters: Sequence[Cluster], token: Key | None = None) -> None:
        """Creates many clusters, which have names, in one write that also counts them for the ClusterRegistrationToken they came with.
        Raises AlreadyExists, and then none is created."""

    def move(self, old: Cluster, new: Cluster) -> Cluster:
        """Replaces a cluster by one of another workspace, in one write: both are never there. Raises NotFound, AlreadyExists, Conflict."""

    @property
    def population(self) -> Clusters:
        """All clusters as numbers."""

    def seen(self, clusters: Iterable[Key], when: str) -> None:
        """Sets last-seen for many clusters in one write that wakes nobody, unless one of them was never heard of before."""

    def members(self, workspace: str, selector: LabelSelector) -> FrozenBitMap: ...

    @property
    def asking(self) -> Asking:
        """What the hub asks of clusters by their numbers, and the keys of their agents."""

    # webhooks
    @property
    def lease(self) -> Leases:
        """Who works as the engine."""

    @property
    def errands(self) -> ErrandLog:
        """What other processes ask of the engine."""

    @property
    def errors(self) -> Errors:
        """Deployments that are not ready, grouped by what they say."""

    @property
    def deliveries(self) -> Deliveries:
        """The log of webhook deliveries."""

    def close(self) -> None: ...
