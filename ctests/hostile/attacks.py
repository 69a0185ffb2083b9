"""The attacks, one function each. What it is known by stands in its first line."""

import random
import resource
import socket
import struct
import time

import wire
from suite import MIB, Failed, Program, expect, stays_small


def downgrade_to_null(suite):
    """CVE-2014-7202: another mechanism than the server's."""
    for mechanism in ("plain", "curve"):
        server = suite.serve("pull", f"server={mechanism}")
        for other in (b"NULL", b"PLAIN", b"CURVE", b"GSSAPI", b"", mechanism.upper().encode() + b"X"):
            if other == mechanism.upper().encode():
                continue
            connection = wire.connect(server.endpoint)
            connection.sendall(wire.greeting(other) + wire.ready(b"PUSH") + wire.frame(b"sneaked in"))
            expect(wire.is_closed(connection), f"{other} was let in by {mechanism}")
            connection.close()
        expect(server.ask("received") == 0, "a message came through")


def downgrade_to_old_protocols(suite):
    """CVE-2014-9721, libzmq#1273: ZMTP 1.0 and 2.0 know no mechanisms."""
    old = [
        b"\x01\x00" + b"\x0b\x00sneaked in",
        wire.SIGNATURE + b"\x00\x08" + b"\x01\x00" + b"\x0b\x00sneaked in",
        wire.SIGNATURE + b"\x01\x08" + b"\x00\x00" + b"\x00\x0asneaked in",
    ]
    for words in (["server=plain"], ["server=curve"], ["server=null"], ["client=curve"]):
        server = suite.serve("pull", *words)
        for data in old:
            connection = wire.connect(server.endpoint)
            connection.sendall(data)
            expect(wire.is_closed(connection), f"{data} was let in by {words}")
            connection.close()
        expect(server.ask("received") == 0, "a message came through")


def sizes_that_wrap(suite):
    """libzmq#1488, CVE-2019-6250, libzmq#3351, jeromq#440: lengths up to 2^64 - 1."""
    server = suite.serve("pull")
    before = server.ask("memory")
    v2 = wire.SIGNATURE + b"\x01\x08" + b"\x00\x00"
    v3 = wire.greeting(b"NULL") + wire.ready(b"PUSH")
    lengths = [2**64 - 1, 2**64 - 38, 2**63, 2**63 - 1, 2**62, 2**48, 2**32, 2**31 - 1, 2**30]
    connections = []
    for length in lengths:
        packed = struct.pack(">Q", length)
        attacks = [
            b"\x01\x00\xff" + packed + b"\x00",
            b"\xff" + packed + b"\x00",
            v2 + b"\x02" + packed,
            v3 + b"\x02" + packed,
            v3 + b"\x06" + packed,
        ]
        for data in attacks:
            connection = wire.connect(server.endpoint)
            connections.append(connection)
            try:
                connection.sendall(data + bytes(5000))
            except OSError:
                pass
    grown = stays_small(server, before, "lengths", slack=len(connections) * 1024 + 32 * 1024)
    for connection in connections:
        connection.close()
    honest = wire.connect(server.endpoint)
    honest.sendall(v3 + wire.frame(b"honest"))
    await_received(server, 1)
    return f"{len(connections)} connections, {grown} KiB"


def await_received(server, count):
    end = time.monotonic() + 10
    while server.ask("received") < count:
        if time.monotonic() > end:
            raise Failed("an honest message did not come through")
        time.sleep(0.01)


def oversized_metadata(suite):
    """CVE-2019-13132: more metadata than fits, from either side."""
    for mechanism in ("null", "plain", "curve"):
        server = suite.serve("router", f"server={mechanism}")
        before = server.ask("memory")
        for properties, size in ((1100, 10), (4, 300_000), (1, 3 * MIB)):
            words = [f"client={mechanism}", f"properties={properties}", f"property={size}"]
            client = Program(suite, "call", server.endpoint, "0.1", *words)
            time.sleep(0.5)
            expect(client.process.poll() is None, "the client was served")
            client.process.kill()
            client.process.wait()
            suite.programs.remove(client)
        suite.call(server.endpoint, f"client={mechanism}", "properties=10", "property=500")
        stays_small(server, before, f"metadata with {mechanism}")


