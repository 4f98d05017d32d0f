# SPDX-License-Identifier: BSD-2-Clause
"""What went over sockets, as a capture file: each piece becomes a TCP segment
between two made-up addresses, so that tshark can judge the target's PDUs without
the rights that a real capture needs. The target is always at port 3260."""

import struct
import threading
import time

SEGMENT_MAX = 60000


class Capture:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.lock = threading.RLock()
        self.flows = 0
        # Link type 101: packets begin with their IP header.
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101))

    def close(self):
        self.file.close()

    def flow(self):
        with self.lock:
            self.flows += 1
            return Flow(self, self.flows)

    def packet(self, packet):
        now = time.time()
        with self.lock:
            self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet),
                                        len(packet)) + packet)


class Flow:
    """One connection."""

    def __init__(self, capture, number):
        self.capture = capture
        self.client = bytes([10, 0, number >> 8 & 255, number & 255])
        self.port = 10000 + number % 50000
        self.next = {True: 1, False: 1}
        self._segment(True, b"", 0x02)
        self._segment(False, b"", 0x12)

    def _segment(self, from_client, data, flags):
        server = bytes([10, 1, 0, 1])
        ports = (self.port, 3260) if from_client else (3260, self.port)
        number = self.next[from_client] - (1 if flags & 0x02 else 0)
        tcp = struct.pack(">HHIIBBHHH", *ports, number, self.next[not from_client], 0x50, flags, 65535,
                          0, 0)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0)
        ends = (self.client + server) if from_client else (server + self.client)
        self.capture.packet(head + ends + tcp + data)
        self.next[from_client] = self.next[from_client] + len(data) & 0xFFFFFFFF

    def add(self, from_client, data):
        for at in range(0, len(data), SEGMENT_MAX):
            self._segment(from_client, data[at:at + SEGMENT_MAX], 0x18)
