"""`make demo`: whoever breaks it off is left with nothing of it."""

import os
import signal
import subprocess
import sys

import psutil
import pytest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demonstration_broken_off_while_it_starts_leaves_nothing(tmp_path, number):
    played = subprocess.Popen(
        [sys.executable, "-m", "fhir_svc.demo.play"],
        env=dict(os.environ) | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with played:
        while "Starting" not in played.stdout.readline():
            assert played.poll() is None
        top = psutil.Process(played.pid)
        while not (family := top.children(recursive=True)):
            assert played.poll() is None
        os.killpg(played.pid, number)
        os.killpg(played.pid, number)
        assert played.wait(90) == 128 + number
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    assert list(tmp_path.glob("fhir-svc-demo-*")) == []
