"""Who gets in, and who does not."""

import socket
import ssl

import pytest
from distributed import Client

from jupyter_scale.clusters.security import issue
from jupyter_scale.errors import ClusterError
from jupyter_scale.transport.tls import ca_path, cert_path, key_path, security


def probe(address, tls_dir, version, *, role):
    """Return whether a TLS peer is let in: it is greeted, or its connection is closed."""
    host, port = address.removeprefix("tls://").split(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    if role is not None:
        context.load_cert_chain(cert_path(tls_dir, role), key_path(tls_dir, role))
    try:
        with (
            socket.create_connection((host, int(port)), timeout=5) as plain,
            context.wrap_socket(plain) as peer,
        ):
            return len(peer.recv(8)) > 0  # a scheduler speaks first
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_only_certificates_of_the_cluster_get_in(make_cluster, tmp_path, version):
    cluster = make_cluster(1)
    cluster.start()
    foreign = tmp_path / "foreign"
    issue(foreign)
    tls_dir, address = cluster.directory / "tls", cluster.state.scheduler_address
    assert probe(address, tls_dir, version, role="client")
    assert not probe(address, tls_dir, version, role=None)
    assert not probe(address, foreign, version, role="client")
    with Client(address, security=security(tls_dir, "client"), timeout="10s") as client:
        assert client.submit(abs, -1).result(10) == 1


def test_a_client_does_not_talk_to_a_scheduler_of_another_cluster(make_cluster, tmp_path):
    cluster = make_cluster(1)
    cluster.start()
    issue(tmp_path / "foreign")
    with pytest.raises(OSError, match=r"certificate|Timed out"):
        Client(
            cluster.state.scheduler_address,
            security=security(tmp_path / "foreign", "client"),
            timeout="3s",
        )


def test_the_files_are_private(tmp_path):
    tls_dir = tmp_path / "tls"
    issue(tls_dir)
    assert tls_dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in tls_dir.iterdir()} == {0o600}
    keys = [path for path in tls_dir.iterdir() if b"PRIVATE" in path.read_bytes()]
    assert sorted(path.name for path in keys) == [
        "client-key.pem",
        "scheduler-key.pem",
        "worker-key.pem",
    ]


def test_nothing_secret_is_shown_or_logged(make_cluster):
    cluster = make_cluster(1)
    cluster.start()
    tls_dir = cluster.directory / "tls"
    secret = key_path(tls_dir, "client").read_text().splitlines()[1]
    shown = [repr(cluster), repr(cluster.state), repr(security(tls_dir, "client"))]
    logs = [path.read_text() for path in cluster.directory.rglob("*.log")]
    assert logs
    assert not any(secret in text or "PRIVATE" in text for text in (*shown, *logs))


def test_a_missing_certificate_is_named(tmp_path):
    with pytest.raises(ClusterError, match=r"ca\.pem is missing"):
        security(tmp_path, "client")
    issue(tmp_path)
    ca_path(tmp_path).unlink()
    with pytest.raises(ClusterError, match=r"ca\.pem is missing"):
        security(tmp_path, "client")
