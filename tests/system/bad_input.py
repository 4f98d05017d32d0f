# SPDX-License-Identifier: BSD-2-Clause
"""Hostile and broken clients, one case after the other, while one session goes
on working: bad_input.py PORT TARGET. Prints a line for each case; exit status 1
when one of them was not answered, or harmed the session."""

import os
import random
import socket
import struct
import sys
import time

from initiator import Closed, Initiator, Pdu, text

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
CASES = []


def case(function):
    CASES.append(function)
    return function


def session(**arguments):
    initiator = Initiator(PORT, TARGET, **arguments)
    response = initiator.login()
    assert response.bhs[36:38] == b"\0\0", "login refused"
    initiator.test_unit_ready()  # takes the unit attention of a new nexus
    assert initiator.test_unit_ready() == 0
    return initiator


def is_closed(initiator, within=60):
    """Whether the target ends the connection, whatever it says before."""
    initiator.socket.settimeout(within)
    try:
        while initiator.socket.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except socket.timeout:
        return False


def reject_reason(initiator):
    """The reason of the Reject that comes, or "closed"."""
    try:
        while True:
            pdu = initiator.recv()
            if pdu.opcode == 0x3F:
                return pdu.bhs[2]
    except (Closed, ConnectionError):
        return "closed"


@case
def garbage_before_login():
    for seed in range(20):
        initiator = Initiator(PORT)
        initiator.send_raw(random.Random(seed).randbytes(4096))
        assert is_closed(initiator)


@case
def another_protocol():
    initiator = Initiator(PORT)
    initiator.send_raw(b"GET / HTTP/1.1\r\nHost: example\r\n\r\n" * 4)
    assert is_closed(initiator)


@case
def command_before_login():
    initiator = Initiator(PORT)
    initiator.send(initiator.command_bhs(bytes(6)))
    assert is_closed(initiator)


@case
def oversized_login():
    initiator = Initiator(PORT)
    initiator.send_raw(initiator.login_bhs(0x81)[:5] + b"\xff\xff\xff" + bytes(40))
    initiator.socket.settimeout(30)
    try:
        for _ in range(300):
            initiator.send_raw(bytes(65536))
    except (ConnectionError, socket.timeout):
        return
    assert is_closed(initiator)


@case
def truncated_login_then_end():
    for cut in (1, 20, 47, 48, 60):
        initiator = Initiator(PORT)
        whole = initiator.frame(initiator.login_bhs(0x81), text([("InitiatorName", "iqn.2026-11.a:b")]))
        initiator.send_raw(whole[:cut])
        initiator.socket.shutdown(socket.SHUT_WR)
        assert is_closed(initiator)


@case
def login_text_without_end():
    initiator = Initiator(PORT)
    initiator.send(initiator.login_bhs(0x81), b"A" * 8000)
    assert is_closed(initiator)


@case
def keys_without_number():
    initiator = Initiator(PORT, TARGET)
    try:
        for _ in range(200):
            initiator.send(initiator.login_bhs(0x41), b"".join(
                b"X-key%d=%s\0" % (i, b"v" * 200) for i in range(35)))
            initiator.recv()
    except (Closed, ConnectionError):
        return
    raise AssertionError("a login without end is listened to without end")


@case
def unknown_target():
    initiator = Initiator(PORT, "iqn.2026-11.io.pinion:none")
    assert initiator.login().bhs[36:38] == bytes([2, 3]), "02h/03h expected: not found"
    assert is_closed(initiator)


@case
def no_name():
    initiator = Initiator(PORT)
    initiator.send(initiator.login_bhs(0x81), text([("SessionType", "Discovery")]))
    assert initiator.recv().bhs[36:38] == bytes([2, 7]), "02h/07h expected: missing parameter"


@case
def unsupported_version():
    initiator = Initiator(PORT, TARGET)
    initiator.send(initiator.login_bhs(0x81, version=(9, 5)), text([("InitiatorName", "iqn.2026-11.a:b")]))
    assert initiator.recv().bhs[36:38] == bytes([2, 5]), "02h/05h expected: unsupported version"


@case
def truncated_command_then_end():
    initiator = session()
    initiator.send_raw(initiator.command_bhs(bytes(6))[:30])
    initiator.socket.shutdown(socket.SHUT_WR)
    assert is_closed(initiator)


@case
def truncated_write_data_then_end():
    initiator = session()
    cdb = bytes([0x8A, 0]) + struct.pack(">QI", 0, 128) + bytes(2)
    initiator.send(initiator.command_bhs(cdb, 0xA0, 65536))
    r2t = initiator.recv()
    assert r2t.opcode == 0x31
    bhs = bytearray(initiator.data_out_bhs(r2t.itt, r2t.ttt, 0, 0, True))
    bhs[5:8] = (65536).to_bytes(3, "big")
    initiator.send_raw(bytes(bhs) + bytes(1000))
    initiator.close()


@case
def wrong_header_digest():
    initiator = session(keys=[("HeaderDigest", "CRC32C")])
    assert initiator.header_digest
    initiator.send(initiator.nop_bhs(), header_crc=b"\x01\x02\x03\x04")
    assert is_closed(initiator), "RFC 7143 7.7: the connection cannot go on"


@case
def wrong_data_digest_on_ping():
    initiator = session(keys=[("DataDigest", "CRC32C")])
    assert initiator.data_digest
    initiator.send(initiator.nop_bhs(), b"ping", data_crc=b"\x01\x02\x03\x04")
    assert reject_reason(initiator) in (2, "closed"), "Reject, data digest error"


