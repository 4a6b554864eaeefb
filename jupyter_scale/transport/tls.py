"""The files of a cluster's mutual TLS, and distributed's `Security` made of them."""

from __future__ import annotations

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

    cert, key = cert_path(tls_dir, role), key_path(tls_dir, role)
    for path in (ca_path(tls_dir), cert, key):
        if not path.is_file():
            raise ClusterError(
                f"The certificate file {path} is missing: the cluster was stopped, or not started."
            )
    own = {f"tls_{r}_{kind}": str(p) for r in ROLES for kind, p in (("cert", cert), ("key", key))}
    return Security(require_encryption=True, tls_ca_file=str(ca_path(tls_dir)), **own)
