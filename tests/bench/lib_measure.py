# SPDX-License-Identifier: BSD-2-Clause
"""Points of measurement, the clients that take them, and the order of runs."""
import json
import os
import re
import select
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import lib_proc
from lib_proc import Failed

KIB = 1024
METRICS = ["iops", "mib_s", "mean_us", "p50_us", "p99_us", "cpu_us", "client_cpu", "others"]
# Of a core: a run that others disturbed more than this is taken again.
NOISE = 0.1
# The names that the clients log in by.
_PERF_NAME = "iqn.2026-11.io.pinion:perf{}"
INITIATORS = ["iqn.2026-11.io.pinion:bench-load", *(_PERF_NAME.format(i) for i in range(8))]
_AVERAGE = re.compile(r"iops average (\d+) \(\d+ MB/s\)")


@dataclass(frozen=True)
class Point:
    """One workload. depth is for each connection."""
    op: str = "read"
    pattern: str = "rand"
    block: int = 4 * KIB
    depth: int = 32
    connections: int = 1

    @property
    def key(self):
        return (f"{self.pattern}-{self.op}-{self.block // KIB}k"
                f"-d{self.depth}-c{self.connections}")


DEEP = Point()
ALONE = Point(depth=1)
STREAM = Point(pattern="seq", block=64 * KIB)
JUDGED = [DEEP, ALONE, STREAM]


def full_plan():
    """Every point of the full run, each once."""
    plan = list(JUDGED)
    for op in ("read", "write"):
        plan += [Point(op, depth=1 << i) for i in range(8)]
        plan += [Point(op, "seq", block=(4 << i) * KIB) for i in range(9)]
        plan += [Point(op, block=64 * KIB)]
        plan += [Point(op, connections=1 << i) for i in range(4)]
    return list(dict.fromkeys(plan))


