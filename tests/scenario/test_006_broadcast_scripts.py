"""Each step of a broadcast on one audience segment is one script in Redis; here they are called on a real server.

The promises: nobody is marked twice, caps and refusals of residents are honoured at the very moment of sending and given
back when nothing was sent, a receipt is never overwritten by what comes later, a stale notifier starts nothing, and what
the journal knows is true even when the store has forgotten it.
"""
import struct

import pytest

from test_005_transitions import Failure
from test_005_transitions import Redis as TextRedis

A = "sw:{a7.12}:"
B = A + "b42:"
DAY = "20221018"


class Redis(TextRedis):
    """Bytes as they are: one character each."""

    def __call__(self, *words):
        words = [w.encode("latin-1") if isinstance(w, str) else w if isinstance(w, bytes) else str(w).encode()
                 for w in words]
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self._read()

    def _read(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:].decode()
        if kind == b"-":
            raise Failure(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2]
        return None if rest == "-1" else [self._read() for _ in range(int(rest))]


class Segment:
    def __init__(self, redis, n=1005):
        self.redis, self.n = redis, n
        redis("SET", A + "ph", b"".join(struct.pack(">Q", i)[3:] for i in range(n)))
        self.run("bc_prepare", "7", n)

    def run(self, name, *args):
        return self.redis.script(name, [A + "fence", B + "h"], *args)

    def claim(self, fence="7", minute=100, batch=480):
        return self.run("bc_claim", fence, minute, batch)

    def mark(self, lease, ids, fence="7", day=DAY):
        return self.run("bc_mark", fence, lease, day, pack(ids), 2, 10)

    def settle(self, nibble, ids, mode="verdict", retry=("", 1, 0), lease="", pos="", code="OK", day=DAY, fence="7"):
        got = self.run("bc_settle", mode, nibble, pack(ids), day, *retry, 600, code, lease, "notifier-1", pos, fence)
        return got[0], {divmod(k, 16): n for k, n in zip(got[1::2], got[2::2])}

    def receipt(self, *items):
        return self.run("bc_receipt", 600, *[x for i, delivered in items
                                             for x in (i, 3 if delivered else 13, "" if delivered else "UNDELIV")])

    def nibbles(self):
        return [n for byte in self.redis("GET", B + "oc") for n in (byte >> 4, byte & 15)][:self.n]

    def day_counts(self, day=DAY):
        return [byte >> s & 3 for byte in self.redis("GET", A + "fc:" + day) or b"" for s in (6, 4, 2, 0)][:self.n]

    def campaign_counts(self):
        return [n for byte in self.redis("GET", A + "cc") or b"" for n in (byte >> 4, byte & 15)][:self.n]


def pack(ids):
    return b"".join(struct.pack(">H", i) for i in ids)


@pytest.fixture
def redis():
    server = Redis()
    yield server
    server.close()


@pytest.fixture
def segment(redis):
    return Segment(redis)


def test_claims_cover_the_segment_once_and_end_at_its_odd_end(segment):
    got = [segment.claim() for _ in range(4)]
    assert [(g[0], g[2], g[3]) for g in got[:3]] == [(b"f", 0, 480), (b"f", 480, 480), (b"f", 960, 45)]
    assert got[2][4] == segment.redis("GETRANGE", A + "ph", 960 * 5, -1)
    assert got[3] == [b"none", -1]
    lease = got[2][1]
    assert segment.mark(lease, range(960, 1005)) == [b"ok", b"a" * 45]
    assert segment.settle(2, range(960, 1005), lease=lease) == (0, {(1, 2): 45})
    assert segment.nibbles() == [0] * 960 + [2] * 45
    assert len(segment.redis("GET", B + "oc")) == 503 and segment.redis("ZCARD", B + "ls") == 2


def test_preparing_twice_forgets_nothing(segment):
    segment.claim()
    assert segment.run("bc_prepare", "7", 1005) == 0
    assert segment.claim()[2] == 480


def test_nobody_is_marked_twice(segment):
    lease = segment.claim()[1]
    assert segment.mark(lease, range(96)) == [b"ok", b"a" * 96]
    assert segment.mark(lease, range(96)) == [b"ok", b"-" * 96]
    assert set(segment.day_counts()[:96]) == {1}


def test_an_opt_out_between_claim_and_mark_counts(segment):
    lease = segment.claim()[1]
    segment.redis("SETBIT", A + "oo", 3, 1)
    segment.redis("SETBIT", A + "oo", 9, 1)
    assert segment.mark(lease, range(16)) == [b"ok", b"aaacaaaaacaaaaaa"]
    assert segment.nibbles()[:16] == [1, 1, 1, 8, 1, 1, 1, 1, 1, 8] + [1] * 6
    assert segment.day_counts()[3] == 0 and segment.campaign_counts()[3] == 0


