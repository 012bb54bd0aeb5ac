"""Which folders are told to somebody who looks for the paths of a GitRepo."""

from __future__ import annotations

import pytest

from extension.bundles.paths import paths
from tests.fakes.tree import DictTree


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(["x.yaml"], [". (manifests)"], id="the root"),
        pytest.param(["README.md", "a/x.json"], [], id="nothing that Fleet would see"),
        pytest.param(["a/fleet.yaml", "a/x.yaml"], ["a (fleet.yaml)"], id="a fleet.yaml says most"),
        pytest.param(["a/Chart.yaml", "a/templates/x.yaml", "a/charts/b/Chart.yaml"], ["a (Chart.yaml)"], id="not what is in a chart"),
        pytest.param(["a/fleet.yaml", "a/overlays/x/p.yaml"], ["a (fleet.yaml)"], id="not what belongs to a fleet.yaml"),
        pytest.param(["a/fleet.yaml", "a/b/c/fleet.yml"], ["a (fleet.yaml)", "a/b/c (fleet.yml)"], id="a fleet.yaml of its own"),
        pytest.param(
            ["k/base/kustomization.yaml", "k/over/kustomization.yml"],
            ["k/base (kustomization.yaml)", "k/over (kustomization.yml)"],
            id="kustomizations",
        ),
        pytest.param([".github/workflows/x.yaml", ".x.yaml", "a/b/x.yml"], ["a/b (manifests)"], id="nothing hidden"),
    ],
)
def test_folders_are_found_that_hold_something_by_themselves(files: list[str], expected: list[str]) -> None:
    assert [str(found) for found in paths(DictTree(dict.fromkeys(files, "")))] == expected
