# SPDX-License-Identifier: BSD-2-Clause
"""The disks that the suite runs on, and a daemon that serves them.

Each disk is a target with three logical units of one kind: LUN 0 of 1 GiB (some
of the suite wants that much), LUN 1 of 8 MiB for what works on all blocks (SANITIZE), and
LUN 2, as small and slow, for what must still be at work when it is looked at.
"""
import errno
import fnmatch
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "system"))

import ports  # noqa: E402

_MAIN, _SMALL, _SLOW = range(3)
_SIZES = {_MAIN: 1 << 30, _SMALL: 8 << 20, _SLOW: 8 << 20}
_LAB_SIZE = 64 << 20
_TARGET = "iqn.2026-11.io.pinion:conformance"

# Who logs in where CHAP is asked for. Two tests want a name that looks like a number.
_INITIATORS = {"iSCSICHAP.HexName": "0x706c61696e", "iSCSICHAP.Base64Name": "0bcGxhaW4", "*": "plain"}
_INITIATORS_SECRET = "the-initiators-secret"
_ITSELF = "conformance-target"
_ITS_SECRET = "what-the-target-knows"


class BedError(Exception):
    """The daemon or a device that it needs failed."""


class Disk:
    """One column of the report."""

    def __init__(self, name, kind, about, settings="", **options):
        """Options: without, only (tests), chap ("one-way" or "mutual"), size (of LUN 0)."""
        self.name = name
        self.kind = kind
        self.about = about
        self.settings = settings
        self._only = options.get("only", ["*"])
        self._without = list(options.get("without", []))
        self.chap = options.get("chap")
        self._size = options.get("size", _SIZES[_MAIN])
        if not self.chap:
            self._without.append("iSCSICHAP.*")

    def takes(self, test):
        return (any(fnmatch.fnmatchcase(test, pattern) for pattern in self._only)
                and not any(fnmatch.fnmatchcase(test, pattern) for pattern in self._without))

    @property
    def target(self):
        return f"{_TARGET}.{self.name}"

    def size(self, lun, over):
        """The lab, where iSER is, is an emulated machine with little memory."""
        return _SIZES[lun] if lun != _MAIN else min(self._size, _LAB_SIZE if over == "iser" else self._size)

    def lun_of(self, test):
        if test == "Sanitize.Reset":
            return _SLOW
        # It copies 2048 blocks by one READ and one WRITE, or what there is: 8 MiB are more than one may be.
        if test in ("ExtendedCopy.Simple", "ExtendedCopy.Large") and " block-size = 4096" in " " + self.settings:
            return _SMALL
        return _SMALL if test.startswith("Sanitize.") else _MAIN


# Tests that write and take it for a failure that a read-only disk refuses. ReadOnlySBC asks for the refusals.
_WRITING = ["CompareAndWrite.[!I]*", "ExtendedCopy.Simple", "ExtendedCopy.Large", "ExtendedCopy.ValidTgtDescr", "GetLBAStatus.UnmapSingle",
            "OrWrite.[!P]*", "ProutReserve.Access*", "ReceiveCopyResults.CopyStatus", "Sanitize.*", "Unmap.*",
            "Write*", "iSCSIResiduals.Write*", "iSCSITMF.*", "MultipathIO.[!R]*"]

# What logs in a second time or twice, for the disks that ask for CHAP.
_LOGINS = ["iSCSI*", "MultipathIO.*", "Mandatory.*", "ProutReserve.*", "Reserve6.*", "TestUnitReady.*"]

