"""A process with three services on loopback: it counts, sends, or returns what comes."""

import socket
import sys
import threading


def count(sock):
    """Count until the end comes, then say how many bytes there were."""
    total = 0
    while data := sock.recv(1 << 20):
        total += len(data)
    sock.sendall(str(total).encode())


def send(sock):
    """Send as many bytes as a line says."""
    left = int(sock.recv(100))
    block = bytes(1 << 20)
    while left > 0:
        left -= sock.send(block[:left])


def echo(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := sock.recv(1 << 20):
        sock.sendall(data)


def serve(listener, service):
    def one(sock):
        with sock:
            service(sock)

    while True:
        sock, _ = listener.accept()
        threading.Thread(target=one, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    listeners = [socket.create_server(("127.0.0.1", 0), backlog=256) for _ in range(3)]
    for listener, service in zip(listeners, (count, send, echo), strict=True):
        threading.Thread(target=serve, args=(listener, service), daemon=True).start()
    ports = " ".join(str(listener.getsockname()[1]) for listener in listeners)
    sys.stdout.write(f"{ports}\n")
    sys.stdout.flush()
    sys.stdin.read()
