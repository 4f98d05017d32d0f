# SPDX-License-Identifier: BSD-2-Clause
"""iscsi-test-cu: which tests there are, how one is run, and what its output means."""
import fnmatch
import os
import re
import shutil
import subprocess
import time

PASSED, SKIPPED, FAILED = VERDICTS = ("passed", "skipped", "failed")

_PROGRAM = "iscsi-test-cu"
_SECONDS = 180
# CUnit's summary, "tests TOTAL RAN PASSED FAILED INACTIVE".
_SUMMARY = re.compile(r"^\s*tests\s+\d+\s+(\d+)\s+\d+\s+(\d+)", re.MULTILINE)
# What the suite says before and after the test (it looks for reservations) is not the test's.
_TEST = re.compile(r"^Suite:.*?(?=^passed|^FAILED|^Run Summary)", re.MULTILINE | re.DOTALL)
_SKIP = re.compile(r"^\s*\[SKIPPED\]\s*(.*?)\s*$", re.MULTILINE)


class Result:
    """What one test said about one disk."""

    def __init__(self, disk, name, verdict, says, output, seconds):
        self.disk = disk
        self.name = name
        self.verdict = verdict
        self.says = says
        self.output = output
        self.seconds = seconds
        self.reason = None

    @property
    def family(self):
        return self.name.split(".")[0]

    def output_tail(self):
        lines = [line for line in self.output.splitlines() if line.strip()]
        return "\n".join("    " + line for line in lines[-25:])


def is_here():
    return shutil.which(_PROGRAM) is not None


def version():
    """The Debian package's, or nothing."""
    if not shutil.which("dpkg-query"):
        return ""
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "libiscsi-bin"],
                           capture_output=True, text=True, check=False)
    return query.stdout.strip()


def names():
    """All tests as FAMILY.TEST, in the suite's order."""
    listing = subprocess.run([_PROGRAM, "--list"], capture_output=True, text=True, check=False).stdout
    found = [line.strip()[4:] for line in listing.splitlines()
             if line.startswith("ALL.") and line.count(".") == 2]
    if len(found) < 100:
        raise subprocess.SubprocessError(f"{_PROGRAM} --list names {len(found)} tests only")
    return found


def matches(name, patterns):
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) or
                               fnmatch.fnmatchcase(name.split(".")[0], pattern) for pattern in patterns)


def run(disk, name, url, work):
    """One test in a process of its own."""
    lun = disk.lun_of(name)
    # The second URL is the other path; only the tests that want two look at it.
    command = [_PROGRAM, "--dataloss", "--allow-sanitize", "-V", f"--test=ALL.{name}",
               url(disk, 0, lun), url(disk, 1, lun)]
    if not name.startswith("MultipathIO."):
        command.pop()
    began = time.monotonic()
    path = os.path.join(work, f"out.{disk.name}")
    with open(path, "wb") as file:
        try:
            status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=_SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            status = None
    with open(path, encoding="utf-8", errors="replace") as file:
        output = file.read()
    verdict, says = _judge(status, output)
    return Result(disk.name, name, verdict, says, output, time.monotonic() - began)


def _judge(status, output):
    summary = _SUMMARY.search(output)
    if status is None:
        return FAILED, f"did not end within {_SECONDS} s"
    if status not in (0, 1) or not summary:
        return FAILED, f"ended with status {status}"
    if summary.groups() != ("1", "0"):
        asserts = re.search(r"^\s*1\. (\S+:\d+\s+- .*)$", output, re.MULTILINE)
        return FAILED, asserts.group(1).split("    ")[0] if asserts else "failed"
    # CUnit counts what was skipped as passed.
    inside = _TEST.search(output)
    said = [text for text in _SKIP.findall(inside.group(0) if inside else output) if "Skipping assert" not in text]
    return (SKIPPED, said[0]) if said else (PASSED, "")
