"""Which folders become bundles (fleet-semantics.md 2.3)."""

from __future__ import annotations

from typing import Any

import pytest

from extension.bundles import Scan
from extension.bundles.places import places
from extension.objects.kinds import BundlePath
from tests.fakes.tree import DictTree
from tests.unit.bundles.apply import CM, apply, names, refusal, resources

RAW, OWN = {"x.yaml": CM}, {"fleet.yaml": "{}", "x.yaml": CM}


def _below(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(_below("a", RAW), ["demo-a"], id="yaml"),
        pytest.param({"a/x.yml": CM}, ["demo-a"], id="yml"),
        pytest.param({"a/b/c/x.yaml": CM}, ["demo-a"], id="yaml further down"),
        pytest.param({"a/x.json": "{}"}, [], id="json alone is not seen"),
        pytest.param({"a/fleet.yaml": "{}", "a/x.json": "{}"}, ["demo-a"], id="fleet.yaml makes a bundle of anything"),
        pytest.param({"a/fleet.yml": "{}", "a/x.json": "{}"}, ["demo-a"], id="fleet.yml too"),
        pytest.param({"a/fleet.yaml": "{}"}, [], id="fleet.yaml with nothing to deploy is skipped"),
        pytest.param({"a/fleet.yml": "{}"}, ["demo-a"], id="fleet.yml is a resource of its own bundle"),
        pytest.param(_below("a/b", OWN), ["demo-a-b"], id="only a nested one"),
        pytest.param(_below("a/b", OWN) | {"a/c/x.yaml": CM}, ["demo-a", "demo-a-b"], id="yaml beside a nested one"),
        pytest.param(_below("a/b", OWN) | _below("a/b/c", OWN), ["demo-a-b", "demo-a-b-c"], id="nested twice"),
        pytest.param(_below("a/b", OWN) | {"a/b/c/x.yaml": CM}, ["demo-a-b"], id="yaml below a nested one is its"),
        pytest.param(_below("a", OWN) | _below("a/b", OWN), ["demo-a", "demo-a-b"], id="both"),
        pytest.param(_below("a/.hidden", OWN), [], id="a hidden folder has nothing to deploy, whatever is in it"),
    ],
)
def test_a_folder_is_a_bundle(files: dict[str, str], expected: list[str]) -> None:
    assert names(apply(files | {"z/x.yaml": CM}, paths=("a", "z"))) == [*expected, "demo-z"]


def test_the_upper_bundle_carries_the_files_of_the_nested_one() -> None:
    upper, nested = apply(_below("a", OWN) | _below("a/b", OWN)).bundles
    assert (resources(upper), resources(nested)) == (["b/fleet.yaml", "b/x.yaml", "x.yaml"], ["x.yaml"])


def test_fleet_yaml_beats_fleet_yml() -> None:
    [found] = apply({"a/fleet.yaml": "namespace: one", "a/fleet.yml": "namespace: two", "a/x.yaml": CM}).bundles
    assert (found.spec.namespace, resources(found)) == ("one", ["fleet.yml", "x.yaml"])


TREE = _below("apps/web", RAW) | _below("apps/db", RAW) | _below("apps/web/sub", RAW) | {"apps/readme.yaml": CM, "x.yaml": CM}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param((), ["demo"], id="none is the root"),
        pytest.param((".",), ["demo"], id="a dot"),
        pytest.param(("./",), ["demo"], id="a dot and a slash"),
        pytest.param(("/", "apps/db"), ["demo-apps-db"], id="a slash alone names nothing"),
        pytest.param(("", "apps/db"), ["demo-apps-db"], id="nor does an empty path"),
        pytest.param(("none/../apps/web", "apps/db"), ["demo-apps-db"], id="no way leads back out of a folder that is not there"),
        pytest.param(("x.yaml/../apps/web", "apps/db"), ["demo-apps-db"], id="nor out of a file"),
        pytest.param(("apps/web/../../apps/./db",), ["demo-apps-db"], id="up twice"),
        pytest.param(("//apps/web/",), ["demo-apps-web"], id="slashes around"),
        pytest.param(("./apps/../apps/db",), ["demo-apps-db"], id="cleaned"),
        pytest.param(("apps/*",), ["demo-apps-db", "demo-apps-web"], id="a star takes folders, sorted"),
        pytest.param(("a*/w?b",), ["demo-apps-web"], id="several wildcards"),
        pytest.param(("apps/[dx]b",), ["demo-apps-db"], id="a class"),
        pytest.param(("./apps/*",), ["demo-apps-db", "demo-apps-web"], id="a dot before a star"),
        pytest.param(("apps/web", "apps/w*"), ["demo-apps-web", "demo-apps-web"], id="twice is twice"),
        pytest.param(("nope", "apps/db"), ["demo-apps-db"], id="what matches nothing is passed over"),
        pytest.param(("apps/readme.yaml", "apps/db"), ["demo-apps-db"], id="a file is no folder"),
        pytest.param(("apps/*/", "apps/db"), ["demo-apps-db"], id="a star with a slash behind it matches nothing"),
        pytest.param(("apps/*/.", "apps/db"), ["demo-apps-db"], id="nor with a dot"),
        pytest.param(("apps/*/../db", "apps/db"), ["demo-apps-db"], id="nor does it go up again"),
        pytest.param(("**/web",), ["demo-apps-web"], id="two stars are one"),
        pytest.param(("**/sub", "apps/db"), ["demo-apps-db"], id="and go no deeper"),
    ],
)
def test_paths_mean_folders(paths: tuple[str, ...], expected: list[str]) -> None:
    assert names(apply(TREE, paths=paths)) == expected


