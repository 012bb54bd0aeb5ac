"""What is planned: the Bundles that a commit, a folder or a group would make, as the engine would store them.

Everything that decides a deployment ID goes the engine's own way: the rules of the workspace, the reading of the tree, the values
apart and back, the commit's label. What keeps the engine from deploying a commit keeps it from being planned, in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from extension.bundles import Memo, Reading, Scan, extract_values, read, with_values
from extension.engine import gitrepos, helmops
from extension.engine.bundles import manifest_of, values_of
from extension.engine.gitrepos import refuse
from extension.engine.helmop_bundles import Chart, bundle_of, chart_of, warning
from extension.engine.helmops import own
from extension.engine.produced import COMMIT, Produced, labelled
from extension.engine.stored import listed
from extension.engine.turns import Deadline
from extension.objects.base import Key
from extension.objects.content import content_id, sha256_sum
from extension.objects.helmop import charts
from extension.objects.kinds import Bundle, BundleResource, GitRepo, HelmOp
from extension.objects.tree import Tree
from extension.sources.remote import redact
from extension.store.protocol import Store
from extension.targeting.admission import Rules, admitted, admitted_helmop


class Proposed(msgspec.Struct, frozen=True):
    """A Bundle as it would be stored: `whole` has its values, `resources` its files (None: they are in the store). Of a HelmOp, which is
    `op` as it would be, the files are the chart's."""

    whole: Bundle
    manifest_id: str
    resources: tuple[BundleResource, ...] | None = None
    op: HelmOp | None = None

    @property
    def commit(self) -> str:
        return self.whole.metadata.labels.get(COMMIT, "")


class Proposal(msgspec.Struct, frozen=True):
    """The Bundles that would be there, and those that would go; `commit` is empty for a folder."""

    commit: str
    bundles: tuple[Proposed, ...]
    gone: tuple[Bundle, ...] = ()
    warnings: tuple[str, ...] = ()


class Sources(gitrepos.Sources, helmops.Versions, Protocol):
    """Where commits and the versions of charts come from."""


class Proposals:
    """Reads what is to be planned. `rules` gives those of a workspace."""

    def __init__(self, store: Store, sources: Sources, rules: Callable[[str], Rules], *, image_scan: bool) -> None:
        self._store = store
        self._sources = sources
        self._rules = rules
        self._image_scan = image_scan

    def of(self, repo: GitRepo, tree: Tree | None, memo: Memo, deadline: Deadline) -> Proposal:
        """The Bundles of a GitRepo at what it names, or of `tree` in place of it. Raises what the engine would refuse it with."""
        repo = admitted(repo, self._rules(repo.metadata.namespace))
        commit = ""
        if tree is None:
            deadline.check("asking the Git server for the commit")
            commit = self._sources.latest(repo)
            deadline.check(f"fetching commit {commit[:12]}")
            tree = self._sources.tree(repo, commit)
        deadline.check("reading the folders and their charts")
        scan = msgspec.structs.replace(Scan.of(repo), image_scan=self._image_scan)
        reading = read(tree, scan, self._sources.charts(repo), memo)
        refuse(reading, f"commit {commit[:12]}" if commit else "the folder")
        return self._proposal(repo, commit, reading)

    def _proposal(self, repo: GitRepo, commit: str, reading: Reading) -> Proposal:
        produced = Produced(self._store)
        stored = {bundle.key: bundle for bundle in produced.stored(repo)}
        produced.check(repo, reading, stored)
        moving = produced.overwriting(reading, stored)
        bundles = tuple(_proposed(moving.get(b.key, b), stored.get(b.key), commit) for b in reading.bundles)
        wanted = {bundle.key for bundle in reading.bundles}
        gone = tuple(bundle for key, bundle in stored.items() if key not in wanted)
        return Proposal(commit, bundles, gone, reading.warnings)

    def of_helmop(self, op: HelmOp, deadline: Deadline) -> Proposal:
        """The Bundle of a HelmOp, with the versions that its charts have now. Raises what the engine would refuse it with."""
        op = admitted_helmop(op, self._rules(op.metadata.namespace))
        own(self._store, op)
        found: dict[Chart, str] = {}
        for chart, helm in {chart_of(helm): helm for _, helm in charts(op.spec)}.items():
            deadline.check(f"asking for the version of chart {redact(helm.chart or helm.repo)}")
            found[chart] = self._sources.version(op, helm)
        return Proposal("", (Proposed(bundle_of(op, found), "", op=op),), warnings=tuple(filter(None, (warning(op),))))

    def stored(self, chosen: Callable[[Bundle], bool], deadline: Deadline) -> Proposal:
        """The stored Bundles that are chosen, as they are."""
        deadline.check("reading the bundles")
        found = [bundle for bundle in listed(self._store, Bundle) if not bundle.metadata.deletion_timestamp and chosen(bundle)]
        return Proposal("", tuple(self._kept(bundle) for bundle in found))

    def _kept(self, bundle: Bundle) -> Proposed:
        return Proposed(with_values(bundle, values_of(self._store, bundle)), manifest_of(bundle))

    def one(self, key: Key) -> Proposed:
        """A stored Bundle. Raises NotFound; Conflict while its values are being replaced."""
        return self._kept(self._store.get(Bundle, key.namespace, key.name))


def _proposed(bundle: Bundle, there: Bundle | None, commit: str) -> Proposed:
    """The Bundle as `Produced` stores it: one that stays the same keeps the commit it came from."""
    stripped, secret = extract_values(bundle)
    sha = sha256_sum(bundle.spec.resources)
    same = there is not None and _same(stripped, there, sha)
    named = there.metadata.labels.get(COMMIT, commit) if there is not None and same else commit
    whole = with_values(labelled(stripped, named), secret)
    return Proposed(whole, content_id(sha), bundle.spec.resources)


def _same(stripped: Bundle, there: Bundle, sha: str) -> bool:
    spec = msgspec.structs.replace(stripped.spec, resources=())
    own, known = ({k: v for k, v in b.metadata.labels.items() if k != COMMIT} for b in (stripped, there))
    if (own, stripped.metadata.annotations) != (known, there.metadata.annotations):
        return False
    return sha == there.status.resources_sha256_sum and spec == msgspec.structs.replace(there.spec, resources=())
