# SPDX-License-Identifier: BSD-2-Clause
"""Sessions of several connections: mcs.py PORT TARGET. Commands, data and what
becomes of the others when one connection goes, each case read back."""

import os
import random
import struct
import sys

from initiator import Closed, Initiator

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
BLOCK = 512
DIGESTS = [("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")]


def status_of(response):
    return struct.unpack(">H", response.bhs[36:38])[0]


def session(count, isid=1, name=None):
    keys = [("MaxConnections", str(count)), ("MaxRecvDataSegmentLength", "32768")]
    first = Initiator(PORT, TARGET, keys=keys, isid=isid, cid=0,
                      **({"name": name} if name else {}))
    assert status_of(first.login()) == 0, "login refused"
    assert first.answers["MaxConnections"] == str(min(count, 4))
    first.test_unit_ready()
    assert first.test_unit_ready() == 0
    connections = [first]
    for cid in range(1, count):
        connections.append(join(first, cid))
    return connections


def join(first, cid, keys=None):
    # Every other connection has digests: they are the connection's own.
    keys = (DIGESTS if cid % 2 else []) if keys is None else keys
    other = first.another(cid, keys)
    response = other.login()
    assert status_of(response) == 0, f"{status_of(response):#x}"
    return other


def expect_end(connection):
    try:
        while True:
            connection.recv()
    except (Closed, ConnectionError):
        pass


def write_command(connection, lba, data):
    cdb = bytes([0x8A, 0]) + struct.pack(">QI", lba, len(data) // BLOCK) + bytes(2)
    return connection.command_bhs(cdb, 0xA0, len(data))


def serve_write(connection, data):
    while True:
        pdu = connection.recv()
        if pdu.opcode == 0x21:
            assert pdu.bhs[3] == 0, f"status {pdu.bhs[3]:#x}"
            return
        if pdu.opcode == 0x31:
            connection.answer_r2t(pdu, data)


def interleaved(connections):
    """Writes over all connections, the commands of each round sent last first, then reads."""
    generator = random.Random(1)
    for _ in range(12):
        blocks = generator.choice([8, 64, 256])
        chunks = [generator.randbytes(blocks * BLOCK) for _ in connections]
        base = generator.randrange(0, 100000)
        commands = [write_command(c, base + i * blocks, d)
                    for i, (c, d) in enumerate(zip(connections, chunks))]
        for connection, command in reversed(list(zip(connections, commands))):
            connection.send(command)
        for connection, data in zip(connections, chunks):
            serve_write(connection, data)
        readers = connections[1:] + connections[:1]
        for i, (reader, data) in enumerate(zip(readers, chunks)):
            assert reader.read(base + i * blocks, blocks) == (0, data), "other data"


def logout_of_one(connections):
    first, gone = connections[0], connections[-1]
    response = first.logout(1, gone.cid)
    assert response.opcode == 0x26 and response.bhs[2] == 0
    expect_end(gone)
    gone.close()
    interleaved(connections[:-1])
    interleaved(connections[:-1] + [join(first, 9)])


def replaced(connections):
    """Connection reinstatement while a write waits for its data; the session goes on."""
    first, old = connections[0], connections[1]
    data = os.urandom(64 * 1024)
    for round_ in range(8):
        old.send(write_command(old, 200000, data))
        assert old.recv().opcode == 0x31
        new = join(first, old.cid, DIGESTS if round_ % 2 else [])
        expect_end(old)
        old.close()
        old = new
        interleaved([first, old])
    connections[1] = old


def failure(connections):
    """ErrorRecoveryLevel 0: a lost connection is the end of the session."""
    data = os.urandom(256 * 1024)
    connections[0].send(write_command(connections[0], 300000, data))
    assert connections[0].recv().opcode == 0x31
    connections[-1].close()
    for connection in connections[:-1]:
        expect_end(connection)
    late = connections[0].another(7)
    assert status_of(late.login()) == 0x020A, "there is no session any more"
    late.close()


def refused():
    connections = session(2)
    late = connections[0].another(5)
    assert status_of(late.login()) == 0x0206
    late.close()
    stranger = connections[0].another(5)
    stranger.isid = 77
    assert status_of(stranger.login()) == 0x0208
    stranger.close()
    interleaved(connections)
    connections[1].logout(0)
    for connection in connections:
        expect_end(connection)
        connection.close()


def many_at_once():
    sessions = [session(3, isid=i) for i in range(10, 18)]
    for connections in sessions:
        interleaved(connections[:2])
    for connections in sessions:
        connections[2].logout(0)
        for connection in connections:
            connection.close()


refused()
four = session(4)
interleaved(four)
logout_of_one(four)
five = session(4, isid=2)
replaced(five)
interleaved(five)
failure(five)
many_at_once()
print("connections joined, were replaced, logged out and lost")
