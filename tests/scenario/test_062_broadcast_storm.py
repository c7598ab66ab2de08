"""Seeded storms over broadcasts: 3,000 residents in 14 areas, some forty requests, while processes die, freeze for less or
more than the lease, are asked to stop, and the gateway has its moods. Some opt out on the way; a person pauses and resumes.

Nobody is told twice, and what is said of each resident is so.

By hand, for as long as one likes: tests/scenario/test_062_broadcast_storm.py [--events N] [--standby] SEED..
"""
import argparse
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import pytest

from stack import BUILD, PATIENCE, Stack, StackError, alive
from test_048_release import HONOURS
from weather import Weather, advance, errors, everybody_lives, insist, odd_ends, pages, patient

RECIPIENTS, CALLS_AT_ONCE = 3000, 16
SPREAD = 45  # requests in all when nothing goes wrong
AREAS = ["150100", "150200", "150700", "152200", "150500", "150400", "152500", "150900", "150600", "150800", "150300",
         "152900", "150781", "152501"]
# The first goes to everybody, the others to one area, where the third is one too many for a day.
BROADCASTS = [("150100-worker-1", None), ("150200-household-1", "150200"), ("150200-household-2", "150200")]
MORE = """household,150200,王五,某社区,邻里守望,身边的好邻居：某社区王五家庭入选“和睦友爱好邻居”。邻里守望，常年帮扶。事迹见https://example.invalid/h02 拒收请回复R,,邻里守望，常年帮扶。
"""
START_MS = 1665190800000  # 2022-10-08T09:00
STEPS, OUT_AT, PAUSE_AT = 50, 12, 22  # seconds after nine, with one request a second
OUT = [1, 15, 700, 1501, 1502, 2200, 2900, 2999]  # who opts out
DAY_CAP = 2
HAS_IT = ("accepted", "delivered", "undelivered")
MAY_HAVE_IT = HAS_IT + ("unknown",)
ENDED = MAY_HAVE_IT + ("suppressed", "dead")
NO_ANSWER = ("answer_lost", "http5xx", "reset", "half_answer")
LONG_FREEZE_S = 17


def number(i):
    return "138%08d" % (10000 + i)


def instant(seconds):
    return "2022-10-08T09:%02d:%02d" % divmod(seconds, 60)


# ---- two notifiers ---------------------------------------------------------------------------------------


