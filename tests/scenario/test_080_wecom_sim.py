"""The simulated WeCom is as strict as the real one.

Other scenarios trust it: that it refuses what WeCom refuses, counts what WeCom counts, tries a callback three times,
and loses answers when it is told to. Here it runs alone, against a bot of a few lines.
"""
import hashlib
import http.client
import json
import os
import re

import pytest

from broker_alone import Broker
from stack import PATIENCE, wait_for
from wecom_alone import KEY, MINUTE, START_MS, TOKEN, FakeBot, Sim

@pytest.fixture
def bot():
    bot = FakeBot()
    yield bot
    bot.close()


@pytest.fixture
def sim(bot):
    sim = Sim(bot.url)
    yield sim
    sim.close()


def app_text(content, **more):
    return dict({"touser": "ua", "msgtype": "text", "agentid": 1000002, "text": {"content": content}}, **more)


# ---- the group robot ------------------------------------------------------------------------------


def test_a_group_message_is_shown_and_entered_with_its_mid(sim):
    answer = sim.webhook({"msgtype": "text", "text": {"content": "请于8月19日前报送", "mentioned_list": ["ua"]}}, mid="ab12")
    assert answer == {"errcode": 0, "errmsg": "ok"}
    (m,) = sim.messages()
    assert (m["text"], m["chat"], m["mentions"], m["at"]) == ("请于8月19日前报送", "g150100", ["ua"], START_MS)
    (entry,) = sim.get("/control/ledger")
    assert (entry["kind"], entry["route"], entry["mid"], entry["accepted"], entry["shown"], entry["errcode"]) == (
        "robot", "g150100", "ab12", True, True, 0)


@pytest.mark.parametrize("body,errcode", [
    ({"msgtype": "text", "text": {"content": ""}}, 44004),
    ({"msgtype": "text", "text": {}}, 44004),
    ({"msgtype": "text", "text": {"content": "满" * 682 + "xx"}}, 0),
    ({"msgtype": "text", "text": {"content": "满" * 682 + "xxx"}}, 40058),
    ({"msgtype": "markdown", "markdown": {"content": "x" * 4096}}, 0),
    ({"msgtype": "markdown", "markdown": {"content": "x" * 4097}}, 40058),
    ({"msgtype": "card", "card": {}}, 40008),
    ({"text": {"content": "x"}}, 40008),
    (b'{"msgtype":"text","text":{"content":"\\u6536"}}', 40033),
    (b'{"msgtype":"text","text":{"content":"a\\\\u6536"}}', 0),
    (b'{"msgtype":"text","text":{"content":"\xff"}}', 40033),
    (b'{"msgtype":', 47001),
    (b'[]', 47001),
])
def test_a_body_that_wecom_refuses_is_refused_with_its_code_and_not_shown(sim, body, errcode):
    answer = sim.webhook(body)
    assert answer["errcode"] == errcode
    assert len(sim.messages()) == (1 if errcode == 0 else 0)
    if errcode:
        assert "hint: [" in answer["errmsg"] and answer["errmsg"].endswith("?e=%d" % errcode)


def test_an_unknown_key_is_refused(sim):
    assert sim.text("x", key="another") == 93000


def test_twenty_messages_a_rolling_minute_are_the_limit_of_a_group(sim):
    assert [sim.text("a%d" % i) for i in range(10)] == [0] * 10
    sim.clock(START_MS + 30000)
    assert [sim.text("b%d" % i) for i in range(10)] == [0] * 10
    assert sim.text("too many") == 45009
    sim.clock(START_MS + MINUTE - 1)
    assert sim.text("still") == 45009
    sim.clock(START_MS + MINUTE)
    assert [sim.text("c%d" % i) for i in range(10)] == [0] * 10
    assert sim.text("again") == 45009
    assert len(sim.shown()) == 30


# ---- the application ------------------------------------------------------------------------------


def test_a_token_needs_the_right_company_and_secret(sim):
    assert sim.get("/cgi-bin/gettoken?corpid=no&corpsecret=app-secret")["errcode"] == 40013
    assert sim.get("/cgi-bin/gettoken?corpid=ww0001&corpsecret=no")["errcode"] == 40001
    answer = sim.get("/cgi-bin/gettoken?corpid=ww0001&corpsecret=app-secret")
    assert (answer["errcode"], answer["expires_in"]) == (0, 7200)
    assert sim.token() == answer["access_token"]


