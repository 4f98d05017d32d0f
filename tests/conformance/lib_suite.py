# SPDX-License-Identifier: BSD-2-Clause
"""iscsi-test-cu: which tests there are, how one is run, and what its output means."""
import fnmatch
import os
import re
import shutil
import subprocess
import time

PASSED, SKIPPED, FAILED = VERDICTS = ("passed", "skipped", "failed")

# How long one test may take. Over iSER the machine is an emulated one.
_SECONDS = {"tcp": 180, "iser": 300}
# A test that waits for ever on what it has broken itself, tests/conformance/reasons tells how.
_HANGS = {"iSCSISendTargets.Invalid": 15}
# libiscsi 1.19 takes memory from malloc for zeroed when it opens an iSER connection, and, where a short read
# fails, gives what it has from malloc to a cache of larger pieces: the next to get it there overruns it.
_AROUND = {"GLIBC_TUNABLES": "glibc.malloc.perturb=255:glibc.malloc.tcache_count=0", "LIBISCSI_CACHE_ALLOCATIONS": "0"}
# CUnit's summary, "tests TOTAL RAN PASSED FAILED INACTIVE".
_SUMMARY = re.compile(r"^\s*tests\s+\d+\s+(\d+)\s+\d+\s+(\d+)", re.MULTILINE)
# What the suite says before and after the test (it looks for reservations) is not the test's.
_TEST = re.compile(r"^Suite:.*?(?=^passed|^FAILED|^Run Summary)", re.MULTILINE | re.DOTALL)
# ModeSense6.Control-SWP passes without its own mark where it has nothing to do.
_SKIP = re.compile(r"\[SKIPPED\]\s*(.*?)\s*$|^\s*(SWP is not changeable)$", re.MULTILINE)

# libiscsi 1.19 over iSER ends a session when the answer to a login or a command takes a second,
# which tells of the machine.
_IMPATIENT = re.compile(r"failed with : revents is not POLLIN")
_TRIES = 4


class Result:
    """What one test said about one disk."""

    def __init__(self, disk, name, verdict, says, seconds=0, output=""):
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


def matches(name, patterns):
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) or
                               fnmatch.fnmatchcase(name.split(".")[0], pattern) for pattern in patterns)


class Suite:
    """One build of iscsi-test-cu."""

    def __init__(self, program):
        self._program = shutil.which(program)
        if not self._program:
            raise SystemExit(f"there is no {program}")
        self.version, self.about = self._describe()

    def _describe(self):
        """What it is called in a word, for the reasons, and in the report."""
        folder = os.path.dirname(os.path.realpath(self._program))
        commit = self._ask("git", "-C", folder, "log", "-1", "--format=%h %cs", "--abbrev=10")
        if commit:
            name, day = commit.split()
            return f"git-{name}", f"libiscsi's commit {name} of {day}"
        package = self._ask("dpkg-query", "-W", "-f", "${Version}", "libiscsi-bin")
        if package and folder == "/usr/bin":
            return package, f"Debian's libiscsi {package}"
        return "unknown", f"`{self._program}`"

    @staticmethod
    def _ask(*command):
        if not shutil.which(command[0]):
            return ""
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False).stdout.strip()

    def names(self):
        """All tests as FAMILY.TEST, in the suite's order."""
        listing = self._ask(self._program, "--list")
        found = [line.strip()[4:] for line in listing.splitlines()
                 if line.startswith("ALL.") and line.count(".") == 2]
        if len(found) < 100:
            raise subprocess.SubprocessError(f"{self._program} --list names {len(found)} tests only")
        return found

    def run(self, bed, disk, name):
        """One test in a process of its own."""
        for _ in range(_TRIES):
            result = self._run_once(bed, disk, name)
            if bed.over != "iser" or result.verdict == PASSED or not _was_impatient(result.output):
                break
        return result

    def _run_once(self, bed, disk, name):
        # The second URL is the other path; only the tests that want two look at it.
        paths = [0, 1] if name.startswith("MultipathIO.") else [0]
        command = [self._program, "--dataloss", "--allow-sanitize", "-V", f"--test=ALL.{name}"]
        command += [bed.url(disk, path, name) for path in paths]
        environment = dict(os.environ, **_AROUND) if bed.over == "iser" else None
        seconds = _HANGS.get(name, _SECONDS[bed.over])
        began = time.monotonic()
        path = os.path.join(bed.work, f"out.{disk.name}")
        with open(path, "wb") as file:
            try:
                status = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                        env=environment, timeout=seconds, check=False).returncode
            except subprocess.TimeoutExpired:
                status = None
        with open(path, encoding="utf-8", errors="replace") as file:
            output = file.read()
        verdict, says = _judge(status, output, seconds)
        return Result(disk.name, name, verdict, says, time.monotonic() - began, output)


def _was_impatient(output):
    """Before the test or in it; what it leaves behind may well not answer."""
    inside = _TEST.search(output)
    return _IMPATIENT.search(output, 0, inside.end() if inside else len(output)) is not None


def _judge(status, output, seconds):
    summary = _SUMMARY.search(output)
    if status is None:
        return FAILED, f"did not end within {seconds} s"
    if status not in (0, 1) or not summary:
        return FAILED, f"ended with status {status}"
    if summary.groups() != ("1", "0"):
        asserts = re.search(r"^\s*1\. (\S+:\d+\s+- .*)$", output, re.MULTILINE)
        return FAILED, asserts.group(1).split("    ")[0] if asserts else "failed"
    # CUnit counts what was skipped as passed.
    inside = _TEST.search(output)
    said = [marked or unmarked for marked, unmarked in _SKIP.findall(inside.group(0) if inside else output)
            if "Skipping assert" not in marked]
    return (SKIPPED, said[0]) if said else (PASSED, "")
