"""Byte-level peers that speak ZMTP 1.0 or 2.0 as the libraries of their time did.

ZMTP 1.0 (libzmq 2.x): each side at once sends its identity as the first frame, and nothing is
negotiated. A frame is a length (one byte, or 0xFF and eight), which counts the flags byte and the
body, then the flags byte, whose lowest bit says that more parts follow.

ZMTP 2.0 (libzmq 3.2): each side sends a signature that a 1.0 peer takes for a long identity frame,
then revision 1, the socket type and the identity as a frame. A frame is flags (bit 0 more, bit 1
long), a length of one or eight bytes that counts the body alone, and the body.
"""

import socket
import struct

SOCKET_TYPES = {
    "pair": 0, "pub": 1, "sub": 2, "req": 3, "rep": 4, "dealer": 5,
    "router": 6, "pull": 7, "push": 8, "xpub": 9, "xsub": 10,
}  # fmt: skip

MORE = 1
LONG = 2


class PeerError(Exception):
    """The other end did not speak as it should."""


class OldPeer:
    """A connected peer: `send` and `receive` whole messages, lists of parts."""

    def __init__(self, connection, kind, identity=b""):
        self.connection = connection
        self.kind = kind
        self.identity = identity
        self.input = connection.makefile("rb", buffering=1 << 16)
        self.output = connection.makefile("wb", buffering=1 << 16)
        self.handshake()

    def handshake(self):
        raise NotImplementedError

    def frame(self, body, more):
        raise NotImplementedError

    def read_frame(self):
        raise NotImplementedError

    def read(self, size):
        data = self.input.read(size)
        if len(data) != size:
            raise PeerError(f"the stream ended: {len(data)} of {size} bytes")
        return data

    def send(self, parts):
        for part in parts[:-1]:
            self.output.write(self.frame(part, True))
        self.output.write(self.frame(parts[-1], False))

    def flush(self):
        self.output.flush()

    def receive(self):
        parts = []
        more = True
        while more:
            more, body = self.read_frame()
            parts.append(body)
        return parts

    def close(self):
        self.flush()
        self.connection.shutdown(socket.SHUT_WR)
        # What the other end still sends is read, so that closing does not reset the connection.
        while self.input.read(1 << 16):
            pass
        self.connection.close()


class Zmtp1Peer(OldPeer):
    """ZMTP 1.0."""

    def frame(self, body, more):
        length = len(body) + 1
        head = bytes([length]) if length < 255 else b"\xff" + struct.pack(">Q", length)
        return head + bytes([MORE if more else 0]) + body

    def read_frame(self):
        length = self.read(1)[0]
        if length == 255:
            length = struct.unpack(">Q", self.read(8))[0]
        if length == 0:
            raise PeerError("a frame without flags")
        flags = self.read(1)[0]
        return bool(flags & MORE), self.read(length - 1)

    def handshake(self):
        self.output.write(self.frame(self.identity, False))
        self.flush()
        # A newer library's signature passes for an identity frame, all of whose flags are set.
        self.read_frame()


class Zmtp2Peer(OldPeer):
    """ZMTP 2.0."""

    def frame(self, body, more):
        flags = MORE if more else 0
        if len(body) < 256:
            return bytes([flags, len(body)]) + body
        return bytes([flags | LONG]) + struct.pack(">Q", len(body)) + body

    def read_frame(self):
        flags = self.read(1)[0]
        if flags & ~(MORE | LONG):
            raise PeerError(f"flags {flags:#x} in a 2.0 frame")
        length = struct.unpack(">Q", self.read(8))[0] if flags & LONG else self.read(1)[0]
        return bool(flags & MORE), self.read(length)

    def handshake(self):
        signature = b"\xff" + struct.pack(">Q", len(self.identity) + 1) + b"\x7f"
        self.output.write(signature + b"\x01" + bytes([SOCKET_TYPES[self.kind]]))
        self.output.write(self.frame(self.identity, False))
        self.flush()
        theirs = self.read(10)
        if theirs[0] != 0xFF or theirs[9] & 1 == 0:
            raise PeerError(f"signature {theirs.hex()}")
        revision = self.read(1)[0]
        if revision < 1:
            raise PeerError(f"revision {revision}")
        # A newer library learns our revision before it goes on, so what follows is 2.0.
        kind = self.read(1)[0]
        if kind not in SOCKET_TYPES.values():
            raise PeerError(f"socket type {kind}")
        more, _identity = self.read_frame()
        if more:
            raise PeerError("an identity of several parts")
