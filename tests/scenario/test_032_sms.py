"""Where the chat stays silent an SMS goes out, once; what a phone answers is read like any reply.

A gateway may lose its answer, tell the receipt first, or not be there; processes may die in between. No message is lost
or sent more than once extra, nobody's number stands anywhere in the clear, and the record says what happened.
"""
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

from office import CLERK, GROUP, OTHER, OTHER_CLERK, OTHER_GROUP, ROSTER, UNIT, facts, figures, open_office, say
from stack import Http

CONTACT, CONTACT2, OTHER_CONTACT = "13800000002", "13800000003", "13800000005"
STRANGER = "13900000099"
LAST_DAY = "2022-08-10T08:00"  # of the lists: R14pm tells contacts by SMS at 15:00 what is missing


def open_sms(make_stack, start=LAST_DAY, allow=(UNIT, STRANGER), sets=None):
    """Begins on the last day of the lists, with nothing reported; only ALLOW is written to (trial mode)."""
    return open_office(make_stack(sets=dict(
        {"simulation_start": start, "trial.enabled": True, "trial.allow": list(allow)}, **(sets or {}))))


def on_phone(stack, number, mine=False):
    """The texts NUMBER got, or with MINE those it sent."""
    return [m["text"] for m in stack.sms_sim.get("/control/messages?number=" + number) if m["mine"] == mine]


def reminders(stack, code=UNIT):
    return [r for r in stack.export(channel="sms", unit=code) if r["job"].startswith("rm/")]


def accepted(stack):
    """mid -> how often the gateway took it."""
    ledger = {}
    for entry in stack.sms_sim.get("/control/ledger"):
        if entry["accepted"]:
            mid = entry["out_id"].rpartition("-")[0]
            ledger[mid] = ledger.get(mid, 0) + 1
    return ledger


def fault(stack, kind, route="SendSms", **more):
    stack.sms_sim.post("/control/fault", dict({"kind": kind, "route": route, "count": 1}, **more))


def type_sms(stack, number, text):
    """NUMBER sends TEXT; what it is answered with, None when nothing."""
    before = len(on_phone(stack, number))
    stack.sms_sim.post("/control/answer", {"number": number, "text": text})
    stack.advance(by="1m")
    now = on_phone(stack, number)
    return now[-1] if len(now) > before else None


def push(stack, kind, items):
    """What Aliyun pushes, said directly to the bot; its answer."""
    with open(os.path.join(stack.info["dir"], "secrets/sms-token-aliyun")) as f:
        path = "/sms/aliyun/%s/%s" % (f.read().strip(), kind)
    return Http(stack.info["http"]).request("POST", path, items)


def uplink(number, text, sequence):
    return {"phone_number": number, "send_time": "2022-08-10 10:00:00", "content": text, "dest_code": "1",
            "sequence_id": sequence, "sign_name": "x"}


