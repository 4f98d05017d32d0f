# SPDX-License-Identifier: BSD-2-Clause
"""An iSNS server that does not behave, and a stranger who plays one (RFC 4171).

isns_server.py HOW PORT-FILE PID-FILE LOG-FILE: writes the port where it listens into
PORT-FILE, reads the daemon's process number from PID-FILE when it needs that, and ends
with status 0 when the daemon did what is right.
"""

import os
import signal
import socket
import struct
import sys
import time

PATIENCE = 60
REGISTER, DEREGISTER, SCN_REGISTER, SCN = 1, 4, 5, 8
RESPONSE = 0x8000
SCN_PORT, NAME, BITMAP = 23, 32, 35


def wait_until(what, why):
    until = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > until:
            raise SystemExit(why)
        time.sleep(0.05)


class Server:
    def __init__(self, port_file, pid_file, log_file):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.pid_file, self.log_file = pid_file, log_file
        self.scn_port = None
        with open(port_file + ".new", "w") as file:
            file.write("%d\n" % self.listener.getsockname()[1])
        os.rename(port_file + ".new", port_file)

    def accept(self):
        conn = self.listener.accept()[0]
        conn.settimeout(PATIENCE)
        return conn

    def pid(self):
        wait_until(lambda: os.path.exists(self.pid_file), "no process number")
        return int(open(self.pid_file).read())

    def stop_daemon(self):
        try:
            os.kill(self.pid(), signal.SIGTERM)
        except ProcessLookupError:
            pass

    def is_gone(self):
        try:
            with open("/proc/%d/stat" % self.pid()) as file:
                return file.read().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:
            return True

    def log(self):
        return open(self.log_file, errors="replace").read()

    def serve(self, conn, until):
        """Answers what comes by CONN, up to its end or a message of the kind UNTIL."""
        while True:
            message = receive(conn)
            if message is None:
                return None
            function, transaction, payload = message
            at = payload.find(struct.pack(">II", SCN_PORT, 4))
            if function == REGISTER and at >= 0:
                self.scn_port = struct.unpack(">I", payload[at + 8:at + 12])[0]
            if function == until:
                return transaction
            try:
                conn.sendall(answer(function, transaction))
            except OSError:
                return None

    def register(self):
        while self.scn_port is None:
            self.serve(self.accept(), None)

    def deregistration(self):
        """Its connection and transaction; registrations that were in line are answered."""
        while True:
            conn = self.accept()
            transaction = self.serve(conn, DEREGISTER)
            if transaction is not None:
                return conn, transaction


def receive_all(conn, length):
    data = b""
    while len(data) < length:
        more = conn.recv(length - len(data))
        if not more:
            return None
        data += more
    return data


def receive(conn):
    try:
        header = receive_all(conn, 12)
    except ConnectionError:
        header = None
    if header is None:
        return None
    _, function, length, _, transaction, _ = struct.unpack(">6H", header)
    return function, transaction, receive_all(conn, length)


def message(function, transaction, payload):
    return struct.pack(">6H", 1, function, len(payload), 0x4c00, transaction, 0) + payload


def answer(function, transaction, more=b""):
    return message(function | RESPONSE, transaction, struct.pack(">I", 0) + more)


def silent_at_first(server):
    """Takes the first registration, says nothing to it, and is to hear of the end all the same."""
    conn = server.accept()
    if server.serve(conn, REGISTER) is None:
        raise SystemExit("no registration came")
    server.stop_daemon()
    try:
        conn, transaction = server.deregistration()
    except TimeoutError:
        raise SystemExit("what may be registered is not deregistered")
    conn.sendall(answer(DEREGISTER, transaction))


def trickling(server):
    """Answers the deregistration so slowly that a byte comes in time, but never the last."""
    server.register()
    server.stop_daemon()
    conn, transaction = server.deregistration()
    try:
        for byte in answer(DEREGISTER, transaction, bytes(1000))[:4 * PATIENCE]:
            conn.sendall(bytes([byte]))
            time.sleep(0.5)
            if server.is_gone():
                return
    except OSError:
        return
    raise SystemExit("a server that trickles holds up the end")


def deaf_at_the_end(server):
    """Does not answer the deregistration; a second signal is not to wait for that."""
    server.register()
    server.stop_daemon()
    _conn, _ = server.deregistration()
    begun = time.monotonic()
    server.stop_daemon()
    asked = time.monotonic()
    wait_until(lambda: "cannot deregister" in server.log() or server.is_gone(), "it never ends")
    # Where we were as slow as the wait that is to be cut short, that shows nothing.
    if "Operation canceled" not in server.log() and asked - begun < 2:
        raise SystemExit("a second signal does not end the deregistration")


def flood(server):
    """Somebody tells of a thousand initiators in one message: the log stays short."""
    server.register()
    name = b"iqn.2026-11.io.pinion:stranger\0\0"
    change = struct.pack(">III", BITMAP, 4, 8) + struct.pack(">II", NAME, len(name)) + name
    conn = socket.create_connection(("127.0.0.1", server.scn_port), PATIENCE)
    conn.settimeout(PATIENCE)
    conn.sendall(message(SCN, 7, change * 1000))
    function, transaction, _ = receive(conn)
    if (function, transaction) != (SCN | RESPONSE, 7):
        raise SystemExit("no answer to a State Change Notification")
    lines = server.log().count("stranger has come")
    if not 1 <= lines <= 200:
        raise SystemExit("%d lines in the log of 1000 changes" % lines)
    server.stop_daemon()
    conn, transaction = server.deregistration()
    conn.sendall(answer(DEREGISTER, transaction))


HOWS = {
    "silent-at-first": silent_at_first,
    "trickling": trickling,
    "deaf-at-the-end": deaf_at_the_end,
    "flood": flood,
}

HOWS[sys.argv[1]](Server(*sys.argv[2:5]))
