"""Releases that were cut off in the middle: what is left is taken over and nothing stays behind (`fleet-semantics.md` 4.3)."""

from __future__ import annotations

import base64
import gzip
import os
import signal
import threading
from typing import Any

import orjson
import pytest

from extension.delivery.client import Client
from extension.delivery.helm_records import HelmRecords, Revision
from extension.delivery.kubernetes import KubernetesDelivery
from extension.delivery.protocol import Deployment, Release
from extension.objects.errors import Unavailable
from extension.objects.options import HelmOptions
from extension.rendering.pool import Pool
from tests.integration.delivery.conftest import CONFIG_MAP, CONFIG_MAPS, SECRETS, Make, conditions, message, wait_for
from tests.integration.delivery.test_watching import DEPLOYMENT

pytestmark = pytest.mark.xdist_group("kube")

WAITING = {"helm": HelmOptions(timeout_seconds=60)}


def maps(names: str, value: str = "one") -> dict[str, str]:
    return {f"{name}.yaml": CONFIG_MAP.format(name=name, value=value) for name in names}


def there(client: Client, namespace: str) -> str:
    """The names of the ConfigMaps that are one letter, sorted."""
    return "".join(sorted(one["metadata"]["name"] for one in client.list(CONFIG_MAPS, namespace) if len(one["metadata"]["name"]) == 1))


def records(client: Client, namespace: str) -> list[tuple[int, str]]:
    return [(one.number, one.status) for one in HelmRecords(client).revisions(namespace, f"bundle-{namespace}")]


