"""Which GitRepos a push is about, and whether one that is of its repository follows what was pushed (`fleet-semantics.md` 5.1).

All workspaces are considered. A GitRepo bound to a revision is never triggered; one with a branch by that branch only; one
without a branch by every push, also to a tag or another branch: the engine asks for the branch it follows by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from api.webhooks.addresses import identity
from api.webhooks.providers import Push
from extension.objects.kinds import GitRepo
from extension.store.protocol import Filter, Query, Store

PAGE = 500
HEADS = "refs/heads/"

_PLAIN = re.compile(r"[a-z0-9_.-]+")


def of_repository(store: Store, push: Push, workspace: str | None, allow_file: bool) -> list[GitRepo]:
    """The GitRepos whose `spec.repo` names the repository that was pushed to, in one workspace or all."""
    wanted = {identity(url, allow_file=allow_file) for url in push.urls} - {""}
    if not wanted:
        return []
    query = Query(namespaces=None if workspace is None else (workspace,), filters=_narrowed(wanted), limit=PAGE)
    return [
        repo
        for repo in _listed(store, query)
        if identity(repo.spec.repo, allow_file=allow_file) in wanted and not repo.metadata.deletion_timestamp
    ]


def _narrowed(wanted: Iterable[str]) -> tuple[tuple[Filter, ...], ...]:
    """What the store can sort out by itself: a URL of the repository holds its name, as far as that needs no escapes."""
    names = [max(_PLAIN.findall(place.rpartition("/")[2]), key=len, default="") for place in wanted]
    return ((Filter("spec.repo", "~", tuple(names)),),) if all(names) else ()


def _listed(store: Store, query: Query) -> Iterator[GitRepo]:
    while True:
        page = store.list(GitRepo, query)
        yield from page.items
        if not page.next:
            return
        query = msgspec.structs.replace(query, after=page.next)


def passed_over(repo: GitRepo, push: Push) -> str:
    """Why the push is not for this GitRepo, empty when it is. Names only what the GitRepo's own spec says."""
    if repo.spec.revision:
        return f"the GitRepo is bound to revision {repo.spec.revision}: webhooks do not concern it"
    if repo.spec.branch and push.ref != HEADS + repo.spec.branch:
        return f"the GitRepo follows branch {repo.spec.branch}, and something else was pushed"
    return ""
