# SPDX-License-Identifier: BSD-2-Clause
"""Error recovery over a bad path: recovery.py PORT TARGET. At level 1 the
initiator loses PDUs that it was sent, breaks and loses data that it sends, asks
again (SNACK) and answers recovery R2Ts; at level 2 it loses connections and lets
commands go on by others. Every byte is read back."""

import random
import socket
import struct
import sys
import time

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
BLOCK = 512
NONE = 0xFFFFFFFF
BAD = b"\xde\xad\xbe\xef"
chance = random.Random(7)
counts = {}


def count(what):
    counts[what] = counts.get(what, 0) + 1


def lost(one_of):
    return chance.randrange(one_of) == 0


class Lossy(Initiator):
    """recv loses some PDUs, as a header digest error would; ExpStatSN stays before the first."""

    def __init__(self, *arguments, **others):
        super().__init__(*arguments, **others)
        self.missing, self.highest = set(), None
        self.is_lossy, self.reading = False, None

    def recv(self):
        while True:
            before = self.exp_stat_sn
            pdu = self.recv_any()
            has_status = pdu.opcode not in (0x31, 0x25) and not (
                pdu.opcode == 0x20 and pdu.itt == NONE)
            self.exp_stat_sn = before
            if has_status and pdu.opcode == 0x23:
                self.exp_stat_sn = self.highest = pdu.stat_sn + 1
            elif has_status:
                if self.is_lossy and pdu.stat_sn >= self.highest and lost(6):
                    count("statuses lost")
                    self.missing.add(pdu.stat_sn)
                    self.highest = pdu.stat_sn + 1
                    self.snack(1, NONE, pdu.stat_sn, 1)
                    continue
                if pdu.stat_sn < self.highest and pdu.stat_sn not in self.missing:
                    continue  # once more than was needed
                self.missing.discard(pdu.stat_sn)
                self.highest = max(self.highest, pdu.stat_sn + 1)
                self.exp_stat_sn = min(self.missing, default=self.highest)
            if pdu.opcode == 0x32 and pdu.bhs[36] == 0:  # a SCSI event
                continue
            if pdu.opcode == 0x20 and pdu.ttt != NONE:  # asks what has come
                self.send(self.nop_bhs(itt=NONE, ttt=pdu.ttt))
                continue
            if pdu.opcode == 0x25 and pdu.itt != self.reading:
                continue  # of a command that is over
            return pdu

    def snack(self, kind, itt, first, run, ttt=NONE):
        self.send(bytes([0x10, 0x80 | kind]) + bytes(14)
                  + struct.pack(">IIIIIIII", itt, ttt, 0, self.exp_stat_sn, 0, 0, first, run))

    def read(self, lba, blocks, block_size=BLOCK, lun=0):
        length = blocks * block_size
        cdb = bytes([0x88, 0]) + struct.pack(">QI", lba, blocks) + bytes(2)
        bhs = self.command_bhs(cdb, 0xC0, length, lun)
        itt, = struct.unpack(">I", bhs[16:20])
        self.reading = itt
        self.send(bhs)
        data, got, total, status = bytearray(length), {}, None, None
        while total is None or len(got) < total:
            pdu = self.recv()
            if pdu.opcode == 0x25:
                data_sn, offset = pdu.word(36), pdu.word(40)
                if self.is_lossy and lost(5):
                    count("Data-In lost")
                    if total is not None or lost(2):
                        self.snack(0, itt, data_sn, 1)
                    continue
                if pdu.flags & 0x40 and lost(2):  # the A bit
                    count("DataACK")
                    if all(sn in got for sn in range(data_sn)):
                        self.snack(2, NONE, data_sn + 1, 0, pdu.ttt)
                got[data_sn] = True
                data[offset:offset + len(pdu.data)] = pdu.data
            elif pdu.opcode == 0x21:
                total, status = pdu.word(36), pdu.bhs[3]
                self.hold(pdu)
            else:
                raise AssertionError(f"opcode {pdu.opcode:#x}, reason {pdu.bhs[2]:#x}")
            if total is not None and len(got) < total:
                missing = min(sn for sn in range(total) if sn not in got)
                self.snack(0, itt, missing, 0 if lost(3) else 1)
        self.release()
        self.reading = None
        return status, bytes(data)

    def hold(self, response):
        """Not acknowledged as long as its data is not all there."""
        self.missing.add(response.stat_sn)
        self.exp_stat_sn = min(self.missing)

    def release(self):
        self.missing.clear()
        self.exp_stat_sn = self.highest

    def write(self, lba, data, block_size=BLOCK, lun=0, immediate=0, piece=2048):
        cdb = bytes([0x8A, 0]) + struct.pack(">QI", lba, len(data) // block_size) + bytes(2)
        bhs = self.command_bhs(cdb, 0xA0, len(data), lun)
        broken = self.is_lossy and immediate and lost(3)
        self.send(bhs, data[:immediate], **({"data_crc": BAD} if broken else {}))
        while True:
            pdu = self.recv()
            if pdu.opcode == 0x3F:
                assert pdu.bhs[2] == 0x02, f"reject {pdu.bhs[2]:#x}"
                if pdu.data[0] & 0x3F == 0x01:
                    count("commands broken")
                    self.send(bhs, data[:immediate])  # once more, with its number
            elif pdu.opcode == 0x21:
                return pdu.bhs[3]
            elif pdu.opcode == 0x31:
                if self.is_lossy and lost(6):
                    count("R2Ts lost")
                    self.snack(0, pdu.itt, pdu.word(36), 1)
                    continue
                self.serve(pdu, data, piece, lun)
            else:
                raise AssertionError(f"opcode {pdu.opcode:#x}")

    def serve(self, r2t, data, piece, lun):
        offset, length = r2t.word(40), r2t.word(44)
        end, sn = offset + length, 0
        while offset < end:
            part = data[offset:min(offset + piece, end)]
            is_last = offset + len(part) == end
            bhs = self.data_out_bhs(r2t.itt, r2t.ttt, sn, offset, is_last, lun)
            if self.is_lossy and not is_last and lost(12):
                count("Data-Out lost")
            elif self.is_lossy and self.data_digest and lost(12):
                count("Data-Out broken")
                self.send(bhs, bytes(len(part)), data_crc=BAD)
            else:
                self.send(bhs, part)
            offset, sn = offset + len(part), sn + 1


SEGMENTS = [("MaxRecvDataSegmentLength", "4096")]
DIGESTS = [("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")]


def session(level, digest, isid, more=()):
    keys = [("ErrorRecoveryLevel", str(level)), ("MaxBurstLength", "16384"),
            ("FirstBurstLength", "8192"), ("MaxOutstandingR2T", "2")] + SEGMENTS
    keys += list(more) + (DIGESTS if digest else [])
    initiator = Lossy(PORT, TARGET, keys=keys, isid=isid)
    assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
    initiator.test_unit_ready()
    assert initiator.test_unit_ready() == 0
    return initiator


def work(initiator, rounds):
    for _ in range(rounds):
        initiator.is_lossy = True
        lba, blocks = chance.randrange(100000), chance.choice([8, 32, 128])
        data = chance.randbytes(blocks * BLOCK)
        assert initiator.write(lba, data, immediate=chance.choice([0, 2048])) == 0
        assert initiator.read(lba, blocks) == (0, data), "other data"


first = session(1, True, 1)
assert first.answers["ErrorRecoveryLevel"] == "1"
work(first, 40)
first.is_lossy = False
assert first.logout().opcode == 0x26

work(session(1, False, 2), 40)

# Level 0 has none of it.
plain = session(0, True, 3)
plain.snack(1, NONE, 0, 0)
assert plain.recv().bhs[2] == 0x03
plain.close()

# --- level 2 ---


def reassign(connection, itt, exp_data_sn=0):
    """TASK REASSIGN, as soon as the target knows that the old connection is gone."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        own = connection.itt
        connection.send(bytes([0x42, 0x88]) + bytes(14)
                        + struct.pack(">IIIIIIII", own, itt, connection.cmd_sn,
                                      connection.exp_stat_sn, 0, exp_data_sn, 0, 0))
        connection.itt += 1
        response = connection.recv()
        while response.opcode == 0x32:  # tells of the connection
            response = connection.recv()
        assert response.opcode == 0x22 and response.itt == own, f"{response.opcode:#x}"
        if response.bhs[2] != 3:
            assert response.bhs[2] == 0, f"answer {response.bhs[2]}"
            return
        time.sleep(0.01)
    raise AssertionError("the task stays with a connection that is gone")


def lose(connection):
    """Sometimes in order, sometimes at once."""
    if lost(2):
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    count("connections lost")


def replace(connection, cid):
    other = connection.another(cid, list(connection.own_keys))
    other.own_keys = connection.own_keys
    response = other.login()
    assert response.bhs[36:38] == b"\0\0", f"login {response.bhs[36:38].hex()}"
    return other


def lost_write(connection, take_over):
    lba, data = chance.randrange(100000), chance.randbytes(96 * BLOCK)
    cdb = bytes([0x8A, 0]) + struct.pack(">QI", lba, 96) + bytes(2)
    bhs = connection.command_bhs(cdb, 0xA0, len(data))
    itt, = struct.unpack(">I", bhs[16:20])
    connection.send(bhs, data[:2048])
    for _ in range(chance.randrange(3)):
        r2t = connection.recv()
        assert r2t.opcode == 0x31
        connection.serve(r2t, data, 4096, 0)
    r2t = connection.recv()
    offset = r2t.word(40)
    connection.send(connection.data_out_bhs(itt, r2t.ttt, 0, offset, False),
                    data[offset:offset + 1024])
    connection = take_over(connection)
    reassign(connection, itt)
    while True:
        pdu = connection.recv()
        if pdu.opcode == 0x21:
            assert pdu.itt == itt and pdu.bhs[3] == 0
            break
        connection.serve(pdu, data, 4096, 0)
    assert connection.read(lba, 96) == (0, data), "other data"
    return connection


def lost_read(connection, take_over):
    lba, data = chance.randrange(100000), chance.randbytes(96 * BLOCK)
    assert connection.write(lba, data) == 0
    cdb = bytes([0x88, 0]) + struct.pack(">QI", lba, 96) + bytes(2)
    bhs = connection.command_bhs(cdb, 0xC0, len(data))
    itt, = struct.unpack(">I", bhs[16:20])
    connection.reading = itt
    connection.send(bhs)
    got = b""
    # At least one: a reset connection may take a command with it that nobody has read yet.
    heard = 1 + chance.randrange(11)
    for _ in range(heard):
        got += connection.recv().data
    connection = take_over(connection)
    connection.reading = itt
    reassign(connection, itt, heard)
    while True:
        pdu = connection.recv()
        if pdu.opcode == 0x21:
            assert pdu.itt == itt and pdu.bhs[3] == 0
            break
        assert pdu.opcode == 0x25 and pdu.word(40) == len(got), "the wrong data again"
        got += pdu.data
    connection.reading = None
    assert got == data, "other data"
    return connection


def alone(connection):
    lose(connection)
    return replace(connection, connection.cid)


def work_alone(rounds):
    """One connection, and another in its place."""
    connection = session(2, True, 4)
    connection.own_keys = DIGESTS + SEGMENTS
    assert connection.answers["ErrorRecoveryLevel"] == "2"
    for _ in range(rounds):
        connection = lost_write(connection, alone)
        connection = lost_read(connection, alone)
    work(connection, 5)


def work_in_pairs(rounds):
    """The other connection of the session takes over, after a logout for recovery or without."""
    first = session(2, False, 5, [("MaxConnections", "2")])
    first.own_keys = SEGMENTS
    pair = {"other": replace(first, 1), "cid": 1}

    def take_over(connection):
        other = pair["other"]
        if lost(2):
            response = other.logout(2, connection.cid)
            while response.opcode == 0x32:
                response = other.recv()
            assert response.opcode == 0x26 and response.bhs[2] == 0
            count("logouts for recovery")
            connection.close()
        else:
            lose(connection)
        return other

    connection = first
    for round_ in range(rounds):
        lost_one = connection
        connection = (lost_write if round_ % 2 else lost_read)(connection, take_over)
        pair["other"] = replace(connection, lost_one.cid)


work_alone(15)
work_in_pairs(16)

for what in ("statuses lost", "Data-In lost", "Data-Out lost", "Data-Out broken", "R2Ts lost",
             "commands broken", "DataACK", "connections lost", "logouts for recovery"):
    assert counts.get(what, 0) >= 3, f"only {counts.get(what, 0)} {what}"
print(", ".join(f"{number} {what}" for what, number in sorted(counts.items())))
