"""The rows of the comparison: which program measures what, and what is aimed at."""

import fnmatch

SIZES = [8, 64, 256, 1024, 16384, 65536, 1048576]

# How each number is compared: what is better, and how it is written.
MORE_IS_BETTER = {"rate", "kept"}


class Metric:
    """A number that a program prints."""

    def __init__(self, key, goal=None, words="", kind=None, alone=False):
        self.key = key
        # What is aimed at, ours to the better peer: at least, or at most, whichever side is better.
        self.goal = goal
        # What it is, where a program prints several.
        self.words = words
        self.kind = kind or key
        # Tells something about each library and is not compared; the goal is a value of its own.
        self.alone = alone

    def more_is_better(self):
        return self.key in MORE_IS_BETTER

    def reached(self, value):
        return value >= self.goal if self.more_is_better() else value <= self.goal


class Row:
    """A program with its arguments, and the numbers of it that count."""

    def __init__(self, section, name, program, arguments, metrics, **settings):
        self.section = section
        self.name = name
        self.program = program
        self.arguments = arguments
        self.metrics = metrics
        # What processor time per message is aimed at, to the better peer's.
        self.cpu_goal = settings.get("cpu_goal")
        # Placement means nothing to memory, little to three processes on two processors, and what it
        # tells of one interface it tells of the other.
        self.pinnable = settings.get("pinnable", True)
        # Measured so many times as long as others.
        self.longer = settings.get("longer", 1)
        # Measured when asked for by name only.
        self.extra = settings.get("extra", False)
        self.quick = settings.get("quick", False)
        # Arguments of bare.c, which does the same over a connection without any library.
        self.bare = settings.get("bare")
        self.pinned = False

    def label(self):
        return self.name + (" pinned" if self.pinned else "")

    def pinned_copy(self):
        copy = Row.__new__(Row)
        copy.__dict__.update(self.__dict__, pinned=True)
        return copy


def rate(goal=None):
    return [Metric("rate", goal)]


def one_to_one():
    section = "PUSH to PULL, messages per second"
    goals = {
        "tcp": {8: 8, 64: 5, 256: 4, 1024: 3.5, 16384: 1.3, 65536: 1.2, 1048576: 1.1},
        "ipc": {64: 5, 1024: 3},
        "inproc": {8: 4, 64: 5, 1024: 3},
    }
    for transport, of_transport in goals.items():
        for size in SIZES:
            name = f"{transport}-{size}"
            base = ["--transport", transport, "--size", size]
            goal = of_transport.get(size)
            settings = {
                "extra": goal is None,
                "cpu_goal": 0.25 if transport == "tcp" and size <= 64 else None,
                "quick": size in (64, 1024) or name in ("tcp-8", "tcp-65536"),
                "bare": base if size >= 256 and transport != "inproc" else None,
            }
            yield Row(section, name, "throughput", base, rate(goal), **settings)
            settings |= {"quick": name == "tcp-64", "pinnable": False, "bare": None}
            message = [*base, "--api", "msg"]
            yield Row(section, f"{name}-msg", "throughput", message, rate(goal), **settings)
    reference = ["--transport", "inproc", "--size", 65536, "--api", "reference"]
    yield Row(section, "inproc-65536-reference", "throughput", reference, rate(1), quick=True)
    for size in (65536, 1048576):
        few = ["--transport", "tcp", "--size", size, "--hwm", 4]
        yield Row(section, f"tcp-{size}-hwm4", "throughput", few, rate(1), quick=size == 65536)


def encrypted():
    section = "PUSH to PULL over tcp with CURVE"
    for size in (64, 1024, 65536):
        base = ["--size", size, "--curve", 1]
        yield Row(section, f"curve-{size}", "throughput", base, rate(2), quick=size == 1024)


def one_to_many():
    section = "One to many, and many to one"
    for count in (8, 64):
        for size, goal in ((64, 5), (1024, 2.5), (65536, 1.1)):
            base = ["--count", count, "--size", size]
            name = f"pub{count}-{size}"
            yield Row(section, name, "fanout", base, rate(goal), quick=name == "pub64-64")
            yield Row(section, f"{name}-drop", "fanout", [*base, "--drop", 1], rate(), extra=True)
    topics = ["--count", 64, "--topics", 1000]
    yield Row(section, "pub64-64-topics", "fanout", topics, rate(2), quick=True)
    yield Row(section, "fan-in", "fanin", ["--count", 64], rate(3), quick=True)
    yield Row(section, "fan-out", "fanout", ["--count", 64, "--kind", "push"], rate(3), quick=True)
    yield Row(section, "dealer-router", "requests", ["--count", 64], rate(2), quick=True)
    for count in (1, 8):
        yield Row(section, f"dealer-router-{count}", "requests", ["--count", count], rate())


