"""What is wrong on a management cluster, as after a restore: one rule a function, all pure.

A healthy system has no findings. Each says what is wrong, on what, and what helps: the changes that cure it, or what a person
has to do. What is only an advice breaks nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from extension.objects.core import BACKUP, MANAGED
from extension.objects.names import safe_concat_name
from extension.rancher.repair.changes import (
    PENDING,
    DropTokens,
    KeepInBackups,
    Redeploy,
    Remove,
    Restart,
    Resync,
    Settle,
    Step,
    is_modified,
    is_unobserved,
    redeploying,
)
from extension.rancher.repair.references import Reference, references
from extension.rancher.repair.world import REGISTRATION, SYSTEM, Ref, Seen, World

CONTROLLER = "fleet-controller"
BOOTSTRAP = "fleet-controller-bootstrap"
ACCOUNTS = (CONTROLLER, BOOTSTRAP, "gitjob", "helmops")
AGENT_BUNDLE = "fleet-agent"
FOREIGN = "fleet.cattle.io/cluster-management"
"""Label of a cluster whose agent is not Fleet's to install."""
UNUSED = 3600.0
"""The seconds after which nobody takes a registration's Secret any more: an agent waits 30 minutes for it."""

TOKENS, RESTARTS, SETTLED, AGENTS, BUNDLES, LEFTOVERS, LABELS = range(7)
"""The order of repair: an agent is installed by the controller, and deploys its own Bundle."""

_REGISTERED = re.compile(r"c-[0-9a-f]{61}")
_BACKED_UP = re.compile(r"(cattle-)?fleet-")


@dataclass(frozen=True)
class Finding:
    """`rule` is a name for programs. `steps` cure it, and know nothing of those of other findings."""

    rule: str
    at: Ref
    message: str
    hint: str = ""
    advice: bool = False
    steps: tuple[Step, ...] = ()


def findings(world: World) -> list[Finding]:
    """All that is wrong, in the order in which it is cured."""
    return [finding for rule in RULES for finding in rule(world)]


def stale_tokens(world: World) -> Iterator[Finding]:
    """ServiceAccounts of Fleet's controllers that list token secrets which were not restored, and pods that have yet to restart."""
    for account in world.all("ServiceAccount"):
        namespace, name = account.at.namespace, account.at.name
        if namespace not in SYSTEM or name not in ACCOUNTS:
            continue
        listed = [str(one.get("name") or "") for one in account.items("secrets")]
        missing = tuple(secret for secret in listed if not world.has("Secret", namespace, secret))
        users = tuple(one.at for one in world.all("Deployment") if _runs_as(one, account))
        pending = account.annotations.get(PENDING, "")
        if missing:
            stamp = world.now if users else ""
            change = Step(TOKENS, account.at, DropTokens(missing, stamp))
            message = f"lists token secrets that do not exist: {', '.join(missing)}"
            yield Finding(
                "StaleToken",
                account.at,
                message,
                "" if users else _restart_hint(namespace),
                steps=(change, *_restarts(account, users, stamp)),
            )
        elif pending and users:
            yield Finding("RestartPending", account.at, "its pods did not restart since", steps=_restarts(account, users, pending))


def silent_agents(world: World) -> Iterator[Finding]:
    """Clusters whose agent does not tell of itself: after a restore its credentials may be worth nothing."""
    for cluster in world.all("Cluster"):
        last = cluster.text("status", "agent", "lastSeen")
        since = last or cluster.text("metadata", "creationTimestamp")
        if cluster.is_leaving or cluster.labels.get(FOREIGN) or not since or world.age(since) < world.silent_after:
            continue
        message = f"its agent was last seen at {last}" if last else "its agent was never seen"
        lacks = next((one for one in references(cluster) if not world.has("Secret", one.secret.namespace, one.secret.name)), None)
        if not cluster.text("spec", "kubeConfigSecret"):
            hint = "it registered by itself: install its agent again, with a ClusterRegistrationToken"
            yield Finding("SilentAgent", cluster.at, message, hint)
        elif lacks:
            yield Finding("SilentAgent", cluster.at, message, f"Fleet can't install it without {lacks.secret}")
        else:
            was = None if redeploying(cluster) else cluster.number("spec", "redeployAgentGeneration") or 0
            yield Finding("SilentAgent", cluster.at, message, steps=(Step(AGENTS, cluster.at, Redeploy(was, last)),))


