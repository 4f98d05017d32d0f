#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Plays scenarios against a target: send this PDU, expect that one. The language
is told in tests/scenario/README.md; the scenarios stand in *.scenario.

usage: scenario.py [--pcap FILE] [--only TEXT] [--verbose] HOST:PORT TARGET FILE..."""

import argparse
import os
import re
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "system")]

import pcap  # noqa: E402
import pdus  # noqa: E402
from initiator import crc32c, pad, text  # noqa: E402

TIMEOUT = 60  # seconds; nothing should take so long
INITIATOR = "iqn.2026-11.io.pinion:scenario"
# What a login says where the scenario does not.
LOGIN_KEYS = ("AuthMethod=None",)


class Failure(Exception):
    pass


class Closed(Exception):
    pass


def split(line):
    """Words of a line; a part in quotes, spaces and all, belongs to its word."""
    return [re.sub(r'"([^"]*)"', r"\1", word) for word in re.findall(r'(?:[^\s"]|"[^"]*")+', line)]


class Connection:
    """A socket, and what an initiator counts."""

    def __init__(self, play):
        self.play = play
        self.socket = socket.create_connection(play.address, TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flow = play.capture.flow() if play.capture else None
        self.session = {"cmdsn": 1, "itt": 1}
        self.expstatsn = 0
        self.digests = {"header": False, "data": False}
        self.cid = 0
        self.tsih = 0

    def send_raw(self, data):
        if self.flow:
            self.flow.add(True, data)
        self.socket.sendall(data)

    def receive(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionResetError:
                raise Closed() from None
            except TimeoutError:
                raise Failure(f"nothing came within {TIMEOUT} s") from None
            if not piece:
                raise Closed()
            if self.flow:
                self.flow.add(False, piece)
            data += piece
        return data

    def close(self):
        """As soon as the target knows: it has ended its side then."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            raise Failure("not closed by the target in time") from None
        except OSError:
            pass
        self.socket.close()

    def send(self, bhs, data, ahs=b"", spoil=(), length=None):
        put_length = len(data) if length is None else length
        bhs[4] = bhs[4] or len(ahs) // 4
        bhs[5:8] = put_length.to_bytes(3, "big")
        out = bytes(bhs) + ahs
        if self.digests["header"]:
            out += bytes(4) if "header-digest" in spoil else crc32c(out)
        if data:
            out += pad(data)
            if self.digests["data"]:
                out += bytes(4) if "data-digest" in spoil else crc32c(pad(data))
        self.send_raw(out)

    def receive_pdu(self):
        bhs = self.receive(48)
        whole = bhs + self.receive(bhs[4] * 4)
        if self.digests["header"] and self.receive(4) != crc32c(whole):
            raise Failure("the target's header digest is wrong")
        length = int.from_bytes(bhs[5:8], "big")
        data = self.receive(length + -length % 4)
        if length and self.digests["data"] and self.receive(4) != crc32c(data):
            raise Failure("the target's data digest is wrong")
        name = pdus.NAMES.get(bhs[0] & 0x3F)
        if name is None:
            raise Failure(f"opcode {bhs[0]:#x} came")
        numbered = name not in ("r2t", "data-in") or name == "data-in" and bhs[1] & 1
        if name == "nop-in" and pdus.get(name, bhs, "itt") == 0xFFFFFFFF:
            numbered = False
        if numbered:
            self.expstatsn = pdus.get(name, bhs, "statsn") + 1 & 0xFFFFFFFF
        return name, bhs, data[:length]


def keys_of(data):
    pairs = {}
    for pair in data.split(b"\0"):
        key, _, value = pair.decode("latin-1").partition("=")
        if key:
            pairs[key] = f"{pairs[key]};{value}" if key in pairs else value
    return pairs