def redis(stack, *words):
    with open(os.path.join(stack.info["dir"], "secrets/redis-notifier")) as f:
        env = dict(os.environ, REDISCLI_AUTH=f.read().strip())
    done = subprocess.run(["redis-cli", "-s", stack.info["redis_socket"], "--user", "notifier", "--no-auth-warning", *words],
                          env=env, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


class Advance(threading.Thread):
    """Moves the clock while the test does something else."""

    def __init__(self, stack, to):
        super().__init__(daemon=True)
        self.stack, self.to = stack, to
        self.start()

    def run(self):
        self.stack.cli("clock", "advance", "--to", self.to, check=False)


def finish(stack, to):
    """Moves the clock although somebody may still be on his way back."""
    stack.wait(lambda: stack.cli("clock", "advance", "--to", to, check=False).code == 0, "the clock to reach " + to, 60)


def start_slowly(stack, ms=4000):
    """One request of 15:00 is in flight, and stays so for a while; the clock's thread and that message's id."""
    fault(stack, "slow", ms=ms)
    before = len(stack.sms_sim.get("/control/ledger"))
    stack.mark()
    clock = Advance(stack, "2022-08-10T15:30")
    stack.wait(lambda: len(stack.sms_sim.get("/control/ledger")) > before, "a request to be in flight")
    return clock, stack.sms_sim.get("/control/ledger")[before]["out_id"].rpartition("-")[0]


def forget_attempt(stack, mid):
    """In the store MID is as it was before its only attempt: queued, and the journal's position that of then."""
    key = "sw:{r}:m:" + mid
    instance, _, position = redis(stack, "HGET", key, "jp").partition(" ")
    redis(stack, "HSET", key, "st", "queued", "att", "0")
    redis(stack, "HDEL", key, "a1", "jp", "gw", "pid", "done")
    redis(stack, "ZREM", "sw:{r}:await", mid)
    redis(stack, "ZADD", "sw:{r}:due", "1", mid)
    redis(stack, "HSET", "sw:{r}:journal", instance, position)


# ---- sending -----------------------------------------------------------------------------------------


def test_a_silent_unit_gets_an_sms_at_three_and_one_that_reported_gets_none(make_stack):
    """Both contacts of 呼和浩特市 are told what is missing; 包头市 reported 2 and 6 in the morning."""
    stack = open_sms(make_stack, allow=(UNIT, OTHER))
    say(stack, OTHER_GROUP, OTHER_CLERK, "@守望 已报2人6户")
    stack.advance("2022-08-10T14:59")
    assert reminders(stack) == [] and on_phone(stack, CONTACT) == []
    stack.advance("2022-08-10T15:30")
    rows = reminders(stack)
    assert len(rows) == 2 and {r["state"] for r in rows} == {"delivered"}
    for row in rows:
        assert [(a["n"], a["verdict"], a["code"], a["gateway"]) for a in row["attempts"]] == [(1, "accepted", "OK", "aliyun")]
        assert len(row["recipient"]) == 32 and accepted(stack)[row["mid"]] == 1
    (text,) = on_phone(stack, CONTACT)
    assert text.startswith("【") and "呼和浩特市" in text and "尚缺" in text
    assert reminders(stack, OTHER) == [] and on_phone(stack, OTHER_CONTACT) == []
    assert stack.cli("audit").code == 0


def test_no_number_stands_in_a_log_an_export_or_the_audit(make_stack):
    """After sending, receipts and an answer, 13800000002 stands only in the gateway's request."""
    stack = open_sms(make_stack)
    stack.advance("2022-08-10T15:30")
    type_sms(stack, CONTACT, "2人6户")
    type_sms(stack, STRANGER, "你好")
    stack.wait_log("reply_read")
    texts = [stack.logs(100000), json.dumps(stack.export())]
    for folder in ("state/notifier/audit", "state/notifier/journal"):
        folder = os.path.join(stack.info["dir"], folder)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                texts.append(f.read())
    for text in texts:
        assert CONTACT not in text and STRANGER not in text


def test_a_receipt_before_its_answer_counts(make_stack):
    """The gateway pushes DELIVERED and only then answers the request."""
    stack = open_sms(make_stack)
    fault(stack, "receipt_early", route="receipt", count=2)
    stack.advance("2022-08-10T15:30")
    rows = reminders(stack)
    assert [r["state"] for r in rows] == ["delivered"] * 2
    assert [[a["verdict"] for a in r["attempts"]] for r in rows] == [["accepted"]] * 2
    assert all(accepted(stack)[r["mid"]] == 1 for r in rows)


def test_repeated_and_contrary_receipts_change_nothing(make_stack):
    stack = open_sms(make_stack)
    fault(stack, "receipt_twice", route="receipt", count=2)
    stack.advance("2022-08-10T15:30")
    row = reminders(stack)[0]
    entry = next(e for e in stack.sms_sim.get("/control/ledger") if e["out_id"].startswith(row["mid"]))
    assert push(stack, "report", [{"phone_number": entry["numbers"][0], "success": False, "err_code": "UNDELIV",
                                   "out_id": entry["out_id"], "biz_id": entry["biz_id"]}])[0] == 200
    stack.advance(by="1m")
    assert [r["state"] for r in reminders(stack)] == ["delivered"] * 2


def test_a_lost_answer_is_settled_by_its_receipt_without_a_second_sms(make_stack):
    """The gateway takes the SMS, its answer is lost: unknown, until the receipt says that somebody has it."""
    stack = open_sms(make_stack)
    fault(stack, "answer_lost")
    stack.mark()
    stack.advance("2022-08-10T15:45")
    lost = stack.wait_log("message_verdict", verdict="unknown")["mid"]
    rows = reminders(stack)
    assert {r["state"] for r in rows} == {"delivered"}
    assert next(r for r in rows if r["mid"] == lost)["attempts"][0]["verdict"] == "accepted"
    assert accepted(stack)[lost] == 1


def test_without_a_receipt_a_lost_answer_makes_one_more_sms_after_ten_minutes(make_stack):
    """Nobody ever says what became of it: what must arrive is sent once more, and then a person has to look."""
    stack = open_sms(make_stack)
    for number in (CONTACT, CONTACT2):
        stack.sms_sim.post("/control/phone", {"number": number, "state": "silent"})
    fault(stack, "answer_lost", route="SendSms", count=4)
    stack.advance("2022-08-10T15:09")
    assert {r["state"] for r in reminders(stack)} == {"unknown"}
    stack.advance("2022-08-10T16:00")
    for row in reminders(stack):
        first, second = row["attempts"]
        assert row["state"] == "parked" and second["at"] - first["at"] >= 600000
        assert accepted(stack)[row["mid"]] == 2
    assert len(stack.cli("unknown").out.splitlines()) == 2


def test_a_refusal_for_now_is_tried_again_and_a_throttle_is_no_try(make_stack):
    stack = open_sms(make_stack)
    fault(stack, "throttle", count=12)
    stack.advance("2022-08-10T15:30")
    assert {r["state"] for r in reminders(stack)} == {"delivered"}
    assert set(accepted(stack).values()) == {1}


@pytest.mark.parametrize("code", ["isv.MOBILE_NUMBER_ILLEGAL", "isv.SMS_TEMPLATE_ILLEGAL"])
def test_a_final_refusal_is_dead_and_a_person_sees_it(make_stack, code):
    stack = open_sms(make_stack)
    fault(stack, "code", code=code, count=2)
    stack.advance("2022-08-10T15:30")
    assert {r["state"] for r in reminders(stack)} == {"dead"}
    assert stack.cli("dead").out.count(code) == 2 and accepted(stack) == {}


def test_an_undelivered_sms_says_so_and_a_person_sees_it(make_stack):
    stack = open_sms(make_stack)
    stack.sms_sim.post("/control/phone", {"number": CONTACT, "state": "off"})
    stack.advance("2022-08-10T15:30")
    rows = reminders(stack)
    assert sorted(r["state"] for r in rows) == ["delivered", "undelivered"]
    (line,) = stack.cli("dead").out.splitlines()
    assert next(r["mid"] for r in rows if r["state"] == "undelivered") in line
    assert stack.cli("audit").code == 0


def test_no_receipt_for_three_days_is_said_apart(make_stack):
    stack = open_sms(make_stack)
    stack.sms_sim.post("/control/phone", {"number": CONTACT, "state": "silent"})
    stack.advance("2022-08-13T14:00")
    first = [r for r in reminders(stack) if "/20220810/" in r["job"]]
    assert sorted(r["state"] for r in first) == ["accepted", "delivered"]
    stack.advance("2022-08-13T16:00")
    first = [r for r in reminders(stack) if "/20220810/" in r["job"]]
    assert sorted(r["state"] for r in first) == ["delivered", "no_receipt"]


def test_an_sms_that_waits_for_its_gateway_is_not_sent_at_night(make_stack):
    """The account is out of money from three o'clock on; at eight in the evening yesterday's reminder is over."""
    stack = open_sms(make_stack)
    fault(stack, "code", code="isv.AMOUNT_NOT_ENOUGH", count=2)
    stack.advance("2022-08-10T19:00")
    assert {r["state"] for r in reminders(stack)} == {"queued"}
    assert accepted(stack) == {}
    stack.advance("2022-08-11T07:00")
    assert {r["state"] for r in reminders(stack)} == {"expired"} and accepted(stack) == {}


def test_an_sms_whose_turn_comes_too_late_is_not_sent(make_stack):
    """One second before eight in the evening the gateway is there again. It takes one SMS a second: those whose token comes
    after eight are over, although their attempt has begun."""
    stack = open_sms(make_stack, allow=(UNIT, OTHER), sets={"sms.aliyun.rate": 1})
    fault(stack, "code", code="isv.AMOUNT_NOT_ENOUGH", count=1)
    stack.advance("2022-08-10T19:59:59")
    assert {r["state"] for r in reminders(stack) + reminders(stack, OTHER)} == {"queued"}
    stack.act("resume")
    stack.advance("2022-08-10T20:30")
    rows = reminders(stack) + reminders(stack, OTHER)
    assert sorted(r["state"] for r in rows) == ["delivered", "delivered", "expired", "expired"]
    assert all(e["at"] <= 1660132800000 for e in stack.sms_sim.get("/control/ledger"))
    assert stack.cli("audit").code == 0


def test_a_paused_gateway_goes_on_after_resume(make_stack):
    stack = open_sms(make_stack)
    fault(stack, "code", code="isv.AMOUNT_NOT_ENOUGH", count=2)
    stack.advance("2022-08-10T15:30")
    assert {r["state"] for r in reminders(stack)} == {"queued"}
    stack.act("resume")
    stack.advance("2022-08-10T15:45")
    assert {r["state"] for r in reminders(stack)} == {"delivered"} and set(accepted(stack).values()) == {1}


def test_nothing_leaves_while_paused(make_stack):
    stack = open_sms(make_stack)
    stack.act("pause")
    stack.advance("2022-08-10T15:30")
    assert accepted(stack) == {}
    stack.act("resume")
    stack.advance("2022-08-10T15:40")
    assert {r["state"] for r in reminders(stack)} == {"delivered"}


def test_in_trial_only_listed_numbers_are_written_to(make_stack):
    """trial.allow knows a contact by his number; his colleague gets nothing."""
    stack = open_sms(make_stack, allow=["138 0000 0002"])
    stack.advance("2022-08-10T15:30")
    assert len(on_phone(stack, CONTACT)) == 1 and on_phone(stack, CONTACT2) == []
    assert sorted(r["state"] for r in reminders(stack)) == ["delivered", "suppressed"]


# ---- when something dies -------------------------------------------------------------------------------


def test_killed_between_the_record_and_the_answer_it_is_unknown_and_settled_by_its_receipt(make_stack):
    """kill -9 while the request is in flight: nobody heard the answer, so it is unknown; its receipt settles it, and there
    is no second SMS."""
    stack = open_sms(make_stack)
    _, mid = start_slowly(stack)
    stack.mark()
    stack.wait_restart("notifier", stack.kill("notifier"))
    assert stack.wait_log("message_settled", mid=mid)["verdict"] == "unknown"
    finish(stack, "2022-08-10T15:45")
    rows = reminders(stack)
    assert {r["state"] for r in rows} == {"delivered"}
    assert next(r for r in rows if r["mid"] == mid)["attempts"][0]["verdict"] == "accepted"
    assert set(accepted(stack).values()) == {1}
    assert stack.cli("audit").code == 0


def test_killed_with_redis_both_come_back_to_the_same_record(make_stack):
    """Redis dies with the notifier: what was `trying` is found in store and journal."""
    stack = open_sms(make_stack)
    start_slowly(stack)
    old = stack.kill("redis")
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait_restart("redis", old)
    finish(stack, "2022-08-10T15:45")
    assert {r["state"] for r in reminders(stack)} == {"delivered"} and set(accepted(stack).values()) == {1}


def test_an_answer_that_comes_while_redis_is_away_is_not_lost(make_stack):
    """The gateway answers; the store is down. The verdict waits and is stored when it is back: accepted, not unknown."""
    stack = open_sms(make_stack)
    _, mid = start_slowly(stack, ms=3000)
    stack.mark()
    old = stack.kill("redis")
    stack.wait_restart("redis", old)
    finish(stack, "2022-08-10T15:45")
    row = next(r for r in reminders(stack) if r["mid"] == mid)
    assert row["state"] == "delivered" and [a["verdict"] for a in row["attempts"]] == ["accepted"]
    assert not any(r.get("ev") == "message_settled" for r in stack.log())


def test_an_emptied_redis_does_not_make_an_sms_go_out_twice(make_stack):
    """Redis comes back empty: the hold is lifted, the reminder of half an hour ago is planned anew, and the journal knows that
    it was accepted."""
    stack = open_sms(make_stack)
    stack.advance("2022-08-10T15:30")
    before = accepted(stack)
    old = stack.kill("redis")
    shutil.rmtree(os.path.join(stack.info["dir"], "stack/redis"))
    os.mkdir(os.path.join(stack.info["dir"], "stack/redis"))
    stack.wait_restart("redis", old)
    stack.wait(lambda: "ON HOLD" in stack.cli("status", check=False).out, "the hold", 30)
    stack.act("import", "contacts", ROSTER)
    stack.act("resume")
    finish(stack, "2022-08-10T16:30")
    again = [r for r in reminders(stack) if r["mid"] in before]
    assert len(again) == 2 and {r["state"] for r in again} == {"accepted"}
    assert accepted(stack) == before


def test_an_attempt_the_store_has_lost_is_found_in_the_journal(make_stack):
    """The last second of Redis is lost: the message is due again there. Its record says that it was accepted."""
    stack = open_sms(make_stack)
    for number in (CONTACT, CONTACT2):
        stack.sms_sim.post("/control/phone", {"number": number, "state": "silent"})
    stack.advance("2022-08-10T15:30")
    mid = reminders(stack)[0]["mid"]
    forget_attempt(stack, mid)
    stack.wait_restart("notifier", stack.kill("notifier"))
    finish(stack, "2022-08-10T15:40")
    row = next(r for r in reminders(stack) if r["mid"] == mid)
    assert row["state"] == "accepted" and [(a["n"], a["verdict"]) for a in row["attempts"]] == [(1, "accepted")]
    assert set(accepted(stack).values()) == {1}
    assert stack.metrics("notifier")["shouwang_store_behind_total"] >= 1


def test_an_answer_that_comes_before_the_journal_was_read_does_not_hide_what_the_store_has_lost(make_stack):
    """Redis comes back without its last seconds. Before the notifier has read it, a request in flight is answered: that the
    journal goes on behind this answer must not be stored before the attempts in front of it are known again."""
    stack = open_sms(make_stack, allow=(UNIT, OTHER))
    for number in (CONTACT, CONTACT2, OTHER_CONTACT, "13800000006"):
        stack.sms_sim.post("/control/phone", {"number": number, "state": "silent"})
    minute = 0
    while not accepted(stack):  # the two units have their own minute each
        stack.advance("2022-08-10T15:%02d" % minute)
        minute += 1
    lost = next(iter(accepted(stack)))
    start_slowly(stack, ms=6000)
    frozen = stack.kill("notifier", signal.SIGSTOP)
    forget_attempt(stack, lost)
    redis(stack, "RENAME", "sw:{r}:last", "sw:{r}:kept")
    redis(stack, "SET", "sw:{r}:last", "so that it cannot be read")
    stack.wait_restart("redis", stack.kill("redis"))
    os.kill(frozen, signal.SIGCONT)
    answered = 'shouwang_attempts_total{gw="aliyun",verdict="accepted"}'
    before = stack.metrics("notifier")[answered]
    stack.wait(lambda: stack.metrics("notifier")[answered] > before, "the answer")
    stack.wait(lambda: stack.mark() or stack.wait_log("load_failed"), "a load that fails", 30)
    redis(stack, "RENAME", "sw:{r}:kept", "sw:{r}:last")
    finish(stack, "2022-08-10T15:45")
    rows = reminders(stack) + reminders(stack, OTHER)
    assert len(rows) == 4 and {r["state"] for r in rows} == {"accepted"}
    assert set(accepted(stack).values()) == {1}


def test_a_polite_stop_lets_the_request_end(make_stack):
    """SIGTERM with a request in flight: it gets its time, and nothing is unknown afterwards."""
    stack = open_sms(make_stack)
    _, mid = start_slowly(stack, ms=2000)
    stack.mark()
    old = stack.kill("notifier", signal.SIGTERM)
    stack.wait_log("message_verdict", mid=mid, verdict="accepted")
    stack.wait_restart("notifier", old)
    finish(stack, "2022-08-10T15:45")
    rows = reminders(stack)
    assert {r["state"] for r in rows} == {"delivered"} and set(accepted(stack).values()) == {1}
    assert not any(a["verdict"] == "unknown" for r in rows for a in r["attempts"])


# ---- answers -------------------------------------------------------------------------------------------


def test_a_contact_reports_by_sms_and_is_answered_by_sms(make_stack):
    stack = open_sms(make_stack)
    stack.advance("2022-08-10T15:30")
    text = type_sms(stack, CONTACT, "2人6户")
    assert figures(stack) == (2, 6)
    assert text.startswith("【") and "已登记" in text and "2名" in text and "6户" in text
    assert "verified" not in facts(stack)["counts"]["worker"]


def test_a_question_asked_by_sms_is_answered_by_sms(make_stack):
    """`2 6` might be anything: asked back, stored after 是."""
    stack = open_sms(make_stack)
    type_sms(stack, CONTACT, "收到")
    assert "请确认" in type_sms(stack, CONTACT, "2 6")
    assert figures(stack) == (None, None)
    assert "已登记" in type_sms(stack, CONTACT, "是")
    assert figures(stack) == (2, 6)


def test_an_answer_to_a_message_of_the_night_is_given_at_night(make_stack):
    stack = open_sms(make_stack, start="2022-08-10T20:30")
    assert "已登记" in type_sms(stack, CONTACT, "已报2人6户")


def test_a_stranger_is_told_once_a_day_that_he_counts_for_nothing(make_stack):
    stack = open_sms(make_stack)
    assert "未登记" in type_sms(stack, STRANGER, "已报9人9户")
    assert type_sms(stack, STRANGER, "已报9人9户") is None
    assert type_sms(stack, STRANGER, "在吗") is None
    stack.advance("2022-08-11T09:00")
    assert "未登记" in type_sms(stack, STRANGER, "在吗")
    assert figures(stack) == (None, None)


def test_whoever_writes_r_gets_no_publicity_any_more(make_stack):
    """A number nobody knows: in force at once, confirmed once, and taken back by 恢复接收."""
    stack = open_sms(make_stack)
    assert "停发" in type_sms(stack, STRANGER, "R")
    assert redis(stack, "HLEN", "sw:{r}:optout") == "1"
    assert type_sms(stack, STRANGER, "TD") is None
    assert "恢复" in type_sms(stack, STRANGER, "恢复接收")
    assert redis(stack, "HLEN", "sw:{r}:optout") == "0"
    assert stack.cli("queue").out == ""


def test_a_resident_may_object_ask_and_opt_out_and_nothing_else(make_stack, tmp_path):
    """His words go to the operators, without his number; a report of his is no report."""
    stack = open_sms(make_stack)
    audience = tmp_path / "residents.csv"
    audience.write_text("mobile,area_code\n%s,150102\n" % STRANGER)
    stack.act("import", "audience", str(audience))
    assert "反映意见" in type_sms(stack, STRANGER, "帮助")
    assert "已收到" in type_sms(stack, STRANGER, "我对张三入选有意见")
    (entry,) = stack.cli("--json", "queue").rows()
    assert entry["number"] == "139****0099" and STRANGER not in json.dumps(entry) and "意见" in entry["text"]
    type_sms(stack, STRANGER, "已报2人6户")
    assert figures(stack) == (None, None)
    assert "停发" in type_sms(stack, STRANGER, "R")
    assert type_sms(stack, STRANGER, "R") is None


def test_an_officials_r_ends_publicity_but_not_his_duty(make_stack):
    """He is told how to hand over; an operator sees it; the reminder of three o'clock comes all the same."""
    stack = open_sms(make_stack)
    assert "换人" in type_sms(stack, CONTACT, "R")
    assert redis(stack, "HLEN", "sw:{r}:optout") == "1"
    assert len(stack.cli("--json", "queue").rows()) == 1
    stack.advance("2022-08-10T15:30")
    assert len(on_phone(stack, CONTACT)) == 2


def test_a_push_of_many_is_neither_lost_nor_doubled_when_the_notifier_dies_in_it(make_stack):
    """Six officials' reports come in one push; kill -9 after the first was read."""
    people = [("150100", "13800000002"), ("150200", "13800000005"), ("150300", "13800000008"),
              ("150400", "13800000011"), ("150500", "13800000014"), ("150600", "13800000017")]
    stack = open_sms(make_stack, allow=[code for code, _ in people])
    stack.mark()
    items = [uplink(number, "已报2人6户", "70%d" % i) for i, (_, number) in enumerate(people)]
    assert push(stack, "uplink", items)[0] == 200
    stack.wait_log("reply_read")
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: all(figures(stack, code) == (2, 6) for code, _ in people), "all six reports")
    finish(stack, "2022-08-10T09:00")
    for code, number in people:
        assert len(on_phone(stack, number)) == 1, code
        assert facts(stack, code)["record"] == 1
    # The provider pushes again: nothing happens twice.
    push(stack, "uplink", items[::-1])
    stack.advance(by="1m")
    assert all(facts(stack, code)["record"] == 1 for code, _ in people)
    assert stack.metrics("notifier")['shouwang_inbound_events_total{source="sms/aliyun"}'] <= 6


