"""What must be so before a stack starts: settings that can be meant, a free port, a data directory nobody else uses."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from fhir_svc.loopback import LOOPBACK

_LAST_PORT = 65_535


def port_of(text: str) -> int:
    """The port that PORT= names, 0 for any free one; ValueError for what is none."""
    if not text.isdecimal() or int(text) > _LAST_PORT:
        raise ValueError(f"PORT= takes a number up to {_LAST_PORT}, not {text!r}")
    return int(text)


def require_here(ehr: str) -> None:
    """ValueError unless it is the address of a FHIR server on this machine."""
    try:
        parts = urlsplit(ehr)
        here = parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK
    except ValueError:  # brackets that don't close
        here = False
    if not here:
        raise ValueError(
            "EHR= takes the address of a FHIR server on this machine, like http://127.0.0.1:8090/fhir: "
            "demonstration rows never leave it"
        )


def require_free(port: int) -> None:
    """RuntimeError when that port of loopback can't be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have just ended don't count
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as refused:
            why = "is in use" if refused.errno == errno.EADDRINUSE else f"can't be used ({refused.strerror})"
            raise RuntimeError(f"port {port} {why}: choose another one with PORT=") from None


def take(data: Path) -> int:
    """Make the directory and lock it for as long as the handle is open or this process lives; RuntimeError if taken."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data / "stack.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise RuntimeError(f"another stack is at work in {data}: stop it, or choose another one with DATA=") from None
    return handle
