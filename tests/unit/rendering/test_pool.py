"""The pool with real processes; each test has its own, with limits small enough to be met."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.objects.kinds import BundleResource
from extension.objects.options import BundleDeploymentOptions
from extension.rendering import operations
from extension.rendering.gotemplate import GoTemplates
from extension.rendering.helm import NativeHelm
from extension.rendering.kustomize import Kubectl
from extension.rendering.pool import Pool
from extension.rendering.render import Input, render
from tests.fakes.waiting import wait_for

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}}\n"
BOMB = '{{ $x := list }}{{ range until 4000 }}{{ $x = append $x (repeat 1000000 "x") }}{{ end }}'
LOOP = "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}"


@pytest.fixture
def make() -> Iterator[Callable[..., Pool]]:
    made: list[Pool] = []

    def make(**limits: object) -> Pool:
        made.append(Pool(**limits))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def _chart(template: str, name: str = "demo") -> Input:
    files = {"Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n", "templates/a.yaml": template}
    return Input(name, BundleDeploymentOptions(), tuple(BundleResource(name=path, content=text) for path, text in files.items()))


def _plain(name: str) -> Input:
    return Input(
        name, BundleDeploymentOptions(), (BundleResource(name="a.yaml", content=f"apiVersion: v1\nkind: A\nmetadata: {{name: {name}}}"),)
    )


def test_the_pool_renders_what_this_process_would(make: Callable[..., Pool]) -> None:
    given = _chart(GOOD)
    assert make().render(given) == render(given, NativeHelm(), Kubectl())


def test_a_plain_bundle_starts_no_process_and_a_chart_does(make: Callable[..., Pool]) -> None:
    pool = make()
    for number in range(100):
        assert pool.render(_plain(f"b{number}")).objects[0]["metadata"]["name"] == f"b{number}"
    assert pool.pid is None
    pool.render(_chart(GOOD))
    assert pool.pid is not None


def test_threads_share_a_process_and_get_their_own_answers(make: Callable[..., Pool]) -> None:
    pool = make(threads=3)
    names = [f"n{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda name: pool.render(_chart(GOOD, name)).objects[0]["metadata"]["name"], names))
    assert found == names


def test_templates_are_evaluated_in_the_process(make: Callable[..., Pool]) -> None:
    templates = GoTemplates(make().evaluate)
    assert templates.evaluate("${ .a | upper }", {"a": "x"}) == "X"
    with pytest.raises(Invalid, match=r'template: values:1: .*no entry for key "b"'):
        templates.evaluate("${ .b }", {})


def test_helms_other_work_is_done_in_the_process(make: Callable[..., Pool], tmp_path: Path) -> None:
    helm = make().helm
    assert helm.satisfying("1.x", ("1.0.0", "2.0.0")) == ("1.0.0",)
    with pytest.raises(Invalid, match=r"there is no Chart\.yaml"):
        helm.update_dependencies(str(tmp_path))


def test_a_memory_bomb_ends_its_own_rendering_only(make: Callable[..., Pool]) -> None:
    pool = make(memory=400 << 20)
    results: list[str] = []

    def others() -> None:
        for number in range(8):
            results.append(pool.render(_chart(GOOD, f"n{number}")).objects[0]["metadata"]["name"])
            time.sleep(0.1)

    thread = threading.Thread(target=others)
    thread.start()
    with pytest.raises(Invalid, match="out of memory"):
        pool.render(_chart(BOMB))
    thread.join()
    assert results == [f"n{number}" for number in range(8)]


def test_a_loop_ends_at_the_time_limit_and_the_next_rendering_works(make: Callable[..., Pool]) -> None:
    pool = make(timeout=1.5)
    with pytest.raises(Invalid, match=r"did not end within 1\.5 s"):
        pool.render(_chart(LOOP))
    assert pool.render(_chart(GOOD)).objects


def test_a_rendering_beside_a_loop_is_done_again(make: Callable[..., Pool]) -> None:
    pool = make(timeout=3, threads=2)
    with ThreadPoolExecutor(2) as threads:
        loop = threads.submit(pool.render, _chart(LOOP))
        time.sleep(1.5)
        slow = threads.submit(pool.render, _chart('{{ range until 3000 }}{{ $_ := repeat 100000 "x" | sha256sum }}{{ end }}' + GOOD))
        assert slow.result(30).objects
        with pytest.raises(Invalid, match="did not end"):
            loop.result()


def test_a_result_over_the_limit_is_refused(make: Callable[..., Pool]) -> None:
    with pytest.raises(Invalid, match="more than 100000"):
        make(max_reply=100_000).render(_chart('{{ repeat 200000 "x" }}'))


def test_an_idle_process_is_given_back_and_comes_again(make: Callable[..., Pool]) -> None:
    pool = make(idle=0.3)
    pool.render(_chart(GOOD))
    first = pool.pid
    deadline = time.monotonic() + 10
    while pool.pid is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pool.pid is None
    pool.render(_chart(GOOD))
    assert pool.pid not in (None, first)


def test_the_process_has_nothing_of_this_ones_environment(make: Callable[..., Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANCHER_CD_SECRET", "s3cret")
    pool = make(environment={"HTTPS_PROXY": "http://proxy.example.com"})
    pool.render(_chart(GOOD))
    environment = Path(f"/proc/{pool.pid}/environ").read_bytes()
    assert b"s3cret" not in environment
    assert b"HTTPS_PROXY=http://proxy.example.com" in environment


def test_an_operation_that_is_not_offered_is_refused(make: Callable[..., Pool]) -> None:
    for name in ("operations.nope", "os.system", "nope"):
        with pytest.raises(Invalid, match="no operation"):
            make().call(name, b"")


def test_what_may_not_be_repeated_is_not(make: Callable[..., Pool]) -> None:

    bomb = msgspec.msgpack.encode(operations.Evaluation(BOMB, {}, "v"))
    with pytest.raises(Unavailable, match=r"operations\.evaluate ended"):
        make(memory=400 << 20).call("operations.evaluate", bomb, repeat=False)


def test_a_fault_of_the_renderer_is_no_one_elses_and_says_no_content(make: Callable[..., Pool]) -> None:
    pool = make()
    with pytest.raises(Unavailable, match="the renderer failed with ValidationError") as error:
        pool.call("operations.evaluate", b"s3cret")
    assert "s3cret" not in str(error.value)
    assert pool.render(_chart(GOOD)).objects


def test_a_closed_pool_refuses(make: Callable[..., Pool]) -> None:
    pool = make()
    pool.render(_chart(GOOD))
    pool.close()
    assert pool.pid is None
    with pytest.raises(Unavailable, match="stopping"):
        pool.render(_chart(GOOD))
    assert pool.render(_plain("still")).objects


ASKING = """
import sys, threading
from extension.rendering.pool import Pool
from tests.unit.rendering.test_pool import LOOP, _chart

pool = Pool()
threading.Thread(target=pool.render, args=(_chart(LOOP),), daemon=True).start()
while pool.pid is None:
    pass
print(pool.pid, flush=True)
sys.stdin.read()
"""


def test_what_is_asked_for_ends_with_who_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", ASKING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        pid = int(asking.stdout.readline())
        wait_for(lambda: _cpu(pid) > 0.5)
        asking.kill()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")