def test_a_forged_receipt_changes_nothing_and_is_counted(make_stack):
    """Whoever has the address but not the number, or invents an id."""
    stack = open_sms(make_stack)
    for number in (CONTACT, CONTACT2):
        stack.sms_sim.post("/control/phone", {"number": number, "state": "silent"})
    stack.advance("2022-08-10T15:30")
    mid = reminders(stack)[0]["mid"]
    forged = [{"phone_number": STRANGER, "success": True, "err_code": "DELIVERED", "out_id": mid + "-1", "biz_id": "1^0"},
              {"phone_number": CONTACT, "success": True, "err_code": "DELIVERED", "out_id": "f" * 32 + "-1", "biz_id": "2^0"}]
    for _ in range(3):
        assert push(stack, "report", forged)[0] == 200
    stack.advance(by="1m")
    assert {r["state"] for r in reminders(stack)} == {"accepted"}
    metrics = stack.metrics("notifier")
    assert metrics['shouwang_receipts_orphaned_total{why="misrouted"}'] == 1
    assert metrics['shouwang_receipts_orphaned_total{why="unknown"}'] == 1


def test_chat_and_sms_of_one_official_are_one_record(make_stack):
    stack = open_sms(make_stack)
    say(stack, GROUP, CLERK, "@守望 已报2人6户")
    assert "3名" in type_sms(stack, CONTACT2, "更正：3人7户")
    assert figures(stack) == (3, 7)
