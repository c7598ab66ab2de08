"""Residents open the honour roll an SMS has sent them to: no name before it may be read, none after it was withdrawn.

`chief` opens the gates, `office` imports the commended. Nobody who reads the page has a login.
"""
import os
import subprocess
import time

from page import Visitor, log_in
from stack import PATIENCE
from test_048_release import GATES, HONOURS, ITEM, open_publicity

TOPIC = "sw/v1/state/honours"
NAMES = "张三", "李四"
PATHS = "/honour", "/honour.css", "/honour.js", "/icon.svg", "/favicon.ico", "/api/v1/honours"


def roll(stack):
    """What anybody may read; None while the bot knows nothing yet."""
    answer = Visitor(stack).get("/api/v1/honours")
    return answer.json() if answer.status == 200 else None


def names(stack):
    data = roll(stack) or {}
    return [i["name"] for k in data.get("categories", []) for i in k["items"]]


def publish_as_notifier(stack, text):
    """What the notifier never says."""
    with open(os.path.join(stack.info["dir"], "secrets/mqtt-notifier")) as f:
        password = f.read().strip()
    subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-p", str(stack.info["mqtt"]["port"]), "-u", "notifier", "-P", password,
                    "-q", "1", "-r", "-t", TOPIC, "-m", text], check=True, timeout=20 * PATIENCE)


def wait_names(stack, *expected):
    stack.wait(lambda: names(stack) == list(expected), lambda: "%s; there are %s" % (expected, names(stack)))


def test_before_every_gate_is_open_there_is_no_name(make_stack, tmp_path):
    """Neither with the import alone nor with one of two gates; the page is there all the same."""
    stack = open_publicity(make_stack, tmp_path, gates=())
    stack.wait(lambda: roll(stack), "the topic")
    assert roll(stack)["published"] is False
    stack.act("campaign", "gate", GATES[0], operator="chief")
    assert set(roll(stack)) == {"v", "at", "published"} and roll(stack)["published"] is False
    for path in PATHS:
        got = Visitor(stack).get(path)
        assert got.status == 200 and not any(n in got.body.decode() for n in NAMES)
    assert not any(n in stack.listen(TOPIC)[0][1] for n in NAMES)


def test_with_the_gates_open_the_names_stand_there_by_category(make_stack, tmp_path):
    """In the order of the definition, with unit, community and deed, and no text that was made for SMS or screens."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    data = roll(stack)
    assert data["doc_no"] == "内民政发〔2022〕63号" and data["tel"] == "0471-6962044" and data["title"]
    assert [(k["id"], k["unit_word"], k["final"]) for k in data["categories"]] == [("worker", "名", 20), ("household", "户", 50)]
    assert data["categories"][0]["items"] == [{"unit": "150100", "unit_name": "呼和浩特市", "name": "张三", "community": "某社区",
                                               "deed": "为独居老人坚持代买代办"}]
    assert "拒收" not in str(data)


def test_units_come_in_administrative_order(make_stack, tmp_path):
    """Whatever the order of the file."""
    stack = open_publicity(make_stack, tmp_path)
    head, worker, _ = HONOURS.splitlines()
    codes = "152900", "150200", "150100"
    (tmp_path / "honours.csv").write_text("\n".join([head] + [worker.replace("150100", c) for c in codes]) + "\n")
    stack.act("import", "honours", tmp_path / "honours.csv")
    stack.wait(lambda: [i["unit"] for i in roll(stack)["categories"][0]["items"]] == list(reversed(codes)), "the order")


def test_a_roll_that_is_too_long_keeps_its_names(make_stack, tmp_path):
    """Seventy deeds of 4,059 bytes do not fit into one message: the names go without them."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    head, worker, household = HONOURS.splitlines()
    deeds = "为独居老人坚持代买代办", "十年如一日照料楼上独居老人"
    rows = [row.replace(",某社区,", ",第%d社区," % i).replace("," + deed + ",", "," + deeds[0] * 123 + ",")
            for row, deed, n in ((worker, deeds[0], 20), (household, deeds[1], 50)) for i in range(n)]
    (tmp_path / "honours.csv").write_text("\n".join([head] + rows) + "\n")
    stack.act("import", "honours", tmp_path / "honours.csv")
    wait_names(stack, *["张三"] * 20, *["李四"] * 50)
    data = roll(stack)
    assert data["cut"] is True and {i["deed"] for k in data["categories"] for i in k["items"]} == {""}


