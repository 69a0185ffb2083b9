"""The interoperation tests themselves: what each starts, and what has to come of it."""

import fnmatch
import pathlib
import socket
import threading
import time

import messages
import native
import old_peers
from processes import Process, TestFailure, connect, listen, read_exactly

RUNS = 3
REPORTS_PER_RUN = 2
OLD_COUNT = 10000
STREAM_BYTES = 50_000_000
DATAGRAMS = 1000


class Suite:
    def __init__(self, options, directory):
        self.options = options
        self.directory = pathlib.Path(directory)
        self.libraries = {
            "ours": native.Library("ours", options.ours, directory),
            "libzmq": native.Library("libzmq", options.reference, directory),
        }
        self.binaries = {}
        for name, library in self.libraries.items():
            self.binaries[name] = self.directory / f"peer-{name}"
            complaints = library.compile(native.ROOT / "ctests" / "interop" / "peer.c", self.binaries[name])
            if complaints:
                raise native.Missing(f"peer.c on {name}:\n{complaints}")
        self.processes = []
        self.reserved = []
        self.passed = self.failed = 0

    # ---------------------------------------------------------------- running

    def endpoint(self, transport):
        """An endpoint of its own for one test; a port stays reserved until the test ends."""
        if transport == "ipc":
            path = self.directory / "socket"
            path.unlink(missing_ok=True)
            return f"ipc://{path}"
        if transport == "udp":
            # One that stays bound would get some of the datagrams.
            with socket.socket(type=socket.SOCK_DGRAM) as holder:
                holder.bind(("127.0.0.1", 0))
                return f"udp://127.0.0.1:{holder.getsockname()[1]}"
        holder = socket.socket()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self.reserved.append(holder)
        path = "/messages" if transport == "ws" else ""
        return f"{transport}://127.0.0.1:{holder.getsockname()[1]}{path}"

    def start(self, library, *arguments):
        return Process(self, self.libraries[library], arguments)

    def test(self, name, body, *arguments):
        if self.options.only and not any(fnmatch.fnmatch(name, pattern) for pattern in self.options.only):
            return
        began = time.monotonic()
        trouble = None
        try:
            body(*arguments, began + self.options.limit)
        except (TestFailure, old_peers.PeerError, OSError) as error:
            trouble = f"{type(error).__name__}: {error}"
        finally:
            outputs = [f"  {process.name}: {process.tail()}" for process in self.processes]
            for process in self.processes:
                process.kill()
            self.processes.clear()
            for holder in self.reserved:
                holder.close()
            self.reserved.clear()
        took = time.monotonic() - began
        if trouble:
            self.failed += 1
            print(f"FAIL {name} ({took:.1f} s)\n  {trouble}", *outputs, sep="\n", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name} ({took:.1f} s)", flush=True)

    # ---------------------------------------------------------------- the tests

    def exact(self, pattern, first, second, transport, first_binds, deadline, security=((), ())):
        """Every message arrives once, in order, with the right content."""
        endpoint = self.endpoint(transport)
        ends = {True: "bind", False: "connect"}
        count = f"count={self.options.count}"
        b = self.start(second, pattern.second, ends[not first_binds], endpoint, pattern.second_role, count, *security[1])
        # libzmq gives up an ipc connection whose peer closes while it has no room for what was sent.
        stays = transport == "ipc" and pattern.second_role == "receive"
        a = self.start(
            first, pattern.first, ends[first_binds], endpoint, pattern.first_role, count, *["stays"] * stays, *security[0]
        )
        if pattern.first in ("pub", "radio"):
            b.wait_for("READY", 1, deadline)
            a.tell()
        if stays:
            b.finish(deadline)
            a.tell()
        a.finish(deadline)
        b.finish(deadline)

    def restarted(self, pattern, first, second, transport, first_binds, which, deadline, security=((), ())):
        """One end is killed and started again; the other goes on with the new one."""
        endpoint = self.endpoint(transport)
        ends = {True: "bind", False: "connect"}
        one_way = pattern.first_role == "send"

        def start_first(run):
            how = ends[first_binds]
            return self.start(first, pattern.first, how, endpoint, pattern.first_role, "endless", "numbered", f"run={run}", *security[0])

        def start_second():
            how = ends[not first_binds]
            return self.start(second, pattern.second, how, endpoint, pattern.second_role, "endless", "numbered", *security[1])

        a, b = start_first(1), start_second()
        for run in range(1, RUNS + 1):
            if one_way:
                progress, line = b, f"RUN {run if which == 'first' else 1}"
            else:
                progress, line = a, "ASKED"
            progress.wait_for(line, progress.count(line) + REPORTS_PER_RUN, deadline)
            if run == RUNS:
                break
            if which == "first":
                a.kill()
                a = start_first(run + 1)
            else:
                b.kill()
                b = start_second()

    def secured(self, pattern, first, second, mechanism, first_is_server, which, transport, deadline):
        """As `exact`, or as `restarted` where one end is to be killed, with a mechanism."""
        ends = ((f"server={mechanism}",), (f"client={mechanism}",))
        security = ends if first_is_server else ends[::-1]
        binds = first_is_server and (pattern.second_role != "answer" or which is not None)
        if which:
            self.restarted(pattern, first, second, transport, binds, which, deadline, security)
        else:
            self.exact(pattern, first, second, transport, binds, deadline, security)

    def streams(self, first, second, deadline):
        """STREAM to STREAM: what one sends, the other sends back."""
        endpoint = self.endpoint("tcp")
        answerer = self.start(second, "stream", "bind", endpoint, "answer", "count=1")
        asker = self.start(first, "stream", "connect", endpoint, "ask", f"count={STREAM_BYTES}")
        asker.finish(deadline)
        answerer.finish(deadline)

    def groups(self, first, second, group, deadline):
        """DISH gets enough of what RADIO sends to the group that it joined."""
        endpoint = self.endpoint("udp")
        if group:
            endpoint = f"udp://127.0.0.1;{group}:{endpoint.rpartition(':')[2]}"
        dish = self.start(second, "dish", "bind", endpoint, "receive-datagrams", f"count={DATAGRAMS}")
        radio = self.start(first, "radio", "connect", endpoint, "send-datagrams")
        dish.finish(deadline)
        radio.tell()
        radio.finish(deadline)

    def datagrams(self, first, second, deadline):
        """DGRAM to DGRAM: what one sends, the other sends back."""
        asker, answerer = self.endpoint("udp"), self.endpoint("udp")
        self.start(second, "dgram", "bind", answerer, "answer")
        address = answerer.removeprefix("udp://")
        ask = self.start(first, "dgram", "bind", asker, "ask", f"to={address}", f"count={DATAGRAMS}")
        ask.finish(deadline)

    def stream_answers_tcp(self, library, deadline):
        """Plain TCP clients, one after another, get their bytes back from a STREAM."""
        endpoint = self.endpoint("tcp")
        answerer = self.start(library, "stream", "bind", endpoint, "answer", "count=3")
        for size in (1, 100_000, STREAM_BYTES // 5):
            connection = connect(endpoint, deadline)
            sent = messages.PATTERN[:size]
            sender = threading.Thread(target=connection.sendall, args=(sent,))
            sender.start()
            received = read_exactly(connection, size)
            sender.join()
            connection.close()
            if received != sent:
                raise TestFailure(f"the answer to {size} bytes differs")
        answerer.finish(deadline)

    def stream_asks_tcp(self, library, deadline):
        """A STREAM that connects to a plain TCP server, which sends the bytes back."""
        listener, endpoint = listen(deadline)
        asker = self.start(library, "stream", "connect", endpoint, "ask", f"count={STREAM_BYTES}")
        connection, _ = listener.accept()
        connection.settimeout(deadline - time.monotonic())
        while data := connection.recv(1 << 16):
            connection.sendall(data)
        connection.close()
        listener.close()
        asker.finish(deadline)

    def old(self, version, kind, library, deadline):
        """A ZMTP 1.0 or 2.0 peer of a kind against its counterpart in the library."""
        peer_class = {1: old_peers.Zmtp1Peer, 2: old_peers.Zmtp2Peer}[version]
        counterpart, role = {
            "push": ("pull", "receive"), "pull": ("push", "send"), "pub": ("sub", "receive"),
            "sub": ("pub", "send"), "req": ("rep", "answer"), "rep": ("req", "ask"),
            "dealer": ("router", "answer"), "pair": ("pair", "receive"),
        }[kind]  # fmt: skip
        for how in ("bind", "connect"):
            count = f"count={OLD_COUNT}"
            if how == "bind":
                endpoint = self.endpoint("tcp")
                process = self.start(library, counterpart, "bind", endpoint, role, count)
                connection = connect(endpoint, deadline)
            else:
                listener, endpoint = listen(deadline)
                process = self.start(library, counterpart, "connect", endpoint, role, count)
                connection, _ = listener.accept()
                connection.settimeout(deadline - time.monotonic())
                listener.close()
            peer = peer_class(connection, kind)
            play_old(peer, process, version)
            peer.close()
            process.finish(deadline)


def play_old(peer, process, version):
    """The byte-level side of each pattern."""
    count = OLD_COUNT
    if peer.kind in ("push", "pair"):
        for number in range(count):
            peer.send(messages.parts_of(number))
    elif peer.kind == "pub":
        if version == 2 and peer.receive() != [b"\x01"]:
            raise TestFailure("the first message is not the subscription")
        for number in range(count):
            peer.send([b"n", *messages.parts_of(number)])
    elif peer.kind == "pull":
        for number in range(count):
            expect(number, peer.receive())
    elif peer.kind == "sub":
        # A 2.0 subscriber asks for its topics; a 1.0 subscriber gets everything and filters itself.
        if version == 2:
            peer.send([b"\x01h"])
            peer.send([b"\x01n"])
            peer.flush()
        if peer.receive() != [b"hello"]:
            raise TestFailure("the first message is not the greeting")
        process.tell()
        received = peer.receive()
        while received == [b"hello"]:
            received = peer.receive()
        for number in range(count):
            if received[0] != b"n":
                raise TestFailure(f"topic {received[0]!r}")
            expect(number, received[1:])
            if number + 1 < count:
                received = peer.receive()
    elif peer.kind in ("req", "dealer"):
        for number in range(count):
            sent = [b"", *messages.parts_of(number)]
            peer.send(sent)
            peer.flush()
            received = peer.receive()
            if received != sent:
                raise TestFailure(f"the answer to {number} differs")
    elif peer.kind == "rep":
        for number in range(count):
            received = peer.receive()
            if received[0] != b"":
                raise TestFailure("a request without a delimiter")
            expect(number, received[1:])
            peer.send(received)
            peer.flush()
    peer.flush()


def expect(number, parts):
    if parts != messages.parts_of(number):
        raise TestFailure(f"message {number} differs: sizes {[len(part) for part in parts]}")
