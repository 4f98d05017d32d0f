# SPDX-License-Identifier: BSD-2-Clause
"""What a guest cannot see: the CPU time that others take on the machine it
runs on. The machine keeps the sum in a file of the shared folder, and the
measurement in the guest reads it before and after each run."""
import os
import time

import lib_proc

_INTERVAL = 0.1
_NAME = "outside"


def _machine_of(pid):
    """The process of the virtual machine among the descendants of pid."""
    wanted = {pid}
    # A child's id is nearly always the larger one; else the next look finds it.
    for child in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        try:
            with open(f"/proc/{child}/stat", encoding="ascii", errors="replace") as file:
                head, _, rest = file.read().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) in wanted:
            wanted.add(child)
            if "(qemu-system" in head:
                return child
    return None


def watch(lab, folder):
    """Keep the file up to date until the lab has ended."""
    path = os.path.join(folder, _NAME)
    cores = set(range(os.cpu_count()))
    machine = None
    while lab.poll() is None:
        time.sleep(_INTERVAL)
        machine = machine or _machine_of(lab.pid)
        if not machine:
            continue
        try:
            taken = lib_proc.busy_seconds(cores) - lib_proc.cpu_seconds(machine)
        except lib_proc.Failed:
            break
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"{taken:.3f}\n")
        os.rename(path + ".new", path)
    lab.wait()
    if os.path.exists(path):
        os.unlink(path)


def read(folder="/out"):
    """In the guest: seconds of CPU that others have taken so far."""
    try:
        with open(os.path.join(folder, _NAME), encoding="ascii") as file:
            return float(file.read())
    except (OSError, ValueError) as error:
        raise lib_proc.Failed(f"the machine does not tell how busy it is: {error}") from error
