# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-reservations and t-alua: reservations.py STEP BUILD WORK. Starts and kills
daemons of its own. Exit status 1 when the target did not do what SPC-5 says."""

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from initiator import Closed, Initiator
from ports import free_port

STEP, BUILD, WORK = sys.argv[1:4]
TARGET = "iqn.2026-11.io.pinion:test"
GOOD, CHECK, CONFLICT = 0x00, 0x02, 0x18
REGISTER, RESERVE, RELEASE, CLEAR, PREEMPT, ABORT, IGNORE, MOVE, REPLACE_LOST = range(9)
WE, EA, WE_RO, EA_RO, WE_AR, EA_AR = 1, 3, 5, 6, 7, 8
APTPL, ALL_TG_PT, SPEC_I_PT = 0x01, 0x04, 0x08


class Daemon:
    running = None  # is ended with this program, whatever ends it

    def __init__(self, state="state"):
        self.ports = [free_port(), free_port()]
        while self.ports[1] == self.ports[0]:
            self.ports[1] = free_port()
        self.conf = f"{WORK}/{STEP}.conf"
        self.state = f"{WORK}/{state}"
        self.process = None

    def start(self, target=""):
        with open(self.conf, "w", encoding="ascii") as conf:
            conf.write(f"""control: {{ socket = "{WORK}/{STEP}.sock"; }};
state: {{ directory = "{self.state}"; }};
portals = ( {{ address = "127.0.0.1"; port = {self.ports[0]}; group = 1; }},
            {{ address = "127.0.0.1"; port = {self.ports[1]}; group = 2; }} );
targets = ( {{ name = "{TARGET}"; {target}
    luns = ( {{ lun = 0; store = "ram"; size = "16M"; }} ); }} );
