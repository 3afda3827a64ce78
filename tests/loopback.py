"""A real web server on this machine that misbehaves in every way the tests ask for.

with Loopback() as server:
    address = server.put("/a.tgz", content, cut, ranged)  # cut the first time, then well
"""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


class Loopback(ThreadingHTTPServer):
    """Serves what `put` gave it; ``seen`` lists (path, Range header or None) of every request."""

    daemon_threads = False  # server_close waits for them

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Request)
        self.pages: dict[str, tuple[bytes, list[Manner]]] = {}
        self.seen: list[tuple[str, str | None]] = []
        self.release = Event()  # lets those go on that hang

    def __enter__(self):
        self.thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_):
        pass  # a client that hangs up is what many tests want

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def put(self, path: str, content: bytes, *manners: "Manner") -> str:
        """Serve ``content`` at ``path``: the first request in the first manner, and so on."""
        self.pages[path] = (content, list(manners or [ranged]))
        return self.root + path


class _Request(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        content, manners = self.server.pages[self.path]
        manner = manners.pop(0) if len(manners) > 1 else manners[0]
        manner(self, content)

    def log_message(self, *_):
        pass

    def head(self, status: int = 200, **headers) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()


Manner = Callable[[_Request, bytes], None]


def whole(request: _Request, content: bytes) -> None:
    """All of it, whatever Range was asked for."""
    request.head(Content_Length=len(content))
    request.wfile.write(content)


def ranged(request: _Request, content: bytes) -> None:
    """The bytes asked for, as a good mirror does."""
    _start_range(request, content, lambda rest: request.wfile.write(rest))


def cut(request: _Request, content: bytes) -> None:
    """Half of the bytes asked for, then the connection ends."""
    _start_range(request, content, lambda rest: request.wfile.write(rest[: len(rest) // 2]))


def cut_at_once(request: _Request, content: bytes) -> None:
    """The headers, and nothing behind them."""
    _start_range(request, content, lambda rest: None)


def hang_midway(request: _Request, content: bytes) -> None:
    """Half of the bytes asked for, then nothing until `release`, then the others."""

    def send(rest):
        request.wfile.write(rest[: len(rest) // 2])
        request.server.release.wait(20)
        request.wfile.write(rest[len(rest) // 2 :])

    _start_range(request, content, send)


def trickle(request: _Request, content: bytes) -> None:
    """One byte at a time."""

    def send(rest):
        for i in range(len(rest)):
            if request.server.release.wait(0.02):
                return
            request.wfile.write(rest[i : i + 1])

    _start_range(request, content, send)


def _start_range(request: _Request, content: bytes, send: Callable[[bytes], None]) -> None:
    asked = request.headers.get("Range")
    if asked is None:
        request.head(Content_Length=len(content))
        return send(content)
    first = int(asked.removeprefix("bytes=").removesuffix("-"))
    if first >= len(content):
        return request.head(416, Content_Range=f"bytes */{len(content)}")
    span = f"bytes {first}-{len(content) - 1}/{len(content)}"
    request.head(206, Content_Length=len(content) - first, Content_Range=span)
    send(content[first:])


def wrong_range(request: _Request, content: bytes) -> None:
    """206, but always from the beginning."""
    span = f"bytes 0-{len(content) - 1}/{len(content)}"
    request.head(206, Content_Length=len(content), Content_Range=span)
    request.wfile.write(content)


def hang(request: _Request, content: bytes) -> None:
    """Not even a header."""
    request.server.release.wait(20)


def trickle_headers(request: _Request, content: bytes) -> None:
    """A header line that never ends."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not request.server.release.wait(0.02):
        request.wfile.write(b".")


def tells_too_much(request: _Request, content: bytes) -> None:
    """A Content-Length of twice the file."""
    request.head(Content_Length=2 * len(content))
    request.wfile.write(content)


def tells_too_little(request: _Request, content: bytes) -> None:
    """A Content-Length of half the file."""
    request.head(Content_Length=len(content) // 2)
    request.wfile.write(content)


def tells_no_length(request: _Request, content: bytes) -> None:
    """The end of the connection is the end of the file."""
    request.head()
    request.wfile.write(content)


def other_file(request: _Request, content: bytes) -> None:
    """As many bytes, but others."""
    whole(request, bytes(255 - byte for byte in content))


def web_page(request: _Request, content: bytes) -> None:
    """What the log-in page of a hotel's network does."""
    page = b"<!doctype html><title>Log in</title>"
    request.head(Content_Type="text/html; charset=utf-8", Content_Length=len(page))
    request.wfile.write(page)


def status(code: int) -> Manner:
    """An answer of this status."""
    return lambda request, content: request.head(code, Content_Length=0)


def redirect(address: str) -> Manner:
    """Elsewhere."""
    return lambda request, content: request.head(302, Location=address, Content_Length=0)


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for another thread or process; raises ``TimeoutError``."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError("it never came")
        time.sleep(0.005)