class Standby:
    """A second notifier on the same state folder, started again whenever it ends."""

    def __init__(self, stack):
        with open(stack.config) as f:
            text = f.read()
        port = int(stack.info["metrics"]["notifier"].rpartition(":")[2])
        self.config = os.path.join(stack.info["dir"], "second.conf")
        with open(self.config, "w") as f:
            f.write(text.replace("run/control.sock", "run/control2.sock").replace(
                "metrics_port = %d" % port, "metrics_port = %d" % (port + 10)))
        stack.metrics_http["second"] = type(stack.http)(port + 10)
        self.path = os.path.join(stack.info["dir"], "log/second.log")
        self.over, self.codes = threading.Event(), []
        self.start()
        self.keeper = threading.Thread(target=self.look_after, daemon=True)
        self.keeper.start()

    def start(self):
        with open(self.path, "ab") as log:
            self.child = subprocess.Popen([os.path.join(BUILD, "shouwang-notifier"), "-c", self.config],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def look_after(self):
        while not self.over.wait(0.2):
            if self.child.poll() is not None:
                self.codes.append(self.child.returncode)
                if not self.over.wait(1):
                    self.start()

    def end(self):
        """Twice is harmless."""
        self.over.set()
        self.keeper.join()
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            self.codes.append(self.child.wait(15 * PATIENCE))


class BroadcastStack(Stack):
    """With a standby, commands and blows go to whichever notifier leads."""

    standby = None

    def cli(self, *args, check=True, **kw):
        done = super().cli(*args, check=check and not self.standby, **kw)
        if self.standby and done.code == 69:
            first, self.config = self.config, self.standby.config
            try:
                done = super().cli(*args, check=False, **kw)
            finally:
                self.config = first
        if check and done.code:
            raise StackError(repr(done))
        return done

    def second_leads(self):
        return self.standby and super().is_ready("second")

    def is_ready(self, program):
        return super().is_ready(program) or (program == "notifier" and self.second_leads())

    def pid(self, name):
        return self.standby.child.pid if name == "notifier" and self.second_leads() else super().pid(name)

    def stop(self):
        if self.standby:
            self.standby.end()
        super().stop()

    def _end(self):
        if self.standby:
            self.standby.end()
        super()._end()


class BroadcastWeather(Weather):
    """Faults of the gateway alone; freezes beyond the lease when there is a standby."""

    def __init__(self, stack, seed, events, spread, blows=None):
        blows = blows or {"kill": 4, "kill_again": 2, "freeze": 2, "term": 1, "fault": 5}
        if stack.standby:
            blows["freeze_long"] = 1
        super().__init__(stack, seed, events, 0, blows, faults=("sms",))
        self.spread = spread

    def run(self):
        """Each blow comes when the gateway has had so many requests, or a second long no other, and a moment later."""
        for least in sorted(self.random.sample(range(1, self.spread + self.events), self.events)):
            now, since = -1, time.monotonic()
            while now < least and time.monotonic() - since < 1:
                before, now = now, requests(self.stack)
                since = since if now == before else time.monotonic()
                if self.over.wait(0.003):
                    return
            self.over.wait(self.random.expovariate(50))
            self.note("%d requests:" % now)
            self.blow()

    def order(self, sim, kind, route):
        """Requests without another fault take a moment: a blow finds some of them in flight."""
        try:
            sim.post("/control/fault", {"clear": True})
            super().order(sim, kind, route)
            sim.post("/control/fault", {"kind": "slow", "route": "SendSms", "count": 1000, "ms": 30})
        except (OSError, StackError):
            pass  # it refuses everybody just now

    def freeze_long(self):
        pid = self.stack.pid("notifier")
        self.note("freeze the leading notifier for %d s" % LONG_FREEZE_S)
        self.count["freeze_long"] += 1
        self.signal("notifier", signal.SIGSTOP)
        self.over.wait(LONG_FREEZE_S)
        if alive(pid):
            os.kill(pid, signal.SIGCONT)


# ---- the story -------------------------------------------------------------------------------------------


def release(stack, item, area):
    words = ["--item", item] + (["--area", area] if area else [])
    b = stack.act("--json", "broadcast", "plan", "--audience", "a1", *words).json()
    stack.act("broadcast", "approve", b["id"], "--digest", b["digest"], "--count", b["recipients"], operator="chief")
    stack.act("broadcast", "start", b["id"], operator="chief")
    return b["id"]


def rate(seed):
    """Requests a second: more of them at once, in less time."""
    return (1, 4)[seed % 2]


def open_broadcasts(stack, folder, seed):
    honours, audience = folder / "honours.csv", folder / "audience.csv"
    honours.write_text(HONOURS + MORE)
    audience.write_text("mobile,area_code\n" + "".join(
        "%s,%s\n" % (number(i), AREAS[i % len(AREAS)]) for i in range(RECIPIENTS)))
    stack.act("import", "honours", honours)
    stack.act("import", "audience", audience)
    for gate in ("final_notice.closed", "document.issued"):
        stack.act("campaign", "gate", gate, operator="chief")
    stack.sms_sim.post("/control/script", {"lines": [
        {"at": instant(OUT_AT // rate(seed)), "number": number(i), "text": "R"} for i in OUT]})
    return [release(stack, *b) for b in BROADCASTS]


def requests(stack):
    return patient(lambda: stack.sms_sim.get("/control/state"))["requests"]


def accepted_requests(stack):
    return [e for e in pages(stack.sms_sim, "/control/ledger") if e["accepted"]]


def broadcast_requests(stack):
    return [e for e in accepted_requests(stack) if re.match(r"b\d+\.", e["out_id"])]


def pause(stack, ids, second):
    """Paused for three seconds of the clock. Returns how many requests were accepted meanwhile."""
    for b in ids:
        insist(stack, "broadcast", "pause", b, operator=0, done="it is not running")
    before = len(broadcast_requests(stack))
    for s in range(3):
        advance(stack, instant(second + s))
    meanwhile = len(broadcast_requests(stack)) - before
    for b in ids:
        insist(stack, "broadcast", "resume", b, operator=1, done="it is (done|running)")
    return meanwhile


def live_through(stack, weather, ids, seed):
    """Returns what was accepted while everything was paused."""
    if weather:
        advance(stack, instant(0))
        weather.order(stack.sms_sim, "slow", "SendSms")
        weather.start()
    meanwhile = 0
    for second in range(3, STEPS):
        if second == PAUSE_AT // rate(seed):
            meanwhile = pause(stack, ids, second)
        advance(stack, instant(second))
    if weather:
        weather.end()
    everybody_lives(stack)
    for time_of_day in ("09:05", "09:30", "10:30", "11:59", "14:30", "15:30"):
        advance(stack, "2022-10-08T" + time_of_day)
    return meanwhile


# ---- what must be true ------------------------------------------------------------------------------------


def journal_calls(stack):
    """(calls with a record, those of them without an end, recipients of these, recipients of calls that ended unknown)."""
    folder, begun, ended, open_n, unknown_n = os.path.join(stack.info["dir"], "state/notifier/journal"), 0, 0, 0, 0
    for name in os.listdir(folder):
        calls, at = {}, 0
        with open(os.path.join(folder, name), "rb") as f:
            lines = f.read().partition(b"\0")[0].split(b"\n")
        for line in lines[:-1]:
            at += len(line) + 1
            words = line.decode().split(" ")
            if words[1] == "B":
                begun += 1
                calls[at] = sum(int(part.partition("+")[2] or 1) for part in words[7].split(","))
            elif words[1] == "b":
                n = calls.pop(int(words[2]))
                ended += 1
                unknown_n += n if words[3] == "12" else 0
        open_n += sum(calls.values())
    return begun, begun - ended, open_n, unknown_n


class Outcome:
    def __init__(self, stack, ids, meanwhile):
        self.meanwhile = meanwhile
        self.audit = stack.cli("audit", check=False)
        self.rows = {b: [] for b in ids}
        for row in stack.export(channel="sms"):
            if row["job"].startswith("pub/"):
                self.rows[row["job"].rpartition("/")[2]].append(row)
        self.progress = {p["id"]: p for p in stack.cli("--json", "broadcast", "progress").rows()}
        self.states = {b: stack.cli("--json", "broadcast", "show", b).json()["state"] for b in ids}
        self.twice = patient(lambda: stack.sms_sim.get("/control/twice"))
        self.requests = broadcast_requests(stack)
        self.others = [e for e in accepted_requests(stack) if e not in self.requests]
        sms = patient(lambda: stack.sms_sim.get("/control/state"))
        self.receipts_lost = sms["pushes"]["lost"] + sms["receipts"]["dropped"]
        self.unheard = sms["script"]["lost"]
        _, self.open_calls, self.ended_open, self.ended_unknown = journal_calls(stack)

    def count(self, b):
        return collections.Counter(r["state"] for r in self.rows[b])


def judge_recipients(out, receipts_lost):
    has = {mid for e in out.requests for mid in e["mids"].split(",")}
    for b, rows in out.rows.items():
        for r in rows:
            if r["state"] not in ENDED:
                yield "%s: somebody is %s" % (b, r["state"])
            if r["state"] in HAS_IT and r["mid"] not in has:
                yield "%s: %s counts as %s, but does not have it" % (b, r["mid"], r["state"])
            if r["state"] not in MAY_HAVE_IT and r["mid"] in has:
                yield "%s: %s is %s, but has it" % (b, r["mid"], r["state"])
            if r["mid"] in has and not receipts_lost and r["state"] != "delivered":
                yield "%s: %s is %s, though its receipt was told" % (b, r["mid"], r["state"])


def judge_people(out):
    """Whoever opted out gets nothing after the answer that says so; nobody gets more than two a day."""
    confirmed = {e["numbers"]: e["seq"] for e in reversed(out.others)}
    told = collections.Counter()
    for e in out.requests:
        numbers = e["numbers"].split(",")
        told.update(numbers)
        for n in numbers:
            if confirmed.get(n, e["seq"]) < e["seq"]:
                yield "%s had opted out, and got %s" % (n, e["out_id"])
    if set(confirmed) != {number(i) for i in OUT}:
        yield "opt-outs of %s are confirmed" % sorted(confirmed)
    if max(told.values()) > DAY_CAP:
        yield "somebody got %d on one day" % max(told.values())


def judge_sums(out):
    for b, rows in out.rows.items():
        p = out.progress[b]
        planned = RECIPIENTS if b == "b1" else RECIPIENTS // len(AREAS) + 1
        parts = sum(p[k] for k in ("delivered", "accepted", "failed", "unknown", "opted_out", "capped", "waiting",
                                   "cancelled", "expired"))
        if not p["planned"] == parts == planned == len({r["mid"] for r in rows}) == len(rows):
            yield "%s: %d planned, %d counted, %d told, should be %d" % (b, p["planned"], parts, len(rows), planned)
        if p["unknown"] != out.count(b)["unknown"] or p["delivered"] != out.count(b)["delivered"]:
            yield "%s: progress says %s, the list %s" % (b, p, out.count(b))
        if out.states[b] != "done":
            yield "%s is %s" % (b, out.states[b])


def judge(out, stack, weather):
    wrong = list(judge_sums(out)) + list(judge_people(out))
    wrong += list(judge_recipients(out, out.receipts_lost + (weather.count["receipt_lost"] if weather else 0)))[:8]
    if out.twice["twice_total"] or out.twice["uncounted"]:
        wrong.append("told twice: %s" % out.twice["twice"][:8])
    if out.audit.code:
        wrong.append("the recount does not add up: " + out.audit.out)
    if out.meanwhile:
        wrong.append("%d requests while paused" % out.meanwhile)
    if out.unheard:
        wrong.append("%d opt-outs were never heard" % out.unheard)
    unknown = sum(out.count(b)["unknown"] for b in out.rows)
    if unknown > out.ended_open + out.ended_unknown:
        wrong.append("%d are unknown, but only %d were in calls without an answer" % (
            unknown, out.ended_open + out.ended_unknown))
    if unknown and weather and not any(weather.count[k] for k in ("kill", "freeze", "freeze_long", "refuse") + NO_ANSWER):
        wrong.append("%d are unknown, but every request had its answer" % unknown)
    if out.open_calls > CALLS_AT_ONCE * (weather.count["kill"] + weather.count["freeze_long"] if weather else 0):
        wrong.append("%d calls have no end in the journal" % out.open_calls)
    lost_lease = weather and weather.count["freeze_long"]
    wrong += [e for e in odd_ends(stack, weather) if not (lost_lease and e.endswith("notifier ended by itself with 75"))]
    wrong += ["the standby ended with %d" % c for c in (stack.standby.codes if stack.standby else ())
              if c not in (0, -9, 75)]
    wrong += ["error in the log: %s" % r for r in errors(stack)
              if not (lost_lease and (r["ev"], r.get("why")) == ("fatal", "lease_lost"))]
    return wrong


def storm(stack, folder, seed, events, standby=False, blows=None, done=None):
    """Lives through it; DONE sees weather and outcome. Returns what is wrong."""
    ids = open_broadcasts(stack, folder, seed)
    if standby:
        stack.standby = Standby(stack)
    weather = BroadcastWeather(stack, seed, events, SPREAD, blows) if events else None
    try:
        meanwhile = live_through(stack, weather, ids, seed)
        out = Outcome(stack, ids, meanwhile)
    except BaseException:
        if weather:
            weather.over.set()
            print("\n".join(weather.log))
        raise
    if done:
        done(weather, out)
    wrong = judge(out, stack, weather)
    return wrong + weather.log if wrong and weather else wrong


def settings(seed):
    return {"simulation_start": "2022-10-08T08:50", "trial.enabled": False, "sms.aliyun.rate": rate(seed)}


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_tells_nobody_twice(request, tmp_path, seed):
    """Eight blows each: at most once for each resident, a true word of each, nothing to who opted out or while paused."""
    with BroadcastStack(sets=settings(seed)) as stack:
        request.node.stacks = [stack]
        wrong = storm(stack, tmp_path, seed, 8)
        assert not wrong, "\n".join(wrong)


def test_whoever_froze_beyond_the_lease_is_followed_by_the_other(request, tmp_path):
    """Four requests are in flight when the notifier freezes; after its lease the standby goes on. The first one wakes up,
    sends nothing more, ends with 75 and comes back as the standby."""
    with BroadcastStack(sets=settings(1)) as stack:
        request.node.stacks = [stack]
        ids = open_broadcasts(stack, tmp_path, 1)
        stack.standby = Standby(stack)
        weather = BroadcastWeather(stack, 1, 0, SPREAD)
        advance(stack, instant(0))
        stack.sms_sim.post("/control/fault", {"kind": "slow", "route": "SendSms", "count": 4, "ms": 1500})
        clock = threading.Thread(target=advance, args=(stack, instant(2)))
        clock.start()
        stack.wait(lambda: requests(stack) >= 4, "requests to be in flight")
        weather.freeze_long()
        clock.join()
        stack.wait_log("standby")
        assert stack.second_leads()
        meanwhile = live_through(stack, None, ids, 1)
        wrong = judge(Outcome(stack, ids, meanwhile), stack, weather)
        assert not wrong, "\n".join(wrong)
        assert stack.log()[0]["ev"] == "started" and any(r.get("exit") == 75 for r in stack.log())


def test_a_call_begins_when_it_can_be_sent(request, tmp_path):
    """One request a second: a call that has to wait for its turn is not yet in the journal, where a kill would make its
    residents unknown. Also after a restart."""
    with BroadcastStack(sets=settings(2)) as stack:
        request.node.stacks = [stack]
        open_broadcasts(stack, tmp_path, 2)
        for second in (8, 16):
            advance(stack, instant(second))
            stack.wait_restart("notifier", stack.kill("notifier"))
        advance(stack, instant(24))
        sent = len(broadcast_requests(stack))
        assert 8 < sent <= 24 and journal_calls(stack)[0] <= sent + 8


def main():
    p = argparse.ArgumentParser()
    p.add_argument("seeds", nargs="+", type=int, help="0: no storm")
    p.add_argument("--events", type=int, default=20)
    p.add_argument("--standby", action="store_true", help="a second notifier, and freezes longer than the lease")
    p.add_argument("--blows", default="", help="only these: kill, kill_again, freeze, term, fault, with commas")
    args = p.parse_args()
    blows = {b: 1 for b in args.blows.split(",") if b}
    bad = 0
    for seed in args.seeds:
        began, stack = time.monotonic(), None

        def done(weather, out):
            print("seed %d: %.1f s, %s, %d requests, %d calls without an end, %d + %d unknown in the journal, %s" % (
                seed, time.monotonic() - began, {b: dict(out.count(b)) for b in out.rows}, len(out.requests),
                out.open_calls, out.ended_open, out.ended_unknown, dict(weather.count) if weather else "calm"), flush=True)

        with tempfile.TemporaryDirectory() as folder:
            try:
                stack = BroadcastStack(sets=settings(seed))
                wrong = storm(stack, pathlib.Path(folder), seed, args.events if seed else 0, args.standby, blows, done)
            except Exception as e:
                wrong = ["%s: %s" % (type(e).__name__, e)]
        if wrong:
            bad += 1
            print("seed %d\n  %s" % (seed, "\n  ".join(wrong)), flush=True)
            if stack and stack.process:
                print(stack.logs(15), flush=True)
        try:
            if stack:
                stack.stop()
        except StackError as e:
            bad += 1
            print("seed %d: %s" % (seed, str(e)[:300]), flush=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
