"""A broadcast meets what can happen on its way: processes die, the store is an old one, gateways refuse and lose answers.

Whatever happens, nobody gets the text twice, and for each resident there is one true word of what became of it.
"""
import glob
import os
import shutil
import signal

import pytest

from test_044_audience import Store
from test_048_release import ITEM, approve, copies, open_publicity, plan, progress, release, start, state

DONE = "2022-10-08T09:30"


def finish(stack, to=DONE):
    """Moves the clock although somebody may still be on his way back."""
    stack.wait(lambda: stack.cli("clock", "advance", "--to", to, check=False).code == 0, "the clock to reach " + to, 120)


def rows(stack, b):
    return [r for r in stack.export(channel="sms") if r["job"].endswith("/" + b["id"])]


def redis_folder(stack):
    return os.path.join(stack.info["dir"], "stack/redis")


def fault(stack, kind, count=1, **more):
    stack.sms_sim.post("/control/fault", {"kind": kind, "route": "*", "count": count, **more})


def check(stack, b, recipients):
    """Once at most, and what is said is so. Returns how many are in which state."""
    told, ledger, states = rows(stack, b), copies(stack.sms_sim), {}
    assert len(told) == recipients == len({r["mid"] for r in told})
    assert max(ledger.values()) == 1, "somebody got it twice"
    for r in told:
        states[r["state"]] = states.get(r["state"], 0) + 1
        if r["state"] in ("accepted", "delivered"):
            assert r["mid"] in ledger, r
        elif r["state"] != "unknown":
            assert r["mid"] not in ledger, r
    assert progress(stack, b)["planned"] == recipients
    return states


def sent(stack):
    return sum(copies(stack.sms_sim).values())


@pytest.mark.parametrize("victim", ["notifier", "redis", "bot"])
def test_a_process_that_dies_again_and_again_tells_nobody_twice(make_stack, tmp_path, victim):
    """8,000 residents, 20 requests a second; kill -9 five times on the way. What was in flight may stay unknown, at
    most 16 requests a time; everybody else has it."""
    stack = open_publicity(make_stack, tmp_path, recipients=8000, sets={"sms.aliyun.rate": 20})
    b = release(stack)
    for second in range(5):
        finish(stack, "2022-10-08T09:00:0%d" % second)
        stack.wait_restart(victim, stack.kill(victim))
    finish(stack)
    stack.wait(lambda: stack.cli("status", check=False).code == 0 and state(stack, b) == "done", "the end", 30)
    states = check(stack, b, 8000)
    assert set(states) <= {"delivered", "accepted", "unknown"}, states
    assert states.get("unknown", 0) <= 5 * 16 * 96
    assert states["delivered"] > 4000


def test_a_polite_stop_leaves_nobody_unknown(make_stack, tmp_path):
    """SIGTERM three times on the way: what is in flight ends, nothing new begins, and the store knows all of it."""
    stack = open_publicity(make_stack, tmp_path, recipients=3000, sets={"sms.aliyun.rate": 10})
    b = release(stack)
    for second in range(3):
        finish(stack, "2022-10-08T09:00:0%d" % second)
        stack.wait_restart("notifier", stack.kill("notifier", signal.SIGTERM))
    finish(stack)
    stack.wait(lambda: stack.cli("status", check=False).code == 0 and state(stack, b) == "done", "the end", 30)
    assert check(stack, b, 3000) == {"delivered": 3000}


