"""Publicity needs two people, open gates and a live campaign; it can be paused, cancelled and withdrawn at once.

One commended, a small audience in two cities. `office` plans, `chief` releases.
"""
import csv
import json
import os
import signal
import subprocess
import time

from stack import BUILD, PATIENCE, ROOT
from test_044_audience import Store

GATES = ("final_notice.closed", "document.issued")
ITEM = "150100-worker-1"
HONOURS = """category,unit_code,name,community,deed,text_sms,text_group,text_screen,text_loud
worker,150100,张三,某社区,为独居老人坚持代买代办,身边的榜样：某社区张三入选“自治区最美社区工作者”。扎根社区12年，为独居老人坚持代买代办。事迹见https://example.invalid/w01 拒收请回复R,### 身边的榜样｜张三,热烈祝贺张三同志入选自治区最美社区工作者,各位居民，大家好。我们社区的张三同志光荣入选自治区最美社区工作者。播报完毕，谢谢大家。
household,150200,李四,某社区,十年如一日照料楼上独居老人,身边的好邻居：某社区李四家庭入选“和睦友爱好邻居”。十年如一日照料楼上独居老人。事迹见https://example.invalid/h01 拒收请回复R,,和睦友爱好邻居李四家庭：与邻为善，以邻为伴，守望相助。,
"""
HOUSEHOLD = "150200-household-1"


def open_publicity(make_stack, tmp_path, recipients=20, live=True, gates=GATES, sets=None):
    """A stack on the first morning of the window, with honours and audience a1: half in 150100, half in 150200."""
    stack = make_stack(sets={"simulation_start": "2022-10-08T08:30", "trial.enabled": not live, **(sets or {})})
    honours, audience = tmp_path / "honours.csv", tmp_path / "audience.csv"
    honours.write_text(HONOURS)
    audience.write_text("mobile,area_code\n" + "".join(
        "138%08d,%s\n" % (i, "150100" if i % 2 else "150200") for i in range(1, recipients + 1)))
    stack.act("import", "honours", honours)
    stack.act("import", "audience", audience)
    for gate in gates:
        stack.act("campaign", "gate", gate, operator="chief")
    return stack


def plan(stack, *words, who="office"):
    words = words or ("--item", ITEM)
    return stack.act("--json", "broadcast", "plan", "--audience", "a1", *words, operator=who).json()


def approve(stack, b, who="chief", digest=None, count=None, check=True):
    return stack.act("broadcast", "approve", b["id"], "--digest", digest or b["digest"], "--count",
                     b["recipients"] if count is None else count, operator=who, check=check)


def start(stack, b, check=True):
    return stack.act("broadcast", "start", b["id"], operator="chief", check=check)


def state(stack, b):
    return stack.cli("--json", "broadcast", "show", b["id"]).json()["state"]


def refused(result, *words):
    assert result.code == 1, result
    for word in words:
        assert word in result.err, result
    return True


def release(stack, *words):
    """Planned, approved and started."""
    b = plan(stack, *words)
    approve(stack, b)
    start(stack, b)
    return b


def progress(stack, b):
    sums = stack.cli("--json", "broadcast", "progress", b["id"]).json()
    assert sums["planned"] == sum(sums[k] for k in (
        "delivered", "accepted", "failed", "unknown", "opted_out", "capped", "waiting", "cancelled", "expired"))
    return sums


def to_groups(stack):
    return [r for r in stack.export(channel="robot") if r["job"].startswith("pub/")]


def copies(sim):
    """mid -> how often the SMS gateway accepted it."""
    ledger = {}
    for entry in sim.get("/control/ledger"):
        for mid in entry["mids"].split(",") if entry["accepted"] else []:
            ledger[mid] = ledger.get(mid, 0) + 1
    return ledger


def retained(stack, topic="sw/v1/publicity/#"):
    """What the broker holds under TOPIC; the clock, which is always there, comes behind it."""
    sub = subprocess.Popen(["mosquitto_sub"] + stack._mqtt() + ["-q", "1", "-t", topic, "-t", "sw/v1/clock", "-F", "%t"],
                           stdout=subprocess.PIPE, text=True)
    got = []
    for line in sub.stdout:
        if line.strip() == "sw/v1/clock":
            break
        got.append(line.strip())
    sub.kill()
    sub.wait()
    sub.stdout.close()
    return got


