# SPDX-License-Identifier: BSD-2-Clause
"""The PDUs of RFC 7143 section 11 as tables of fields, so that a scenario can
name each of them, set it to what it should not be, and look at it."""

import struct

# name: (first byte, bytes); in all PDUs, then by PDU
COMMON = {"opcode": (0, 1), "flags": (1, 1), "ahslen": (4, 1), "dsl": (5, 3), "lun": (8, 8), "itt": (16, 4)}
REQUEST = {"cmdsn": (24, 4), "expstatsn": (28, 4)}
RESPONSE = {"statsn": (24, 4), "expcmdsn": (28, 4), "maxcmdsn": (32, 4)}
LOGIN = {"version-max": (2, 1), "isid": (8, 6), "tsih": (14, 2)}

# name: (opcode, fields, names of bits: (byte, mask), flags where none are given)
PDUS = {
    "nop-out": (0x00, {**REQUEST, "ttt": (20, 4)}, {}, 0x80),
    "command": (0x01, {**REQUEST, "edtl": (20, 4), "cdb": (32, 16)},
                {"F": (1, 0x80), "R": (1, 0x40), "W": (1, 0x20)}, 0x81),
    "tmf": (0x02, {**REQUEST, "rtt": (20, 4), "refcmdsn": (32, 4), "expdatasn": (36, 4)}, {}, 0x80),
    "login": (0x03, {**REQUEST, **LOGIN, "version-min": (3, 1), "cid": (20, 2)},
              {"T": (1, 0x80), "C": (1, 0x40)}, 0x00),
    "text": (0x04, {**REQUEST, "ttt": (20, 4)}, {"F": (1, 0x80), "C": (1, 0x40)}, 0x00),
    "data-out": (0x05, {"ttt": (20, 4), "expstatsn": (28, 4), "datasn": (36, 4), "offset": (40, 4)},
                 {"F": (1, 0x80)}, 0x00),
    "logout": (0x06, {**REQUEST, "cid": (20, 2)}, {}, 0x80),
    "snack": (0x10, {"ttt": (20, 4), "expstatsn": (28, 4), "begrun": (40, 4), "runlength": (44, 4)},
              {}, 0x80),
    "nop-in": (0x20, {**RESPONSE, "ttt": (20, 4)}, {}, 0),
    "response": (0x21, {**RESPONSE, "response": (2, 1), "status": (3, 1), "expdatasn": (36, 4),
                        "bidi-residual": (40, 4), "residual": (44, 4)},
                 {"o": (1, 0x10), "u": (1, 0x08), "O": (1, 0x04), "U": (1, 0x02)}, 0),
    "tmf-response": (0x22, {**RESPONSE, "response": (2, 1)}, {}, 0),
    "login-response": (0x23, {**RESPONSE, **LOGIN, "version-active": (3, 1), "status": (36, 2)},
                       {"T": (1, 0x80), "C": (1, 0x40)}, 0),
    "text-response": (0x24, {**RESPONSE, "ttt": (20, 4)}, {"F": (1, 0x80), "C": (1, 0x40)}, 0),
    "data-in": (0x25, {**RESPONSE, "status": (3, 1), "ttt": (20, 4), "datasn": (36, 4),
                       "offset": (40, 4), "residual": (44, 4)},
                {"F": (1, 0x80), "A": (1, 0x40), "O": (1, 0x04), "U": (1, 0x02), "S": (1, 0x01)}, 0),
    "logout-response": (0x26, {**RESPONSE, "response": (2, 1), "time2wait": (40, 2),
                               "time2retain": (42, 2)}, {}, 0),
    "r2t": (0x31, {**RESPONSE, "ttt": (20, 4), "r2tsn": (36, 4), "offset": (40, 4),
                   "length": (44, 4)}, {}, 0),
    "async": (0x32, {**RESPONSE, "event": (36, 1), "vcode": (37, 1), "parameter1": (38, 2),
                     "parameter2": (40, 2), "parameter3": (42, 2)}, {}, 0),
    "reject": (0x3F, {**RESPONSE, "reason": (2, 1), "datasn": (36, 4)}, {}, 0),
}
NAMES = {pdu[0]: name for name, pdu in PDUS.items()}
# Low bits of byte 1 that have a name of their own.
LOW_BITS = {("command", "attr"): 0x07, ("tmf", "function"): 0x7F, ("logout", "reason"): 0x7F,
            ("login", "csg"): 0x0C, ("login", "nsg"): 0x03, ("snack", "type"): 0x0F,
            ("login-response", "csg"): 0x0C, ("login-response", "nsg"): 0x03}


def fields_of(name):
    return {**COMMON, **PDUS[name][1]}


def is_field(name, field):
    return field in fields_of(name) or (name, field) in LOW_BITS or field in PDUS[name][2]


def get(name, bhs, field):
    """An integer, or bytes of a CDB."""
    if field in PDUS[name][2]:
        byte, mask = PDUS[name][2][field]
        return int(bool(bhs[byte] & mask))
    if (name, field) in LOW_BITS:
        mask = LOW_BITS[name, field]
        return (bhs[1] & mask) // (mask & -mask)
    at, size = fields_of(name)[field]
    return bhs[at:at + size] if field == "cdb" else int.from_bytes(bhs[at:at + size], "big")


def put(name, bhs, field, value):
    if field in PDUS[name][2]:
        byte, mask = PDUS[name][2][field]
        bhs[byte] = bhs[byte] & ~mask | (mask if value else 0)
    elif (name, field) in LOW_BITS:
        mask = LOW_BITS[name, field]
        bhs[1] = bhs[1] & ~mask | value * (mask & -mask) & mask
    elif isinstance(value, bytes):
        at, size = fields_of(name)[field]
        bhs[at:at + size] = value.ljust(size, b"\0")[:size]
    else:
        at, size = fields_of(name)[field]
        bhs[at:at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "big")


# --- CDBs by name -----------------------------------------------------------------------

def read(lba, blocks):
    return bytes([0x88, 0]) + struct.pack(">QI", lba, blocks) + bytes(2)


def write(lba, blocks):
    return bytes([0x8A, 0]) + struct.pack(">QI", lba, blocks) + bytes(2)


def tur():
    return bytes(6)


def inquiry(length):
    return bytes([0x12, 0, 0]) + struct.pack(">H", length) + bytes(1)


def report_luns(length):
    return bytes([0xA0]) + bytes(5) + struct.pack(">I", length) + bytes(2)


def mode_select(length):
    return bytes([0x15, 0x10, 0, 0, length, 0])


CDBS = {"read": read, "write": write, "tur": tur, "inquiry": inquiry, "report_luns": report_luns,
        "mode_select": mode_select}
