# SPDX-License-Identifier: BSD-2-Clause
"""The file of reasons: what may be skipped or fail, on which disks, and why.

Stanzas, with an empty line between them:

    skip FAMILY.TEST[,...]          or: fail FAMILY.TEST[,...]
    on DISK[,...]                   patterns; without it, on all
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
        self.says = fields["says"]
        self.because = fields["because"]
        self.is_used = False

    def covers(self, result):
        return (result.verdict == self.verdict
                and any(fnmatch.fnmatchcase(result.name, test) for test in self.tests)
                and any(fnmatch.fnmatchcase(result.disk, disk) for disk in self.disks)
                and re.search(self.says, result.says) is not None)

    def text(self):
        return f"{self.verdict} {','.join(self.tests)} on {','.join(self.disks)}: {self.because}"


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
                or set(fields) - {"skip", "fail", "on", "says", "because"}:
            raise SystemExit(f"tests/conformance/reasons: this is no reason:\n{text}")
        return Reason(fields)

    def find(self, result):
        for reason in self._all:
            if reason.covers(result):
                reason.is_used = True
                return reason
        return None

    def unused(self):
        return [reason for reason in self._all if not reason.is_used]
