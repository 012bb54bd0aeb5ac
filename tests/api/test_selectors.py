"""The text forms of selections mean what Kubernetes and Steve mean by them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import InvalidOption
from api.selectors import filters, label_selector
from extension.objects.selectors import Requirement, matches
from extension.store.protocol import Filter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=b", [("a", "In", ("b",))], id="equal"),
        pytest.param("a==b", [("a", "In", ("b",))], id="equal twice"),
        pytest.param("a != b", [("a", "NotIn", ("b",))], id="not equal"),
        pytest.param("a=", [("a", "In", ("",))], id="empty value"),
        pytest.param("a", [("a", "Exists", ())], id="there"),
        pytest.param("!a", [("a", "DoesNotExist", ())], id="not there"),
        pytest.param("a in (x, y)", [("a", "In", ("x", "y"))], id="one of"),
        pytest.param("x.io/a notin (x)", [("x.io/a", "NotIn", ("x",))], id="none of, with a prefix"),
        pytest.param("a=b,!c, d in (e)", [("a", "In", ("b",)), ("c", "DoesNotExist", ()), ("d", "In", ("e",))], id="all of them"),
        pytest.param("in in (in)", [("in", "In", ("in",))], id="a label called in"),
        pytest.param("notin", [("notin", "Exists", ())], id="a label called notin"),
    ],
)
def test_a_label_selector_is_read(text: str, expected: list[tuple[str, str, tuple[str, ...]]]) -> None:
    assert label_selector(text).match_expressions == tuple(Requirement(key=k, operator=o, values=v) for k, o, v in expected)


@pytest.mark.parametrize("text", ["a b", "=b", "a in x", "a in (x", "a=b=c", ",", "a,,b", "a=(b)", "-a", "a in (x) b", "a>1"])
def test_a_label_selector_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        label_selector(text)
    assert caught.value.field == "labelSelector"
    assert caught.value.hint == "write for example env=prod,tier!=gold,region in (eu, us),!legacy"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env=-prod", "labelSelector: '-prod' is no value of the label env"),
        ("env in (prod,a b)", "labelSelector: 'a b' is no value of the label env"),
        ("Example_Org/env=x", "labelSelector: 'Example_Org/env' is no label key"),
    ],
)
def test_a_label_selector_that_no_label_can_match_is_refused_by_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        label_selector(text)
    assert (caught.value.message, caught.value.field) == (said, "labelSelector")
    assert caught.value.hint


@pytest.mark.parametrize("text", ["a<3", "=b", "a in x"])
def test_a_filter_that_can_not_be_read_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        filters([text])
    assert (caught.value.field, caught.value.hint) == ("filter", "write for example metadata.name~web,metadata.labels[env]=prod")


LABEL = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)


@given(labels=st.dictionaries(LABEL, LABEL, max_size=4), key=LABEL, value=LABEL)
def test_a_selector_and_its_negation_never_agree(labels: dict[str, str], key: str, value: str) -> None:
    for text, negated in ((f"{key}={value}", f"{key}!={value}"), (key, f"!{key}"), (f"{key} in ({value})", f"{key} notin ({value})")):
        assert matches(label_selector(text), labels) is not matches(label_selector(negated), labels)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (label_selector, lambda t: filters([t])):
        try:
            read(text)
        except InvalidOption as error:
            assert error.field in ("labelSelector", "filter")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a.b=v", [Filter("a.b", "=", ("v",))], id="equal"),
        pytest.param("a.b~v w", [Filter("a.b", "~", ("v w",))], id="a part, with a space"),
        pytest.param("a!~v", [Filter("a", "!~", ("v",))], id="not a part"),
        pytest.param("a='x,y'", [Filter("a", "=", ("x,y",))], id="quotes keep a comma"),
        pytest.param("a=1,b!=2", [Filter("a", "=", ("1",)), Filter("b", "!=", ("2",))], id="alternatives"),
        pytest.param("a in (x,y)", [Filter("a", "in", ("x", "y"))], id="one of"),
        pytest.param("metadata.labels[x.io/y]=1", [Filter("metadata.labels[x.io/y]", "=", ("1",))], id="a label"),
        pytest.param("metadata.labels['x.io/y']", [Filter("metadata.labels[x.io/y]", "exists")], id="a quoted label that is there"),
        pytest.param("metadata.state.name=errapplied", [Filter("status.display.state", "=", ("ErrApplied",))], id="a state"),
        pytest.param("metadata.state.name!=active", [Filter("status.display.state", "!=", ("",))], id="anything but well"),
        pytest.param("!metadata.labels[y]", [Filter("metadata.labels[y]", "!exists")], id="a label that is not"),
    ],
)
def test_a_filter_is_read(text: str, expected: list[Filter]) -> None:
    assert filters([text]) == (tuple(expected),)


def test_a_deployment_that_is_active_is_ready() -> None:
    assert filters(["metadata.state.name=active"], well="Ready") == (
        (Filter("status.display.state", "=", ("Ready",)), Filter("status.display.state", "!exists")),
    )


def test_a_selector_has_a_longest_form() -> None:
    with pytest.raises(InvalidOption, match="more than 50"):
        label_selector(",".join(["a"] * 51))