def test_a_token_ends_after_two_hours_of_the_simulated_clock(sim):
    token = sim.token()
    sim.clock(START_MS + 7200 * 1000 - 1)
    assert sim.app_send(app_text("a"), token)["errcode"] == 0
    sim.clock(START_MS + 7200 * 1000)
    assert sim.app_send(app_text("b"), token)["errcode"] == 42001
    assert sim.token() != token


def test_a_message_without_a_good_token_is_refused(sim):
    assert json.loads(sim.raw("/cgi-bin/message/send", app_text("a"))[1])["errcode"] == 41001
    assert sim.app_send(app_text("a"), "invented")["errcode"] == 40014


def test_only_members_get_an_application_message(sim):
    token = sim.token()
    answer = sim.app_send(app_text("a", touser="UB|Nobody|uc"), token)
    assert (answer["errcode"], answer["invaliduser"]) == (0, "nobody")
    assert sorted(m["peer"] for m in sim.messages()) == ["ub", "uc"]
    assert sim.app_send(app_text("b", touser="nobody"), token)["errcode"] == 81013
    assert sim.app_send(app_text("b", touser=""), token)["errcode"] == 81013


@pytest.mark.parametrize("agent", ["1000002", 1000003, None, 1000002.0])
def test_the_agent_id_is_a_whole_number_and_the_right_one(sim, agent):
    assert sim.app_send(app_text("a", agentid=agent), sim.token())["errcode"] == 40056


def test_a_long_application_text_is_cut_without_a_word(sim):
    assert sim.app_send(app_text("满" * 700), sim.token())["errcode"] == 0
    assert sim.shown() == ["满" * 682]


def test_the_same_body_again_is_accepted_but_not_shown_while_the_interval_lasts(sim):
    token = sim.token()
    body = app_text("a", enable_duplicate_check=1, duplicate_check_interval=600)
    first = sim.app_send(body, token)
    sim.clock(START_MS + 600 * 1000 - 1)
    second = sim.app_send(body, token)
    assert (second["errcode"], second["msgid"]) == (0, first["msgid"])
    assert len(sim.shown()) == 1
    sim.clock(START_MS + 600 * 1000)
    assert sim.app_send(body, token)["errcode"] == 0
    assert len(sim.shown()) == 2
    assert [e["duplicate"] for e in sim.get("/control/ledger") if e["kind"] == "app"] == [False, True, False]


def test_the_31st_message_of_a_minute_to_a_member_vanishes(sim):
    token = sim.token()
    assert {sim.app_send(app_text("m%d" % i), token)["errcode"] for i in range(31)} == {0}
    assert len(sim.messages(peer="ua")) == 30
    assert sim.get("/control/ledger")[-1]["shown"] is False
    assert sim.app_send(app_text("other", touser="ub"), token)["errcode"] == 0
    assert len(sim.messages(peer="ub")) == 1


# ---- faults ---------------------------------------------------------------------------------------


def test_a_lost_answer_leaves_an_accepted_message(sim):
    sim.post("/control/fault", {"kind": "answer_lost", "route": "g150100"})
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.text("heard")
    assert sim.shown() == ["heard"]
    entry = sim.get("/control/ledger")[-1]
    assert (entry["accepted"], entry["fault"]) == (True, "answer_lost")
    assert sim.text("next") == 0


def test_a_reset_leaves_nothing(sim):
    sim.post("/control/fault", {"kind": "reset", "route": "g150100"})
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.text("lost")
    assert sim.shown() == []
    assert sim.get("/control/ledger")[-1]["accepted"] is False


def test_a_gateway_error_is_html_and_leaves_nothing(sim):
    sim.post("/control/fault", {"kind": "http5xx", "count": 2})
    for _ in range(2):
        status, data = sim.raw("/cgi-bin/webhook/send?key=" + KEY, {"msgtype": "text", "text": {"content": "x"}})
        assert status == 502 and data.startswith(b"<html>")
    assert sim.shown() == []
    assert sim.text("x") == 0


def test_half_an_answer_is_no_json(sim):
    sim.post("/control/fault", {"kind": "half_answer", "route": "g150100"})
    _, data = sim.raw("/cgi-bin/webhook/send?key=" + KEY, {"msgtype": "text", "text": {"content": "x"}})
    with pytest.raises(ValueError):
        json.loads(data)
    assert sim.shown() == ["x"]


def test_an_ordered_errcode_hits_its_route_only(sim):
    sim.post("/control/fault", {"kind": "45009", "route": "app"})
    assert sim.text("x") == 0
    assert sim.app_send(app_text("x"), sim.token())["errcode"] == 45009