def modified_agents(world: World) -> Iterator[Finding]:
    """Bundles of agents that are Modified: their clusters have an agent other than Fleet's."""
    for cluster in world.all("Cluster"):
        bundle = world.objects.get(agent_bundle(cluster))
        if bundle is None or bundle.is_leaving or not is_modified(bundle):
            continue
        was = None if is_unobserved(bundle) else bundle.number("spec", "forceSyncGeneration") or 0
        after = (cluster.at,)
        yield Finding("ModifiedAgentBundle", bundle.at, "is Modified", steps=(Step(BUNDLES, bundle.at, Resync(was), after),))


def missing_secrets(world: World) -> Iterator[Finding]:
    """Secrets that are named and not there. Nobody but their owner can make them."""
    for one in _references(world):
        if not world.has("Secret", one.secret.namespace, one.secret.name):
            yield Finding("MissingSecret", one.owner, f"{one.field}: {one.secret} does not exist", one.command)


def leftovers(world: World) -> Iterator[Finding]:
    """Registrations of clusters that are gone, and Secrets of registrations that are gone."""
    kept: set[str] = set()
    for registration in world.all("ClusterRegistration"):
        cluster = Ref("Cluster", registration.at.namespace, registration.text("status", "clusterName"))
        kept.add(credentials_name(registration))
        if cluster.name and cluster not in world.objects and not registration.is_leaving:
            step = Step(LEFTOVERS, registration.at, Remove(), unless=cluster)
            yield Finding("LeftoverRegistration", registration.at, f"its {cluster} is gone", steps=(step,))
    for secret in world.all("Secret"):
        if secret.at.namespace not in REGISTRATION or not _REGISTERED.fullmatch(secret.at.name) or secret.is_leaving:
            continue
        if secret.at.name not in kept and world.age(secret.text("metadata", "creationTimestamp")) > UNUSED:
            yield Finding("LeftoverSecret", secret.at, "its ClusterRegistration is gone", steps=(Step(LEFTOVERS, secret.at, Remove()),))


def left_out_of_backups(world: World) -> Iterator[Finding]:
    """Secrets that are named by what is in a backup, and are in none themselves."""
    told: set[Ref] = set()
    for one in _references(world):
        secret = world.objects.get(one.secret)
        if secret is None or one.owner.kind == "Cluster" or one.secret in told or is_backed_up(secret):
            continue
        told.add(one.secret)
        message = f"is in no backup, and {one.owner} needs it"
        hint = f"kubectl label secret {one.secret.name} -n {one.secret.namespace} {BACKUP}=true"
        yield Finding("NotBackedUp", one.secret, message, hint, advice=True, steps=(Step(LABELS, one.secret, KeepInBackups()),))


RULES: tuple[Callable[[World], Iterator[Finding]], ...] = (
    stale_tokens,
    silent_agents,
    modified_agents,
    missing_secrets,
    leftovers,
    left_out_of_backups,
)


def agent_bundle(cluster: Seen) -> Ref:
    return Ref("Bundle", cluster.at.namespace, safe_concat_name(AGENT_BUNDLE, cluster.at.name))


def credentials_name(registration: Seen) -> str:
    """The name of the Secret with the credentials that a registration gives its agent (`fleet-semantics.md` 3.8)."""
    text = registration.text("spec", "clientID") + registration.text("spec", "clientRandom")
    return f"c-{hashlib.sha256(text.encode()).hexdigest()}"[:63]


def is_backed_up(secret: Seen) -> bool:
    """Whether rancher-backup takes it: Fleet's own label counts in namespaces of Fleet's names only."""
    managed = secret.labels.get(MANAGED) == "true" and _BACKED_UP.match(secret.at.namespace)
    return secret.labels.get(BACKUP) == "true" or bool(managed)


def _references(world: World) -> Iterator[Reference]:
    for owner in world.objects.values():
        if not owner.is_leaving:
            yield from references(owner)


def _runs_as(deployment: Seen, account: Seen) -> bool:
    """Whether its pods use the account; the bootstrap's is used by the controller."""
    name = CONTROLLER if account.at.name == BOOTSTRAP else account.at.name
    used = deployment.text("spec", "template", "spec", "serviceAccountName")
    return deployment.at.namespace == account.at.namespace and used == name


def _restarts(account: Seen, users: tuple[Ref, ...], stamp: str) -> tuple[Step, ...]:
    restarts = tuple(Step(RESTARTS, one, Restart(stamp), (account.at,)) for one in users)
    return (*restarts, Step(SETTLED, account.at, Settle(stamp), users)) if users else ()


def _restart_hint(namespace: str) -> str:
    return f"no Deployment of {namespace} runs as it: restart what does"