def a_hostile_server_with_too_much_metadata(suite):
    """CVE-2019-13132, the client's side."""
    for mechanism in (b"NULL", b"PLAIN"):
        listener = socket.create_server(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        words = [f"client={mechanism.decode().lower()}", "reconnect_ivl=10"]
        client = Program(suite, "serve", "dealer", "connect", endpoint, *words)
        connection, _ = listener.accept()
        listener.close()
        connection.sendall(wire.greeting(mechanism))
        if mechanism == b"PLAIN":
            connection.sendall(wire.command(b"WELCOME"))
        value = bytes(100)
        many = b"".join(b"\x05%05d" % n + struct.pack(">I", len(value)) + value for n in range(5000))
        connection.sendall(wire.frame(b"\x05READY" + many, 4))
        expect(wire.is_closed(connection), "the client takes all of it")
        client.ask("memory")
    # Its READY is encrypted.
    server = suite.serve("router", "server=curve", "properties=4", "property=300000")
    client = Program(suite, "call", server.endpoint, "0.1", "client=curve", "reconnect_ivl=10")
    time.sleep(0.5)
    expect(client.process.poll() is None and not client.lines, "a client with CURVE takes all of it")
    client.process.kill()
    client.process.wait()
    suite.programs.remove(client)


def silent_connections(suite):
    """CVE-2020-15166: connections that say nothing, to a server that asks ZAP."""
    for mechanism in ("null", "plain", "curve"):
        server = suite.serve("router", f"server={mechanism}")
        silent = [wire.connect(server.endpoint) for _ in range(200)]
        half = [wire.connect(server.endpoint) for _ in range(100)]
        for connection in half:
            connection.sendall(wire.greeting(mechanism.upper().encode()))
        suite.call(server.endpoint, f"client={mechanism}")
        for connection in silent + half:
            connection.close()


def handshakes_end_in_time(suite):
    """A connection that does not get through its handshake is closed."""
    server = suite.serve("router", "server=curve", "handshake_ivl=300")
    for said in (b"", wire.SIGNATURE, wire.greeting(b"CURVE"), wire.greeting(b"CURVE") + b"\x04\xc8\x05HELLO"):
        connection = wire.connect(server.endpoint)
        connection.sendall(said)
        expect(wire.is_closed(connection), f"still open after {said}")


def zap_never_answers(suite):
    """Connections that wait for ZAP end in time, and their memory comes back."""
    server = suite.serve("router", "silent=null", "handshake_ivl=300")
    before = server.ask("memory")
    for _ in range(5):
        connections = [wire.connect(server.endpoint) for _ in range(100)]
        for connection in connections:
            connection.sendall(wire.greeting(b"NULL") + wire.ready(b"DEALER"))
        for connection in connections:
            expect(wire.is_closed(connection), "it waits for ever")
            connection.close()
    stays_small(server, before, "waiting for ZAP")
    for mechanism in ("plain", "curve"):
        server = suite.serve("router", f"silent={mechanism}", "handshake_ivl=300")
        between = wire.Between(server.endpoint, lambda number, part: [part])
        client = Program(suite, "serve", "dealer", "connect", between.endpoint, f"client={mechanism}")
        expect(between.cut.wait(10), f"a client with {mechanism} waits for ever")
        between.close()
        client.end()


def zap_leaves_in_the_middle(suite):
    """A handler closes instead of answering: that client comes again, and the next handler is asked."""
    for mechanism in ("null", "plain", "curve"):
        server = suite.serve("router", f"leaving={mechanism}", "handshake_ivl=300")
        suite.call(server.endpoint, f"client={mechanism}")


def a_message_again(suite):
    """CVE-2014-7203: a CURVE message with the number of an earlier one."""
    for what, change in (
        ("twice", lambda number, part: [part, part]),
        ("after the next one", Swap()),
        ("changed", lambda number, part: [part[:-1] + bytes([part[-1] ^ 1])]),
        ("in part", lambda number, part: [wire.frame(part[2:-1])]),
    ):
        server = suite.serve("pull", "server=curve")
        # HELLO and INITIATE are two frames, whatever follows are messages.
        between = wire.Between(
            server.endpoint, lambda number, part, change=change: change(number, part) if number > 2 else [part]
        )
        client = Program(suite, "serve", "push", "connect", between.endpoint, "client=curve")
        pusher(suite, between.endpoint, client)
        expect(between.cut.wait(10), f"a message that came {what} was taken")
        expect(server.ask("received") <= 2, f"{what}: too many messages")
        between.close()
        client.end()


class Swap:
    """Holds a frame back until the next one went."""

    def __init__(self):
        self.held = None

    def __call__(self, number, part):
        if self.held is None:
            self.held = part
            return []
        held, self.held = self.held, None
        return [part, held]


def pusher(suite, endpoint, client):
    """The PUSH of a target sends when told; its messages are the attack's raw material."""
    client.process.stdin.write("send\nsend\nsend\nsend\n")
    client.process.stdin.flush()


def a_handshake_again(suite):
    """omq.rs#206: HELLO and INITIATE of another connection."""
    server = suite.serve("router", "server=curve", "handshake_ivl=2000")
    between = wire.Between(server.endpoint, lambda number, part: [part])
    suite.call(between.endpoint, "client=curve")
    hello, initiate, *messages = between.frames
    for frames in ([initiate], [hello, initiate], [hello, initiate, *messages[:5]], [hello, hello], messages[:3]):
        connection = wire.connect(server.endpoint)
        connection.sendall(wire.greeting(b"CURVE") + b"".join(frames))
        expect(wire.is_closed(connection), f"{len(frames)} repeated frames were taken")
        connection.close()
    suite.call(server.endpoint, "client=curve")


def unfinished_messages(suite):
    """CVE-2021-20234: the first parts of a message, and then the end."""
    server = suite.serve("pull")
    start = wire.greeting(b"NULL") + wire.ready(b"PUSH")

    def attack():
        for _ in range(100):
            connection = wire.connect(server.endpoint)
            connection.sendall(start + wire.frame(bytes(1000), 1) * 30 + wire.frame(bytes(60_000), 1))
            connection.shutdown(socket.SHUT_WR)
            expect(wire.is_closed(connection), "the connection stays")
            connection.close()

    attack()
    before = server.ask("memory")
    for _ in range(4):
        attack()
    grown = stays_small(server, before, "unfinished messages", slack=4 * 1024)
    expect(server.ask("received") == 0, "a part came through")

    listener = socket.create_server(("127.0.0.1", 0))
    endpoint = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    client = Program(suite, "serve", "pull", "connect", endpoint, "reconnect_ivl=1")

    def serve(times):
        for _ in range(times):
            connection, _ = listener.accept()
            connection.sendall(start + wire.frame(bytes(1000), 1) * 30 + wire.frame(bytes(60_000), 1))
            connection.shutdown(socket.SHUT_WR)
            expect(wire.is_closed(connection), "the client's connection stays")
            connection.close()

    serve(50)
    before = client.ask("memory")
    serve(200)
    grown_too = stays_small(client, before, "a server's unfinished messages", slack=4 * 1024)
    expect(client.ask("received") == 0, "a part came through")
    listener.close()
    return f"{grown} KiB, as a client {grown_too} KiB"


def three_messages_of_zmtp_1(suite):
    """CVE-2021-20235: two messages of more than 8,192 bytes and a third."""
    server = suite.serve("pull")
    big = b"\xff" + struct.pack(">Q", 8194) + b"\x00" + bytes(8193)
    for pieces in (1, 3):
        connection = wire.connect(server.endpoint)
        connection.sendall(b"\x01\x00")
        data = big * 2 + big[:9000] + big[9000:] + b"\x06\x00third"
        for start in range(0, len(data), len(data) // pieces):
            connection.sendall(data[start : start + len(data) // pieces])
    await_received(server, 8)


def a_very_long_topic(suite):
    """CVE-2021-20236: subscribed to, and then not."""
    for kind in ("pub", "xpub"):
        server = suite.serve(kind)
        connection = wire.connect(server.endpoint)
        connection.sendall(wire.greeting(b"NULL") + wire.ready(b"SUB"))
        topic = random.Random(1).randbytes(500_000)
        for length in (500_000, 250_000, 1, 0, 499_999):
            connection.sendall(wire.command(b"SUBSCRIBE", topic[:length]))
            connection.sendall(wire.frame(b"\x01" + topic[:length]))
        connection.sendall(wire.command(b"CANCEL", topic))
        connection.sendall(wire.frame(b"\x00" + topic[:250_000]))
        connection.sendall(wire.command(b"CANCEL", topic))
        connection.sendall(wire.command(b"SUBSCRIBE", b"tick"))
        wire.read_exactly(connection, 64)
        while b"tick" not in wire.read_frame(connection):
            pass


def messages_to_a_publisher(suite):
    """CVE-2021-20237: messages, where only subscriptions are expected."""
    for kind in ("pub", "xpub"):
        server = suite.serve(kind)
        connection = wire.connect(server.endpoint)
        connection.sendall(wire.greeting(b"NULL") + wire.ready(b"SUB") + wire.command(b"SUBSCRIBE", b"tick"))
        before = server.ask("memory")
        junk = wire.frame(b"\x02" + bytes(1000)) * 1000
        connection.settimeout(2)
        sent = 0
        try:
            while sent < 100:
                connection.sendall(junk)
                sent += 1
        except TimeoutError:
            pass  # It does not read what it has no use for: nothing is held either.
        # An XPUB's application could receive them: 64 MiB are kept for it, and what goes with that.
        grown = stays_small(server, before, f"{sent} MB of messages to a {kind}", slack=128 * 1024)
        if kind == "pub":
            expect(grown < 16 * 1024, f"a PUB keeps {grown} KiB")


def text_and_scans(suite):
    """libzmq#769, #868, #1195: telnet, HTTP, TLS, connections that end at once."""
    said = [b"", b"\r\n", b"help\r\nquit\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00" + bytes(512), bytes(5000), b"\xff" * 5000]
    for words in ([], ["server=plain"], ["server=curve"]):
        server = suite.serve("router", *words)
        for _ in range(20):
            for data in said:
                connection = wire.connect(server.endpoint)
                connection.sendall(data)
                # Some end with a reset, some in order.
                if len(data) % 2:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        client = [words[0].replace("server", "client")] if words else []
        suite.call(server.endpoint, *client)


def random_bytes(suite):
    """Anything at all, at each stage of a connection."""
    numbers = random.Random(20_260_101)
    for mechanism in ("null", "plain", "curve"):
        server = suite.serve("router", f"server={mechanism}")
        before = server.ask("memory")
        name = mechanism.upper().encode()
        prefixes = [
            b"",
            wire.SIGNATURE,
            wire.SIGNATURE + b"\x01\x05",
            wire.greeting(name),
            wire.greeting(name) + wire.ready(b"DEALER"),
            wire.greeting(name) + wire.command(b"HELLO"),
            wire.greeting(name) + b"\x04\xc8\x05HELLO\x01\x00" + bytes(72),
        ]
        for number in range(300):
            connection = wire.connect(server.endpoint)
            data = bytearray(prefixes[number % len(prefixes)] + numbers.randbytes(numbers.randrange(600)))
            if number % 3 == 0:
                data[numbers.randrange(len(data)) if data else 0 :] = numbers.randbytes(20)
            try:
                connection.sendall(data)
            except OSError:
                pass
            connection.close()
        suite.call(server.endpoint, f"client={mechanism}")
        stays_small(server, before, f"random bytes with {mechanism}")


def no_descriptors_left(suite):
    """libzmq#31, #2334, #4809: silent connections take them all, and others still come in."""
    for mechanism in ("null", "curve"):
        server = suite.serve("router", f"server={mechanism}", "descriptors=64", "backlog=1000")
        silent = [wire.connect(server.endpoint) for _ in range(200)]
        suite.call(server.endpoint, f"client={mechanism}")
        for connection in silent:
            connection.close()
        suite.call(server.endpoint, f"client={mechanism}")


def more_newcomers_than_any_listener_keeps(suite):
    """omq.rs#206: handshakes that nobody ends, without a limit on their time or number."""
    most = 16 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < most + 2000:
        return f"left out: only {hard} descriptors are allowed"
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = suite.serve("router", "server=curve", "handshake_ivl=0", "backlog=4096")
    before = server.ask("memory")
    silent = []
    try:
        for _ in range(most + 200):
            silent.append(wire.connect(server.endpoint))
        for connection in silent[:200]:
            expect(wire.is_closed(connection), "one of the oldest is still there")
        held = server.ask("memory") - before
        suite.call(server.endpoint, "client=curve")
    finally:
        for connection in silent:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)
    expect(held < 160 * 1024, f"{most} newcomers hold {held} KiB")
    return f"{most} of them hold {held} KiB"


def a_thousand_enemies(suite):
    """1,000 hostile connections: honest clients keep half of their throughput, memory is bounded."""
    server = suite.serve("router", "server=curve")
    endpoint = server.endpoint
    recorder = wire.Between(endpoint, lambda number, part: [part])
    suite.call(recorder.endpoint, "client=curve")
    replay = wire.greeting(b"CURVE") + b"".join(recorder.frames[:8])
    alone = sorted(suite.call(endpoint, "client=curve", seconds="1") for _ in range(3))[1]
    before = server.ask("memory")
    numbers = random.Random(7)
    enemies = []
    for number in range(1000):
        connection = wire.connect(endpoint)
        enemies.append(connection)
        try:
            if number % 4 == 1:
                connection.sendall(numbers.randbytes(500))
            elif number % 4 == 2:
                connection.sendall(replay[: 64 + numbers.randrange(200)])
            elif number % 4 == 3:
                connection.sendall(replay)
        except OSError:
            pass
    under_attack = sorted(suite.call(endpoint, "client=curve", seconds="1") for _ in range(3))[1]
    held = server.ask("memory") - before
    for connection in enemies:
        connection.close()
    expect(held < 32 * 1024, f"1,000 enemies hold {held} KiB")
    expect(under_attack * 2 >= alone, f"{alone} calls a second without enemies, {under_attack} with")
    return f"{alone} calls a second alone, {under_attack} among enemies, who hold {held} KiB"


ALL = [
    downgrade_to_null,
    downgrade_to_old_protocols,
    sizes_that_wrap,
    oversized_metadata,
    a_hostile_server_with_too_much_metadata,
    silent_connections,
    handshakes_end_in_time,
    zap_never_answers,
    zap_leaves_in_the_middle,
    a_message_again,
    a_handshake_again,
    unfinished_messages,
    three_messages_of_zmtp_1,
    a_very_long_topic,
    messages_to_a_publisher,
    text_and_scans,
    random_bytes,
    no_descriptors_left,
    more_newcomers_than_any_listener_keeps,
    a_thousand_enemies,
]