_DISKS = [
    # Physical blocks of 512 bytes, where nothing else is said: two tests go astray where they are larger (reasons).
    Disk("ram", "ram", "memory, 512 bytes, thin", "thin = true; physical-block-size = 512;"),
    Disk("ram-512e", "ram", "memory, 512 bytes in physical blocks of 4096, thin",
         "thin = true; physical-block-size = 4096;"),
    Disk("ram-4k", "ram", "memory, 4096 bytes, thin", "thin = true; block-size = 4096;"),
    Disk("ram-thick", "ram", "memory, 512 bytes, fully provisioned"),
    Disk("file", "file", "file, 512 bytes, thin", "thin = true; physical-block-size = 512;"),
    Disk("file-4k", "file", "file, 4096 bytes, thin", "thin = true; block-size = 4096;"),
    Disk("file-thick", "file", "file, 512 bytes, fully provisioned"),
    Disk("file-4k-thick", "file", "file, 4096 bytes, fully provisioned", "block-size = 4096;"),
    Disk("loop", "loop", "block device (loop), 512 bytes, thin", "thin = true; physical-block-size = 512;"),
    Disk("zram", "zram", "block device (zram), 4096 bytes, thin", "thin = true; block-size = 4096;"),
    Disk("removable", "ram", "memory, removable, thin", "thin = true; physical-block-size = 512; removable = true;"),
    Disk("read-only", "ram", "memory, read-only (without the tests that begin by writing)",
         "thin = true; physical-block-size = 512; read-only = true;", without=_WRITING),
    Disk("chap", "ram", "memory; the target asks for CHAP (iSCSICHAP, and the tests that log in more than once)",
         "thin = true; physical-block-size = 512;", only=_LOGINS, chap="one-way", size=64 << 20),
    Disk("chap-mutual", "ram", "memory; CHAP both ways (the same tests)",
         "thin = true; physical-block-size = 512;", only=_LOGINS, chap="mutual", size=64 << 20),
]


def _lacks(disk):
    """Why it cannot be had here, or nothing."""
    if disk.kind == "loop":
        if os.geteuid():
            return "a loop device needs root"
        if not shutil.which("losetup") or not os.path.exists("/dev/loop-control"):
            return "this kernel has no loop devices"
    if disk.kind == "zram":
        if os.geteuid():
            return "a zram device needs root"
        if not os.path.exists(_ZRAM + "/hot_add"):
            return "this kernel has no zram"
    return None


def disks(wanted):
    """Those that can be had, and (name, why) of the others."""
    unknown = set(wanted or []) - {disk.name for disk in _DISKS}
    if unknown:
        raise SystemExit(f"no disk is called {', '.join(sorted(unknown))}")
    chosen = [disk for disk in _DISKS if not wanted or disk.name in wanted]
    return ([disk for disk in chosen if not _lacks(disk)],
            [(disk.name, _lacks(disk)) for disk in chosen if _lacks(disk)])


# ---- what holds the bytes ----------------------------------------------------

_ZRAM = "/sys/class/zram-control"


def _new_file(work, name, size):
    path = os.path.join(work, name)
    with open(path, "wb") as file:
        file.truncate(size)
    return path


class _Loop:
    def __init__(self, work, name, size):
        self._file = _new_file(work, name, size)
        self.path = subprocess.run(["losetup", "-f", "--show", self._file], capture_output=True, text=True,
                                   check=True).stdout.strip()

    def close(self):
        subprocess.run(["losetup", "-d", self.path], check=False)
        os.unlink(self._file)


