"""Unpacking within limits, and what a chart's URL means."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extension.objects.errors import Invalid
from extension.sources.archive import Limits, kind, unpack
from extension.sources.chart_url import ChartURL, parse_chart_url
from extension.sources.kept import Kept
from tests.integration.sources.archives import tar, tgz

FILES = {"web/Chart.yaml": b"name: web\n", "web/a": b""}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".tgz", tgz(FILES)),
        (".tar.gz", tgz(FILES)),
        (".tar", tar(FILES)),
        (".tar.bz2", bz2.compress(tar(FILES))),
        (".tar.xz", lzma.compress(tar(FILES))),
        (".zip", zipped(FILES)),
    ],
)
def test_every_kind_unpacks_to_the_same_files(suffix: str, data: bytes) -> None:
    assert kind(f"https://x/web-1.0.0{suffix.upper()}") == suffix
    assert unpack(data, suffix, "x") == FILES


@pytest.mark.parametrize(
    ("suffix", "packed"),
    [(".gz", gzip.compress(b"a: 1\n", mtime=0)), (".bz2", bz2.compress(b"a: 1\n")), (".xz", lzma.compress(b"a: 1\n"))],
    ids=["gz", "bz2", "xz"],
)
def test_a_single_packed_file_keeps_its_name(suffix: str, packed: bytes) -> None:
    assert unpack(packed, suffix, "x", name=f"values.yaml{suffix}") == {"values.yaml": b"a: 1\n"}


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", ".."])
def test_a_path_that_leaves_the_archive_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="a path outside of it"):
        unpack(tgz({path: b"x"}), ".tgz", "x")


def test_links_are_refused() -> None:
    with pytest.raises(Invalid, match="'web/link', a link or device"):
        unpack(tgz(FILES, {"web/link": "/etc/passwd"}), ".tgz", "x")


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(file=5), "10 bytes or more, 5 are allowed"),
        (Limits(total=5), "10 bytes or more, 5 are"),
        (Limits(entries=1), "more than 1 files"),
    ],
)
def test_limits_hold(limits: Limits, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        unpack(tgz(FILES), ".tgz", "x", limits=limits)


@pytest.mark.parametrize("suffix", [".tgz", ".zip", ".gz", ".xz"])
def test_a_bomb_is_refused_by_its_ratio(suffix: str) -> None:
    zeros = b"\0" * 60_000_000
    data = {
        ".tgz": lambda: tgz({"a": zeros}),
        ".zip": lambda: zipped({"a": zeros}),
        ".gz": lambda: gzip.compress(zeros),
        ".xz": lambda: lzma.compress(zeros),
    }
    with pytest.raises(Invalid, match="are allowed"):
        unpack(data[suffix](), suffix, "x", name="a", limits=Limits(file=1 << 30, total=1 << 30))


@given(st.binary(max_size=200), st.sampled_from([".tgz", ".tar", ".zip", ".gz", ".bz2", ".xz"]))
def test_any_bytes_are_files_or_invalid(data: bytes, suffix: str) -> None:
    try:
        unpack(data, suffix, "x", name="a")
    except Invalid as error:
        assert error.message


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_broken_archive_is_invalid_or_still_whole(at: int, junk: bytes) -> None:
    data = bytearray(tgz(FILES))
    at %= len(data)
    data[at : at + len(junk)] = junk
    try:
        unpack(bytes(data), ".tgz", "x")
    except Invalid as error:
        assert error.where == "x" or error.where.startswith("x: ")


def test_a_hard_link_is_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo("a")
        info.type, info.linkname = tarfile.LNKTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(Invalid, match="a link or device"):
        unpack(out.getvalue(), ".tgz", "x")


@pytest.mark.parametrize(
    ("chart", "url"),
    [
        ("./chart", ChartURL("local", "./chart")),
        ("git::https://h/r.git", ChartURL("git", "https://h/r.git")),
        ("git::https://h/r.git//a/b?ref=v1", ChartURL("git", "https://h/r.git", "a/b", {"ref": "v1"})),
        ("git::git@h:o/r//a", ChartURL("git", "ssh://git@h/o/r", "a")),
        ("git@h:o/r.git//a", ChartURL("git", "ssh://git@h/o/r.git", "a")),
        ("ssh://git@h/o/r", ChartURL("git", "ssh://git@h/o/r")),
        ("github.com/o/r/a/b", ChartURL("git", "https://github.com/o/r.git", "a/b")),
        ("gitlab.com/o/r.git//a?ref=x", ChartURL("git", "https://gitlab.com/o/r.git", "a", {"ref": "x"})),
        ("https://h/x.tgz//a?checksum=md5:0&token=t", ChartURL("http", "https://h/x.tgz?token=t", "a", {"checksum": "md5:0"})),
        ("http::https://h/x", ChartURL("http", "https://h/x")),
        ("s3::https://h/x", ChartURL("local", "s3::https://h/x")),
        ("name", ChartURL("local", "name")),
    ],
)
def test_a_chart_url_is_read_as_fleet_reads_it(chart: str, url: ChartURL) -> None:
    assert parse_chart_url(chart) == url


def test_what_was_used_last_is_kept_within_the_size() -> None:
    kept: Kept[str, str] = Kept(10)
    for key in "abc":
        kept.put(key, key, 4)
    assert [kept.get(key) for key in "abc"] == [None, "b", "c"]
    kept.put("d", "d", 11)
    assert kept.get("d") is None
    assert kept.get("b") == "b"
    kept.put("e", "e", 4)
    assert [kept.get(key) for key in "bce"] == ["b", None, "e"]
