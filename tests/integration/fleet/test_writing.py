"""Writes go to the API server as the user, and are in the store when they are answered."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import ObjectMeta
from extension.objects.errors import AlreadyExists, Conflict, Forbidden, Invalid, NotFound
from extension.objects.kinds import Bundle, ConfigMap, GitRepo, GitRepoSpec, Secret
from extension.objects.selectors import LabelSelector
from extension.rancher.identity import Identity
from extension.store.protocol import Filter, Query
from tests.integration.fleet import objects
from tests.integration.fleet.conftest import World

pytestmark = pytest.mark.xdist_group("kube")

REPO = "https://git.example.com/web.git"


def repo(name: str, **meta: object) -> GitRepo:
    return GitRepo(metadata=ObjectMeta(name=name, namespace="apps-a", **meta), spec=GitRepoSpec(repo=REPO))  # type: ignore[arg-type]


def test_what_was_created_is_read_at_once_and_is_what_the_api_server_made(world: World) -> None:
    made = world.alices.create(repo("", generate_name="made-"))
    there = world.client.request("GET", objects.place("gitrepos", "apps-a", made.metadata.name))
    assert made.metadata.name.startswith("made-")
    assert (made.metadata.uid, made.metadata.resource_version) == (there["metadata"]["uid"], there["metadata"]["resourceVersion"])
    assert world.store.get(GitRepo, "apps-a", made.metadata.name) == made
    with pytest.raises(AlreadyExists):
        world.alices.create(repo(made.metadata.name))


def test_a_dry_run_is_answered_and_written_nowhere(world: World) -> None:
    answered = world.alices.create(repo("dry"), dry_run=True)
    assert answered.metadata.uid
    assert world.store.find(GitRepo, "apps-a", "dry") is None
    with pytest.raises(NotFound):
        world.alices.delete(GitRepo, "apps-a", "dry", dry_run=True)


def test_an_update_keeps_what_this_service_does_not_know(world: World) -> None:
    world.put(objects.gitrepo("apps-a", "newer", fieldOfALaterFleet={"a": 1}))
    world.sees(lambda: world.store.find(GitRepo, "apps-a", "newer"), "the repo")
    old = world.store.get(GitRepo, "apps-a", "newer")
    new = world.alices.update(msgspec.structs.replace(old, spec=msgspec.structs.replace(old.spec, paused=True, branch="")))
    there = world.client.request("GET", objects.place("gitrepos", "apps-a", "newer"))
    assert there["spec"] == {"repo": REPO, "targets": [{"clusterSelector": {}}], "paused": True, "fieldOfALaterFleet": {"a": 1}}
    assert world.store.get(GitRepo, "apps-a", "newer") == new
    assert world.alices.update(new) == new  # nothing to change, nothing written
    assert world.client.request("GET", objects.place("gitrepos", "apps-a", "newer")) == there


def test_who_writes_over_a_newer_version_conflicts_and_then_sees_it(world: World) -> None:
    old = world.alices.create(repo("both"))
    path = objects.place("gitrepos", "apps-a", "both")
    world.client.request("PATCH", path, {"spec": {"branch": "theirs"}}, content_type="application/merge-patch+json")
    with pytest.raises(Conflict) as error:
        world.alices.update(msgspec.structs.replace(old, spec=msgspec.structs.replace(old.spec, paused=True)))
    assert error.value.field == "metadata.resourceVersion"
    assert world.store.get(GitRepo, "apps-a", "both").spec.branch == "theirs"
    with pytest.raises(Conflict):
        world.alices.delete(GitRepo, "apps-a", "both", resource_version=old.metadata.resource_version)


def test_a_bundle_that_was_read_without_its_files_keeps_them(world: World) -> None:
    world.put(objects.bundle("apps-a", "files", "", {"a.yaml": "a: 1"}))
    world.sees(lambda: (kept := world.store.find(Bundle, "apps-a", "files")) and kept.status.summary.ready, "the bundle")
    found = world.store.find(Bundle, "apps-a", "files")
    assert found is not None
    assert found.spec.resources == ()
    world.alices.update(msgspec.structs.replace(found, spec=msgspec.structs.replace(found.spec, paused=True)))
    there = world.client.request("GET", objects.place("bundles", "apps-a", "files"))
    assert (there["spec"]["paused"], there["spec"]["resources"]) == (True, [{"name": "a.yaml", "content": "a: 1"}])


def test_what_is_deleted_is_gone_at_once_and_what_has_a_finalizer_is_leaving(world: World) -> None:
    world.alices.create(repo("brief"))
    assert world.alices.delete(GitRepo, "apps-a", "brief").metadata.deletion_timestamp
    assert world.store.find(GitRepo, "apps-a", "brief") is None
    document = objects.gitrepo("apps-a", "held")
    document["metadata"]["finalizers"] = ["test/holds"]
    world.put(document)
    world.sees(lambda: world.store.find(GitRepo, "apps-a", "held"), "the repo")
    world.alices.delete(GitRepo, "apps-a", "held")
    assert world.store.get(GitRepo, "apps-a", "held").metadata.deletion_timestamp
    patch = {"metadata": {"finalizers": None}}
    world.client.request("PATCH", objects.place("gitrepos", "apps-a", "held"), patch, content_type="application/merge-patch+json")
    world.sees(lambda: world.store.find(GitRepo, "apps-a", "held") is None, "its end")


def test_the_api_server_says_what_a_user_may_not(world: World) -> None:
    elsewhere = msgspec.structs.replace(repo("no"), metadata=ObjectMeta(name="no", namespace="apps-b"))
    with pytest.raises(Forbidden, match='User "u-alice" cannot create resource "gitrepos"') as error:
        world.alices.create(elsewhere)
    assert "POST /apis/fleet.cattle.io/v1alpha1/namespaces/apps-b/gitrepos" in error.value.where
    gone = world.store.acting(lambda: world.api.acting(Identity("u-deleted")))
    with pytest.raises(Forbidden, match="u-deleted"):
        gone.create(repo("no"))


@pytest.mark.parametrize("identity", [Identity("system:admin"), Identity("root", groups=("system:masters",))])
def test_nothing_is_written_for_users_above_all_others(world: World, identity: Identity) -> None:
    above = world.store.acting(lambda: world.api.acting(identity))
    assert above.list(GitRepo).count >= 0
    with pytest.raises(Forbidden, match="nothing is written on behalf of"):
        above.create(repo("above"))


def test_without_a_user_nothing_is_written(world: World) -> None:
    with pytest.raises(Forbidden, match="on a user's behalf"):
        world.store.create(repo("nobodys"))


def test_what_admission_refuses_is_told_in_its_words(world: World) -> None:
    path = "/apis/admissionregistration.k8s.io/v1"
    rules = [{"apiGroups": ["fleet.cattle.io"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": ["gitrepos"]}]
    policy = {
        "metadata": {"name": "no-forbidden"},
        "spec": {
            "matchConstraints": {"resourceRules": rules},
            "validations": [{"expression": "!object.metadata.name.startsWith('forbidden')", "message": "names are checked here"}],
        },
    }
    world.client.request("POST", f"{path}/validatingadmissionpolicies", policy)
    bound = {"metadata": {"name": "no-forbidden"}, "spec": {"policyName": "no-forbidden", "validationActions": ["Deny"]}}
    world.client.request("POST", f"{path}/validatingadmissionpolicybindings", bound)

    def refused() -> bool:
        with pytest.raises((Invalid, Forbidden), match="names are checked here"):
            world.alices.create(repo("forbidden-one"), dry_run=True)
        return True

    def tried() -> bool:
        try:
            world.alices.create(repo("forbidden-one"), dry_run=True)
        except (Invalid, Forbidden):
            return True
        return False

    world.sees(tried, "the policy to be in force")
    assert refused()


def test_secrets_stay_on_the_api_server_and_lists_of_them_hold_no_values(world: World) -> None:
    for number, kind in enumerate(("kubernetes.io/basic-auth", "Opaque")):
        meta = ObjectMeta(name=f"auth-{number}", namespace="apps-a", labels={"number": str(number)})
        world.alices.create(Secret(metadata=meta, type=kind, data={"username": b"me", "password": b"hidden"}))
    page = world.alices.list(Secret, Query(namespaces=("apps-a",), filters=((Filter("metadata.name", "~", ("auth-",)),),)))
    assert [(found.metadata.name, found.type, found.data) for found in page.items] == [
        ("auth-0", "kubernetes.io/basic-auth", {}),
        ("auth-1", "Opaque", {}),
    ]
    chosen = world.alices.list(Secret, Query(namespaces=("apps-a",), selector=LabelSelector(match_labels={"number": "1"})))
    assert [found.metadata.name for found in chosen.items] == ["auth-1"]
    first = world.alices.list(Secret, Query(namespaces=("apps-a",), limit=1))
    after = world.alices.list(Secret, Query(namespaces=("apps-a",), limit=1, after=first.next))
    assert [found.metadata.name for found in (*first.items, *after.items)] == ["auth-0", "auth-1"]
    one = world.alices.get(Secret, "apps-a", "auth-1")
    assert one.data["password"] == b"hidden"
    world.alices.update(msgspec.structs.replace(one, data={"password": b"other"}))
    assert world.alices.get(Secret, "apps-a", "auth-1").data == {"password": b"other"}
    with pytest.raises(Forbidden):
        world.alices.list(Secret, Query(namespaces=("apps-b",)))
    assert world.mirror.tables.store.list(Secret, Query()).count == 0
    world.alices.create(ConfigMap(metadata=ObjectMeta(name="values", namespace="apps-a"), data={"a": "1"}))
    found = world.alices.list(ConfigMap, Query(namespaces=("apps-a",)))
    assert "values" in {config.metadata.name for config in found.items}


def test_what_happened_to_an_object_is_read_as_the_user_and_only_of_that_object(world: World) -> None:
    made = world.alices.create(repo("told"))
    other = world.alices.create(repo("other"))
    for name, about in (("one", made), ("two", other)):
        meta = about.metadata
        involved = {"apiVersion": about.API_VERSION, "kind": about.KIND, "namespace": "apps-a", "name": meta.name, "uid": meta.uid}
        body = {"metadata": {"name": name, "namespace": "apps-a"}, "involvedObject": involved, "type": "Warning", "reason": name}
        world.client.request("POST", "/api/v1/namespaces/apps-a/events", {**body, "message": "no route", "count": 2})
    assert [(event.type, event.reason, event.message, event.count) for event in world.alices.events(made)] == [
        ("Warning", "one", "no route", 2)
    ]
    elsewhere = msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, namespace="apps-b"))
    with pytest.raises(Forbidden):
        world.alices.events(elsewhere)