@case
def wrong_data_digest_on_write():
    for private in (False, True):
        initiator = session(keys=[("DataDigest", "CRC32C"), ("InitialR2T", "Yes"),
                                  ("ImmediateData", "Yes" if private else "No")])
        status, before = initiator.read(64, 8)
        cdb = bytes([0x8A, 0]) + struct.pack(">QI", 64, 8) + bytes(2)
        bhs = initiator.command_bhs(cdb, 0xA0, 4096)
        bad = os.urandom(4096)
        if private:
            initiator.send(bhs, bad, data_crc=b"\0\0\0\0")
        else:
            initiator.send(bhs)
            r2t = initiator.recv()
            initiator.send(initiator.data_out_bhs(r2t.itt, r2t.ttt, 0, 0, True), bad,
                           data_crc=b"\0\0\0\0")
        try:
            seen = [initiator.recv()]
            if seen[0].opcode == 0x3F:
                assert seen[0].bhs[2] == 2
                seen.append(initiator.recv())
            assert seen[-1].opcode == 0x21 and seen[-1].bhs[3] == 2, "CHECK CONDITION expected"
        except (Closed, ConnectionError):
            pass
        initiator.close()
        other = session()
        assert other.read(64, 8) == (status, before), "data that failed its digest was written"
        other.logout()


@case
def too_long_a_segment():
    initiator = session()
    bhs = bytearray(initiator.nop_bhs())
    bhs[5:8] = b"\xff\xff\xff"
    initiator.send_raw(bytes(bhs))
    try:
        for _ in range(300):
            initiator.send_raw(bytes(65536))
    except (ConnectionError, socket.timeout):
        return
    assert is_closed(initiator)


@case
def unknown_opcodes():
    for opcode in (0x07, 0x0F, 0x1C, 0x20, 0x21, 0x25, 0x31, 0x3F):
        initiator = session()
        bhs = bytearray(initiator.nop_bhs())
        bhs[0] = opcode | 0x40
        initiator.send(bytes(bhs))
        assert reject_reason(initiator) in (4, 5, "closed"), hex(opcode)
        initiator.close()


@case
def data_out_for_nothing():
    initiator = session()
    initiator.send(initiator.data_out_bhs(77, 0x12345678, 0, 0, True), bytes(512))
    assert reject_reason(initiator) in (4, 9, "closed")


@case
def data_out_beyond_the_buffer():
    initiator = session()
    cdb = bytes([0x8A, 0]) + struct.pack(">QI", 0, 16) + bytes(2)
    initiator.send(initiator.command_bhs(cdb, 0xA0, 8192))
    r2t = initiator.recv()
    initiator.send(initiator.data_out_bhs(r2t.itt, r2t.ttt, 0, 0xFFFFF000, True), bytes(8192))
    try:
        while True:
            pdu = initiator.recv()
            if pdu.opcode == 0x21:
                assert pdu.bhs[3] == 2
                break
    except (Closed, ConnectionError):
        pass


@case
def garbage_in_full_feature_phase():
    for seed in range(30):
        initiator = session()
        try:
            initiator.send_raw(random.Random(seed).randbytes(48 + seed * 37))
            initiator.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert is_closed(initiator)


@case
def stops_reading():
    """Asks for much, takes nothing: the others go on, and memory is bounded."""
    stalled = []
    for number in range(4):
        initiator = session(isid=20 + number)
        initiator.socket.settimeout(1)
        try:
            for _ in range(200):
                cdb = bytes([0x88, 0]) + struct.pack(">QI", 0, 2048) + bytes(2)
                initiator.send(initiator.command_bhs(cdb, 0xC0, 1 << 20))
        except (ConnectionError, socket.timeout):
            pass
        stalled.append(initiator)
    other = session(isid=30)
    for block in range(50):
        data = os.urandom(4096)
        assert other.write(block * 8, data) == 0
        assert other.read(block * 8, 8) == (0, data)
    other.logout()
    for initiator in stalled:
        initiator.close()


@case
def says_nothing():
    """Connected, silent: ended after the login timeout (5 s here)."""
    silent = [Initiator(PORT) for _ in range(20)]
    start = time.monotonic()
    for initiator in silent:
        assert is_closed(initiator)
    assert time.monotonic() - start > 2, "it might have been about to speak"


@case
def many_connections():
    held = []
    try:
        for _ in range(300):
            held.append(Initiator(PORT, timeout=3))
    except OSError:
        pass
    assert len(held) > 20
    for initiator in held:
        initiator.close()
    end = time.monotonic() + 60
    while True:     # as soon as their places are free
        try:
            session(isid=40).logout()
            return
        except (Closed, OSError, AssertionError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def main():
    steady = session(name="iqn.2026-11.io.pinion:steady")
    chance = random.Random(1)
    failures = []
    for number, function in enumerate(CASES):
        try:
            function()
            print("ok", function.__name__)
        except Exception as error:  # whatever it is, the next case wants its turn
            failures.append(f"FAILED {function.__name__}: {type(error).__name__} {error}")
            print(failures[-1])
        data = chance.randbytes(65536)
        assert steady.write(100000 + number * 128, data, immediate=4096) == 0
        assert steady.read(100000 + number * 128, 128) == (0, data), "the steady session was harmed"
        steady.send(steady.nop_bhs(), b"still there")
        pong = steady.recv()
        assert pong.opcode == 0x20 and pong.data == b"still there"
    assert isinstance(steady.logout(), Pdu)
    print(*failures, sep="\n")
    return 1 if failures else 0


sys.exit(main())
