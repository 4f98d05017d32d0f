# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-mode-pages: mode_pages.py PORT TARGET STEP. Exit status 1 when
the target did not do what SPC-5 says."""

import sys

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
CACHING, CONTROL = 0x08, 0x0A
WCE, SWP, TAS = 0x04, 0x08, 0x40
CURRENT, CHANGEABLE, DEFAULT, SAVED = range(4)


def session(name="one"):
    initiator = Initiator(PORT, TARGET, "iqn.2026-11.io.pinion:" + name)
    assert initiator.login().bhs[36:38] == b"\0\0", "login refused"
    initiator.test_unit_ready()  # takes the unit attention of a new nexus
    return initiator


def expect(answer, status=0, sense=None):
    """SENSE is key, ASC and ASCQ, as in fixed format."""
    got = (answer[1][2] & 0xF, answer[1][12], answer[1][13]) if len(answer[1]) > 13 else None
    assert answer[0] == status and got == sense, (
        f"status {answer[0]:#x}, sense {got}; expected {status:#x}, {sense}")
    return answer[2]


def page(initiator, code, control=CURRENT):
    data = expect(initiator.execute(bytes([0x1A, 8, control << 6 | code, 0, 255, 0]), want=255))
    assert data[4] & 0x3F == code
    return bytearray(data[4:data[0] + 1])


def select(initiator, new, save=False):
    new[0] &= 0x3F
    data = bytes(4) + bytes(new)
    return initiator.execute(bytes([0x15, 0x10 | save, 0, 0, len(data), 0]), data)


def write_block():
    expect(session().execute(bytes([0x2A, 0, 0, 0, 0, 8, 0, 0, 8, 0]), bytes(4096)))


def change_and_save():
    one, two = session("one"), session("two")
    caching, control = page(one, CACHING), page(one, CONTROL)
    assert caching[2] & WCE and page(one, CACHING, CHANGEABLE)[2] == WCE
    assert caching[0] & 0x80, "the page says that it cannot be saved"
    caching[2] &= ~WCE
    expect(select(one, caching, save=True))
    expect(two.execute(bytes(6)), 2, (6, 0x2A, 1))
    expect(two.execute(bytes(6)))
    # Not saved: it is gone after the restart.
    control[5] |= TAS
    expect(select(one, control))
    expect(two.execute(bytes(6)), 2, (6, 0x2A, 1))
    assert page(two, CONTROL)[5] & TAS
    assert not page(two, CONTROL, SAVED)[5] & TAS
    # What may not be changed is not, and the list is taken as a whole.
    caching[2] |= 0x01
    expect(select(one, caching), 2, (5, 0x26, 0))


def is_as_saved():
    one = session("one")
    assert not page(one, CACHING)[2] & WCE
    assert not page(one, CACHING, SAVED)[2] & WCE
    assert page(one, CACHING, DEFAULT)[2] & WCE
    assert not page(one, CONTROL)[5] & TAS


def write_protect():
    one = session("one")
    before = one.read(8, 8)
    control = page(one, CONTROL)
    control[4] |= SWP
    expect(select(one, control))
    expect(one.execute(bytes([0x2A, 0, 0, 0, 0, 8, 0, 0, 8, 0]), b"\1" * 4096), 2, (7, 0x27, 2))
    assert one.execute(bytes([0x1A, 8, CONTROL, 0, 255, 0]), want=255)[2][2] & 0x80
    assert one.read(8, 8) == before
    control[4] &= ~SWP
    expect(select(one, control))
    expect(one.execute(bytes([0x2A, 0, 0, 0, 0, 8, 0, 0, 8, 0]), b"\1" * 4096))
    assert one.read(8, 8) == (0, b"\1" * 4096)


def revert():
    one = session("one")
    expect(one.execute(bytes([0x15, 0x13, 0, 0, 0, 0])))
    assert page(one, CACHING)[2] & WCE and page(one, CACHING, SAVED)[2] & WCE


globals()[sys.argv[3]]()