def test_a_token_that_was_called_invalid_is_not_given_out_again(sim):
    token = sim.token()
    sim.post("/control/fault", {"kind": "errcode", "code": 42001, "route": "app:office"})
    assert sim.app_send(app_text("x"), token)["errcode"] == 42001
    assert sim.token() != token


def test_a_slow_answer_comes_late_but_comes(sim):
    sim.post("/control/fault", {"kind": "slow", "route": "g150100", "ms": 300})
    asked = sim.get("/control/state")["real_now"]
    assert sim.text("x") == 0
    assert sim.get("/control/state")["real_now"] - asked >= 300


def test_a_refusing_listener_comes_back_on_its_port(sim):
    sim.post("/control/fault", {"kind": "refuse", "ms": 1000})
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.text("x")

    def back():
        try:
            return sim.text("x") == 0
        except OSError:
            return False

    wait_for(back, "the listener to come back")


@pytest.mark.parametrize("order", [{}, {"kind": "none"}, {"kind": "slow", "count": 0}, {"kind": "slow", "ms": "1"},
                                   {"kind": "slow", "route": "x" * 80}])
def test_an_order_that_makes_no_sense_is_refused(sim, order):
    status, data = sim.request("POST", "/control/fault", order)
    assert status == 400 and json.loads(data)["error"]


# ---- callbacks ------------------------------------------------------------------------------------


def signature_is_right(query, encrypted):
    joined = "".join(sorted([TOKEN, query["timestamp"], query["nonce"], encrypted]))
    return hashlib.sha1(joined.encode()).hexdigest() == query["msg_signature"]


