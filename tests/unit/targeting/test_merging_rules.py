"""Merging follows the table for whatever options: of the code and of a restatement of the table the results are the same."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given

from extension.objects.codec import decode
from extension.objects.kinds import BundleSpec, BundleTarget
from extension.objects.options import BundleDeploymentOptions, HelmOptions, options_of
from extension.targeting import MemoryUniverse, merge, plan
from tests.unit.targeting import restated
from tests.unit.targeting.restated import OPTION_SETS, as_json
from tests.unit.targeting.worlds import Substituting, bundle, cluster


def _options(data: Any) -> BundleDeploymentOptions:
    return decode(BundleDeploymentOptions, data)


def _wire(cls: Any) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(cls)}


def test_the_table_has_every_field() -> None:
    assert set(restated.OPTIONS) == _wire(BundleDeploymentOptions) == set(restated.OPTION_FIELDS)
    assert set(restated.HELM) == _wire(HelmOptions)


@given(OPTION_SETS, OPTION_SETS)
def test_two_sets_of_options_merge_as_the_table_says(base: Any, custom: Any) -> None:
    low, high = as_json(_options(base)), as_json(_options(custom))
    assert as_json(merge(_options(base), _options(custom))) == restated.merge(low, high)


@given(OPTION_SETS, OPTION_SETS)
def test_a_target_merges_onto_a_bundle_as_its_options_alone_would(base: Any, custom: Any) -> None:
    spec, target = decode(BundleSpec, {**base, "paused": True}), decode(BundleTarget, {**custom, "name": "t", "clusterGroup": "g"})
    assert merge(spec, target) == merge(options_of(spec), options_of(target)) == merge(_options(base), _options(custom))


@given(OPTION_SETS)
def test_empty_options_change_nothing(base: Any) -> None:
    assert merge(_options(base), BundleDeploymentOptions()) == _options(base)


EVERYONE = {"name": "all", "clusterSelector": {}}


@given(OPTION_SETS, OPTION_SETS, OPTION_SETS, OPTION_SETS)
def test_customizations_merge_in_both_modes(root: Any, target: Any, first: Any, second: Any) -> None:
    """First match: its options replace those of the target. All matches: all of them in order on top of it."""
    targets = [{**first, **EVERYONE}, {**second, **EVERYONE}, {**target, **EVERYONE}]
    layers = {
        "FirstMatch": [first],
        "AllMatches": [target, first, second],
    }
    for mode, applied in layers.items():
        app = bundle({**root, "targets": targets, "targetRestrictions": [EVERYONE], "targetCustomizationMode": mode})
        (assignment,) = plan(app, MemoryUniverse([cluster("bare")]), Substituting(), manifest_id="s-1").assignments
        jsons = [as_json(_options(layer)) for layer in applied]
        chosen = jsons[0]
        for layer in jsons[1:]:
            chosen = restated.merge(chosen, layer)
        expected = restated.merge(as_json(_options(root)), chosen)
        assert _without_leaks(as_json(assignment.variant.options)) == _without_leaks(expected)


def _without_leaks(options: dict[str, Any]) -> dict[str, Any]:
    """Namespace labels and annotations of all targets are laid over the result; that is tested on its own."""
    return {key: value for key, value in options.items() if key not in ("namespaceLabels", "namespaceAnnotations")}