class Play:
    """One scenario as it is played."""

    def __init__(self, address, target, capture, number, verbose):
        self.address, self.target, self.capture, self.verbose = address, target, capture, verbose
        self.variables = {"isid": 0x800000000000 + number, "target": target,
                          "initiator": INITIATOR}
        self.connections = {}
        self.current = None

    # --- values ---

    def value(self, word):
        if word.startswith("$"):
            name, _, more = word[1:].partition("+")
            if name not in self.variables:
                raise Failure(f"no variable {name}")
            return self.variables[name] + (int(more, 0) if more else 0)
        match = re.fullmatch(r"(\w+)\(([^)]*)\)", word)
        if match:
            return pdus.CDBS[match[1]](*(int(a, 0) for a in match[2].split(",") if a))
        return int(word, 0)

    def bytes(self, word):
        kind, _, rest = word.partition(":")
        if kind == "hex":
            return bytes.fromhex(rest)
        if kind == "zeros":
            return bytes(int(rest, 0))
        if kind == "fill":  # fill:BYTE:LENGTH
            byte, length = rest.split(":")
            return bytes([int(byte, 0)]) * int(length, 0)
        raise Failure(f"no such data: {word}")

    def expand(self, word):
        return re.sub(r"\$(target|initiator)\b", lambda m: self.variables[m[1]], word)

    # --- sending ---

    def send(self, words):
        name, words = words[0], words[1:]
        if name not in pdus.PDUS:
            raise Failure(f"no PDU is called {name}")
        conn = self.current
        opcode, _, _, flags = pdus.PDUS[name]
        bhs = bytearray(48)
        bhs[0], bhs[1] = opcode, flags
        fields, data, ahs, spoil, length = {}, b"", b"", [], None
        for word in words:
            key, equals, value = word.partition("=")
            if word in ("immediate", "I"):
                bhs[0] |= 0x40
            elif word in pdus.PDUS[name][2]:
                fields[word] = 1
            elif key == "spoil":
                spoil.append(value)
            elif key == "data":
                data += self.bytes(value)
            elif key == "ahs":
                ahs += bytes.fromhex(value)
            elif key == "dsl":
                length = self.value(value)
            elif equals and pdus.is_field(name, key):
                fields[key] = self.value(value)
            elif key == "piece":  # raw text, without a zero byte at its end
                data += self.expand(value).encode()
            elif equals:
                data += text([(key, self.expand(value))])
            else:
                raise Failure(f"{name} has no {word}")
        self.fill(conn, name, bhs, fields)
        conn.send(bhs, data, ahs, spoil, length)

    def fill(self, conn, name, bhs, fields):
        """What the scenario says, and what it does not say as it should be."""
        session = conn.session
        if name == "login":
            bhs[0] |= 0x40
            fields.setdefault("isid", self.variables["isid"])
            fields.setdefault("tsih", conn.tsih)
            fields.setdefault("cid", conn.cid)
            conn.cid = fields["cid"]
        if name not in ("data-out", "snack") and "itt" not in fields:
            if name != "login":
                session["itt"] += 1
            fields["itt"] = session["itt"]
        if "cmdsn" in pdus.PDUS[name][1] and name != "snack" and "cmdsn" not in fields:
            fields["cmdsn"] = session["cmdsn"]
            if not bhs[0] & 0x40:
                session["cmdsn"] = session["cmdsn"] + 1 & 0xFFFFFFFF
        if "expstatsn" in pdus.PDUS[name][1]:
            fields.setdefault("expstatsn", conn.expstatsn)
        if name in ("nop-out", "text"):
            fields.setdefault("ttt", 0xFFFFFFFF)
        for field in sorted(fields, key=lambda f: f != "flags"):
            pdus.put(name, bhs, field, fields[field])
        self.variables["itt"] = pdus.get(name, bhs, "itt")

    # --- receiving ---

    def expect(self, words):
        name, words = words[0], words[1:]
        conn = self.current
        if name == "closed":
            return self.expect_closed(words)
        if name == "silence":
            seconds = float(words[0]) if words else 0.3
            if select.select([conn.socket], [], [], seconds)[0]:
                raise Failure(f"{self.receive()[0]} came where nothing should")
            return None
        got, bhs, data = self.receive(skip_pings=name != "nop-in")
        if got != name:
            raise Failure(f"{got} came instead of {name}: {bytes(bhs).hex(' ', 4)} {data[:80]}")
        if name == "login-response":
            conn.tsih_given = pdus.get(name, bhs, "tsih")
        pairs = keys_of(data) if name in ("login-response", "text-response") else {}
        for word in words:
            self.check(name, bhs, data, pairs, word)
        return None

    def receive(self, skip_pings=True):
        while True:
            try:
                got = self.current.receive_pdu()
            except Closed:
                raise Failure("the connection was closed") from None
            if self.verbose:
                print("   <", got[0], bytes(got[1]).hex(" ", 4), got[2][:100])
            if not (skip_pings and got[0] == "nop-in" and
                    pdus.get("nop-in", got[1], "itt") == 0xFFFFFFFF):
                return got

    def expect_closed(self, words):
        """Whatever PDUs come before (unless 'at-once'), then the end."""
        try:
            while True:
                got = self.current.receive_pdu()
                if words == ["at-once"]:
                    raise Failure(f"{got[0]} came before the end")
        except Closed:
            self.current.socket.close()

    def check(self, name, bhs, data, pairs, word):
        if "->" in word:
            field, variable = word.split("->")
            self.variables[variable] = pdus.get(name, bhs, field)
            return
        key, equals, value = word.partition("=")
        if word in pdus.PDUS[name][2]:
            found, wanted = pdus.get(name, bhs, word), 1
        elif word.startswith("!") and word[1:] in pdus.PDUS[name][2]:
            found, wanted = pdus.get(name, bhs, word[1:]), 0
        elif word.startswith("!"):
            found, wanted = pairs.get(word[1:]), None
        elif key == "data":
            wanted = self.bytes(value) if not value.startswith("length:") else int(value[7:], 0)
            found = data if isinstance(wanted, bytes) else len(data)
        elif key == "sense":  # KEY/ASC/ASCQ, hexadecimal
            sense = data[2:]
            wanted = value
            found = "%x/%02x/%02x" % ((sense[2] & 15, sense[12], sense[13]) if len(sense) > 13 and
                                      sense[0] & 0x7E == 0x70 else
                                      (sense[1] & 15, sense[2], sense[3]) if len(sense) > 3 else
                                      (0, 0, 0))
        elif equals and pdus.is_field(name, key):
            if "|" in value:
                found = pdus.get(name, bhs, key)
                wanted = found if found in [self.value(v) for v in value.split("|")] else value
            else:
                found, wanted = pdus.get(name, bhs, key), self.value(value)
        elif equals:
            found, wanted = pairs.get(key), self.expand(value)
            if wanted == "*" and found is not None:
                return
            if found is not None and found in wanted.split("|"):
                return
        else:
            raise Failure(f"{name} has no {word}")
        if found != wanted:
            shown = [v[:60] if isinstance(v, (bytes, str)) else v for v in (found, wanted)]
            raise Failure(f"{name}: {key} is {shown[0]!r} instead of {shown[1]!r}; {bytes(bhs).hex(' ', 4)} {data[:200]}")

    # --- whole exchanges ---

    def login(self, words):
        """To full feature phase: 'login [discovery] [cid=N] [tsih=V] KEY=VALUE...'."""
        first, rest, fields = ["$initiator"], [], []
        discovery = "discovery" in words
        for word in words:
            if word == "discovery":
                continue
            key = word.partition("=")[0]
            if key in ("cid", "tsih", "isid", "expstatsn", "cmdsn"):
                fields.append(word)
            else:
                rest.append(word)
        named = {w.partition("=")[0] for w in rest}
        first = ["InitiatorName=$initiator"] if "InitiatorName" not in named else []
        first += ["SessionType=Discovery"] if discovery else ["SessionType=Normal", "TargetName=$target"]
        for word in list(rest):
            if word.partition("=")[0] in ("InitiatorName", "TargetName", "AuthMethod"):
                rest.remove(word)
                first.append(word)
        if "AuthMethod" not in named:
            first += LOGIN_KEYS
        self.send(["login", "T", "csg=0", "nsg=1"] + fields + first)
        self.expect(["login-response", "status=0", "T", "nsg=1"])
        self.send(["login", "T", "csg=1", "nsg=3"] + fields + rest)
        got, bhs, data = self.receive()
        if got != "login-response" or pdus.get(got, bhs, "status") != 0 or not bhs[1] & 0x80:
            raise Failure(f"no login: {got} {bytes(bhs).hex(' ', 4)} {data[:200]}")
        self.logged_in(bhs, data)

    def logged_in(self, bhs, data):
        answers = keys_of(data)
        for which in ("header", "data"):
            self.current.digests[which] = answers.get(f"{which.title()}Digest") == "CRC32C"
        self.current.tsih = pdus.get("login-response", bhs, "tsih")
        self.variables["tsih"] = self.current.tsih
        self.variables["maxcmdsn"] = pdus.get("login-response", bhs, "maxcmdsn")

    def ready(self, words):
        """TEST UNIT READY until the unit attentions have been told."""
        for _ in range(5):
            self.send(["command", "cdb=tur()"] + words)
            got, bhs, _ = self.receive()
            if got != "response":
                raise Failure(f"{got} came for TEST UNIT READY")
            if pdus.get(got, bhs, "status") == 0:
                return
        raise Failure("the logical unit does not become ready")

    def login_until(self, which, words):
        """'login-until STATUS with cN ...': again and again on a new connection, for the target
        may not have seen yet that another one is gone."""
        wanted, numbers = self.value(words[0]), self.connections[words[2]].session
        end = time.monotonic() + TIMEOUT
        while True:
            self.current = self.connections[which] = Connection(self)
            self.current.session = numbers
            self.send(["login", "T", "csg=1", "nsg=3", "InitiatorName=$initiator",
                       "TargetName=$target"] + words[3:])
            got, bhs, data = self.receive()
            if got != "login-response":
                raise Failure(f"{got} came for a Login Request")
            status = pdus.get(got, bhs, "status")
            if status == wanted:
                return self.logged_in(bhs, data) if status == 0 else None
            if time.monotonic() > end:
                raise Failure(f"status {status:#06x} instead of {wanted:#06x}")
            self.current.close()
            time.sleep(0.1)

    def negotiate(self, line):
        """'negotiate KEY=OFFER... -> KEY=ANSWER...': in the operational stage of a login.
        The answer is 'refused STATUS' where the login must fail, 'nothing' where no
        key of the offer may be answered."""
        offer, answer = (split(part) for part in line.split("->"))
        self.run_line("connect")
        self.send(["login", "T", "csg=0", "nsg=1", "InitiatorName=$initiator", "TargetName=$target",
                   "SessionType=Normal", "AuthMethod=None"])
        self.expect(["login-response", "status=0", "T"])
        self.send(["login", "T", "csg=1", "nsg=3"] + offer)
        if answer[0] == "refused":
            self.expect(["login-response", f"status={answer[1]}"])
            self.expect(["closed"])
            return
        got, bhs, data = self.receive()
        if got != "login-response" or pdus.get(got, bhs, "status") != 0:
            raise Failure(f"no login: {got} {bytes(bhs).hex(' ', 4)} {data[:200]}")
        pairs = keys_of(data)
        for word in offer if answer[0] == "nothing" else ():
            if word.partition("=")[0] in pairs:
                raise Failure(f"an answer to {word}")
        for word in answer if answer[0] != "nothing" else ():
            self.check(got, bhs, data, pairs, word)
        if not bhs[1] & 0x80:
            return  # the target offers something itself: enough seen
        self.logged_in(bhs, data)
        self.ready([])

    # --- lines ---

    def run_line(self, line):
        if self.verbose:
            print("  ", line)
        match = re.match(r"(c\d+): *(.*)", line)
        if match:
            if not match[2].startswith(("connect", "login-until")):
                if match[1] not in self.connections:
                    raise Failure(f"no connection {match[1]}")
                self.current = self.connections[match[1]]
            line, which = match[2], match[1]
        else:
            which = "c1"
            self.current = self.connections.get("c1")
        if line.startswith("negotiate "):
            return self.negotiate(line[len("negotiate "):])
        words = split(line)
        verb, words = words[0], words[1:]
        if verb == "connect":
            self.current = self.connections[which] = Connection(self)
            # 'connect with c1': its numbers are those of that session.
            if words[:1] == ["with"]:
                self.current.session = self.connections[words[1]].session
        elif verb == "login-until":
            self.login_until(which, words)
        elif verb == "close":
            self.current.close()
        elif verb == "sleep":
            time.sleep(float(words[0]))
        elif verb == "raw":
            self.current.send_raw(self.bytes(words[0]))
        elif verb == "set":  # set NAME=VALUE
            name, _, value = words[0].partition("=")
            if name in ("cmdsn", "itt"):
                self.current.session[name] = self.value(value)
            elif name == "expstatsn":
                self.current.expstatsn = self.value(value)
            else:
                self.variables[name] = self.value(value)
        elif verb in ("send", "expect", "login", "ready"):
            getattr(self, verb)(words)
        else:
            raise Failure(f"no such line: {line}")
        return None

    def end(self):
        """The next scenario may want the places of this one's sessions."""
        for conn in self.connections.values():
            try:
                conn.socket.settimeout(5)
                conn.close()
            except (Failure, OSError):  # it may be closed already
                conn.socket.close()