def latency():
    section = "Latency of 1 byte"

    def metrics(goal):
        return [Metric("latency", goal, "median"), Metric("slowest", goal, "99.9 %", "latency")]

    for transport, goal in (("tcp", 0.7), ("ipc", 0.75), ("inproc", 0.7)):
        base = ["--transport", transport]
        settings = {"cpu_goal": 1, "longer": 3, "quick": True}
        yield Row(section, f"latency-{transport}", "latency", base, metrics(goal), **settings)
    for transport in ("tcp", "ipc", "inproc"):
        busy = ["--transport", transport, "--busy-poll", 100]
        bare = ["--transport", transport, "--kind", "latency", "--size", 1]
        settings = {"longer": 3, "quick": transport == "tcp", "bare": bare}
        yield Row(section, f"latency-{transport}-busy", "latency", busy, metrics(0.2), **settings)
    for transport in ("tcp", "inproc"):
        polled = ["--transport", transport, "--kind", "poll"]
        yield Row(section, f"latency-{transport}-poll", "latency", polled, metrics(None), longer=3)


def through_proxy():
    section = "Through zmq_proxy"
    for size, goal in ((64, 3), (1024, 2)):
        base = ["--size", size]
        settings = {"pinnable": False, "quick": size == 64}
        yield Row(section, f"proxy-pub-{size}", "proxy", base, rate(goal), **settings)
        routed = [*base, "--count", 64, "--kind", "proxy"]
        yield Row(section, f"proxy-router-{size}", "requests", routed, rate(goal), **settings)


def very_many():
    section = "Very many connections, subscriptions, sockets"
    yield Row(section, "connections", "connections", [], rate(1.5), quick=True)
    idle = [Metric("bytes", 0.8, "memory"), Metric("rate", 1, "one active")]
    yield Row(section, "idle-10000", "idle", [], idle, pinnable=False)
    subscriptions = [
        Metric("bytes", 0.5, "memory"),
        Metric("added", 0.7, "time to add", "time"),
        Metric("rate", 2, "match"),
    ]
    yield Row(section, "subscriptions-1000000", "subscriptions", [], subscriptions, pinnable=False)
    for count in (10, 2000):
        base = ["--count", count]
        yield Row(section, f"poller-{count}", "poller", base, rate(), pinnable=False, quick=count > 10)
    memory = {"pinnable": False, "quick": True}
    for what in ("sockets", "connections"):
        yield Row(section, f"memory-{what}", "memory", [what], [Metric("bytes")], **memory)


def python():
    section = "pyzmq, PUSH to PULL over tcp"
    for size in (64, 1048576):
        for copy in (1, 0):
            name = f"pyzmq-{size}-{'copy' if copy else 'nocopy'}"
            base = ["--size", size, "--copy", copy]
            settings = {"pinnable": False, "quick": size == 64}
            yield Row(section, name, "pyzmq_throughput.py", base, rate(1.3), **settings)


def fairness():
    section = "Fairness, and what idleness costs"
    settings = {"pinnable": False, "quick": True}
    slow = [Metric("kept", 0.9, "kept", alone=True), Metric("rate", 1, "rate")]
    yield Row(section, "slow-subscriber", "slow", ["--count", 8], slow, **settings)
    flooded = [Metric("kept", None, "kept", alone=True), Metric("rate", 1, "rate")]
    yield Row(section, "flood", "flood", ["--count", 8], flooded, **settings)
    idle = [Metric("idle", 1e6, "", "time", alone=True)]
    yield Row(section, "quiet", "quiet", [], idle, longer=4, **settings)


def all_rows():
    parts = [one_to_one, encrypted, one_to_many, latency, through_proxy, very_many, python, fairness]
    return [row for part in parts for row in part()]


def chosen(patterns, quick, placement):
    """The rows that are asked for; a pattern without a row raises KeyError."""
    rows = all_rows()
    if patterns is None:
        free = [row for row in rows if (row.quick if quick else not row.extra)]
    else:
        for pattern in patterns:
            if not fnmatch.filter([row.name for row in rows], pattern):
                raise KeyError(pattern)
        free = [row for row in rows if any(fnmatch.fnmatch(row.name, name) for name in patterns)]
    pinned = [row.pinned_copy() for row in free if row.pinnable]
    return {"free": free, "pinned": pinned, "both": free + pinned}[placement]
