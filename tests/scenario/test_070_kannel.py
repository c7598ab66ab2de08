"""Text messages by a real Kannel: reminders arrive on phones, receipts and answers come back through the bot.

Kannel runs on the real clock, the service on its own: what it does is waited for, never given time. On 10 August 2022 the lists
of the leagues are due; at 15:00 whoever has not reacted in his group is told by SMS.
"""
import json
import os
import re

import pytest

from kannel import PASSWORD, USER, Kannel
from office import GROUP, UNIT, figures, open_office, say
from stack import ROOT, Ports

SENDER, PHONE = "106980001017", "13800000002"  # ours; that of 150100's first contact
MORNING, EVENING = "2022-08-10T08:30", "2022-08-10T15:10"
SIGN = "【邻里守望】"


@pytest.fixture
def ports():
    ports = Ports()
    yield [ports.base + i for i in range(5)]
    ports.close()


@pytest.fixture
def start_kannel(ports, tmp_path):
    """start_kannel(stack): Kannel beside STACK, which has its address already."""
    started = []

    def start(stack, **kw):
        with open(os.path.join(stack.info["dir"], "secrets/sms-token-kannel")) as f:
            uplink = "%s/sms/kannel/%s/uplink" % (stack.http.base, f.read().strip())
        started.append(Kannel(str(tmp_path / ("kannel%d" % len(started))), ports, uplink, **kw))
        return started[-1]

    yield start
    for kannel in started:
        kannel.stop()


@pytest.fixture
def make_office(make_stack, ports, tmp_path):
    """make_office(): the service on the morning the lists are due, with Kannel as its only gateway."""
    def make(password=PASSWORD):
        file = tmp_path / "kannel-password"
        file.write_text(password)
        file.chmod(0o600)
        return open_office(make_stack(sets={
            "simulation_start": MORNING, "sms.route": ["kannel"],
            "sms.kannel": {"url": "http://127.0.0.1:%d/cgi-bin/sendsms" % ports[2], "username": USER,
                           "password_file": str(file), "from": SENDER, "rate": 50}}))

    return make


def by_sms(stack):
    return [r for r in stack.export(channel="sms") if r["job"].startswith("rm/")]


def states(stack):
    return sorted({r["state"] for r in by_sms(stack)})


def wait_states(stack, *expected):
    try:
        stack.wait(lambda: states(stack) == sorted(expected), "states %s" % (expected,))
    except AssertionError as e:
        raise AssertionError("%s instead of %s" % (states(stack), e))


def rehearsed(stack):
    """The texts that `rehearse` says phones get that day."""
    rows = stack.cli("--json", "rehearse", "--from", "2022-08-10", "--to", "2022-08-10", "--answers", "none",
                     "--contacts", os.path.join(ROOT, "tests/sim/demo-contacts.csv")).rows()
    return sorted(r["text"] for r in rows if r.get("channel") == "sms")


def test_a_reminder_arrives_once_on_each_phone_and_its_receipt_makes_it_delivered(make_office, start_kannel):
    """14 leagues and cities, two contacts each, nobody reacts: 28 phones show the text of the rehearsal behind the sign, from
    our number; the receipts come through the bot and all 28 are delivered. No number stands in a log."""
    stack = make_office()
    kannel = start_kannel(stack)
    stack.advance(EVENING)
    stack.wait(lambda: len(kannel.received()) >= 28, "28 messages on phones")
    wait_states(stack, "delivered")
    got = kannel.received()
    assert len(by_sms(stack)) == 28 == len(got) == len({to for _, to, _ in got})
    assert {sender for sender, _, _ in got} == {SENDER}
    assert sorted(text for _, _, text in got) == rehearsed(stack)
    assert stack.metrics("notifier")['shouwang_attempts_total{gw="kannel",verdict="accepted"}'] == 28
    assert stack.cli("audit").code == 0
    for program in ("bot", "notifier"):
        assert not re.search(r"1380000\d{4}", json.dumps(stack.log(program)))


