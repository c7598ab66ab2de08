"""The office opens the dashboard: only with a passphrase, always what is so now, and never more than counts and states."""
import json

from office import CLERK, GROUP, UNIT, answer, open_office, say
from page import Visitor, log_in, operator
from stack import wait_for

WRONG = "not the passphrase"


def test_without_login_there_is_a_form_and_no_data(make_stack):
    """The page leads to the form, the interfaces say 401, files of the page hold nothing of the campaign."""
    stack = make_stack()
    visitor = Visitor(stack)
    page = visitor.get("/")
    assert page.status == 303 and page.headers["Location"] == "/login"
    assert visitor.get("/api/v1/state").status == 401
    assert visitor.get("/api/v1/events").status == 401
    form = visitor.get("/login")
    assert form.status == 200 and "口令" in form.body.decode()
    for path in "/login", "/app.js", "/app.css", "/icon.svg":
        assert visitor.get(path).status == 200
        assert "呼和浩特" not in visitor.get(path).body.decode()
    visitor.cookies["sw"] = "0" * 32
    assert visitor.get("/api/v1/state").status == 401


def test_every_answer_forbids_inline_script_framing_and_keeping(make_stack):
    """The headers are the same with and without login, and HEAD answers like GET without a body."""
    stack = make_stack()
    for visitor in Visitor(stack), log_in(stack):
        for path in "/", "/login", "/app.js", "/api/v1/state":
            got = visitor.get(path)
            policy = got.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
            assert got.headers["X-Content-Type-Options"] == "nosniff"
            assert got.headers["Referrer-Policy"] == "no-referrer"
            assert got.headers["Cache-Control"] == "no-store"
            head = visitor.ask("HEAD", path)
            assert head.status == got.status and head.body == b""
            assert head.headers["Content-Length"] == got.headers["Content-Length"]


def test_the_passphrase_opens_a_session_that_logout_ends(make_stack):
    """A cookie no script can read, another one at each login; after logout the old one opens nothing."""
    stack = make_stack()
    visitor = Visitor(stack)
    got = visitor.login(*operator(stack))
    assert got.status == 303 and got.headers["Location"] == "/"
    name, value, attributes = got.cookie
    assert name == "sw" and len(value) == 32
    assert "httponly" in attributes and "samesite=strict" in attributes and "secure" not in attributes
    assert "守望" in visitor.get("/").body.decode()
    assert visitor.state()["operator"]["name"] == operator(stack)[0]
    again = visitor.login(*operator(stack)).cookie[1]
    assert again != value
    former = Visitor(stack)
    former.cookies["sw"] = value
    assert former.get("/api/v1/state").status == 401
    former.cookies["sw"] = again
    assert visitor.logout().status == 303
    assert former.get("/api/v1/state").status == 401


def test_unknown_names_and_wrong_passphrases_look_alike(make_stack):
    """Nobody learns which names exist: status, words and cookies are the same."""
    stack = make_stack()
    known = Visitor(stack).login(operator(stack)[0], WRONG)
    unknown = Visitor(stack).login("nobody", WRONG)
    assert known.status == unknown.status == 401
    assert known.body == unknown.body and known.cookie is unknown.cookie is None
    assert "账号或口令不正确" in known.body.decode()


def test_five_wrong_passphrases_lock_the_door(make_stack):
    """Even the right one is refused then, with a time to wait; a session that is open stays open."""
    stack = make_stack()
    inside = log_in(stack)
    visitor = Visitor(stack)
    for _ in range(5):
        assert visitor.login(operator(stack)[0], WRONG).status == 401
    locked = visitor.login(*operator(stack))
    assert locked.status == 429 and locked.cookie is None and locked.headers["Retry-After"] == "900"
    assert inside.get("/api/v1/state").status == 200
    assert WRONG not in stack.logs(2000)


def test_a_page_elsewhere_cannot_log_anybody_in_or_out(make_stack):
    """What a browser says of the origin decides; without a browser there is nothing to abuse."""
    stack = make_stack()
    who = operator(stack)
    own = "http://" + Visitor(stack).host
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site", "Origin": own}):
        assert Visitor(stack).login(*who, headers=headers).status == 403
    visitor = log_in(stack)
    assert visitor.logout({"Origin": "https://evil.example"}).status == 403
    assert visitor.get("/api/v1/state").status == 200
    assert visitor.get("/logout").status == 405
    assert Visitor(stack).login(*who, headers={"Origin": own}).status == 303
    assert Visitor(stack).login(*who, headers={"Origin": "null", "Sec-Fetch-Site": "same-origin"}).status == 303
    assert Visitor(stack).ask("POST", "/login", "{}", {"Content-Type": "application/json"}).status == 415


def test_behind_a_proxy_the_cookie_is_secure_and_each_client_counts_for_himself(make_stack):
    """The proxy is one address for everybody: the last address it names is the one that is locked."""
    stack = make_stack(sets={"http.tls_in_front": True})
    def login(address, passphrase, name=operator(stack)[0]):
        return Visitor(stack).login(name, passphrase, {"X-Forwarded-For": address})
    name, _, attributes = login("10.1.1.1", operator(stack)[1]).cookie
    assert name == "__Host-sw" and "secure" in attributes and "path=/" in attributes
    for n in range(5):
        assert login("10.9.9.9, 10.1.1.2", WRONG, "guess%d" % n).status == 401
    assert login("10.1.1.1, 10.1.1.2", operator(stack)[1]).status == 429
    assert login("10.1.1.2, 10.1.1.3", operator(stack)[1]).status == 303