class _Zram:
    def __init__(self, _work, _name, size):
        with open(_ZRAM + "/hot_add", encoding="ascii") as file:
            self._number = file.read().strip()
        self.path = f"/dev/zram{self._number}"
        self._write(f"/sys/block/zram{self._number}/disksize", str(size))

    @staticmethod
    def _write(path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def close(self):
        # udev may still be looking at it.
        for tries in range(100, 0, -1):
            try:
                self._write(f"/sys/block/zram{self._number}/reset", "1")
                self._write(_ZRAM + "/hot_remove", self._number)
                return
            except OSError as error:
                if error.errno != errno.EBUSY or tries == 1:
                    raise
                time.sleep(0.1)


class _File:
    def __init__(self, work, name, size):
        self.path = _new_file(work, name, size)

    def close(self):
        os.unlink(self.path)


_DEVICES = {"file": _File, "loop": _Loop, "zram": _Zram}


# ---- the daemon ----------------------------------------------------------------


def _initiator(test):
    return _INITIATORS.get(test, _INITIATORS["*"])


def _access(disk):
    if not disk.chap:
        return ""
    names = ", ".join(f'"{name}"' for name in _INITIATORS.values())
    mutual = f' mutual = "{_ITSELF}";' if disk.chap == "mutual" else ""
    return f"access = ( {{ accounts = [ {names} ];{mutual} }} );"


class Bed:
    """A daemon with these disks behind two portals, each a path of its own."""

    def __init__(self, build, work, chosen, over="tcp", address="127.0.0.1"):
        self.work = work
        self.over = over
        self._address = address
        self._program = os.path.join(build, "piniond")
        self._control = os.path.join(build, "pinionctl")
        self._disks = chosen
        self._devices = []
        self._daemon = None
        self._ports = [ports.free_port()]
        while len(self._ports) < 2 or self._ports[0] == self._ports[1]:
            self._ports[1:] = [ports.free_port()]
        self._log = os.path.join(work, "piniond.log")

    def __enter__(self):
        os.makedirs(self.work, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self._wait_until_left()
                self._stop()
        finally:
            self._clean_up()

    def url(self, disk, path, test):
        """Where this test finds its logical unit."""
        login = f"{_initiator(test)}%{_INITIATORS_SECRET}@" if disk.chap else ""
        itself = f"?target_user={_ITSELF}&target_password={_ITS_SECRET}" if disk.chap == "mutual" else ""
        scheme = {"tcp": "iscsi", "iser": "iser"}[self.over]
        return f"{scheme}://{login}{self._address}:{self._ports[path]}/{disk.target}/{disk.lun_of(test)}{itself}"

    def is_alive(self):
        return self._daemon is not None and self._daemon.poll() is None

    def _lun(self, disk, lun):
        text = f"lun = {lun}; {disk.settings} "
        if disk.kind == "ram":
            text += f'store = "ram"; size = {disk.size(lun, self.over)}L; '
        else:
            device = _DEVICES[disk.kind](self.work, f"{disk.name}.{lun}", disk.size(lun, self.over))
            self._devices.append(device)
            text += f'store = "file"; path = "{device.path}"; '
        if lun == _SLOW:
            text += 'filters = ( { store = "delay"; milliseconds = 1500; } ); '
        return "{ " + text + "}"

    def _configuration(self):
        targets = []
        for disk in self._disks:
            luns = ", ".join(self._lun(disk, lun) for lun in _SIZES)
            targets.append(f'{{ name = "{disk.target}"; luns = ( {luns} ); {_access(disk)} }}')
        iser = " iser = true;" if self.over == "iser" else ""
        portals = ", ".join(f'{{ address = "{self._address}"; port = {port}; group = {group};{iser} }}'
                            for group, port in enumerate(self._ports, 1))
        accounts = [(name, _INITIATORS_SECRET) for name in _INITIATORS.values()] + [(_ITSELF, _ITS_SECRET)]
        known = ", ".join(f'{{ name = "{name}"; secret = "{secret}"; }}' for name, secret in accounts)
        return (f'control: {{ socket = "{self.work}/control.sock"; }};\n'
                f'state: {{ directory = "{self.work}/state"; }};\n'
                f"accounts = ( {known} );\n"
                f"portals = ( {portals} );\n"
                "targets = (\n" + ",\n".join(targets) + "\n);\n")

    def _start(self):
        path = os.path.join(self.work, "pinion.conf")
        # A fresh daemon remembers nothing.
        shutil.rmtree(os.path.join(self.work, "state"), ignore_errors=True)
        with open(path, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(self._configuration())
        with open(self._log, "wb") as log:
            self._daemon = subprocess.Popen([self._program, "-f", "-c", path], stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        until = time.monotonic() + 180
        for port in self._ports:
            while not self._listens(port):
                if not self.is_alive() or time.monotonic() > until:
                    raise BedError(f"the daemon does not listen\n{self._log_tail()}")
                time.sleep(0.05)

    def _listens(self, port):
        with socket.socket() as probe:
            return probe.connect_ex((self._address, port)) == 0

    def _log_tail(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-20:])

    def _wait_until_left(self):
        """Clients that crashed too: nobody's connection stays."""
        until = time.monotonic() + 90
        while True:
            status = subprocess.run([self._control, "-s", f"{self.work}/control.sock", "status"],
                                    capture_output=True, text=True, check=False).stdout
            if re.search(r"^0 connections", status, re.MULTILINE):
                return
            if time.monotonic() > until:
                raise BedError(f"connections are left\n{status}")
            time.sleep(0.1)

    def _stop(self):
        """As an administrator does; it must leave with status 0."""
        self._daemon.send_signal(signal.SIGTERM)
        try:
            status = self._daemon.wait(60)
        except subprocess.TimeoutExpired as error:
            raise BedError("the daemon did not end after SIGTERM") from error
        if status:
            raise BedError(f"the daemon ended with status {status}\n{self._log_tail()}")

    def _clean_up(self):
        if self.is_alive():
            self._daemon.kill()
            self._daemon.wait()
        for device in self._devices:
            try:
                device.close()
            except OSError as error:
                print(f"{device.path} stays: {error}", flush=True)
        self._devices = []
