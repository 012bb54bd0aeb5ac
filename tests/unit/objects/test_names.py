"""Fleet's names to the letter, and what a name must be whatever it is made of (fleet-semantics.md 2.4)."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects import names

DIGITS = "1234567890" * 5
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("1234567", 5, "12345"),
        ("1234567", 6, "123456"),
        ("1234567", 7, "1234567"),
        ("1234567", 8, "1234567"),
        ("12345678", 8, "12345678"),
        ("12345678", 7, "1-25d55"),
        ("123456789", 8, "12-25f9e"),
        ("1-3456789", 8, "1-9b657"),
    ],
)
def test_a_text_is_limited(text: str, count: int, expected: str) -> None:
    assert names.limit(text, count) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DIGITS + "123", DIGITS + "123"),
        (DIGITS + "123a", DIGITS[:47] + "-fdba4"),
        (DIGITS + "1234567890123a", DIGITS[:47] + "-eb12d"),
        ("long-name-test-shortpath-with@char", "long-name-test-shortpath-with-char-031bab5e"),
        ("long-name-test-shortpath-with+char", "long-name-test-shortpath-with-char-21c88393"),
        ("long-name-test-0.App_ ", "long-name-test-0-app-5bf6b3fb"),
        ("long-name-test--App_-_12.factor", "long-name-test-app-12-factor-0efbac37"),
        ("bundle.name.example.com", "bundle-name-example-com-645ef821"),
        (DIGITS[:46] + "-1234567", DIGITS[:46] + "-d0bce"),
        ("a/b/c", "a-b-c"),
        ("a//b--c", "a-b-c"),
        ("-a-", "a"),
        ("", "d41d8cd98f00b204e9800998"),
        ("---", "9efc314b65237d5d646e1b81"),
        ("\u0130stanbul", "istanbul-ce941560"),
    ],
)
def test_a_release_name_is_fleets(text: str, expected: str) -> None:
    assert names.helm_release_name(text) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("repo", "a/b"), "repo-a-b"),
        (("repo", ""), "repo"),
        (("repo", "."), "repo"),
        (("repo", "a/./b/../c"), "repo-a-c"),
        (("repo", "a", "o.yaml"), "repo-a-o"),
        (("repo", "a", "x/o.tar.gz"), "repo-a-x-o-tar-825c7da6"),
        (("repo", "a", "noext"), "repo-a-noext"),
        (("repo", "a.b/c", "o"), "repo-a-b-c-o-952a4701"),
    ],
)
def test_a_bundle_is_named_by_repository_folder_and_options(parts: tuple[str, ...], expected: str) -> None:
    assert names.bundle_name(*parts) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (("a", "b"), "a-b"),
        (("x" * 63,), "x" * 63),
        (("x" * 64,), "x" * 57 + "-7ce10"),
        (("x" * 56 + "-" + "y" * 20,), "x" * 56 + "-d804be"),
        (("x" * 56 + "Y" + "y" * 20,), "x" * 56 + "-c9ae25"),
    ],
)
def test_names_are_joined(parts: tuple[str, ...], expected: str) -> None:
    assert names.safe_concat_name(*parts) == expected


def test_a_key_is_hashed_by_its_first_hundred_bytes() -> None:
    assert names.key_hash("x" * 100) == names.key_hash("x" * 100 + "y")
    assert names.key_hash("\xe9" * 50) == names.key_hash("\xe9" * 50 + "y") != names.key_hash("\xe9" * 49)
    assert names.registered_cluster_name("abc") == "cluster-ba7816bf8f01"


def test_the_namespace_of_a_cluster_is_fleets() -> None:
    assert names.cluster_namespace("fleet-default", "c-m-1") == "cluster-fleet-default-c-m-1-654ff071f9cb"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=90)
PATHS = st.text("aB1-_./ \xe9", max_size=90)


@given(TEXT | PATHS)
def test_a_release_name_is_a_dns_label_that_helm_takes_and_its_own_name(text: str) -> None:
    name = names.helm_release_name(text)
    assert DNS_LABEL.fullmatch(name)
    assert names.RELEASE_NAME.fullmatch(name)
    assert len(name) <= names.RELEASE_NAME_LIMIT
    assert names.helm_release_name(name) == name


@given(st.text("ab-", max_size=80), st.integers(0, 80))
def test_limiting_is_within_the_limit_and_done_once(text: str, count: int) -> None:
    made = names.limit(text, count)
    assert len(made) <= count
    assert names.limit(made, count) == made
    assert made == text or len(text) > count


@given(st.text("abc", min_size=6, max_size=70), st.text("abc", min_size=6, max_size=70))
def test_texts_of_one_beginning_share_a_name_only_if_their_hashes_begin_alike(one: str, other: str) -> None:
    texts = [f"{'same' * 12}{tail}" for tail in (one, other)]
    digests = {hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:5] for text in texts}
    assert len({names.limit(text, 53) for text in texts}) == len(digests)


@given(st.lists(st.text("ab-", max_size=53), unique=True, max_size=10))
def test_texts_within_the_limit_keep_names_of_their_own(texts: list[str]) -> None:
    assert [names.limit(text, 53) for text in texts] == texts


LABELS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, min_size=1, max_size=4))
def test_joined_names_are_dns_labels_within_the_limit(parts: list[str]) -> None:
    made = names.safe_concat_name(*parts)
    assert len(made) <= 63
    assert DNS_LABEL.fullmatch(made)
    assert made == "-".join(parts) or len("-".join(parts)) > 63
    assert names.safe_concat_name(made) == made


@given(st.sets(st.tuples(LABELS, LABELS), min_size=2, max_size=30))
def test_clusters_of_different_workspaces_never_share_a_namespace(clusters: set[tuple[str, str]]) -> None:
    assert len({names.cluster_namespace(*cluster) for cluster in clusters}) == len(clusters)


@given(st.sets(st.text("abAB./_-", min_size=1, max_size=12), max_size=25))
def test_texts_that_lose_letters_get_names_of_their_own(texts: set[str]) -> None:
    """What differs only in case, dots or underscores is told apart by a hash; slashes and dashes are not."""
    dashed = {text.replace("/", "-") for text in texts}
    odd = {text for text in dashed if re.search(r"[^a-z0-9-]", text)}
    assert len({names.helm_release_name(text) for text in odd}) == len(odd)


@given(st.text())
def test_a_readable_name_is_utf_8_and_nothing_else_changes(text: str) -> None:
    assert names.readable(text) == text
    assert names.readable(f"{text}\udce9").encode().decode() == f"{text}\ufffd"
