"""GitRepoRestrictions: what GitRepos of a workspace may say (`fleet-semantics.md` 1.12, 3.2)."""

from __future__ import annotations

from api.checks import patterns, selector
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.kinds import GitRepoRestriction


def _rules(write: Write) -> None:
    assert isinstance(write.new, GitRepoRestriction)
    patterns(write.new.allowed_repo_patterns, "allowedRepoPatterns")
    selector(write.new.allowed_target_namespace_selector, "allowedTargetNamespaceSelector")


NOUN = Noun(GitRepoRestriction, "What GitRepos of a workspace may say; a Policy can say more.", checks=(_rules,))
blueprints = (blueprint(NOUN),)
