"""Breaking off a demonstration, by Ctrl-C or by any other signal that ends: what was started is stopped in order."""

from __future__ import annotations

import signal
from types import FrameType

from fhir_svc.demo.stack import Stack


class BrokenOff(BaseException):
    """Somebody does not want to see the end."""


class Signals:
    """Listens to those who break it off. It raises within its block alone: starting and stopping are not torn apart."""

    def __init__(self, stack: Stack) -> None:
        self.first = 0
        self._stack = stack
        self._playing = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, self._hear)

    def __enter__(self) -> None:
        self._playing = True
        if self.first:
            raise BrokenOff

    def __exit__(self, *_error: object) -> None:
        self._playing = False

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.first = self.first or number
        self._stack.leaving = True
        if self._playing:
            self._playing = False
            raise BrokenOff
