# SPDX-License-Identifier: BSD-2-Clause
"""A small iSCSI initiator for tests, written from RFC 7143: it builds PDUs
field by field, so that a test can also build wrong ones. Blocking sockets; one
object is one connection, and those that join another are of its session."""

import hashlib
import os
import socket
import struct
import sys

sys.path.append(os.path.dirname(os.path.realpath(__file__)))

import pcap  # noqa: E402

# What goes over all connections of the program is written there, for tshark to judge.
CAPTURE = pcap.Capture(os.environ["PINION_PCAP"]) if os.environ.get("PINION_PCAP") else None

CRC_TABLE = []
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ (0x82F63B78 if _crc & 1 else 0)
    CRC_TABLE.append(_crc)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return struct.pack("<I", crc ^ 0xFFFFFFFF)


def pad(data):
    return data + bytes(-len(data) % 4)


def text(pairs):
    return b"".join(f"{k}={v}".encode() + b"\0" for k, v in pairs)


def pairs_of(data):
    return dict(pair.decode().split("=", 1) for pair in data.split(b"\0") if b"=" in pair)


CHAP_HASHES = {5: "md5", 6: "sha1", 7: "sha256", 8: "sha3_256"}


class Chap:
    """What an initiator answers with. MUTUAL: the secret that the target is to prove."""

    def __init__(self, name, secret, algorithms=(7,), mutual=None):
        self.name, self.secret, self.algorithms, self.mutual = name, secret, algorithms, mutual
        self.challenge = os.urandom(24)
        self.identifier = os.urandom(1)[0]
        self.algorithm = None       # that the target has chosen
        self.target_name = None     # by which the target has proved itself

    def respond(self, identifier, secret, challenge):
        return hashlib.new(CHAP_HASHES[self.algorithm],
                           bytes([identifier]) + secret.encode() + challenge).digest()

    def answer(self, keys):
        """The pairs that answer the target's CHAP_A, CHAP_I, CHAP_C."""
        self.algorithm = int(keys["CHAP_A"])
        challenge = bytes.fromhex(keys["CHAP_C"][2:])
        digest = self.respond(int(keys["CHAP_I"]), self.secret, challenge)
        pairs = [("CHAP_N", self.name), ("CHAP_R", "0x" + digest.hex())]
        if self.mutual is not None:
            pairs += [("CHAP_I", self.identifier), ("CHAP_C", "0x" + self.challenge.hex())]
        return pairs

    def check(self, keys):
        if self.mutual is None:
            return
        digest = self.respond(self.identifier, self.mutual, self.challenge)
        if bytes.fromhex(keys["CHAP_R"][2:]) != digest:
            raise AssertionError("the target does not know its secret")
        self.target_name = keys["CHAP_N"]


class Closed(Exception):
    """The target has ended the connection."""


class Pdu:
    def __init__(self, bhs, data):
        self.bhs, self.data = bhs, data
        self.opcode = bhs[0] & 0x3F
        self.flags = bhs[1]
        self.itt, = struct.unpack(">I", bhs[16:20])
        self.ttt, self.stat_sn, self.exp_cmd_sn, self.max_cmd_sn = struct.unpack(
            ">IIII", bhs[20:36])

    def word(self, at):
        return struct.unpack(">I", self.bhs[at:at + 4])[0]


class Numbers:
    """What all connections of a session count together."""

    def __init__(self):
        self.cmd_sn, self.itt, self.tsih = 1, 1, 0


