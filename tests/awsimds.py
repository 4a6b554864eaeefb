"""The metadata service of an instance, version 2 only, in the network of its machine."""

import json
import secrets
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler

ADDRESS = ("169.254.169.254", 80)
_LONGEST_TOKEN_S = 21600


class Imds:
    """Serves what `tree` returns: paths below /latest and their texts.

    It has to be made inside the machine's network; `requests` are the method and path of each
    answered one.
    """

    def __init__(self, tree):
        self._tree = tree
        self._tokens = {}
        self.requests = []
        handler = type("Handler", (_Handler,), {"imds": self})
        self._server = _Server(ADDRESS, handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, path, headers):
        """Return status and text for a PUT: the wish for a token."""
        if path != "/latest/api/token":
            return 404, ""
        ttl = headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if not ttl.isdigit() or not 0 < int(ttl) <= _LONGEST_TOKEN_S:
            return 400, ""
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(ttl)
        return 200, token

    def get(self, path, headers):
        """Return status and text for a GET, which needs a token that lives."""
        until = self._tokens.get(headers.get("X-aws-ec2-metadata-token", ""), 0)
        if until < time.monotonic():
            return 401, ""
        tree = self._tree()
        wanted = path.removeprefix("/latest/").rstrip("/")
        if wanted in tree:
            return 200, tree[wanted]
        below = sorted({_first(key, wanted) for key in tree if key.startswith(f"{wanted}/")})
        return (200, "\n".join(below)) if below else (404, "")


def _first(path, folder):
    """Return what of a path is directly in a folder; folders end with a slash."""
    name, slash, _ = path.removeprefix(f"{folder}/").partition("/")
    return name + slash


def document(facts):
    """Return the instance identity document."""
    return json.dumps({"version": "2017-09-30", **facts}, indent=2)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    imds: Imds

    def _answer(self, status, text):
        self.imds.requests.append((self.command, self.path))
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_PUT(self):
        self._answer(*self.imds.put(self.path, self.headers))

    def do_GET(self):
        self._answer(*self.imds.get(self.path, self.headers))

    def log_message(self, *arguments):
        """Say nothing: `requests` tells."""
