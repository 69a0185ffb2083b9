"""The results as a picture: how many times better than the better of the others, row by row."""

import math
from html import escape

LEFT, WIDTH, RIGHT = 250, 560, 70
ROW, BAR = 18, 11
# The scale is logarithmic and has lines here.
MARKS = [0.25, 0.5, 1, 2, 4, 8, 16, 32]
BETTER, WORSE, TEXT, GRID, AIM = "#2f7d5b", "#b4552d", "#24292f", "#d9dde2", "#24292f"


def place(times):
    low, high = math.log2(MARKS[0]), math.log2(MARKS[-1])
    within = min(max(math.log2(times), low), high) if times > 0 else low
    return LEFT + (within - low) / (high - low) * WIDTH


def text(x, y, words, anchor="start", weight="normal"):
    attributes = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text {attributes} fill="{TEXT}">{escape(words)}</text>'


def line(x1, y1, x2, y2, color, width=1):
    return f'<line x1="{x1:.1f}" y1="{y1}" x2="{x2:.1f}" y2="{y2}" stroke="{color}" stroke-width="{width}"/>'


class Bar:
    """A number of a row, turned so that more is better."""

    def __init__(self, result, metric):
        self.words = f"{result.row.label()} {metric.words}".rstrip()
        ratio = result.judged(metric) or 0
        turned = ratio if metric.more_is_better() else (1 / ratio if ratio else 0)
        self.times = turned
        self.aim = None
        if metric.goal is not None:
            self.aim = metric.goal if metric.more_is_better() else 1 / metric.goal

    def draw(self, y):
        middle = y + ROW / 2
        begin, end = sorted((place(1), place(self.times)))
        color = BETTER if self.times >= 1 else WORSE
        top = middle - BAR / 2
        yield text(LEFT - 8, middle + 4, self.words, "end")
        yield f'<rect x="{begin:.1f}" y="{top}" width="{end - begin:.1f}" height="{BAR}" fill="{color}"/>'
        if self.aim is not None:
            yield line(place(self.aim), top - 2, place(self.aim), top + BAR + 2, AIM, 2)
        yield text(LEFT + WIDTH + 8, middle + 4, f"{self.times:.2f}x")


def all_bars(result):
    compared = [metric for metric in result.row.metrics if not metric.alone]
    return [bar for bar in (Bar(result, metric) for metric in compared) if bar.times]


def by_section(results):
    """What was measured without pinning."""
    found = {}
    for result in results:
        of_row = [] if result.row.pinned else all_bars(result)
        if of_row:
            found.setdefault(result.row.section, []).extend(of_row)
    return found


def svg(results, title):
    """The picture's text; empty when there is nothing to show."""
    sections = by_section(results)
    if not sections:
        return ""
    y, body = 66, []
    for section, of_section in sections.items():
        y += 10
        body.append(text(16, y + 13, section, weight="bold"))
        y += ROW + 2
        for bar in of_section:
            body += bar.draw(y)
            y += ROW
    height, width = y + 16, LEFT + WIDTH + RIGHT
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        text(16, 24, title, weight="bold"),
        text(16, 42, "Times better than the better of the others, on a logarithmic scale; the upright stroke is the aim."),
    ]
    for mark in MARKS:
        color, thickness = (TEXT, 1.5) if mark == 1 else (GRID, 1)
        head.append(line(place(mark), 68, place(mark), height - 10, color, thickness))
        head.append(text(place(mark), 62, f"{mark:g}x", "middle"))
    return "\n".join([*head, *body, "</svg>", ""])
