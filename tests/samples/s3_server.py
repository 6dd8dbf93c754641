"""A real S3 server on loopback, moto's, in a process of its own; and one that refuses everything as told."""

import http.client
import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from urllib.parse import urlsplit

from loopback import QuietHandler, free_port

BUCKET = "activations"
KEY_ID, SECRET = "AKIAEXAMPLEKEYID0000", "a-secret-that-no-message-may-repeat"


def environment(address: str) -> dict[str, str]:
    """What names the server and lets a client in."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "a-token-that-no-message-may-repeat",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the address of a server with one empty bucket."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(address, server)
        make_bucket(address)
        yield address
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def _wait_for(address: str, server: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/moto-api/data.json", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError("the S3 server did not start")


def make_bucket(address: str) -> None:
    """Make the bucket."""
    urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT"), timeout=30).close()


def reset(address: str) -> None:
    """Forget all buckets and make an empty one."""
    request = urllib.request.Request(f"{address}/moto-api/reset", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
    make_bucket(address)


def demand_signatures(address: str, after: int) -> None:
    """Let so many more requests pass, then check credentials as AWS does: those of the tests are nobody's."""
    url = f"{address}/moto-api/reset-auth"
    plain = {"Content-Type": "text/plain"}
    request = urllib.request.Request(url, data=str(after).encode(), headers=plain, method="POST")
    urllib.request.urlopen(request, timeout=30).close()


@contextmanager
def refusing_server(status: int, code: str) -> Iterator[str]:
    """Yield the address of a server that answers all with one of S3's refusals, which names the key."""
    body = (
        f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no {KEY_ID}\nno</Message>"
        f"<AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>"
    ).encode()

    class Refusal(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _refuse(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            length = "0" if self.command == "HEAD" else str(len(body))
            self.say(status, body, {"Content-Type": "application/xml", "Content-Length": length})

        do_GET = do_HEAD = do_POST = _refuse
        do_PUT = do_DELETE = _refuse  # noqa: N815 - what http.server calls

    with _serving(Refusal) as there:
        yield there


@contextmanager
def page_server() -> Iterator[str]:
    """Yield the address of what answers all with a page, as the console of a store does."""
    page = b"<!doctype html><html><body>Log in</body></html>"

    class Page(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _show(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.say(200, page, {"Content-Type": "text/html", "Content-Length": str(len(page))})

        do_GET = do_HEAD = do_POST = _show
        do_PUT = do_DELETE = _show  # noqa: N815 - what http.server calls

    with _serving(Page) as there:
        yield there


@contextmanager
def forgetful_server(address: str, *, loses: bool = False) -> Iterator[str]:
    """Yield the address of what hands all on to a server but for conditions, as older stores did.

    Or, where it ``loses`` every other answer to a put, with conditions: the server did what it was asked, and
    the connection breaks.
    """
    n_puts = count()

    class Forgetful(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _hand_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kept = {
                name: text
                for name, text in self.headers.items()
                if loses or not name.lower().startswith("if-")
            }
            server = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
            server.request(self.command, self.path, body=body, headers=kept)
            answer = server.getresponse()
            data = answer.read()
            if loses and self.command == "PUT" and next(n_puts) % 2 == 0:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            dropped = {"connection", "transfer-encoding"} | (
                {"content-length"} if self.command != "HEAD" else set()
            )
            headers = {
                name.title(): text for name, text in answer.getheaders() if name.lower() not in dropped
            }
            self.say(answer.status, data, headers)
            server.close()

        do_GET = do_HEAD = do_POST = _hand_on
        do_PUT = do_DELETE = _hand_on  # noqa: N815 - what http.server calls

    with _serving(Forgetful) as there:
        yield there


@contextmanager
def _serving(handler: type[http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def s3_environment(monkeypatch, address: str) -> None:
    """Set the environment for this process, with nothing of the user's own in it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in environment(address).items():
        monkeypatch.setenv(name, value)
