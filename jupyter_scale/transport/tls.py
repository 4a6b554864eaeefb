"""The files of a cluster's mutual TLS, and what distributed and our own sockets make of them."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from jupyter_scale.errors import ClusterError

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Security

ROLES = ("scheduler", "worker", "client")


def ca_path(tls_dir: Path) -> Path:
    """Return where the certificate of the cluster's own authority is."""
    return tls_dir / "ca.pem"


def cert_path(tls_dir: Path, role: str) -> Path:
    """Return where the certificate of a role is."""
    return tls_dir / f"{role}-cert.pem"


def key_path(tls_dir: Path, role: str) -> Path:
    """Return where the private key of a role is."""
    return tls_dir / f"{role}-key.pem"


def security(tls_dir: Path, role: str) -> Security:
    """Return the `distributed.Security` of one role.

    The role's certificate also serves where distributed asks for another one: a runner is a client
    of the scheduler and a server for its notebook at once.

    Parameters
    ----------
    tls_dir : Path
        The directory that `jupyter_scale.clusters.security.issue` filled.
    role : str
        ``"scheduler"``, ``"worker"`` or ``"client"``.

    Raises
    ------
    ClusterError
        When a file is missing.
    """
    from distributed import Security

    cert, key = _files(tls_dir, role)
    own = {f"tls_{r}_{kind}": str(p) for r in ROLES for kind, p in (("cert", cert), ("key", key))}
    return Security(require_encryption=True, tls_ca_file=str(ca_path(tls_dir)), **own)


def context(tls_dir: Path, role: str, *, is_server: bool) -> ssl.SSLContext:
    """Return what Python's own sockets need to be one role, and to talk to this cluster only.

    Raises
    ------
    ClusterError
        When a file is missing.
    """
    cert, key = _files(tls_dir, role)
    purpose = ssl.Purpose.CLIENT_AUTH if is_server else ssl.Purpose.SERVER_AUTH
    made = ssl.create_default_context(purpose, cafile=str(ca_path(tls_dir)))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False  # the authority is the cluster's own, and hosts have addresses only
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.load_cert_chain(cert, key)
    return made


def _files(tls_dir: Path, role: str) -> tuple[Path, Path]:
    """Return certificate and key of a role, which are there."""
    cert, key = cert_path(tls_dir, role), key_path(tls_dir, role)
    for path in (ca_path(tls_dir), cert, key):
        if not path.is_file():
            raise ClusterError(
                f"The certificate file {path} is missing: the cluster was stopped, or not started."
            )
    return cert, key
