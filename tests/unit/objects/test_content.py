"""Content IDs and packed files (fleet-semantics.md 1.16)."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.content import content_id, manifest, pack, sha256_sum, unpack
from extension.objects.kinds import BundleResource


def test_a_manifest_is_gos_json_with_a_line_feed() -> None:
    resources = (BundleResource("b", "<x>"), BundleResource("a", "H4s", "base64+gz"), BundleResource("empty", ""))
    text = '{"resources":[{"name":"b","content":"\\u003cx\\u003e"},{"name":"a","content":"H4s","encoding":"base64+gz"},{"name":"empty"}]}\n'
    assert manifest(resources) == text.encode()
    assert sha256_sum(resources) == hashlib.sha256(text.encode()).hexdigest()


def test_the_order_of_resources_counts() -> None:
    one, other = BundleResource("a", "1"), BundleResource("b", "2")
    assert sha256_sum((one, other)) != sha256_sum((other, one))


def test_an_id_is_the_first_sixty_three_characters() -> None:
    assert content_id("0123456789abcdef" * 4) == "s-" + ("0123456789abcdef" * 4)[:61]


@given(st.binary(max_size=200), st.booleans())
def test_what_is_packed_is_unpacked_as_it_was(data: bytes, compress: bool) -> None:
    packed = pack("f", data, compress)
    assert unpack(packed) == data
    assert pack("f", data, compress) == packed, "the same bytes give the same content"
    assert json.loads(manifest((packed,)))["resources"][0]["name"] == "f"


def test_text_stays_text_unless_told_otherwise() -> None:
    assert pack("f", "\xe9".encode()) == BundleResource("f", "\xe9")
    assert pack("f", b"\xe9").encoding == pack("f", b"x", compress=True).encoding == "base64+gz"


def test_an_encoding_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown encoding 'zip'"):
        unpack(BundleResource("f", "x", "zip"))
