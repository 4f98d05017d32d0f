# SPDX-License-Identifier: BSD-2-Clause
"""Task management on a whole daemon, over sessions on different reactors: see
t-task-management, which has the logical units. PORT TARGET FUNCTION."""

import struct
import sys
import time

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
PLAIN, SLOW, SLOW_WRITES, LATE, STUCK, STUCK_WRITES = range(6)
SIMPLE, ORDERED, HEAD_OF_QUEUE, ACA = 1, 2, 3, 4
ABORT_TASK, ABORT_TASK_SET, CLEAR_ACA, CLEAR_TASK_SET, LUN_RESET = range(1, 6)
QUERY_TASK, QUERY_TASK_SET, NEXUS_RESET, QUERY_EVENT = range(9, 13)


def check(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: {got!r} instead of {expected!r}")


def log_in(isid, keys=()):
    initiator = Initiator(PORT, TARGET, isid=isid,
                          keys=[("ImmediateData", "Yes"), ("InitialR2T", "Yes"), *keys])
    initiator.login()
    for lun in range(6):
        initiator.test_unit_ready(lun)      # the unit attention of a new nexus
        check("ready", initiator.test_unit_ready(lun), 0)
    return initiator


def read_of(initiator, lun, lba=0, attribute=SIMPLE):
    """Its bytes and its ITT."""
    cdb = bytes([0x88, 0]) + struct.pack(">QI", lba, 1) + bytes(2)
    bhs = bytearray(initiator.command_bhs(cdb, 0xC0, 512, lun))
    bhs[1] = bhs[1] & 0xF8 | attribute
    return initiator.frame(bhs), initiator.itt - 1


def write_of(initiator, lun, data, lba=0, attribute=SIMPLE):
    cdb = bytes([0x8A, 0]) + struct.pack(">QI", lba, len(data) // 512) + bytes(2)
    bhs = bytearray(initiator.command_bhs(cdb, 0xA0, len(data), lun))
    bhs[1] = bhs[1] & 0xF8 | attribute
    return initiator.frame(bhs, data), initiator.itt - 1


def start(initiator, *commands):
    """Sends them at once: no other command can be late. Returns their ITTs."""
    initiator.send_raw(b"".join(command for command, _ in commands))
    return [itt for _, itt in commands]


def start_read(initiator, lun, lba=0, attribute=SIMPLE):
    return start(initiator, read_of(initiator, lun, lba, attribute))[0]


def manage(initiator, function, lun=0, itt=0xFFFFFFFF, ref_cmd_sn=0):
    initiator.send(bytes([0x42, 0x80 | function, 0, 0, 0, 0, 0, 0])
                   + struct.pack(">HHI", lun, 0, 0)
                   + struct.pack(">IIIII", initiator.itt, itt, initiator.cmd_sn,
                                 initiator.exp_stat_sn, ref_cmd_sn) + bytes(12))
    initiator.itt += 1


def expect_managed(initiator, response=0):
    pdu = initiator.recv()
    check("opcode", pdu.opcode, 0x22)
    check("response", pdu.bhs[2], response)
    return pdu


def sense_of(answer):
    status, sense, _ = answer
    return status, sense[2] & 0xF, sense[12], sense[13]


def tell(initiator, lun):
    """What TEST UNIT READY says."""
    answer = initiator.execute(bytes(6), lun=lun)
    return sense_of(answer) if answer[0] else 0


def set_tas(initiator, lun, tas):
    page = bytes([0x0A, 10, 0x22, 0x10, 0, 0x40 if tas else 0, 0, 0, 0xFF, 0xFF, 0, 0])
    data = bytes(8) + page
    status, sense, _ = initiator.execute(
        bytes([0x55, 0x10, 0, 0, 0, 0, 0, 0, len(data), 0]), data, lun=lun)
    check(f"MODE SELECT ({sense.hex()})", status, 0)


def resets():
    """Answered when the other session's command has really ended; TAS."""
    asks, other = log_in(1), log_in(2)
    began = time.monotonic()
    start_read(other, SLOW)
    other.settle()
    manage(asks, LUN_RESET, SLOW)
    expect_managed(asks)
    if time.monotonic() - began < 1.4:
        sys.exit("the reset was answered before the command had ended")
    # No answer to the read: the next one is to the next command.
    check("after the reset", tell(other, SLOW), (2, 6, 0x29, 0x03))
    check("and then", tell(other, SLOW), 0)
    check("of who asked", tell(asks, SLOW), (2, 6, 0x29, 0x03))
    check("elsewhere", tell(other, PLAIN), 0)
    set_tas(asks, SLOW, True)
    tell(other, SLOW)                       # MODE PARAMETERS CHANGED
    itt = start_read(other, SLOW)
    other.settle()
    manage(asks, LUN_RESET, SLOW)
    expect_managed(asks)
    pdu = other.recv()
    check("TASK ABORTED", (pdu.opcode, pdu.itt, pdu.bhs[3]), (0x21, itt, 0x40))


def aborts():
    one = log_in(1, [("iSCSIProtocolLevel", "2")])
    check("level", one.answers.get("iSCSIProtocolLevel"), "2")
    cmd_sn, itt = one.cmd_sn, start_read(one, SLOW)
    manage(one, QUERY_TASK, SLOW, itt, cmd_sn)
    expect_managed(one, 7)
    manage(one, QUERY_TASK_SET, SLOW)
    expect_managed(one, 7)
    manage(one, ABORT_TASK, SLOW, itt, cmd_sn)
    expect_managed(one)
    manage(one, QUERY_TASK_SET, SLOW)
    expect_managed(one)
    start(one, read_of(one, SLOW), read_of(one, SLOW, attribute=ORDERED), read_of(one, SLOW))
    manage(one, ABORT_TASK_SET, SLOW)
    expect_managed(one)
    manage(one, QUERY_EVENT, SLOW)
    expect_managed(one)
    manage(one, NEXUS_RESET)
    expect_managed(one)
    manage(one, QUERY_EVENT, SLOW)
    pdu = expect_managed(one, 7)
    check("event", pdu.bhs[8:11].hex(), "162907")
    check("nexus loss", tell(one, SLOW), (2, 6, 0x29, 0x07))


def order():
    """An ORDERED write between a slow one and a read, all of the same block."""
    one = log_in(1)
    old, new = b"old!" * 128, b"new!" * 128
    first, second, third = start(one, write_of(one, SLOW_WRITES, old),
                                 write_of(one, SLOW_WRITES, new, attribute=ORDERED),
                                 read_of(one, SLOW_WRITES))
    answers = [one.recv() for _ in range(3)]
    check("order", [pdu.itt for pdu in answers], [first, second, third])
    check("data", answers[2].data, new)
    # And HEAD OF QUEUE does not wait for them.
    first, second, head = start(one, write_of(one, SLOW_WRITES, old),
                                write_of(one, SLOW_WRITES, old, lba=1, attribute=ORDERED),
                                read_of(one, SLOW_WRITES, lba=2, attribute=HEAD_OF_QUEUE))
    answers = [one.recv().itt for _ in range(3)]
    check("head of queue", answers, [head, first, second])


def aca():
    one, other = log_in(1), log_in(2)
    beyond = bytes([0x88, 0]) + struct.pack(">QI", 1 << 40, 1) + bytes([0, 0x04])
    check("failure", sense_of(one.execute(beyond, want=512))[:3], (2, 5, 0x21))
    check("ACA ACTIVE", one.test_unit_ready(), 0x30)
    check("of another", other.test_unit_ready(), 0)
    start_read(one, PLAIN, attribute=ACA)
    check("ACA attribute", one.recv().opcode, 0x25)
    manage(one, CLEAR_ACA)
    expect_managed(one)
    check("cleared", one.test_unit_ready(), 0)


def deadline():
    """A store that is late is cancelled; one that cannot be is waited for, by nobody else."""
    one, two = log_in(1), log_in(2)
    began = time.monotonic()
    check("late", sense_of(one.execute(bytes([0x28]) + bytes(7) + bytes([1, 0]), want=512,
                                       lun=LATE)), (2, 0xB, 0x08, 0x01))
    if not 0.9 < time.monotonic() - began < 25:
        sys.exit(f"cancelled after {time.monotonic() - began:.1f} s")
    began = time.monotonic()
    itt = start_read(one, STUCK)
    for _ in range(20):
        check("another LUN", two.read(0, 1, lun=PLAIN)[0], 0)
        time.sleep(0.1)
    pdu = one.recv()
    check("stuck", (pdu.itt, pdu.bhs[3], pdu.data[2 + 12]), (itt, 2, 0x08))
    if time.monotonic() - began < 2.9:
        sys.exit("answered before the store had let go")


def reinstatement():
    """A store keeps a write of a session that its initiator replaces by another."""
    one, other = log_in(1), log_in(2)
    old = b"past" * 128
    began = time.monotonic()
    start(one, write_of(one, STUCK_WRITES, old))
    one.settle()
    again = Initiator(PORT, TARGET, isid=1)
    again.login()
    took = time.monotonic() - began
    if took > 7:
        sys.exit(f"the new login has waited {took:.1f} s for the store")
    check("what is stuck", again.test_unit_ready(STUCK_WRITES), 0x08)
    again.test_unit_ready(PLAIN)
    check("another LUN", again.test_unit_ready(PLAIN), 0)
    check("another initiator", other.read(1, 1, lun=STUCK_WRITES)[0], 0)
    while time.monotonic() - began < 60:
        if again.test_unit_ready(STUCK_WRITES) == 0x02:
            break
        time.sleep(0.1)
    check("afterwards", again.read(0, 1, lun=STUCK_WRITES), (0, old))


globals()[sys.argv[3]]()
