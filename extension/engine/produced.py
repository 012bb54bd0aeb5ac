"""The Bundles a GitRepo's commit makes, in the store: only those are written that changed, and nothing of a commit when one of its
names is taken. What was written is remembered, so that what somebody else did to it is seen.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Set

import msgspec

from extension.bundles import Reading, extract_values
from extension.bundles.overlap import moved
from extension.bundles.values import SECRET_TYPE
from extension.engine.bundles import FINALIZER
from extension.engine.image_objects import check_scans, write_scans
from extension.engine.stored import listed, put
from extension.objects.base import Key
from extension.objects.content import sha256_sum
from extension.objects.errors import Conflict, Invalid
from extension.objects.helmop import HELM_NAME
from extension.objects.kinds import Bundle, GitRepo, Secret
from extension.store.protocol import Store

REPO_NAME = "fleet.cattle.io/repo-name"
COMMIT = "fleet.cattle.io/commit"
"""Label of a Bundle: the commit that last changed it."""
ANOTHER_NAME = "set another name in fleet.yaml"
PATIENCE = 5.0


class Produced:
    """What this process wrote for each GitRepo. Who gives an object to another Bundle is written after that one is planned, for which
    this waits `patience` seconds at most: no agent is told that something goes before it knows that it only moves."""

    def __init__(self, store: Store, patience: float = PATIENCE) -> None:
        self._store, self._patience = store, patience
        self._written: dict[Key, dict[Key, tuple[Bundle, int]]] = {}

    def forget(self, repo: Key) -> None:
        self._written.pop(repo, None)

    def owner(self, bundle: Key) -> Key | None:
        """The GitRepo this process wrote a Bundle for."""
        return next((repo for repo, bundles in tuple(self._written.items()) if bundle in bundles), None)

    def stored(self, repo: GitRepo) -> list[Bundle]:
        return listed(self._store, Bundle, repo.metadata.namespace, REPO_NAME, repo.metadata.name)

    def intact(self, repo: GitRepo) -> bool:
        """Whether the Bundles are still what this process wrote; after a start they are trusted."""
        written = self._written.get(repo.key)
        if written is None:
            return True
        stored = {b.key: b.metadata.generation for b in self.stored(repo)}
        return stored == {key: generation for key, (_, generation) in written.items()}

    def write(self, repo: GitRepo, commit: str, reading: Reading) -> None:
        """Brings the stored Bundles to what the commit makes; those it does not make any more are deleted."""
        stored = {b.key: b for b in self.stored(repo)}
        known = self._written.get(repo.key, {})
        self.check(repo, reading, stored)
        same = {b.key for b in reading.bundles if _is_same(known.get(b.key), b, stored.get(b.key))}
        moving = self.overwriting(reading, stored, same)
        written: dict[Key, tuple[Bundle, int]] = {}

        def put(bundles: Iterable[Bundle]) -> None:
            for bundle in bundles:
                key = bundle.key
                generation = known[key][1] if key in same else self._put(moving.get(key, bundle), stored.get(key), commit)
                written[key] = (bundle, generation)

        put(one for one in reading.bundles if one.key in moving)
        self._wait_for_plans(moving)
        put(one for one in reading.bundles if one.key not in moving)
        for key in stored.keys() - written.keys():
            self._store.delete(Bundle, key.namespace, key.name)
        self._written[repo.key] = written
        write_scans(self._store, repo, reading.image_scans)

    def check(self, repo: GitRepo, reading: Reading, stored: Mapping[Key, Bundle]) -> None:
        """Raises what keeps a commit from being written, before anything of it is. `stored` are the GitRepo's Bundles."""
        for bundle in reading.bundles:
            self._check(repo, bundle, stored.get(bundle.key))
        check_scans(self._store, repo, reading.image_scans)

    def overwriting(self, reading: Reading, stored: Mapping[Key, Bundle], same: Set[Key] = frozenset()) -> dict[Key, Bundle]:
        """The Bundles that get what others of the GitRepo had, as they are to be written; one that has the same files says it still."""
        others = {b.key: b for b in reading.bundles if b.key not in same and _is_other(b, stored.get(b.key))}
        kept = {b.key: _told(b, stored[b.key]) for b in reading.bundles if b.key in stored and b.key not in others}
        found = {key: bundle for key, bundle in kept.items() if bundle.spec.overwrites}
        before = stored.keys() - kept.keys()
        if before and len(before | others.keys()) > 1:
            found |= moved({key: self._store.get(Bundle, key.namespace, key.name) for key in before}, others)
        return found

    def _wait_for_plans(self, keys: Iterable[Key]) -> None:
        """Returns once all of these Bundles are planned as they are now, or it takes too long."""
        deadline = time.monotonic() + self._patience
        waiting = set(keys)
        while waiting and (left := deadline - time.monotonic()) > 0:
            since = self._store.revision()
            waiting = {key for key in waiting if not _is_planned(self._store.find(Bundle, key.namespace, key.name))}
            if waiting:
                self._store.wait(since, left)

    def _check(self, repo: GitRepo, bundle: Bundle, there: Bundle | None) -> None:
        """Raises Conflict for a Bundle that is on its way out, Invalid for a taken name."""
        name = bundle.metadata.name
        if there is not None and there.metadata.deletion_timestamp:
            raise Conflict(f"Bundle {name} is being deleted", where=str(repo.key))
        if there is None:
            _owned(repo, self._store.find(Bundle, bundle.metadata.namespace, name))
        if (there is None or not there.spec.values_hash) and extract_values(bundle)[1] is not None:
            secret = self._store.find(Secret, bundle.metadata.namespace, name)
            if secret is not None and secret.type != SECRET_TYPE:
                raise Invalid(f"Secret {name} is not the bundle's, whose values belong there", where=str(repo.key), hint=ANOTHER_NAME)

    def _put(self, bundle: Bundle, there: Bundle | None, commit: str) -> int:
        """Stores a Bundle, its values apart in a Secret of its name; the generation it has then. One that is the same as before
        keeps the commit it came from."""
        stripped, secret = extract_values(bundle)
        if secret is not None:
            put(self._store, secret)
        if there is None:
            return self._store.create(labelled(_held(stripped), commit)).metadata.generation
        kept = msgspec.structs.replace(stripped, metadata=msgspec.structs.replace(stripped.metadata, finalizers=there.metadata.finalizers))
        as_before = self._store.update(labelled(kept, there.metadata.labels.get(COMMIT, commit)), dry_run=True)
        if as_before.metadata.resource_version == there.metadata.resource_version:
            return there.metadata.generation
        generation = self._store.update(labelled(kept, commit)).metadata.generation
        if secret is None and there.spec.values_hash:
            self._drop_values(bundle.key)
        return generation

    def _drop_values(self, bundle: Key) -> None:
        secret = self._store.find(Secret, bundle.namespace, bundle.name)
        if secret is not None and secret.type == SECRET_TYPE:
            self._store.delete(Secret, bundle.namespace, bundle.name)


