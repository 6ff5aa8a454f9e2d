"""One conversation with another server, bounded in time and size whatever that server does.

requests' `timeout` is per read, so a server that drips a byte now and then defeats it. Here a timer shuts the sockets
themselves when the deadline passes. No proxies from the environment, no redirects, no retries: those live in the work
table.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from fhir_svc.ehr.replies import NotNow, Raw, Unclear

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its warnings show addresses, and a search names a patient

CONNECT_WITHIN = 3.0  # seconds to a TCP connection: longer means the host is down
_CHUNK = 65536
_UNSENT = (
    requests.exceptions.ConnectTimeout,
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class Deadline:
    """Seconds left for everything together; shuts the sockets it watches when none are."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lines: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    def remaining(self) -> float:
        """Return the seconds left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def watch(self, line: socket.socket) -> None:
        """Shut this connection at the deadline; works on a duplicate, so that TLS may wrap the original."""
        with self._lock:
            self._lines.append(line.dup())
        if not self.remaining():
            self._shut()

    def _shut(self) -> None:
        with self._lock:
            for line in self._lines:
                try:
                    line.shutdown(socket.SHUT_RDWR)
                except OSError:  # closed by the other side already
                    continue

    def close(self) -> None:
        """Stop the timer and let go of the sockets."""
        self._timer.cancel()
        with self._lock:
            for line in self._lines:
                line.close()
            self._lines.clear()


def _pools(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            line = super()._new_conn()
            deadline.watch(line)
            return line

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            line = super()._new_conn()
            deadline.watch(line)
            return line

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    def __init__(self, deadline: Deadline, host: str | None = None) -> None:
        self._deadline = deadline
        self._tls = {} if host is None else {"assert_hostname": host, "server_hostname": host}
        super().__init__(max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **given: Any) -> None:  # noqa: FBT001, FBT002  requests' signature
        super().init_poolmanager(connections, maxsize, block, **given, **self._tls)
        self.poolmanager.pool_classes_by_scheme = _pools(self._deadline)


class Line:
    """Requests that share one deadline and one set of connections; use it as a context manager.

    `host` is whose certificate is wanted where the address is called by number.
    """

    def __init__(self, seconds: float, *, host: str | None = None) -> None:
        self.deadline = Deadline(seconds)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.mount("http://", _Adapter(self.deadline))
        self._session.mount("https://", _Adapter(self.deadline, host))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()
        self.deadline.close()

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        limit: int | None = 8_000_000,
    ) -> Raw:
        """Send one request and read at most `limit` bytes of its answer's body; None: nothing of it.

        NotNow: it never left, or it only reads. Unclear: it may have been done.
        """
        left, reading = self.deadline.remaining(), method == "GET" or url.endswith("/_search")
        if not left:
            raise NotNow("no time left to ask the EHR", error="ehr-deadline")
        sent = {"Accept": "application/fhir+json", "Accept-Encoding": "identity", **(headers or {})}
        try:
            with self._session.request(
                method,
                url,
                params=list(params),
                data=body,
                headers=sent,
                timeout=(min(CONNECT_WITHIN, left), left),
                allow_redirects=False,
                stream=True,
            ) as reply:
                raw = Raw(reply.status_code, _lower(reply.headers), self._read(reply, limit))
        except requests.RequestException as error:
            raise self._trouble(error, reading=reading) from None
        if not self.deadline.remaining():  # headers that were cut off look like headers that ended
            raise self._trouble(requests.ReadTimeout(), reading=reading)
        return raw

    def _read(self, reply: requests.Response, limit: int | None) -> bytes:
        if limit is None:
            return b""
        body = bytearray()
        for chunk in reply.iter_content(_CHUNK):
            body += chunk
            if len(body) > limit:
                raise Unclear("the EHR's answer is too long", error="ehr-too-long")
        return bytes(body)

    def _trouble(self, error: requests.RequestException, *, reading: bool) -> NotNow | Unclear:
        late = not self.deadline.remaining()
        code = "ehr-deadline" if late else "ehr-connection"
        if reading or isinstance(error, _UNSENT) or _refused(error):
            return NotNow("the EHR can't be reached", error=code)
        return Unclear("the EHR gave no whole answer", error=code)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _refused(error: BaseException) -> bool:
    """Tell whether the connection was never made: refused, unreachable, unknown host."""
    names = {"NewConnectionError", "NameResolutionError"}
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason).__name__ in names
