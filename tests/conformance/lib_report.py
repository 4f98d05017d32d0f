# SPDX-License-Identifier: BSD-2-Clause
"""docs/conformance.md: what was run, how each family fared on each disk, and every reason."""
import lib_suite

_HEAD = """# Conformance

Written by `tests/conformance/report`; do not edit. The suite is libiscsi's `iscsi-test-cu`, as Debian has it and as its developers have it now (docs/hacking.md tells how to
build that and how to renew this page): one process for each test, `--dataloss --allow-sanitize -V`. CUnit counts a skip as a pass; here they are told apart. A test
that fails or is skipped without a reason in `tests/conformance/reasons`, or a reason that is not needed any more, is an error. Over iSER, in [the lab](lab.md), there is Debian's client
alone (the newest cannot log in by it), and each family runs on one disk of a group only.

## The runs

| suite | transport | daemon | disks | tests | passed | skipped | failed |
|---|---|---|---|---|---|---|---|
"""

_DISKS = """## Disks

Each is a target of its own, reached through two portals in different portal groups (the second path of MultipathIO).

| disk | |
|---|---|
"""

_TRANSPORTS = {"tcp": "TCP", "iser": "iSER"}
_DAEMONS = {"running": "one daemon for all tests", "fresh": "a fresh daemon for each family"}
_EXPLAIN = ("A number alone: so many tests, all passed. Otherwise passed, *s* skipped, **f** failed. "
            "Nothing: the disk is not for them, or another had them.\n\n")


def _cell(results):
    count = {verdict: sum(r.verdict == verdict for r in results) for verdict in lib_suite.VERDICTS}
    parts = []
    if count[lib_suite.PASSED]:
        parts.append(str(count[lib_suite.PASSED]))
    if count[lib_suite.SKIPPED]:
        parts.append(f"{count[lib_suite.SKIPPED]} *s*")
    if count[lib_suite.FAILED]:
        parts.append(f"{count[lib_suite.FAILED]} **f**")
    return " ".join(parts)


def _table(run):
    results = run.results
    families = list(dict.fromkeys(r.family for r in sorted(results, key=lambda r: r.family.lower())))
    yield "| family | " + " | ".join(name for name, _ in run.disks) + " |\n"
    yield "|---" * (len(run.disks) + 1) + "|\n"
    rows = [(family, [r for r in results if r.family == family]) for family in families]
    rows.append(("**all**", results))
    for title, group in rows:
        yield f"| {title} | " + " | ".join(_cell([r for r in group if r.disk == name]) for name, _ in run.disks) + " |\n"
    yield "\n"


def _escape(text):
    return text.replace("|", "\\|")


def _where(places):
    """Disks by version and transport, in few words."""
    runs = {}
    for run, result in places:
        runs.setdefault((run.about, run.over), (run, set()))[1].add(result.disk)
    # The same disks of several runs are named once.
    same = {}
    for run, found in runs.values():
        names = [name for name, _ in run.disks if name in found]
        on = "all" if len(names) == len(run.disks) else ", ".join(names)
        same.setdefault(on, []).append(run)
    return "; ".join(f"{on} ({', '.join(f'{run.version} {_TRANSPORTS[run.over]}' for run in at)})"
                     for on, at in same.items())


def _reasons(runs, verdict):
    """One row for each reason, with the tests, the disks, and what the suite said."""
    rows = {}
    for run in runs:
        for result in run.results:
            if result.verdict == verdict:
                because = result.reason.because if result.reason else "**none: a defect**"
                rows.setdefault(because, []).append((run, result))
    yield "| tests | disks | the suite says | why |\n|---|---|---|---|\n"
    for because, places in sorted(rows.items(), key=lambda row: min(r.name.lower() for _, r in row[1])):
        names = ", ".join(sorted({r.name for _, r in places}))
        said = "<br>".join(sorted({r.says for _, r in places}))
        yield f"| {names} | {_where(places)} | {_escape(said)} | {_escape(because)} |\n"
    yield "\n"


def _text(runs):
    yield _HEAD
    for run in runs:
        yield (f"| {run.about} | {_TRANSPORTS[run.over]} | {_DAEMONS[run.daemon]} | {len(run.disks)} | {len(run.results)} | "
               + " | ".join(str(run.count(verdict)) for verdict in lib_suite.VERDICTS) + " |\n")
    yield "\n" + _DISKS
    for name, about in dict(disk for run in runs for disk in run.disks).items():
        yield f"| {name} | {about} |\n"
    for name, why in dict(tuple(pair) for run in runs for pair in run.absent).items():
        yield f"| {name} | not in all runs: {why} |\n"
    yield "\n"
    yield "## What is skipped, and why a disk may do without\n\n"
    yield from _reasons(runs, lib_suite.SKIPPED)
    yield "## What fails, and why that is the suite's fault\n\n"
    yield from _reasons(runs, lib_suite.FAILED)
    for run in runs:
        yield f"## {run.about} over {_TRANSPORTS[run.over]}, {_DAEMONS[run.daemon]}\n\n" + _EXPLAIN
        yield from _table(run)


def write(path, runs):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(_text(runs)).rstrip("\n") + "\n")
