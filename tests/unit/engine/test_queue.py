"""The keyed queue: serial per key, coalescing, backing off."""

from __future__ import annotations

import threading
import time

from extension.engine.queue import Queue
from extension.objects.errors import Invalid


def wait_for(check, timeout=5.0):
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_a_key_is_never_worked_on_by_two_threads_at_once_and_wishes_meanwhile_make_one_more_pass():
    running, worst, calls = 0, 0, 0
    gate = threading.Event()
    lock = threading.Lock()

    def handler(_key):
        nonlocal running, worst, calls
        with lock:
            running, calls = running + 1, calls + 1
            worst = max(worst, running)
        gate.wait(5)
        with lock:
            running -= 1

    queue = Queue("t", handler, workers=4)
    queue.start()
    queue.add("a")
    wait_for(lambda: calls == 1)
    for _ in range(50):
        queue.add("a")
    gate.set()
    wait_for(lambda: calls == 2)
    wait_for(queue.idle)
    queue.stop()
    assert (calls, worst) == (2, 1)


def test_different_keys_are_worked_on_at_the_same_time():
    barrier = threading.Barrier(2, timeout=5)
    done = []

    def handler(key):
        barrier.wait()
        done.append(key)

    queue = Queue("t", handler, workers=2)
    queue.start()
    queue.add("a")
    queue.add("b")
    wait_for(lambda: len(done) == 2)
    queue.stop()
    assert sorted(done) == ["a", "b"]


def test_a_returned_delay_and_an_earlier_wish_while_running_keep_the_earlier_time():
    times = []
    started, go_on = threading.Event(), threading.Event()

    def handler(_key):
        times.append(time.monotonic())
        if len(times) == 1:
            started.set()
            go_on.wait(5)
            return 60.0
        return None

    queue = Queue("t", handler, workers=2)
    queue.start()
    queue.add("a")
    started.wait(5)
    queue.add("a")
    go_on.set()
    wait_for(lambda: len(times) == 2)
    queue.stop()
    assert times[1] - times[0] < 5


def test_a_failing_key_is_retried_and_does_not_hold_up_the_others():
    calls = {"bad": 0, "good": 0}

    def handler(key):
        calls[key] += 1
        if key == "bad" and calls[key] < 3:
            raise Invalid("no") if calls[key] == 1 else RuntimeError("no")

    queue = Queue("t", handler, workers=1)
    queue.start()
    queue.add("bad")
    queue.add("good")
    wait_for(lambda: calls["good"] == 1)
    wait_for(lambda: calls["bad"] == 3, timeout=10)
    queue.stop()
    assert calls == {"bad": 3, "good": 1}


def test_a_wish_for_later_is_not_worked_on_before_and_a_sooner_one_overtakes_it():
    calls = []
    queue = Queue("t", calls.append, workers=1)
    queue.start()
    queue.add("a", after=30)
    time.sleep(0.05)
    assert calls == []
    queue.add("a")
    wait_for(lambda: calls == ["a"])
    queue.forget("a")
    queue.stop()
    assert calls == ["a"]


def test_stopping_lets_what_runs_end_and_starts_nothing_new():
    started, ended = [], []
    go_on = threading.Event()

    def handler(key):
        started.append(key)
        go_on.wait(5)
        ended.append(key)

    queue = Queue("t", handler, workers=1)
    queue.start()
    queue.add("a")
    wait_for(lambda: started == ["a"])
    queue.add("b")
    threading.Timer(0.02, go_on.set).start()
    queue.stop()
    assert (started, ended) == (["a"], ["a"])


def test_a_wish_that_is_forgotten_is_not_worked_on():
    calls = []
    queue = Queue("t", calls.append, workers=1)
    queue.add("a")
    queue.add("b")
    queue.forget("a")
    assert not queue.idle()
    queue.start()
    wait_for(queue.idle)
    queue.stop()
    assert calls == ["b"]


def test_wishes_that_come_apart_are_worked_on_at_once_first_and_then_no_sooner_than_they_may_be():
    now, done = [0.0], []
    queue = Queue("t", done.append, workers=0, clock=lambda: now[0])

    def worked() -> list[str]:
        """What is due is worked on, as by a thread of the queue."""
        done.clear()
        while queue._heap and queue._due.get(queue._heap[0][2], now[0] + 1) <= now[0]:
            key = queue._take()
            done.append(key)
            queue._done(key, None)
        return list(done)

    queue.add_apart("a", 10.0)
    assert worked() == ["a"]
    now[0] = 4.0
    queue.add_apart("a", 10.0)
    queue.add_apart("b", 10.0)
    assert worked() == ["b"]
    now[0] = 9.0
    queue.add_apart("a", 10.0)
    assert worked() == []
    now[0] = 10.0
    assert worked() == ["a"]
    now[0] = 11.0
    queue.add_apart("a", 10.0)
    queue.add("a")
    assert worked() == ["a"]
    now[0] = 30.0
    queue.add_apart("a", 10.0)
    assert queue._take() == "a"
    queue.add_apart("a", 10.0)
    queue._done("a", None)
    assert worked() == []
    now[0] = 40.0
    assert worked() == ["a"]
