"""On the first morning every unit's group is told once what the campaign asks, in the words a preview showed."""
import json

from office import GROUP, ROSTER, UNIT, copies, open_office, told


def test_every_group_is_greeted_once_in_the_previewed_words(make_stack):
    """08:00 the service starts; by 09:10 each of the 14 groups has the kickoff, word for word as `rehearse` prints it,
    and nobody has anything else."""
    stack = open_office(make_stack())
    stack.advance("2022-06-20T09:10")
    rehearsed = stack.cli("--json", "rehearse", "--from", "2022-06-20", "--to", "2022-06-20", "--answers", "none",
                          "--contacts", ROSTER)
    texts = {r["unit"]: r["text"] for r in rehearsed.rows() if r.get("channel") == "robot"}
    reminders = [r for r in stack.export() if r["job"].startswith("rm/")]
    assert len(reminders) == 14 and {r["state"] for r in reminders} == {"accepted"}
    assert all(n == 1 for n in copies(stack).values())
    for row in reminders:
        greeting = [t for t in told(stack, "g" + row["unit"]) if t.startswith(texts[row["unit"]])]
        assert len(greeting) == 1, row["unit"]
    assert stack.cli("audit").code == 0


def test_a_silent_unit_is_reminded_again_and_its_deputy_hears_of_it(make_stack):
    """Nobody answers until the last day of the list: the group is reminded at most once a working day, never at
    night or on a rest day, the deputy is told on the last evening but one, the region gets one list of all."""
    stack = open_office(make_stack())
    stack.advance("2022-08-10T20:00")
    sent = [m for m in stack.sim.get("/control/messages") if not m.get("from")]
    days = [int((m["at"] + 8 * 3600000) // 86400000) for m in sent if m["chat"] == GROUP and "绑定" not in m["text"]]
    assert len(days) == len(set(days)) and len(days) >= 9
    for m in sent:
        hour = (m["at"] // 3600000 + 8) % 24
        assert 8 <= hour < 20
    deputy = [m for m in sent if m["chat"] == "app:office" and m.get("peer") == "u%sd" % UNIT]
    assert len(deputy) >= 1
    region = told(stack, "g150000")
    assert any("呼和浩特市" in t and "阿拉善盟" in t for t in region)
    # A unit's own group never shows another unit.
    assert not any("包头市" in t for t in told(stack, GROUP))
    rows = [json.loads(l) for l in stack.cli("--json", "export").out.splitlines()]
    assert {r["state"] for r in rows} <= {"accepted", "delivered", "cancelled", "suppressed"}
    assert all(n == 1 for n in copies(stack).values())
