"""From an object on a cluster to where it came from, and back: deployment, bundle, folder, commit, GitRepo, target.

What a cluster has is what its agent reported. Folder and author are read from the repository's mirror; where that can't be read,
the rest is told all the same, with a note.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

import msgspec

from extension.bundles import Scan
from extension.bundles.places import Place, places
from extension.engine.gitrepos import Sources as GitSources
from extension.engine.produced import COMMIT, REPO_NAME
from extension.engine.stored import PAGE, listed
from extension.engine.telling import place
from extension.engine.turns import Deadline
from extension.objects.base import Key
from extension.objects.errors import Invalid, UserError
from extension.objects.explanation import CommitInfo, Origin, Trace, TracedObject, TracedObjects
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, BundleDeployment, GitRepo
from extension.objects.status import ModifiedStatus, ResourceKey
from extension.store.protocol import Query, Store
from extension.targeting import Universe
from extension.targeting.terms import checks

BUNDLE = "fleet.cattle.io/bundle-name"
BUNDLE_NAMESPACE = "fleet.cattle.io/bundle-namespace"
CLUSTER = "fleet.cattle.io/cluster"
CLUSTER_NAMESPACE = "fleet.cattle.io/cluster-namespace"
ROOT = "."
_Named = TypeVar("_Named", ResourceKey, ModifiedStatus)
Readable = Callable[[str], bool]
"""Whether the caller may read a workspace."""


class Sources(GitSources, Protocol):
    """A repository's trees, and what is known of its commits."""

    def about(self, repo: GitRepo, commit: str) -> CommitInfo: ...


