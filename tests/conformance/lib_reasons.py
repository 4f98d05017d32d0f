# SPDX-License-Identifier: BSD-2-Clause
"""The file of reasons: what may be skipped or fail, on which disks, and why.

Stanzas, with an empty line between them:

    skip FAMILY.TEST[,...]          or: fail FAMILY.TEST[,...]
    on DISK[,...]                   patterns; without it, on all
    of VERSION[,...]                patterns: of the suite; without it, of all (git-COMMIT of one that was built)
    over tcp                        or: iser; without it, over both
    says REGULAR-EXPRESSION         what the suite must say
    because SENTENCES               may go on in lines that begin with a space
"""
import fnmatch
import re

import lib_suite

_VERDICTS = {"skip": lib_suite.SKIPPED, "fail": lib_suite.FAILED}


class Reason:
    """One stanza."""

    def __init__(self, fields):
        kind = "skip" if "skip" in fields else "fail"
        self.verdict = _VERDICTS[kind]
        self.tests = fields[kind].split(",")
        self.disks = fields.get("on", "*").split(",")
        self.versions = fields.get("of", "*").split(",")
        self.over = fields.get("over", "*")
        self.says = fields["says"]
        self.because = fields["because"]
        self.is_used = False

    def concerns(self, run):
        """Whether it speaks of that version and transport."""
        return (any(fnmatch.fnmatchcase(run.version, version) for version in self.versions)
                and fnmatch.fnmatchcase(run.over, self.over))

    def covers(self, run, result):
        return (result.verdict == self.verdict
                and self.concerns(run)
                and any(fnmatch.fnmatchcase(result.name, test) for test in self.tests)
                and any(fnmatch.fnmatchcase(result.disk, disk) for disk in self.disks)
                and re.search(self.says, result.says) is not None)

    def text(self):
        return (f"{self.verdict} {','.join(self.tests)} on {','.join(self.disks)} of {','.join(self.versions)} "
                f"over {self.over}: {self.because}")


class Reasons:
    """All of the file."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"^#.*\n", "", file.read(), flags=re.MULTILINE)
        self._all = [self._stanza(stanza) for stanza in re.split(r"\n\s*\n", text) if stanza.strip()]

    @staticmethod
    def _stanza(text):
        fields = dict(line.split(None, 1) for line in re.sub(r"\n\s+", " ", text.strip()).splitlines())
        if not {"says", "because"} <= set(fields) or ("skip" in fields) == ("fail" in fields) \
                or set(fields) - {"skip", "fail", "on", "of", "over", "says", "because"}:
            raise SystemExit(f"tests/conformance/reasons: this is no reason:\n{text}")
        return Reason(fields)

    def judge(self, runs):
        """Gives each result its reason, if there is one; returns (run, result) of those without."""
        unexcused = []
        for run in runs:
            for result in run.results:
                if result.verdict == lib_suite.PASSED:
                    continue
                result.reason = next((reason for reason in self._all if reason.covers(run, result)), None)
                if result.reason:
                    result.reason.is_used = True
                else:
                    unexcused.append((run, result))
        return unexcused

    def unused(self, runs):
        """Those that nothing needs, although they concern one of these runs."""
        return [reason for reason in self._all
                if not reason.is_used and any(reason.concerns(run) for run in runs)]


def complain(unexcused, stale):
    """Says what is wrong; returns an exit status."""
    for run, result in unexcused:
        print(f"NO REASON: {result.verdict} {result.name} on {result.disk} ({run.title()}): {result.says}")
    for reason in stale:
        print(f"STALE: {reason.text()}")
    return 1 if unexcused or stale else 0
