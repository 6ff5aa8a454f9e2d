"""The whole chain with real processes, from a row to the copy in the EHR; and what kills do to it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPO = HERE.parent.parent


class Stack:
    """Relay and worker as processes; whatever is killed is started again, as a supervisor would."""

    def __init__(self, environment, folder):
        self._environment = environment
        self._folder = folder
        self.parts = {}

    def start(self, *roles):
        for role in roles or ("relay", "worker"):
            log = (self._folder / f"{role}.log").open("ab")
            command = [sys.executable, str(HERE / "role.py"), role, "2"]
            self.parts[role] = subprocess.Popen(command, env=self._environment, stderr=log, start_new_session=True)
            log.close()

    def kill(self, role):
        os.killpg(self.parts[role].pid, signal.SIGKILL)
        self.parts[role].wait(5)

    def log(self, role):
        return (self._folder / f"{role}.log").read_text()

    def stop(self):
        for part in self.parts.values():
            if part.poll() is None:
                part.terminate()
        for part in self.parts.values():
            try:
                part.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(part.pid, signal.SIGKILL)
                part.wait(5)


@pytest.fixture
def stack(settings, store, valkey, tmp_path, signing_key):
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPO),
        "FHIR_SVC_DATABASE_URL": settings.database_url.get_secret_value(),
        "FHIR_SVC_BROKER_URL": valkey.url,
        "FHIR_SVC_SIGNING_KEY": signing_key,
        "FHIR_SVC_AUDIT_KEY": "k" * 40,
        "TMPDIR": str(tmp_path),  # where workers find out who is alive: other runs of these tests are none of theirs
    }
    running = Stack(environment, tmp_path)
    running.start()
    yield running
    running.stop()


def wait(what, patience=300, *, pause=0.02):
    deadline = time.monotonic() + patience
    while not what():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(pause)


def drained(store):
    return {state for _, state in store.counts()} <= {"done", "quarantined", "discarded"}


def one_copy_each(ehr, many):
    values = [copy["identifier"][0]["value"] for copy in ehr.all("ServiceRequest")]
    assert len(values) == len(set(values)) == many


@pytest.mark.stack
def test_submissions_become_drafts_in_the_ehr_although_everything_is_killed_in_turn(stack, store, ehr, valkey):
    ehr.fault(update_create=False)
    for number in range(40):
        store.submit(f"g{number}", f"p{number}")
        if number % 10 == 5:
            wait(lambda: len(ehr.all("ServiceRequest")) > 0)
            stack.kill("worker")
            stack.start("worker")
        if number % 10 == 7:
            stack.kill("relay")
            stack.start("relay")
        if number == 28:
            valkey.kill()
            valkey.start()
        time.sleep(0.02)
    wait(lambda: drained(store))
    one_copy_each(ehr, 40)
    assert store.counts() == {("evaluate", "done"): 40, ("write_back", "done"): 40}
    assert {one.content["status"] for one in store.all("GuidanceResponse")} == {"success"}


@pytest.mark.stack
def test_poison_is_set_aside_and_the_others_go_on(stack, store, ehr):
    poison = store.submit("poison", "p-poison")
    bug = store.submit("bug", "p-bug")
    for number in range(10):
        store.submit(f"g{number}", f"p{number}")

    def hurry():
        store.ripen()
        return store.quarantined(poison) and store.quarantined(bug) and drained(store)

    def others_are_done():
        return store.counts().get(("write_back", "done"), 0) >= 10

    wait(others_are_done)
    wait(hurry, pause=0.3)
    assert store.quarantined(poison) == "attempts-used-up"
    assert store.quarantined(bug) == "exception-ValueError"
    for failed in ("poison", "bug"):
        assert store.read("GuidanceResponse", failed).content["status"] == "failure"
    assert [task.content["priority"] for task in store.all("Task")] == ["asap", "asap"]
    one_copy_each(ehr, 10)
    assert "SECRET" not in stack.log("worker")


@pytest.mark.stack
def test_sigterm_ends_every_part_cleanly_and_loses_nothing(stack, store, ehr):
    for number in range(20):
        store.submit(f"g{number}", f"p{number}")
    wait(lambda: len(ehr.all("ServiceRequest")) >= 1)
    stack.parts["relay"].terminate()
    assert stack.parts["relay"].wait(300) == 0
    stack.parts["worker"].terminate()
    assert stack.parts["worker"].wait(300) == 0
    stack.start()
    wait(lambda: drained(store))
    one_copy_each(ehr, 20)
