# SPDX-License-Identifier: BSD-2-Clause
"""exclusive.py PORT TARGET LUN BLOCK-SIZE: COMPARE AND WRITE among all other commands on its
blocks. Every command makes them alike, so nobody may ever see them differ, and a COMPARE AND
WRITE that has succeeded was of what was there. Exit status 1 when one did."""

import random
import struct
import sys
import threading

from initiator import Initiator

PORT, TARGET, LUN, SIZE = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
LBA, BLOCKS = 64, 8
LENGTH = BLOCKS * SIZE
TRIES = 60
MISCOMPARE = 0xE

wrong = []
swapped = threading.Semaphore(0)
done = threading.Event()


def session(number):
    initiator = Initiator(PORT, TARGET, f"iqn.2026-11.io.pinion:exclusive{number}", timeout=60)
    assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
    initiator.test_unit_ready(LUN)  # takes the unit attention of a new nexus
    return initiator


def long_cdb(code, options=0):
    return bytes([code, options]) + struct.pack(">QI", LBA, BLOCKS) + bytes(2)


def value():
    return bytes([random.randrange(1, 256)])


def look(initiator):
    status, data = initiator.read(LBA, BLOCKS, SIZE, LUN)
    assert status == 0, f"READ: status {status:#x}"
    if data != data[:1] * LENGTH:
        raise AssertionError(f"blocks differ: {[data[i * SIZE] for i in range(BLOCKS)]}")
    return data[:1]


def compare_and_write(initiator):
    cdb = bytes([0x89, 0]) + struct.pack(">Q", LBA) + bytes([0, 0, 0, BLOCKS, 0, 0])
    expected = look(initiator)
    status, sense, _ = initiator.execute(cdb, expected * LENGTH + value() * LENGTH, lun=LUN,
                                         piece=65536)
    if status == 0:
        swapped.release()
    else:
        assert sense[2] & 0xF == MISCOMPARE, f"COMPARE AND WRITE: sense {sense.hex()}"


def good(initiator, cdb, data=b""):
    status, sense, _ = initiator.execute(cdb, data, lun=LUN, piece=65536)
    assert status == 0, f"operation code {cdb[0]:#x}: sense {sense.hex()}"


OTHERS = [
    look,
    lambda one: good(one, long_cdb(0x8F)),  # VERIFY
    lambda one: good(one, long_cdb(0x8B), bytes([1 << random.randrange(8)]) * LENGTH),  # ORWRITE
    lambda one: good(one, long_cdb(0x93), value() * SIZE),  # WRITE SAME
    lambda one: good(one, bytes([0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0]),  # UNMAP
                     struct.pack(">HHIQII", 22, 16, 0, LBA, BLOCKS, 0)),
]
# In the medium's own memory WRITE SAME and a READ may meet: only what is alone is not torn there.
if len(sys.argv) > 5:
    OTHERS = OTHERS[:3]


def again_and_again(number, work, ends):
    try:
        initiator = session(number)
        left = TRIES
        while left if ends else not done.is_set():
            work(initiator)
            left -= 1
    except Exception as failure:  # whatever it is, the test has failed
        wrong.append(f"{type(failure).__name__}: {failure}")
        done.set()


first = session(0)
assert first.write(LBA, bytes(LENGTH), SIZE, LUN, piece=65536) == 0
others = [threading.Thread(target=again_and_again, args=(3 + i, work, False))
          for i, work in enumerate(OTHERS)]
swappers = [threading.Thread(target=again_and_again, args=(1 + i, compare_and_write, True))
            for i in range(2)]
for thread in others + swappers:
    thread.start()
for thread in swappers:
    thread.join()
done.set()
for thread in others:
    thread.join()
if not wrong:
    look(first)
if wrong:
    sys.exit(wrong[0])
count = 0
while swapped.acquire(blocking=False):
    count += 1
print(f"{count} of {2 * TRIES} found what they expected")