def test_the_state_has_all_units_in_their_order(make_stack):
    """Fourteen units, the campaign's days, who asks; and no text, name or number of a person."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    say(stack, GROUP, CLERK, "@守望 换人 张三 13800000001")
    visitor = log_in(stack)

    def queued():
        items = (visitor.state().get("attention") or {"items": []})["items"]
        return [a["what"] for a in items if a["kind"] == "queue" and a["unit"] == UNIT]

    wait_for(lambda: queued() == ["contact"], "the change of a contact to need a person")
    state = visitor.state()
    assert len(state["units"]) == 14
    assert [u["code"] for u in state["units"]] == state["campaign"]["units"]
    assert state["units"][0]["name"] == "呼和浩特市" and state["units"][13]["name"] == "二连浩特市"
    assert state["service"]["broker"] and state["service"]["notifier"]
    submit = next(d for d in state["campaign"]["deadlines"] if d["id"] == "submit")
    assert (submit["days_left"], submit["workdays_left"]) == (46, 34)
    whole = json.dumps(state, ensure_ascii=False)
    assert all(part not in whole for part in ("张三", "13800000001", "换人", CLERK))


def test_a_reply_is_an_event_on_the_open_page(make_stack):
    """Somebody reports in the group, and the open page hears of it; the whole state says the same afterwards."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    visitor = log_in(stack)
    events = visitor.events()
    assert events.status == 200
    assert events.read()[0] == "service"
    answer(stack, GROUP, CLERK, "@守望 已报2人6户")

    def figures(unit):
        return {o["category"]: o["have"] for o in unit["obligations"] if o["kind"] == "quota" and o["known"]}

    unit = events.next(lambda kind, data: kind == "unit" and data["code"] == UNIT and figures(data), "the report")
    assert figures(unit) == {"worker": 2, "household": 6}
    assert figures(visitor.unit(UNIT)) == {"worker": 2, "household": 6}
    events.close()


def test_what_goes_out_today_is_told_before_and_after(make_stack):
    """In the morning it is planned, at noon sent; who needs none is counted with the reason."""
    stack = open_office(make_stack())
    stack.advance("2022-06-20T10:00")
    answer(stack, GROUP, CLERK, "@守望 收到")
    stack.advance("2022-06-22T08:30")
    visitor = log_in(stack)

    def rows(state, channel="robot"):
        return [(r["rule"], r["n"]) for r in (visitor.state().get("today") or {"items": []})["items"]
                if r["state"] == state and r["channel"] in (channel, "")]

    wait_for(lambda: rows("planned") == [("R02", 13)], lambda: "13 planned, not %s" % visitor.state().get("today"))
    assert visitor.state()["today"]["items"][0]["title"] == "请确认收到启动通知"
    stack.advance("2022-06-22T12:00")
    wait_for(lambda: rows("sent") == [("R02", 13)], lambda: "13 sent, not %s" % visitor.state().get("today"))
    assert rows("planned") == [] and rows("skipped") == [("R02", 1)]


def test_pause_and_the_notifiers_end_are_seen(make_stack):
    """What stops the service stands on the page without asking anybody."""
    stack = open_office(make_stack())
    visitor = log_in(stack)
    stack.act("pause")
    wait_for(lambda: visitor.state()["ops"]["paused"], "the pause")
    stack.act("resume")
    wait_for(lambda: not visitor.state()["ops"]["paused"], "the end of the pause")
    events = visitor.events()
    stack.kill("notifier")
    events.next(lambda kind, data: kind == "service" and not data["notifier"], "the notifier's end")
    events.next(lambda kind, data: kind == "service" and data["notifier"], "its return")
    events.close()


def test_logout_and_removal_end_the_live_stream(make_stack):
    """A stream lives as long as its session, and a session as long as its operator."""
    stack = make_stack()
    visitor = log_in(stack)
    events = visitor.events()
    visitor.logout()
    events.ends()
    visitor = log_in(stack)
    events = visitor.events()
    stack.cli("operator", "remove", operator(stack)[0])
    events.ends()
    assert visitor.get("/api/v1/state").status == 401


def test_the_limit_for_strangers_does_not_hit_who_is_logged_in(make_stack):
    """A page with many requests stays usable where a stranger is told to slow down."""
    stack = make_stack(sets={"http.rate_per_ip": 5})
    visitor = log_in(stack)
    assert {visitor.get("/api/v1/state").status for _ in range(40)} == {200}
    assert 429 in {Visitor(stack).get("/login").status for _ in range(20)}


def test_sessions_have_a_bounded_number_of_streams(make_stack):
    """Eight pages of one login are live; the ninth is told to come again."""
    stack = make_stack()
    visitor = log_in(stack)
    streams = [visitor.events() for _ in range(8)]
    assert [s.status for s in streams] == [200] * 8
    assert visitor.events().status == 503
    streams.pop().close()

    def again():
        s = visitor.events()
        streams.append(s)
        return s.status == 200

    wait_for(again, "room for another page")
    for s in streams:
        s.close()
