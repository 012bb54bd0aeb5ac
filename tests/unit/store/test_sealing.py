"""Encryption at rest: nothing of a secret is in the file, and a key that does not fit is refused."""

from __future__ import annotations

import base64
import json
import stat

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Unavailable
from extension.objects.kinds import Bundle, BundleTarget, Secret
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.objects.plan import Variant
from extension.store.opening import open_store
from extension.store.protocol import Query
from extension.store.sealing import KEY_BYTES, Seal, key_of
from tests.unit.store.samples import NS, bundle, cluster, cluster_key, plan, secret, step, variant

CLEAR = "correct-horse-battery-staple"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def helm(word=CLEAR):
    return HelmOptions(values={"db": {"password": word}})


def forms(clear=CLEAR):
    return [clear.encode(), base64.b64encode(clear.encode()), clear.encode().hex().encode()]


@given(data=st.binary(max_size=200), place=st.text(max_size=20))
def test_what_is_closed_opens_again_in_its_place_only(data, place):
    seal = Seal(bytes(KEY_BYTES))
    sealed = seal.close(data, place)
    assert seal.open(sealed, place) == data
    assert sealed != seal.close(data, place)
    with pytest.raises(Unavailable):
        seal.open(sealed, f"{place}x")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda b: b[:-1] + bytes([b[-1] ^ 1]), id="the last bit"),
        pytest.param(lambda b: bytes([b[0] ^ 1]) + b[1:], id="the first bit"),
        pytest.param(lambda b: b[:20], id="cut short"),
        pytest.param(lambda b: b[:5], id="cut in the nonce"),
        pytest.param(lambda b: b"", id="empty"),
    ],
)
def test_a_changed_value_does_not_open(spoil):
    seal = Seal(bytes(KEY_BYTES))
    with pytest.raises(Unavailable, match="can't be decrypted"):
        seal.open(spoil(seal.close(b"data", "p")), "p")


def test_no_form_of_a_secret_or_of_helm_values_is_in_the_files(store, place):
    made = store.create(secret(password=CLEAR))
    copied = {LAST_APPLIED: json.dumps({"data": {"password": forms()[1].decode()}})}
    store.update(msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=copied)))
    target = BundleTarget(name="all", helm=helm())
    key = store.create(bundle("web", content="kind: A", helm=helm(), targets=(target,))).key
    store.create(cluster("one"))
    ids = [store.object_id(cluster_key("one"))]
    options = BundleDeploymentOptions(helm=helm())
    wanted = Variant(variant(store, key).deployment_id, options, "d")
    store.apply(plan(store, key, (wanted, ids)), step(create=ids, promote=ids))
    token = store.tokens.create("someone", {"*": "admin"})
    for clear in (*forms(), token.partition(":")[2].encode()):
        assert clear not in place.written()
    assert store.get(Secret, NS, "keys").data == {"password": CLEAR.encode()}
    assert store.get(Secret, NS, "keys").metadata.annotations == copied
    assert store.get(Bundle, NS, "web").spec.targets == (target,)
    assert [work.options for work in store.assigned(cluster_key("one"))] == [options]


def test_a_list_says_nothing_of_a_secrets_values_in_any_field(store):
    copied = {LAST_APPLIED: CLEAR, "note": "kept"}
    made = secret(password=CLEAR)
    store.create(msgspec.structs.replace(made, metadata=msgspec.structs.replace(made.metadata, annotations=copied)))
    shown = store.list(Secret, Query()).items[0]
    assert CLEAR.encode() not in msgspec.json.encode(shown)
    assert shown.metadata.annotations == {"note": "kept"}


def test_a_sealed_value_copied_to_another_object_does_not_open_there(store, place):
    store.create(secret("mine", a="1"))
    store.create(secret("theirs", a="2"))
    place.rows("UPDATE object SET sealed = (SELECT sealed FROM object WHERE name = 'theirs') WHERE name = 'mine'")
    with pytest.raises(Unavailable):
        store.get(Secret, NS, "mine")


def test_the_key_is_a_file_for_its_owner_only_and_stays_the_same(path):
    store = open_store(path)
    key = path.with_name("store.db.key")
    store.create(secret(a="1"))
    assert (stat.S_IMODE(key.stat().st_mode), len(key.read_bytes())) == (0o600, KEY_BYTES)
    store.close()
    again = open_store(path)
    assert again.get(Secret, NS, "keys").data == {"a": b"1"}
    again.close()
    assert sorted(p.name for p in path.parent.iterdir()) == ["store.db", "store.db.key"]


@pytest.mark.parametrize("made", [secret(a="1"), bundle("web")], ids=lambda o: o.KIND)
def test_a_store_does_not_open_with_a_key_that_is_not_its_own(path, made):
    store = open_store(path)
    store.create(made)
    store.close()
    key = path.with_name("store.db.key")
    right = key.read_bytes()
    key.write_bytes(bytes(KEY_BYTES))
    with pytest.raises(Unavailable) as raised:
        open_store(path)
    assert str(key) in str(raised.value)
    assert "restore" in str(raised.value)
    with pytest.raises(Unavailable, match="does not belong"):
        open_store(path, key=bytes(KEY_BYTES))
    open_store(path, key=right).close()


def test_a_lost_key_is_not_replaced_by_a_new_one_while_something_is_sealed_with_it(path):
    store = open_store(path)
    key = path.with_name("store.db.key")
    key.unlink()
    store.create(cluster("one"))
    open_store(path).close()
    store.create(secret(a="1"))
    key.unlink()
    with pytest.raises(Unavailable, match="is missing"):
        open_store(path)
    assert not key.exists()


@pytest.mark.parametrize("content", [b"", b"short", bytes(KEY_BYTES + 1)])
def test_a_file_that_is_no_key_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "k"
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="no key"):
        key_of(path)
    assert path.read_bytes() == content


def test_a_key_that_cannot_be_made_is_an_error_with_its_place(tmp_path):
    with pytest.raises(Unavailable, match="absent"):
        key_of(tmp_path / "absent" / "k")