""")
        with open(f"{WORK}/piniond.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen([f"{BUILD}/piniond", "-f", "-c", self.conf],
                                            stdout=log, stderr=log)
        Daemon.running = self.process
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                # A connection alone proves nothing: what was killed may listen a moment longer.
                probe = Initiator(self.ports[1])
                probe.login()
                probe.close()
                return
            except (Closed, OSError):
                assert self.process.poll() is None, "the daemon does not start"
                time.sleep(0.01)
        raise AssertionError("the daemon does not listen")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        # The kernel takes its portals down in its own time: they are wanted again.
        end = time.monotonic() + 60
        while any(self.is_taken(port) for port in self.ports):
            assert time.monotonic() < end, "the portals outlive the daemon"
            time.sleep(0.01)

    @staticmethod
    def is_taken(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, "the daemon did not end well"

    def session(self, name, port=0, isid=1):
        initiator = Initiator(self.ports[port], TARGET, name=f"iqn.2026-11.test:{name}", isid=isid)
        assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
        attention(initiator)
        return initiator


def attention(initiator):
    """Takes the unit attention: ASC << 8 | ASCQ, 0 for none."""
    status, sense, _ = initiator.execute(bytes(6))
    return struct.unpack(">H", sense[12:14])[0] if status == CHECK else 0


def pr_out(initiator, action, key=0, new_key=0, kind=0, flags=0):
    cdb = bytes([0x5F, action, kind, 0, 0, 0, 0, 0, 24, 0])
    data = struct.pack(">QQ4xB3x", key, new_key, flags)
    return initiator.execute(cdb, data)[0]


def pr_in(initiator, action):
    status, _, data = initiator.execute(bytes([0x5E, action, 0, 0, 0, 0, 0, 0x10, 0, 0]),
                                        want=4096)
    assert status == GOOD, f"status {status:#x}"
    length, = struct.unpack(">I", data[4:8])
    return data[8:8 + length]


def keys(initiator):
    data = pr_in(initiator, 0)
    return [k for k, in struct.iter_unpack(">Q", data)]


def reservation(initiator):
    """(key, type), or None."""
    data = pr_in(initiator, 1)
    return (struct.unpack(">Q", data[:8])[0], data[13]) if data else None


def expect(got, wanted, what):
    assert got == wanted, f"{what}: {got}, expected {wanted}"


def write(initiator):
    return initiator.write(0, bytes(512))


def read(initiator):
    return initiator.read(0, 1)[0]


def sharing():
    """Several sessions, on whatever reactors, and two target ports."""
    daemon = Daemon()
    daemon.start()
    a, b = daemon.session("a"), daemon.session("b")
    # More than there are reactors, so that they are on all of them.
    others = [daemon.session("c", i % 2, isid=i + 1) for i in range(8)]
    expect(pr_out(a, REGISTER, new_key=0xA), GOOD, "register a")
    expect(pr_out(b, REGISTER, new_key=0xB), GOOD, "register b")
    expect(pr_out(a, RESERVE, 0xA, kind=EA_RO), GOOD, "reserve")
    for other in others:
        expect(read(other), CONFLICT, "a stranger's read")
        expect(write(other), CONFLICT, "a stranger's write")
    expect(write(b), GOOD, "a registrant's write")
    # The session goes, the reservation stays, the initiator comes back to it.
    a.close()
    expect(read(others[0]), CONFLICT, "a read while the holder is away")
    a = daemon.session("a")
    expect(write(a), GOOD, "the holder's write when he is back")
    # By the other target port he is someone else.
    elsewhere = daemon.session("a", 1)
    expect(read(elsewhere), CONFLICT, "a read by the other target port")
    expect(pr_out(elsewhere, REGISTER, new_key=0xAA), GOOD, "register there")
    expect(read(elsewhere), GOOD, "a registrant's read")
    expect(keys(b), [0xA, 0xB, 0xAA], "keys")
    full = pr_in(b, 3)
    assert b"iqn.2026-11.test:b,i,0x800000000001\0" in full, full
    # Taken over: the former holder is told, and has nothing any more.
    expect(pr_out(b, ABORT, 0xB, 0xA, kind=EA_RO), GOOD, "preempt and abort")
    expect(reservation(b), (0xB, EA_RO), "reservation")
    expect(read(a), CONFLICT, "the preempted one's read")
    expect(attention(a), 0x2A05, "unit attention")
    expect(attention(elsewhere), 0, "unit attention")
    expect(pr_out(b, CLEAR, 0xB), GOOD, "clear")
    expect(attention(elsewhere), 0x2A03, "unit attention")
    for other in others:
        expect(read(other), GOOD, "a stranger's read")
    # For all target ports at once.
    expect(pr_out(a, REGISTER, new_key=7, flags=ALL_TG_PT), GOOD, "register at all ports")
    expect(keys(a), [7, 7], "keys")
    expect(pr_out(elsewhere, RESERVE, 7, kind=WE), GOOD, "reserve by the other port")
    expect(write(a), CONFLICT, "write by the first port")
    expect(pr_out(a, CLEAR, 7), GOOD, "clear")
    # VPD 88h names both.
    ports = a.execute(bytes([0x12, 1, 0x88, 1, 0, 0]), want=256)[2]
    for group in (1, 2):
        assert f"{TARGET},t,0x000{group}\0".encode() in ports, ports
    daemon.stop()


def reserve6():
    daemon = Daemon()
    daemon.start()
    a, b = daemon.session("a"), daemon.session("b", 1)
    reserve, release = bytes([0x16, 0, 0, 0, 0, 0]), bytes([0x17, 0, 0, 0, 0, 0])
    expect(a.execute(reserve)[0], GOOD, "reserve")
    expect(b.execute(reserve)[0], CONFLICT, "reserve what is reserved")
    expect(read(b), CONFLICT, "read")
    expect(b.execute(bytes([0x1A, 0, 0x3F, 0, 255, 0]), want=255)[0], CONFLICT, "MODE SENSE")
    expect(b.execute(bytes([0x12, 0, 0, 0, 36, 0]), want=36)[0], GOOD, "INQUIRY")
    expect(b.execute(release)[0], GOOD, "someone else's release")
    expect(read(b), CONFLICT, "read")
    a.logout()
    expect(read(b), GOOD, "read after the holder's session")
    expect(b.execute(reserve)[0], GOOD, "reserve")
    expect(b.execute(release)[0], GOOD, "release")
    daemon.stop()


def after(step):
    """What there is after so many steps of the endless plan: (key, reservation)."""
    key = step - step % 3 + 1 if step % 3 else step - 2 if step else 0
    return key, ((key, WE) if step % 3 == 2 else None)


def carry_out(initiator, step):
    """Step 0, 3, 6...: another key; then reserve with it; then release."""
    key = after(step)[0]
    if step % 3 == 0:
        return pr_out(initiator, IGNORE, 0, after(step + 1)[0], flags=APTPL)
    return pr_out(initiator, RESERVE if step % 3 == 1 else RELEASE, key, kind=WE)


def there_is(initiator):
    found = keys(initiator)
    assert len(found) <= 1, found
    return (found[0] if found else 0), reservation(initiator)


def power_loss():
    """kill -9 at random moments: what was answered is there; of what was not, all or nothing."""
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    moments = random.Random(seed)
    daemon = Daemon()
    done, rounds = 0, int(os.environ.get("ROUNDS", 25))
    for turn in range(rounds):
        daemon.start()
        initiator = daemon.session("a")
        found = there_is(initiator)
        assert found in (after(done), after(done + 1)), (
            f"seed {seed}, round {turn}: {found} after step {done}: {after(done)}")
        if found != after(done):
            done += 1
        # After some steps, and then at any moment of the next ones, however fast this machine is.
        count, begun, killer = moments.randrange(1, 6), time.monotonic(), None
        try:
            while True:
                expect(carry_out(initiator, done), GOOD, f"step {done}")
                done += 1
                count -= 1
                if count == 0:
                    step = (time.monotonic() - begun) / 3
                    killer = threading.Timer(moments.uniform(0, 3 * step), daemon.kill)
                    killer.start()
        except (Closed, OSError):
            assert killer is not None, "the daemon has gone before it was killed"
            killer.join()
    assert done > rounds, f"only {done} steps in all"
    print(f"{done} changes, {rounds} kills")


def expect_lost(initiator):
    """What is not to be done while nobody can say who may do what."""
    status, sense, _ = initiator.execute(bytes(6))
    expect((status, sense[2] & 0xF, sense[12], sense[13]), (CHECK, 7, 0x44, 1), "a lost reservation")


def damage():
    """A state file that is damaged is said to be; the disk waits for someone to replace it."""
    daemon = Daemon("damaged")
    daemon.start()
    a = daemon.session("a")
    expect(pr_out(a, REGISTER, new_key=5, flags=APTPL), GOOD, "register")
    daemon.kill()
    name, = [n for n in os.listdir(daemon.state) if n.endswith("-reservations")]
    path = f"{daemon.state}/{name}"
    with open(path, "r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"X")
    daemon.start()
    a = daemon.session("a")
    expect_lost(a)
    assert os.path.exists(path + ".damaged")
    # The log of the start comes out when the daemon is up, which is after it serves.
    end = time.monotonic() + 60
    while True:
        with open(f"{WORK}/piniond.log", encoding="utf-8") as log:
            if "is damaged" in log.read():
                break
        assert time.monotonic() < end, "nothing in the log"
        time.sleep(0.05)
    daemon.kill()
    daemon.start()
    a = daemon.session("a")
    expect_lost(a)
    expect(pr_out(a, REPLACE_LOST, new_key=6, flags=APTPL, kind=1), GOOD, "replace")
    daemon.kill()
    daemon.start()
    a = daemon.session("a")
    expect(keys(a), [6], "keys")
    # One that does not ask for it ends it.
    expect(pr_out(a, REGISTER, 6, 7), GOOD, "register")
    daemon.kill()
    daemon.start()
    a = daemon.session("a")
    expect(keys(a), [], "keys")
    daemon.stop()


def set_group(initiator, group, state):
    cdb = bytes([0xA4, 0x0A, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0])
    return initiator.execute(cdb, struct.pack(">4xBxH", state, group))[0]


def groups(initiator):
    """Group to (preferred, state)."""
    cdb = bytes([0xA3, 0x0A, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    status, _, data = initiator.execute(cdb, want=256)
    expect(status, GOOD, "REPORT TARGET PORT GROUPS")
    length, = struct.unpack(">I", data[:4])
    return {data[at + 3]: (data[at] >> 7, data[at] & 0xF) for at in range(4, 4 + length, 12)}


def not_ready(initiator):
    """Why TEST UNIT READY fails: ASC << 8 | ASCQ of NOT READY, 0 for ready."""
    status, sense, _ = initiator.execute(bytes(6))
    return struct.unpack(">H", sense[12:14])[0] if status == CHECK and sense[2] == 2 else 0


def alua():
    """Two ways to a disk: states by command, by pinionctl and over kill -9."""
    configured = ('alua = "both"; port-groups = ( { group = 2; state = "standby"; }, '
                  '{ group = 1; preferred = true; } );')
    daemon = Daemon("alua")
    daemon.start(configured)
    first, second = daemon.session("a"), daemon.session("a", 1)
    inquiry = first.execute(bytes([0x12, 0, 0, 0, 96, 0]), want=96)[2]
    expect(inquiry[5] & 0x30, 0x30, "TPGS")
    expect(groups(first), {1: (1, 0), 2: (0, 2)}, "groups")
    expect(read(first), GOOD, "read by the active port")
    expect(not_ready(second), 0x040B, "the port in standby")
    expect(read(second), CHECK, "read by it")
    # A fail-over as a host does it: by the port that is to take over.
    expect(set_group(second, 2, 0), GOOD, "SET TARGET PORT GROUPS")
    expect(write(second), GOOD, "write by the port that was in standby")
    expect(attention(first), 0x2A06, "unit attention")
    expect(set_group(second, 1, 3), GOOD, "SET TARGET PORT GROUPS")
    expect(attention(first), 0x2A06, "unit attention")
    expect(not_ready(first), 0x040C, "the unavailable port")
    daemon.kill()
    daemon.start(configured)
    first, second = daemon.session("a"), daemon.session("a", 1)
    expect(groups(second), {1: (1, 3), 2: (0, 0)}, "groups after a crash")
    for state, code, name in ((0xF, 0x040A, "transitioning"), (0, 0, "optimized")):
        answer = subprocess.run([f"{BUILD}/pinionctl", "-s", f"{WORK}/{STEP}.sock", "port-group",
                                 f"{TARGET},1,{name}"], capture_output=True, check=True)
        expect(answer.stdout.decode().strip(), name, "pinionctl")
        expect(attention(second), 0x2A06, "unit attention")
        expect(attention(first), 0x2A06, "unit attention")
        expect(groups(second), {1: (1, state), 2: (0, 0)}, "groups")
        expect(not_ready(first), code, name)
    for wrong in ("nothing", f"{TARGET},1,up", f"{TARGET},3,standby", "iqn.a,1,standby"):
        answer = subprocess.run([f"{BUILD}/pinionctl", "-s", f"{WORK}/{STEP}.sock", "port-group",
                                 wrong], capture_output=True, check=False)
        assert answer.returncode == 1 and answer.stderr, wrong
    daemon.stop()


signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
try:
    globals()[STEP]()
finally:
    if Daemon.running is not None and Daemon.running.poll() is None:
        Daemon.running.kill()
        Daemon.running.wait()
