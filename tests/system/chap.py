# SPDX-License-Identifier: BSD-2-Clause
"""Authentication and access against a running daemon (t-chap writes its
configuration). Usage: chap.py PORT TARGET"""

import base64
import select
import sys
import time

from initiator import Chap, Closed, Initiator, pairs_of, text

PORT, TARGET = int(sys.argv[1]), sys.argv[2]
LIMITED = TARGET + "-limited"
HIDDEN = TARGET + "-hidden"
PLAIN = TARGET + "-open"
SECRET, OUR_SECRET = "alice's long secret", "target-secret"
NAME = "iqn.2026-11.io.pinion:initiator"
# Every case that fails is one address's, so that no case waits for another's penalty.
sources = iter(f"127.0.0.{n}" for n in range(2, 250))


def connect(target=TARGET, chap=None, source=None, **more):
    return Initiator(PORT, target, chap=chap, source=source or next(sources), **more)


def status(response):
    return int.from_bytes(response.bhs[36:38], "big")


def expect(initiator, wanted, what):
    got = status(initiator.login())
    if got != wanted:
        raise AssertionError(f"{what}: login status {got:#06x} instead of {wanted:#06x}")
    return initiator


def is_closed(initiator):
    try:
        initiator.recv()
    except (Closed, ConnectionError):
        return True
    return False


def algorithms():
    for algorithm in (5, 6, 7, 8):
        for mutual in (None, OUR_SECRET):
            chap = Chap("alice", SECRET, (algorithm,), mutual)
            session = expect(connect(chap=chap), 0, f"algorithm {algorithm}")
            assert chap.algorithm == algorithm
            assert chap.target_name == ("us" if mutual else None)
            while session.test_unit_ready():
                pass
            assert session.write(3, b"x" * 512) == 0
            assert session.read(3, 1) == (0, b"x" * 512)
            session.close()
    chap = Chap("alice", SECRET, (99, 6, 5, 7, 8))
    expect(connect(chap=chap), 0, "all algorithms")
    assert chap.algorithm == 6, "the first of the initiator's list that there is"
    for name in ("0xalice", "0bYWxpY2U="):
        expect(connect(chap=Chap(name, SECRET)), 0, f"account {name}")


def wrong_credentials():
    cases = {
        "wrong secret": Chap("alice", SECRET + "?"),
        "unknown account": Chap("mallory", SECRET),
        "another's account": Chap("discoverer", "discoverer-secret"),
        "our own account": Chap("us", OUR_SECRET),
        "no algorithm": Chap("alice", SECRET, (1, 99)),
        "an algorithm that begins with 5": Chap("alice", SECRET, (56,)),
        "an empty list of algorithms": Chap("alice", SECRET, ("",)),
    }
    for what, chap in cases.items():
        assert is_closed(expect(connect(chap=chap), 0x0201, what)), what
    expect(connect(), 0x0201, "no authentication")


def stage(initiator, flags, keys):
    initiator.send(initiator.login_bhs(flags), text(keys))
    return initiator.recv()


def begin(initiator, algorithm="7"):
    """Up to the challenge, whose keys it returns."""
    assert status(stage(initiator, 0, [("InitiatorName", NAME), ("TargetName", TARGET),
                                       ("AuthMethod", "CHAP")])) == 0
    return pairs_of(stage(initiator, 0, [("CHAP_A", algorithm)]).data)


def by_hand():
    """What a well-behaved initiator never does."""
    def case(what, keys, wanted, flags=0x81):
        initiator = connect()
        chap = Chap("alice", SECRET, mutual=OUR_SECRET)
        got = stage(initiator, flags, keys(chap, begin(initiator), chap.answer))
        if status(got) != wanted:
            raise AssertionError(f"{what}: {status(got):#06x} instead of {wanted:#06x}")
        assert b"CHAP_R" not in got.data, what
        assert is_closed(initiator), what

    def replaced(key, value):
        def keys(chap, challenge, answer):
            pairs = dict(answer(challenge))
            pairs[key] = challenge["CHAP_C"] if value is None else value
            return pairs.items()
        return keys

    case("reflection", replaced("CHAP_C", None), 0x0201)
    case("a short response", replaced("CHAP_R", "0x01"), 0x0201)
    case("a response that is no binary value", replaced("CHAP_R", "alice"), 0x0201)
    case("an empty response", replaced("CHAP_R", "0x"), 0x0201)
    case("a wrong identifier", replaced("CHAP_I", "300"), 0x0200)
    case("an empty challenge", replaced("CHAP_C", "0x"), 0x0200)
    case("going on without an answer", lambda *_: [], 0x0201, 0x83)
    case("CHAP_A again", lambda *_: [("CHAP_A", "5")], 0x0200)
    initiator = connect()
    got = stage(initiator, 0x87, [("InitiatorName", NAME), ("TargetName", TARGET)])
    assert status(got) == 0x0201, "the security stage is skipped"
    # The other notation, with and without padding, and the other case.
    for notation in (lambda d: "0b" + base64.b64encode(d).decode(),
                     lambda d: "0B" + base64.b64encode(d).decode().rstrip("="),
                     lambda d: "0X" + d.hex().upper()):
        initiator = connect()
        pairs = dict(Chap("alice", SECRET).answer(begin(initiator)))
        pairs["CHAP_R"] = notation(bytes.fromhex(pairs["CHAP_R"][2:]))
        assert status(stage(initiator, 0x83, pairs.items())) == 0, pairs["CHAP_R"]
    # One challenge is never that of another connection.
    assert begin(connect())["CHAP_C"] != begin(connect())["CHAP_C"]
    # In two PDUs, the first in pieces with the C bit.
    initiator = connect()
    chap = Chap("alice", SECRET)
    pairs = chap.answer(begin(initiator))
    half = text(pairs[:1])
    initiator.send(initiator.login_bhs(0x40), half[:5])
    assert status(initiator.recv()) == 0
    initiator.send(initiator.login_bhs(0x00), half[5:])
    assert status(initiator.recv()) == 0
    got = stage(initiator, 0x83, pairs[1:])
    assert status(got) == 0 and got.flags & 0x83 == 0x83


