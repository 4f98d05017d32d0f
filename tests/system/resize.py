# SPDX-License-Identifier: BSD-2-Clause
"""resize.py PORT QUIET-PORT TARGET COMMAND... -- COMMAND...: what an initiator sees of LUN
0, 64 MiB at first and 128 MiB after both commands; and of LUN 1, which stays. By the second
port it is not told of events."""

import subprocess
import sys

from initiator import Initiator

PORT, QUIET, TARGET = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
MIDDLE = sys.argv.index("--")
GROW, TELL = sys.argv[4:MIDDLE], sys.argv[MIDDLE + 1:]
OLD, NEW = (64 << 20) // 512, (128 << 20) // 512
WRITE = bytes([0x2A, 0]) + (NEW - 8).to_bytes(4, "big") + bytes([0, 0, 8, 0])
READY = bytes(6)


def sense(answer):
    return (answer[0], answer[1][2] & 0xF, answer[1][12], answer[1][13]) if answer[0] else answer[0]


def blocks(lun=0):
    answer = initiator.execute(bytes([0x25]) + bytes(9), want=8, lun=lun)
    assert answer[0] == 0, answer
    return int.from_bytes(answer[2][:4], "big") + 1


initiator = Initiator(PORT, TARGET)
assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
quiet = Initiator(QUIET, TARGET, name="iqn.2026-11.io.pinion:quiet")
assert quiet.login().bhs[36:38] == b"\0\0", "login refused"
for unit in (0, 1):
    initiator.test_unit_ready(unit)
    quiet.test_unit_ready(unit)
assert blocks() == OLD
assert sense(initiator.execute(WRITE, b"\5" * 4096)) == (2, 5, 0x21, 0)
subprocess.run(GROW, check=True)
assert blocks() == OLD, "nobody has told the daemon"
listing = subprocess.run(TELL, check=True, capture_output=True, text=True).stdout
assert "128" in listing, listing
# It is told unasked (RFC 7143 section 11.9.1), and the unit attention condition stays.
lun, told = initiator.wait_event()
assert lun == bytes(8), lun
assert (told[0], told[2] & 0xF, told[12], told[13]) == (0x70, 6, 0x2A, 9), told
assert sense(initiator.execute(READY)) == (2, 6, 0x2A, 9)
assert sense(initiator.execute(READY)) == 0
assert sense(initiator.execute(READY, lun=1)) == 0
assert blocks() == NEW and blocks(1) == 2048
assert sense(initiator.execute(WRITE, b"\5" * 4096)) == 0
assert initiator.read(NEW - 8, 8) == (0, b"\5" * 4096)
subprocess.run(TELL, check=True, capture_output=True)
assert sense(initiator.execute(READY)) == 0, "nothing has changed"
assert not initiator.events, "told twice, or of nothing"
assert sense(quiet.execute(READY)) == (2, 6, 0x2A, 9)
assert sense(quiet.execute(READY)) == 0 and not quiet.events
quiet.logout()
initiator.logout()
