# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-protection: protection.py PORT TARGET STEP. Exit status 1 when
the target did not do what SBC-4 says."""

import random
import struct
import sys

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
LUNS = {0: (512, 1), 1: (512, 1), 2: (4096, 3)}  # block size, type
LBA, COUNT, MANY = 1000, 5, 200


def crc(data):
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ (0x8BB7 if value & 0x8000 else 0)) & 0xFFFF
    return value


def blocks(lun, lba, count, seed):
    """What is on the wire, the same for the same arguments."""
    size, _ = LUNS[lun]
    rand = random.Random(seed)
    wire = b""
    for i in range(count):
        data = rand.randbytes(size)
        wire += data + struct.pack(">HHI", crc(data), 0x7777, lba + i)
    return wire


def cdb(op, protect, lba, count):
    return struct.pack(">BBQIBB", op, protect << 5, lba, count, 0, 0)


def expect(answer, status=0, sense=None, information=None):
    got = (answer[1][2] & 0xF, answer[1][12], answer[1][13]) if len(answer[1]) > 13 else None
    assert answer[0] == status and got == sense, (
        f"status {answer[0]:#x}, sense {got}; expected {status:#x}, {sense}")
    if information is not None:
        assert struct.unpack(">I", answer[1][3:7])[0] == information, answer[1].hex()
    return answer[2]


def session():
    initiator = Initiator(PORT, TARGET)
    assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
    for lun in LUNS:
        initiator.test_unit_ready(lun)
    return initiator


def read(initiator, lun, lba, count, protect=1):
    size = LUNS[lun][0] + (8 if protect else 0)
    return initiator.execute(cdb(0x88, protect, lba, count), want=count * size, lun=lun)


def write(initiator, lun, lba, count, wire, protect=1):
    return initiator.execute(cdb(0x8A, protect, lba, count), data=wire, lun=lun)


def check_all(initiator):
    for lun in LUNS:
        if lun != 0:
            got = expect(read(initiator, lun, LBA, COUNT))
            assert got == blocks(lun, LBA, COUNT, lun), f"LUN {lun} has something else"
            expect(initiator.execute(cdb(0x8F, 1, 0, 2048 if lun == 1 else 256), lun=lun))


def others(initiator):
    """WRITE SAME, VERIFY, COMPARE AND WRITE and ORWRITE with what belongs to their blocks."""
    for lun, (size, kind) in LUNS.items():
        lba, many = 4000, 600 if size == 512 else 200
        one = blocks(lun, lba, 1, 7)
        guard, tag, reference = struct.unpack(">HHI", one[size:])
        all_of_it = b"".join(
            one[:size] + struct.pack(">HHI", guard, tag, reference + (i if kind != 3 else 0))
            for i in range(many))
        expect(initiator.execute(cdb(0x93, 1, lba, many), data=one, lun=lun))
        assert expect(read(initiator, lun, lba, 100)) == all_of_it[:100 * (size + 8)]
        assert expect(read(initiator, lun, lba + many - 1, 1)) == all_of_it[-size - 8:]
        verify_one = cdb(0x8F, 1, lba, many)
        verify_one = verify_one[:1] + bytes([verify_one[1] | 6]) + verify_one[2:]
        expect(initiator.execute(verify_one, data=one, lun=lun))
        new = blocks(lun, lba, 1, 8)
        swap = struct.pack(">BBQ3xBBB", 0x89, 1 << 5, lba, 1, 0, 0)
        expect(initiator.execute(swap, data=one + new, lun=lun))
        assert expect(read(initiator, lun, lba, 1)) == new
        expect(initiator.execute(swap, data=one + new, lun=lun), 2, (0xE, 0x1D, 0))
        both = bytes(a | b for a, b in zip(one[:size], new[:size]))
        expect(initiator.execute(cdb(0x8B, 1, lba, 1), data=one, lun=lun))
        assert expect(read(initiator, lun, lba, 1)) == both + struct.pack(">HHI", crc(both), tag, lba)


def select(initiator, page):
    data = bytes(8) + page
    expect(initiator.execute(
        struct.pack(">BB5xHB", 0x55, 0x11, len(data), 0), data=data, lun=1))


def know_tags(initiator):
    """ATO, ATMPE and the application tag of all of LUN 1's blocks, saved."""
    page = bytearray(208)
    page[:4] = bytes([0x4A, 0x02, 0, 204])
    struct.pack_into(">B5xHQQ", page, 16, 0, 0, 0, 100)
    struct.pack_into(">B5xHQQ", page, 40, 0x80, 0x7777, 100, (32 << 20) // 512 - 100)
    select(initiator, bytes(page))
    select(initiator, bytes([0x0A, 10, 0x22, 0x10, 0, 0xA0, 0, 0, 0xFF, 0xFF, 0, 0]))


def check_tags(initiator):
    """One block of LUN 1 has another."""
    for protect in (0, 1, 2, 5):
        expect(read(initiator, 1, 3000, 3, protect), 2, (0xB, 0x10, 2), 3001)
    expect(read(initiator, 1, 3000, 3, 4))
    wire = blocks(1, 3001, 1, 9)
    wrong = wire[:514] + b"\x12\x34" + wire[516:]
    expect(write(initiator, 1, 3001, 1, wrong), 2, (0xB, 0x10, 2), 3001)
    # What comes without is nobody's.
    expect(write(initiator, 1, 3100, 1, wire[:512], protect=0))
    assert expect(read(initiator, 1, 3100, 1))[514:516] == b"\xff\xff"


def begin():
    initiator = session()
    others(initiator)
    for lun, (size, kind) in LUNS.items():
        capacity = expect(initiator.execute(
            bytes([0x9E, 0x10]) + bytes(8) + struct.pack(">IBB", 32, 0, 0), want=32, lun=lun))
        assert capacity[12] == ((kind - 1) << 1 | 1), f"LUN {lun}: P_TYPE {capacity[12]:#x}"
        wire = blocks(lun, LBA, COUNT, lun)
        expect(write(initiator, lun, LBA, COUNT, wire))
        got = expect(read(initiator, lun, LBA, COUNT))
        assert got == wire, f"LUN {lun} has something else"
        # In several bursts.
        long = blocks(lun, 2000, MANY if size == 512 else 20, 99)
        count = len(long) // (size + 8)
        expect(write(initiator, lun, 2000, count, long))
        assert expect(read(initiator, lun, 2000, count)) == long
        # One bit wrong on the way: nothing is written.
        bad = bytearray(wire)
        bad[3 * (size + 8) + 7] ^= 0x10
        expect(write(initiator, lun, LBA, COUNT, bytes(bad)), 2, (0xB, 0x10, 1), LBA + 3)
        if kind == 1:
            expect(write(initiator, lun, LBA + 1, COUNT, wire), 2, (0xB, 0x10, 3), LBA + 1)
        assert expect(read(initiator, lun, LBA, COUNT)) == wire
        # Who knows nothing of it sees data alone, and what he writes is protected.
        plain = expect(read(initiator, lun, LBA, COUNT, protect=0))
        assert plain[:size] == wire[:size] and plain[size:2 * size] == wire[size + 8:2 * size + 8]
        expect(write(initiator, lun, 10, 1, plain[:size], protect=0))
        got = expect(read(initiator, lun, 10, 1))
        assert got[:size] == plain[:size]
        assert got[size:] == struct.pack(">HHI", crc(plain[:size]), 0,
                                         10 if kind == 1 else 0xFFFFFFFF), got[size:].hex()
        # Never written: not to be checked.
        assert expect(read(initiator, lun, 500, 1)) == bytes(size) + b"\xff" * 8
    check_all(initiator)
    wire = blocks(1, 3000, 3, 9)
    expect(write(initiator, 1, 3000, 3, wire[:520 + 514] + b"\x12\x34" + wire[520 + 516:]))
    know_tags(initiator)
    check_tags(initiator)
    initiator.logout()


def again():
    initiator = session()
    check_all(initiator)
    check_tags(initiator)
    initiator.logout()


def grown():
    initiator = session()
    lba = (48 << 20) // 512 - COUNT
    assert expect(read(initiator, 1, lba, COUNT))[512:520] == b"\xff" * 8
    wire = blocks(1, lba, COUNT, 5)
    expect(write(initiator, 1, lba, COUNT, wire))
    assert expect(read(initiator, 1, lba, COUNT)) == wire
    check_all(initiator)
    initiator.logout()


def damaged():
    initiator = session()
    lba = (48 << 20) // 512 - COUNT
    assert expect(read(initiator, 1, lba, COUNT)) == blocks(1, lba, COUNT, 5)
    for protect in (0, 1, 4):
        expect(read(initiator, 1, LBA, COUNT, protect), 2, (0xB, 0x10, 1), 1002)
    expect(initiator.execute(cdb(0x8F, 1, LBA, COUNT), lun=1), 2, (0xB, 0x10, 1), 1002)
    assert expect(read(initiator, 1, LBA, COUNT, 3))[:520] == blocks(1, LBA, 1, 1)
    initiator.logout()


globals()[sys.argv[3]]()