def items(stack, kind="screen", area="150100", item=ITEM):
    topic, text = stack.listen("sw/v1/publicity/%s/%s/%s" % (area, kind, item))[0]
    return json.loads(text)


def test_a_plan_shows_what_would_be_sent_to_how_many_and_for_how_much(make_stack, tmp_path):
    """Exact text with its sign, parts, recipients, cost, first and last moment, digest; masked samples of each area."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    assert b["text"].startswith("【") and b["text"].endswith("拒收请回复R") and "张三" in b["text"]
    assert b["units"] == len(b["text"].encode("utf-16-le")) // 2 and b["parts"] == 2
    assert b["recipients"] == 20 and b["excluded"] == {"opted_out": 0} and b["cost_fen"] == 180
    assert b["first"] == 1665190800000 and b["last"] == 1665835200000  # 10-08T09:00, 10-15T20:00
    shown = stack.cli("--json", "broadcast", "show", b["id"]).json()
    assert shown["digest"] == b["digest"] and shown["missing"] == "it is not approved"
    assert [s["area"] for s in shown["samples"]] == ["150100", "150200"]
    assert all(len(s["numbers"]) == 3 and n.startswith("138****") for s in shown["samples"] for n in s["numbers"])
    one = plan(stack, "--item", HOUSEHOLD, "--area", "150200")
    assert one["recipients"] == 10


def test_two_people_release_exactly_what_was_planned(make_stack, tmp_path):
    """Who planned it cannot approve it, nor can an editor; digest and count must be those that were shown."""
    stack = open_publicity(make_stack, tmp_path)
    own = plan(stack, who="chief")
    assert refused(approve(stack, own, check=False), "another operator")
    b = plan(stack, "--item", HOUSEHOLD)
    assert refused(approve(stack, b, who="office", check=False), "releaser")
    assert refused(approve(stack, b, digest="0" * 64, check=False), "digest")
    assert refused(approve(stack, b, count=21, check=False), "number of recipients")
    assert refused(start(stack, b, check=False), "not approved")
    assert state(stack, b) == "planned"
    approve(stack, b)
    assert state(stack, b) == "approved"
    assert refused(stack.act("broadcast", "start", b["id"], operator="office", check=False), "releaser")
    start(stack, b)
    assert state(stack, b) == "running"


def test_nothing_is_told_twice_to_the_same_people(make_stack, tmp_path):
    """A second plan over the same people is refused, also for a part of them, until the first was cancelled in time."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    for words in ((), ("--area", "150100")):
        done = stack.act("broadcast", "plan", "--audience", "a1", "--item", ITEM, *words, check=False)
        assert refused(done, b["id"], "twice")
    stack.act("broadcast", "cancel", b["id"])
    again = plan(stack)
    assert again["id"] != b["id"] and again["digest"] == b["digest"]
    rows = stack.act("--json", "broadcast", "plan", "--audience", "a1", "--all-items", check=False).rows()
    assert [r.get("refused") is not None for r in rows] == [True, False]
    assert rows[1]["area"] == "150200" and rows[1]["recipients"] == 10


def test_nobody_is_told_twice_because_he_is_in_two_audiences(make_stack, tmp_path):
    """Audience a2 has one number of a1, in another city: the same name cannot be told to both, unless areas keep them apart;
    another name can."""
    stack = open_publicity(make_stack, tmp_path)
    second = tmp_path / "second.csv"
    second.write_text("mobile,area_code\n13800000008,150300\n" + "".join("139%08d,150400\n" % i for i in range(1, 11)))
    stack.act("import", "audience", second)
    first = plan(stack, "--item", ITEM, "--area", "150200")
    again = ("broadcast", "plan", "--audience", "a2", "--item", ITEM)
    assert refused(stack.act(*again, check=False), first["id"], "twice")
    assert refused(stack.act(*again, "--area", "150300", check=False), first["id"], "twice")
    stack.act(*again, "--area", "150400")
    stack.act("broadcast", "plan", "--audience", "a2", "--item", HOUSEHOLD)
    stack.act("broadcast", "cancel", first["id"])
    stack.act(*again, "--area", "150300")