def record(client: Client, namespace: str, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Secret of a revision, and the release in it."""
    secret = client.get(SECRETS, namespace, Revision(namespace, f"bundle-{namespace}", number, "").secret)
    assert secret is not None
    return secret, orjson.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))


def forge(client: Client, namespace: str, source: int, number: int, status: str) -> None:
    """Makes the record of a revision what a process that was killed leaves: that of another one, with this status."""
    secret, release = record(client, namespace, source)
    release["version"], release["info"]["status"] = number, status
    data = base64.b64encode(base64.b64encode(gzip.compress(orjson.dumps(release)))).decode()
    name = Revision(namespace, f"bundle-{namespace}", number, "").secret
    labels = secret["metadata"]["labels"] | {"status": status, "version": str(number)}
    body = {"metadata": {"name": name, "labels": labels}, "type": secret["type"], "data": {"release": data}}
    client.delete(SECRETS, namespace, name)
    client.request("POST", SECRETS.path(namespace), body=body)


def killed(access: str, pools: tuple[Pool, Pool], client: Client, deployment: Deployment, status: str) -> None:
    """Deploys with a process that is killed as soon as the release has this status and its ConfigMaps are there."""
    namespace = deployment.options.default_namespace
    wanted = {one.name.removesuffix(".yaml") for one in deployment.resources() if "Deployment" not in one.content}
    with_own = Pool(memory=0)
    delivery = KubernetesDelivery(access, pools[0], with_own)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            delivery.deploy(deployment)
        except Unavailable as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: any(found == status for _, found in records(client, namespace)), status)
    wait_for(lambda: wanted <= set(there(client, namespace)), "the objects")
    assert with_own.pid is not None
    os.kill(with_own.pid, signal.SIGKILL)
    thread.join(30)
    delivery.close()
    with_own.close()
    assert [type(error) for error in errors] == [Unavailable]


def test_an_install_that_was_killed_goes_on_and_what_left_meanwhile_is_pruned(
    access: str, pools: tuple[Pool, Pool], delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    killed(access, pools, client, make(files=maps("ab") | {"d.yaml": DEPLOYMENT}, **WAITING), "pending-install")
    status = delivery.deploy(make(2, maps("bc")))
    assert (conditions(status)["Deployed"], status.ready, status.applied_deployment_id) == ("True", True, "s-0:2")
    assert there(client, namespace) == "bc"
    assert [found for _, found in records(client, namespace)][-1] == "deployed"


def test_an_upgrade_that_was_killed_is_made_again_from_where_it_was(
    access: str, pools: tuple[Pool, Pool], delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make(files=maps("az")))
    killed(access, pools, client, make(2, maps("abc") | {"d.yaml": DEPLOYMENT}, status, **WAITING), "pending-upgrade")
    made = client.get(CONFIG_MAPS, namespace, "c")
    status = delivery.deploy(make(3, maps("ac"), status))
    assert (conditions(status)["Deployed"], status.ready, status.applied_deployment_id) == ("True", True, "s-0:3")
    assert there(client, namespace) == "ac"
    assert made is not None and made["metadata"]["uid"] == client.get(CONFIG_MAPS, namespace, "c")["metadata"]["uid"]  # type: ignore[index]
    assert not [found for _, found in records(client, namespace) if found.startswith("pending")]


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_the_same_version_is_taken_over_from_a_record_that_is_pending(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, status: str
) -> None:
    before = delivery.deploy(make())
    forge(client, namespace, 1, 2, status)
    after = delivery.deploy(make(2, maps("a", "two"), before))
    newest = records(client, namespace)[-1]
    assert (after.ready, after.applied_deployment_id, after.release.rpartition(":")[2]) == (True, "s-0:2", str(newest[0]))
    assert newest[1] == "deployed"


def test_a_release_that_can_not_be_rolled_back_is_upgraded_all_the_same(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    hook = CONFIG_MAP.format(name="hook\n  namespace: nowhere\n  annotations: {helm.sh/hook: pre-rollback}", value="x")
    before = delivery.deploy(make(files=maps("a") | {"hook.yaml": hook}))
    forge(client, namespace, 1, 2, "pending-upgrade")
    after = delivery.deploy(make(2, maps("a", "two"), before))
    assert (conditions(after)["Deployed"], after.applied_deployment_id) == ("True", "s-0:2"), after.conditions
    assert not [found for _, found in records(client, namespace) if found.startswith("pending")]


def test_templates_are_told_the_revision_and_whether_it_is_an_upgrade(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    text = CONFIG_MAP.format(name="a", value="{{ .Release.Revision }} {{ .Release.IsUpgrade }}")
    files = {"Chart.yaml": "apiVersion: v2\nname: c\nversion: 0.1.0\n", "templates/a.yaml": text}
    told = []
    status = make().status
    for number in (1, 2, 3):
        status = delivery.deploy(make(number, files, status))
        told.append((client.get(CONFIG_MAPS, namespace, "a") or {})["data"]["key"])
    assert told == ["1 false", "2 true", "3 true"]


def test_what_an_upgrade_made_that_failed_goes_with_the_next_one(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    wrong = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\nspec:\n  ports: [{port: 99999}]\n"
    status = delivery.deploy(make(files=maps("a")))
    status = delivery.deploy(make(2, maps("ab") | {"s.yaml": wrong}, status))
    assert there(client, namespace) == "ab"
    status = delivery.deploy(make(3, maps("ac"), status))
    assert (status.ready, status.non_modified, there(client, namespace)) == (True, True, "ac")


def test_a_release_that_was_being_uninstalled_is_uninstalled_first(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    delivery.deploy(make(files=maps("ab")))
    forge(client, namespace, 1, 1, "uninstalling")
    client.delete(CONFIG_MAPS, namespace, "a")
    status = delivery.deploy(make(2, maps("ac")))
    assert (status.ready, status.applied_deployment_id) == (True, "s-0:2")
    assert there(client, namespace) == "ac"


def test_a_first_install_that_failed_is_upgraded_and_leaves_nothing(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str
) -> None:
    wrong = "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\nspec:\n  ports: [{port: 99999}]\n"
    status = delivery.deploy(make(files=maps("ab") | {"s.yaml": wrong}))
    assert "99999" in message(status, "Deployed") or "99999" in message(status, "Installed")
    assert there(client, namespace) == "ab"
    status = delivery.deploy(make(2, maps("bc"), status))
    assert (conditions(status)["Deployed"], status.ready) == ("True", True), status.conditions
    assert there(client, namespace) == "bc"


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade", "pending-rollback", "failed", "uninstalling"])
def test_removing_a_release_that_was_cut_off_removes_its_objects_and_records(
    delivery: KubernetesDelivery, client: Client, make: Make, namespace: str, status: str
) -> None:
    delivery.deploy(make(files=maps("ab")))
    forge(client, namespace, 1, 1, status)
    delivery.remove(Release(f"bundle-{namespace}", namespace, f"bundle-{namespace}", ""))
    assert (there(client, namespace), records(client, namespace)) == ("", [])


def test_a_record_that_is_lost_is_made_again_from_what_is_there(
    delivery: KubernetesDelivery, access: str, pools: tuple[Pool, Pool], client: Client, make: Make, namespace: str
) -> None:
    status = delivery.deploy(make())
    client.delete(SECRETS, namespace, Revision(namespace, f"bundle-{namespace}", 1, "").secret)
    again = KubernetesDelivery(access, *pools)  # a service that was started anew knows only what the cluster tells
    found = again.observe(make(status=status))
    again.close()
    assert (found.ready, found.non_modified, records(client, namespace)) == (True, True, [(1, "deployed")])


class Timed(Pool):
    """A Pool that notes how long each operation may take."""

    def call(self, name: str, args: bytes, timeout: float | None = None, repeat: bool = True) -> bytes:
        self.limits = {**getattr(self, "limits", {}), name: timeout or 0}
        return super().call(name, args, timeout, repeat)


@pytest.mark.parametrize(("atomic", "longest"), [(False, 3600), (True, 7200)])
def test_nobody_cuts_off_a_release_that_may_take_longer_than_others(
    access: str, pools: tuple[Pool, Pool], make: Make, atomic: bool, longest: int
) -> None:
    timed = Timed(memory=0)
    delivery = KubernetesDelivery(access, pools[0], timed)
    status = delivery.deploy(make(helm=HelmOptions(timeout_seconds=3600, atomic=atomic)))
    delivery.close()
    timed.close()
    assert status.ready and timed.limits["helm_release.apply"] > longest
