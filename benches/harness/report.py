"""What the results look like: lines on the screen, and benches/RESULTS.md."""

import os
import pathlib
import platform
import shlex
import subprocess
import sys

import native
from .running import BARE

RESULTS = native.ROOT / "benches" / "RESULTS.md"
CHART = native.ROOT / "benches" / "results.svg"
TITLES = {"libzmq": "libzmq 4.3.5", "omq": "omq-libzmq 0.8.0", "before": "before", "ours": "oxizmq", BARE: "no library"}


def rate_text(rate):
    if rate >= 1e6:
        return f"{rate / 1e6:.2f}M/s"
    if rate >= 1e4:
        return f"{rate / 1e3:.1f}k/s"
    return f"{rate:.0f}/s"


def time_text(nanoseconds):
    if nanoseconds >= 1e7:
        return f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds / 1000:.1f} µs" if nanoseconds >= 1000 else f"{nanoseconds:.0f} ns"


def bytes_text(count):
    return f"{count / 1024:.1f} KiB" if count >= 1024 else f"{count:.0f} B"


SHOW = {
    "rate": rate_text,
    "latency": time_text,
    "time": time_text,
    "bytes": bytes_text,
    "kept": lambda share: f"{share * 100:.0f} %",
}


def ratio_text(ratio):
    return f"{ratio:.3f}x" if ratio < 0.095 else f"{ratio:.2f}x"


def marked(ratio, goal, reached):
    """A ratio, in bold where it is what is aimed at."""
    text = ratio_text(ratio)
    return f"**{text}**" if goal is not None and reached else text


def value_cell(result, name, key, show):
    if result.has(name, key):
        return show(result.median(name, key))
    return "fails" if result.gave_up(name) else ""


def header(names):
    titles = [TITLES[name] for name in names]
    return ["row", *titles, "ratio", "aim", "90 %", *[f"CPU {title}" for title in titles], "CPU ratio", "CPU aim"]


def judgement(result, metric):
    """Ratio, aim and the ratio's interval."""
    value, goal = result.judged(metric), metric.goal
    if value is None:
        return ["", "", ""]
    sign = "≥" if metric.more_is_better() else "≤"
    if metric.alone:
        return ["", f"{sign} {SHOW[metric.kind](goal)}" if goal is not None else "", ""]
    _, least, most = result.ratio(metric.key, metric.more_is_better())
    ratio = marked(value, goal, goal is not None and metric.reached(value))
    return [ratio, f"{sign} {goal:g}x" if goal is not None else "", f"{least:.2f}-{most:.2f}"]


def cells(result, metric, names):
    row = result.row
    show = SHOW[metric.kind]
    line = [f"{row.label()} {metric.words}".rstrip()]
    line += [value_cell(result, name, metric.key, show) for name in names]
    line += judgement(result, metric)
    first = metric is next((each for each in row.metrics if each.key in ("rate", "latency")), None)
    processor = result.ratio("cpu", False) if first else None
    if processor is None:
        return line + [""] * (len(names) + 2)
    line += [value_cell(result, name, "cpu", time_text) for name in names]
    goal = row.cpu_goal
    line.append(marked(processor[0], goal, goal is not None and processor[0] <= goal))
    line.append(f"≤ {goal:g}x" if goal is not None else "")
    return line


def table_line(texts):
    return "| " + " | ".join(texts) + " |"


def lines_of(result, names):
    return [table_line(cells(result, metric, names)) for metric in result.row.metrics]


def table_head(columns):
    return [table_line(columns), table_line(["---"] + ["---:"] * (len(columns) - 1))]


def goals_reached(results):
    """How many aims there are, and how many were reached."""
    outcomes = []
    for result in results:
        for metric in result.row.metrics:
            if metric.goal is not None:
                value = result.judged(metric)
                outcomes.append(value is not None and metric.reached(value))
        if result.row.cpu_goal is not None:
            processor = result.ratio("cpu", False)
            outcomes.append(processor is not None and processor[0] <= result.row.cpu_goal)
    return sum(outcomes), len(outcomes)


def machine():
    """Where the numbers are from."""
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    cpus = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return f"{model}, {cpus} CPUs, {memory:.0f} GiB; {system}, Linux {platform.release()}; load {load:.1f} at the start"


