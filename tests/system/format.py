# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-format: format.py PORT TARGET STEP. Exit status 1 when the
target did not do what SBC-4 says."""

import os
import struct
import sys

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
BLOCK = {0: 512, 1: 4096}


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


globals()[sys.argv[3]]()
