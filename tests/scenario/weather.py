"""Trouble at random instants, the same for the same seed: processes die, freeze or are asked to stop, the outside misbehaves.

Also what a scenario in bad weather needs: patience with commands, and what is on record outside and in the audit file.
"""
import collections
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

from stack import PATIENCE, StackError, alive

PROCESSES = ("bot", "notifier", "redis", "mosquitto")
STEP_LIMIT_S, STOP_LIMIT_S = 60, 10
CHAT_FAULTS = ("answer_lost", "45009", "http5xx", "reset", "refuse", "slow", "half_answer")
CHAT_ROUTES = ("*", "*", "app", "token", "g150300", "g152501")
SMS_FAULTS = ("throttle", "code", "answer_lost", "http5xx", "reset", "refuse", "slow", "half_answer")
RECEIPT_FAULTS = ("receipt_early", "receipt_late", "receipt_twice", "receipt_lost", "receipt_order")
GATEWAY_TROUBLE = "isp.SYSTEM_ERROR"  # for a while; other codes would rest the gateway until a person has looked


class Weather(threading.Thread):
    """Makes trouble until it has made EVENTS of it or is told to end. What it did is in `log`."""

    def __init__(self, stack, seed, events, gap_s, blows=None, faults=("chat", "sms")):
        super().__init__(daemon=True)
        self.stack, self.seed, self.random = stack, seed, random.Random(seed)
        self.events, self.gap_s = events, gap_s
        self.blows = blows or {"kill": 4, "kill_again": 1, "freeze": 2, "term": 1, "fault": 5}
        self.faults = faults
        self.over = threading.Event()
        self.log, self.wrong = [], []
        self.count = collections.Counter()
        self.began = time.monotonic()

    def note(self, text):
        self.log.append("%7.2f %s" % (time.monotonic() - self.began, text))

    def run(self):
        for _ in range(self.events):
            if self.over.wait(min(self.random.expovariate(1 / self.gap_s), 4 * self.gap_s)):
                return
            self.blow()

    def blow(self):
        getattr(self, self.random.choices(list(self.blows), list(self.blows.values()))[0])()

    def signal(self, name, sig):
        try:
            os.kill(self.stack.pid(name), sig)
        except (ProcessLookupError, TypeError):
            pass  # it is down already

    def kill(self):
        victims = self.random.sample(PROCESSES, self.random.choice((1, 1, 2)))
        self.note("kill " + " ".join(victims))
        self.count["kill"] += len(victims)
        for name in victims:
            self.signal(name, signal.SIGKILL)

    def term(self):
        name = self.random.choice(("bot", "notifier"))
        self.note("stop %s" % name)
        self.count["term"] += 1
        pid = self.stack.pid(name)
        self.signal(name, signal.SIGTERM)
        deadline = time.monotonic() + STOP_LIMIT_S * PATIENCE
        while pid and alive(pid):
            if time.monotonic() > deadline:
                self.wrong.append("%s does not end within %d s" % (name, STOP_LIMIT_S))
                return
            time.sleep(0.02)

    def kill_again(self):
        """The notifier, and it or its store once more while the next one reads what the journals know."""
        old = self.stack.pid("notifier")
        victim, delay = self.random.choice(("notifier", "redis")), self.random.expovariate(15)
        self.note("kill notifier, and %s when the next one has lived %.3f s" % (victim, delay))
        self.count["kill"] += 2
        self.signal("notifier", signal.SIGKILL)
        deadline = time.monotonic() + 5
        while self.stack.pid("notifier") == old and time.monotonic() < deadline:
            if self.over.wait(0.01):
                return
        self.over.wait(delay)
        self.signal(victim, signal.SIGKILL)

    def freeze(self, name=None):
        name, seconds = name or self.random.choice(PROCESSES), self.random.choice((0.3, 0.6, 1.2, 2.5, 7))
        self.note("freeze %s for %.1f s" % (name, seconds))
        self.count["freeze"] += 1
        pid = self.stack.pid(name)
        self.signal(name, signal.SIGSTOP)
        self.over.wait(seconds)
        if alive(pid):
            os.kill(pid, signal.SIGCONT)

    def fault(self):
        if self.random.choice(self.faults) == "chat":
            kind, route = self.random.choice(CHAT_FAULTS), self.random.choice(CHAT_ROUTES)
            self.order(self.stack.sim, kind, route)
        elif self.random.random() < 0.35:
            self.order(self.stack.sms_sim, self.random.choice(RECEIPT_FAULTS), "*")
        else:
            self.order(self.stack.sms_sim, self.random.choice(SMS_FAULTS), "SendSms")

    def order(self, sim, kind, route):
        order = {"kind": kind, "route": route, "count": self.random.randint(1, 4),
                 "ms": self.random.choice((200, 900, 2500))}
        if kind == "code":
            order["code"] = GATEWAY_TROUBLE
        self.note("fault %s" % json.dumps(order))
        self.count["fault"] += 1
        self.count[kind] += order["count"]
        try:
            sim.post("/control/fault", order)
        except (OSError, StackError):
            pass  # it refuses everybody just now

    def end(self):
        self.over.set()
        if self.ident:
            self.join(30)
        assert not self.is_alive()
        for name in PROCESSES:
            self.signal(name, signal.SIGCONT)
        for sim in (self.stack.sim, self.stack.sms_sim):
            patient(lambda: sim.post("/control/fault", {"clear": True}))


