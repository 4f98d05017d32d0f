# SPDX-License-Identifier: BSD-2-Clause
"""What comes out: the table, the ratios, the JSON file, the plots."""
import json
import os
import platform
import subprocess

import lib_svg
from lib_measure import ALONE, DEEP, KIB, METRICS, STREAM, spread

# The points and limits that the project set itself: (what, point, metric,
# against, wanted).
_JUDGED = [
    ("random read 4 KiB depth 32, IOPS", DEEP, "iops", "tgt", ">= 4"),
    ("random read 4 KiB depth 32, IOPS", DEEP, "iops", "bare-canned", ">= 0.8"),
    ("random read 4 KiB depth 32, IOPS", DEEP, "iops", "bare-raw", ">= 0.8"),
    ("random read 4 KiB depth 32, target CPU per I/O", DEEP, "cpu_us", "bare-canned", "<= 1.5"),
    ("random read 4 KiB depth 32, target CPU per I/O", DEEP, "cpu_us", "bare-raw", "<= 1.5"),
    ("random read 4 KiB depth 1, IOPS", ALONE, "iops", "tgt", ">= 2"),
    ("sequential read 64 KiB depth 32, IOPS", STREAM, "iops", "tgt", ""),
    ("sequential read 64 KiB depth 32, IOPS", STREAM, "iops", "bare-canned", ">= 0.8"),
    ("sequential read 64 KiB depth 32, IOPS", STREAM, "iops", "bare-raw", ">= 0.8"),
]


def _version(argv):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=5, check=False)
        words = done.stdout.strip() or done.stderr.strip()
        return words.splitlines()[0] if done.returncode == 0 and words else None
    except (OSError, subprocess.TimeoutExpired):
        return None


def _package(name):
    return _version(["dpkg-query", "-W", "-f", "${Version}", name])


def machine(setup):
    """Facts that a reader of the figures needs; no names, no paths."""
    model = None
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            model = next((line.partition(":")[2].strip() for line in file
                          if line.startswith("model name")), None)
    except OSError:
        pass
    return {"kernel": platform.release(), "machine": platform.machine(), "cpu": model,
            "cores": os.cpu_count(), "target_core": setup.target_core,
            "client_core": setup.client_core,
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
            "load_before": round(os.getloadavg()[0], 2),
            "pinion": _version([setup.piniond, "-V"]) if setup.piniond else None,
            "tgt": _package("tgt"), "libiscsi": _package("libiscsi-bin")}


def _cell(values, digits=0):
    if not values:
        return "-"
    middle, low, high = values
    text = f"{middle:,.{digits}f}"
    return text if low == high else f"{text} ({low:,.{digits}f}-{high:,.{digits}f})"


