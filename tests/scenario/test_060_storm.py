"""Seeded storms over the summer of 2022: processes are killed, frozen or stopped and the outside misbehaves, at random
instants, while the clock runs through eight weeks and the officials of the demo answer, by chat and by SMS. What was
promised must hold afterwards.

By hand, for as long as one likes: tests/scenario/test_060_storm.py [--hail] [--events N] [--gap S] SEED..
"""
import argparse
import collections
import datetime
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from office import ROSTER, copies, say
from stack import BUILD, PATIENCE, ROOT, Stack, StackError, wait_for
from weather import (Weather, advance, audit_records, errors, everybody_lives, ledger, odd_ends, patient)

FIRST, LAST = datetime.date(2022, 6, 20), datetime.date(2022, 8, 12)
# Days of SMS: units that are not complete are told at 9:00 and at 15:00, each contact by himself.
SMS_DAYS = (datetime.date(2022, 8, 9), datetime.date(2022, 8, 10))
UNKNOWN_WAIT_MS = 600000
HAIL_MIN, HAIL_MAX = 200, 2000
HALF_PAST_NINE = 1655688600000  # 2022-06-20
# Said by SMS, beside what the demo's people type: all through the weeks, some in the middle of a morning's reminders.
BY_SMS = [
    ("2022-06-20T09:04", "13800000003", "收到"), ("2022-06-21T09:03", "13800000012", "查进度"),
    ("2022-06-23T10:05", "13800000018", "还没报"), ("2022-06-27T09:02", "13800000009", "查进度"),
    ("2022-06-30T09:05", "13800000021", "收到"), ("2022-07-04T09:03", "13800000036", "查进度"),
    ("2022-07-08T15:10", "13800000024", "还没报"), ("2022-07-14T09:41", "13800000015", "已报1人3户"),
    ("2022-07-19T09:04", "13800000030", "查进度"), ("2022-07-26T11:00", "13800000041", "还没报"),
    ("2022-08-02T09:05", "13800000027", "查进度"), ("2022-08-09T15:02", "13800000039", "收到"),
    ("2022-08-10T15:04", "13800000030", "查进度"), ("2022-08-10T15:06", "13800000042", "还没报"),
]


def entries(name, group):
    """The lines of a script of the demo, up to LAST."""
    with open(os.path.join(ROOT, "tests/sim", name), encoding="utf-8") as f:
        found = re.findall(r"\{ at = .*?; \}", f.read().partition(group)[2])
    for entry in found:
        line = dict(re.findall(r'(\w+) = "(.*?)";', entry))
        if line["at"][:10] <= LAST.isoformat():
            yield entry, line


def officials():
    lines = []
    for entry, line in entries("demo-officials.conf", "officials ="):
        line["mention"] = "mention = false" not in entry
        lines.append(line)
    return lines


def phones():
    return [line for _, line in entries("demo-phones.conf", "people =")] + [
        {"at": at, "number": number, "text": text} for at, number, text in BY_SMS]


def bind_all(stack, lines=True):
    stack.act("import", "contacts", ROSTER)
    units = [u["code"] for u in stack.cli("--json", "status").json()["units"]]
    for code in units:
        bind = stack.act("--json", "unit", code, "--bind").json()["code"]
        say(stack, "g" + code, "u%sa" % code, "@守望 绑定 " + bind, settle=False)
    stack.advance(by="1m")
    if lines:
        stack.sim.post("/control/script", {"lines": officials()})
        stack.sms_sim.post("/control/script", {"lines": phones()})
    return units


