"""GitRepos: which repository, which clusters."""

from __future__ import annotations

import posixpath

from api.changes import counted_up, with_spec
from api.checks import named, targets
from api.happenings import events_blueprint
from api.nouns import Action, Noun, Write
from api.places import resources_blueprint
from api.resources import blueprint
from api.webhooks.checking import tested
from extension.objects.durations import seconds
from extension.objects.errors import Invalid, MissingRequired
from extension.objects.kinds import GitRepo, GitRepoSpec
from extension.sources.remote import parse


def _repository(write: Write) -> None:
    """The URL is one that can be cloned and holds no credentials: it is shown to every reader."""
    url = _spec(write).repo
    if not url:
        raise MissingRequired("spec.repo: is required", field="spec.repo", hint="name the repository's URL")
    remote = parse(url, allow_file=write.call.services.allow_file, field="spec.repo")
    if remote.password or (remote.user and remote.scheme != "ssh"):
        hint = "put them into a Secret of the workspace and name it in spec.clientSecretName"
        raise Invalid("spec.repo: a URL must not hold credentials", field="spec.repo", hint=hint)


def _revisions(write: Write) -> None:
    spec = _spec(write)
    for field, value in (("branch", spec.branch), ("revision", spec.revision)):
        if value.startswith("-") or any(c.isspace() or ord(c) < 32 for c in value):
            raise Invalid(f"spec.{field}: {value!r} is not a name git knows", field=f"spec.{field}")


def _paths(write: Write) -> None:
    spec = _spec(write)
    places = [(f"spec.paths[{i}]", path) for i, path in enumerate(spec.paths)]
    for i, bundle in enumerate(spec.bundles):
        places += [(f"spec.bundles[{i}].base", bundle.base), (f"spec.bundles[{i}].options", bundle.options)]
    for field, path in places:
        if posixpath.normpath(path.lstrip("/") or ".").startswith(".."):
            raise Invalid(f"{field}: {path!r} leaves the repository", field=field)


def _durations(write: Write) -> None:
    spec = _spec(write)
    for field, value in (("pollingInterval", spec.polling_interval), ("imageScanInterval", spec.image_scan_interval)):
        if value is not None:
            seconds(value, field=f"spec.{field}")


def _names(write: Write) -> None:
    named(_spec(write), _NAMED)


_NAMED = ("target_namespace", "client_secret_name", "helm_secret_name", "helm_secret_name_for_paths", "service_account", "webhook_secret")


def _targets(write: Write) -> None:
    targets(_spec(write).targets, "spec.targets")


def _spec(write: Write) -> GitRepoSpec:
    assert isinstance(write.new, GitRepo)
    return write.new.spec


NOUN = Noun(
    GitRepo,
    "A Git repository, and the clusters its contents are deployed to.",
    checks=(_repository, _revisions, _paths, _durations, _names, _targets),
    actions={
        "forceUpdate": Action(lambda repo: counted_up(repo, "force_sync_generation"), summary="clone and deploy again"),
        "pause": Action(lambda repo: with_spec(repo, paused=True), summary="hold back changes"),
        "unpause": Action(lambda repo: with_spec(repo, paused=False), summary="let changes through"),
        "enablePolling": Action(lambda repo: with_spec(repo, disable_polling=False), summary="look for commits by itself"),
        "disablePolling": Action(lambda repo: with_spec(repo, disable_polling=True), summary="wait for webhooks and force updates"),
        "testWebhook": Action(run=tested, summary="tell what would become of a webhook, and what it lacks"),
    },
    links=("resources", "events"),
)
blueprints = (blueprint(NOUN), resources_blueprint(NOUN, "gitrepo"), events_blueprint(NOUN))
