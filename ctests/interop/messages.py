"""The numbered messages of messages.h, for the byte-level peers."""

import struct

LARGEST = 10 * 1024 * 1024
HEADER = 16
TAIL = b"end"
PATTERN = bytes(range(256)) * (LARGEST // 256 + 1)


def hash_of(number):
    return (number * 2654435761) & 0xFFFFFFFF


def size_of(number):
    if number % 25000 == 24999:
        return LARGEST
    if number % 5000 == 2500:
        return 1024 * 1024
    if number % 500 == 250:
        return 65536
    if number % 50 == 25:
        return 256 + hash_of(number) % 8192
    return (hash_of(number) >> 16) % 256


def body_of(number, run=1):
    start = hash_of(number) % 256
    body = PATTERN[start : start + size_of(number)]
    if len(body) >= HEADER:
        body = struct.pack("<QQ", number, run) + body[HEADER:]
    return body


def parts_of(number, run=1):
    """All parts of a message, the body first."""
    if number % 10 == 3:
        return [body_of(number, run), b"", TAIL]
    return [body_of(number, run)]
