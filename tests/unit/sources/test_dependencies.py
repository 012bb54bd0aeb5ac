"""Which dependencies a chart lacks, and how those over the network are fetched."""

from __future__ import annotations

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.sources.charts import ChartArchive
from extension.sources.dependencies import fetch, missing

REDIS = {"name": "redis", "version": "^1.2", "repository": "https://user:canary@charts.example.com"}


@pytest.mark.parametrize(
    ("held", "lacks"),
    [
        ((), True),
        (("redis",), False),
        (("redis-1.3.0.tgz",), False),
        (("redis-2.0.0.tgz",), True),
        (("redis-ha-1.3.0.tgz",), True),
        (("README.md",), True),
    ],
)
def test_a_dependency_is_there_as_a_folder_or_an_archive_of_a_fitting_version(held: tuple[str, ...], lacks: bool) -> None:
    assert missing({"dependencies": [REDIS]}, held) == ((REDIS,) if lacks else ())


@pytest.mark.parametrize("metadata", [{}, {"dependencies": None}, {"dependencies": []}])
def test_a_chart_without_dependencies_lacks_none(metadata: dict[str, object]) -> None:
    assert missing(metadata, ()) == ()


@pytest.mark.parametrize("declared", ["x", [1], [{}], {"a": "b"}])
def test_what_declares_no_dependencies_is_invalid(declared: object) -> None:
    with pytest.raises(Invalid, match="must be a list"):
        missing({"dependencies": declared}, ())


def test_only_what_lies_over_the_network_is_fetched_under_the_version_found() -> None:
    asked: list[tuple[str, str, str]] = []

    def packed(chart: str, repo: str, version: str) -> ChartArchive:
        asked.append((chart, repo, version))
        return ChartArchive("1.9.0", b"tgz")

    local = {"name": "lib", "version": "1.0.0", "repository": "file://../lib"}
    assert fetch([REDIS, local], packed, "app", "charts/app") == {"charts/redis-1.9.0.tgz": b"tgz"}
    assert asked == [("redis", REDIS["repository"], "^1.2")]


def test_a_failure_names_the_chart_and_the_dependency_without_a_login() -> None:
    def packed(chart: str, repo: str, version: str) -> ChartArchive:
        raise Unavailable("answered 404", hint="")

    with pytest.raises(Unavailable, match=r"app: dependency redis \^1.2 of https://charts.example.com: answered 404") as caught:
        fetch([REDIS], packed, "app", "charts/app")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("repository", ["@stable", "alias:stable"])
def test_a_repository_by_nickname_is_invalid(repository: str) -> None:
    with pytest.raises(Invalid, match="write the repository's URL"):
        fetch([{"name": "x", "version": "1", "repository": repository}], lambda *_: ChartArchive("", b""), "app", "charts/app")
