"""A worker's name: the same again after a restart, never the same for two that live.

A lock file per name tells. The pool's processes inherit it, so that a name is free again only when the last process of
its worker is gone: then what it held can safely be given back.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOST = 1000


@contextmanager
def take_name(lane: str) -> Iterator[str]:
    """Take the first free name of a lane on this host, for as long as this process and its children live."""
    host = socket.gethostname()
    folder = Path(tempfile.gettempdir())
    for number in range(_MOST):
        handle = os.open(folder / f"fhir-svc-{os.getuid()}-{lane}-{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            continue
        try:
            yield f"{lane}-{number}@{host}"
        finally:
            os.close(handle)
        return
    raise RuntimeError("no free worker name on this host")
