# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-format: format.py PORT TARGET STEP. Exit status 1 when the
target did not do what SBC-4 says."""

import os
import struct
import sys
import time

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
BLOCK = {0: 512, 1: 4096}
SIZE = 32 << 20
SANITIZED, FORMATTED = 2, 3  # the slow ones


def session(*luns, **arguments):
    initiator = Initiator(PORT, TARGET, **arguments)
    response = initiator.login()
    assert response.bhs[36:38] == b"\0\0", "login refused"
    for lun in luns or BLOCK:
        initiator.test_unit_ready(lun)  # takes the unit attention of a new nexus
    return initiator


def expect(answer, status=0, sense=None):
    """SENSE is key, ASC and ASCQ, as in fixed format."""
    got = (answer[1][2] & 0xF, answer[1][12], answer[1][13]) if len(answer[1]) > 13 else None
    assert answer[0] == status and got == sense, (
        f"status {answer[0]:#x}, sense {got}; expected {status:#x}, {sense}")
    return answer[2]


def threshold():
    """More than any file system has left: the second attention is that."""
    initiator = session(4)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        answer = initiator.execute(bytes(6), lun=4)
        if answer[0] != 0:
            expect(answer, 2, (6, 0x38, 7))
            break
        time.sleep(0.1)
    else:
        assert False, "no THIN PROVISIONING SOFT THRESHOLD REACHED"
    expect(initiator.execute(bytes(6), lun=4))
    page = expect(initiator.execute(bytes([0x4D, 0, 0x4C, 0, 0, 0, 0, 0, 64, 0]), want=64, lun=4))
    assert page[:4] == bytes([0x8C, 0, 0, 24]) and int.from_bytes(page[8:12], "big") > 0


def cdb_32(action, options, lba, blocks):
    return (bytes([0x7F, 0, 0, 0, 0, 0, 0, 0x18]) + struct.pack(">HBBQ", action, options, 0, lba)
            + bytes(8) + struct.pack(">I", blocks))


def long_cdb():
    for keys in ([], [("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")]):
        initiator = session(keys=keys)
        for lun, size in BLOCK.items():
            data = os.urandom(5 * size)
            expect(initiator.execute(cdb_32(0x0B, 0x08, 7, 5), data, lun=lun))
            assert initiator.read(7, 5, size, lun) == (0, data)
            assert expect(initiator.execute(cdb_32(0x09, 0, 7, 5), want=5 * size, lun=lun)) == data
            expect(initiator.execute(cdb_32(0x0A, 0x02, 7, 5), data, lun=lun))
            expect(initiator.execute(cdb_32(0x0A, 0x02, 8, 5), data, lun=lun), 2, (0xE, 0x1D, 0))
            expect(initiator.execute(cdb_32(0x0D, 0, 100, 64), data[:size], lun=lun))
            assert initiator.read(100, 64, size, lun) == (0, data[:size] * 64)
            # A CDB whose second half did not come.
            expect(initiator.execute(cdb_32(0x0A, 0, 0, 1)[:16], lun=lun), 2, (5, 0x24, 0))
        initiator.logout()


def expect_all(initiator, lun, block):
    """Every block of LUN is BLOCK."""
    size = BLOCK.get(lun, 512)
    blocks = (1 << 20) // size
    for lba in range(0, SIZE // size, blocks):
        assert initiator.read(lba, blocks, size, lun) == (0, block * blocks), (lun, lba)


def dirty(initiator, lun):
    size = BLOCK.get(lun, 512)
    for lba in (0, 1000, SIZE // size - 8):
        assert initiator.write(lba, os.urandom(8 * size), size, lun) == 0


def overwrite(flags=0, count=1, pattern=b"\0"):
    data = bytes([count, 0]) + struct.pack(">H", len(pattern)) + pattern
    return bytes([0x48, flags | 1, 0, 0, 0, 0, 0]) + struct.pack(">H", len(data)) + b"\0", data


def request_sense(initiator, lun):
    """Key, ASC, ASCQ, and the progress in 65536ths."""
    data = expect(initiator.execute(bytes([3, 0, 0, 0, 18, 0]), want=18, lun=lun))
    return (data[2] & 0xF, data[12], data[13]), int.from_bytes(data[16:18], "big")


def sanitize():
    initiator = session()
    pattern = b"sanitized"
    for lun, size in BLOCK.items():
        dirty(initiator, lun)
        expect(initiator.execute(*overwrite(0x80, 2, pattern), lun=lun))
        while initiator.test_unit_ready(lun) != 0:
            assert request_sense(initiator, lun)[0] in [(2, 4, 0x1B), (0, 0, 0)]
            time.sleep(0.02)
        expect_all(initiator, lun, (pattern * size)[:size])
    # The thin one can be erased, the other cannot.
    erase = bytes([0x48, 2, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(initiator.execute(erase, lun=1))
    expect_all(initiator, 1, bytes(4096))
    expect(initiator.execute(erase, lun=0), 2, (5, 0x24, 0))
    status = expect(initiator.execute(bytes([0x9E, 0x12]) + bytes(8) + struct.pack(">I", 24)
                                      + bytes(2), want=24, lun=1))
    assert status[16:21] == struct.pack(">IB", SIZE // 4096, 1), status


def format():
    initiator = session()
    for lun, size in BLOCK.items():
        dirty(initiator, lun)
        expect(initiator.execute(bytes([4, 0, 0, 0, 0, 0]), lun=lun))
        expect_all(initiator, lun, bytes(size))
        # FOV, IP: a pattern of four bytes
        expect(initiator.execute(bytes([4, 0x10, 0, 0, 0, 0]),
                                 bytes([0, 0x88, 0, 0, 0, 1, 0, 4]) + b"form", lun=lun))
        expect_all(initiator, lun, b"form" * (size // 4))


def begin():
    """Both are under way at the end."""
    initiator = session(SANITIZED, FORMATTED)
    for lun in (SANITIZED, FORMATTED):
        dirty(initiator, lun)
    expect(initiator.execute(*overwrite(0x80), lun=SANITIZED))
    expect(initiator.execute(bytes([4, 0x10, 0, 0, 0, 0]),
                             bytes([0, 0x8A, 0, 0, 0, 1, 0, 1, 0x55]), lun=FORMATTED))
    last, times = {}, 0
    end = time.monotonic() + 60
    while times < 4:        # that both have got further
        new = {}
        for lun, sense in ((SANITIZED, (2, 4, 0x1B)), (FORMATTED, (2, 4, 4))):
            expect(initiator.execute(bytes(6), lun=lun), 2, sense)
            expect(initiator.execute(bytes([0x28]) + bytes(6) + b"\0\1\0", want=512, lun=lun),
                   2, sense)
            seen, progress = request_sense(initiator, lun)
            assert seen == sense and last.get(lun, 0) <= progress < 0xFFFF, (seen, progress, last)
            new[lun] = progress
        if all(new[lun] > last.get(lun, -1) for lun in new):
            last, times = new, times + 1
        assert time.monotonic() < end, f"no progress: {new}"
        time.sleep(0.1)


def failed():
    initiator = session(SANITIZED, FORMATTED)
    for lun, sense in ((SANITIZED, (3, 0x31, 3)), (FORMATTED, (3, 0x31, 0))):
        expect(initiator.execute(bytes(6), lun=lun), 2, sense)
        expect(initiator.execute(bytes([0x28]) + bytes(6) + b"\0\1\0", want=512, lun=lun), 2, sense)
        assert request_sense(initiator, lun)[0] == sense
        assert initiator.execute(bytes([0x12, 0, 0, 0, 36, 0]), want=36, lun=lun)[0] == 0
    # It was in restricted mode: this does not lead out.
    expect(initiator.execute(bytes([0x48, 0x1F]) + bytes(8), lun=SANITIZED), 2, (5, 0x24, 0))
    # The others have nothing to do with it.
    initiator = session()
    for lun, size in BLOCK.items():
        dirty(initiator, lun)


def begin_again():
    """The daemon ends in an orderly way while it is under way."""
    initiator = session(SANITIZED)
    expect(initiator.execute(*overwrite(0x80), lun=SANITIZED))
    expect(initiator.execute(bytes(6), lun=SANITIZED), 2, (2, 4, 0x1B))


def mend():
    initiator = session(SANITIZED, FORMATTED)
    expect(initiator.execute(*overwrite(pattern=b"\xa5"), lun=SANITIZED))
    expect(initiator.execute(bytes([4, 0, 0, 0, 0, 0]), lun=FORMATTED))
    mended()


def mended():
    initiator = session(SANITIZED, FORMATTED)
    expect_all(initiator, SANITIZED, b"\xa5" * 512)
    expect_all(initiator, FORMATTED, bytes(512))


globals()[sys.argv[3]]()
