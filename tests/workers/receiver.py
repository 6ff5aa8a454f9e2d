"""A subscriber's endpoint on loopback that can be slow, failing, redirecting, or lose its own answers."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """`answers`: what the next requests get, in turn (then 200): a status, seconds, "lose", "long", "drip..."."""

    def __init__(self):
        self.got = []
        self.headers = []
        self.paths = []
        self.connections = 0
        self.answers = []
        self.stopped = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def setup(self):
                receiver.connections += 1
                super().setup()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(json.loads(body))
                receiver.headers.append(dict(self.headers))
                receiver.paths.append(self.path)
                receiver.answer(self, receiver.answers.pop(0) if receiver.answers else 200)

            def do_GET(self):
                receiver.paths.append(f"GET {self.path}")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.hook = f"{self.base}/hook"
        self._thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def answer(self, handler, what):
        if what == "lose":
            handler.connection.close()
            return
        if isinstance(what, float):
            self.stopped.wait(what)
            what = 200
        try:
            if what == "drip-head":
                self.drip(handler, b"X: y\r\n")
                return
            handler.send_response(200 if what in {"drip", "long"} else what)
            if what == 307:
                handler.send_header("Location", f"{self.base}/elsewhere")
            if what == "drip":
                handler.end_headers()
                self.drip(handler, b" ")
                return
            handler.send_header("Content-Length", "1000000" if what == "long" else "0")
            handler.end_headers()
            handler.wfile.write(b" " * 1_000_000 if what == "long" else b"")
        except OSError:
            return

    def drip(self, handler, drop):
        if drop != b" ":
            handler.wfile.write(b"HTTP/1.0 200 OK\r\n")
        while not self.stopped.wait(0.1):
            handler.wfile.write(drop)
            handler.wfile.flush()

    def stop(self):
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def kinds(self):
        return [status(one)["type"] for one in self.got]

    def numbers(self):
        return [number for one in self.got for number in status(one)["numbers"]]


def status(bundle):
    """The first entry's Parameters, plainly."""
    found = {"numbers": [], "foci": []}
    for one in bundle["entry"][0]["resource"]["parameter"]:
        value = next((one[name] for name in one if name.startswith("value")), None)
        if one["name"] == "notification-event":
            parts = {part["name"]: part for part in one["part"]}
            found["numbers"].append(int(parts["event-number"]["valueString"]))
            if "focus" in parts:
                found["foci"].append(parts["focus"]["valueReference"]["reference"])
        else:
            found[one["name"]] = value
    return found