def test_caps_are_debited_for_exactly_those_that_go_and_hold_at_the_border(segment):
    lease = segment.claim()[1]
    segment.redis("BITFIELD", A + "fc:" + DAY, "SET", "u2", "#1", 1, "SET", "u2", "#2", 2)
    segment.redis("BITFIELD", A + "cc", "SET", "u4", "#3", 9, "SET", "u4", "#4", 10)
    assert segment.mark(lease, range(8)) == [b"ok", b"aaeaeaaa"]
    assert segment.day_counts()[:8] == [1, 2, 2, 1, 0, 1, 1, 1]
    assert segment.campaign_counts()[:8] == [1, 1, 0, 10, 10, 1, 1, 1]
    assert segment.nibbles()[:8] == [1, 1, 9, 1, 9, 1, 1, 1]


def test_a_new_day_has_its_own_cap_and_the_old_one_goes_by_itself(segment):
    lease = segment.claim()[1]
    segment.redis("BITFIELD", A + "fc:" + DAY, "SET", "u2", "#0", 2)
    assert segment.mark(lease, [0], day="20221019") == [b"ok", b"a"]
    assert 0 < segment.redis("TTL", A + "fc:20221019") <= 259200


def test_two_broadcasts_share_the_caps_of_a_resident(redis, segment):
    for other in ("b43", "b44"):
        redis.script("bc_prepare", [A + "fence", A + other + ":h"], "7", 1005)
    went = []
    for b in ("b42", "b43", "b44"):
        keys = [A + "fence", A + b + ":h"]
        lease = redis.script("bc_claim", keys, "7", 100, 480)[1]
        went.append(redis.script("bc_mark", keys, "7", lease, DAY, pack([5]), 2, 10)[1])
    assert went == [b"a", b"a", b"e"]


@pytest.mark.parametrize("nibble,kept", [(2, True), (12, True), (4, False), (5, False), (7, False), (6, False), (0, False)])
def test_who_surely_did_not_get_it_has_the_caps_back(segment, nibble, kept):
    lease = segment.claim()[1]
    segment.mark(lease, range(10, 20))
    segment.settle(nibble, range(10, 20))
    assert segment.nibbles()[9:21] == [0] + [nibble] * 10 + [0]
    assert segment.day_counts()[9:21] == [0] + [int(kept)] * 10 + [0]
    assert segment.campaign_counts()[9:21] == [0] + [int(kept)] * 10 + [0]
    segment.settle(nibble, range(10, 20))
    assert segment.campaign_counts()[10] == int(kept)


def test_a_receipt_before_the_answer_is_not_overwritten(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(8))
    segment.receipt((2, True), (5, False))
    assert segment.settle(2, range(8)) == (0, {(1, 2): 6})
    assert segment.nibbles()[:8] == [2, 2, 3, 2, 2, 13, 2, 2]


def test_delivered_is_final_and_a_late_success_wins(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(4))
    segment.settle(12, range(4), code="timeout")
    segment.receipt((0, False), (0, True), (0, False), (1, False))
    assert segment.nibbles()[:4] == [3, 13, 12, 12]
    segment.settle(2, range(4))
    assert segment.nibbles()[:4] == [3, 13, 2, 2]


def test_a_receipt_changes_nobody_who_was_not_sent_to(segment):
    assert segment.receipt((7, True)) == []
    assert segment.nibbles()[7] == 0
    assert segment.redis.script("bc_receipt", [A + "fence", A + "b9:h"], 600, 1, 3, "") == [-1]


def test_retries_come_back_at_their_minute_with_attempt_and_level(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(480))
    segment.settle(6, range(0, 480, 2), retry=(103, 2, 1), lease=lease)
    segment.claim(), segment.claim()
    assert segment.claim(minute=102) == [b"none", 103]
    kind, lease, _, count, sealed, entries = segment.claim(minute=103, batch=200)
    assert (kind, count) == (b"r", 200)
    assert struct.unpack(">200I", entries) == tuple(2 << 24 | 1 << 16 | i for i in range(0, 400, 2))
    assert sealed[5:10] == struct.pack(">Q", 2)[3:]
    assert segment.claim(minute=103, batch=200)[3] == 40
    assert segment.redis("EXISTS", B + "rq:103", B + "rd") == 0
    assert segment.mark(lease, [0, 2, 300]) == [b"ok", b"bbb"]
    assert segment.mark(lease, [1]) == [b"ok", b"-"]
    segment.settle(2, [0, 2, 300], lease=lease)
    assert segment.redis("EXISTS", B + "rl:" + lease.decode().split(":")[0]) == 0


@pytest.mark.parametrize("call", [lambda s, lease: s.claim(fence="6"), lambda s, lease: s.mark(lease, [0], fence="6"),
                                  lambda s, lease: s.run("bc_sweep", "6", 11, 0, 8192)])