class Initiator:
    cmd_sn = property(lambda self: self.numbers.cmd_sn,
                      lambda self, value: setattr(self.numbers, "cmd_sn", value))
    itt = property(lambda self: self.numbers.itt,
                   lambda self, value: setattr(self.numbers, "itt", value))
    tsih = property(lambda self: self.numbers.tsih,
                    lambda self, value: setattr(self.numbers, "tsih", value))

    def __init__(self, port, target=None, name="iqn.2026-11.io.pinion:initiator",
                 address="127.0.0.1", timeout=60, keys=(), isid=1, cid=0, joins=None, chap=None,
                 source=None):
        self.socket = socket.create_connection((address, port), timeout,
                                               (source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flow = CAPTURE.flow() if CAPTURE else None
        self.port, self.target, self.name, self.isid, self.cid = port, target, name, isid, cid
        self.numbers = joins.numbers if joins else Numbers()
        self.exp_stat_sn = 0
        self.header_digest = self.data_digest = False
        self.keys = list(keys)
        self.chap = chap
        self.answers = {}
        self.events = []            # SCSI events that the target has told of: (LUN field, sense)

    def close(self):
        self.socket.close()

    def another(self, cid, keys=()):
        """One more connection of the session, not yet logged in."""
        return type(self)(self.port, self.target, self.name, keys=keys, isid=self.isid, cid=cid,
                          joins=self)

    # --- bytes ---

    def send_raw(self, data):
        if self.flow:
            self.flow.add(True, data)
        self.socket.sendall(data)

    def recv_exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise Closed()
            if self.flow:
                self.flow.add(False, piece)
            data += piece
        return data

    def frame(self, bhs, data=b"", header_crc=None, data_crc=None):
        """Header with the right length, digests as agreed (or as given)."""
        bhs = bytearray(bhs)
        bhs[5:8] = len(data).to_bytes(3, "big")
        out = bytes(bhs)
        if self.header_digest:
            out += crc32c(out) if header_crc is None else header_crc
        if data:
            padded = pad(data)
            out += padded
            if self.data_digest:
                out += crc32c(padded) if data_crc is None else data_crc
        return out

    def send(self, bhs, data=b"", **crc):
        self.send_raw(self.frame(bhs, data, **crc))

    def recv(self):
        """The next PDU that is no ping and no SCSI event."""
        while True:
            pdu = self.recv_unpinged()
            if pdu.opcode != 0x32 or pdu.bhs[36] != 0:
                return pdu

    def wait_event(self):
        """The next SCSI event, if none has come yet; nothing else may come."""
        if not self.events:
            pdu = self.recv_unpinged()
            assert self.events, f"opcode {pdu.opcode:#x} came instead of an event"
        return self.events.pop(0)

    def recv_unpinged(self):
        """Pings are answered: on a slow machine they come anywhere."""
        while True:
            pdu = self.recv_any()
            if pdu.opcode != 0x20 or pdu.ttt == 0xFFFFFFFF:
                return pdu
            self.send(self.nop_bhs(itt=0xFFFFFFFF, ttt=pdu.ttt, lun=pdu.bhs[8:16]))

    def recv_any(self):
        bhs = self.recv_exactly(48)
        bhs_ahs = bhs + self.recv_exactly(bhs[4] * 4)
        if self.header_digest and self.recv_exactly(4) != crc32c(bhs_ahs):
            raise AssertionError("header digest of the target is wrong")
        length = int.from_bytes(bhs[5:8], "big")
        padded = self.recv_exactly(length + -length % 4)
        if length and self.data_digest and self.recv_exactly(4) != crc32c(padded):
            raise AssertionError("data digest of the target is wrong")
        pdu = Pdu(bhs, padded[:length])
        is_ping = pdu.opcode == 0x20 and pdu.itt == 0xFFFFFFFF
        if not is_ping and (pdu.opcode not in (0x31, 0x25) or pdu.opcode == 0x25 and pdu.flags & 1):
            self.exp_stat_sn = pdu.stat_sn + 1 & 0xFFFFFFFF
        if pdu.opcode == 0x32 and pdu.bhs[36] == 0:
            size = int.from_bytes(pdu.data[:2], "big")
            self.events.append((pdu.bhs[8:16], pdu.data[2:2 + size]))
        return pdu

    # --- PDUs ---

    def login_bhs(self, flags=0x87, tsih=None, version=(0, 0)):
        tsih = self.tsih if tsih is None else tsih
        return (bytes([0x43, flags, version[0], version[1], 0, 0, 0, 0])
                + bytes([0x80, 0, 0, 0, 0, self.isid]) + struct.pack(">H", tsih)
                + struct.pack(">IHHII", self.itt, self.cid, 0, self.cmd_sn, self.exp_stat_sn) + bytes(16))

    def login(self):
        """Straight to full feature phase. Returns the last response."""
        pairs = [("InitiatorName", self.name)]
        if self.target:
            pairs += [("TargetName", self.target), ("SessionType", "Normal")]
        else:
            pairs += [("SessionType", "Discovery")]
        if self.chap:
            response = self.login_chap(pairs)
        else:
            self.send(self.login_bhs(0x81), text(pairs + [("AuthMethod", "None")]))
            response = self.recv()
        if response.bhs[36:38] != b"\0\0":
            return response
        self.send(self.login_bhs(0x87), text(self.keys))
        response = self.recv()
        for pair in response.data.split(b"\0"):
            if b"=" in pair:
                key, value = pair.decode().split("=", 1)
                self.answers[key] = value
        if response.bhs[36:38] == b"\0\0":
            self.tsih, = struct.unpack(">H", response.bhs[14:16])
            self.header_digest = self.answers.get("HeaderDigest") == "CRC32C"
            self.data_digest = self.answers.get("DataDigest") == "CRC32C"
        return response

    def login_chap(self, pairs):
        """The security stage with CHAP."""
        algorithms = ",".join(str(number) for number in self.chap.algorithms)
        for flags, more in ((0x00, pairs + [("AuthMethod", "CHAP,None")]),
                            (0x00, [("CHAP_A", algorithms)])):
            self.send(self.login_bhs(flags), text(more))
            response = self.recv()
            if response.bhs[36:38] != b"\0\0":
                return response
        self.send(self.login_bhs(0x81), text(self.chap.answer(pairs_of(response.data))))
        response = self.recv()
        if response.bhs[36:38] == b"\0\0":
            self.chap.check(pairs_of(response.data))
        return response

    def send_targets(self):
        """The addresses by target of SendTargets=All."""
        self.send(bytes([0x04, 0x80]) + bytes(14)
                  + struct.pack(">IIII", self.itt, 0xFFFFFFFF, self.cmd_sn, self.exp_stat_sn)
                  + bytes(16), text([("SendTargets", "All")]))
        self.itt += 1
        self.cmd_sn = self.cmd_sn + 1 & 0xFFFFFFFF
        targets, name = {}, None
        for pair in self.recv().data.split(b"\0"):
            key, _, value = pair.decode().partition("=")
            if key == "TargetName":
                name = value
                targets[name] = []
            elif key == "TargetAddress":
                targets[name].append(value)
        return targets

    def command_bhs(self, cdb, flags=0x80, length=0, lun=0, immediate=False):
        bhs = (bytes([0x41 if immediate else 0x01, flags | 1, 0, 0, 0, 0, 0, 0])
               + struct.pack(">HHI", lun, 0, 0)
               + struct.pack(">IIII", self.itt, length, self.cmd_sn, self.exp_stat_sn)
               + cdb.ljust(16, b"\0"))
        self.itt += 1
        if not immediate:
            self.cmd_sn = self.cmd_sn + 1 & 0xFFFFFFFF
        return bhs

    def data_out_bhs(self, itt, ttt, data_sn, offset, final, lun=0):
        return (bytes([0x05, 0x80 if final else 0, 0, 0, 0, 0, 0, 0])
                + struct.pack(">HHI", lun, 0, 0)
                + struct.pack(">IIIIIIII", itt, ttt, 0, self.exp_stat_sn, 0, data_sn, offset, 0))

    def nop_bhs(self, itt=None, ttt=0xFFFFFFFF, immediate=True, lun=bytes(8)):
        itt = self.itt if itt is None else itt
        bhs = (bytes([0x40 if immediate else 0x00, 0x80, 0, 0, 0, 0, 0, 0]) + lun
               + struct.pack(">IIII", itt, ttt, self.cmd_sn, self.exp_stat_sn) + bytes(16))
        self.itt += 1
        if not immediate:
            self.cmd_sn = self.cmd_sn + 1 & 0xFFFFFFFF
        return bhs

    def logout(self, reason=0, cid=0):
        self.send(bytes([0x46, 0x80 | reason]) + bytes(14)
                  + struct.pack(">IHHII", self.itt, cid, 0, self.cmd_sn, self.exp_stat_sn)
                  + bytes(16))
        self.itt += 1
        return self.recv()

    def settle(self):
        """The target has begun with all that was sent before; its answers have not come yet."""
        self.send(self.nop_bhs())
        itt = self.itt - 1
        pdu = self.recv()
        assert pdu.opcode == 0x20 and pdu.itt == itt, f"opcode {pdu.opcode:#x} instead of a pong"

    # --- whole commands ---

    def read(self, lba, blocks, block_size=512, lun=0):
        """READ(16). Returns (status, data)."""
        length = blocks * block_size
        cdb = bytes([0x88, 0]) + struct.pack(">QI", lba, blocks) + bytes(2)
        self.send(self.command_bhs(cdb, 0xC0, length, lun))
        data = bytearray(length)
        while True:
            pdu = self.recv()
            if pdu.opcode == 0x25:
                offset = pdu.word(40)
                data[offset:offset + len(pdu.data)] = pdu.data
                if pdu.flags & 1:
                    return pdu.bhs[3], bytes(data)
            elif pdu.opcode == 0x21:
                return pdu.bhs[3], bytes(data)
            elif pdu.opcode != 0x20:
                raise AssertionError(f"unexpected opcode {pdu.opcode:#x}")

    def test_unit_ready(self, lun=0):
        self.send(self.command_bhs(bytes(6), 0x80, 0, lun))
        return self.recv().bhs[3]

    def write(self, lba, data, block_size=512, lun=0, immediate=0, piece=8192):
        """WRITE(16), IMMEDIATE bytes with the command, the rest as asked for. Returns the status."""
        cdb = bytes([0x8A, 0]) + struct.pack(">QI", lba, len(data) // block_size) + bytes(2)
        bhs = self.command_bhs(cdb, 0xA0, len(data), lun)
        self.send(bhs, data[:immediate])
        while True:
            pdu = self.recv()
            if pdu.opcode == 0x21:
                return pdu.bhs[3]
            if pdu.opcode == 0x31:
                self.answer_r2t(pdu, data, piece, lun)

    def answer_r2t(self, r2t, data, piece=8192, lun=0):
        offset, length = r2t.word(40), r2t.word(44)
        end, sn = offset + length, 0
        while offset < end:
            part = data[offset:min(offset + piece, end)]
            self.send(self.data_out_bhs(r2t.itt, r2t.ttt, sn, offset, offset + len(part) == end,
                                        lun), part)
            offset, sn = offset + len(part), sn + 1

    def execute(self, cdb, data=b"", want=0, lun=0, piece=8192):
        """Any command, with DATA to send or WANT bytes to get. Returns (status, sense, data).
        What a CDB has beyond 16 bytes goes into an additional header segment."""
        flags = 0xA0 if data else 0xC0 if want else 0x80
        bhs = bytearray(self.command_bhs(cdb[:16], flags, len(data) or want, lun))
        rest = cdb[16:]
        if rest:
            segment = pad(struct.pack(">HBB", len(rest) + 1, 1, 0) + rest)
            bhs[4] = len(segment) // 4
            bhs += segment
        self.send(bhs)
        came = bytearray(want)
        while True:
            pdu = self.recv()
            if pdu.opcode == 0x25:
                offset = pdu.word(40)
                came[offset:offset + len(pdu.data)] = pdu.data
                if pdu.flags & 1:
                    return pdu.bhs[3], b"", bytes(came)
            elif pdu.opcode == 0x21:
                size = int.from_bytes(pdu.data[:2], "big")
                return pdu.bhs[3], pdu.data[2:2 + size], bytes(came)
            elif pdu.opcode == 0x31:
                self.answer_r2t(pdu, data, piece, lun)
            elif pdu.opcode != 0x20:
                raise AssertionError(f"unexpected opcode {pdu.opcode:#x}")