def test_an_old_backup_of_the_store_tells_nobody_twice(make_stack, tmp_path):
    """The store comes back as it was before the first calls: sending is on hold until a person says `resume`, and then
    goes on with those who have not had it, by what the journal knows."""
    stack = open_publicity(make_stack, tmp_path, recipients=2000, sets={"sms.aliyun.rate": 500})
    b = release(stack)
    stack.advance("2022-10-08T08:59:59")
    shutil.copytree(redis_folder(stack), tmp_path / "backup")
    stack.advance("2022-10-08T09:00:00")  # as many as a burst allows
    before = sent(stack)
    assert 300 < before < 2000
    old = stack.kill("redis")
    shutil.rmtree(redis_folder(stack))
    shutil.copytree(tmp_path / "backup", redis_folder(stack))
    stack.wait_restart("redis", old)
    stack.wait(lambda: "ON HOLD" in stack.cli("status", check=False).out, "the hold", 30)
    finish(stack, "2022-10-08T09:10")
    assert sent(stack) == before
    stack.act("resume", operator="chief")
    finish(stack)
    assert state(stack, b) == "done"
    states = check(stack, b, 2000)
    assert set(states) <= {"delivered", "accepted", "unknown"}
    assert sum(states.values()) == 2000 and sent(stack) == 2000


def test_what_an_old_backup_has_not_seen_begin_is_not_begun_under_another_number(make_stack, tmp_path):
    """The store comes back as it was before `start`. Cancelled then, the broadcast counts as one of which something went
    out: the same text cannot be planned to the same people again."""
    stack = open_publicity(make_stack, tmp_path, recipients=300)
    b = plan(stack)
    approve(stack, b)
    shutil.copytree(redis_folder(stack), tmp_path / "backup")
    start(stack, b)
    stack.advance("2022-10-08T09:00:10")
    assert sent(stack) == 300
    old = stack.kill("redis")
    shutil.rmtree(redis_folder(stack))
    shutil.copytree(tmp_path / "backup", redis_folder(stack))
    stack.wait_restart("redis", old)
    stack.wait(lambda: "ON HOLD" in stack.cli("status", check=False).out, "the hold", 30)
    stack.act("resume", operator="chief")
    stack.act("broadcast", "cancel", b["id"])
    again = stack.act("broadcast", "plan", "--audience", "a1", "--item", ITEM, check=False)
    assert again.code == 1 and "twice" in again.err
    sums = progress(stack, b)
    assert sums["accepted"] + sums["delivered"] == 300, sums


