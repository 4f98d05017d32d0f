# SPDX-License-Identifier: BSD-2-Clause
"""What is measured in the lab: Pinion, tgt and LIO by iSER and TCP, and
perftest's programs as the limit. Points, ratios and plots for them.

One server stands behind both transports of Pinion and of tgt, so that each
pair of names shares a process and its memory."""
import os
import re
import time

import lib_measure
import lib_proc
from lib_measure import KIB, Point
from lib_targets import Pinion, Target, Tgt

ADDRESS = "10.9.0.1"  # the target's end in every mode of the lab
# What libiscsi 1.19 can take in one request over iSER.
_BLOCK_MAX = 256 * KIB
# What software RDMA does in the lab, in bytes a second, to take about as long
# as the others do.
_RDMA_RATE = 50 << 20
_LIO_IQN = "iqn.2026-11.io.pinion:lio"
# tgt 1.0.85 takes no other port for iSER ("invalid port supplied").
_TGT_ISER_PORT = 3260

# At depth 4 the largest block keeps 1 MiB outstanding.
_QUICK_BLOCKS = [Point(block=64 * KIB, depth=8), Point(block=_BLOCK_MAX, depth=4)]
_SEVERAL = Point(depth=8, connections=4)
QUICK = [Point(depth=1), Point(depth=8), Point(depth=32), *_QUICK_BLOCKS, _SEVERAL]

_JUDGED = [
    ("random read 4 KiB depth 1, IOPS", Point(depth=1), "iops", "tgt-iser", ""),
    ("random read 4 KiB depth 1, IOPS", Point(depth=1), "iops", "lio-iser", ""),
    ("random read 4 KiB depth 8, IOPS", Point(depth=8), "iops", "tgt-iser", ">= 1.3"),
    ("random read 4 KiB depth 8, IOPS", Point(depth=8), "iops", "lio-iser", ">= 1"),
    ("random read 4 KiB depth 32, IOPS", Point(depth=32), "iops", "tgt-iser", ">= 1.3"),
    ("random read 4 KiB depth 32, IOPS", Point(depth=32), "iops", "lio-iser", ">= 1"),
    ("random read 64 KiB depth 8, IOPS", _QUICK_BLOCKS[0], "iops", "tgt-iser", ">= 1.3"),
    ("random read 64 KiB depth 8, IOPS", _QUICK_BLOCKS[0], "iops", "lio-iser", ">= 1"),
    ("random read 64 KiB depth 8, MiB/s", _QUICK_BLOCKS[0], "mib_s", "ib_write_bw", ""),
    ("random read 256 KiB depth 4, MiB/s", _QUICK_BLOCKS[1], "mib_s", "tgt-iser", ""),
    ("random read 256 KiB depth 4, MiB/s", _QUICK_BLOCKS[1], "mib_s", "lio-iser", ""),
    ("random read 256 KiB depth 4, MiB/s", _QUICK_BLOCKS[1], "mib_s", "ib_write_bw", ">= 0.8"),
    ("random read 4 KiB depth 8, 4 connections, IOPS", _SEVERAL, "iops", "tgt-iser", ""),
    ("random read 4 KiB depth 8, 4 connections, IOPS", _SEVERAL, "iops", "lio-iser", ""),
]
# Pinion's own two transports, side by side; and TCP in the same guest.
_JUDGED_TCP = [
    ("random read 4 KiB depth 32, IOPS", Point(depth=32), "iops", "tgt-tcp", ""),
    ("random read 64 KiB depth 8, IOPS", _QUICK_BLOCKS[0], "iops", "tgt-tcp", ""),
]
JUDGED = {"pinion-iser": tuple(_JUDGED), "pinion-tcp": tuple(_JUDGED_TCP)}

SWEEPS = (("depth", "rand", {"block": 4 * KIB, "connections": 1}),
          ("block", "rand", {"depth": 8, "connections": 1}),
          ("connections", "rand", {"block": 4 * KIB, "depth": 8}))


def full_plan():
    """Every point of the full run, each once."""
    plan = list(QUICK)
    for op in ("read", "write"):
        plan += [Point(op, depth=1 << i) for i in range(6)]
        plan += [Point(op, block=(4 << i) * KIB, depth=8) for i in range(7)]
        plan += [Point(op, depth=8, connections=1 << i) for i in range(4)]
    return list(dict.fromkeys(plan))


class _PinionServer(Pinion):
    address = ADDRESS
    portal = "iser = true;"

    @property
    def iser_port(self):
        return self.port


class _TgtServer(Tgt):
    address = ADDRESS
    drivers = ("iscsi", "iser")
    iser_port = _TGT_ISER_PORT

    def listen_words(self):
        return super().listen_words() + ["--iser", "pool_sz_mb=128"]

    def iqn_of(self, driver):
        return f"{self.iqn}-{driver}"

    def add_target(self, which, iqn):
        super().add_target(which, iqn)
        # Over iSER tgt 1.0.85 lets in those only whose name it knows, too.
        if "iser" in which:
            for name in lib_measure.INITIATORS:
                self.tell(which, "bind", "target", "-Q", name)


class Door(Target):
    """One transport of a server that may have two; the first door that is
    opened starts the server, and any of them stops it."""

    def __init__(self, name, setup, server, scheme, iqn):
        super().__init__(name, setup)
        self.server = server
        self.log = server.log
        self.scheme = scheme
        self.door_iqn = iqn
        self.fill_block = _BLOCK_MAX if scheme == "iser" else 1 << 20

    @property
    def process(self):
        return self.server.process

    @property
    def url(self):
        server = self.server
        port = server.iser_port if self.scheme == "iser" else server.port
        return f"{self.scheme}://{server.address}:{port}/{self.door_iqn}/{server.lun}"

    def start(self):
        if not self.server.process:
            self.server.start()

    def stop(self):
        self.server.stop()