def iscsi_perf(point, target, setup):
    """IOPS as iscsi-perf counts them; several connections are several
    processes. It knows no writes and no percentiles."""
    seconds = max(1, round(setup.seconds))
    argv = ["iscsi-perf", "-m", str(point.depth), "-b", str(point.block // 512),
            "-t", str(seconds)]
    if point.pattern == "rand":
        argv.append("-r")
    argvs = [argv + ["-i", _PERF_NAME.format(i), target.url]
             for i in range(point.connections)]
    iops = 0
    cpu = 0
    for status, out, err, used in lib_proc.run_many(argvs, seconds + 15, setup.client_core):
        found = _AVERAGE.findall(out)
        if status or not found:
            raise Failed(f"iscsi-perf against {target.name}: status {status} {err.strip()[-200:]}")
        iops += int(found[-1])
        cpu += used
    # By Little's law, for want of anything finer.
    mean = point.depth * point.connections / iops * 1e6 if iops else 0
    return {"iops": iops, "mib_s": iops * point.block / 2**20, "mean_us": mean,
            "ios_total": iops * seconds, "client_cpu": cpu / seconds, "client_seconds": cpu}


def _generator(argv, point, setup, seconds):
    argv += ["--block", str(point.block), "--depth", str(point.depth),
             "--connections", str(point.connections), "--seconds", str(seconds)]
    if point.op == "write":
        argv.append("--write")
    return argv


def _json_line(argv, setup, seconds, target):
    status, out, err, used = lib_proc.run(argv, seconds + 25, setup.client_core)
    if status or not out.startswith("{"):
        raise Failed(f"{os.path.basename(argv[0])} against {target.name}: "
                     f"status {status} {err.strip()[-200:]}")
    return dict(json.loads(out.splitlines()[0]), client_seconds=used)


def load_argv(point, target, setup, seconds):
    argv = _generator([setup.load], point, setup, seconds)
    if point.pattern == "rand":
        argv.append("--random")
    return argv + [target.url]


def bench_load(point, target, setup, seconds):
    return _json_line(load_argv(point, target, setup, seconds), setup, seconds, target)


def bare_client(point, target, setup):
    argv = [setup.bare, "--client", "--port", str(target.port)]
    if target.batch:
        argv.append("--batch")
    argv = _generator(argv, point, setup, setup.seconds)
    return _json_line(argv, setup, setup.seconds, target)


def _rates(point, target, setup):
    """The run whose IOPS and CPU count: iscsi-perf where it can."""
    if target.kind == "own":
        return target.rates(point)
    if target.kind == "raw":
        return bare_client(point, target, setup)
    if point.op == "read" and setup.has_perf:
        return iscsi_perf(point, target, setup)
    if not setup.load:
        return None
    return bench_load(point, target, setup, setup.seconds)


def _watched(point, target, setup):
    """_rates, with the target's CPU time and that of everybody else on the
    two cores (as a share of one core) beside it. In the lab the two cores
    are the guest's, and everybody else is outside: setup.outside tells."""
    cores = {setup.target_core, setup.client_core}
    begin = time.monotonic()
    outside = setup.outside and setup.outside()
    busy = lib_proc.busy_seconds(cores)
    before = lib_proc.cpu_seconds(target.pid) if target.pid else None
    result = _rates(point, target, setup)
    if result is None:
        return None
    if setup.outside:
        result["others"] = max(0, setup.outside() - outside) / (time.monotonic() - begin)
    if before is None:
        return result
    used = lib_proc.cpu_seconds(target.pid) - before
    if not setup.outside:
        busy = lib_proc.busy_seconds(cores) - busy - used - result["client_seconds"]
        result["others"] = max(0, busy) / (time.monotonic() - begin)
    if result["ios_total"]:
        result["cpu_us"] = used / result["ios_total"] * 1e6
    return result


def _is_over(setup):
    return setup.deadline is not None and time.monotonic() > setup.deadline


def sample(point, target, setup):
    """One repeat of one point on one target: a dict of METRICS, or None
    where no client can do it. Of disturbed runs the quietest is kept."""
    if point.op == "write" and not target.ours:
        return None
    target.check()
    result = _watched(point, target, setup)
    for _ in range(setup.retries):
        if result is None or result.get("others", 0) <= NOISE or _is_over(setup):
            break
        again = _watched(point, target, setup)
        result = min(result, again, key=lambda taken: taken["others"])
    if result is None:
        return None
    if "p50_us" not in result and setup.load and target.kind != "own":
        finer = bench_load(point, target, setup, max(0.5, setup.seconds / 2))
        result.update({key: finer[key] for key in ("mean_us", "p50_us", "p99_us", "p999_us")})
    target.check()
    return {key: result.get(key) for key in METRICS + ["p999_us"]}


def measure(plan, targets, setup, results, failures):
    """All points: each repeat visits every target in turn (A B C, B C A, ...),
    so that the machine's noise hits all alike. results[key][target] becomes a
    list with one sample for each repeat. A target that failed three times or
    died is left out from there on. At setup.deadline it ends with what is
    there."""
    lost = dict.fromkeys(targets, 0)
    for number, point in enumerate(plan, 1):
        if _is_over(setup):
            failures.append(f"no time left for {point.key} and what follows")
            return
        print(f"[{number}/{len(plan)}] {point.key}", file=sys.stderr, flush=True)
        rows = results.setdefault(point.key, {})
        for repeat in range(setup.repeats):
            if repeat and _is_over(setup):
                break
            turn = repeat % len(targets)
            for target in targets[turn:] + targets[:turn]:
                if lost[target] >= 3:
                    continue
                try:
                    taken = sample(point, target, setup)
                except Failed as error:
                    failures.append(f"{point.key} {target.name}: {error}")
                    print(f"  FAILED {failures[-1]}", file=sys.stderr, flush=True)
                    lost[target] += 1 if target.is_alive() else 3
                    continue
                if taken:
                    rows.setdefault(target.name, []).append(dict(taken, repeat=repeat))


def fill(target, setup):
    """Write the LUN once, so that reads find memory and not holes."""
    if setup.load and target.ours and target.has_lun and target.fill_block:
        argv = [setup.load, "--fill", "--block", str(target.fill_block), "--depth", "8", target.url]
        _json_line(argv, setup, 60, target)


def _share(target, seconds):
    before = lib_proc.cpu_seconds(target.pid)
    begin = time.monotonic()
    time.sleep(seconds)
    used = lib_proc.cpu_seconds(target.pid) - before
    target.check()
    return used / (time.monotonic() - begin) * 100


def idle(target, setup, seconds):
    """CPU share in percent of a core with nobody there, and with a session
    that worked for a second and then fell silent."""
    result = {"none": _share(target, seconds), "session": None}
    if target.kind == "raw" or not setup.load:
        return result
    argv = [setup.load, "--seconds", "1", "--random", "--hold", str(seconds + 5), target.url]
    process = lib_proc.start(argv, setup.client_core, target.log, stdout=subprocess.PIPE)
    try:
        # The line comes when the second is over; a target that hangs must
        # not hang us, so wait with a limit.
        ready = select.select([process.stdout], [], [], 20)[0]
        if not ready or not process.stdout.readline().startswith(b"{"):
            raise Failed(f"idle: bench-load against {target.name} did not start\n"
                         f"{lib_proc.tail(target.log)}")
        time.sleep(0.5)
        result["session"] = _share(target, seconds)
        if process.poll() is not None:
            raise Failed(f"idle: {target.name} dropped the silent session")
    finally:
        lib_proc.stop(process, signal.SIGKILL)
    return result



def spread(values):
    """(median, min, max) of what is there; None when nothing is."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return statistics.median(values), min(values), max(values)
