"""The link from a kernel to its own Jupyter server, which owns clusters that outlive it.

The server's extension puts its address and a key into the environment that kernels inherit. A
kernel of another program (nbclient, a terminal) may have inherited them too: the server answers
only to ids of its own kernels, so that such a one finds no server.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from jupyter_scale.errors import ClusterError
from jupyter_scale.model.account import Account
from jupyter_scale.origin import kernel_id

URL_VARIABLE = "JUPYTER_SCALE_SERVER_URL"
KEY_VARIABLE = "JUPYTER_SCALE_SERVER_KEY"
CERT_VARIABLE = "JUPYTER_SCALE_SERVER_CERT"
KEY_HEADER = "X-Jupyter-Scale-Key"
KERNEL_HEADER = "X-Jupyter-Scale-Kernel"

_FIND_TIMEOUT_S = 3.0
_TIMEOUT_S = 60.0
_END_S = 1000.0  # instances take minutes to end


class ServerLink:
    """Asks the server that this kernel belongs to; every call blocks.

    Parameters
    ----------
    url, key
        The server's address, and the key that opens it to its kernels.
    kernel
        The id under which it knows this kernel.
    cert
        Path of the certificate that the server shows, if it speaks TLS.
    """

    def __init__(self, url: str, key: str, kernel: str, cert: str | None = None) -> None:
        self._url = url.rstrip("/") + "/jupyter-scale/api/"
        self._headers = {KEY_HEADER: key, KERNEL_HEADER: kernel}
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_tls(cert))
        )

    def list_clusters(self, timeout_s: float = _TIMEOUT_S) -> list[dict[str, Any]]:
        """Return the views of all clusters."""
        clusters: list[dict[str, Any]] = self._ask("GET", "clusters", timeout_s=timeout_s)[
            "clusters"
        ]
        return clusters

    def start(self, profile: str, workers: int | None, directory: str) -> dict[str, Any]:
        """Ask for a cluster; return its first view."""
        body = {"profile": profile, "workers": workers, "directory": directory}
        return self._ask("POST", "clusters", body)

    def follow(self, cluster: str) -> Iterator[dict[str, Any]]:
        """Yield the views of a cluster as they change.

        Raises
        ------
        ClusterError
            When it is gone, or the server is.
        """
        seq = ""
        while True:
            answer = self._ask("GET", f"clusters{seq}")
            seq = f"?after={answer['seq']}"
            views = [view for view in answer["clusters"] if view["id"] == cluster]
            if not views:
                raise ClusterError(
                    f"Cluster {cluster} was ended meanwhile: `%scale up` starts another."
                )
            yield views[0]

    def scale(self, cluster: str, workers: int, pool: str = "") -> None:
        """Ask for another number of workers, or of one pool's."""
        body = {"workers": workers, "pool": pool or None}
        self._ask("PATCH", f"clusters/{quote(cluster)}", body)

    def stop(self, cluster: str) -> None:
        """End a cluster."""
        self._ask("DELETE", f"clusters/{quote(cluster)}", timeout_s=_END_S)

    def account(self, account: Account) -> None:
        """Tell what a run that has ended cost."""
        body = account.to_body()
        self._ask("POST", f"runs/{quote(account.run.id)}/account", body, timeout_s=_FIND_TIMEOUT_S)

    def _ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - our own server's address
            self._url + path,
            None if body is None else json.dumps(body).encode(),
            {**self._headers, "Content-Type": "application/json"},
            method=method,
        )
        try:
            with self._opener.open(request, timeout=timeout_s) as answer:
                content: dict[str, Any] = json.loads(answer.read() or b"{}")
                return content
        except urllib.error.HTTPError as error:
            raise ClusterError(_message_of(error)) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerGone(
                f"The Jupyter server of this kernel does not answer ({error}): "
                "`jupyter scale list` shows which clusters run."
            ) from error

    def __repr__(self) -> str:
        return f"<ServerLink {self._url}>"


class ServerGone(ClusterError):
    """The kernel's Jupyter server does not answer."""


def find_server() -> ServerLink | None:
    """Return the link to the server that started this kernel, None when there is none."""
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not url or not key or not (kernel := kernel_id()):
        return None
    link = ServerLink(url, key, kernel, os.environ.get(CERT_VARIABLE))
    try:
        link.list_clusters(_FIND_TIMEOUT_S)
    except ClusterError:
        return None
    return link


def _tls(cert: str | None) -> ssl.SSLContext:
    """Return a context that trusts the server's own certificate, whatever name it bears."""
    context = ssl.create_default_context(cafile=cert)
    context.check_hostname = cert is None
    return context


def _message_of(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"The Jupyter server refused ({error.code} {error.reason})."