def test_what_cannot_go_out_cannot_be_planned(make_stack, tmp_path):
    """An unknown audience or commended, an area nobody lives in, a window that is over by then."""
    stack = open_publicity(make_stack, tmp_path)
    for words, why in ((("--audience", "a9", "--item", ITEM), "no such audience"),
                       (("--audience", "a1", "--item", "150100-worker-9"), "not among the commended"),
                       (("--audience", "a1", "--item", ITEM, "--area", "152900"), "nobody"),
                       (("--audience", "a1", "--item", ITEM, "--from", "2022-10-15T20:00"), "window")):
        assert refused(stack.act("broadcast", "plan", *words, check=False), why)


def test_a_closed_gate_keeps_everything_back(make_stack, tmp_path):
    """Only a releaser opens a gate, by a name of the definition; a gate may open later; closing it pauses what runs."""
    stack = open_publicity(make_stack, tmp_path, gates=GATES[:1])
    b = plan(stack)
    approve(stack, b)
    assert refused(start(stack, b, check=False), "document.issued")
    gate = ("campaign", "gate")
    assert refused(stack.act(*gate, "document.issued", check=False), "releaser")
    wrong = stack.act(*gate, "operator.approved:2", operator="chief", check=False)
    assert refused(wrong, "final_notice.closed", "document.issued")
    stack.act(*gate, "document.issued", "--at", "2022-10-08T08:45", operator="chief")
    assert refused(start(stack, b, check=False), "document.issued")
    stack.advance("2022-10-08T08:45")
    start(stack, b)
    stack.act(*gate, "document.issued", "--close", operator="chief")
    assert state(stack, b) == "paused"
    assert refused(stack.act("broadcast", "resume", b["id"], operator="chief", check=False), "document.issued")
    stack.act(*gate, "document.issued", operator="chief")
    stack.act("broadcast", "resume", b["id"], operator="chief")
    stack.act(*gate, "document.issued", "--at", "2022-10-09T08:00", operator="chief")
    assert state(stack, b) == "paused"  # open tomorrow is closed today


def test_a_trial_sends_no_publicity(make_stack, tmp_path):
    """Approved and with open gates it still does not begin before `campaign go-live`."""
    stack = open_publicity(make_stack, tmp_path, live=False)
    b = plan(stack)
    approve(stack, b)
    assert refused(start(stack, b, check=False), "trial")
    stack.act("campaign", "go-live")
    start(stack, b)


def test_an_approval_is_good_for_a_day(make_stack, tmp_path):
    """After 24 hours the start is refused until somebody approves it again."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    approve(stack, b)
    stack.advance(by="24h")
    stack.advance(by="1s")
    assert refused(start(stack, b, check=False), "24 hours")
    approve(stack, b)
    start(stack, b)


def test_an_approval_goes_with_whoever_gave_it(make_stack, tmp_path):
    """Approved by somebody who is no operator any more when it is to start: another one has to approve it."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    approve(stack, b, who="chief")
    secret = tmp_path / "deputy"
    secret.write_text("another secret phrase")
    secret.chmod(0o600)
    stack.cli("--passphrase-file", secret, "operator", "add", "deputy", "releaser")
    stack.info["operators"].append({"name": "deputy", "passphrase_file": str(secret)})
    stack.cli("operator", "remove", "chief")
    assert refused(stack.act("broadcast", "start", b["id"], operator="deputy", check=False), "approve it again")
    approve(stack, b, who="deputy")
    stack.act("broadcast", "start", b["id"], operator="deputy")
    assert state(stack, b) == "running"


