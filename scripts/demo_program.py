"""An ordinary program with pyzmq, for scripts/demo: knows nothing of the library below it.

Sends messages from one process to another over tcp, times them, and prints a JSON object with
messages per second, microseconds of latency (half a round trip), and the libzmq files that are
mapped into this process.
"""

import json
import subprocess
import sys
import time

import zmq

SIZE = 64
COUNT = 300_000
ROUND_TRIPS = 5_000


def send(endpoint):
    """The other process: sends everything, then answers."""
    context = zmq.Context()
    push = context.socket(zmq.PUSH)
    push.connect(endpoint)
    body = b"x" * SIZE
    for _ in range(COUNT):
        push.send(body)
    reply = context.socket(zmq.REP)
    port = reply.bind_to_random_port("tcp://127.0.0.1")
    push.send(str(port).encode())
    for _ in range(ROUND_TRIPS):
        reply.send(reply.recv())
    push.close()
    reply.close()
    context.term()


def mapped_libraries():
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split(maxsplit=5)[-1].strip() for line in maps if ".so" in line}
    return sorted(path for path in paths if path.rpartition("/")[2].startswith("libzmq"))


def main():
    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    port = pull.bind_to_random_port("tcp://127.0.0.1")
    other = subprocess.Popen([sys.executable, __file__, f"tcp://127.0.0.1:{port}"])
    assert len(pull.recv()) == SIZE
    begin = time.perf_counter()
    for _ in range(COUNT - 1):
        body = pull.recv()
    rate = (COUNT - 1) / (time.perf_counter() - begin)
    assert len(body) == SIZE

    request = context.socket(zmq.REQ)
    request.connect(f"tcp://127.0.0.1:{int(pull.recv())}")
    begin = time.perf_counter()
    for _ in range(ROUND_TRIPS):
        request.send(b"x")
        request.recv()
    latency = (time.perf_counter() - begin) / ROUND_TRIPS / 2 * 1e6

    other.wait()
    request.close()
    pull.close()
    context.term()
    print(json.dumps({"rate": rate, "latency": latency, "libraries": mapped_libraries()}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        send(sys.argv[1])
    else:
        main()
