# SPDX-License-Identifier: BSD-2-Clause
"""Processes of the benchmark: pinned, bounded in time, always ended by pid."""
import ctypes
import os
import signal
import socket
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_running = []


class Failed(Exception):
    """Something did not run; the text says what."""


def _child_setup(core):
    def setup():
        # If the runner itself is killed, nothing of it stays behind.
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})
    return setup


def start(argv, core=None, log=None, env=None, stdout=None):
    """Start argv pinned on core; its words go to the file named log."""
    with open(log or os.devnull, "ab") as sink:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=stdout or sink, stderr=sink, env=env,
                preexec_fn=_child_setup(core))
        except OSError as error:
            raise Failed(f"{argv[0]}: {error.strerror}") from error
    _running.append(process)
    return process


def stop(process, first=signal.SIGTERM, patience=5.0):
    """End a process: the polite signal, then SIGKILL."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(patience)
    if process.stdout:
        process.stdout.close()
    if process in _running:
        _running.remove(process)


def stop_all():
    for process in list(_running):
        stop(process, signal.SIGKILL)


def run(argv, limit, core=None, env=None):
    """Run argv to its end, at most limit seconds. Returns (status, stdout,
    stderr, cpu seconds); a process that hangs is killed and raises Failed."""
    return run_many([argv], limit, core, env)[0]


def run_many(argvs, limit, core=None, env=None):
    """The same for several that run at the same time."""
    deadline = time.monotonic() + limit
    processes = []
    results = []
    try:
        for argv in argvs:
            processes.append(subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=env, preexec_fn=_child_setup(core)))
            _running.append(processes[-1])
        for argv, process in zip(argvs, processes):
            before = os.times()
            out, err = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
            after = os.times()
            cpu = after.children_user - before.children_user
            cpu += after.children_system - before.children_system
            results.append((process.returncode, out.decode(errors="replace"),
                            err.decode(errors="replace"), cpu))
    except OSError as error:
        raise Failed(f"{argvs[0][0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{os.path.basename(argvs[0][0])} hung; killed") from error
    finally:
        for process in processes:
            stop(process, signal.SIGKILL)
    return results


def cpu_seconds(pid):
    """CPU time of a process so far, all its threads, in seconds.

    schedstat counts nanoseconds of each living thread; where the kernel has
    none, utime and stime of /proc/PID/stat do (10 ms steps)."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9
    except (OSError, IndexError, ValueError):
        pass
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError as error:
        raise Failed(f"process {pid} is gone") from error


def busy_seconds(cores):
    """Time that these cores have been busy, whoever it was, steal included."""
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[0] in names:
                user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
                ticks += user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_port(process, port, limit=30.0, address="127.0.0.1"):
    """Wait until the process listens on the port of the address."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"ended with status {process.returncode} before it listened")
        try:
            socket.create_connection((address, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise Failed(f"did not listen on port {port} within {limit:.0f} s")


def tail(path, lines=5):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:]).rstrip()
    except OSError:
        return ""
