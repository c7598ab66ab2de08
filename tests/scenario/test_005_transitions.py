"""Each transition of a message is one script in Redis; here every script is called on a real server of its own.

The promises: nothing starts behind a stale fence, a plan made twice creates nothing new, a verdict counts once and is
never overwritten by a worse one, an event has the effect of one however often it comes.
"""
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
          nominal="900", contact="", reminded=""):
    flat = [x for p in points for x in p]
    keys = [R + k for k in ("lease", "points", "decided", "due", "mids", "m:" + (mid or "-"), "last", "audit", "m:" + old)]
    return redis.script("group", keys, fence, "900", mid, due, "150100", nominal, old, contact, reminded,
                        str(len(points)), *flat,
                        '{"ev":"x"}', "class", "must_arrive", "text", "t")


def handover(redis, fence="7"):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "outbox", "ctl", "journal")]
    return redis.script("handover", keys, fence, "1000", MID, "31000", "notifier-1", "77")


def verdict(redis, word, attempt="1", klass="ok", retry="0"):
    """[state, is it new]"""
    keys = [R + k for k in ("m:" + MID, "outbox", "due", "park", "unknown", "dead", "audit")]
    return redis.script("verdict", keys, MID, attempt, "2000", word, klass, "0", retry, "8", '{"ev":"v"}')[:2]


def waits_ms(redis):
    return int(redis("ZSCORE", R + "due", MID)) - 2000


def finish(redis, state, due="0", who=""):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "park", "unknown", "dead", "audit")]
    return redis.script("finish", keys, "7", "3000", MID, state, "why", due, "", who)


def inbound(redis, event="e1", facts='{"a":1}', expected="0", new="1", answer=MID, seq="5", ask="="):
    keys = [R + k for k in ("lease", "in:" + event, "fact:150100", "ask:u1", "due", "mids", "m:" + (answer or "-"),
                            "queue", "audit", "spool_seq", "chat", "bind:-")]
    return redis.script("inbound", keys, "7", "900", event, "apply", seq, facts, expected, new, ask, "0", answer, "",
                        '{"ev":"reply"}', "", "class", "must_arrive", "text", "answer")


def indexes(redis):
    return {k for k in ("due", "outbox", "unknown", "park", "dead") if redis("ZSCORE", R + k, MID) is not None}


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
    keys = [R + k for k in ("lease", "m:" + MID, "due", "outbox", "unknown", "park")]
    group(redis)
    finish(redis, "cancelled")
    assert redis.script("rehand", keys, "7", MID, "1") == 0
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


def test_poll_tells_what_is_due_and_when_to_ask_again(redis):
    keys = [R + k for k in ("lease", "points", "due", "outbox", "unknown", "ctl")]
    redis("ZADD", R + "points", 100, "p1", 5000, "p2")
    redis("ZADD", R + "unknown", 50, "u1")
    redis("ZADD", R + "outbox", 70, "o1", 900, "o2")
    assert redis.script("poll", keys, "7", "200", "80", "100", "100", "600") == ["run", ["p1"], [], ["o1"], [], 650, 900]
    redis("HSET", R + "ctl", "paused", "1")
    assert redis.script("poll", keys, "7", "200", "80", "100", "100", "600") == ["paused", [], [], [], [], -1, -1]


def test_a_lost_attempt_goes_back_to_the_outbox_under_its_number(redis):
    keys = [R + k for k in ("lease", "m:" + MID, "due", "outbox", "unknown", "park")]
    group(redis)
    assert redis.script("rehand", keys, "7", MID, "1") == 1
    assert redis.message("st") == "handed_over" and redis.message("att") == "1" and indexes(redis) == {"outbox"}
    assert redis.script("rehand", keys, "7", MID, "1") == 0
    assert redis.script("rehand", [R + "lease", R + "m:none"] + keys[2:], "7", "none", "1") == -1
