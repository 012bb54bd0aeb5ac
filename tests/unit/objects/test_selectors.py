"""Label selectors mean what they mean in Kubernetes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.selectors import LabelSelector, matches


def _matches(selector: Any, labels: dict[str, str]) -> bool:
    return matches(decode(LabelSelector, selector), labels)


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("selector", "with_a", "without", "with_b"),
    [
        ({}, True, True, True),
        ({"matchLabels": {"k": "a"}}, True, False, False),
        ({"matchLabels": {"k": ""}}, False, False, False),
        (_expression("k", "In", "a", "c"), True, False, False),
        (_expression("k", "NotIn", "a", "c"), False, True, True),
        (_expression("k", "Exists"), True, False, True),
        (_expression("k", "DoesNotExist"), False, True, False),
        ({"matchLabels": {"k": "a"}, **_expression("k", "NotIn", "a")}, False, False, False),
        ({"matchLabels": {"k": "b"}, **_expression("k", "Exists")}, False, False, True),
    ],
)
def test_a_selector_matches(selector: Any, with_a: bool, without: bool, with_b: bool) -> None:
    assert (_matches(selector, {"k": "a"}), _matches(selector, {"o": "x"}), _matches(selector, {"k": "b"})) == (with_a, without, with_b)


def test_an_empty_value_is_a_value() -> None:
    assert _matches({"matchLabels": {"k": ""}}, {"k": ""})
    assert _matches({"matchLabels": {"k": None}}, {"k": ""})


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (_expression("k", "Like", "a"), '"Like" is not a valid label selector operator'),
        (_expression("k", "in", "a"), '"in" is not a valid label selector operator'),
        (_expression("k", ""), '"" is not a valid label selector operator'),
        (_expression("k", "In"), "operator In on key 'k' needs at least one value"),
        (_expression("k", "NotIn"), "needs at least one value"),
        (_expression("k", "Exists", "a"), "takes no values"),
        (_expression("k", "DoesNotExist", "a"), "takes no values"),
        ({"matchLabels": {"a b": "x"}}, "'a b' is no label key"),
        ({"matchLabels": {"": "x"}}, "'' is no label key"),
        ({"matchLabels": {"A.io/x": "x"}}, "'A.io/x' is no label key"),
        ({"matchLabels": {"a/b/c": "x"}}, "is no label key"),
        ({"matchLabels": {"x" * 64: "x"}}, "is no label key"),
        (_expression("-k", "Exists"), "'-k' is no label key"),
        ({"matchLabels": {"k": "not valid!"}}, "'not valid!' is no value of the label k"),
        ({"matchLabels": {"k": "x" * 64}}, "is no value of the label k"),
        (_expression("k", "NotIn", "a", "-b"), "'-b' is no value of the label k"),
    ],
)
def test_a_broken_selector_is_refused_even_for_no_labels(selector: Any, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        _matches(selector, {})
    assert words in str(caught.value)


@pytest.mark.parametrize("key", ["k", "K_1.x-y", "example.com/k", "a.b-c.io/K", "x" * 63, f"{'a' * 63}.io/{'x' * 63}"])
def test_a_label_key_is_a_name_with_a_domain_before_it_at_most(key: str) -> None:
    assert _matches({"matchLabels": {key: "x" * 63}}, {key: "x" * 63})


LABELS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"))


@given(LABELS, st.sampled_from("ab"), st.lists(st.sampled_from("xy"), min_size=1))
def test_an_operator_and_its_opposite_never_agree(labels: dict[str, str], key: str, values: list[str]) -> None:
    assert _matches(_expression(key, "In", *values), labels) is not _matches(_expression(key, "NotIn", *values), labels)
    assert _matches(_expression(key, "Exists"), labels) is not _matches(_expression(key, "DoesNotExist"), labels)


@given(LABELS, LABELS)
def test_labels_match_the_selector_made_of_some_of_them(labels: dict[str, str], wanted: dict[str, str]) -> None:
    assert _matches({"matchLabels": wanted}, labels) is (wanted.items() <= labels.items())