def version():
    command = ["git", "-C", str(native.ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def sections(results, names):
    """A table for each section that has rows."""
    lines = []
    for section in dict.fromkeys(result.row.section for result in results):
        lines += ["", f"### {section}", "", *table_head(header(names))]
        for result in results:
            if result.row.section == section:
                lines += lines_of(result, names)
    return lines


LIMITS = """
Two threads and one connection without any library, in the turns of the rows above (`bare.c`): one sends
blocks of 128 KiB and the other receives them, counted in messages of the row's size, which are put into
the blocks and taken out again if they are small (a copy each, as zmq_send and zmq_recv have to make); or
they answer each other and never stop looking, over inproc at a word in memory. `ours` is oxizmq in relation
to that, `asked for` what the row's aim comes to: so many times the median of the better of the other
libraries. More than 1x of a rate, or less than 1x of a time, is more than the system itself does with
nobody in between.
""".strip()


def limits(results):
    """What the system alone does in the rows that have it, and how near to that we and the aims are."""
    lines = []
    for result in results:
        for metric in result.row.metrics if result.row.bare else ():
            ours = result.ratio_to(BARE, metric.key)
            peer = result.better_peer(metric.key, metric.more_is_better())
            if ours is None or peer is None:
                continue
            bare, show = result.median(BARE, metric.key), SHOW[metric.kind]
            asked = metric.goal * result.median(peer, metric.key) if metric.goal is not None else None
            texts = [f"{result.row.label()} {metric.words}".rstrip(), show(bare)]
            texts += [show(result.median("ours", metric.key)), ratio_text(ours[0]), f"{ours[1]:.2f}-{ours[2]:.2f}"]
            texts += [show(asked), ratio_text(asked / bare)] if asked is not None else ["", ""]
            lines.append(table_line(texts))
    if not lines:
        return []
    columns = ["row", TITLES[BARE], TITLES["ours"], "ours", "90 %", "asked for", "aim"]
    return ["", "## What the system does alone", "", LIMITS, "", *table_head(columns), *lines]


def failures(results):
    lines = []
    for result in results:
        for name, words in result.failures.items():
            if words:
                many = f" ({len(words)} times)" if len(words) > 1 else ""
                lines.append(f"- {result.row.label()}: {TITLES[name]}: {words[-1]}{many}")
    return ["", "## Runs without a result", "", *lines] if lines else []


NOTES = """
Every row's programs (`benches/*.c`, against the public interface alone) ran on each library in turn,
{repeat} times (three times one that took more than 15 s for a run), {seconds} s measured per run after
a warm-up, latencies three times as long; two processes over tcp and ipc, two threads
over inproc, with the same options everywhere and high-water marks of 1000 where the row names no other.
A column has the median of a library's runs. `ratio` is ours to the better of the others: the median
of what the runs of one turn give, since neighbours meet the same moods of the machine; it is in bold
where it is what the project aims at. `90 %` is the interval in which that median lies nine times out
of ten, as drawing from the same turns again and again shows (bootstrap). More is better for rates and
shares, less for times, memory and CPU. CPU is the processor time of all sides per message.

`tcp-64` is zmq_send and zmq_recv with 64 bytes, `-msg` the same with zmq_msg_*, `-reference` with
zmq_msg_init_data, `-hwm4` with high-water marks of 4. `pubN` is one PUB that waits for its N alike
subscribers, all their messages together; `-topics`: each has 1,000 topics of its own. `fan-in` and
`fan-out` are 64 PUSH to one PULL and one PUSH to 64 PULL, `dealer-router` 64 clients with 16 requests
in flight each, `dealer-router-N` N of them. Latency is half of a round trip between REQ and REP; `-busy`: with ZMQ_BUSY_POLL at 100;
`-poll`: waiting in zmq_poll. `connections` are accepted, with handshake, request and answer. `idle-10000`
has the memory of an idle tcp connection, both ends, and the rate of one active among them.
`subscriptions-1000000` is one XPUB: its memory and time per subscription, and its rate when each message has
to be found. `poller-N` waits with a poller for whichever of N inproc sockets has a message. `memory` is that
of an idle socket, and of an idle connection in one process. pyzmq runs on its wheel, beside the libzmq that
the wheel carries. `kept` is what the other subscribers still get when one of eight stops reading,
and what eight polite clients still get when another connection floods their server. `quiet` is the
processor time taken in a second in which nothing happens, with threads waiting in zmq_recv and
zmq_poll; what `kept` and `quiet` aim at are values, not ratios.
""".strip()


def peers_text(names):
    return " and ".join(TITLES[name] for name in names if name != "ours")


def write_results(options, started, description, interruptions, results, names):
    command = " ".join(shlex.quote(argument) for argument in ["scripts/bench", *sys.argv[1:]])
    reached, aims = goals_reached(results)
    lines = [f"# Beside {peers_text(names)}", ""]
    lines += [f"Written by `{command}` on {started:%Y-%m-%d}, version {version()}.", ""]
    lines += [f"Machine: {description}. {interruptions} (`interruptions.c`): what the slowest round trips of any", "library have in them.", "", NOTES.format(repeat=options.repeat, seconds=options.seconds)]
    lines += ["", f"{reached} of {aims} aims are reached.", "", f"![Ratios, as in the tables below]({CHART.name})"]
    for title, pinned in (("Placed by the scheduler", False), ("Each side on a processor of its own", True)):
        placed = [result for result in results if result.row.pinned == pinned]
        if placed:
            lines += ["", f"## {title}", *sections(placed, names)]
    lines += limits(results)
    lines += failures(results)
    RESULTS.write_text("\n".join(lines) + "\n")
