"""Telling how it went: a line per program, a JSON file, a Markdown table."""

import json

from .running import PASS, SKIP

TABLE_BEGIN = "<!-- upstream-tests: begin -->"
TABLE_END = "<!-- upstream-tests: end -->"
OUTPUT_LINES = 40


def case_counts(record):
    results = list(record["cases"].values())
    return results.count(PASS), len(results) - results.count(SKIP)


def print_line(name, outcome, judgement):
    passed = sum(result == PASS for result in outcome.cases.values())
    cases = f"{passed}/{len(outcome.cases)}" if outcome.cases else ""
    print(
        f"{outcome.result:8}{outcome.seconds:7.1f} s  {name:34}{cases:>8}  {judgement}".rstrip(),
        flush=True,
    )


def print_failure(outcome):
    for case, result in outcome.cases.items():
        if result not in (PASS, SKIP):
            print(f"            {case}: {outcome.messages.get(case, result)}")
    if outcome.detail:
        print(f"            {outcome.detail}")
    if outcome.result != "fail" or not outcome.cases:
        for line in outcome.output.splitlines()[-OUTPUT_LINES:]:
            print(f"            | {line}")


def read_durations(path):
    """Seconds that the programs took in the run that `path` tells of."""
    try:
        programs = json.loads(path.read_text())["programs"]
        return {name: record["seconds"] for name, record in programs.items()}
    except (OSError, ValueError, KeyError):
        return {}


def write_json(path, library, records, summary):
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"library": str(library), "summary": summary, "programs": records}
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


def write_table(path, records, expectations):
    text = path.read_text() if path.exists() else ""
    if TABLE_BEGIN not in text or TABLE_END not in text:
        raise SystemExit(f"{path} has no lines {TABLE_BEGIN} and {TABLE_END}")
    before, rest = text.split(TABLE_BEGIN, 1)
    after = rest.split(TABLE_END, 1)[1]
    path.write_text(f"{before}{TABLE_BEGIN}\n{table(records, expectations)}{TABLE_END}{after}")


def table(records, expectations):
    rows = ["| Program | Result | Cases passed | Note |", "|---|---|---|---|"]
    for name, expectation in sorted(expectations.items()):
        record = records.get(name)
        result = record["result"] if record else "not run"
        cases = ""
        if record and record["cases"]:
            passed, ran = case_counts(record)
            total = ran + len(set(expectation.later_cases) - set(record["cases"]))
            cases = f"{passed} of {total}" if total else ""
        notes = [expectation.note] if expectation.note else []
        if expectation.is_later:
            area = expectation.outcome.split(":", 1)[1]
            notes.insert(0, f"later: {area}")
            result = PASS if result == PASS else "later"
        for area in sorted(set(expectation.later_cases.values())):
            cases_of_area = sorted(
                f"`{case}`" for case, of in expectation.later_cases.items() if of == area
            )
            notes.append(f"{area.replace(':', ': ')}: {', '.join(cases_of_area)}")
        rows.append(f"| {name} | {result} | {cases} | {'; '.join(notes)} |")
    return "\n".join(rows) + "\n"
