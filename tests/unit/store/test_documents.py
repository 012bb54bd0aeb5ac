"""Documents: identity, generations, versions, deletion, and content kept once."""

from __future__ import annotations

import msgspec
import pytest

from extension.objects.base import Key, ObjectMeta
from extension.objects.errors import AlreadyExists, Conflict, MissingRequired, NotFound
from extension.objects.kinds import Bundle, BundleResource, Cluster, FleetWorkspace, GitRepo, GitRepoStatus, Secret
from extension.store.protocol import Query
from tests.unit.store.samples import NS, bundle, cluster, deploy, plan, repo, secret, step, variant

replace = msgspec.structs.replace


def edited(obj, **metadata):
    return replace(obj, metadata=replace(obj.metadata, **metadata))


def with_spec(obj, **spec):
    return replace(obj, spec=replace(obj.spec, **spec))


def test_what_was_created_is_read_back_with_an_identity_of_its_own(store):
    made = store.create(edited(repo(), uid="mine", generation=7, resource_version="9", deletion_timestamp="2020-01-01T00:00:00Z"))
    meta = made.metadata
    assert (meta.generation, meta.resource_version, meta.deletion_timestamp) == (1, str(store.revision()), None)
    assert meta.uid not in ("", "mine")
    assert meta.creation_timestamp.endswith("Z")
    assert store.get(GitRepo, NS, "web") == made == store.find(GitRepo, NS, "web")


@pytest.mark.parametrize("cls", [GitRepo, Bundle, Secret])
def test_what_is_not_there_is_not_found_by_name_and_place(store, cls):
    assert store.find(cls, NS, "web") is None
    with pytest.raises(NotFound, match=f"{cls.KIND} web not found in {NS}"):
        store.get(cls, NS, "web")
    with pytest.raises(NotFound):
        store.delete(cls, NS, "web")
    with pytest.raises(NotFound):
        store.update(cls(metadata=ObjectMeta(name="web", namespace=NS)))
    with pytest.raises(NotFound):
        store.object_id(Key(cls.KIND, NS, "web"))
    with pytest.raises(NotFound, match=r"FleetWorkspace team-x not found$"):
        store.get(FleetWorkspace, "", "team-x")


def test_a_name_is_taken_once_in_a_kind_and_namespace(store):
    store.create(repo())
    before = store.revision()
    with pytest.raises(AlreadyExists):
        store.create(repo())
    assert store.revision() == before
    store.create(edited(repo(), namespace="team-b"))
    store.create(bundle("web"))


def test_generate_name_makes_distinct_names_and_no_name_at_all_is_refused(store):
    wanted = edited(repo(), name="", generate_name="web-")
    made = {store.create(wanted).metadata.name for _ in range(20)}
    assert len(made) == 20
    assert all(name.startswith("web-") for name in made)
    with pytest.raises(MissingRequired):
        store.create(edited(repo(), name=""))


def test_a_cluster_has_its_namespace_from_its_first_moment(store):
    assert store.create(cluster("one")).status.namespace.startswith(f"cluster-{NS}-one-")


@pytest.mark.parametrize(
    ("edit", "generation"),
    [
        pytest.param(lambda o: with_spec(o, branch="main"), 2, id="spec"),
        pytest.param(lambda o: edited(o, labels={"a": "b"}), 1, id="labels"),
        pytest.param(lambda o: edited(o, annotations={"a": "b"}), 1, id="annotations"),
        pytest.param(lambda o: edited(o, finalizers=("example.org/x",)), 1, id="finalizers"),
    ],
)
def test_the_generation_rises_only_when_the_spec_changes(store, edit, generation):
    made = store.create(repo())
    new = store.update(edit(made))
    assert new.metadata.generation == generation
    assert int(new.metadata.resource_version) > int(made.metadata.resource_version)
    assert store.get(GitRepo, NS, "web") == new


def test_the_generation_of_a_secret_rises_with_its_data(store):
    made = store.create(secret(password="a"))
    assert store.update(replace(made, data={"password": b"b"})).metadata.generation == 2
    assert store.get(Secret, NS, "keys").data == {"password": b"b"}


