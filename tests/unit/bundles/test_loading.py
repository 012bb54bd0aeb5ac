"""Which files a bundle carries, and how (fleet-semantics.md 2.5)."""

from __future__ import annotations

import gzip
import os
from base64 import b64decode
from pathlib import Path

import pytest

from extension.bundles import Scan, read
from extension.bundles.loading import Limits
from extension.objects.content import unpack
from extension.sources.folder import FolderTree
from tests.unit.bundles.apply import CHART, CM, Shelf, apply, only, refusal, resources


def test_hidden_files_and_folders_are_left_out() -> None:
    tree = {"a/x.yaml": CM, "a/.x.yaml": CM, "a/.h/x.yaml": CM, "a/b/.c/d/x.yaml": CM, "a/b/x": "1", "a/.helmignore": "x"}
    assert resources(only(tree)) == ["b/x", "x.yaml"]


def test_files_stand_in_the_order_of_their_bytes() -> None:
    names = ["B.yaml", "a-b.yaml", "a.yaml", "a/z.yaml", "a0.yaml", "\xe9.yaml", "\U0001f680.yaml"]
    assert resources(only({f"a/{name}": CM for name in reversed(names)})) == names


def test_a_file_that_is_no_text_is_packed_and_the_others_are_not() -> None:
    bundle = only({"a/x.yaml": CM, "a/logo.bin": b"\xff\x00"})
    packed, plain = bundle.spec.resources
    assert (packed.encoding, unpack(packed), plain.encoding, plain.content) == ("base64+gz", b"\xff\x00", "", CM)
    assert gzip.decompress(b64decode(packed.content)) == b"\xff\x00"


LONG = "".join(f"key{number}: {number * 7919}\n" for number in range(60_000))


def test_a_bundle_of_a_megabyte_is_packed_whole() -> None:
    small = only({"a/x.yaml": CM, "a/y.yaml": LONG[:900_000]})
    large = only({"a/x.yaml": CM, "a/y.yaml": LONG[:999_999]})
    assert [{r.encoding for r in b.spec.resources} for b in (small, large)] == [{""}, {"base64+gz"}]
    assert [unpack(r).decode() for r in large.spec.resources] == [CM, LONG[:999_999]]


MEASURED = (
    '{"metadata":{"name":"demo-a"%s},"spec":{%s"resources":[{"name":"x.yaml","content":""}],'
    '"targets":[{"name":"default","clusterGroup":"default"}]},'
    '"status":{"summary":{"ready":0,"desiredReady":0},"unavailable":0,"unavailablePartitions":0,'
    '"maxUnavailable":0,"maxUnavailablePartitions":0,"display":{},"observedGeneration":0}}'
)


@pytest.mark.parametrize(
    ("options", "metadata", "spec"),
    [("", "", ""), ("namespace: ns", ',"namespace":"ns"', '"namespace":"ns",')],
    ids=["bare", "with a namespace, which is metadata too"],
)
def test_the_size_is_that_of_the_json_without_the_workspace_and_with_an_empty_status(options: str, metadata: str, spec: str) -> None:
    room = 1_000_000 - len(MEASURED % (metadata, spec))
    found = [only({"a/fleet.yaml": options, "a/x.yaml": "x" * size}, namespace="fleet-default") for size in (room - 1, room)]
    assert [bundle.spec.resources[0].encoding for bundle in found] == ["", "base64+gz"]


def test_values_count_for_the_size_of_a_bundle() -> None:
    bundle = only({"a/fleet.yaml": f"helm: {{values: {{k: {'x' * 1_000_000}}}}}", "a/x.yaml": CM})
    assert bundle.spec.resources[0].encoding == "base64+gz"


def test_compression_can_be_asked_for() -> None:
    assert only({"a/x.yaml": CM}, compress=True).spec.resources[0].encoding == "base64+gz"


@pytest.mark.parametrize(
    ("link", "target", "expected"),
    [
        pytest.param("a/l.yaml", "x.yaml", {"l.yaml": CM}, id="to a file beside it"),
        pytest.param("a/l.yaml", "./d/../d/y.yaml", {"l.yaml": "y"}, id="cleaned"),
        pytest.param("a/d/l.yaml", "../x.yaml", {"d/l.yaml": CM}, id="upwards inside"),
        pytest.param("a/d/l.yaml", "../../a/x.yaml", {"d/l.yaml": CM}, id="out and in again"),
        pytest.param("a/l", "d", {}, id="to a folder: left out"),
    ],
)
def test_a_link_inside_the_bundle_is_followed(link: str, target: str, expected: dict[str, str]) -> None:
    bundle = only({"a/x.yaml": CM, "a/d/y.yaml": "y"}, {link: target})
    assert {r.name: r.content for r in bundle.spec.resources} == {"x.yaml": CM, "d/y.yaml": "y", **expected}