class Blow(threading.Thread):
    """Hits the notifier once the SMS gateway has had a few more requests, some of them slow: they are in flight."""

    def __init__(self, weather, seed):
        super().__init__(daemon=True)
        self.weather, self.random = weather, random.Random(seed)
        self.sim, self.over = weather.stack.sms_sim, threading.Event()
        self.least = self.requests() + self.random.randint(1, 4)
        if self.random.random() < 0.7:
            weather.order(self.sim, "slow", "SendSms")
        self.start()

    def requests(self):
        return patient(lambda: self.sim.get("/control/state"))["requests"]

    def run(self):
        while self.requests() < self.least:
            if self.over.wait(0.005):
                return
        kind = self.random.choice(("kill", "kill", "kill both", "freeze", "stop"))
        self.weather.note("%s the notifier with SMS in flight" % kind)
        if kind == "freeze":
            self.weather.freeze("notifier")
        elif kind == "stop":
            self.weather.count["term"] += 1
            self.weather.signal("notifier", signal.SIGTERM)
        else:
            self.weather.signal("notifier", signal.SIGKILL)
            if kind == "kill both":
                self.weather.signal("redis", signal.SIGKILL)

    def end(self):
        self.over.set()
        self.join(30)


def through_sms(stack, day, hour, weather):
    """Into an hour at which SMS go out, with a blow to the notifier in the middle of them."""
    blow = Blow(weather, "%s %s %d" % (weather.seed, day, hour)) if weather else None
    for minute in (3, 6, 30):
        advance(stack, day.isoformat() + "T%02d:%02d" % (hour, minute))
    if blow:
        blow.end()


def live_through(stack, weather=None):
    """The eight weeks, in steps: into the morning's reminders and the SMS, and to the evening."""
    bind_all(stack)
    if weather:
        weather.start()
    day = FIRST
    while day <= LAST:
        if day in SMS_DAYS:
            through_sms(stack, day, 9, weather)
            through_sms(stack, day, 15, weather)
        elif day.weekday() < 5:
            for minute in (2, 5):
                advance(stack, day.isoformat() + "T09:%02d" % minute)
        advance(stack, day.isoformat() + "T21:00")
        day += datetime.timedelta(days=1)
    if weather:
        weather.end()
    everybody_lives(stack)
    # What is unknown ends, as far as it does by itself.
    advance(stack, LAST.isoformat() + "T22:00")
    advance(stack, LAST.isoformat() + "T23:00")


class Outcome:
    """What is on record afterwards, on our side and outside."""

    def __init__(self, stack, weather=None):
        self.audit = stack.cli("audit", check=False)
        self.rows = stack.export()
        self.ledgers = {"chat": ledger(stack.sim), "sms": ledger(stack.sms_sim)}
        self.facts = {u["code"]: u["facts"] for u in stack.cli("--json", "status").json()["units"]}
        chat, sms = (patient(lambda: sim.get("/control/state")) for sim in (stack.sim, stack.sms_sim))
        self.script = {k: chat["script"][k] + sms["script"][k] for k in ("lost", "resent")}
        self.receipts_lost = sms["pushes"]["lost"] + sms["receipts"]["dropped"] + (
            weather.count["receipt_lost"] if weather else 0)
        wait_for(lambda: self.is_audited(stack), lambda: "the audit file to hold %s" % self.missing)
        self.ends = odd_ends(stack, weather)
        self.errors = errors(stack)

    def copies(self, row):
        return self.ledgers["sms" if row["channel"] == "sms" else "chat"].get(row["mid"], [])

    def is_audited(self, stack):
        """Every message was planned on record, and every attempt has its verdict there."""
        records = audit_records(stack)
        # A receipt settles what was unknown; that it was stands here.
        self.unknown = {r["mid"] for r in records if r["ev"] == "verdict" and r["verdict"] == "unknown"}
        # A receipt that was there before the verdict is the word on that attempt.
        told = {(r["mid"], r["attempt"]) for r in records if r["ev"] in ("verdict", "receipt")}
        planned = {r["mid"] for r in records if r["ev"] == "message_planned"}
        self.replies = collections.Counter(r["event"] for r in records if r["ev"] == "reply")
        self.missing = [(r["job"], r["mid"], a) for r in self.rows for a in r["attempts"]
                        if (r["mid"], a["n"]) not in told]
        self.missing += [(r["job"], r["mid"]) for r in self.rows if r["job"].startswith("rm/") and r["mid"] not in planned]
        return not self.missing

    def answers(self):
        return collections.Counter(r["unit"] for r in self.rows if r["job"].startswith("ans/"))

    def reminders(self):
        """What was to be told: without revisions, which depend on what was known at which instant."""
        return {r["job"] for r in self.rows if r["job"].startswith("rm/")}