def _is_same(known: tuple[Bundle, int] | None, bundle: Bundle, there: Bundle | None) -> bool:
    """Whether this very Bundle was written, and nobody changed it since."""
    return known is not None and there is not None and known[0] is bundle and known[1] == there.metadata.generation


def _is_other(bundle: Bundle, there: Bundle | None) -> bool:
    """Whether a Bundle has other files than the stored one."""
    return there is None or sha256_sum(bundle.spec.resources) != there.status.resources_sha256_sum


def _told(bundle: Bundle, there: Bundle) -> Bundle:
    return msgspec.structs.replace(bundle, spec=msgspec.structs.replace(bundle.spec, overwrites=there.spec.overwrites))


def _is_planned(bundle: Bundle | None) -> bool:
    return bundle is None or bundle.status.observed_generation >= bundle.metadata.generation


def labelled(bundle: Bundle, commit: str) -> Bundle:
    """The Bundle with the commit that it is of."""
    labels = {**bundle.metadata.labels, COMMIT: commit}
    return msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, labels=labels))


def _held(bundle: Bundle) -> Bundle:
    """A new Bundle with the finalizer it gets anyway, so that its own reconciler needs no write for it."""
    finalizers = tuple(dict.fromkeys((*bundle.metadata.finalizers, FINALIZER)))
    return msgspec.structs.replace(bundle, metadata=msgspec.structs.replace(bundle.metadata, finalizers=finalizers))


def _owned(repo: GitRepo, there: Bundle | None) -> None:
    """Raises Invalid when the Bundle's name is taken by something that is not this GitRepo's."""
    if there is not None:
        owner, op = (there.metadata.labels.get(label) for label in (REPO_NAME, HELM_NAME))
        whose = f"GitRepo {owner}" if owner else f"HelmOp {op}" if op else "a Bundle made by hand"
        raise Invalid(f"bundle name {there.metadata.name} is taken by {whose}", where=str(repo.key), hint=ANOTHER_NAME)