# ---- patience ------------------------------------------------------------------------------------------


def patient(ask):
    """ASK() again while the simulator refuses connections on our order."""
    deadline = time.monotonic() + 20 * PATIENCE
    while True:
        try:
            return ask()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def insist(stack, *words, done="", **kw):
    """The same command until it is done: somebody may be on his way back. DONE: what it says when it was done before,
    and only the answer had been lost."""
    deadline = time.monotonic() + STEP_LIMIT_S * PATIENCE
    while True:
        try:
            result = stack.cli(*words, check=False, limit_s=20, **kw)
        except subprocess.TimeoutExpired:
            result = None
        if result and (result.code == 0 or (result.code == 1 and done and re.search(done, result.err))):
            return result
        if time.monotonic() > deadline or (result and result.code not in (1, 69, 70, 75)):
            raise StackError("no way to %s: %r" % (" ".join(words), result))
        time.sleep(0.1)


def advance(stack, to, limit_s=STEP_LIMIT_S):
    """Moves the clock to TO although anybody may be away; LIMIT_S of real time is the limit."""
    deadline = time.monotonic() + limit_s * PATIENCE
    why = "nobody answers"
    while time.monotonic() < deadline:
        try:
            done = stack.cli("clock", "advance", "--to", to, check=False,
                             limit_s=max(1, (deadline - time.monotonic()) / PATIENCE))
        except subprocess.TimeoutExpired:
            break
        # 1: the goal has been passed by an advance that went on when its caller was cut off.
        if done.code == 0 or (done.code == 1 and "passed" in done.err):
            return
        why = done.err.strip()
        time.sleep(0.1)
    show = stack.cli("--json", "clock", "show", check=False)
    raise StackError("the clock does not reach %s within %d s: %s\n%s" % (to, limit_s, why, show.out))


def everybody_lives(stack):
    for name in PROCESSES:
        stack.wait(lambda: alive(stack.pid(name)), name + " to live")
    for name in ("bot", "notifier"):
        stack.wait_ready(name)


# ---- what is on record ---------------------------------------------------------------------------------


def pages(sim, path):
    """All records of a feed that gives at most a thousand at a time."""
    since = 0
    while True:
        page = patient(lambda: sim.get("%s?since=%d" % (path, since)))
        if not page:
            return
        since = page[-1]["seq"]
        yield from page


def ledger(*sims):
    """mid -> the requests with it that the outside accepted."""
    taken = collections.defaultdict(list)
    for sim in sims:
        for entry in pages(sim, "/control/ledger"):
            for mid in (entry.get("mid") or entry.get("mids") or "").split(",") if entry["accepted"] else ():
                if mid:
                    taken[mid].append(entry)
    return taken


def audit_records(stack):
    """The audit file's records; one that was written twice, around a kill, counts once."""
    folder = os.path.join(stack.info["dir"], "state/notifier/audit")
    records = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for line in f:
                record = json.loads(line)
                records[record["id"]] = record
    return list(records.values())


def odd_ends(stack, weather):
    """Processes that ended otherwise than by our kill, or by our polite word with 0."""
    with open(stack.errors, errors="replace") as f:
        ends = re.findall(r"(\w+) ended with (-?\d+)", f.read())
    # -15: it was asked before it had a handler for it.
    polite = sum(code in ("0", "-15") for _, code in ends)
    wrong = weather.wrong[:] if weather else []
    wrong += ["%s ended by itself with %s" % end for end in ends if end[1] not in ("-9", "0", "-15")]
    if polite > (weather.count["term"] if weather else 0):
        wrong.append("%d processes ended politely unasked" % polite)
    return wrong


def errors(stack):
    return [r for p in ("bot", "notifier") for r in stack.log(p) if r.get("lvl") == "error"]