def test_a_change_voids_the_approval(make_stack, tmp_path):
    """Another text of the same commended is imported after the plan: neither approval nor start is possible."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    other = tmp_path / "other.csv"
    other.write_text(HONOURS.replace("扎根社区12年", "扎根社区13年"))
    stack.act("import", "honours", other)
    assert refused(approve(stack, b, check=False), "not what was planned")


def test_what_groups_screens_and_loudspeakers_get_is_released_too(make_stack, tmp_path):
    """`show` has their texts; another one of them alone, and the SMS as it was, voids the plan as well."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    shown = stack.cli("--json", "broadcast", "show", b["id"]).json()
    assert shown["text_group"].startswith("### 身边的榜样") and shown["text_screen"].startswith("热烈祝贺张三")
    assert shown["text_loud"].startswith("各位居民") and shown["text_loud"] in stack.cli("broadcast", "show", b["id"]).out
    other = tmp_path / "other.csv"
    other.write_text(HONOURS.replace("热烈祝贺张三同志入选", "热烈祝贺张山同志入选"))
    stack.act("import", "honours", other)
    assert refused(approve(stack, b, check=False), "not what was planned")


def test_of_two_that_would_tell_the_same_one_begins(make_stack, tmp_path):
    """However both came to be approved: the store is given a copy of an approved one under another number."""
    stack = open_publicity(make_stack, tmp_path)
    b = plan(stack)
    approve(stack, b)
    store = Store(stack)
    store.ask("HSET", "sw:{r}:broadcasts", "b9", store.ask("HGET", "sw:{r}:broadcasts", b["id"]))
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again")
    start(stack, b)
    assert refused(start(stack, {"id": "b9"}, check=False), b["id"], "twice")


def test_all_the_commended_can_be_planned_at_once(make_stack, tmp_path):
    """70 of them, each to the unit he belongs to."""
    stack = make_stack(sets={"simulation_start": "2022-10-08T08:30"})
    honours = os.path.join(ROOT, "tests/sim/demo-honours.csv")
    with open(honours) as f:
        rows = list(csv.DictReader(f))
    audience = tmp_path / "audience.csv"
    audience.write_text("mobile,area_code\n" + "".join(
        "138%08d,%s\n" % (i, code) for i, code in enumerate(sorted({r["unit_code"] for r in rows}))))
    stack.act("import", "honours", honours)
    stack.act("import", "audience", audience)
    planned = stack.act("--json", "broadcast", "plan", "--audience", "a1", "--all-items").rows()
    assert len(planned) == len(rows) == 70 and not any("refused" in p for p in planned)


def test_groups_screens_and_loudspeakers_are_told_once(make_stack, tmp_path):
    """Each publicity group gets the text once, in residents' hours; screens find theirs after the broker died; at the end
    of the window they are empty."""
    stack = open_publicity(make_stack, tmp_path)
    b = release(stack)
    screen, loud = items(stack), items(stack, "loud")
    assert screen["text"].startswith("热烈祝贺张三") and screen["language"] == "zh-Hans"
    assert screen["from"] <= 1665190800000 and screen["until"] == 1665849600000
    assert loud["hours"] == [{"from": "08:00", "to": "12:00"}, {"from": "14:30", "to": "20:00"}]
    stack.wait_restart("mosquitto", stack.kill("mosquitto"))
    stack.wait(lambda: stack.is_ready("notifier"), "the notifier to have its broker again")
    stack.wait(lambda: len(retained(stack)) == 2, "screens and loudspeakers to have theirs again")
    assert items(stack) == screen
    stack.advance("2022-10-08T09:10")
    groups = to_groups(stack)
    assert len(groups) == 2 and {r["state"] for r in groups} == {"accepted"}
    assert all(r["class"] == "no_repeat" and r["attempts"][0]["at"] >= 1665190800000 for r in groups)
    stack.advance("2022-10-16T00:00:01")
    assert retained(stack) == []


