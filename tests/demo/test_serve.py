"""`make serve`: refused in one clear line where it can't work, and after Ctrl-C nothing of it is left."""

import os
import re
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import requests

from fhir_svc.demo import premises, stack
from fhir_svc.demo.keys import make_keys
from tests.ports import free_port

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture
def serve(tmp_path, monkeypatch, capsys):
    """Call `make serve` with these settings; gives its exit code and the lines of its complaint."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for name in ("DATA", "PORT", "EHR"):
        monkeypatch.delenv(name, raising=False)

    def run(**settings):
        monkeypatch.setenv("DATA", str(tmp_path / "data"))
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        code = stack.main()
        said = capsys.readouterr()
        assert said.out == ""
        return code, said.err.splitlines()

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("PORT", "65536"),
        ("EHR", "http://10.0.0.1/fhir"),
        ("EHR", "localhost:8090/fhir"),
        ("EHR", "ftp://localhost/fhir"),
        ("EHR", "http://[::1/fhir"),
    ],
)
def test_a_setting_that_can_not_be_meant_is_refused_in_one_line(serve, tmp_path, setting, value):
    code, lines = serve(**{setting: value})
    assert code == 2
    assert len(lines) == 1
    assert f"{setting}= takes" in lines[0]
    assert not (tmp_path / "data").exists()


def test_a_port_in_use_is_refused_in_one_line_and_nothing_is_started(serve, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert serve(PORT=port) == (1, [f"fhir-svc can't start: port {port} is in use: choose another one with PORT="])
    assert not (tmp_path / "data").exists()


def test_a_data_directory_in_use_is_refused_in_one_line_and_stays_as_it_is(serve, tmp_path):
    data = tmp_path / "data"
    handle = premises.take(data)
    code, lines = serve(PORT=free_port())
    assert code == 1
    assert len(lines) == 1
    assert f"another stack is at work in {data}" in lines[0]
    assert [file.name for file in data.iterdir()] == ["stack.lock"]
    os.close(handle)
    os.close(premises.take(data))


def test_a_data_directory_that_can_not_be_one_is_refused_in_one_line(serve, tmp_path):
    (tmp_path / "data").write_text("")
    code, lines = serve(PORT=free_port())
    assert code == 1
    assert len(lines) == 1


def test_the_web_of_somebody_else_is_not_taken_for_our_own(base, tmp_path):
    one = stack.Stack(tmp_path, port=int(base.split(":")[2].split("/")[0]))
    (tmp_path / "keys").mkdir()
    make_keys(tmp_path / "keys")
    assert one._answers(f"{base}/metadata")
    assert not one._is_ours()


def test_after_ctrl_c_in_its_terminal_nothing_of_a_stack_is_left(tmp_path):
    data, port, temporary = tmp_path / "data", free_port(), tmp_path / "tmp"
    temporary.mkdir()
    settings = {name: value for name, value in os.environ.items() if name != "EHR"} | {"PORT": str(port)}
    served = subprocess.Popen(
        [sys.executable, "-m", "fhir_svc.demo.stack"],
        env=settings | {"DATA": str(data), "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with served:
        assert served.stdout.readline() == f"fhir-svc ready: http://127.0.0.1:{port}\n"
        assert requests.get(f"http://127.0.0.1:{port}/readyz", timeout=60).ok
        with pytest.raises(RuntimeError, match="at work"):
            premises.take(data)
        family = psutil.Process(served.pid).children(recursive=True)
        assert len(family) >= 5
        os.killpg(served.pid, signal.SIGINT)
        assert served.wait(90) == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [one for one in alive if one.status() != psutil.STATUS_ZOMBIE] == []
    premises.require_free(port)
    os.close(premises.take(data))
    left = [path.name for path in temporary.iterdir()]
    assert not [name for name in left if re.fullmatch(r"fhir-svc-(\d+-\d+\.lock|metrics-.*)", name)]


def test_a_stack_that_is_told_to_stop_while_it_starts_stops(tmp_path):
    one = stack.Stack(tmp_path / "data", port=free_port())
    one.leaving = True
    one.start()
    one.stop()
    assert not any(part.alive for part in one.parts.values())
    assert not (tmp_path / "data" / "serve.json").exists()
