"""What servers of the tests have in common: a port, an answer of some bytes, and no line about it."""

import http.server
import json
import socket


def free_port():
    """Return a port of this machine that nothing listens on; it may be taken before it is used."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class QuietHandler(http.server.BaseHTTPRequestHandler):
    """Answers with whole bodies and logs nothing."""

    def say(self, status, content=b"", headers=()):
        """Answer with bytes, or with JSON of anything else; ``headers`` are pairs."""
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(payload)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(payload)

    def log_message(self, *arguments):
        """Log nothing."""
