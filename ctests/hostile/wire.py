"""What an enemy needs of the protocol: greetings, frames, and a place between two peers."""

import socket
import struct
import threading

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def greeting(mechanism, revision=3, minor=1):
    return SIGNATURE + bytes([revision, minor]) + mechanism.ljust(20, b"\0") + bytes(32)


def frame(body, flags=0):
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def command(name, data=b""):
    return frame(bytes([len(name)]) + name + data, 4)


def ready(socket_type):
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type)


def address(endpoint):
    host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
    return host, int(port)


def connect(endpoint, seconds=10):
    connection = socket.create_connection(address(endpoint), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def is_closed(connection, seconds=10):
    """Whether the other side ends the connection; what it says before does not count."""
    connection.settimeout(seconds)
    try:
        while connection.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def read_frame(connection):
    """One frame of ZMTP 2 or 3, header and all."""
    head = read_exactly(connection, 2)
    if head[0] & 2:
        head += read_exactly(connection, 7)
        return head + read_exactly(connection, struct.unpack(">Q", head[1:])[0])
    return head + read_exactly(connection, head[1])


class Between:
    """Sits between a client and a server, and may change, drop or repeat the client's frames.

    `change(number, frame)` says which frames go on in place of a frame.
    """

    def __init__(self, endpoint, change):
        self.endpoint_of_server = endpoint
        self.change = change
        self.frames = []
        self.cut = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            client, _ = self.listener.accept()
            server = connect(self.endpoint_of_server)
            threading.Thread(target=self._back, args=(client, server), daemon=True).start()
            left = 64
            while left:
                piece = client.recv(left)
                if not piece:
                    return
                server.sendall(piece)
                left -= len(piece)
            while True:
                part = read_frame(client)
                self.frames.append(part)
                for sent in self.change(len(self.frames), part):
                    server.sendall(sent)
        except (OSError, EOFError):
            pass

    def _back(self, client, server):
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        self.cut.set()

    def close(self):
        self.listener.close()
