"""Names of workers and signs of life of their processes: who is dead is known, who may live is left alone."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import timedelta

import pytest

from fhir_svc.store import work
from tests.workers.test_chain import REPO
from workers import slots, watchdog

NAME = f"test-lane-0@{socket.gethostname()}"


@pytest.fixture
def process():
    """A process of a worker that signed in, and the name under which it holds leases."""
    says = f"from workers.slots import sign_in; print(sign_in({NAME!r}), flush=True); input()"
    started = subprocess.Popen(
        [sys.executable, "-c", says], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield started, started.stdout.readline().strip()
    started.kill()
    started.wait()
    started.stdin.close()
    started.stdout.close()


def dead(holder):
    with slots.found_dead(holder) as found:
        return found


def kill(process):
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_process_is_dead_from_the_moment_that_it_was_killed(process):
    started, holder = process
    assert holder.startswith(f"{NAME}#")
    assert not dead(holder)
    kill(started)
    assert dead(holder)


@pytest.mark.parametrize("doubtful", ["{name}", "lane-0@another-host#{pid}", "{name}#1", "{name}#", "", "#"])
def test_who_can_not_be_known_to_be_dead_is_not(process, doubtful):
    started, _ = process
    kill(started)
    assert not dead(doubtful.format(name=NAME, pid=started.pid))


def test_what_a_killed_process_held_is_due_again_and_what_the_living_hold_is_not(store, equipment, process):
    started, holder = process
    row, others = store.submit("g1", "p1"), [store.submit("g2", "p2"), store.submit("g3", "p3")]
    hour = timedelta(hours=1)
    with store.database.transaction() as tx:
        work.claim(tx, row, worker=holder, lease=hour)
        work.claim(tx, others[0], worker="lane-0@another-host#1", lease=hour)
        work.claim(tx, others[1], worker=NAME, lease=hour)
    watchdog.bury(equipment)
    assert store.counts() == {("evaluate", "leased"): 3}
    kill(started)
    watchdog.bury(equipment)
    assert store.counts() == {("evaluate", "leased"): 2, ("evaluate", "due"): 1}
    with store.database.transaction() as tx:
        assert [one[0] for one in work.due(tx, 10)] == [row]


def test_signs_of_the_long_dead_are_removed_and_all_others_stay(process, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = slots.sign_in(NAME).rpartition("#")[2]
    for name in (living, "1", "2", "notify-3"):
        slots._file(name).touch()
        os.utime(slots._file(name), (0, 0))
    slots._file("2").touch()
    slots.clear()
    assert sorted(file.name for file in tmp_path.glob("*")) == sorted(
        slots._file(name).name for name in (living, "2", "notify-3")
    )


def test_a_worker_whose_own_process_does_the_work_leaves_no_sign_when_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with slots.take_name("test-lane") as name:
        holder = slots.sign_in(name)
        assert slots._file(holder.rpartition("#")[2]).exists()
    assert not slots._file(holder.rpartition("#")[2]).exists()


def test_the_sign_of_a_worker_that_fails_stays_so_that_it_is_known_to_be_dead(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with suppress(RuntimeError), slots.take_name("test-lane") as name:
        slots.sign_in(name)
        raise RuntimeError
    assert slots._file(str(os.getpid())).exists()


def test_nobody_removes_the_sign_of_a_dead_process_whose_id_he_was_given(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(slots, "_signed_in", 0)
    slots._file(str(os.getpid())).touch()
    with slots.take_name("test-lane"):
        pass
    slots.sign_out()
    assert dead(f"{NAME}#{os.getpid()}")
