"""A worker's name: the same again after a restart, never the same for two that live. And who of this host is dead.

A lock file per name tells. The pool's processes inherit it, so that a name is free again only when the last process of
its worker is gone: then what it held can safely be given back. Each process that holds leases has a lock file of its
own besides, under its process id: the system opens that lock when the process ends, in whatever way.

Who ends in good order removes its own sign. The files of names stay: they are few, and if one were removed while
somebody waits at it, two could have the same name.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST = 1000
_LONG_AGO = 3600.0  # seconds, longer than any lease
_OF_PROCESS = "#"  # stands between a worker's name and the id of one of its processes
_signed_in = 0  # the id of the process that signed in; forked children inherit it, and it is not theirs


@contextmanager
def take_name(lane: str) -> Iterator[str]:
    """Take the first free name of a lane on this host, for as long as this process and its children live."""
    host = socket.gethostname()
    for number in range(_MOST):
        handle = os.open(_file(f"{lane}-{number}"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        try:
            yield f"{lane}-{number}@{host}"
            sign_out()  # a worker without a pool signed in itself; whoever takes its name is given what it still held
        finally:
            os.close(handle)
        return
    raise RuntimeError("no free worker name on this host")


def sign_in(name: str) -> str:
    """Say that this process of a worker lives, until it ends; gives the name under which it may hold leases."""
    global _signed_in  # noqa: PLW0603  as much of a process as its id
    handle = os.open(_file(str(os.getpid())), os.O_CREAT | os.O_RDWR, 0o600)  # never closed: that would open the lock
    fcntl.flock(handle, fcntl.LOCK_EX)
    _signed_in = os.getpid()
    return f"{name}{_OF_PROCESS}{os.getpid()}"


@contextmanager
def found_dead(holder: str) -> Iterator[bool]:
    """Tell whether a process that signed in is known to be gone; nobody takes its place meanwhile.

    What can't be known (another host, no lock file any more) is not known: there the lease decides.
    """
    name, _, process = holder.rpartition(_OF_PROCESS)
    here = process.isdigit() and name.rpartition("@")[2] == socket.gethostname()
    handle = _take(_file(process)) if here else None
    if handle is None:
        yield False
        return
    try:
        yield True
        _file(process).unlink(missing_ok=True)
    finally:
        os.close(handle)


def sign_out() -> None:
    """Remove the sign of a process that ends and holds nothing; never one that a dead process of the same id left."""
    if _signed_in == os.getpid():
        _file(str(os.getpid())).unlink(missing_ok=True)


def clear() -> None:
    """Remove the signs of those who died so long ago that no lease of theirs can be left."""
    for file in Path(tempfile.gettempdir()).glob(_file("*").name):
        if not file.stem.removeprefix(_file("").stem).isdigit():
            continue
        with suppress(OSError):  # gone meanwhile
            handle = _take(file) if time.time() - file.stat().st_mtime > _LONG_AGO else None
            if handle is not None:
                file.unlink(missing_ok=True)
                os.close(handle)


def _take(file: Path) -> int | None:
    try:
        handle = os.open(file, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _file(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"fhir-svc-{os.getuid()}-{name}.lock"