def test_a_mention_reaches_the_bot_signed_and_encrypted(sim, bot):
    answer = sim.say("@守望 已报2人6户")
    assert (answer["status"], answer["delivered"], answer["tries"]) == (200, True, 1)
    ((path, query, body),) = bot.calls
    assert path == "/wecom/robot/shouwang"
    assert query["timestamp"] == str(START_MS // 1000)
    assert signature_is_right(query, json.loads(body)["encrypt"])
    assert sim.messages()[0]["delivery"] == "delivered"


def test_a_private_message_reaches_the_application_as_xml(sim, bot):
    assert sim.say("已报2人6户", chat="app:office")["status"] == 200
    ((path, query, body),) = bot.calls
    assert path == "/wecom/app/office"
    encrypted = re.search(r"<Encrypt><!\[CDATA\[([A-Za-z0-9+/=]+)\]\]></Encrypt>", body).group(1)
    assert signature_is_right(query, encrypted)
    assert "<ToUserName><![CDATA[ww0001]]></ToUserName>" in body and "<AgentID><![CDATA[1000002]]></AgentID>" in body


def test_group_talk_without_a_mention_stays_among_people(sim, bot):
    answer = sim.say("下午三点开会")
    assert (answer["addressed"], answer["delivered"], answer["tries"]) == (False, False, 0)
    assert bot.calls == []
    assert sim.messages()[0]["delivery"] == "not_addressed"


def test_a_refused_callback_is_tried_three_times_with_fresh_nonces(sim, bot):
    bot.statuses = [500, 403, 200]
    answer = sim.say("@守望 收到")
    assert (answer["delivered"], answer["tries"], answer["status"]) == (True, 3, 200)
    assert len({query["nonce"] for _, query, _ in bot.calls}) == 3


def test_after_three_failures_a_message_is_lost(sim, bot):
    bot.statuses = [503, 503, 503]
    answer = sim.say("@守望 收到")
    assert (answer["delivered"], answer["tries"], answer["status"]) == (False, 3, 503)
    assert sim.get("/control/state")["callbacks"]["callback_lost"] == 1
    assert sim.messages()[0]["delivery"] == "lost"


def test_a_spoilt_signature_does_not_fit_and_is_sent_once(sim, bot):
    bot.statuses = [403]
    assert sim.say("@守望 收到", tamper="signature")["tries"] == 1
    ((_, query, body),) = bot.calls
    assert not signature_is_right(query, json.loads(body)["encrypt"])


def test_a_callback_can_be_repeated_although_it_had_its_answer(sim, bot):
    sim.post("/control/fault", {"kind": "repeat", "route": "g150100"})
    answer = sim.say("@守望 收到")
    assert (answer["delivered"], answer["tries"]) == (True, 2)
    assert len(bot.calls) == 2


@pytest.mark.parametrize("order,status", [
    ({"chat": "nowhere", "user": "ua", "text": "x"}, 404),
    ({"chat": "g150100", "user": "no one", "text": "x"}, 400),
    ({"chat": "g150100", "user": "ua", "text": ""}, 400),
    ({"chat": "g150100", "user": "ua", "text": "x" * 8193}, 400),
    ({"chat": "g150100", "user": "ua"}, 400),
    ({"chat": "g150100", "user": "ua", "text": "x", "tamper": "all"}, 400),
])
def test_nothing_can_be_said_that_nobody_could_say(sim, order, status):
    assert sim.request("POST", "/control/say", order)[0] == status
    assert sim.messages() == []


# ---- scripted officials ---------------------------------------------------------------------------


def line(at, text, **more):
    return dict({"at": at, "user": "ua", "chat": "g150100", "text": text}, **more)


def script_done(sim, **want):
    wait_for(lambda: all(sim.get("/control/state")["script"][k] == v for k, v in want.items()),
             lambda: "%s, not %s" % (want, sim.get("/control/state")["script"]))


def test_scripted_lines_are_said_in_order_when_their_time_has_come(sim, bot):
    sim.post("/control/script", {"lines": [
        line("2022-06-20T09:50", "二"), line("2022-06-20T09:40", "一", user="ub"), line("2022-06-20T10:10", "三")]})
    assert sim.messages() == []
    sim.clock(START_MS + 120 * MINUTE)
    script_done(sim, done=2, next_ms=START_MS + 130 * MINUTE)
    assert [(m["text"], m["from"]) for m in sim.messages()] == [("@守望 一", "ub"), ("@守望 二", "ua")]


def test_a_line_that_nobody_took_is_typed_anew_after_two_minutes(sim, bot):
    bot.statuses = [500] * 3
    sim.post("/control/script", {"lines": [line("2022-06-20T09:40", "收到")]})
    sim.clock(START_MS + 100 * MINUTE)
    script_done(sim, resent=1, next_ms=START_MS + 102 * MINUTE)
    sim.clock(START_MS + 102 * MINUTE)
    script_done(sim, done=1)
    assert [m["delivery"] for m in sim.messages()] == ["lost", "delivered"]


def test_a_line_is_given_up_after_five_times_anew(sim, bot):
    bot.statuses = [500] * 18
    sim.post("/control/script", {"lines": [line("2022-06-20T08:02", "收到")]})
    for i in range(6):
        sim.clock(START_MS + (2 + 2 * i) * MINUTE)
        if i < 5:
            script_done(sim, resent=i + 1)
    script_done(sim, lost=1, done=0)
    assert len(bot.calls) == 18


def test_a_script_with_one_bad_line_adds_none(sim):
    status, data = sim.request("POST", "/control/script", {"lines": [
        line("2022-06-20T09:40", "好"), line("2022-06-20", "x", chat="nowhere")]})
    assert status == 400 and "line 2" in json.loads(data)["error"]
    assert sim.get("/control/state")["script"]["total"] == 0


def test_the_officials_of_the_demo_fit_its_roster(bot):
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "tests/sim/demo-contacts.csv"), encoding="utf-8") as f:
        people = {row.split(",")[5]: row.split(",")[0] for row in f.read().splitlines()[1:]}
    with open(os.path.join(root, "tests/sim/demo-officials.conf"), encoding="utf-8") as f:
        text = f.read()
    lines = re.findall(r'at = "([^"]+)"; user = "([^"]+)"; chat = "([^"]+)"', text)
    assert len(lines) >= 100
    for at, user, chat in lines:
        assert user in people and chat in ("app:office", "g" + people[user]), (user, chat)
        assert "T09:10" < at[10:] < "T17:30", at
    assert "152501" not in {people[user] for _, user, _ in lines}
    units = sorted(set(people.values()))
    sim = Sim(bot.url, script=os.path.join(root, "tests/sim/demo-officials.conf"),
              robots=[{"name": "g" + u, "key": u, "unit": u} for u in units])
    assert sim.get("/control/state")["script"]["total"] == len(lines)
    sim.close()


# ---- the shared clock -----------------------------------------------------------------------------


@pytest.fixture
def broker():
    broker = Broker("wecom_sim")
    yield broker
    broker.close()


