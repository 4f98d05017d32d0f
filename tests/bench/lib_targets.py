# SPDX-License-Identifier: BSD-2-Clause
"""What is measured: Pinion, Debian's tgt, the bare exchange, others' URLs.

All servers are started once and stay; only one is under load at a time."""
import os
import random
import signal

import lib_proc

_NAME = "iqn.2026-11.io.pinion:bench"

_PINION_CONF = """\
performance: {{ cores = "{core}"; engine = "{engine}"; {performance} }};
log: {{ level = "warning"; }};
control: {{ socket = "{control}"; }};
portals = ( {{ address = "{address}"; port = {port}; group = 1; {portal} }} );
targets = (
  {{ name = "{name}";
     luns = ( {{ lun = 0; store = "ram"; size = "{size}"; }} ); }} );
"""


class Target:
    """kind: "iscsi" or "raw", which says what client it needs, or "own": it
    has a method rates(point). ours: we started it, so it may be written to.
    has_lun: it keeps what is written. fill_block: bytes of the writes that
    fill it first; 0: somebody else does that."""
    kind = "iscsi"
    fill_block = 1 << 20
    address = "127.0.0.1"
    iqn = _NAME
    ours = True
    has_lun = True
    batch = False
    process = None
    stop_signal = signal.SIGTERM

    def __init__(self, name, setup):
        self.name = name
        self.setup = setup
        self.port = lib_proc.free_port()
        self.log = os.path.join(setup.directory, f"{name}.log")

    @property
    def pid(self):
        return self.process.pid if self.process else None

    @property
    def url(self):
        return f"iscsi://{self.address}:{self.port}/{self.iqn}/{self.lun}"

    def launch(self, argv, env=None):
        self.process = lib_proc.start(argv, self.setup.target_core, self.log, env)
        try:
            lib_proc.wait_port(self.process, self.port, address=self.address)
        except lib_proc.Failed as error:
            raise lib_proc.Failed(f"{self.name}: {error}\n{lib_proc.tail(self.log)}") from error

    def is_alive(self):
        return not self.process or self.process.poll() is None

    def check(self):
        if not self.is_alive():
            raise lib_proc.Failed(f"{self.name} died with status {self.process.returncode}\n"
                                  f"{lib_proc.tail(self.log)}")

    def stop(self):
        if self.process:
            lib_proc.stop(self.process, self.stop_signal)
            self.process = None


class Pinion(Target):
    lun = 0
    portal = ""  # more settings of the portal

    def __init__(self, name, setup, engine):
        super().__init__(name, setup)
        self.engine = engine
        self.control_socket = os.path.join(setup.directory, f"control-{self.port}.sock")

    def start(self):
        path = os.path.join(self.setup.directory, f"{self.name}.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(_PINION_CONF.format(
                core=self.setup.target_core, engine=self.engine, name=self.iqn, port=self.port,
                address=self.address, portal=self.portal,
                performance=self.setup.pinion_performance, control=self.control_socket,
                size=self.setup.lun_size))
        self.launch([self.setup.piniond, "-f", "-c", path])


class Tgt(Target):
    lun = 1
    # tgtd pays no heed to SIGTERM.
    stop_signal = signal.SIGKILL
    image = None
    # Its "low level drivers": each needs a target of its own.
    drivers = ("iscsi",)

    def start(self):
        control = str(random.randrange(1000, 30000))
        # tgtd appends ".<control port>"; without this it needs /var/run.
        self.env = dict(os.environ, TGT_IPC_SOCKET=os.path.join(self.setup.directory, "tgt"))
        self.admin = ["tgtadm", "-C", control]
        self.image = os.path.join(self.setup.memory_directory, "tgt.img")
        with open(self.image, "wb") as file:
            file.truncate(self.setup.lun_size)
        self.launch(["tgtd", "-f", "-C", control, *self.listen_words()], self.env)
        for number, driver in enumerate(self.drivers, 1):
            self.add_target(["--lld", driver, "--tid", str(number)], self.iqn_of(driver))

    def listen_words(self):
        return ["--iscsi", f"portal={self.address}:{self.port}"]

    def iqn_of(self, _driver):
        return self.iqn

    def add_target(self, which, iqn):
        self.tell(which, "new", "target", "-T", iqn)
        self.tell(which, "new", "logicalunit", "--lun", "1", "-b", self.image, "--bstype", "rdwr")
        self.tell(which, "bind", "target", "-I", "ALL")

    def tell(self, which, operation, mode, *words):
        argv = self.admin + which + ["--op", operation, "--mode", mode, *words]
        status, _, err, _ = lib_proc.run(argv, 10, env=self.env)
        if status:
            raise lib_proc.Failed(f"tgtadm --op {operation} --mode {mode}: {err.strip()}")

    def stop(self):
        super().stop()
        if self.image and os.path.exists(self.image):
            os.unlink(self.image)


class Bare(Target):
    """variant: words after "bare": raw or canned, then spin, span, batch."""
    lun = 1
    has_lun = False

    def __init__(self, variant, setup):
        super().__init__("-".join(["bare", *variant]), setup)
        self.mode = variant[0]
        self.kind = "raw" if self.mode == "raw" else "iscsi"
        self.spin = "spin" in variant
        self.span = "span" in variant
        self.batch = "batch" in variant

    def start(self):
        argv = [self.setup.bare, "--serve", "--mode", self.mode, "--port", str(self.port),
                "--lun-size", str(self.setup.lun_size)]
        if self.spin:
            argv.append("--spin")
        if self.span:
            argv += ["--span", str(self.setup.lun_size)]
        self.launch(argv)


class Extra(Target):
    """A target that runs already: name=URL or name=URL,pid=PID."""
    ours = False

    def __init__(self, text, setup):
        name, _, url = text.partition("=")
        url, _, pid = url.partition(",pid=")
        super().__init__(name, setup)
        self._url = url
        self._pid = int(pid) if pid else None

    @property
    def url(self):
        return self._url

    @property
    def pid(self):
        return self._pid

    def start(self):
        pass


def build(names, engines, extras, setup):
    """The targets that the command line asks for, in the order of its names."""
    targets = []
    for name in names:
        words = name.split("-")
        if name == "pinion":
            for engine in engines:
                label = name if len(engines) == 1 else f"{name}-{engine}"
                targets.append(Pinion(label, setup, engine))
        elif name == "tgt":
            targets.append(Tgt(name, setup))
        elif name == "bare":
            targets += [Bare(["raw"], setup), Bare(["canned"], setup)]
        elif (words[0] == "bare" and words[1] in ("raw", "canned")
              and set(words[2:]) <= {"spin", "span", "batch"}):
            targets.append(Bare(words[1:], setup))
        else:
            raise lib_proc.Failed(f"unknown target {name!r}")
    return targets + [Extra(text, setup) for text in extras]