def test_a_stale_fence_starts_nothing(segment, call):
    lease = segment.claim()[1]
    before = segment.redis("GET", B + "oc"), segment.redis("HGETALL", B + "h")
    with pytest.raises(Failure, match="FENCED"):
        call(segment, lease)
    assert (segment.redis("GET", B + "oc"), segment.redis("HGETALL", B + "h")) == before
    assert segment.mark(lease, [0], fence="9")[0] == b"ok"
    with pytest.raises(Failure, match="FENCED"):
        segment.mark(lease, [1], fence="8")


def test_a_notifier_that_was_frozen_takes_back_nobody_whom_another_has_marked(segment):
    """It marked, froze before its record, and says afterwards that its call did not go; the next one has marked the same
    people by then. What it knows of a request that went is a fact all the same."""
    lease = segment.claim(fence="7")[1]
    segment.mark(lease, range(96), fence="7")
    segment.settle(0, range(96), fence="8")  # the next one: marked and in no record
    segment.run("bc_open", "8", 0, 1)
    assert segment.claim(fence="8")[1] == lease
    assert segment.mark(lease, range(96), fence="8")[1] == b"a" * 96
    with pytest.raises(Failure, match="FENCED"):
        segment.settle(0, range(96), lease=lease, fence="7")
    assert segment.settle(2, [100], lease=lease, fence="7") == (0, {})
    assert segment.nibbles()[:96] == [1] * 96 and segment.mark(lease, [96], fence="8") == [b"ok", b"a"]
    assert segment.settle(2, range(96), fence="7") == (0, {(1, 2): 96})


def test_a_mark_needs_its_lease_and_a_running_broadcast(segment):
    lease = segment.claim()[1]
    assert segment.mark("9:f:0:480", [0]) == [b"lease", b""]
    assert segment.run("bc_open", "7", 1, "0") == [480, 1005, 1, -1]
    assert segment.mark(lease, [0]) == [b"st", b"1"] and segment.claim() == [b"st", b"1"]
    assert segment.nibbles()[0] == 0


def test_a_lease_left_over_is_worked_on_again_for_what_still_waits(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(96))
    segment.settle(2, range(96))
    segment.run("bc_open", "8", 0, "1")
    again = segment.claim(fence="8")
    assert again[:4] == [b"f", lease, 0, 480]
    assert segment.mark(lease, range(192), fence="8") == [b"ok", b"-" * 96 + b"a" * 96]
    assert segment.claim(fence="8")[2] == 480


def test_cancelling_ends_what_waits_and_leaves_what_was_sent(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(8))
    segment.settle(6, [0, 1], retry=(100, 2, 0))
    segment.settle(2, [2])
    for at in range(0, 503, 128):
        segment.run("bc_sweep", "7", 11, at, 128)
    assert segment.nibbles() == [11, 11, 2] + [1] * 5 + [11] * 997
    assert segment.redis("EXISTS", B + "ls", B + "rd", B + "rq:100") == 0
    segment.settle(0, [3])
    segment.settle(6, [4], retry=(100, 2, 0))
    segment.settle(2, [5])
    assert segment.nibbles()[3:6] == [11, 11, 2] and segment.redis("EXISTS", B + "rd") == 0
    assert segment.claim() == [b"st", b"2"]
    segment.run("bc_open", "7", 0, "1")
    assert segment.claim() == [b"st", b"2"]


def test_what_the_journal_knows_is_true_even_if_the_store_forgot(segment):
    assert segment.settle(12, [0, 1], mode="journal") == (2, {(0, 12): 2})
    assert segment.settle(2, [1, 2], mode="journal") == (1, {(12, 2): 1, (0, 2): 1})
    assert segment.settle(6, [3], mode="journal", retry=(100, 2, 0)) == (1, {(0, 6): 1})
    assert segment.settle(6, [3], mode="journal", retry=(100, 2, 0)) == (0, {})
    assert segment.settle(0, [4], mode="journal") == (0, {})
    assert segment.settle(12, [2, 3], mode="journal") == (1, {(6, 12): 1})
    assert segment.nibbles()[:6] == [12, 2, 2, 12, 0, 0]


def test_the_position_of_a_journal_never_goes_back(segment):
    segment.settle(2, [], pos="900")
    segment.settle(2, [], pos="400")
    assert segment.redis("HGET", A + "journal", "notifier-1") == b"900"


def test_failures_keep_their_codes(segment):
    lease = segment.claim()[1]
    segment.mark(lease, range(4))
    segment.settle(4, [0], code="isv.MOBILE_NUMBER_ILLEGAL")
    segment.settle(12, [1], code="timeout")
    segment.settle(2, [2])
    segment.receipt((2, False))
    codes = segment.redis("HGETALL", B + "ec")
    names = {int(n): c for c, n in zip(codes[::2], codes[1::2])}
    er = segment.redis("GET", B + "er")
    got = [struct.unpack(">IHH", er[i:i + 8]) for i in range(0, len(er), 8)]
    assert [(i, names[c], m) for i, c, m in got] == [
        (0, b"isv.MOBILE_NUMBER_ILLEGAL", 600), (1, b"timeout", 600), (2, b"UNDELIV", 600)]
