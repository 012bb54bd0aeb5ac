"""HelmOps: which chart of which repository, which clusters; no Git (`fleet-semantics.md` 1.14, 3.7)."""

from __future__ import annotations

from api import bundlespecs, checks
from api.changes import counted_up, with_spec
from api.happenings import events_blueprint
from api.nouns import Action, Noun, Write
from api.places import resources_blueprint
from api.resources import blueprint
from extension.objects.kinds import HelmOp, HelmOpSpec
from extension.sources.helmops import check


def _chart(write: Write) -> None:
    """What the engine would refuse is refused here, where its writer can see it."""
    check(_spec(write))


def _bundle(write: Write) -> None:
    bundlespecs.obey(_spec(write))


def _names(write: Write) -> None:
    spec = _spec(write)
    checks.named(spec, ("helm_secret_name", "service_account"))
    checks.labels(spec.labels, "spec.labels")


def _spec(write: Write) -> HelmOpSpec:
    assert isinstance(write.new, HelmOp)
    return write.new.spec


NOUN = Noun(
    HelmOp,
    "A chart of a Helm repository or registry, and the clusters it is deployed to.",
    checks=(_chart, _bundle, _names),
    actions={
        "forceUpdate": Action(lambda op: counted_up(op, "force_sync_generation"), summary="find the version and deploy again"),
        "pause": Action(lambda op: with_spec(op, paused=True), summary="hold back changes"),
        "unpause": Action(lambda op: with_spec(op, paused=False), summary="let changes through"),
    },
    links=("resources", "events"),
)
blueprints = (blueprint(NOUN), resources_blueprint(NOUN, "gitrepo"), events_blueprint(NOUN))