def in_time(job, at_ms):
    """On the working day the reminder is meant for, not before its minute, and not in the evening."""
    at = datetime.datetime.utcfromtimestamp(at_ms / 1000 + 8 * 3600)
    due = datetime.datetime.strptime(re.search(r"/(\d{8}/\d{4})", job).group(1), "%Y%m%d/%H%M")
    return at.weekday() < 5 and at.date() == due.date() and due <= at and at.hour < 20


def judge_message(row, copies, unknown, receipts_lost):
    """What is wrong with one message, given the copies the outside accepted, and whether an outcome of it was UNKNOWN."""
    state, who = row["state"], "%s %s" % (row["job"], row["mid"])
    verdicts = [a["verdict"] for a in row["attempts"]]
    unknown = unknown or "unknown" in verdicts
    wrong = []
    if state in ("unknown", "parked"):
        if not unknown:
            wrong.append("%s is %s without an unknown attempt" % (who, state))
    elif state in ("accepted", "delivered", "undelivered", "no_receipt"):
        if not copies:
            wrong.append("%s counts as %s, but nobody has it" % (who, state))
        if "accepted" not in verdicts:
            wrong.append("%s counts as %s without such a verdict: %s" % (who, state, verdicts))
    elif state in ("cancelled", "expired", "suppressed", "dead"):
        if copies and not unknown:
            wrong.append("%s is %s, but somebody has it" % (who, state))
    else:
        wrong.append("%s is still %s: %s" % (who, state, verdicts))
    if row["job"].startswith("rm/"):
        wrong += ["%s went out at %d" % (who, c["at"]) for c in copies if not in_time(row["job"], c["at"])]
    if len(copies) > 2:
        wrong.append("%s was accepted %d times" % (who, len(copies)))
    if len(copies) == 2:
        if not unknown:
            wrong.append("%s was accepted twice, but no outcome was unknown: %s" % (who, verdicts))
        if copies[1]["at"] - copies[0]["at"] < UNKNOWN_WAIT_MS:
            wrong.append("%s: the copies are %d ms apart" % (who, copies[1]["at"] - copies[0]["at"]))
    # Every phone here is on, so whoever has it has said so.
    if row["channel"] == "sms" and copies and not receipts_lost and state != "delivered":
        wrong.append("%s is %s, though its receipt was told" % (who, state))
    return wrong


def told_counts(facts):
    """What officials have reported, without who entered it when."""
    return {"counts": {k: c.get("value") for k, c in facts.get("counts", {}).items()}, "ack": bool(facts.get("ack")),
            "materials": {k: m.get("state") if isinstance(m, dict) else m
                          for k, m in facts.get("materials", {}).items()}}


def judge(calm, storm):
    wrong = []
    if storm.audit.code:
        wrong.append("the recount does not add up: " + storm.audit.out)
    for row in storm.rows:
        wrong += judge_message(row, storm.copies(row), row["mid"] in storm.unknown, storm.receipts_lost)
    wrong += ["%s is told outside, but is no message of ours" % mid
              for taken in storm.ledgers.values() for mid in set(taken) - {r["mid"] for r in storm.rows}]
    wrong += storm.ends
    wrong += ["error in the log: %s" % json.dumps(r, ensure_ascii=False) for r in storm.errors]
    wrong += ["reply %s counted %d times" % r for r in storm.replies.items() if r[1] > 1]
    if storm.script["lost"]:
        wrong.append("%d lines were never heard" % storm.script["lost"])
    # A line that got no answer is typed anew two minutes later: an event of its own, and both may count.
    for code, n in storm.answers().items():
        if not calm.answers()[code] <= n <= calm.answers()[code] + storm.script["resent"]:
            wrong.append("%s: %d answers instead of %d" % (code, n, calm.answers()[code]))
    for code, f in storm.facts.items():
        if told_counts(f) != told_counts(calm.facts[code]):
            wrong.append("%s: %s instead of %s" % (code, told_counts(f), told_counts(calm.facts[code])))
    if not storm.script["resent"]:
        wrong += ["%s: only %s" % (r, "calm" if r in calm.reminders() else "storm")
                  for r in sorted(calm.reminders() ^ storm.reminders())]
    return wrong