class Lio(Target):
    """In the guest's kernel: no process, and so no CPU time of its own."""
    fill_block = _BLOCK_MAX

    @property
    def url(self):
        return f"iser://{ADDRESS}:{self.port}/{_LIO_IQN}/0"

    def start(self):
        library = os.path.join(os.environ["LAB_DIR"], "guest-lib.sh")
        words = f"lio_port={self.port}; lio_start {self.setup.lun_size >> 20} iser"
        status, _, err, _ = lib_proc.run(["bash", "-c", f'. "{library}"; {words}'], 30)
        if status:
            raise lib_proc.Failed(f"{self.name}: {err.strip()[-300:]}")
        # The first login loads modules and takes longer than libiscsi waits.
        lib_proc.run([self.setup.load, "--seconds", "0.1", self.url], 30)

    def stop(self):
        """It ends with the guest: taking it down waits for sessions that
        failed, without limit."""


class Perftest(Target):
    """The limit: RDMA and nothing else, between the same two cores."""
    kind = "own"
    has_lun = False
    _ROW = re.compile(r"^\s*\d+\s+\d+\s+[\d.]+.*$", re.MULTILINE)

    def start(self):
        pass

    def words(self, point):
        """The command line's rest for a point, or None where the program
        says nothing about it."""
        raise NotImplementedError

    def result(self, figures, point):
        """A dict of metrics from the figures of the table's only row."""
        raise NotImplementedError

    def rates(self, point):
        words = self.words(point)
        if words is None:
            return None
        argv = [self.name, "-F", "-R", "-p", str(self.port), *words]
        try:
            out, used = self.pair(argv)
        except lib_proc.Failed:
            # On a busy machine perftest 4.5 now and then waits for ever.
            out, used = self.pair(argv)
        rows = self._ROW.findall(out)
        if not rows:
            raise lib_proc.Failed(f"{self.name}: no figures: {out.strip()[-300:]}")
        found = self.result([float(word) for word in rows[-1].split()], point)
        return dict(found, client_seconds=used)

    def pair(self, argv):
        server = lib_proc.start(argv, self.setup.target_core, self.log)
        try:
            return self.client(argv + [ADDRESS], server)
        finally:
            lib_proc.stop(server)

    def client(self, argv, server):
        """Run it; the server takes a moment to listen, and nothing tells
        when it does that would not connect to it."""
        deadline = time.monotonic() + 10
        while True:
            time.sleep(0.2)
            status, out, err, used = lib_proc.run(argv, self.setup.seconds + 10,
                                                  self.setup.client_core)
            if status == 0:
                return out, used
            if time.monotonic() > deadline or server.poll() is not None:
                raise lib_proc.Failed(f"{self.name}: status {status} {(out + err).strip()[-300:]}")


class Bandwidth(Perftest):
    """ib_write_bw is what a read can be at most, ib_read_bw what a write."""
    _OPS = {"ib_write_bw": "read", "ib_read_bw": "write"}

    def words(self, point):
        # Beside reads of large blocks ib_read_bw is shown too.
        fits = self._OPS[self.name] == point.op or point.block >= 64 * KIB
        if point.depth == 1 or point.connections > 1 or not fits:
            return None
        count = max(100, round(_RDMA_RATE * self.setup.seconds / point.block))
        return ["-s", str(point.block), "-t", str(point.depth), "-n", str(count)]

    def result(self, figures, point):
        mib_s = figures[3]
        iops = mib_s * 2**20 / point.block
        return {"iops": iops, "mib_s": mib_s, "ios_total": figures[1],
                "mean_us": point.depth / iops * 1e6 if iops else 0}


class Latency(Perftest):
    """A small message there and one back: what a command and its response
    take at least. perftest prints half of that."""

    def words(self, point):
        if point.depth > 1 or point.op != "read" or point.connections > 1:
            return None
        return ["-s", "76", "-n", "5000"]

    def result(self, figures, point):
        _, count, _, _, typical, mean, _, p99 = figures[:8]
        return {"iops": 1e6 / (2 * mean), "mib_s": 0, "ios_total": count, "mean_us": 2 * mean,
                "p50_us": 2 * typical, "p99_us": 2 * p99}


def build(names, setup):
    """The targets that are asked for, in the order of the names."""
    pinion = _PinionServer("pinion", setup, "auto")
    tgt = _TgtServer("tgt", setup)
    makers = {
        "pinion-iser": lambda name: Door(name, setup, pinion, "iser", pinion.iqn),
        "pinion-tcp": lambda name: Door(name, setup, pinion, "iscsi", pinion.iqn),
        "tgt-iser": lambda name: Door(name, setup, tgt, "iser", tgt.iqn_of("iser")),
        "tgt-tcp": lambda name: Door(name, setup, tgt, "iscsi", tgt.iqn_of("iscsi")),
        "lio-iser": lambda name: Lio(name, setup),
        "ib_write_bw": lambda name: Bandwidth(name, setup),
        "ib_read_bw": lambda name: Bandwidth(name, setup),
        "ib_send_lat": lambda name: Latency(name, setup),
    }
    for name in names:
        if name not in makers:
            raise lib_proc.Failed(f"unknown target {name!r}; there are {', '.join(makers)}")
    return [makers[name](name) for name in names], pinion