def test_what_a_reconnect_has_read_of_the_journal_is_not_read_again(make_stack, tmp_path):
    """A broadcast's records are of no use to the recovery of single messages; once read, the store's position is behind them."""
    stack = open_publicity(make_stack, tmp_path, recipients=300)
    release(stack)
    stack.advance(DONE)
    stack.wait_restart("redis", stack.kill("redis"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again", 30)
    path, = glob.glob(os.path.join(stack.info["dir"], "state/notifier/journal/*.log"))
    with open(path, "rb") as f:
        written = len(f.read().rstrip(b"\0"))
    instance = os.path.basename(path)[:-len(".log")]
    assert int(Store(stack).ask("HGET", "sw:{r}:journal", instance)) == written


def test_one_bad_number_does_not_keep_the_others_from_it(make_stack, tmp_path):
    """The gateway refuses a request for a number in it: 96, then 8, then the one alone; 95 residents have the text."""
    stack = open_publicity(make_stack, tmp_path, recipients=192, sets={"sms.aliyun.rate": 1})
    b = release(stack, "--item", "150200-household-1", "--area", "150200")
    illegal = {"code": "isv.MOBILE_NUMBER_ILLEGAL"}
    fault(stack, "code", 2, **illegal)  # the whole request, and the first eight of it
    stack.advance("2022-10-08T09:00:01")
    while sent(stack) < 88:
        stack.advance(by="1s")
    fault(stack, "code", **illegal)  # one of the eight alone
    stack.advance(DONE)
    assert state(stack, b) == "done" and sent(stack) == 95
    assert sorted(check(stack, b, 96).values()) == [1, 95]
    assert stack.cli("broadcast", "failures", b["id"]).out.count("isv.MOBILE_NUMBER_ILLEGAL") == 1


def test_a_lost_answer_is_settled_by_the_receipts(make_stack, tmp_path):
    """The gateway takes a request and its answer is lost: unknown, never sent again, and delivered once the receipts are in."""
    stack = open_publicity(make_stack, tmp_path, recipients=96, sets={"sms.aliyun.rate": 1})
    b = release(stack)
    fault(stack, "answer_lost")
    stack.advance("2022-10-08T09:00:02")
    assert progress(stack, b)["unknown"] > 0
    stack.advance(DONE)
    assert check(stack, b, 96) == {"delivered": 96}


def test_an_answer_that_says_nothing_is_never_repeated(make_stack, tmp_path):
    """A page of HTML instead of an answer, and nothing was taken: those residents stay unknown."""
    stack = open_publicity(make_stack, tmp_path, recipients=192, sets={"sms.aliyun.rate": 1})
    b = release(stack)
    fault(stack, "http5xx")
    stack.advance(DONE)
    states = check(stack, b, 192)
    assert states["unknown"] == 96 and states["delivered"] == 96 and state(stack, b) == "done"


def test_a_phone_that_is_off_is_said_to_be_so(make_stack, tmp_path):
    """A receipt says UNDELIV: not delivered, with its code; all others are."""
    stack = open_publicity(make_stack, tmp_path, recipients=50)
    b = release(stack)
    stack.sms_sim.post("/control/phone", {"number": "13800000007", "state": "off"})
    stack.advance(DONE)
    states = {r["state"] for r in rows(stack, b)}
    assert states == {"delivered", "undelivered"}
    assert progress(stack, b)["delivered"] == 49
    assert "UNDELIV" in stack.cli("broadcast", "failures", b["id"]).out


def test_too_often_and_trouble_are_tried_again_later(make_stack, tmp_path):
    """A gateway that throttles, then has trouble of its own, then works: everybody has it, once."""
    stack = open_publicity(make_stack, tmp_path, recipients=300, sets={"sms.aliyun.rate": 2})
    b = release(stack)
    fault(stack, "throttle", 2)
    fault(stack, "code", 2, code="isp.SYSTEM_ERROR")
    stack.advance("2022-10-08T10:30")
    assert state(stack, b) == "done"
    assert set(check(stack, b, 300)) <= {"delivered", "unknown"}


def test_refused_words_stop_the_broadcast_until_somebody_has_looked(make_stack, tmp_path):
    """The gateway refuses the text: that request's residents are told so in the list, nobody else is tried."""
    stack = open_publicity(make_stack, tmp_path, recipients=400, sets={"sms.aliyun.rate": 1})
    b = release(stack)
    fault(stack, "code", code="isv.SMS_CONTENT_ILLEGAL")
    stack.advance("2022-10-08T10:00")
    assert state(stack, b) == "paused" and sent(stack) < 400
    before = sent(stack)
    stack.advance("2022-10-08T11:00")
    assert sent(stack) == before
    stack.act("broadcast", "resume", b["id"], operator="chief")
    stack.advance("2022-10-08T11:30")
    states = check(stack, b, 400)
    assert state(stack, b) == "done" and states["delivered"] > 200


def test_nobody_is_told_at_noon_or_in_the_evening(make_stack, tmp_path):
    """One request a second from 11:59:58 on: none between 12 and 14 o'clock, the rest afterwards."""
    stack = open_publicity(make_stack, tmp_path, recipients=800, sets={"sms.aliyun.rate": 1})
    stack.advance("2022-10-08T11:59:57")
    b = release(stack)
    stack.advance("2022-10-08T13:59:59")
    assert state(stack, b) == "running" and 0 < sent(stack) < 800
    stack.advance("2022-10-08T14:10")
    assert state(stack, b) == "done" and check(stack, b, 800) == {"delivered": 800}
    hours = {a["at"] // 3600000 % 24 + 8 for r in rows(stack, b) for a in r["attempts"]}
    assert hours <= {11, 14}
