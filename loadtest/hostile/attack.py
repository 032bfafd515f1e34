"""One hostile connection, and the question that every one of them is followed by."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress

PATIENCE_S = 5.0
"""For an answer to somebody who did nothing wrong."""
LINGER_S = 0.05
"""How long a hostile client reads on; most of what it provokes has happened by then."""
PLAIN = b"GET /health/liveliness HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n"


def attack(port: int, pieces: Sequence[bytes], linger_s: float = LINGER_S) -> bytes:
    """Send the pieces, each but the first after some bytes of an answer. Returns what came in return."""
    got = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as sock:
        sock.settimeout(linger_s)
        for number, piece in enumerate(pieces):
            if number:
                with suppress(TimeoutError):
                    got += sock.recv(65536)
            sock.sendall(piece)
        while data := sock.recv(65536):
            got += data
    return got


def answers(port: int) -> bool:
    """Whether a plain request on a fresh connection is answered."""
    got = b""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S) as sock:
        sock.sendall(PLAIN)
        while data := sock.recv(65536):
            got += data
    return got.startswith(b"HTTP/1.1 200 ")
