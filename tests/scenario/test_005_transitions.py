"""Each transition of a message is one script in Redis; here every script is called on a real server of its own.

The promises: nothing starts behind a stale fence, a plan made twice creates nothing new, a verdict counts once and is
never overwritten by a worse one, an event has the effect of one however often it comes.
"""
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LUA = os.path.join(ROOT, "notifier/engine/lua")
R = "sw:{r}:"
MID = "0123456789abcdef0123456789abcdef"
NUMBER = "eee9810e7b839a5c52ae4093c2785f71"


class Failure(Exception):
    pass


class Redis:
    """A private server and a client of the few lines that the protocol needs."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        path = os.path.join(self.dir, "r.sock")
        self.server = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", self.dir],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            try:
                self.sock.connect(path)
                break
            except OSError:
                self.sock.close()
                assert time.monotonic() < deadline, "redis-server does not start"
                time.sleep(0.01)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        self.sock.close()
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.dir)

    def __call__(self, *words):
        words = [str(w).encode() for w in words]
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
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        return None if rest == "-1" else [self._read() for _ in range(int(rest))]

    def script(self, name, keys, *args):
        with open(os.path.join(LUA, name + ".lua")) as f:
            return self("EVAL", f.read(), len(keys), *keys, *args)

    def message(self, field=None):
        flat = self("HGETALL", R + "m:" + MID)
        fields = dict(zip(flat[::2], flat[1::2]))
        return fields.get(field) if field else fields


@pytest.fixture
def redis():
    server = Redis()
    server("HSET", R + "lease", "fence", "7")
    yield server
    server.close()


def group(redis, fence="7", mid=MID, points=(("R12/150100/20220805T0900", "sent " + MID),), old="", due="1000",
          nominal="900", contact="", reminded="", extra=()):
    flat = [x for p in points for x in p]
    keys = [R + k for k in ("lease", "points", "decided", "due", "mids", "m:" + (mid or "-"), "last", "audit", "m:" + old)]
    return redis.script("group", keys, fence, "900", mid, due, "150100", nominal, old, contact, reminded,
                        str(len(points)), *flat,
                        '{"ev":"x"}', "class", "must_arrive", "text", "t", *extra)


def handover(redis, fence="7"):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "outbox", "ctl", "journal")]
    return redis.script("handover", keys, fence, "1000", MID, "31000", "notifier-1", "77")


def verdict(redis, word, attempt="1", klass="ok", retry="0", gateway="", pid=""):
    """[state, is it new]"""
    keys = [R + k for k in ("m:" + MID, "outbox", "due", "park", "unknown", "dead", "audit", "trying", "await", "journal")]
    return redis.script("verdict", keys, MID, attempt, "2000", word, klass, "0", retry, "8", '{"ev":"v"}', "2000",
                        gateway, pid, "notifier-1" if gateway else "", "99")[:2]


def sms_try(redis, gateway="aliyun", fence="7"):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "trying", "ctl", "journal", "tried", "unknown", "await")]
    return redis.script("sms_try", keys, fence, "1000", MID, gateway, "notifier-1", "55", "1000")


def by_sms(redis):
    """A queued SMS whose first attempt is on its way."""
    group(redis, extra=("ch", "sms", "rcp", NUMBER))
    assert sms_try(redis) == 1


def receipt(redis, word, attempt="1", number=None, gateway="aliyun", now="2000", mid=MID, listed="", most="10000"):
    """["new" | "same" | "unknown" | "misrouted", state]"""
    keys = [R + k for k in ("m:" + mid, "orphans", "due", "outbox", "trying", "unknown", "park", "dead", "await", "audit")]
    number = number or NUMBER
    text = " ".join((mid, attempt, word, number, gateway))
    return redis.script("receipt", keys, mid, attempt, now, word, "CODE", gateway, number, text, listed,
                        str(int(now) - 86400000), most, '{"ev":"receipt"}')[:2]


def waits_ms(redis):
    return int(redis("ZSCORE", R + "due", MID)) - 2000


def rehand(redis, kind="H", attempt="1", mid=MID):
    keys = [R + k for k in ("lease", "m:" + mid, "due", "outbox", "unknown", "park", "trying", "tried")]
    return redis.script("rehand", keys, "7", mid, attempt, "1000", kind, "aliyun", "notifier-1 55")


def finish(redis, state, due="0", who=""):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "park", "unknown", "dead", "audit")]
    return redis.script("finish", keys, "7", "3000", MID, state, "why", due, "", who)


def inbound(redis, event="e1", facts='{"a":1}', expected="0", new="1", answer=MID, seq="5", ask="="):
    keys = [R + k for k in ("lease", "in:" + event, "fact:150100", "ask:u1", "due", "mids", "m:" + (answer or "-"),
                            "queue", "audit", "spool_seq", "chat", "bind:-")]
    return redis.script("inbound", keys, "7", "900", event, "apply", seq, facts, expected, new, ask, "0", answer, "",
                        '{"ev":"reply"}', "", "class", "must_arrive", "text", "answer")


def indexes(redis):
    return {k for k in ("due", "outbox", "unknown", "park", "dead", "trying", "await") if redis("ZSCORE", R + k, MID) is not None}


def test_due_points_become_one_message_in_one_step(redis):
    redis("ZADD", R + "points", 900, "R12/150100/20220805T0900")
    assert group(redis) == 1
    assert redis("ZCARD", R + "points") == 0
    assert redis("HGET", R + "decided", "R12/150100/20220805T0900") == "sent " + MID
    assert redis.message("st") == "queued" and indexes(redis) == {"due"}
    assert redis("XLEN", R + "audit") == 1


def test_the_same_plan_twice_creates_nothing_new(redis):
    group(redis)
    handover(redis)
    assert group(redis) == 0
    assert redis.message("st") == "handed_over" and redis("ZCARD", R + "mids") == 1


@pytest.mark.parametrize("call", [lambda r: group(r, fence="6"), lambda r: handover(r, fence="6")])
def test_a_stale_fence_starts_nothing(redis, call):
    group(redis)
    before = redis.message()
    with pytest.raises(Failure, match="FENCED"):
        call(redis)
    assert redis.message() == before


def test_a_changed_message_replaces_the_queued_one_but_not_one_that_was_handed_over(redis):
    new = "f" * 32
    group(redis)
    group(redis, mid=new, points=(), old=MID)
    assert redis.message("st") == "cancelled" and indexes(redis) == set()
    redis("FLUSHALL")
    redis("HSET", R + "lease", "fence", "7")
    group(redis)
    handover(redis)
    assert group(redis, mid=new, points=(), old=MID) == 0
    assert redis.message("st") == "handed_over" and redis("EXISTS", R + "m:" + new) == 0


def last(redis, field):
    return redis("HGET", R + "last", field)


def test_what_a_person_was_sent_is_kept_newest_first_and_bounded(redis):
    for n in range(12):
        assert group(redis, mid="%032x" % n, points=(), nominal=str(1000 + n), contact="c-1", reminded="u:150100") == 1
    assert last(redis, "c-1").split() == [str(1000 + n) for n in range(11, 1, -1)]
    assert last(redis, "u:150100").split() == [str(1000 + n) for n in range(11, -1, -1)]
    assert last(redis, "150100") == "1011"


def test_a_message_that_replaces_another_counts_once(redis):
    group(redis, contact="c-1", reminded="u:150100")
    assert group(redis, mid="f" * 32, points=(), old=MID, contact="c-1", reminded="u:150100") == 1
    assert last(redis, "c-1") == "900" and last(redis, "u:150100") == "900"


def test_what_was_not_planned_counts_nowhere(redis):
    group(redis, mid="", contact="c-1", reminded="u:150100")
    assert redis("EXISTS", R + "last") == 0
    group(redis, contact="c-1")
    group(redis, nominal="901", contact="c-1")  # the message is there already
    assert last(redis, "c-1") == "900"


def test_handover_counts_the_attempt_and_keeps_the_journal_position(redis):
    group(redis)
    assert handover(redis) == 1
    assert handover(redis) == -1
    assert redis.message("att") == "1" and indexes(redis) == {"outbox"}
    assert redis("HGET", R + "journal", "notifier-1") == "77"


@pytest.mark.parametrize("field", ["paused", "hold"])
def test_nothing_is_handed_over_while_sending_is_stopped(redis, field):
    group(redis)
    redis("HSET", R + "ctl", field, "1")
    assert handover(redis) == -2
    assert redis.message("st") == "queued"


@pytest.mark.parametrize("word,klass,state,index", [
    ("accepted", "ok", "accepted", set()),
    ("refused_final", "content", "dead", {"dead"}),
    ("unknown", "-", "unknown", {"unknown"}),
    ("not_sent", "late", "expired", set()),
    ("not_sent", "cancelled", "cancelled", set()),
    ("not_sent", "busy", "queued", {"due"}),
    ("refused_temp", "rate", "queued", {"due"}),
])
def test_a_verdict_moves_the_message_to_exactly_one_place(redis, word, klass, state, index):
    group(redis)
    handover(redis)
    assert verdict(redis, word, klass=klass) == [state, 1]
    assert redis.message("st") == state and indexes(redis) == index


def test_a_repeated_verdict_counts_once(redis):
    group(redis)
    handover(redis)
    verdict(redis, "accepted")
    assert verdict(redis, "accepted") == ["accepted", 0]
    assert verdict(redis, "refused_final", klass="content") == ["accepted", 0]
    assert redis("XLEN", R + "audit") == 2


def test_an_unknown_outcome_is_settled_by_a_later_verdict_of_the_same_attempt(redis):
    group(redis)
    handover(redis)
    verdict(redis, "unknown")
    assert verdict(redis, "accepted") == ["accepted", 1]
    assert indexes(redis) == set()


def test_an_older_attempt_can_still_prove_that_somebody_has_it(redis):
    group(redis)
    handover(redis)
    verdict(redis, "unknown")
    finish(redis, "queued", due="1000")
    assert handover(redis) == 2
    assert verdict(redis, "refused_final", attempt="1", klass="content") == ["handed_over", 1]
    assert verdict(redis, "accepted", attempt="1") == ["handed_over", 0]
    redis("HDEL", R + "m:" + MID, "a1")
    assert verdict(redis, "accepted", attempt="1") == ["accepted", 1]


def test_a_rate_refusal_is_no_try_and_other_refusals_end_after_eight(redis):
    group(redis)
    for _ in range(10):
        handover(redis)
        verdict(redis, "refused_temp", attempt=redis.message("att"), klass="rate")
    assert redis.message("tries") == "0"
    for _ in range(8):
        handover(redis)
        verdict(redis, "refused_temp", attempt=redis.message("att"), klass="busy")
    assert redis.message("st") == "dead" and indexes(redis) == {"dead"}


def test_what_was_not_sent_is_tried_with_growing_pauses_until_its_time_is_over(redis):
    group(redis)
    pauses = []
    for _ in range(12):
        handover(redis)
        verdict(redis, "not_sent", attempt=redis.message("att"), klass="-")
        pauses.append(waits_ms(redis) // 1000)
    assert pauses[:4] == [15, 30, 60, 120] and pauses[-1] == 1800
    assert redis.message("st") == "queued"


def test_a_longer_pause_the_other_side_asks_for_is_kept(redis):
    group(redis)
    handover(redis)
    verdict(redis, "refused_temp", klass="rate", retry="60000")
    assert waits_ms(redis) == 60000


def test_finish_leaves_alone_what_the_bot_has(redis):
    group(redis)
    handover(redis)
    assert finish(redis, "cancelled") == "handed_over"
    assert redis.message("st") == "handed_over"


def test_an_operator_may_send_again_what_is_parked_or_dead_but_never_what_must_not_repeat(redis):
    group(redis)
    assert finish(redis, "queued", who="retry") == "queued" and redis.message("why") is None
    handover(redis)
    verdict(redis, "refused_final", klass="config")
    assert finish(redis, "queued", due="3000", who="retry") == "queued"
    assert indexes(redis) == {"due"}
    finish(redis, "parked")
    redis("HSET", R + "m:" + MID, "class", "no_repeat")
    assert finish(redis, "queued", who="retry") == "parked" and indexes(redis) == {"park"}


def test_what_was_ended_is_not_revived_by_the_journal(redis):
    group(redis)
    finish(redis, "cancelled")
    assert rehand(redis) == 0
    assert redis.message("st") == "cancelled" and indexes(redis) == set()


def test_an_event_stores_facts_answer_and_audit_once(redis):
    assert inbound(redis) == "ok"
    assert inbound(redis, facts='{"a":2}', expected="1", new="2") == "dup"
    assert redis("HGET", R + "fact:150100", "j") == '{"a":1}'
    assert redis.message("text") == "answer" and indexes(redis) == {"due"}
    assert redis("XLEN", R + "audit") == 1 and redis("GET", R + "spool_seq") == "5"


def test_facts_that_changed_meanwhile_are_not_overwritten(redis):
    redis("HSET", R + "fact:150100", "j", "{}", "rev", "4")
    assert inbound(redis) == "rev"
    assert redis("HGET", R + "fact:150100", "j") == "{}"
    assert redis("EXISTS", R + "in:e1") == 0 and redis.message() == {}


def test_the_spool_number_never_goes_back(redis):
    inbound(redis, seq="9")
    inbound(redis, event="e2", facts="", answer="", seq="3")
    assert redis("GET", R + "spool_seq") == "9"


def test_a_lease_is_taken_over_only_when_it_is_over_or_ones_own(redis):
    assert redis.script("lease", [R + "l2"], "a", "15000", "0") == [1, 1]
    assert redis.script("lease", [R + "l2"], "b", "15000", "0") == [0, "a"]
    assert redis.script("lease", [R + "l2"], "a", "15000", "1") == [1, 1]
    assert redis.script("lease", [R + "l2"], "a", "15000", "0") == [1, 2]
    redis("HSET", R + "l2", "until", "1")
    assert redis.script("lease", [R + "l2"], "a", "15000", "1") == [1, 2]  # ran out while Redis was away, taken by nobody
    redis.script("lease_drop", [R + "l2"], "a")
    assert redis.script("lease", [R + "l2"], "b", "15000", "0") == [1, 3]


def test_points_that_were_decided_do_not_come_back(redis):
    keys = [R + k for k in ("lease", "points", "decided")]
    redis("HSET", R + "decided", "p1", "paused")
    redis.script("points_sync", keys, "7", "p1", "100", "p2", "200", "p3", "300")
    assert redis("ZRANGE", R + "points", 0, -1) == ["p2", "p3"]
    redis.script("points_sync", keys, "7", "p2", "250", "p3", "")
    assert redis("ZRANGE", R + "points", 0, -1, "WITHSCORES") == ["p2", "250"]


def poll(redis, slots="16"):
    keys = [R + k for k in ("lease", "points", "due", "outbox", "unknown", "ctl", "await")]
    return redis.script("poll", keys, "7", "200", "80", "100", "100", "600", slots, "10000", R + "m:")


def test_poll_tells_what_is_due_and_when_to_ask_again(redis):
    redis("ZADD", R + "points", 100, "p1", 5000, "p2")
    redis("ZADD", R + "unknown", 50, "u1")
    redis("ZADD", R + "outbox", 70, "o1", 900, "o2")
    assert poll(redis) == ["run", ["p1"], [], ["o1"], [], 650, 900, 0, []]
    redis("HSET", R + "ctl", "paused", "1")
    assert poll(redis) == ["paused", [], [], [], [], -1, -1, 0, []]


def test_sms_without_a_gateway_do_not_keep_the_chats_waiting(redis):
    for i in range(250):
        redis("HSET", R + "m:s%d" % i, "ch", "sms")
        redis("ZADD", R + "due", 10, "s%d" % i)
    redis("HSET", R + "m:chat", "ch", "robot")
    redis("ZADD", R + "due", 150, "chat")
    assert poll(redis, slots="0")[2] == ["chat"] and poll(redis, slots="0")[7] == 250
    due = poll(redis, slots="3")[2]
    assert len(due) == 4 and due[3] == "chat"


def test_sms_without_a_gateway_are_due_when_their_time_is_over(redis):
    for mid, ends in (("over", 199), ("later", 300), ("endless", 0)):
        redis("HSET", R + "m:" + mid, "ch", "sms", "exp", ends)
        redis("ZADD", R + "due", 10, mid)
    got = poll(redis, slots="0")
    assert got[2] == ["over"] and got[5] == 301 and got[7] == 2


def test_a_lost_attempt_goes_back_to_the_outbox_under_its_number(redis):
    group(redis)
    assert rehand(redis) == 1
    assert redis.message("st") == "handed_over" and redis.message("att") == "1" and indexes(redis) == {"outbox"}
    assert rehand(redis) == 0
    assert rehand(redis, mid="none") == -1


# ---- SMS ---------------------------------------------------------------------------------------------


def test_an_sms_is_trying_before_its_record_and_says_where_the_record_will_be(redis):
    by_sms(redis)
    assert redis.message("st") == "trying" and indexes(redis) == {"trying"}
    assert redis.message("jp") == "notifier-1 55" and redis("HGET", R + "journal", "notifier-1") == "55"
    assert sms_try(redis) == -1


@pytest.mark.parametrize("field", ["paused", "hold"])
def test_no_sms_begins_while_sending_is_stopped(redis, field):
    group(redis, extra=("ch", "sms"))
    redis("HSET", R + "ctl", field, "1")
    assert sms_try(redis) == -2 and redis.message("st") == "queued"


def test_a_stale_fence_begins_no_sms(redis):
    group(redis, extra=("ch", "sms"))
    with pytest.raises(Failure, match="FENCED"):
        sms_try(redis, fence="6")
    assert redis.message("att") == "0"


@pytest.mark.parametrize("word,klass,state,index,tries", [
    ("accepted", "ok", "accepted", {"await"}, "0"),
    ("refused_final", "content", "dead", {"dead"}, "0"),
    ("refused_final", "target", "dead", {"dead"}, "0"),
    ("refused_temp", "rate", "queued", {"due"}, "0"),
    ("refused_temp", "account", "queued", {"due"}, "0"),
    ("not_sent", "held", "queued", {"due"}, "0"),
    ("refused_temp", "later", "queued", {"due"}, "1"),
    ("not_sent", "net", "queued", {"due"}, "1"),
    ("unknown", "net", "unknown", {"unknown"}, "0"),
])
def test_a_gateways_verdict_moves_an_sms_to_exactly_one_place(redis, word, klass, state, index, tries):
    by_sms(redis)
    assert verdict(redis, word, klass=klass, gateway="aliyun", pid="BIZ1") == [state, 1]
    assert indexes(redis) == index and redis.message("tries") == tries
    assert redis.message("a1") == "2000 %s %s 0 aliyun" % (word, klass)
    assert redis("HGET", R + "journal", "notifier-1") == "99"


# What may happen to an attempt, in any order: its verdict, a receipt, the same receipt again, a receipt that says otherwise.
EVENTS = {
    "verdict": lambda r, word: verdict(r, word, gateway="aliyun", pid="BIZ1" if word == "accepted" else ""),
    "receipt": lambda r, _: receipt(r, "delivered"),
    "again": lambda r, _: receipt(r, "delivered"),
    "contrary": lambda r, _: receipt(r, "undelivered"),
}


@pytest.mark.parametrize("word", ["accepted", "unknown", "refused_temp"])
def test_the_end_does_not_depend_on_the_order_of_verdict_and_receipts(redis, word):
    ends = []
    for order in itertools.permutations(EVENTS):
        redis("FLUSHALL")
        redis("HSET", R + "lease", "fence", "7")
        by_sms(redis)
        for name in order:
            EVENTS[name](redis, word)
        m = redis.message()
        # What the last word of the gateway was is a note, not a state.
        ends.append({k: v for k, v in m.items() if k not in ("code", "unk", "tries")})
        assert m["st"] == "delivered" and indexes(redis) == set(), order
        assert " accepted " in m["a1"], order
    assert len(ends) == 24 and all(e == ends[0] for e in ends)


@pytest.mark.parametrize("prepare", [
    lambda r: None,
    lambda r: verdict(r, "accepted", gateway="aliyun"),
    lambda r: verdict(r, "unknown", gateway="aliyun"),
    lambda r: (verdict(r, "unknown", gateway="aliyun"), finish(r, "queued", due="5000")),
    lambda r: (verdict(r, "unknown", gateway="aliyun"), finish(r, "parked")),
    lambda r: verdict(r, "refused_final", klass="target", gateway="aliyun"),
], ids=["trying", "accepted", "unknown", "queued for a resend", "parked", "dead"])
@pytest.mark.parametrize("word", ["delivered", "undelivered"])
def test_a_receipt_settles_an_sms_in_any_state(redis, prepare, word):
    by_sms(redis)
    prepare(redis)
    assert receipt(redis, word) == ["new", word]
    assert redis.message("st") == word and indexes(redis) == set()
    assert sms_try(redis) == -1


def test_a_verdict_after_its_receipt_only_completes_the_record(redis):
    by_sms(redis)
    receipt(redis, "delivered")
    assert verdict(redis, "accepted", gateway="aliyun", pid="BIZ1") == ["delivered", 1]
    assert redis.message("pid") == "BIZ1" and redis.message("a1") == "2000 accepted ok 0 aliyun"
    assert indexes(redis) == set()


def test_an_old_attempts_failure_says_nothing_about_the_one_on_its_way(redis):
    by_sms(redis)
    verdict(redis, "unknown", gateway="aliyun")
    finish(redis, "queued", due="1000")
    assert sms_try(redis) == 2
    assert receipt(redis, "undelivered") == ["new", "trying"] and indexes(redis) == {"trying"}
    assert receipt(redis, "delivered") == ["new", "delivered"]
    # The second attempt has not said how it ended yet: it is looked for after a crash.
    assert indexes(redis) == {"trying"}
    assert verdict(redis, "accepted", attempt="2", gateway="aliyun") == ["delivered", 1]
    assert indexes(redis) == set()


@pytest.mark.parametrize("call,why", [
    (lambda r: receipt(r, "delivered", attempt="2"), "unknown"),
    (lambda r: receipt(r, "delivered", attempt="0"), "unknown"),
    (lambda r: receipt(r, "delivered", mid="f" * 32), "unknown"),
    (lambda r: receipt(r, "delivered", number="0" * 32), "misrouted"),
    (lambda r: receipt(r, "delivered", gateway="kannel"), "misrouted"),
], ids=["later attempt", "attempt 0", "no such message", "another number", "another gateway"])
def test_a_receipt_nobody_sent_changes_nothing_and_is_kept(redis, call, why):
    by_sms(redis)
    before = redis.message()
    assert call(redis)[0] == why
    assert redis.message() == before and redis("ZCARD", R + "orphans") == 1
    call(redis)
    assert redis("ZCARD", R + "orphans") == 1


def test_a_kept_receipt_counts_when_the_store_knows_its_attempt_again(redis):
    receipt(redis, "delivered")
    assert redis("ZCARD", R + "orphans") == 1
    by_sms(redis)
    assert receipt(redis, "delivered", listed="1") == ["new", "delivered"]
    assert redis("ZCARD", R + "orphans") == 0


def test_kept_receipts_are_bounded_by_time_and_number(redis):
    receipt(redis, "delivered", mid="a" * 32, now="1000")
    receipt(redis, "delivered", mid="b" * 32, now="86401001")
    assert redis("ZCARD", R + "orphans") == 1
    for i in range(5):
        receipt(redis, "delivered", mid="%032x" % i, now="86401%03d" % (10 + i), most="3")
    assert redis("ZCARD", R + "orphans") == 3
    assert "%032x" % 4 in redis("ZRANGE", R + "orphans", -1, -1)[0]


def test_without_a_receipt_an_accepted_sms_says_so_and_may_still_be_delivered(redis):
    keys = [R + k for k in ("lease", "m:" + MID, "await", "audit")]
    by_sms(redis)
    verdict(redis, "accepted", gateway="aliyun")
    assert redis.script("no_receipt", keys, "7", "9000", MID, "") == 1
    assert redis.message("st") == "no_receipt" and indexes(redis) == set()
    assert receipt(redis, "delivered") == ["new", "delivered"]
    redis("ZADD", R + "await", 1, MID)
    assert redis.script("no_receipt", keys, "7", "9000", MID, "") == 0
    assert redis.message("st") == "delivered"


def test_an_sms_attempt_the_store_has_lost_is_trying_again(redis):
    group(redis, extra=("ch", "sms", "rcp", NUMBER))
    assert rehand(redis, kind="T") == 1
    assert redis.message("st") == "trying" and redis.message("jp") == "notifier-1 55" and indexes(redis) == {"trying"}


@pytest.mark.parametrize("kind,state,index", [("A", "accepted", {"await"}), ("T", "unknown", {"unknown"}),
                                              ("U", "unknown", {"unknown"})])
def test_a_message_the_store_has_lost_whole_is_not_sent_as_if_for_the_first_time(redis, kind, state, index):
    assert rehand(redis, kind=kind) == -1
    group(redis, extra=("ch", "sms", "rcp", NUMBER))
    assert sms_try(redis) == -3
    assert redis.message("st") == state and redis.message("att") == "1" and indexes(redis) == index
    assert redis("HLEN", R + "tried") == 0


@pytest.mark.parametrize("before,klass", [(None, ""), ("refused_final", "target")], ids=["trying", "dead"])
def test_a_later_attempt_than_the_store_knows_of_is_not_made_again(redis, before, klass):
    """An old backup: the first attempt was just on its way, or dead and not yet sent again by an operator."""
    by_sms(redis)
    if before:
        verdict(redis, before, klass=klass, gateway="aliyun")
    assert rehand(redis, kind="T", attempt="2") == 1
    assert redis.message("st") == "trying" and redis.message("att") == "2"
    assert verdict(redis, "accepted", attempt="2", gateway="aliyun") == ["accepted", 1]
    assert indexes(redis) == {"await"}


def test_a_verdict_that_comes_before_its_lost_attempt_does_not_leave_it_trying_for_ever(redis):
    group(redis, extra=("ch", "sms", "rcp", NUMBER))
    assert verdict(redis, "refused_temp", klass="rate", gateway="aliyun") == ["queued", 1]
    assert rehand(redis, kind="T") == 1 and indexes(redis) == {"trying"}
    assert verdict(redis, "refused_temp", klass="rate", gateway="aliyun") == ["queued", 1]
    assert indexes(redis) == {"due"}


def test_what_a_journal_knows_keeps_the_gateway_that_took_it(redis):
    rehand(redis, kind="A")
    group(redis, extra=("ch", "sms", "rcp", NUMBER))
    assert sms_try(redis, gateway="kannel") == -3
    assert receipt(redis, "delivered", gateway="aliyun") == ["new", "delivered"]


def test_a_lost_message_that_surely_was_not_sent_may_be_sent(redis):
    for kind in "RFNH":
        rehand(redis, kind=kind)
    group(redis, extra=("ch", "sms"))
    assert sms_try(redis) == 1
