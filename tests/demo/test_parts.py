"""Parts of the stack: nothing of a stopped one is left behind, and a signal to the terminal reaches none of them."""

import fcntl
import os
import signal
import sys
import time

import pytest

from fhir_svc.demo import parts
from fhir_svc.demo.parts import Part

# a process and its child: the child holds a lock for as long as it lives, and does not listen to SIGTERM
FAMILY = """
import fcntl, os, signal, sys, time
top_listens = sys.argv[2] == "True"
def note(*_):
    print("asked", flush=True)
    sys.exit(0) if top_listens else None
ready, done = os.pipe()
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    fcntl.flock(os.open(sys.argv[1], os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX)
    os.write(done, b"x")
    time.sleep(600)
signal.signal(signal.SIGTERM, note)
os.read(ready, 1)
print("started", flush=True)
while True:
    time.sleep(600)
"""


def until(found):
    deadline = time.monotonic() + 30
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def free(path):
    handle = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(handle)
    return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(parts, "STOP_WITHIN", 0.3)


@pytest.fixture
def family(tmp_path):
    """Start a part whose child holds a lock; gives the part and the path of the lock."""
    begun = []

    def start(*, listens):
        lock = tmp_path / "child.lock"
        command = [sys.executable, "-c", FAMILY, str(lock), str(listens)]
        part = Part("family", command, dict(os.environ), tmp_path / "family.log")
        part.start()
        begun.append(part)
        until(lambda: "started" in part.tail())
        assert not free(lock)
        return part, lock

    yield start
    for part in begun:
        part.stop()


def test_a_signal_to_the_group_of_the_terminal_reaches_no_part(family):
    part, _ = family(listens=True)
    assert os.getpgid(part.pid) != os.getpgid(0)
    assert os.getsid(part.pid) != os.getsid(0)


@pytest.mark.parametrize("listens", [True, False])
def test_what_does_not_stop_in_time_is_ended_with_its_children(family, listens):
    part, lock = family(listens=listens)
    part.stop()
    assert not part.alive
    until(lambda: free(lock))


def test_a_part_is_asked_to_stop_only_once(family):
    part, _ = family(listens=False)
    part.ask_to_stop()
    until(lambda: "asked" in part.tail())
    part.stop()
    assert part.tail().count("asked") == 1


def test_what_a_dead_part_left_is_ended_before_it_is_started_again(family, monkeypatch):
    monkeypatch.setattr(parts, "SOONEST_RESTART", 0.0)
    part, lock = family(listens=True)
    os.kill(part.pid, signal.SIGKILL)
    part.pause = 0.0
    until(lambda: not part.alive)
    part.command = [sys.executable, "-c", "pass"]
    until(lambda: part.revive() or part.restarts)
    until(lambda: free(lock))
    part.stop()


def test_a_part_can_be_stopped_before_it_was_started_and_twice(family, tmp_path):
    Part("never", ["false"], {}, tmp_path / "never.log").stop()
    part, lock = family(listens=True)
    part.stop()
    part.stop()
    until(lambda: free(lock))
