"""FolderTree: a folder as a Tree, and nothing beyond the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.objects.tree import Entry, EntryType, walk
from extension.sources.folder import FolderTree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "repo"
    (root / "app" / "templates").mkdir(parents=True)
    (root / "app" / "fleet.yaml").write_text("namespace: x\n")
    (root / "app" / "templates" / "a.yaml").write_bytes(b"a: 1\n")
    (root / "Z").write_bytes(b"z")
    (root / "\u00e4").write_bytes(b"")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("canary")
    (root / "out").symlink_to("../outside")
    (root / "app" / "to-file").symlink_to("fleet.yaml")
    return root


def test_entries_are_sorted_bytewise_with_their_types_and_sizes(folder: Path) -> None:
    assert FolderTree(folder).entries("") == (
        Entry("Z", EntryType.FILE, 1),
        Entry("app", EntryType.FOLDER),
        Entry("out", EntryType.LINK),
        Entry("\u00e4", EntryType.FILE, 0),
    )


def test_a_walk_names_every_file_once_and_stops_at_links(folder: Path) -> None:
    found = [path for path, _ in walk(FolderTree(folder), "")]
    assert found == ["Z", "app", "app/fleet.yaml", "app/templates", "app/templates/a.yaml", "app/to-file", "out", "\u00e4"]


def test_read_returns_the_bytes_of_a_file(folder: Path) -> None:
    assert FolderTree(folder).read("app/templates/a.yaml") == b"a: 1\n"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "app",
        "none",
        "app/none",
        "Z/below",
        "../outside/secret",
        "out/secret",
        "app/../Z",
        "/etc/hostname",
        "app//fleet.yaml",
        "app/to-file",
    ],
)
def test_what_is_no_file_of_the_folder_is_not_found(folder: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        FolderTree(folder).read(path)


@pytest.mark.parametrize("path", ["none", "Z", "out", "..", "app/..", "/", "app/to-file"])
def test_what_is_no_folder_has_no_entries(folder: Path, path: str) -> None:
    assert FolderTree(folder).entries(path) == ()


def test_a_link_is_told_and_not_followed(folder: Path) -> None:
    tree = FolderTree(folder)
    assert (tree.link("out"), tree.link("app/to-file")) == ("../outside", "fleet.yaml")
    with pytest.raises(FileNotFoundError):
        tree.link("app/fleet.yaml")


def test_a_root_that_is_itself_a_link_is_opened(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    assert FolderTree(tmp_path / "alias").read("Z") == b"z"


def test_a_file_over_the_limit_is_refused_with_both_sizes(folder: Path) -> None:
    (folder / "big").write_bytes(b"x" * 11)
    tree = FolderTree(folder, max_file_size=10)
    assert tree.read("Z") == b"z"
    with pytest.raises(Invalid, match="big: the file has 11 bytes, more than the 10 allowed"):
        tree.read("big")


def test_pipes_are_not_listed_and_reading_one_does_not_hang(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    tree = FolderTree(folder)
    assert "pipe" not in [entry.name for entry in tree.entries("")]
    with pytest.raises(FileNotFoundError):
        tree.read("pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything: run as another user")
def test_a_file_without_permission_is_unavailable_and_named(folder: Path) -> None:
    (folder / "Z").chmod(0)
    with pytest.raises(Unavailable, match="Z: can't be read: Permission denied"):
        FolderTree(folder).read("Z")


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="no such folder"):
        FolderTree(tmp_path / "none")


def test_added_files_show_up_and_the_folder_on_disk_stays_as_it_was(folder: Path) -> None:
    tree = FolderTree(folder)
    tree.write("app/charts/dep/Chart.yaml", b"name: dep\n")
    tree.write("Z", b"changed")
    assert tree.read("app/charts/dep/Chart.yaml") == b"name: dep\n"
    assert Entry("charts", EntryType.FOLDER) in tree.entries("app")
    assert tree.entries("app/charts/dep") == (Entry("Chart.yaml", EntryType.FILE, 10),)
    assert tree.read("Z") == b"changed"
    assert (folder / "Z").read_bytes() == b"z"
    assert not (folder / "app" / "charts").exists()


@pytest.mark.parametrize("path", ["", "../x", "/x", "a/../../x", "a//b"])
def test_a_file_can_not_be_added_outside_the_tree(folder: Path, path: str) -> None:
    with pytest.raises(ValueError, match="is not a path in the tree"):
        FolderTree(folder).write(path, b"")
