"""Policies: what GitRepos, HelmOps and Bundles of a workspace may say (`fleet-semantics.md` 1.13, 3.2)."""

from __future__ import annotations

from api.checks import patterns
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.kinds import Policy


def _patterns(write: Write) -> None:
    assert isinstance(write.new, Policy)
    repo, charts = write.new.git_repo, write.new.helm_op
    patterns(repo.allowed_repo_patterns, "gitRepo.allowedRepoPatterns")
    patterns(charts.allowed_helm_repo_patterns, "helmOp.allowedHelmRepoPatterns")
    patterns(charts.allowed_chart_patterns, "helmOp.allowedChartPatterns")


NOUN = Noun(Policy, "What GitRepos, HelmOps and Bundles of a workspace may say.", checks=(_patterns,))
blueprints = (blueprint(NOUN),)