@pytest.mark.parametrize("write", ["update", "update_status"])
@pytest.mark.parametrize("made", [repo(), bundle("web", content="kind: A"), secret("web", a="b"), cluster("web")], ids=lambda o: o.KIND)
def test_a_write_that_changes_nothing_is_no_write(store, made, write):
    made = store.create(made)
    before = store.revision()
    getattr(store, write)(made)
    getattr(store, write)(store.find(type(made), NS, "web"))
    assert store.revision() == before
    assert store.get(type(made), NS, "web") == made


def test_an_update_leaves_the_status_and_a_status_update_leaves_the_rest(store):
    made = store.create(repo())
    store.update_status(replace(made, spec=replace(made.spec, branch="ignored"), status=GitRepoStatus(commit="abc")))
    store.update(with_spec(made, branch="main") and edited(with_spec(store.get(GitRepo, NS, "web"), branch="main"), labels={"a": "b"}))
    found = store.get(GitRepo, NS, "web")
    assert (found.status.commit, found.spec.branch, found.metadata.labels, found.metadata.generation) == ("abc", "main", {"a": "b"}, 2)


def test_an_update_with_an_outdated_resource_version_is_a_conflict(store):
    made = store.create(repo())
    store.update(with_spec(made, branch="first"))
    before = store.revision()
    with pytest.raises(Conflict) as raised:
        store.update(with_spec(made, branch="second"))
    assert "read it again" in str(raised.value)
    with pytest.raises(Conflict):
        store.delete(GitRepo, NS, "web", resource_version=made.metadata.resource_version)
    assert (store.get(GitRepo, NS, "web").spec.branch, store.revision()) == ("first", before)


def test_an_update_without_a_resource_version_wins(store):
    made = store.create(repo())
    store.update(with_spec(made, branch="first"))
    assert store.update(edited(with_spec(made, branch="second"), resource_version="")).spec.branch == "second"


def test_an_update_cannot_change_what_identifies_an_object(store):
    made = store.create(edited(repo(), name="", generate_name="web-"))
    forged = edited(made, uid="x", creation_timestamp="1999-01-01T00:00:00Z", generate_name="y", generation=9, deletion_timestamp="z")
    assert store.update(with_spec(forged, branch="main")).metadata == replace(
        made.metadata, generation=2, resource_version=str(store.revision())
    )


def test_a_deletion_waits_for_finalizers_and_ends_with_the_last_one(store):
    made = store.create(edited(repo(), finalizers=("a/b", "c/d")))
    gone = store.delete(GitRepo, NS, "web")
    assert gone.metadata.deletion_timestamp
    assert store.get(GitRepo, NS, "web") == gone
    left = store.update(edited(gone, finalizers=("a/b",), deletion_timestamp=None))
    assert left.metadata.deletion_timestamp == gone.metadata.deletion_timestamp
    store.update(edited(left, finalizers=()))
    assert store.find(GitRepo, NS, "web") is None
    assert store.create(repo()).metadata.uid != made.metadata.uid


def test_deleting_twice_moves_nothing(store):
    store.create(edited(repo(), finalizers=("a/b",)))
    first = store.delete(GitRepo, NS, "web")
    before = store.revision()
    assert store.delete(GitRepo, NS, "web") == first
    assert store.revision() == before


def test_an_id_is_never_used_twice(store):
    store.create(cluster("one"))
    first = store.object_id(Key("Cluster", NS, "one"))
    store.delete(Cluster, NS, "one")
    store.create(cluster("one"))
    assert store.object_id(Key("Cluster", NS, "one")) > first
    assert store.keys("Cluster", [first, first + 1]) == {first + 1: Key("Cluster", NS, "one")}


