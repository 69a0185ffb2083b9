"""Inputs for the original's fuzzing programs, whose own are not part of its released sources.

Each program reads what lies in a directory named after it. The inputs are what a peer may say,
whole, cut and changed; they are the same in every run."""

import random
import struct

# A program takes half a second for most of its inputs.
COUNT = 12

SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def _greeting(mechanism):
    return SIGNATURE + b"\x03\x01" + mechanism.ljust(20, b"\0") + bytes(32)


def _frame(body, flags=0):
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | 2]) + struct.pack(">Q", len(body)) + body


def _properties(socket_type):
    return b"\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type + b"\x08Identity" + bytes(4)


def _conversations(name, numbers):
    for socket_type in (b"DEALER", b"PUB", b"SUB", b"PUSH"):
        ready = _frame(b"\x05READY" + _properties(socket_type), 4)
        rest = _frame(b"\x09SUBSCRIBE", 4) + _frame(b"\x04PING\x00\x0acontext", 4) + _frame(b"body", 1) + _frame(bytes(300))
        if "curve" in name:
            hello = _frame(b"\x05HELLO\x01\x00" + bytes(72) + numbers.randbytes(120), 4)
            welcome = _frame(b"\x07WELCOME" + numbers.randbytes(160), 4)
            initiate = _frame(b"\x08INITIATE" + numbers.randbytes(290), 4)
            message = _frame(b"\x07MESSAGE" + numbers.randbytes(60))
            yield _greeting(b"CURVE") + (hello if "bind" in name else welcome) + initiate + message
        else:
            yield _greeting(b"NULL") + ready + rest
    yield b"\x01\x00" + b"\x05\x00body" + b"\xff" + b"\xff" * 8 + b"\x00"
    yield SIGNATURE + b"\x01\x05" + b"\x00\x00" + b"\x02" + b"\x7f" + b"\xff" * 7 + bytes(100)
    yield b"GET / HTTP/1.1\r\nHost: somewhere\r\n\r\n"


def _changed(data, numbers):
    data = bytearray(data)
    for _ in range(numbers.randrange(1, 6)):
        kind = numbers.randrange(4)
        at = numbers.randrange(len(data) + 1)
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at:at] = numbers.randbytes(numbers.randrange(40))
        elif kind == 2:
            del data[at : at + numbers.randrange(1, 20)]
        elif at < len(data):
            data[at] ^= 1 << numbers.randrange(8)
    return bytes(data)


def _endpoints(numbers):
    """Nothing that asks a name server, and no path that would be left behind."""
    protocols = [b"tcp", b"inproc", b"ipc", b"udp", b"pgm", b"ws", b"wss", b"tipc", b"norm", b"", b"TCP", b"tcp "]
    addresses = [b"", b"*", b"*:", b"*:*", b":", b":0", b"127.0.0.1", b"127.0.0.1:", b"127.0.0.1:0", b"127.0.0.1:99999"]
    addresses += [b"127.0.0.1:-1", b"127.0.0.1:1;", b";127.0.0.1:1", b"127.0.0.1:0;127.0.0.1:1", b"[::1]:0", b"[::1", b"::1]:1"]
    addresses += [b"[]:1", b"lo:1", b"lo;127.0.0.1:1", b"@", b"127.0.0.1:1/path", b"256.1.1.1:1", b"%:1", b"1:" * 300]
    whole = [protocol + b"://" + address for protocol in protocols for address in addresses if protocol != b"ipc" or address in (b"", b"*", b"@")]
    symbols = b":/;*[]%@.0123456789"
    return whole + [b"tcp://" + bytes(numbers.choices(symbols, k=numbers.randrange(1, 30))) for _ in range(100)]


def inputs_of(name):
    """The inputs of a fuzzing program; none for any other program."""
    if not name.endswith("_fuzzer"):
        return []
    numbers = random.Random(name)
    if "z85" in name:
        alphabet = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
        texts = [bytes(numbers.choices(alphabet, k=length)) for length in (5, 40, 41, 45, 4, 100, 1000)]
        return texts + [_changed(texts[n % 7], numbers) for n in range(500)]
    if "socket_options" in name:
        sizes = (1, 2, 3, 4, 5, 8, 16, 31, 32, 33, 39, 40, 41, 42, 64, 255, 256, 257, 1000)
        fixed = [struct.pack("<i", value) for value in (-1, 0, 1, 2, 100, 2**31 - 1, -(2**31))]
        texts = [b"127.0.0.1", b"::1/64", b"X-a:b", b"X-", b"lo", b"\x00" * 32, b"0" * 40 + b"\x00"]
        return fixed + texts + [numbers.randbytes(size) for size in sizes]
    if name in ("test_bind_fuzzer", "test_connect_fuzzer"):
        return _endpoints(numbers)
    whole = list(_conversations(name, numbers))
    return whole + [_changed(whole[n % len(whole)], numbers) for n in range(COUNT - len(whole))]


def write_inputs(name, place):
    """Puts the inputs of a program where it looks for them below its directory."""
    inputs = inputs_of(name)
    if not inputs:
        return
    # Two programs share a directory.
    name = name.replace("connect_stream", "connect_null")
    directory = place / "tests" / "libzmq-fuzz-corpora" / f"{name}_seed_corpus"
    directory.mkdir(parents=True)
    for number, data in enumerate(inputs):
        (directory / f"{number:03}").write_bytes(data)