def _lay_out(rows):
    """Columns: the first two to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i < 2 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return lines


def table(results):
    rows = [["workload", "target", "IOPS (min-max)", "MiB/s", "mean us", "p50 us", "p99 us",
             "target CPU us/IO", "client core", "others"]]
    for key, by_target in results.items():
        for name, samples in by_target.items():
            column = {metric: spread([one[metric] for one in samples]) for metric in METRICS}
            short = {metric: value and (value[0],) * 3 for metric, value in column.items()}
            rows.append([key, name, _cell(column["iops"]), _cell(short["mib_s"]),
                         _cell(short["mean_us"], 1), _cell(short["p50_us"], 1),
                         _cell(short["p99_us"], 1), _cell(column["cpu_us"], 2),
                         _cell(short["client_cpu"], 2), _cell(short["others"], 2)])
            key = ""
    return _lay_out(rows)


def _ratio(mine, theirs, metric):
    """Ratios of the repeats, pair by pair: each pair was taken side by side."""
    others = {one["repeat"]: one[metric] for one in theirs}
    pairs = ((one[metric], others.get(one["repeat"])) for one in mine)
    return spread([a / b for a, b in pairs if a is not None and b])


def ratios(results, subjects, judged=tuple(_JUDGED)):
    """Each Pinion (or extra target) against tgt and the limit."""
    found = []
    for subject in subjects:
        for what, point, metric, against, wanted in judged:
            rows = results.get(point.key, {})
            if subject in rows and against in rows:
                value = _ratio(rows[subject], rows[against], metric)
                if value:
                    found.append({"what": what, "subject": subject, "against": against,
                                  "wanted": wanted, "median": round(value[0], 3),
                                  "min": round(value[1], 3), "max": round(value[2], 3)})
    return found


def ratio_table(found):
    rows = [["ratio", "of", "median (min-max)", "wanted"]]
    for one in found:
        rows.append([one["what"], f"{one['subject']} / {one['against']}",
                     _cell((one["median"], one["min"], one["max"]), 2), one["wanted"]])
    return _lay_out(rows) if found else []


def idle_table(idle):
    rows = [["idle CPU, % of one core", "target", "no session", "one silent session"]]
    for name, shares in idle.items():
        rows.append(["", name, *("-" if shares[key] is None else f"{shares[key]:.2f}"
                                 for key in ("none", "session"))])
    return _lay_out(rows) if idle else []


def _block_words(block):
    return f"{block >> 20}M" if block >= 1 << 20 else f"{block // KIB}K"


def _series(results, points, horizontal, metric, label=""):
    """One line for each target over the points that were measured."""
    lines = {}
    for point in points:
        for name, samples in results.get(point.key, {}).items():
            value = spread([one[metric] for one in samples])
            if value:
                lines.setdefault(name, []).append((getattr(point, horizontal), *value))
    return {name: (name + label, data) for name, data in lines.items() if len(data) > 1}


def _chart(results, names, points, horizontal, metrics, **words):
    """metrics: one, or p50 and p99 as a full and a dashed line."""
    entries = []
    for number, (metric, label) in enumerate(metrics):
        for name, (legend, data) in _series(results, points, horizontal, metric, label).items():
            entries.append((legend, names.index(name), number > 0, data))
    return lib_svg.line_chart(series=sorted(entries, key=lambda entry: entry[1]), **words)


_LATENCY = [("p50_us", " p50"), ("p99_us", " p99")]
# By what varies: title of the axis, its words, and the charts: (what, metrics
# with their place in the legend, unit, logarithmic).
_CHARTS = {
    "depth": ("outstanding I/Os", str, [
        ("IOPS", [("iops", "")], "IOPS", False),
        ("latency", _LATENCY, "microseconds", True),
        ("CPU", [("cpu_us", "")], "target CPU, us per I/O", False)]),
    "block": ("bytes per I/O", _block_words, [
        ("bandwidth", [("mib_s", "")], "MiB/s", False),
        ("latency", _LATENCY, "microseconds", True)]),
    "connections": ("connections", str, [("IOPS", [("iops", "")], "IOPS", False)]),
}
_FIXED_WORDS = {
    "block": lambda block: f"{block // KIB} KiB",
    "depth": lambda depth: f"depth {depth} on each connection",
    "connections": lambda count: "" if count == 1 else f"{count} connections",
}
_PATTERNS = {"rand": "random", "seq": "sequential"}
# (what varies, pattern, what stays).
SWEEPS = (("depth", "rand", {"block": 4 * KIB, "connections": 1}),
          ("block", "seq", {"depth": 32, "connections": 1}),
          ("connections", "rand", {"block": 4 * KIB, "depth": 32}))


def _subject(op, pattern, fixed):
    words = [f"{_PATTERNS[pattern]} {op}"]
    words += [_FIXED_WORDS[key](value) for key, value in fixed.items()]
    return ", ".join(word for word in words if word)


def plots(results, plan, names, sweeps=SWEEPS):
    """Yields (file name, SVG text)."""
    for horizontal, pattern, fixed in sweeps:
        x_title, x_words, charts = _CHARTS[horizontal]
        for op in ("read", "write"):
            points = [point for point in plan if point.op == op and point.pattern == pattern
                      and all(getattr(point, key) == value for key, value in fixed.items())]
            for what, metrics, y_title, log_y in charts:
                title = f"{what[:1].upper()}{what[1:]} by {horizontal}"
                svg = _chart(results, names, points, horizontal, metrics, log_y=log_y,
                             title=f"{title}: {_subject(op, pattern, fixed)}",
                             x_title=x_title, y_title=y_title, x_words=x_words)
                if svg:
                    yield f"{op}-{what.lower()}-by-{horizontal}.svg", svg


def write_files(directory, document, text, charts):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "results.json"), "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    with open(os.path.join(directory, "results.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    for name, svg in charts:
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(svg)