def calm_outcome():
    with Stack() as stack:
        live_through(stack)
        return Outcome(stack)


@pytest.fixture(scope="module")
def calm():
    return calm_outcome()


def weather_through(stack, seed, events, gap_s):
    weather = Weather(stack, seed, events, gap_s)
    try:
        live_through(stack, weather)
    except BaseException:
        weather.over.set()
        print("\n".join(weather.log))
        raise
    return weather


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_breaks_no_promise(make_stack, calm, seed):
    """Six blows each, and one in each hour of SMS: nothing lost, nothing twice but after an unknown outcome, nothing at
    night, each reply once, each receipt in the record."""
    stack = make_stack()
    weather = weather_through(stack, seed, 6, 0.6)
    wrong = judge(calm, Outcome(stack, weather))
    assert not wrong, "\n".join(wrong + weather.log)


def event_of(msgid):
    """The id under which a message to the smart robot counts."""
    return hashlib.sha256(("shouwang.in.v1\nrobot/shouwang\n" + msgid).encode()).hexdigest()[:32]


def hail(stack, units, over, least):
    """Eight officials at a time ask for their figures, LEAST times in all and until OVER. Returns what became of each."""
    said, lock = [], threading.Lock()
    users = [(code, who) for code in units for who in "ab"]

    def talk(n):
        for i in range(n, HAIL_MAX, 8):
            code, who = users[i % len(users)]
            try:
                result = stack.sim.post("/control/say", {"chat": "g" + code, "user": "u%s%s" % (code, who),
                                                         "text": "@守望 查进度"})
            except OSError:
                continue
            with lock:
                said.append(result)
            if over() and i >= least - 8:
                return

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return said


def hail_through(stack, seed, events):
    units = bind_all(stack, lines=False)
    weather = Weather(stack, seed, events, 0.5, blows={"kill": 4, "freeze": 2, "term": 1})
    weather.start()
    said = hail(stack, units, lambda: not weather.is_alive(), HAIL_MIN)
    weather.end()
    everybody_lives(stack)
    advance(stack, "2022-06-20T08:30")
    events = {event_of(r["msgid"]): r for r in said}
    heard = {event_of(r["msgid"]) for r in said if r["delivered"]}
    rows = stack.export()

    def counted():
        return collections.Counter(r["event"] for r in audit_records(stack) if r["ev"] == "reply")

    stack.wait(lambda: heard <= set(counted()), "each of %d replies to count" % len(heard))
    assert len(heard) > HAIL_MIN / 2
    assert set(counted()) <= set(events) and set(counted().values()) == {1}
    answers = {r["job"][len("ans/"):] for r in rows if r["job"].startswith("ans/")}
    assert answers - set(counted()) <= {r["event"] for r in audit_records(stack) if r["ev"] == "group_bound"}
    odd = [r for r in rows if r["state"] not in ("accepted", "unknown", "parked")]
    assert not odd, odd
    assert max(copies(stack).values()) <= 2
    assert stack.cli("audit").code == 0
    return len(said), len(heard)


def test_a_hail_of_replies_counts_each_once(make_stack):
    """Hundreds of replies while processes die: what got its 200 counts exactly once, what got none at most once, and
    nobody gets an answer he did not ask for, or one more than twice."""
    hail_through(make_stack(), 5, 4)


def test_a_new_bot_gets_all_that_waits_however_much(make_stack):
    """Robots send eighteen messages a minute: of five hundred answers at one instant most wait in the bot when it is
    killed. The next one gets them all before time goes on; a quarter of an hour later everybody has his answer."""
    stack = make_stack()
    units = bind_all(stack, lines=False)
    said = hail(stack, units, lambda: True, 500)
    stack.wait(lambda: len(stack.export()) >= len(units) + len(said), "every reply to have its answer", 60)
    old = stack.kill("bot")
    stack.wait_restart("bot", old)
    advance(stack, "2022-06-20T08:20")
    rows = stack.export()
    assert len(rows) >= 500 and {r["state"] for r in rows} <= {"accepted", "unknown"}
    assert max(copies(stack).values()) <= 2


