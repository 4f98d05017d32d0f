# SPDX-License-Identifier: BSD-2-Clause
"""What a run was and what came of it, to be kept in a file until the report is written."""
import json
import os

import lib_suite


class Run:
    """One version of the suite, over one transport, on one daemon or on fresh ones."""

    is_whole = True

    def __init__(self, suite, over, daemon, disks, absent):
        self.version = suite.version
        self.about = suite.about
        self.over = over
        self.daemon = daemon
        self.disks = [(disk.name, disk.about) for disk in disks]
        self.absent = absent
        self.results = []
        # Until it has come to its end; what ended it may have left no time to say so.
        self.is_whole = False

    def count(self, verdict):
        return sum(result.verdict == verdict for result in self.results)

    def title(self):
        return f"{self.about}, over {self.over}, daemon {self.daemon}"

    def as_object(self):
        kept = {key: value for key, value in vars(self).items() if key != "results"}
        kept["results"] = [[r.disk, r.name, r.verdict, r.says, round(r.seconds)] for r in self.results]
        return kept

    @classmethod
    def from_object(cls, kept):
        run = cls.__new__(cls)
        vars(run).update(kept)
        run.results = [lib_suite.Result(*fields) for fields in kept["results"]]
        return run


def save(path, runs):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump([run.as_object() for run in runs], file)
    os.replace(path + ".new", path)


def load(paths):
    runs = []
    for path in paths:
        with open(path, encoding="utf-8") as file:
            runs += [Run.from_object(kept) for kept in json.load(file)]
    return runs
