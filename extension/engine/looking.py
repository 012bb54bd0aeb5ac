"""One plan in the making: what is proposed, planned as the engine plans, beside what is stored."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import msgspec
from pyroaring import FrozenBitMap

from extension.bundles import Memo, Scan
from extension.engine.bundles import planned_for, vague_version
from extension.engine.helmop_bundles import targeting
from extension.engine.moves import coming, deployed
from extension.engine.policies import Policies
from extension.engine.proposals import Proposal, Proposals, Proposed
from extension.engine.sides import Sides
from extension.engine.telling import Teller, group_id, place, summed
from extension.engine.turns import Deadline, TooLong
from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import Conflict, Invalid, UserError
from extension.objects.kinds import Bundle, BundleSpec, Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.plan import NONE, Plan, Progress
from extension.objects.preview import Asked, BundlePlan, Members, PlanReport, TargetMatch
from extension.sources.uploaded import UploadedTree
from extension.store.labels import LabelIndex
from extension.store.protocol import Store
from extension.targeting import Templates, Universe
from extension.targeting.admission import check_bundle
from extension.targeting.comparing import Comparison, Shift, compare
from extension.targeting.planning import searched
from extension.targeting.previewing import asks_for_groups, members, targets, with_group


class Look:
    """One plan in the making. `universe` has the group that is asked for as it would be."""

    def __init__(  # noqa: PLR0917 (what a Planner has, and the question)
        self,
        store: Store,
        index: LabelIndex,
        templates: Templates,
        sides: Sides,
        rules: Policies,
        proposals: Proposals,
        asked: Asked,
        deadline: Deadline,
    ) -> None:
        self._store, self._index, self._templates = store, index, templates
        self._rules, self._proposals, self._asked, self._deadline = rules, proposals, asked, deadline
        self._universe: Universe = index if asked.group is None else with_group(index, asked.group)
        self._teller = Teller(store, sides, self._universe, asked, deadline)

    def report(self) -> PlanReport:
        if self._asked.group is not None:
            return self._of_group(self._asked.group)
        if self._asked.cluster is not None:
            return self._of_cluster(self._asked.cluster)
        maker = self._asked.helmop or self._asked.repo or GitRepo()
        if self._asked.targets_only:
            return PlanReport(str(maker.key), targets=tuple(self._targets(maker)))
        found = self._proposal()
        bundles = tuple(self._bundles(found))
        deployed = maker.status.commit if isinstance(maker, GitRepo) else ""
        return summed(PlanReport(str(maker.key), commit=found.commit, deployed=deployed, bundles=bundles, warnings=found.warnings))

    def members(self, group: str, after: str, limit: int) -> Members:
        clusters = next((shift.clusters for key, shift in self._shifts() if group_id(key, shift) == group), None)
        if clusters is None:
            raise Invalid("the plan has no such group", field="group", hint="something changed since it was made: plan again")
        start = clusters.rank(min(int(after), 2**32 - 1)) if after else 0
        numbers = list(clusters[start : start + limit])
        keys = self._store.keys(Cluster.KIND, numbers)
        more = str(numbers[-1]) if start + len(numbers) < len(clusters) else ""
        return Members(group, len(clusters), tuple(place(keys[number]) for number in numbers if number in keys), next=more)

    def _shifts(self) -> Iterator[tuple[Key, Shift]]:
        found = self._proposal()
        for one in self._chosen(found.bundles):
            yield from ((one.whole.key, shift) for shift in self._compared(one)[1].shifts)
        for bundle in self._left(found.gone):
            yield from ((bundle.key, shift) for shift in self._leaving(bundle)[0].shifts)

    def _proposal(self) -> Proposal:
        """The Bundles that are asked about: of a GitRepo or HelmOp, or those that ask for groups where the group's clusters are."""
        if self._asked.helmop is not None:
            return self._proposals.of_helmop(self._asked.helmop, self._deadline)
        group = self._asked.group
        if group is None:
            tree = None if self._asked.archive is None else UploadedTree(self._asked.archive)
            return self._proposals.of(self._asked.repo or GitRepo(), tree, Memo(), self._deadline)
        where = group.metadata.namespace

        def affected(bundle: Bundle) -> bool:
            return asks_for_groups(bundle.spec) and self._reads(bundle.metadata.namespace) and where in searched(bundle, self._index)

        return self._proposals.stored(affected, self._deadline)

    def _reads(self, workspace: str) -> bool:
        return self._asked.workspaces is None or workspace in self._asked.workspaces

    def _of_group(self, group: ClusterGroup) -> PlanReport:
        """Who would enter and leave the group, and what that does to the bundles that ask for groups."""
        known = next((g.members for g in self._index.groups(group.metadata.namespace) if g.name == group.metadata.name), NONE)
        wanted = members(group, self._index)
        enters, leaves = (self._teller.names(FrozenBitMap(part)) for part in (wanted - known, known - wanted))
        return summed(PlanReport(str(group.key), bundles=tuple(self._bundles(self._proposal())), enters=enters, leaves=leaves))

    def _of_cluster(self, cluster: Cluster) -> PlanReport:
        """Which bundles would come to the cluster and which would leave it; of those that stay it says nothing."""
        wanted = coming(self._store, self._templates, cluster)
        has = {one.bundle for one in deployed(self._store, cluster.key)}
        comes = (BundlePlan(place(key), "created", created=1) for key in wanted if key not in has and self._reads(key.namespace))
        leaves = (BundlePlan(place(key), "removed", removed=1) for key in sorted(has - wanted.keys()) if self._reads(key.namespace))
        return summed(PlanReport(str(cluster.key), bundles=(*comes, *leaves)))

    def _targets(self, maker: GitRepo | HelmOp) -> Iterator[TargetMatch]:
        if isinstance(maker, HelmOp):
            bundle = targeting(maker)
        else:
            scan = Scan.of(maker)
            meta = ObjectMeta(name=maker.metadata.name, namespace=maker.metadata.namespace, labels=scan.labels)
            bundle = Bundle(metadata=meta, spec=BundleSpec(targets=scan.targets or (), target_restrictions=scan.target_restrictions))
        for name, clusters in targets(bundle, self._index):
            yield TargetMatch(name, self._teller.names(self._seen(clusters)))

    def _chosen(self, bundles: tuple[Proposed, ...]) -> Iterator[Proposed]:
        return (one for one in bundles if self._asked.bundle in ("", one.whole.metadata.name))

    def _left(self, gone: tuple[Bundle, ...]) -> Iterator[Bundle]:
        return (one for one in gone if self._asked.bundle in ("", one.metadata.name))

    def _bundles(self, proposal: Proposal) -> Iterator[BundlePlan]:
        for one in self._chosen(proposal.bundles):
            yield self._bundle(one)
        for bundle in self._left(proposal.gone):
            yield self._teller.bundle(bundle.key, "removed", *self._leaving(bundle), None)

    def _bundle(self, one: Proposed) -> BundlePlan:
        """A bundle's plan; what is wrong with all of it is told in place of it, as the engine writes it into its status."""
        key = one.whole.key
        there = self._store.find(Bundle, key.namespace, key.name) is not None
        if vague := vague_version(one.whole):
            return BundlePlan(place(key), "unchanged", error=vague)
        try:
            planned, found, hidden = self._compared(one)
        except (TooLong, Conflict):
            raise
        except UserError as error:
            return BundlePlan(place(key), "unchanged" if there else "created", error=str(error))
        change = "created" if not there else "changed" if found.shifts else "unchanged"
        return self._teller.rollout(self._teller.bundle(key, change, found, hidden, one), planned, self._visible)

    def _compared(self, one: Proposed) -> tuple[Plan, Comparison, int]:
        """The plan, its comparison with what is stored, and the number of clusters in it that the caller may not read."""
        key = one.whole.key
        self._deadline.check(f"planning bundle {place(key)}")
        rules = self._rules(key.namespace)
        check_bundle(one.whole, rules)
        with self._index.reading():
            planned = planned_for(one.whole, self._universe, self._templates, rules, one.manifest_id)
        there = self._store.find(Bundle, key.namespace, key.name)
        progress = Progress() if there is None else self._store.progress(key)
        return planned, *self._readable(compare(planned, progress, self._universe.off_schedule()))

    def _leaving(self, bundle: Bundle) -> tuple[Comparison, int]:
        """What becomes of the clusters of a bundle that goes: all lose it."""
        self._deadline.check(f"planning bundle {place(bundle.key)}")
        for namespace in searched(bundle, self._universe):
            self._universe.clusters(namespace)  # so that their names have an order
        return self._readable(compare(Plan(bundle.key, ""), self._store.progress(bundle.key)))

    @cached_property
    def _visible(self) -> FrozenBitMap | None:
        """The clusters that the caller may read, None for all."""
        if self._asked.workspaces is None:
            return None
        return FrozenBitMap.union(NONE, *(self._universe.clusters(workspace) for workspace in self._asked.workspaces))

    def _seen(self, clusters: FrozenBitMap) -> FrozenBitMap:
        return clusters if self._visible is None else FrozenBitMap(clusters & self._visible)

    def _readable(self, found: Comparison) -> tuple[Comparison, int]:
        """The comparison without the clusters that the caller may not read, and how many those are."""
        shifts = tuple(msgspec.structs.replace(shift, clusters=self._seen(shift.clusters)) for shift in found.shifts)
        seen = Comparison(tuple(shift for shift in shifts if shift.clusters), self._seen(found.unchanged))
        return seen, found.size - seen.size