def test_a_link_may_lead_over_others() -> None:
    bundle = only({"a/d/x.yaml": CM}, {"a/one.yaml": "two.yaml", "a/two.yaml": "e/x.yaml", "a/e": "d"})
    assert resources(bundle) == ["d/x.yaml", "one.yaml", "two.yaml"]


@pytest.mark.parametrize(
    ("links", "words"),
    [
        pytest.param({"a/l.yaml": "../b/x.yaml"}, "escapes bundle directory", id="to another folder"),
        pytest.param({"a/l.yaml": "../../x"}, "escapes bundle directory", id="out of the repository"),
        pytest.param({"a/l.yaml": "/etc/passwd"}, "escapes bundle directory", id="absolute"),
        pytest.param({"a/l.yaml": "../ab/x.yaml"}, "escapes bundle directory", id="to a folder whose name begins alike"),
        pytest.param({"a/l.yaml": "m.yaml", "a/m.yaml": "l.yaml"}, "too many links", id="in a circle"),
        pytest.param({"a/l.yaml": "none.yaml"}, "points to nothing", id="to nothing"),
    ],
)
def test_a_link_that_leads_elsewhere_refuses_the_bundle(links: dict[str, str], words: str) -> None:
    message = refusal({"a/x.yaml": CM, "b/x.yaml": CM, "ab/x.yaml": CM}, links)
    assert words in message
    assert "a/" in message


def test_a_hidden_link_is_not_looked_at() -> None:
    assert resources(only({"a/x.yaml": CM, "a/.fleetignore": "l*"}, {"a/.l": "/etc/passwd", "a/l.yaml": "/etc/shadow"})) == ["x.yaml"]


@pytest.mark.parametrize(
    ("limits", "words"),
    [(Limits(files=2), "more than 2 files"), (Limits(file=5), "are too much"), (Limits(total=30), "are too much")],
)
def test_more_than_the_limits_is_refused_before_it_is_read(limits: Limits, words: str) -> None:
    message = refusal({"a/1.yaml": "0123", "a/2.yaml": "0123456789", "a/3.yaml": "0" * 30}, limits=limits)
    assert words in message
    assert ".fleetignore" in message


def test_what_is_ignored_does_not_count_for_the_limits() -> None:
    assert resources(only({"a/.fleetignore": "*.bin", "a/x.bin": "0" * 99, "a/x.yaml": "0"}, limits=Limits(file=9))) == ["x.yaml"]


def test_dependencies_are_updated_of_every_chart_in_the_tree_that_declares_some() -> None:
    depending = CHART + "dependencies: [{name: d, version: 1.0.0}]\n"
    tree = {
        "a/Chart.yaml": CHART,
        "a/one/Chart.yaml": depending,
        "a/.hidden/Chart.yaml": depending,
        "a/old/Chart.yaml": CHART,
        "a/old/requirements.yaml": "dependencies: [{name: d}]",
    }
    shelf = Shelf(updates={"a/one": {"charts/d.tgz": b"\xff", "Chart.lock": b"l"}})
    assert [name for name in resources(only(tree, charts=shelf)) if name.startswith("one/")] == [
        "one/Chart.lock",
        "one/Chart.yaml",
        "one/charts/d.tgz",
    ]
    assert shelf.asked == ["update a/.hidden", "update a/old", "update a/one"]


def test_dependencies_are_left_alone_when_the_root_says_so() -> None:
    shelf = Shelf()
    tree = {"a/Chart.yaml": CHART + "dependencies: [{name: d}]\n", "a/fleet.yaml": "helm: {disableDependencyUpdate: true}"}
    assert resources(only(tree, charts=shelf)) == ["Chart.yaml"]
    targets = "targetCustomizations: [{helm: {disableDependencyUpdate: true}}]"
    only({**tree, "a/fleet.yaml": targets}, charts=shelf)
    assert shelf.asked == ["update a"]


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    """The name is hashed as the bytes it is, and written as Go's JSON writes it."""
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102  a Path has no bytes
    for name in (b"fleet.yaml", b"\xff.yaml", b"\xc3\xa9.yaml"):
        with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123
            file.write(b"{}")
    [bundle] = read(FolderTree(tmp_path), Scan(name="demo"), Shelf()).bundles
    assert bundle.metadata.name == "demo-caf-75d07150"
    assert resources(bundle) == ["\xe9.yaml", "\ufffd.yaml"]


def test_an_error_about_such_a_name_can_be_written(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml")).symlink_to("/etc/passwd")
    [failure] = read(FolderTree(tmp_path), Scan(name="demo"), Shelf()).failures
    assert str(failure.error).encode().startswith(b"?.yaml: symlink target escapes")


def test_only_one_failure_does_not_hide_the_healthy() -> None:
    found = apply({"a/x.yaml": CM, "a/bad/fleet.yaml": "[", "a/bad/x.yaml": CM})
    assert ([b.metadata.name for b in found.bundles], [f.path for f in found.failures]) == (["demo-a"], ["a/bad"])