def test_pause_keeps_what_has_not_left(make_stack, tmp_path):
    """Paused before the window opens: at nine nobody hears anything; after `resume` everybody does, once."""
    stack = open_publicity(make_stack, tmp_path)
    b = release(stack)
    began = time.monotonic()
    stack.act("broadcast", "pause", b["id"])
    assert time.monotonic() - began < 1.5 * PATIENCE and state(stack, b) == "paused"
    stack.advance("2022-10-08T09:10")
    assert [r["state"] for r in to_groups(stack)] == ["parked", "parked"]
    assert not any(r["attempts"] for r in stack.export() if r["job"].startswith("pub/"))
    assert refused(stack.act("broadcast", "resume", b["id"], check=False), "releaser")
    stack.act("broadcast", "resume", b["id"], operator="chief")
    stack.advance(by="10m")
    assert state(stack, b) == "done" and [r["state"] for r in to_groups(stack)] == ["accepted"] * 2
    assert progress(stack, b)["delivered"] == 20 and set(copies(stack.sms_sim).values()) == {1}


def test_a_cancelled_broadcast_ends_where_it_was(make_stack, tmp_path):
    """Half way through, with one request a second, it is cancelled: who has it keeps it, nobody else gets it, and the sums
    add up, also after a restart. The same text cannot be planned to the same people again."""
    stack = open_publicity(make_stack, tmp_path, recipients=400, sets={"sms.aliyun.rate": 1})
    b = release(stack)
    stack.advance("2022-10-08T09:00:01")
    began = time.monotonic()
    done = stack.act("--json", "broadcast", "cancel", b["id"]).json()
    assert time.monotonic() - began < 1.5 * PATIENCE and not done["calls_under_way"]
    before = sum(copies(stack.sms_sim).values())
    assert 0 < before < 400
    stack.advance("2022-10-08T11:00")
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0 and progress(stack, b)["counted"], "the sums")
    sums = progress(stack, b)
    assert sums["cancelled"] == 400 - before and sums["delivered"] == before and sums["waiting"] == 0
    assert sum(copies(stack.sms_sim).values()) == before and "b1" in stack.cli("audit").out
    rows = [r for r in stack.export(channel="sms") if r["job"] == "pub/nm-2022-63/b1"]
    assert len(rows) == 400 and {r["mid"] for r in rows if r["state"] == "delivered"} == set(copies(stack.sms_sim))
    offline = subprocess.run([os.path.join(BUILD, "shouwang-notifier"), "-c", stack.config, "--export"],
                             stdout=subprocess.PIPE, check=True).stdout.decode()
    assert offline == stack.cli("--json", "export").out
    assert refused(stack.act("broadcast", "resume", b["id"], operator="chief", check=False), "cancelled")
    assert refused(stack.act("broadcast", "plan", "--audience", "a1", "--item", ITEM, check=False), "twice")


def test_the_list_itself_can_be_announced(make_stack, tmp_path):
    """The announcement names the public page of the commended; it goes to everybody, and has neither groups nor screens."""
    stack = open_publicity(make_stack, tmp_path, sets={"http.public_url": "https://mz.example"})
    b = release(stack, "--announce")
    assert b["parts"] == 1 and "https://mz.example/honour" in b["text"] and b["template"] == "P-FINAL"
    stack.advance("2022-10-08T09:10")
    assert progress(stack, b)["delivered"] == 20 and not to_groups(stack) and not retained(stack)


def test_what_no_gateway_can_send_is_not_planned(make_stack, tmp_path):
    """A text that fits no registered template cannot go through a gateway that sends templates only."""
    stack = open_publicity(make_stack, tmp_path)
    free = tmp_path / "free.csv"
    free.write_text(HONOURS.replace("身边的榜样：某社区张三入选", "今天我们向大家介绍张三，他入选"))
    stack.act("import", "honours", free)
    assert refused(stack.act("broadcast", "plan", "--audience", "a1", "--item", ITEM, check=False), "templates")


def test_groups_hear_of_a_name_once_however_many_audiences(make_stack, tmp_path):
    """The same commended is told to two audiences: every resident once, every group once."""
    stack = open_publicity(make_stack, tmp_path)
    second = tmp_path / "second.csv"
    second.write_text("mobile,area_code\n" + "".join("139%08d,150300\n" % i for i in range(1, 11)))
    stack.act("import", "audience", second)
    first = release(stack)
    other = stack.act("--json", "broadcast", "plan", "--audience", "a2", "--item", ITEM).json()
    approve(stack, other)
    start(stack, other)
    stack.advance("2022-10-08T09:20")
    assert progress(stack, first)["delivered"] == 20 and progress(stack, other)["delivered"] == 10
    assert [r["state"] for r in to_groups(stack)] == ["accepted"] * 2
    done = stack.act("--json", "withdraw", ITEM, "--reason", "更正", operator="chief").json()
    assert done["not_recalled"]["delivered"] == 30 and done["not_recalled"]["groups"] == 2