def access():
    expect(connect(name="iqn.2026-11.io.pinion:denied", chap=Chap("alice", SECRET)), 0x0202,
           "an initiator that is denied")
    expect(connect(PLAIN), 0, "an open target")
    expect(connect(HIDDEN), 0x0202, "a target of others")
    expect(connect(LIMITED, source="127.0.1.1"), 0, "a network that is admitted")
    expect(connect(LIMITED, source="127.0.2.1"), 0x0202, "a network that is not")
    # LUN 1 as 0 and LUN 0 as 7, which is read-only.
    session = expect(connect(LIMITED, source="127.0.1.1"), 0, "a view")
    for lun in (0, 7):
        while session.test_unit_ready(lun):
            pass
    assert session.write(0, b"1" * 512, lun=0) == 0
    assert session.write(0, b"0" * 512, lun=7) == 2
    assert session.read(0, 1, lun=0) == (0, b"1" * 512)
    assert session.read(0, 1, lun=1)[0] == 2
    assert session.read(0, 1, lun=7) == (0, bytes(512))


def discovery():
    expect(connect(None), 0x0201, "discovery without authentication")
    expect(connect(None, chap=Chap("alice", SECRET)), 0x0201, "discovery by the wrong account")
    chap = Chap("discoverer", "discoverer-secret", (8, 7), OUR_SECRET)
    session = expect(connect(None, chap=chap), 0, "discovery")
    assert chap.target_name == "us"
    assert sorted(session.send_targets()) == [TARGET, PLAIN]
    session = expect(connect(None, chap=chap, source="127.0.1.1"), 0, "discovery")
    assert sorted(session.send_targets()) == [TARGET, LIMITED, PLAIN]
    session = expect(connect(None, name="iqn.2026-11.io.pinion:denied", chap=chap), 0, "discovery")
    assert sorted(session.send_targets()) == [PLAIN]


def guess(source):
    """How long the answer takes."""
    start = time.monotonic()
    expect(connect(source=source, chap=Chap("alice", "guessed")), 0x0201, "a guess")
    return time.monotonic() - start


def come_in_beside(source):
    """How long somebody else takes, and then the right secret from there."""
    start = time.monotonic()
    expect(connect(chap=Chap("alice", SECRET)), 0, "somebody else meanwhile")
    expect(connect(source=source, chap=Chap("alice", SECRET)), 0, "the right one at last")
    return time.monotonic() - start


def guessing():
    """The answer takes longer each time, only for whoever guesses, and in the end nobody listens."""
    source = "127.0.3.1"
    # The first costs nothing. (A busy machine may hold up one of them.)
    quickest = min(guess(f"127.0.4.{i}") for i in range(1, 6))
    assert quickest < 0.25, quickest
    for penalty in (0, 0.25, 0.5, 1):
        took = guess(source)
        assert took >= penalty, f"{took} s instead of {penalty}"
    # The next would take 2 s, but neither others nor the right secret are held back.
    quickest = min(come_in_beside(source) for _ in range(3))
    assert quickest < 1.5, f"others wait: {quickest} s"
    waiting = []
    end = time.monotonic() + 60
    try:
        while time.monotonic() < end:
            waiting.append(connect(source=source))
            answer = Chap("alice", "guessed").answer(begin(waiting[-1]))
            waiting[-1].send(waiting[-1].login_bhs(0x81), text(answer))
            assert not select.select([waiting[-1].socket], [], [], 0.1)[0], "a guess is answered at once"
        raise AssertionError("there may be any number of guesses at a time")
    except (Closed, ConnectionError):
        assert len(waiting) > 1, "nobody listens any more"


for test in (algorithms, wrong_credentials, by_hand, access, discovery, guessing):
    test()
    print(f"{test.__name__}: ok")
