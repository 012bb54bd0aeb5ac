import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Invalid
from extension.rendering.values import deep_merge, from_source, layered

VALUES = st.recursive(st.none() | st.integers(), lambda c: st.dictionaries(st.sampled_from("abc"), c), max_leaves=8)
MAPS = st.dictionaries(st.sampled_from("abc"), VALUES)


def test_maps_are_merged_and_all_else_replaced() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1, "c": {"d": 1}}
    assert deep_merge(base, {"a": {"y": [3], "z": None}, "b": {"e": 1}, "c": None}) == {
        "a": {"x": 1, "y": [3], "z": None},
        "b": {"e": 1},
        "c": None,
    }


@given(MAPS, MAPS)
def test_the_upper_layer_wins_and_neither_is_changed(low: dict[str, object], high: dict[str, object]) -> None:
    before = (repr(low), repr(high))
    merged = deep_merge(low, high)
    assert set(merged) == set(low) | set(high)
    assert all(merged[key] == value for key, value in high.items() if not isinstance(value, dict))
    assert (repr(low), repr(high)) == before


@given(MAPS)
def test_layering_the_same_twice_changes_nothing(values: dict[str, object]) -> None:
    assert layered([values, values]) == values


@pytest.mark.parametrize(
    ("data", "want"),
    [({"k": "a: y"}, {"a": True}), ({"k": b"a: 0644"}, {"a": 420}), ({"k": ""}, {})],
    ids=["text", "bytes", "empty"],
)
def test_values_are_read_from_a_source(data: dict[str, str | bytes], want: dict[str, object]) -> None:
    assert from_source(data, "k", "ConfigMap ns/c") == want


@pytest.mark.parametrize(("data", "words"), [({}, "missing"), ({"k": "s3cret: ["}, "no YAML"), ({"k": "- s3cret"}, "no map")])
def test_an_error_names_the_source_and_never_its_content(data: dict[str, str], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        from_source(data, "k", "Secret ns/s")
    assert "Secret ns/s" in str(error.value)
    assert "s3cret" not in str(error.value)
