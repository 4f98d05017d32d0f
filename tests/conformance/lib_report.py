# SPDX-License-Identifier: BSD-2-Clause
"""docs/conformance.md: what was run, how each family fared on each disk, and every reason."""
import itertools

import lib_suite

_HEAD = """# Conformance

Written by `tests/conformance/run --daemon {daemon} --report docs/conformance.md`; do not edit. The suite is libiscsi's `iscsi-test-cu`{version}:
one process for each test, `--dataloss --allow-sanitize -V`, over TCP. CUnit counts a skip as a pass; here they are told apart. A test that fails or
is skipped without a reason in `tests/conformance/reasons`, or a reason that is not needed any more, makes the run fail. The same suite over iSER: [lab.md](lab.md).

## Disks

Each is a target of its own, reached through two portals in different portal groups (the second path of MultipathIO).

| disk | |
|---|---|
"""

_KINDS = {
    "running": "## All tests on one running daemon",
    "fresh": "## Each family on a fresh daemon",
}

_EXPLAIN = "A number alone: so many tests, all passed. Otherwise passed, *s* skipped, **f** failed.\n\n"


def _cell(results):
    count = {verdict: sum(r.verdict == verdict for r in results) for verdict in lib_suite.VERDICTS}
    parts = []
    if count[lib_suite.PASSED] or not results:
        parts.append(str(count[lib_suite.PASSED]) if results else "")
    if count[lib_suite.SKIPPED]:
        parts.append(f"{count[lib_suite.SKIPPED]} *s*")
    if count[lib_suite.FAILED]:
        parts.append(f"{count[lib_suite.FAILED]} **f**")
    return " ".join(parts)


def _table(results, disks):
    families = list(dict.fromkeys(r.family for r in sorted(results, key=lambda r: r.family.lower())))
    yield "| family | " + " | ".join(disk.name for disk in disks) + " |\n"
    yield "|---" * (len(disks) + 1) + "|\n"
    rows = [(family, [r for r in results if r.family == family]) for family in families]
    rows.append(("**all**", results))
    for title, group in rows:
        yield f"| {title} | " + " | ".join(_cell([r for r in group if r.disk == d.name]) for d in disks) + " |\n"
    yield "\n"


def _escape(text):
    return text.replace("|", "\\|")


def _reasons(results, disks, verdict):
    """One row for each reason and what the suite said, with the tests and the disks."""
    order = {disk.name: number for number, disk in enumerate(disks)}
    groups = {}
    for result in results:
        if result.verdict == verdict:
            because = result.reason.because if result.reason else "**none: a defect**"
            groups.setdefault((result.name, because), []).append(result)
    # Tests that share reason and disks share a row.
    rows = {}
    for (name, because), group in groups.items():
        names = sorted({r.disk for r in group}, key=order.get)
        said = "; ".join(sorted({r.says for r in group}))
        rows.setdefault((because, tuple(names)), []).append((name, said))
    yield "| tests | disks | the suite says | why |\n|---|---|---|---|\n"
    for (because, names), tests in sorted(rows.items(), key=lambda row: min(row[1])):
        on = "all" if len(names) == len(disks) else ", ".join(names)
        for said, same in itertools.groupby(sorted(tests, key=lambda t: (t[1], t[0])), key=lambda t: t[1]):
            listed = ", ".join(name for name, _ in same)
            yield f"| {listed} | {on} | {_escape(said)} | {_escape(because)} |\n"
    yield "\n"


def _text(runs, disks, absent):
    version = lib_suite.version()
    yield _HEAD.format(daemon="both" if len(runs) > 1 else "".join(runs), version=f" of Debian's libiscsi {version}" if version else "")
    for disk in disks:
        yield f"| {disk.name} | {disk.about} |\n"
    for name, why in absent:
        yield f"| {name} | not in this run: {why} |\n"
    yield "\n"
    for kind, results in runs.items():
        yield _KINDS[kind] + "\n\n" + _EXPLAIN
        yield from _table(results, disks)
    everything = [result for results in runs.values() for result in results]
    yield "## What is skipped, and why a disk may do without\n\n"
    yield from _reasons(everything, disks, lib_suite.SKIPPED)
    yield "## What fails, and why that is the suite's fault\n\n"
    yield from _reasons(everything, disks, lib_suite.FAILED)


def write(path, runs, disks, absent):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(_text(runs, disks, absent)).rstrip("\n") + "\n")
