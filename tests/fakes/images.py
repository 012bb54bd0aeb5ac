"""A registry and repositories that can be written to, in memory, for `engine.imagescans.Images`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extension.objects.errors import Conflict, Unavailable, UserError
from extension.objects.kinds import GitRepo, ImageScan
from extension.sources.committing import Change
from extension.sources.images import Latest, chosen, split
from tests.fakes.sources import DictSources


class DictImages(DictSources):
    """`tags` by the image as a scan names it; `scanned` are the scans that were asked for, `pushed` the changes that were taken. An
    image in `errors` can't be asked for; while `refusal` is set nothing is pushed. `meanwhile` runs while a commit is fetched, so what
    it commits makes the next push come too late."""

    def __init__(self, tags: Mapping[str, list[str]] | None = None) -> None:
        super().__init__()
        self.tags = dict(tags or {})
        self.scanned: list[str] = []
        self.pushed: list[Change] = []
        self.errors: dict[str, UserError] = {}
        self.refusal: UserError | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def image(self, scan: ImageScan) -> Latest:
        self.scanned.append(scan.metadata.name)
        if scan.spec.image in self.errors:
            raise self.errors[scan.spec.image]
        name = "/".join(split(scan.spec.image))
        if scan.spec.image not in self.tags:
            raise Unavailable("answered 404 Not Found", where=name)
        tag = chosen(scan.spec.policy, self.tags[scan.spec.image], name)
        return Latest(name, tag, f"sha256:{tag.encode().hex():0>64}")

    def push(self, repo: GitRepo, change: Change) -> str:
        if self.refusal:
            raise self.refusal
        head, tree = self.commits[repo.spec.repo][-1]
        if change.parent != head:
            raise Conflict("the branch has moved: fetch first", where=repo.spec.repo)
        self.pushed.append(change)
        return self.commit(
            repo.spec.repo, {**{p: d.decode() for p, d in tree.files.items()}, **{p: d.decode() for p, d in change.files.items()}}
        )