def hand_over_to_nobody(stack):
    """Fourteen reminders are handed over while no bot lives. Who looks after the processes sleeps: it stays away until
    he is woken."""
    stack.act("pause")
    stack.advance("2022-06-20T09:30")
    stack.process.send_signal(signal.SIGSTOP)
    stack.kill("bot")
    stack.mark()
    resume = start(stack, "resume")  # waits for the bot's answer
    for _ in range(14):
        stack.wait_log("message_handed_over")
    return resume


def start(stack, *words):
    return subprocess.Popen([os.path.join(BUILD, "shouwang"), "-c", stack.config] + stack.as_operator() + list(words),
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def assert_told_in_the_morning(stack):
    rows = [r for r in stack.export(channel="robot") if r["job"].startswith("rm/")]
    assert [r["state"] for r in rows] == ["accepted"] * 14
    assert {e["at"] for e in stack.sim.get("/control/ledger")} == {HALF_PAST_NINE}


def test_time_waits_until_a_new_bot_has_what_was_handed_over(make_stack):
    """The clock is sent on to the evening while the bot is away. When it is back it first gets what was handed over in
    the morning, and sends it then."""
    stack = make_stack()
    resume = hand_over_to_nobody(stack)
    moving = start(stack, "clock", "advance", "--to", "2022-06-20T21:00")
    stack.wait(lambda: stack.cli("--json", "clock", "show").json()["advancing"], "the clock to be sent on")
    stack.process.send_signal(signal.SIGCONT)
    assert moving.wait(60 * PATIENCE) == 0
    resume.wait(20 * PATIENCE)
    assert_told_in_the_morning(stack)


def test_a_bot_that_came_during_a_pause_gets_what_was_handed_over(make_stack):
    """Handed over, paused, and only then is there a bot: `resume` brings it what it has not got."""
    stack = make_stack()
    resume = hand_over_to_nobody(stack)
    pause = start(stack, "pause")
    stack.wait(lambda: "PAUSED" in stack.cli("status").out.upper(), "the pause")
    stack.process.send_signal(signal.SIGCONT)
    for command in (resume, pause):
        command.wait(20 * PATIENCE)
    stack.wait_ready("bot")
    stack.act("resume")
    stack.advance("2022-06-20T21:00")
    assert_told_in_the_morning(stack)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("seeds", nargs="+", type=int)
    p.add_argument("--events", type=int, default=30)
    p.add_argument("--gap", type=float, default=0.8)
    p.add_argument("--hail", action="store_true", help="replies without end instead of the eight weeks")
    args = p.parse_args()
    if args.hail:
        for seed in args.seeds:
            with Stack() as stack:
                print("hail %d: %s" % (seed, hail_through(stack, seed, args.events)), flush=True)
        return
    calm, bad = calm_outcome(), 0
    wrong = judge(calm, calm)
    print("calm: %d messages %s" % (len(calm.rows), wrong), flush=True)
    for seed in args.seeds:
        began, stack, weather, wrong = time.monotonic(), None, None, []
        try:
            stack = Stack()
            weather = Weather(stack, seed, args.events, args.gap)
            live_through(stack, weather)
            out = Outcome(stack, weather)
            wrong = judge(calm, out)
            states = collections.Counter(r["state"] for r in out.rows)
            print("seed %d: %.1f s, %s, resent %d, twice %d" % (
                seed, time.monotonic() - began, dict(states), out.script["resent"],
                sum(len(c) > 1 for taken in out.ledgers.values() for c in taken.values())), flush=True)
        except Exception as e:
            wrong = ["%s: %s" % (type(e).__name__, e)]
        if weather:
            weather.over.set()
        if wrong:
            bad += 1
            print("seed %d\n  %s" % (seed, "\n  ".join(wrong + (weather.log if weather else []))), flush=True)
            if stack and stack.process:
                print(stack.logs(40))
        if stack:
            try:
                stack.stop()
            except StackError as e:
                print("seed %d: %s" % (seed, str(e)[:300]), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
