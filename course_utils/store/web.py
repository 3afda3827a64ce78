"""Open a web address with care: a time limit on everything, redirects that stay safe."""

import http.client
import ipaddress
import socket
import ssl
import string
import threading
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, as_completed
from functools import partial
from urllib.parse import quote, urlsplit


class WebError(ValueError):
    """What is wrong with a web address, in one line; ``status`` and ``headers`` if it answered."""

    def __init__(self, reason: str, status: int | None = None, headers: Mapping | None = None):
        super().__init__(reason)
        self.status, self.headers = status, headers or {}


def is_secure(url: str) -> bool:
    """True for https, and for plain http to a loopback address, which never leaves this machine.

    >>> is_secure("https://example.org/a"), is_secure("http://example.org/a")
    (True, False)
    >>> is_secure("http://127.0.0.1:8000/a"), is_secure("file:///etc/passwd")
    (True, False)
    """
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:  # a name, which could mean any machine
        return False


def is_web(url: str) -> bool:
    """True for any http or https address."""
    return urlsplit(url).scheme in ("http", "https")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to an allowed address, and never from https down to http."""

    def __init__(self, allowed: Callable[[str], bool]):
        self.allowed = allowed

    def redirect_request(self, request, file, code, message, headers, url):
        steps_down = request.type == "https" and urlsplit(url).scheme != "https"
        if steps_down or not self.allowed(url):
            file.close()
            raise WebError(f"redirects to {url}, which is refused")
        return super().redirect_request(request, file, code, message, headers, url)


def open_url(
    url: str,
    *,
    timeout: float,
    allowed: Callable[[str], bool] = is_secure,
    headers: Mapping[str, str] | None = None,
) -> http.client.HTTPResponse:
    """Open an address; connecting and each later read may take ``timeout`` seconds.

    Certificates are checked, proxies are taken from the environment. A redirect to another host
    or port is told in a warning. Raises `WebError`.
    """
    if not allowed(url):
        raise WebError("is no https address, which is refused")
    address = quote(url, safe=string.punctuation)  # spaces and umlauts, as pasted by a person
    sent = {"User-Agent": "course-utils (image classification course)", **(headers or {})}
    opener = urllib.request.build_opener(_Redirects(allowed))
    try:
        request = urllib.request.Request(address, headers=sent)
        # Looking up the name has no time-out of its own, and every address of a name and every
        # byte of the headers starts the socket's anew: hence the limit around the whole.
        opening = in_background(partial(opener.open, request, timeout=timeout))
        response = opening.result(2 * timeout)
    except urllib.error.HTTPError as error:
        with error:
            raise WebError(
                f"answered {error.code} {_one_line(error.reason)}", error.code, error.headers
            ) from None
    except WebError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise WebError(explain(error)) from error
    if _server(response.url) != _server(url):
        warnings.warn(f"{_server(url)} redirects to {_server(response.url)}", stacklevel=2)
    return response


def _server(url: str) -> str:
    """Host, and port where it is not the usual one."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port not in (None, 80, 443) else parts.hostname


def in_background(work: Callable) -> Future:
    """Start ``work()`` in a daemon thread, which unlike an executor's never holds up the exit."""
    future = Future()

    def run():
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def any_resolves(urls: Iterable[str], seconds: float) -> bool:
    """Whether the name of at least one host has an address: without a network none has."""
    if {"http", "https"} & urllib.request.getproxies().keys():
        return True  # the proxy looks names up
    hosts = {urlsplit(url).hostname for url in urls}
    lookups = [in_background(partial(socket.getaddrinfo, host, None)) for host in hosts]
    try:
        return any(lookup.exception() is None for lookup in as_completed(lookups, seconds))
    except TimeoutError:
        return False


def explain(error: Exception) -> str:
    """One line on an error of the network."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "gave no answer in time"
    if isinstance(error, socket.gaierror):
        return "has no address (is there a network?)"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message})"
    return _one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _one_line(text: object) -> str:
    """Free of line breaks and control characters: a server may send anything."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:200]
