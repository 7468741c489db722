"""An HTTP server on loopback whose answers a test writes down: method and path to a list of replies."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

DROP = "drop"
"""A reply: close the connection without a word."""


class ScriptedHttp:
    """Replies are used in order; the last one is used from then on. Unknown paths get 404."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self._replies: dict[tuple[str, str], list[Any]] = defaultdict(list)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, method: str, path: str, *replies: Any) -> Self:
        """Each reply is a body (200), ``(status, body)`` or ``DROP``."""
        self._replies[method, path] += replies
        return self

    def seen(self, method: str, path: str) -> list[dict[str, Any]]:
        return [r for r in self.requests if (r["method"], r["path"]) == (method, path)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self, method: str, path: str) -> Any:
        replies = self._replies.get((method, path)) or [(404, {"detail": f"nothing at {path}"})]
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                outer.requests.append(
                    {
                        "method": self.command,
                        "path": parts.path,
                        "query": {k: v[-1] for k, v in parse_qs(parts.query).items()},
                        "token": self.headers.get("Authorization"),
                        "body": json.loads(body) if body else None,
                    }
                )
                reply = outer._next(self.command, parts.path)
                if reply == DROP:
                    self.close_connection = True
                    return
                status, content = reply if isinstance(reply, tuple) else (200, reply)
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - names of the base class

            def log_message(self, *_: object) -> None:
                """Log nothing: tests read the requests, not a log."""

        return Handler
