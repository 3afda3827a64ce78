"""A web server of one's own, so that a lesson on addresses needs no network."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        pass


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Share a folder on this machine only, for as long as the block runs; gives the address.

    >>> from urllib.request import urlopen
    >>> with web_server(Path(__file__).parent) as address:
    ...     urlopen(f"{address}/web_server.py").status
    200
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
