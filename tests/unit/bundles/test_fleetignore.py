"""What `.fleetignore` hides (fleet-semantics.md 2.5)."""

from __future__ import annotations

import pytest

from tests.unit.bundles.apply import CM, only, refusal, resources

FILES = ("x.yaml", "y.yaml", "sub/x.yaml", "sub/deep/z.yaml", "#h.yaml", "a b.yaml")


def _left(ignore: str, files: tuple[str, ...] = FILES, at: str = "a") -> list[str]:
    tree = {"a/keep.yaml": CM, f"{at}/.fleetignore": ignore} | {f"a/{name}": CM for name in files}
    return [name for name in resources(only(tree)) if name != "keep.yaml"]


@pytest.mark.parametrize(
    ("ignore", "gone"),
    [
        pytest.param("", (), id="empty"),
        pytest.param("x.yaml", ("x.yaml", "sub/x.yaml"), id="a base name at any depth"),
        pytest.param("[xy].yaml", ("x.yaml", "y.yaml", "sub/x.yaml"), id="a pattern"),
        pytest.param("?.yaml", ("x.yaml", "y.yaml", "sub/x.yaml", "sub/deep/z.yaml"), id="one character"),
        pytest.param("sub", ("sub/x.yaml", "sub/deep/z.yaml"), id="a bare name hides folders"),
        pytest.param("deep/*", ("sub/deep/z.yaml",), id="a folder with a star at any depth"),
        pytest.param("x.yaml/*", (), id="but no file"),
        pytest.param("sub/x.yaml", (), id="a path hides nothing"),
        pytest.param("/x.yaml", (), id="an anchor hides nothing"),
        pytest.param("sub/", (), id="a slash behind hides nothing"),
        pytest.param("sub/**", (), id="two stars are no folder's name"),
        pytest.param("!x.yaml", (), id="no negation"),
        pytest.param("x.yaml\n!x.yaml", ("x.yaml", "sub/x.yaml"), id="and nothing comes back"),
        pytest.param("#h.yaml", (), id="a comment"),
        pytest.param("\\#h.yaml", ("#h.yaml",), id="an escaped hash"),
        pytest.param("x.yaml  \t", ("x.yaml", "sub/x.yaml"), id="trailing blanks are cut"),
        pytest.param("a b.yaml", ("a b.yaml",), id="inner blanks are not"),
        pytest.param(" x.yaml", (), id="nor leading ones"),
        pytest.param("x.yaml\r\ny.yaml\r\n", ("x.yaml", "y.yaml", "sub/x.yaml"), id="lines of Windows"),
    ],
)
def test_a_line_hides(ignore: str, gone: tuple[str, ...]) -> None:
    assert _left(ignore) == sorted(set(FILES) - set(gone))


@pytest.mark.parametrize(
    ("ignore", "files", "left"),
    [
        pytest.param("b.yaml\\ \\ ", ("b.yaml", "b.yaml  ", "b.yaml "), ["b.yaml", "b.yaml "], id="escaped blanks count"),
        pytest.param("b.yaml ", ("b.yaml", "b.yaml "), ["b.yaml "], id="others do not"),
    ],
)
def test_blanks_at_the_end_of_a_name(ignore: str, files: tuple[str, ...], left: list[str]) -> None:
    assert _left(ignore, files) == left


def test_a_file_counts_for_its_folder_and_those_below() -> None:
    assert _left("x.yaml", at="a/sub") == sorted(set(FILES) - {"sub/x.yaml"})
    assert _left("z.yaml", at="a/sub") == sorted(set(FILES) - {"sub/deep/z.yaml"})


def test_files_of_neighbours_do_not_interfere() -> None:
    files = ("one/x.yaml", "two/x.yaml")
    assert _left("x.yaml", files, at="a/one") == ["two/x.yaml"]


def test_a_file_counts_for_neighbours_whose_names_begin_with_its_folders() -> None:
    """Fleet compares paths as text."""
    files = ("app/x.yaml", "app.yaml", "app2/x.yaml", "ap/x.yaml", "b/app/x.yaml")
    assert _left("*.yaml", files, at="a/app") == ["ap/x.yaml", "b/app/x.yaml"]
    assert _left("app2", files, at="a/app") == ["ap/x.yaml", "app.yaml", "app/x.yaml", "b/app/x.yaml"]


def test_patterns_of_all_folders_above_add_up() -> None:
    tree = {"a/.fleetignore": "x.yaml", "a/s/.fleetignore": "y.yaml", "a/s/x.yaml": CM, "a/s/y.yaml": CM, "a/s/z.yaml": CM, "a/y.yaml": CM}
    assert resources(only(tree)) == ["s/z.yaml", "y.yaml"]


def test_a_file_that_is_hidden_by_another_counts_no_more() -> None:
    tree = {"a/.fleetignore": "s", "a/s/.fleetignore": "*", "a/s2/x.yaml": CM}
    assert resources(only(tree)) == ["s2/x.yaml"]


def test_a_malformed_pattern_is_refused() -> None:
    assert "syntax error in pattern '[a-'" in refusal({"a/.fleetignore": "[a-", "a/x.yaml": CM})


def test_a_bundle_whose_files_are_all_hidden_is_none() -> None:
    assert "no resource found" in refusal({"a/.fleetignore": "*", "a/x.yaml": CM})
