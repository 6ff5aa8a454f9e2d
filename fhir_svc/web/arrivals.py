"""Gives a thread only to whoever has said what they want: the head of a request is awaited without one.

gunicorn gives each connection a thread at once, so that a few which say nothing, or half of something, keep everybody
else out. Bodies are read by threads all the same; whoever falls silent in one loses the thread again. Against those who
send a byte at a time there must be a buffering proxy in front.

Bundles have threads of their own, most of which wait where so many come (see `turns`): whoever reads, or sends a form
alone, must not wait until they are done with that.
"""

from __future__ import annotations

import errno
import re
import selectors
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

from gunicorn.workers.gthread import ThreadWorker

HEAD_WITHIN: Final = 10.0  # seconds for a head, from its first byte
STILL_WITHIN: Final = 30.0  # seconds in which a piece of a body comes, or one of an answer is taken
LARGEST_HEAD: Final = 65_536  # bytes; a longer one is for the parser to refuse
LOOK_EVERY: Final = 0.1  # seconds between two looks at heads that are half there
TIMES: Final = 8  # as many threads for Bundles as for all else: where so many come, most of them wait in turn
END: Final = b"\r\n\r\n"
BUNDLE: Final = re.compile(rb"POST \S*/fhir/?((\$|%24)submit/?)?(\?\S*)? HTTP/")


class Arrivals(ThreadWorker):  # type: ignore[misc]
    """A thread worker in front of which connections wait until the head of their request is there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._halves: dict[Any, float] = {}
        self.bundles: Any = None

    def init_process(self) -> None:
        """Make the threads for Bundles beside those for all else; then serve until told to stop."""
        self.bundles = ThreadPoolExecutor(max_workers=TIMES * self.cfg.threads)
        super().init_process()

    def run(self) -> None:
        """Serve; what has begun by the end of it comes to its end."""
        super().run()
        self.bundles.shutdown(wait=False)

    def enqueue_req(self, conn: Any) -> None:
        """Hand a connection to a thread, or let it wait; it comes here again whenever it has something to say."""
        head = _head(conn)
        if head is None or END in head or len(head) >= LARGEST_HEAD:
            self._hand_over(conn, head)
        elif head:
            self._halves[conn] = time.monotonic() + HEAD_WITHIN
        else:
            conn.sock.setblocking(False)
            conn.set_timeout()
            self.pending_conns.append(conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Serve what is ready, and look after what is half there."""
        super().wait_for_and_dispatch_events(min(timeout, LOOK_EVERY) if self._halves else timeout)
        for conn, until in list(self._halves.items()):
            head = _head(conn)
            if head is None or END in head or len(head) >= LARGEST_HEAD:
                del self._halves[conn]
                self._hand_over(conn, head)
            elif not self.alive or time.monotonic() > until:
                del self._halves[conn]
                self.nr_conns -= 1
                with suppress(OSError):
                    conn.sock.recv(LARGEST_HEAD, socket.MSG_DONTWAIT)  # unread, it would take the answer with it
                    conn.sock.send(self.too_late(), socket.MSG_DONTWAIT)
                conn.close()

    def _hand_over(self, conn: Any, head: bytes | None) -> None:
        if head is None or not BUNDLE.match(head):
            super().enqueue_req(conn)
            return
        future = self.bundles.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Serve a request in a thread, which waits for each piece so long and no longer.

        The system counts that: a limit of Python's would be one for the whole of an answer.
        """
        within = struct.pack("ll", int(STILL_WITHIN), int(STILL_WITHIN % 1 * 1_000_000))  # C's timeval
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, option, within)
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            raise ConnectionResetError(errno.ECONNRESET, "the client takes no answer") from None

    def too_late(self) -> bytes:
        """What is said to a client whose head does not come to its end."""
        return b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def _head(conn: Any) -> bytes | None:
    """What has come of a next request; None where the connection has ended, which a thread finds out."""
    read_ahead: bytes = conn.parser.unreader.buf.getvalue() if conn.parser is not None else b""
    try:
        came = conn.sock.recv(LARGEST_HEAD, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return read_ahead
    except OSError:
        return None
    return read_ahead + came if came else None
