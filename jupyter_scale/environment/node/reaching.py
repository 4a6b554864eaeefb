"""What a node reaches: a package index, downloads of Python, and the cluster's other nodes."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import os
import socket
import ssl
import time
import urllib.error
import urllib.request
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from jupyter_scale.environment.node.report import Refused, Report
from jupyter_scale.environment.node.sources import (
    Sources,
    configured_sources,
    without_passwords,
)

_PROBE_S = 5.0
_ACCEPT_S = 1.0
_SERVER_ERROR = 500
_PUBLIC_INDEX = f"https://{'.'.join(('pypi', 'org'))}/simple"  # noqa: FLY002 - uv's own default
_PYTHONS = "https://github.com/astral-sh/python-build-standalone/releases/download"
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def reach(request: dict[str, Any], _data: BinaryIO, report: Report) -> dict[str, Any]:
    """Return the fields of `Reached`.

    Parameters
    ----------
    request : dict
        ``sources``: the laptop's, for a host without settings of its own. ``is_python_needed``:
        whether Python itself would have to be downloaded.
    """
    own = configured_sources(os.environ)
    index = (own or Sources.from_dict(request.get("sources", {}))).index or _PUBLIC_INDEX
    with report.keeping_alive():
        index_error = _why_unreachable(index.rstrip("/") + "/pip/")
        python_error = ""
        if request.get("is_python_needed", False):
            mirror = os.environ.get("UV_PYTHON_INSTALL_MIRROR", _PYTHONS)
            python_error = _why_unreachable(mirror)
    return {
        "event": "reached",
        "index": without_passwords(index),
        "index_error": without_passwords(index_error),
        "python_error": without_passwords(python_error),
    }


def listen(request: dict[str, Any], _data: BinaryIO, report: Report) -> dict[str, Any]:
    """Greet whoever connects, until nobody hears this any more; at most ``seconds`` long.

    First writes ``{"event": "listening", "address", "port"}``. It listens on one address only, that
    in a ``network`` or, without one, that under which SSH reached this node, and greets with
    ``word``.

    Raises
    ------
    Refused
        When this node has no address in that network.
    """
    network = request.get("network", "")
    address = _address_in(network) if network else _own_address()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    deadline = time.monotonic() + float(request["seconds"])
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((address, 0))
        listener.listen(128)
        listener.settimeout(_ACCEPT_S)
        report.tell(event="listening", address=address, port=listener.getsockname()[1])
        while time.monotonic() < deadline:
            report.beat()
            with contextlib.suppress(OSError):
                caller, _ = listener.accept()
                with caller:
                    caller.sendall(request["word"].encode())
    return {"event": "closed"}


def meet(request: dict[str, Any], _data: BinaryIO, _report: Report) -> dict[str, Any]:
    """Connect to a node that listens; return ``error``-free ``why`` not, empty if it greeted.

    Parameters
    ----------
    request : dict
        ``address``, ``port``, and the ``word`` with which it greets.
    """
    word, heard = request["word"].encode(), b""
    try:
        with socket.create_connection((request["address"], request["port"]), _PROBE_S) as sock:
            while len(heard) < len(word):
                data = sock.recv(len(word) - len(heard))
                if not data:
                    break
                heard += data
    except OSError as error:
        return {"event": "met", "why": str(error.strerror or error)}
    return {"event": "met", "why": "" if heard == word else "somebody else answers there"}


def _own_address() -> str:
    """Return this node's address as SSH reached it; behind a forwarder its own, not that one's."""
    words = os.environ.get("SSH_CONNECTION", "").split()
    is_told = len(words) > 2  # noqa: PLR2004 - client, port, server, port
    return words[2].replace("::ffff:", "") if is_told else "127.0.0.1"


def _address_in(network: str) -> str:
    """Return this node's address in a network: that from which it would send there."""
    try:
        wanted = ipaddress.ip_network(network, strict=False)
        family = socket.AF_INET6 if wanted.version == 6 else socket.AF_INET  # noqa: PLR2004
        with socket.socket(family, socket.SOCK_DGRAM) as sock:  # nothing is sent
            sock.connect((str(wanted[1 if wanted.num_addresses > 1 else 0]), 9))
            address = str(sock.getsockname()[0])
        if ipaddress.ip_address(address.partition("%")[0]) in wanted:
            return address
    except (OSError, ValueError):
        pass  # it is none, or no way leads there
    raise Refused("network", f"It has no address in the network {network}")


def _why_unreachable(address: str) -> str:
    """Return why nothing can be fetched from an address; any answer of a server is one."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https"):
        folder = unquote(parts.path)
        is_there = os.path.isdir(os.path.dirname(folder.rstrip("/")))
        return "" if is_there else f"there is no folder {folder}"
    place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    plain = urlunsplit((parts.scheme, place, quote(unquote(parts.path)), parts.query, ""))
    request = urllib.request.Request(plain, method="HEAD")  # noqa: S310 - http and https only
    if parts.username is not None:
        who = "{}:{}".format(unquote(parts.username), unquote(parts.password or ""))
        token = base64.b64encode(who.encode()).decode()
        request.add_header("Authorization", "Basic " + token)
    try:
        urllib.request.urlopen(request, timeout=_PROBE_S, context=_certificates()).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        return "" if error.code < _SERVER_ERROR else f"it answers {error.code}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return ""


def _certificates() -> ssl.SSLContext:
    """Return whom to trust: what the system trusts, whichever Python this is."""
    context = ssl.create_default_context()
    for bundle in _BUNDLES:
        with contextlib.suppress(OSError):
            context.load_verify_locations(cafile=bundle)
    return context