def parse(path):
    """Pairs of a name and numbered lines."""
    scenarios, lines = [], None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.split(" #")[0].strip() if not line.startswith("#") else ""
            if not line:
                continue
            if line.startswith("scenario "):
                lines = []
                scenarios.append((line[len("scenario "):], lines))
            elif line.startswith("negotiate ") and (lines is None or scenarios[-1][0] == "negotiate"):
                scenarios.append((line, [(number, line)]))
                lines = None
            elif lines is None:
                sys.exit(f"{path}:{number}: outside of a scenario")
            else:
                lines.append((number, line))
    return scenarios


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pcap", metavar="FILE", help="writes what went over the wire")
    parser.add_argument("--only", metavar="TEXT", default="", help="scenarios with this in their name")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("target")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    capture = pcap.Capture(options.pcap) if options.pcap else None
    passed, failed = 0, []
    for path in options.files:
        for name, lines in parse(path):
            if options.only not in name:
                continue
            if options.verbose:
                print(name)
            play = Play((host, int(port)), options.target, capture, passed + len(failed) + 1,
                        options.verbose)
            number, line = 0, ""
            try:
                for number, line in lines:
                    play.run_line(line)
                passed += 1
            except (Failure, Closed, OSError) as error:
                why = str(error) or type(error).__name__
                failed.append(f"FAILED {name}\n  {path}:{number}: {line}\n  {why}")
                print(failed[-1])
            finally:
                play.end()
    if capture:
        capture.close()
    print(f"{passed} scenarios passed, {len(failed)} failed")
    if failed:  # the last line of a failure is one of the reasons
        print(*(text.replace("\n", "; ") for text in failed), sep="\n")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