def test_a_step_of_the_clock_is_answered_when_all_that_is_due_was_said(bot, broker):
    sim = Sim(bot.url, mqtt={"host": "127.0.0.1", "port": broker.port})
    sim.post("/control/script", {"lines": [line("2022-06-20T09:40", "一"), line("2022-06-20T09:40", "二"),
                                           line("2022-06-20T11:00", "三")]})
    broker.clock(START_MS, 7)
    broker.wait_place(rev=7, next_ms=START_MS + 100 * MINUTE, busy=0)
    assert bot.calls == []
    broker.clock(START_MS + 100 * MINUTE, 8)
    broker.wait_place(rev=8, busy=0, next_ms=START_MS + 180 * MINUTE)
    assert len(bot.calls) == 2
    sim.close()


def test_a_simulator_that_starts_late_lets_the_past_be_past(bot, broker):
    broker.clock(START_MS + 100 * MINUTE, 3)
    sim = Sim(bot.url, mqtt={"host": "127.0.0.1", "port": broker.port})
    broker.wait_place(rev=3)
    sim.close()

    path = os.path.join(broker.dir, "officials.conf")
    with open(path, "w") as f:
        f.write('officials = ( { at = "2022-06-20T09:00"; user = "ua"; chat = "g150100"; text = "旧"; },\n'
                '  { at = "2022-06-20T10:00"; user = "ua"; chat = "g150100"; text = "新"; } );\n')
    sim = Sim(bot.url, mqtt={"host": "127.0.0.1", "port": broker.port}, script=path)
    broker.wait_place(rev=3, next_ms=START_MS + 120 * MINUTE)
    broker.clock(START_MS + 120 * MINUTE, 4)
    broker.wait_place(rev=4, busy=0)
    assert [m["text"] for m in sim.messages()] == ["@守望 新"]
    sim.close()


# ---- the page and strangers -----------------------------------------------------------------------


def test_the_page_and_its_files_are_served_and_may_run_nothing_foreign(sim):
    for path, kind in (("/", "text/html"), ("/wecom.css", "text/css"), ("/wecom.js", "text/javascript")):
        with sim.opener.open(sim.base + path, timeout=10) as res:
            assert res.headers["Content-Type"].startswith(kind)
            assert "script-src 'self'" in res.headers["Content-Security-Policy"]
            assert res.read()
    assert sim.request("GET", "/sim.conf")[0] == 404
    assert sim.request("GET", "/../sim.conf")[0] == 404


def test_an_open_page_hears_of_a_message(sim):
    with sim.opener.open(sim.base + "/control/events", timeout=10 * PATIENCE) as events:
        assert events.readline() == b"event: clock\n"
        events.readline()
        events.readline()
        assert sim.text("你好") == 0
        assert events.readline() == b"event: message\n"
        assert json.loads(events.readline()[len("data: "):])["text"] == "你好"


def test_secrets_of_the_configuration_are_not_told(sim):
    status, body = sim.request("GET", "/control/state")
    assert status == 200
    for secret in (KEY, "app-secret", TOKEN, "ShouWang2022NeiMengGu"):
        assert secret.encode() not in body


@pytest.mark.parametrize("method,path,body,headers,status", [
    ("POST", "/control/say", b"{}", {}, 415),
    ("POST", "/control/say", b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/control/say", b"[]", {"Content-Type": "application/json"}, 400),
    ("POST", "/control/say", b"\xff\x00", {"Content-Type": "application/json"}, 400),
    ("POST", "/control/say", b"[" * 60000, {"Content-Type": "application/json"}, 400),
    ("POST", "/control/say", b" " * 300000, {"Content-Type": "application/json"}, 413),
    ("POST", "/control/state", b"{}", {"Content-Type": "application/json"}, 405),
    ("GET", "/control/say", None, {}, 405),
    ("GET", "/control/messages?since=-1", None, {}, 400),
    ("GET", "/control/messages?since=99999999999999999999", None, {}, 400),
    ("GET", "/control/nothing", None, {}, 404),
    ("PUT", "/", b"x", {}, 405),
], ids=lambda v: v[:20].decode("latin-1") if isinstance(v, bytes) else None)
def test_a_request_that_is_none_is_refused_and_does_no_harm(sim, method, path, body, headers, status):
    assert sim.request(method, path, body, headers)[0] == status
    assert sim.text("x") == 0


def test_another_path_or_method_of_wecom_is_refused_with_a_code(sim):
    assert sim.get("/cgi-bin/user/list")["errcode"] == 40066
    assert sim.get("/cgi-bin/webhook/send?key=" + KEY)["errcode"] == 43002