def test_who_reacts_in_the_group_gets_no_message_on_the_phone(make_office, start_kannel):
    """A unit that has given its list in the group by noon is told nothing by SMS; the others are."""
    stack = make_office()
    kannel = start_kannel(stack)
    stack.advance("2022-08-10T09:10")
    say(stack, GROUP, "u%sa" % UNIT, "@守望 3人8户")
    stack.advance(EVENING)
    stack.wait(lambda: len(kannel.received()) >= 26, "26 messages on phones")
    wait_states(stack, "delivered")
    assert kannel.received(PHONE) == [] and len(kannel.received()) == 26


def test_an_answer_typed_on_a_phone_is_read_applied_and_confirmed_by_sms(make_office, start_kannel):
    """The contact answers the reminder with figures: they stand as the unit's, and one message confirms them. The confirmation
    is delivered too."""
    stack = make_office()
    kannel = start_kannel(stack)
    stack.advance(EVENING)
    stack.wait(lambda: len(kannel.received(PHONE)) == 1, "the reminder on the phone")
    kannel.write(PHONE, SENDER, "2人 6户")
    stack.wait(lambda: figures(stack) == (2, 6), "the figures of the answer")
    stack.wait(lambda: len(kannel.received(PHONE)) == 2, "the confirmation on the phone")
    _, _, text = kannel.received(PHONE)[-1]
    assert text.startswith(SIGN) and "呼和浩特市工作者2名、好邻居6户" in text
    stack.wait(lambda: [r["state"] for r in stack.export(channel="sms") if r["job"].startswith("ans/")] == ["delivered"],
               "the confirmation to be delivered")


def test_what_a_full_queue_refuses_goes_out_later_and_arrives_once(make_office, start_kannel):
    """The operator's line is down and smsbox keeps 10 messages: the others are refused for now, the gateway rests and is tried
    again. When the line is back all phones have their message, each once."""
    stack = make_office()
    kannel = start_kannel(stack, smsc=False, queue=10)
    stack.advance(EVENING)
    assert states(stack) == ["accepted", "queued"]
    assert stack.metrics("notifier")['shouwang_attempts_total{gw="kannel",verdict="refused_temp"}'] >= 5
    kannel.connect_smsc()
    stack.wait(lambda: len(kannel.received()) >= 10, "what smsbox had kept")
    stack.advance(by="40m")
    stack.wait(lambda: len(kannel.received()) >= 28, "28 messages on phones")
    wait_states(stack, "delivered")
    got = kannel.received()
    assert len(got) == 28 == len({to for _, to, _ in got})


def test_while_nobody_listens_nothing_is_lost_and_nothing_is_told_twice(make_office, start_kannel):
    """No Kannel at all at 15:00: each attempt surely did not leave. It comes up, and every phone is told once."""
    stack = make_office()
    stack.advance(EVENING)
    assert states(stack) == ["queued"]
    attempts = stack.metrics("notifier")
    assert attempts['shouwang_attempts_total{gw="kannel",verdict="not_sent"}'] >= 5
    assert 'shouwang_attempts_total{gw="kannel",verdict="unknown"}' not in attempts
    kannel = start_kannel(stack)
    stack.advance(by="40m")
    stack.wait(lambda: len(kannel.received()) >= 28, "28 messages on phones")
    wait_states(stack, "delivered")
    assert len({to for _, to, _ in kannel.received()}) == 28 == len(kannel.received())


def test_a_wrong_password_pauses_the_gateway_and_keeps_the_messages(make_office, start_kannel):
    """Kannel knows us under another password: one request shows it, then nothing is asked and every message waits for a
    person. `status` says which gateway is paused and why."""
    stack = make_office(password="another-password")
    kannel = start_kannel(stack)
    stack.advance(EVENING)
    record = stack.wait_log("sms_gateway_paused", gw="kannel")
    assert record["code"].startswith("Authorization failed")
    refused = stack.metrics("notifier")['shouwang_attempts_total{gw="kannel",verdict="refused_temp"}']
    assert 1 <= refused <= 28
    stack.advance(by="10m")
    assert stack.metrics("notifier")['shouwang_attempts_total{gw="kannel",verdict="refused_temp"}'] == refused
    assert states(stack) == ["queued"] and kannel.received() == []