def test_a_withdrawn_name_is_gone_within_a_second(make_stack, tmp_path):
    """From the page, for caches too, and from the broker; it stays away over a restart."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    before = Visitor(stack).get("/api/v1/honours")
    same = Visitor(stack).get("/api/v1/honours", {"If-None-Match": before.headers["ETag"]})
    assert same.status == 304 and same.body == b""
    assert before.headers["Cache-Control"] == "no-cache"
    began = time.monotonic()
    stack.act("withdraw", ITEM, "--reason", "有异议，核实中", operator="chief")
    wait_names(stack, "李四")
    assert time.monotonic() - began < 1.0 * PATIENCE + 1.0  # the command itself answers within a second
    after = Visitor(stack).get("/api/v1/honours", {"If-None-Match": before.headers["ETag"]})
    assert after.status == 200 and "张三" not in after.body.decode()
    assert "张三" not in stack.listen(TOPIC)[0][1]
    stack.wait_restart("notifier", stack.kill("notifier"))
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again")
    assert names(stack) == ["李四"]


def test_a_gate_that_closes_takes_the_roll_away(make_stack, tmp_path):
    """And one that is opened ahead brings it back by itself, at its moment."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    stack.act("campaign", "gate", GATES[1], "--close", operator="chief")
    wait_names(stack)
    assert roll(stack)["published"] is False
    stack.act("campaign", "gate", GATES[1], "--at", "2022-10-08T10:00", operator="chief")
    stack.advance("2022-10-08T09:59")
    assert names(stack) == []
    stack.advance("2022-10-08T10:00")
    wait_names(stack, *NAMES)


def test_a_bot_that_knows_nothing_says_so(make_stack, tmp_path):
    """It does not say that there is no list; when it hears of it, it shows it."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    publish_as_notifier(stack, "not json")
    stack.wait(lambda: Visitor(stack).get("/api/v1/honours").status == 503, "the roll to be unknown")
    assert Visitor(stack).get("/api/v1/honours").headers["Retry-After"]
    stack.wait_restart("notifier", stack.kill("notifier"))
    wait_names(stack, *NAMES)
    stack.wait_restart("bot", stack.kill("bot"))
    wait_names(stack, *NAMES)


def test_nothing_of_the_dashboard_is_public_and_nothing_of_the_roll_is_in_it(make_stack, tmp_path):
    """Without login the state stays closed; with login, the roll is no part of it."""
    stack = open_publicity(make_stack, tmp_path)
    wait_names(stack, *NAMES)
    visitor = Visitor(stack)
    assert visitor.get("/").status == 303
    for path in "/api/v1/state", "/api/v1/events":
        assert visitor.get(path).status == 401
    assert set(roll(stack)) == {"v", "at", "published", "title", "doc_no", "tel", "cut", "categories"}
    assert "honours" not in log_in(stack).state()


def test_thousands_of_looks_lock_nobody_out(make_stack, tmp_path):
    """From one address, far beyond its limit; and whoever logs in from there is not limited by them."""
    stack = open_publicity(make_stack, tmp_path, sets={"http.rate_per_ip": 5})
    wait_names(stack, *NAMES)
    visitor = Visitor(stack)
    for _ in range(20):
        for path in PATHS:
            assert visitor.get(path).status == 200
    assert visitor.get("/login").status == 200


def test_the_public_page_has_the_headers_of_all_pages(make_stack):
    """Nothing inline, nothing framed; HEAD is answered, POST is not; only the files may be kept, and not for long."""
    stack = make_stack()
    stack.wait(lambda: roll(stack), "the topic")
    visitor = Visitor(stack)
    for path in PATHS:
        got = visitor.get(path)
        policy = got.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert got.headers["X-Content-Type-Options"] == "nosniff" and got.headers["Referrer-Policy"] == "no-referrer"
        assert got.headers["Cache-Control"] == ("no-cache" if "api" in path else "public, max-age=300")
        head = visitor.ask("HEAD", path)
        assert head.status == 200 and head.body == b"" and head.headers["Content-Length"] == got.headers["Content-Length"]
        assert visitor.ask("POST", path, "").status == 405
        assert "Set-Cookie" not in got.headers
    text = "".join(visitor.get(p).body.decode() for p in PATHS[:3])
    assert "://" not in text and "style=" not in text and " on" + "click=" not in text
