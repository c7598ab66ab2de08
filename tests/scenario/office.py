"""What every scenario of the whole service needs: a roster, groups that are bound, and ways to look at the chats."""
import json
import os

from stack import ROOT

ROSTER = os.path.join(ROOT, "tests/sim/demo-contacts.csv")
UNIT, GROUP, CLERK, CLERK2, DEPUTY = "150100", "g150100", "u150100a", "u150100b", "u150100d"
OTHER, OTHER_GROUP, OTHER_CLERK = "150200", "g150200", "u150200a"


def open_office(stack, units=(UNIT, OTHER)):
    """Imports the roster and binds the groups of UNITS."""
    stack.act("import", "contacts", ROSTER)
    for code in units:
        bind = json.loads(stack.act("--json", "unit", code, "--bind").out)["code"]
        say(stack, "g" + code, "u%sa" % code, "@守望 绑定 " + bind)
    stack.advance(by="1m")
    return stack


def say(stack, chat, user, text, settle=True):
    """USER types TEXT; the callback has its answer when this returns. SETTLE: and the robot has given its own."""
    status = stack.sim.post("/control/say", {"chat": chat, "user": user, "text": text})
    if settle:
        stack.advance(by="1s")
    return status


def told(stack, chat, since=0):
    """The texts our side put into CHAT, in order."""
    return [m["text"] for m in stack.sim.get("/control/messages?since=%d" % since)
            if m["chat"] == chat and not m.get("from")]


def last(stack, chat):
    texts = told(stack, chat)
    return texts[-1] if texts else None


def answer(stack, chat, user, text):
    """What the robot answers to TEXT in CHAT; None when it stays silent."""
    before = len(told(stack, chat))
    say(stack, chat, user, text)
    now = told(stack, chat)
    return now[-1] if len(now) > before else None


def facts(stack, code=UNIT):
    return json.loads(stack.cli("--json", "unit", code).out)["facts"]


def figures(stack, code=UNIT):
    """(workers, households) as stored, None where nothing is known."""
    counts = facts(stack, code).get("counts", {})
    return counts.get("worker", {}).get("value"), counts.get("household", {}).get("value")


def copies(stack):
    """mid -> how often the outside accepted it."""
    ledger = {}
    for entry in stack.sim.get("/control/ledger"):
        if entry["accepted"]:
            for mid in (entry.get("mid") or "").split(","):
                if mid:
                    ledger[mid] = ledger.get(mid, 0) + 1
    return ledger