def test_a_dry_run_answers_as_the_write_would_and_keeps_nothing(store, place):
    made = store.create(bundle("web", content="kind: A"))
    before, size = store.revision(), place.rows("SELECT count(*) FROM content")
    tried = [
        store.create(repo("other"), dry_run=True).metadata.name == "other",
        store.update(bundle("web", content="kind: B"), dry_run=True).metadata.generation == 2,
        bool(store.delete(Bundle, NS, "web", dry_run=True).metadata.deletion_timestamp),
    ]
    assert tried == [True, True, True]
    assert store.find(GitRepo, NS, "other") is None
    assert store.get(Bundle, NS, "web") == made
    assert (store.revision(), place.rows("SELECT count(*) FROM content")) == (before, size)
    with pytest.raises(AlreadyExists):
        store.create(bundle("web"), dry_run=True)


def test_the_resources_of_bundles_are_stored_once_by_their_content_and_dropped_with_the_last_name(store, place):
    same = [store.create(bundle(name, content="kind: A")) for name in ("one", "two")]
    assert place.rows("SELECT sha256 FROM content") == [(same[0].status.resources_sha256_sum,)]
    assert store.content(same[0].status.resources_sha256_sum) == (BundleResource(name="a.yaml", content="kind: A"),)
    store.update(bundle("one", content="kind: B"))
    assert len(place.rows("SELECT sha256 FROM content")) == 2
    store.delete(Bundle, NS, "two")
    assert [r.content for r in store.get(Bundle, NS, "one").spec.resources] == ["kind: B"]
    with pytest.raises(NotFound):
        store.content(same[0].status.resources_sha256_sum)
    store.delete(Bundle, NS, "one")
    assert place.rows("SELECT * FROM content") == []


def test_content_that_a_deployment_still_runs_outlives_its_bundles_update_but_not_the_bundle(store, place):
    key = store.create(bundle("web", content="kind: A")).key
    store.create(cluster("one"))
    ids = [store.object_id(Key("Cluster", NS, "one"))]
    deploy(store, key, ids)
    store.update(bundle("web", content="kind: B"))
    assert [work.content_sha256 for work in store.assigned(Key("Cluster", NS, "one"))] == [
        s for (s,) in place.rows("SELECT content FROM variant")
    ]
    assert len(place.rows("SELECT * FROM content")) == 2
    new = variant(store, key, "v2")
    store.apply(plan(store, key, (new, ids)), step(stage=ids))
    assert len(place.rows("SELECT * FROM content")) == 2
    store.delete(Bundle, NS, "web")
    assert place.rows("SELECT * FROM content") == []


def test_content_nobody_runs_any_more_goes_with_the_step_that_replaces_it(store, place):
    key = store.create(bundle("web", content="kind: A")).key
    store.create(cluster("one"))
    ids = [store.object_id(Key("Cluster", NS, "one"))]
    deploy(store, key, ids)
    new = store.update(bundle("web", content="kind: B"))
    wanted = variant(store, key, "v2")
    store.apply(plan(store, key, (wanted, ids)), step(stage=ids, promote=ids))
    assert place.rows("SELECT sha256 FROM content") == [(new.status.resources_sha256_sum,)]


def test_a_bundle_that_was_read_without_its_resources_keeps_them_when_it_is_written(store):
    store.create(bundle("web", content="kind: A"))
    found = store.find(Bundle, NS, "web")
    assert found.spec.resources == ()
    store.update(with_spec(found, default_namespace="apps"))
    again = store.get(Bundle, NS, "web")
    assert ([r.content for r in again.spec.resources], again.metadata.generation) == (["kind: A"], 2)


def test_a_status_written_from_an_outdated_bundle_does_not_bring_its_content_back(store):
    outdated = store.create(bundle("web", content="kind: A"))
    new = store.update(bundle("web", content="kind: B"))
    store.update_status(replace(outdated, status=replace(outdated.status, observed_generation=1)))
    found = store.get(Bundle, NS, "web")
    assert [r.content for r in found.spec.resources] == ["kind: B"]
    assert (found.status.resources_sha256_sum, found.status.observed_generation) == (new.status.resources_sha256_sum, 1)


def test_a_list_shows_bundles_without_resources_and_secrets_without_data(store):
    store.create(bundle("web", content="kind: A"))
    store.create(secret(password="a"))
    assert store.list(Bundle, Query()).items[0].spec.resources == ()
    assert store.list(Secret, Query()).items[0].data == {}