def test_a_withdrawn_name_disappears(make_stack, tmp_path):
    """Its broadcast is cancelled, groups that have not had it do not get it, screens get a tombstone until the end; nobody
    can plan it again, not after a restart either."""
    stack = open_publicity(make_stack, tmp_path)
    b = release(stack)
    assert stack.act("withdraw", ITEM, "--reason", "更正", check=False).code == 1  # an editor may not
    began = time.monotonic()
    done = stack.act("--json", "withdraw", ITEM, "--reason", "有异议，核实中", operator="chief").json()
    assert time.monotonic() - began < 1.5 * PATIENCE
    assert done["groups"] == {"stopped": 2, "sent": 0, "unconfirmed": 0}
    assert done["broadcasts"] == [{"id": b["id"], "state": "cancelled"}]
    for kind in ("screen", "loud"):
        grave = items(stack, kind)
        assert grave["withdrawn"] is True and "text" not in grave and grave["until"] == 1665849600000
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again")
    assert items(stack)["withdrawn"] is True
    assert refused(stack.act("broadcast", "plan", "--audience", "a1", "--item", ITEM, check=False), "withdrawn")
    stack.advance("2022-10-08T11:00")
    assert [r["state"] for r in to_groups(stack)] == ["cancelled"] * 2
    assert not copies(stack.sms_sim)


def test_a_frozen_notifier_does_not_bring_a_withdrawn_name_back(make_stack, tmp_path):
    """It freezes, another one takes over and withdraws the name, the broker is started anew: when the first wakes up and
    joins the broker before it learns that it has no lease, screens keep their tombstone."""
    stack = open_publicity(make_stack, tmp_path)
    release(stack)
    other = os.path.join(stack.info["dir"], "second.conf")
    port = int(stack.info["metrics"]["notifier"].rpartition(":")[2])
    with open(stack.config) as f:
        text = f.read().replace("run/control.sock", "run/control2.sock")
    with open(other, "w") as f:
        f.write(text.replace("metrics_port = %d" % port, "metrics_port = %d" % (port + 10)))
    with open(os.path.join(stack.info["dir"], "log/second.log"), "wb") as log:
        second = subprocess.Popen([os.path.join(BUILD, "shouwang-notifier"), "-c", other], stdout=log, stderr=log)

    def ask(*words):
        return subprocess.run([os.path.join(BUILD, "shouwang"), "-c", other] + list(words), capture_output=True, text=True)

    try:
        stack.wait(lambda: "standby, holder" in ask("status").stderr, "the standby")
        first = stack.kill("notifier", signal.SIGSTOP)
        stack.wait(lambda: ask("status").returncode == 0, "the second to take over", 40)
        assert ask(*stack.as_operator("chief"), "withdraw", ITEM, "--reason", "更正").returncode == 0
        stack.wait_restart("mosquitto", stack.kill("mosquitto"))
        stack.wait(lambda: len(retained(stack)) == 2, "the tombstones")
        stack.mark()
        os.kill(first, signal.SIGCONT)
        stack.wait_log("fatal", why="lease_lost")
        assert items(stack)["withdrawn"] is True and items(stack, "loud")["withdrawn"] is True
    finally:
        second.terminate()
        assert second.wait(15) == 0


def test_stop_all_is_lifted_by_a_releaser_alone(make_stack):
    """Anybody who may act stops everything, also over a restart; an editor's `resume` is refused, a releaser's is not."""
    stack = make_stack()
    stack.act("stop-all")
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again")
    assert stack.cli("--json", "status").json()["paused"] is True
    assert refused(stack.act("resume", check=False), "releaser")
    stack.act("resume", operator="chief")
    assert stack.cli("--json", "status").json()["paused"] is False
    stack.act("pause")
    stack.act("resume")
