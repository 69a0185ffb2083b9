"""What is promised of each test program: ctests/upstream/expected.txt.

    program  pass          every case passes, or passes where the machine can
    program  skip          the machine it needs is rare; passing is fine too
    program  later:AREA    belongs to an area that is not there yet

An indented line below a program that passes names cases, separated by blanks,
that are not there yet:

        later:AREA  case case …

Text from # to the end of a line is a note; it appears in the table.
"""

from dataclasses import dataclass, field

from .running import PASS, SKIP, UNBUILT


@dataclass
class Expectation:
    outcome: str
    note: str = ""
    later_cases: dict = field(default_factory=dict)

    @property
    def is_later(self):
        return self.outcome.startswith("later:")

    def allows(self, result):
        if self.is_later or result == PASS:
            return True
        return self.outcome == "skip" and result in (SKIP, UNBUILT)


def read_expectations(path, names):
    expectations = {}
    current = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text, _, note = line.partition("#")
        words = text.split()
        if not words:
            continue
        if line[0].isspace():
            if current is None or not words[0].startswith("later:"):
                raise SystemExit(f"{path}:{number}: cases need a program and an area")
            for case in words[1:]:
                current.later_cases[case] = words[0]
            continue
        known = words[1:] in (["pass"], ["skip"]) or (
            len(words) == 2 and words[1].startswith("later:")
        )
        if not known or words[0] in expectations:
            raise SystemExit(f"{path}:{number}: not understood: {line}")
        current = Expectation(words[1], note.strip())
        expectations[words[0]] = current

    forgotten = sorted(set(names) - set(expectations))
    unknown = sorted(set(expectations) - set(names))
    if forgotten or unknown:
        raise SystemExit(f"{path}: not listed: {forgotten}; no such program: {unknown}")
    return expectations