@pytest.mark.parametrize("path", ["..", "../x", "a/../../x", "../*"])
def test_a_path_that_leaves_the_repository_is_refused(path: str) -> None:
    assert "leaves the repository" in refusal(TREE, paths=(path,))


@pytest.mark.parametrize("path", ["apps/[", "none/[a-", "apps/x\\"])
def test_a_malformed_wildcard_is_refused_even_where_nothing_is(path: str) -> None:
    assert "syntax error in pattern" in refusal(TREE, paths=(path,))


def test_nothing_to_deploy_at_all_is_an_error_that_names_the_paths() -> None:
    assert "no resource found at the following paths to deploy: [nope, apps/n*]" in refusal(TREE, paths=("nope", "apps/n*"))


def _driven(files: dict[str, str], *bundles: tuple[str, str]) -> list[str]:
    return names(apply(files, bundles=tuple(BundlePath(*bundle) for bundle in bundles)))


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        pytest.param(("a", ""), "demo-a", id="a folder"),
        pytest.param((".", ""), "demo", id="the root"),
        pytest.param(("", ""), "demo", id="empty is the root"),
        pytest.param(("a", "dev.yaml"), "demo-a-dev", id="with options"),
        pytest.param(("a", "dev.v1.yaml"), "demo-a-dev-v1-dffaeaa7", id="of the options' name the extension is left out"),
        pytest.param(("a", "env/dev.yaml"), "demo-a-env-dev", id="options in a folder"),
        pytest.param(("a", "/dev.yaml"), "demo-a-dev", id="options with a slash are below the folder all the same"),
        pytest.param(("a/.", "./env/../dev.yaml"), "demo-a-dev", id="cleaned"),
    ],
)
def test_a_driven_bundle_is_named_by_folder_and_options(bundle: tuple[str, str], expected: str) -> None:
    files = {"a/x.yaml": CM, "a/dev.yaml": "{}", "a/dev.v1.yaml": "{}", "a/env/dev.yaml": "{}"}
    assert _driven(files, bundle) == [expected]


@pytest.mark.parametrize(
    ("files", "scan", "expected"),
    [
        pytest.param(_below("a", OWN), {}, ("demo-a", "a", "a/fleet.yaml"), id="fleet.yaml"),
        pytest.param({"a/fleet.yml": "{}", "a/x.json": "{}"}, {}, ("demo-a", "a", "a/fleet.yml"), id="fleet.yml"),
        pytest.param(_below("a", RAW), {}, ("demo-a", "a", "a/fleet.yaml"), id="where fleet.yaml would be"),
        pytest.param(RAW, {"paths": ()}, ("demo", "", "fleet.yaml"), id="in the root"),
        pytest.param(_below("a", RAW | {"fleet.yaml": "name: own"}), {}, ("own", "a", "a/fleet.yaml"), id="with a name of its own"),
        pytest.param(
            _below("a", RAW | {"dev.yaml": "{}"}),
            {"bundles": (BundlePath("a", "/dev.yaml"),)},
            ("demo-a-dev", "a", "a/dev.yaml"),
            id="driven",
        ),
    ],
)
def test_a_bundle_is_found_again_with_its_folder_and_the_file_of_its_options(
    files: dict[str, str], scan: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    assert list(places(DictTree(files), Scan(**{"name": "demo", "paths": ("a",), **scan}))) == [expected]


def test_a_driven_scan_does_not_look_further_down() -> None:
    assert _driven(_below("a", RAW) | _below("a/b", OWN), ("a", "")) == ["demo-a"]


def test_a_driven_bundle_without_options_takes_the_fleet_yaml_of_its_folder() -> None:
    [found] = apply({"a/fleet.yaml": "namespace: ns", "a/x.yaml": CM}, bundles=(BundlePath("a"),)).bundles
    assert found.spec.namespace == "ns"


def test_options_files_stay_out_of_their_own_bundle_only_and_only_under_the_name_they_have() -> None:
    files = {"a/fleet.yaml": "namespace: ns", "a/dev.yaml": "{}", "a/prod.yaml": "{}", "a/x.yaml": CM}
    found = apply(files, bundles=(BundlePath("a", "dev.yaml"), BundlePath("a", "./prod.yaml")))
    assert [resources(bundle) for bundle in found.bundles] == [["prod.yaml", "x.yaml"], ["dev.yaml", "prod.yaml", "x.yaml"]]
    assert [bundle.spec.namespace for bundle in found.bundles] == ["", ""]


@pytest.mark.parametrize(
    ("bundle", "words"),
    [
        (("a", "none.yaml"), 'failed to open file "none.yaml"'),
        (("none", ""), "there is no such folder"),
        (("a/x.yaml", ""), "there is no such folder"),
        (("../a", ""), "leaves the repository"),
        (("a", "/none.yaml"), 'failed to open file "/none.yaml"'),
        (("a", "../../x"), "leaves the repository"),
    ],
)
def test_what_a_driven_scan_can_not_find_is_refused_and_named(bundle: tuple[str, str], words: str) -> None:
    assert words in refusal({"a/x.yaml": CM}, bundles=(BundlePath(*bundle),))


def test_a_missing_folder_does_not_hide_behind_the_others() -> None:
    found = apply({"a/x.yaml": CM}, bundles=(BundlePath("a"), BundlePath("none")))
    assert (names(found), [failure.path for failure in found.failures]) == (["demo-a"], ["none"])
