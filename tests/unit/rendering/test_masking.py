"""No value of a Secret is in a diff, wherever it stands; what changed is seen all the same."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from extension.rendering.diffing import difference
from extension.rendering.masking import AFTER, BEFORE, COPIES, MASK, Masking, scrubbed, without_values

CANARY, OTHER = "canary-83b1-never-shown", "canary-77aa-never-shown"
ENCODED = base64.b64encode(CANARY.encode()).decode()
META = {"name": "s"}


def secret(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": META, **fields}


def config_map(name: str = "c", **data: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (secret(data={"k": ENCODED}), secret(data={"k": ENCODED}), ({"k": MASK}, {"k": MASK})),
        (secret(data={"k": ENCODED}), secret(data={"k": "eA=="}), ({"k": BEFORE}, {"k": AFTER})),
        (secret(data={"k": ENCODED}), secret(data={"k": ENCODED, "n": "eA=="}), ({"k": MASK}, {"k": MASK, "n": AFTER})),
        (secret(data={"k": ENCODED}), secret(data=None), ({"k": BEFORE}, AFTER)),
        (secret(data={"k": 5}), secret(data={"k": 5}), ({"k": MASK}, {"k": MASK})),
    ],
    ids=["same", "changed", "added", "none", "number"],
)
def test_a_secret_keeps_its_keys_and_no_value(before: Any, after: Any, expected: Any) -> None:
    masked = Masking([before], [after]).pair(before, after)
    assert tuple(one and one["data"] for one in masked) == expected


@pytest.mark.parametrize(
    "hidden",
    [
        secret(data={"k": ENCODED}),
        secret(stringData={"k": CANARY}),
        secret(stringData={"k": f"-----BEGIN\n{CANARY}\n"}),
        secret(unknown={"deep": [{"k": CANARY}]}),
        secret(data=CANARY),
    ],
    ids=["data", "stringData", "lines", "unknown field", "no map"],
)
@pytest.mark.parametrize("sides", [(True, True), (True, False), (False, True)], ids=["both", "removed", "added"])
def test_what_a_secret_holds_is_masked_wherever_it_stands(hidden: Any, sides: tuple[bool, bool]) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": CANARY}, "spec": {"args": [CANARY, {CANARY: 1}]}}
    before, after = ([hidden, pod, config_map(conf=f"//u:{CANARY}@{number}")] if there else [] for number, there in enumerate(sides))
    found = difference(before, after).objects
    assert found and not any(word in str(one) for one in found for word in (CANARY, ENCODED))
    assert MASK in "".join(map(str, found))


@pytest.mark.parametrize("annotation", sorted(COPIES))
def test_a_copy_of_an_object_in_an_annotation_is_masked(annotation: str) -> None:
    def one(copy: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "annotations": {annotation: copy, "note": copy[:1]}}}

    before, after = Masking().pair(one(CANARY), one(OTHER))
    assert before and before["metadata"]["annotations"] == {annotation: BEFORE, "note": "c"}
    assert after and after["metadata"]["annotations"] == {annotation: AFTER, "note": "c"}
    same = Masking().pair(one(CANARY), one(CANARY))[1]
    assert same and same["metadata"]["annotations"][annotation] == MASK


def test_short_values_are_masked_in_the_secret_alone() -> None:
    pair = secret(stringData={"user": "root"}), config_map(path="/root")
    masking = Masking(pair)
    assert (masking.text("/root"), masking.pair(None, pair[0])[1]) == ("/root", secret(stringData={"user": MASK}))


def test_an_error_does_not_quote_a_value() -> None:
    assert scrubbed(f"password: '{CANARY}' is too short", {"auth": [{"password": CANARY}]}) == "password: '***' is too short"


def test_values_keep_their_keys_alone() -> None:
    assert without_values({"a": {"b": [1, "x"]}, "n": None}) == {"a": {"b": [MASK, MASK]}, "n": None}
