"""An agent that lives in a thread, with a hub and a cluster in memory."""

from __future__ import annotations

import threading

from extension.agent.program import Program, Registering
from tests.fakes.delivery import MemoryDelivery
from tests.fakes.waiting import wait_for
from tests.unit.agent.hub import MemoryHub, MemoryKeep


class Living:
    """An agent that lives in a thread; its clock stands still but for `pass_`."""

    def __init__(self, keep=None, hub=None):
        self.hub, self.keep, self.now, self.day = hub or MemoryHub(), keep or MemoryKeep(), 0.0, 0
        self.deliveries: list[MemoryDelivery] = []
        self.secret = "secret"
        self.error = None
        self.program = Program(
            self.hub,
            self.keep,
            Registering(lambda: self.secret, labels={"env": "prod"}),
            self._open,
            drift_interval=15.0,
            key_days=30.0,
            today=lambda: self.day * 86400.0,
            clock=lambda: self.now,
            wait=lambda event, _seconds: event.wait(0.01),
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _open(self):
        self.deliveries.append(MemoryDelivery())
        if len(self.deliveries) > 1:
            self.deliveries[-1].deployed = self.deliveries[-2].deployed
        return self.deliveries[-1]

    def _run(self):
        try:
            self.program.run()
        except Exception as error:
            self.error = error

    @property
    def delivery(self):
        return self.deliveries[-1]

    def start(self):
        self._thread.start()
        return self

    def pass_(self, seconds):
        self.now += seconds

    def until(self, check):
        """Time passes until the agent has asked again, and this is so."""

        def passed():
            self.now += 2000.0
            threading.Event().wait(0.05)
            return check()

        wait_for(passed)

    def stop(self):
        self.program.stop()
        self._thread.join(10)
