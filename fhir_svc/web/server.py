"""The web role as processes: gunicorn with threads. It writes no access log: addresses may name patients."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from prometheus_client import multiprocess, values

from fhir_svc.web.observability import SHARED

if TYPE_CHECKING:
    from flask import Flask


_MANY_OBJECTS = 10_000  # a Bundle has thousands, none of them garbage before its end: by default 700 start a search


class Server(BaseApplication):  # type: ignore[misc]
    """Serves one Flask application on `bind` (address:port)."""

    def __init__(self, application: Flask, *, bind: str, processes: int, threads: int) -> None:
        self._application = application
        self._options: dict[str, Any] = {
            "bind": bind,
            "workers": processes,
            # threads: a half-sent request holds a thread, not a process
            "worker_class": "fhir_svc.web.unreadable.Doorkeeper",
            "threads": threads,
            "preload_app": True,  # the knowledge and the schema are loaded once and shared
            "timeout": 60,  # seconds without a sign of life: above the longest request we allow
            "graceful_timeout": 25,  # a supervisor waits 30
            "keepalive": 30,
            "limit_request_line": 8190,
            "limit_request_field_size": 16380,  # client assertions and cookies
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,  # nobody steers us through a file
            "child_exit": _forget,
            "on_exit": _tidy,
        }
        super().__init__()
        share_numbers()

    def load_config(self) -> None:
        """Hand gunicorn our options; nothing else is read, no file and no environment."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made once before the processes are forked."""
        settle_memory()
        return self._application


def settle_memory() -> None:
    """Once all is loaded: it stays shared between the processes, and nobody looks through it for garbage again."""
    gc.freeze()
    gc.set_threshold(_MANY_OBJECTS)


def share_numbers() -> None:
    """Let all processes count into one private directory, so that a scrape of any of them gives the sums of all."""
    os.environ[SHARED] = tempfile.mkdtemp(prefix="fhir-svc-metrics-")
    # chosen when prometheus_client was imported, which was before there was a directory
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]


def _forget(_server: object, worker: Any) -> None:
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def _tidy(_server: object) -> None:
    shutil.rmtree(os.environ[SHARED], ignore_errors=True)
