"""Keeps a few processes running side by side: forks them, starts again what ends, passes SIGTERM on."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from types import FrameType

import structlog

_PAUSE = 0.5  # seconds before a part that ended is started again
log = structlog.get_logger("fhir_svc.workers")


def supervise(parts: Sequence[Callable[[], None]]) -> None:
    """Run each part in a process of its own until SIGTERM or Ctrl-C, then wait for them to end."""
    stopping = False
    running: dict[int, int] = {}

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        for process in running:
            os.kill(process, signal.SIGTERM)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}

    def start(number: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, before)  # a SIGTERM between fork and note would reach nobody
        running[_fork(parts[number], before)] = number
        signal.pthread_sigmask(signal.SIG_UNBLOCK, before)

    for number in range(len(parts)):
        start(number)
    while running:
        process, status = os.wait()
        number = running.pop(process, -1)
        if number < 0 or stopping:
            continue
        log.warning("worker.ended", part=number, status=os.waitstatus_to_exitcode(status))
        time.sleep(_PAUSE)
        if not stopping:
            start(number)
    for signum, handler in before.items():
        signal.signal(signum, handler)


def _fork(part: Callable[[], None], signals: Collection[signal.Signals]) -> int:
    process = os.fork()
    if process:
        return process
    for number in signals:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    code = 1
    try:
        part()
        code = 0
    except BaseException as trouble:  # noqa: BLE001  the child must end here whatever happens, never run on as the parent
        log.error("worker.failed", kind=type(trouble).__name__)  # noqa: TRY400  no text, no traceback
    finally:
        sys.stderr.flush()
        os._exit(code)