class Tracer:
    """Traces for a caller who may read these workspaces."""

    def __init__(self, store: Store, sources: Sources, universe: Universe, readable: Readable, deadline: Deadline) -> None:
        self._store, self._sources, self._universe = store, sources, universe
        self._readable, self._deadline = readable, deadline
        self._notes: list[str] = []

    def object(self, cluster: Key, wanted: ResourceKey) -> Trace:
        """Where the object comes from; a namespace or version that is left out is any."""
        told = " ".join(filter(None, (wanted.api_version, wanted.kind, "/".join(filter(None, (wanted.namespace, wanted.name))))))
        found = ((one, _meant(wanted, one.status.resources), _meant(wanted, one.status.modified_status)) for one in self._on(cluster))
        origins = tuple(self._origin(one, cluster, modified) for one, there, modified in found if there or modified)
        return Trace(place(cluster), told, origins=origins, notes=tuple(dict.fromkeys(self._notes)))

    def _on(self, cluster: Key) -> Iterator[BundleDeployment]:
        after = ""
        while True:
            self._deadline.check(f"reading what cluster {place(cluster)} has")
            page = self._store.deployments(Query(limit=PAGE, after=after), cluster=cluster)
            yield from (one for one in page.items if self._readable(one.metadata.labels.get(BUNDLE_NAMESPACE, "")))
            after = page.next
            if not after:
                return

    def _origin(self, one: BundleDeployment, cluster: Key, modified: tuple[ModifiedStatus, ...]) -> Origin:
        labels = one.metadata.labels
        key = Key(Bundle.KIND, labels.get(BUNDLE_NAMESPACE, ""), labels.get(BUNDLE, ""))
        bundle = self._store.get(Bundle, key.namespace, key.name)
        known = Origin(
            place(key),
            f"{one.metadata.namespace}/{one.metadata.name}",
            deployment_id=one.spec.deployment_id,
            state=one.status.display.state,
            release=one.status.release,
            rule=self._rule(bundle, cluster),
            modified=modified,
        )
        if op := bundle.metadata.labels.get(HELM_NAME, ""):
            return msgspec.structs.replace(known, made_by=f"HelmOp {key.namespace}/{op}")
        name = bundle.metadata.labels.get(REPO_NAME, "")
        repo = self._store.find(GitRepo, key.namespace, name) if name else None
        return known if repo is None else self._of_repo(known, repo, bundle)

    def _of_repo(self, known: Origin, repo: GitRepo, bundle: Bundle) -> Origin:
        commit = bundle.metadata.labels.get(COMMIT, "")
        known = msgspec.structs.replace(known, made_by=str(repo.key), repo=repo.spec.repo, commit=commit)
        if not commit:
            return known
        try:
            found = next((one for one in self._places(repo, commit) if one.bundle == bundle.metadata.name), None)
            about = self._sources.about(repo, commit)
        except UserError as error:
            self._notes.append(f"the repository can't be read, so the path is not known: {error}")
            return known
        if found is not None:
            known = msgspec.structs.replace(known, path=found.folder or ROOT, options=found.options)
        return msgspec.structs.replace(known, author=about.author, date=about.date, subject=about.subject)

    def _places(self, repo: GitRepo, commit: str) -> Sequence[Place]:
        self._deadline.check(f"reading commit {commit[:12]}")
        return list(places(self._sources.tree(repo, commit), Scan.of(repo)))

    def _rule(self, bundle: Bundle, cluster: Key) -> str:
        """The target that selects the cluster, and its customizations, in words."""
        try:
            found = [check for check in checks(bundle, self._store.object_id(cluster), self._universe) if check.selected]
        except UserError:
            return ""
        return "; ".join(f"{check.kind} {check.name} ({', '.join(term.text for term in check.terms)})" for check in found)

    def path(self, repo: GitRepo, path: str, limit: int, after: str) -> TracedObjects:
        """A page of the objects on clusters that come from a folder or file of the repository, those of `limit` deployments.

        Raises what keeps the repository from being read, Invalid for a path outside of it.
        """
        wanted = _clean(path)
        stored = {
            bundle.metadata.name: bundle for bundle in listed(self._store, Bundle, repo.metadata.namespace, REPO_NAME, repo.metadata.name)
        }
        commits = {bundle.metadata.labels.get(COMMIT, "") for bundle in stored.values()} - {""}
        folders = {one.bundle: one.folder for commit in sorted(commits) for one in self._places(repo, commit)}
        names = sorted(name for name in stored if name in folders and _touches(folders[name], wanted, list(folders.values())))
        told = TracedObjects(path=wanted or ROOT, bundles=tuple(place(stored[name].key) for name in names))
        return self._page(told, [stored[name].key for name in names], limit, after)

    def _page(self, told: TracedObjects, bundles: list[Key], limit: int, after: str) -> TracedObjects:
        """The next deployments of the bundle that the page before ended in, or of the next one; they may have no object yet."""
        at, _, rest = after.partition("/")
        left = [key for key in bundles if key.name >= at]
        if not left:
            return told
        page = self._store.deployments(Query(limit=limit, after=rest if left[0].name == at else ""), bundle=left[0])
        objects = tuple(one for deployment in page.items for one in _objects(deployment, left[0], self._readable))
        following = f"{left[0].name}/{page.next}" if page.next else f"{left[1].name}/" if left[1:] else ""
        return msgspec.structs.replace(told, objects=objects, next=following)


def _objects(deployment: BundleDeployment, bundle: Key, readable: Readable) -> Iterator[TracedObject]:
    labels = deployment.metadata.labels
    workspace = labels.get(CLUSTER_NAMESPACE, "")
    if readable(workspace):
        for one in deployment.status.resources:
            where = f"{workspace}/{labels.get(CLUSTER, '')}"
            yield TracedObject(where, place(bundle), one.api_version, one.kind, one.namespace, one.name)


def _meant(wanted: ResourceKey, there: Iterable[_Named]) -> tuple[_Named, ...]:
    """What of this is the object that is asked about."""
    named = (one for one in there if (wanted.kind.lower(), wanted.name) == (one.kind.lower(), one.name))
    return tuple(one for one in named if wanted.namespace in ("", one.namespace) and wanted.api_version in ("", one.api_version))


def _clean(path: str) -> str:
    """The path as folders are told, empty for the root. Raises Invalid for one that leaves the repository."""
    parts = [part for part in path.split("/") if part not in ("", ROOT)]
    if ".." in parts:
        raise Invalid(f"{path!r} leaves the repository", field="path", hint="name a folder or file of the repository")
    return "/".join(parts)


def _touches(folder: str, path: str, folders: Sequence[str]) -> bool:
    """Whether a bundle of `folder` comes from `path`: it lies below it, or is the innermost folder that has it."""
    if _below(folder, path):
        return True
    return folder == max((one for one in folders if _below(path, one)), key=len, default=None)


def _below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(f"{folder}/")
