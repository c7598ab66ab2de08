"""The outside misbehaves: answers get lost, gateways say "too often", processes die. Nothing is lost, nothing is told
more than once extra, and the record says what is not known."""
import json
import os
import shutil
import signal

import pytest

from office import CLERK, GROUP, ROSTER, UNIT, copies, figures, open_office, say, told


def reminder(stack, code=UNIT):
    rows = [r for r in stack.export(unit=code, channel="robot") if r["job"].startswith("rm/")]
    return rows[-1]


def test_a_lost_answer_is_unknown_and_repeated_once_after_ten_minutes(make_stack):
    """WeCom takes the kickoff, the answer never comes: unknown, not accepted; one more copy, not before ten minutes."""
    stack = open_office(make_stack())
    stack.sim.post("/control/fault", {"kind": "answer_lost", "route": GROUP, "count": 1})
    stack.advance("2022-06-20T09:10")
    assert reminder(stack)["state"] == "unknown"
    assert len(stack.cli("unknown").out.splitlines()) == 1
    stack.advance("2022-06-20T09:30")
    row = reminder(stack)
    assert row["state"] == "accepted" and [a["verdict"] for a in row["attempts"]] == ["unknown", "accepted"]
    assert row["attempts"][1]["at"] - row["attempts"][0]["at"] >= 600000
    assert copies(stack)[row["mid"]] == 2


def test_too_often_makes_the_route_wait_a_minute_and_keeps_the_order(make_stack):
    """45009 for one group: that robot rests for 60 s, the others go on, and nothing is sent twice."""
    stack = open_office(make_stack())
    stack.sim.post("/control/fault", {"kind": "45009", "route": GROUP, "count": 1})
    stack.advance("2022-06-20T09:20")
    row = reminder(stack)
    assert row["state"] == "accepted" and [a["verdict"] for a in row["attempts"]] == ["refused_temp", "accepted"]
    assert row["attempts"][1]["at"] - row["attempts"][0]["at"] >= 60000
    assert copies(stack)[row["mid"]] == 1


def test_a_broken_gateway_answer_is_unknown_not_failed(make_stack):
    """A 502 with a page of HTML says nothing about the message: unknown, then one resend."""
    stack = open_office(make_stack())
    stack.sim.post("/control/fault", {"kind": "http5xx", "route": GROUP, "count": 1})
    stack.advance("2022-06-20T09:30")
    row = reminder(stack)
    assert [a["verdict"] for a in row["attempts"]] == ["unknown", "accepted"]


@pytest.mark.parametrize("victim", ["bot", "notifier", "redis", "mosquitto"])
def test_a_killed_process_loses_nothing(make_stack, victim):
    """kill -9 in the middle of the kickoff and again between a reply and its answer: everyone is told, at most once
    more, and the reply counts once."""
    stack = open_office(make_stack())
    stack.advance("2022-06-20T09:02")
    old = stack.kill(victim)
    stack.wait_restart(victim, old)
    finish(stack, "2022-06-20T09:20")
    stack.wait(lambda: stack.is_ready("bot") and stack.is_ready("notifier"), "both daemons to be ready")
    say(stack, GROUP, CLERK, "@守望 已报2人6户", settle=False)
    old = stack.kill(victim)
    stack.wait_restart(victim, old)
    finish(stack, "2022-06-20T09:40")
    assert figures(stack) == (2, 6)
    rows = stack.export()
    assert {r["state"] for r in rows} <= {"accepted", "cancelled"}, rows
    assert len([r for r in rows if r["job"].startswith("rm/") and r["state"] == "accepted"]) == 14
    for mid, n in copies(stack).items():
        assert n <= 2, mid
    assert len([t for t in told(stack, GROUP) if "已登记" in t]) <= 2
    assert stack.cli("audit").code == 0


def finish(stack, to):
    """Moves the clock although somebody may still be on his way back."""
    stack.wait(lambda: stack.cli("clock", "advance", "--to", to, check=False).code == 0, "the clock to reach " + to, 60)


def test_a_polite_stop_sends_nothing_more_and_loses_nothing(make_stack):
    """SIGTERM for both daemons before the kickoff; after their return everyone is told exactly once."""
    stack = open_office(make_stack())
    for name in ("notifier", "bot"):
        old = stack.kill(name, signal.SIGTERM)
        stack.wait_restart(name, old)
    finish(stack, "2022-06-20T09:20")
    rows = [r for r in stack.export() if r["job"].startswith("rm/")]
    assert len(rows) == 14 and {r["state"] for r in rows} == {"accepted"}
    assert set(copies(stack).values()) == {1}


def test_an_emptied_redis_sends_nothing_until_a_person_says_so(make_stack):
    """Redis comes back empty, as an old backup would: sending is on hold; `resume` asks the bot for every reply."""
    stack = open_office(make_stack())
    stack.advance("2022-06-20T09:20")
    say(stack, GROUP, CLERK, "@守望 已报2人6户")
    before = sum(copies(stack).values())
    old = stack.kill("redis")
    shutil.rmtree(os.path.join(stack.info["dir"], "stack/redis"))
    os.mkdir(os.path.join(stack.info["dir"], "stack/redis"))
    stack.wait_restart("redis", old)
    stack.wait(lambda: "ON HOLD" in stack.cli("status", check=False).out, "the hold", 30)
    finish(stack, "2022-06-20T09:40")
    assert sum(copies(stack).values()) == before
    assert figures(stack) == (None, None)
    stack.act("import", "contacts", ROSTER)
    stack.act("resume")
    stack.wait(lambda: figures(stack) == (2, 6), "the reply to count again")


def test_a_torn_line_of_the_audit_file_is_replaced_by_its_record(make_stack):
    """A power cut leaves half a line; the next record does not join it, and every line can be read."""
    stack = open_office(make_stack())
    folder = os.path.join(stack.info["dir"], "state/notifier/audit")
    stack.wait(lambda: os.path.isdir(folder) and os.listdir(folder), "the audit file")
    path = os.path.join(folder, os.listdir(folder)[0])

    def lines():
        with open(path, encoding="utf-8") as f:
            return f.read().split("\n")

    stack.wait(lambda: any("group_bound" in line for line in lines()), "the binding's record")
    with open(path, "a", encoding="utf-8") as f:
        f.write('{"id":"1-1","at":165')
    say(stack, GROUP, CLERK, "@守望 收到")
    stack.wait(lambda: any('"ev":"reply"' in line for line in lines()), "the reply's record")
    assert lines()[-1] == ""
    assert all(json.loads(line)["id"] for line in lines()[:-1])
