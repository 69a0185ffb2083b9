"""PUSH to PULL with pyzmq as fast as it goes: what throughput.c measures, in Python."""

import argparse
import ctypes
import mmap
import os
import resource
import signal
import struct
import sys
import time

import zmq

LIMIT_SECONDS = 20
WARM_UP, MEASURE, END = range(3)
# Phase, the other side's end, its processor time, the port.
PAGE = struct.Struct("=qqqq")
FIELDS = {name: 8 * place for place, name in enumerate(("phase", "left", "cpu", "port"))}


class Meeting:
    """A page of memory that both processes see."""

    def __init__(self):
        self.page = mmap.mmap(-1, PAGE.size)

    def __getitem__(self, name):
        return struct.unpack_from("=q", self.page, FIELDS[name])[0]

    def __setitem__(self, name, value):
        struct.pack_into("=q", self.page, FIELDS[name], value)


def cpu_time():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int((used.ru_utime + used.ru_stime) * 1e9)


def print_library():
    """The file that the functions of libzmq come from: a preloaded one, or what the wheel carries."""
    everything = ctypes.CDLL(None)
    if hasattr(everything, "zmq_version"):
        wanted = ctypes.cast(everything.zmq_version, ctypes.c_void_p).value
    else:
        wanted = None
    with open("/proc/self/maps", encoding="utf-8") as maps:
        for line in maps:
            words = line.split()
            begin, end = (int(word, 16) for word in words[0].split("-"))
            if wanted is None and len(words) > 5 and os.path.basename(words[5]).startswith("libzmq"):
                break
            if wanted is not None and begin <= wanted < end:
                break
        else:
            sys.exit("no libzmq is loaded")
    print(f"library={words[5]}", flush=True)


def pin(options, wanted):
    allowed = sorted(os.sched_getaffinity(0))
    if options.pin:
        os.sched_setaffinity(0, {allowed[wanted % len(allowed)]})


def open_socket(kind):
    socket = zmq.Context.instance().socket(kind)
    socket.linger = 0
    socket.hwm = 1000
    socket.sndtimeo = socket.rcvtimeo = 100
    return socket


def sender(options, meeting):
    pin(options, 0)
    socket = open_socket(zmq.PUSH)
    payload = bytes(options.size)
    copy = bool(options.copy)
    while not meeting["port"]:
        time.sleep(0.001)
    socket.connect(f"tcp://127.0.0.1:{meeting['port']}")
    phase, begin = WARM_UP, 0
    while phase != END:
        for _ in range(16):
            try:
                socket.send(payload, copy=copy)
            except zmq.Again:
                pass
        if meeting["phase"] != phase:
            phase = meeting["phase"]
            if phase == MEASURE:
                begin = cpu_time()
    meeting["cpu"] = cpu_time() - begin
    meeting["left"] = 1
    socket.close()


def receive_for(socket, copy, seconds):
    received, begin = 0, time.monotonic()
    while True:
        for _ in range(16):
            try:
                socket.recv(copy=copy)
            except zmq.Again:
                continue
            received += 1
        elapsed = time.monotonic() - begin
        if elapsed >= seconds:
            return received, elapsed


def receiver(options, meeting):
    pin(options, 1)
    socket = open_socket(zmq.PULL)
    copy = bool(options.copy)
    meeting["port"] = socket.bind_to_random_port("tcp://127.0.0.1")
    while not receive_for(socket, copy, options.warm_up)[0]:
        pass
    meeting["phase"] = MEASURE
    begin = cpu_time()
    received, elapsed = receive_for(socket, copy, options.seconds)
    cpu = cpu_time() - begin
    meeting["phase"] = END
    while not meeting["left"]:
        receive_for(socket, copy, 0.01)
    socket.close()
    print(f"rate={received / elapsed:.1f}\ncpu={(cpu + meeting['cpu']) / received:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--copy", type=int, default=1)
    parser.add_argument("--pin", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--warm-up", type=float, default=0.1)
    options = parser.parse_args()
    meeting = Meeting()
    print_library()
    signal.alarm(LIMIT_SECONDS)
    child = os.fork()
    if child == 0:
        sender(options, meeting)
        os._exit(0)
    try:
        receiver(options, meeting)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
