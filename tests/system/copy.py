# SPDX-License-Identifier: BSD-2-Clause
"""The steps of t-copy: copy.py PORT TARGET STEP. Third-party copies as SPC-5 and
SBC-4 have them; every byte is read back. Exit status 1 when something is wrong."""

import os
import random
import struct
import sys
import threading
import time

from initiator import Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
BLOCK = {0: 512, 1: 512, 2: 512, 3: 4096, 4: 512, 5: 512}
CHUNK = 1 << 20


def session(isid=1):
    initiator = Initiator(PORT, TARGET, isid=isid)
    response = initiator.login()
    assert response.bhs[36:38] == b"\0\0", "login refused"
    for lun in BLOCK:
        initiator.test_unit_ready(lun)  # takes the unit attention of a new nexus
    return initiator


def expect(answer, sense=None):
    """SENSE is key, ASC and ASCQ, as in fixed format."""
    got = (answer[1][2] & 0xF, answer[1][12], answer[1][13]) if len(answer[1]) > 13 else None
    assert got == sense and answer[0] == (0 if sense is None else 2), (
        f"status {answer[0]:#x}, sense {got}; expected {sense}")
    return answer[2]


# --- plain reads and writes ---

def write(initiator, lun, lba, data):
    for at in range(0, len(data), CHUNK):
        piece = data[at:at + CHUNK]
        cdb = struct.pack(">BBQIBB", 0x8A, 0, lba + at // BLOCK[lun],
                          len(piece) // BLOCK[lun], 0, 0)
        expect(initiator.execute(cdb, piece, lun=lun))


def read(initiator, lun, lba, length):
    data = b""
    while len(data) < length:
        want = min(CHUNK, length - len(data))
        cdb = struct.pack(">BBQIBB", 0x88, 0, lba + len(data) // BLOCK[lun],
                          want // BLOCK[lun], 0, 0)
        data += expect(initiator.execute(cdb, want=want, lun=lun))
    return data


def naa(initiator, lun):
    page = expect(initiator.execute(bytes([0x12, 1, 0x83, 1, 0, 0]), want=256, lun=lun))
    at = 4
    while page[at + 1] & 0x3F != 3:
        at += 4 + page[at + 3]
    return page[at + 4:at + 4 + page[at + 3]]


# --- EXTENDED COPY ---

def cscd(initiator, lun):
    name = naa(initiator, lun)
    return (bytes([0xE4, 0, 0, 0, 1, 3, 0, len(name)]) + name.ljust(20, b"\0")
            + struct.pack(">I", BLOCK[lun]))


def segment(source, destination, from_lba, to_lba, blocks):
    return struct.pack(">BBHHHHHQQ", 2, 0, 24, source, destination, 0, blocks, from_lba, to_lba)


def lid1(identifier, cscds, segments):
    return (struct.pack(">BBHIII", identifier, 0, len(cscds), 0, len(segments), 0)
            + cscds + segments)


def lid4(identifier, cscds, segments, immediate):
    return (struct.pack(">BBH11xBB3xI18xHHH", 1, 0, 32, immediate, 0xFF, identifier,
                        len(cscds), len(segments), 0) + cscds + segments)


def extended_copy(initiator, action, parameters, lun=0):
    cdb = struct.pack(">BB8xIH", 0x83, action, len(parameters), 0)
    return initiator.execute(cdb, parameters, lun=lun)


def copies():
    initiator = session()
    names = {lun: cscd(initiator, lun) for lun in BLOCK}
    # Memory to memory, file to file, and across; within one and with larger blocks.
    for source, destination in ((0, 1), (2, 4), (0, 2), (2, 0), (1, 3), (3, 1), (2, 2)):
        size = max(BLOCK[source], BLOCK[destination])
        data = os.urandom(3 * CHUNK + 5 * size)
        around = os.urandom(size)
        from_at, to_at = 96 * size, 40000 * size // BLOCK[destination] * BLOCK[destination]
        to_at = min(to_at, 24 << 20)
        write(initiator, source, from_at // BLOCK[source], data)
        write(initiator, destination, to_at // BLOCK[destination] - size // BLOCK[destination],
              around + bytes(len(data)) + around)
        expect(extended_copy(initiator, 0, lid1(
            9, names[source] + names[destination],
            segment(0, 1, from_at // BLOCK[source], to_at // BLOCK[destination],
                    len(data) // BLOCK[source]))))
        got = read(initiator, destination,
                   to_at // BLOCK[destination] - size // BLOCK[destination],
                   len(data) + 2 * size)
        assert got == around + data + around, f"LUN {source} to {destination}: wrong bytes"
        status = expect(initiator.execute(bytes([0x84, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12]),
                                          want=12))
        assert status[4] == 1 and struct.unpack(">I", status[8:])[0] == len(data), status
    initiator.logout()


def errors():
    initiator = session()
    names = cscd(initiator, 0) + cscd(initiator, 1)
    stranger = names[:8] + bytes(8) + names[16:]
    last = (64 << 20) // 512
    for cscds, segments, sense in (
            (names, segment(0, 2, 0, 0, 1), (0xA, 0x0D, 2)),
            (stranger, segment(0, 1, 0, 0, 1), (0xA, 0x0D, 2)),
            (names, segment(0, 1, 0, last, 1), (0xA, 0x0D, 2)),
            (names, segment(0, 1, 0, 0, 1)[:-1], (5, 0x1A, 0)),
            (names * 9, segment(0, 1, 0, 0, 1), (5, 0x26, 6)),
            (b"\xE0" + names[1:], segment(0, 1, 0, 0, 1), (5, 0x26, 7)),
            (names, b"\x04" + segment(0, 1, 0, 0, 1)[1:], (5, 0x26, 9))):
        expect(extended_copy(initiator, 0, lid1(1, cscds, segments)), sense)
    initiator.logout()


def background():
    """The copy goes on behind its command's back. LUN 4's writes take their time, those of LUN 5
    more than this takes on any machine."""
    initiator = session()
    names = {lun: cscd(initiator, 0) + cscd(initiator, lun) for lun in (4, 5)}
    data = os.urandom(2 * CHUNK)
    write(initiator, 0, 0, data)
    expect(extended_copy(initiator, 1, lid4(77, names[4], segment(0, 1, 0, 0, 4096), 1)))
    end = time.monotonic() + 60
    while time.monotonic() < end:
        status = copy_status(initiator, 77)
        if status[5] != 0x12:
            break
        time.sleep(0.02)
    assert status[5] == 1 and struct.unpack(">Q", status[16:24])[0] == len(data), status
    assert read(initiator, 4, 0, len(data)) == data
    # Stopped half-way.
    parameters = lid4(78, names[5], segment(0, 1, 0, 8192, 60000), 1)
    expect(extended_copy(initiator, 1, parameters))
    status = copy_status(initiator, 78)
    assert status[5] == 0x12, f"not in the background: {status[5]:#x}"
    expect(extended_copy(initiator, 1, parameters), (5, 0, 0x16))
    expect(initiator.execute(struct.pack(">BBI10x", 0x83, 0x1C, 78)))
    status = copy_status(initiator, 78)
    assert status[5] == 0x60, f"not terminated: {status[5]:#x}"
    # And left behind by its session.
    expect(extended_copy(initiator, 1, lid4(79, names[5], segment(0, 1, 0, 8192, 60000), 1)))
    initiator.close()


def copy_status(initiator, identifier):
    return expect(initiator.execute(struct.pack(">BBI4xIH", 0x84, 5, identifier, 64, 0), want=64))


# --- ODX ---

def ranges(*pairs):
    return b"".join(struct.pack(">QII", lba, blocks, 0) for lba, blocks in pairs)


def token_command(initiator, action, parameters, lun, identifier=5):
    return initiator.execute(struct.pack(">BB4xIIH", 0x83, action, identifier,
                                         len(parameters), 0), parameters, lun=lun)


def populate(initiator, lun, *pairs):
    descriptors = ranges(*pairs)
    expect(token_command(initiator, 0x10, struct.pack(
        ">HBxI6xH", 14 + len(descriptors), 0, 0, len(descriptors)) + descriptors, lun))
    answer = information(initiator, lun)
    assert answer[5] == 1
    return answer[38:550]


def write_using(initiator, lun, token, offset, *pairs):
    descriptors = ranges(*pairs)
    return token_command(initiator, 0x11, struct.pack(
        ">HB5xQ512s6xH", 534 + len(descriptors), 0, offset, token, len(descriptors))
        + descriptors, lun)


def information(initiator, lun, identifier=5):
    return expect(initiator.execute(struct.pack(">BBI4xIH", 0x84, 7, identifier, 600, 0),
                                    want=600, lun=lun))


def tokens():
    initiator, other = session(), session(isid=2)
    data = os.urandom(4 * CHUNK)
    for source, destination in ((0, 2), (2, 4), (1, 0), (2, 1)):
        write(initiator, source, 100, data)
        token = populate(initiator, source, (100, 5000), (6000, 100), (5100, 900))
        wanted = data[:5000 * 512] + data[5900 * 512:6000 * 512] + data[5000 * 512:5900 * 512]
        expect(write_using(other, destination, token, 0, (50000, 4000), (60000, 2000)))
        got = read(other, destination, 50000, 4000 * 512)
        got += read(other, destination, 60000, 2000 * 512)
        assert got == wanted, f"token of {source} at {destination}: wrong bytes"
        # More than the token has: as much as there is.
        expect(write_using(other, destination, token, 5900, (50000, 300)))
        answer = information(other, destination)
        assert answer[5] == 3 and answer[15] == 0xF1
        assert struct.unpack(">Q", answer[16:24])[0] == 100
        assert read(other, destination, 50000, 100 * 512) == wanted[5900 * 512:]
        # A change elsewhere is nothing to it; of one of its blocks the end.
        write(other, source, 7000, bytes(512))
        expect(write_using(other, destination, token, 0, (50000, 1)))
        write(other, source, 5999, bytes(512))
        expect(write_using(initiator, destination, token, 0, (50000, 1)), (5, 0x23, 8))
    # Of what nobody has made.
    expect(write_using(other, 1, os.urandom(512), 0, (0, 1)), (5, 0x23, 1))
    token = populate(initiator, 0, (0, 8))
    expect(write_using(other, 1, token[:8] + os.urandom(504), 0, (0, 1)), (5, 0x23, 4))
    # Zeros.
    zeros = struct.pack(">IHH504x", 0xFFFF0001, 0, 0x1F8)
    write(initiator, 2, 0, data[:64 * 512])
    expect(write_using(initiator, 2, zeros, 0, (8, 32)))
    assert read(initiator, 2, 0, 64 * 512) == (
        data[:8 * 512] + bytes(32 * 512) + data[40 * 512:64 * 512])
    initiator.logout()
    other.logout()


def contend():
    """One session writes blocks that are all alike, the other copies them by tokens: what a
    token was good for is never a mixture of two writes."""
    blocks = 256
    for source, destination in ((0, 1), (2, 1)):
        reader, writer = session(), session(isid=2)
        stop = threading.Event()
        copied = cancelled = 0
        pause = [0.002]  # as long as a round takes on this machine: some are disturbed, some not

        def fill(lun=source, initiator=writer, stop=stop, pause=pause):
            value = 0
            while not stop.is_set():
                value += 1
                write(initiator, lun, 0, struct.pack(">I", value) * (blocks * 128))
                time.sleep(random.random() * 2 * pause[0])

        thread = threading.Thread(target=fill, daemon=True)
        write(writer, source, 0, bytes(blocks * 512))
        thread.start()
        begun = now = time.monotonic()
        while now < begun + 1.5 or (copied < 3 or cancelled < 3) and now < begun + 40:
            token = populate(reader, source, (0, blocks))
            answer = write_using(reader, destination, token, 0, (0, blocks))
            before, now = now, time.monotonic()
            pause[0] += (now - before - pause[0]) / 4
            if answer[0] != 0:
                expect(answer, (5, 0x23, 8))
                cancelled += 1
                continue
            copied += 1
            got = read(reader, destination, 0, blocks * 512)
            assert got == got[:4] * (blocks * 128), "a mixture of two writes"
        stop.set()
        thread.join()
        print(f"{copied} copied, {cancelled} cancelled")
        assert copied > 0 and cancelled > 0, f"{copied} copied, {cancelled} cancelled: nothing was shown"
        reader.logout()
        writer.logout()


globals()[sys.argv[3]]()
