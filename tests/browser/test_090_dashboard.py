"""The dashboard in a real browser, at a desk and on a telephone.

The office logs in, sees the fourteen units and what needs a person, and watches a reply arrive. What the page says when it is
cut off, and that what comes from outside stays text. Pictures of it are kept in build/.
"""
import base64
import json
import os
import subprocess

import pytest

from webdriver import Browser, wait_for

from office import CLERK, GROUP, OTHER_CLERK, OTHER_GROUP, UNIT, answer, open_office, say
from page import operator
from stack import ROOT, Stack

EVIL = "<img src=x onerror=\"document.title='bad'\"><b>乌海市</b>"
SUMS = {"waiting": 3155, "in_flight": 96, "accepted": 340, "delivered": 1200, "undelivered": 9, "opted_out": 12, "capped": 3,
        "unknown": 2}


def publish(stack, topic, data):
    """As the notifier would: what this page shows of a topic, whoever fills it."""
    with open(os.path.join(stack.info["dir"], "secrets/mqtt-notifier")) as f:
        password = f.read().strip()
    subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-p", str(stack.info["mqtt"]["port"]), "-u", "notifier", "-P", password,
                    "-q", "1", "-r", "-t", topic, "-s"], input=json.dumps(data).encode(), check=True, timeout=60)


def broadcast(stack, code, title, state, sums):
    publish(stack, "sw/v1/state/broadcast/" + code, {
        "v": 1, "at": 1, "id": code, "title": title, "area": "", "state": state, "count": sum(sums.values()), "sums_known": True,
        "sums": sums, "from": 1664582400000, "until": 1665374400000, "planned_by": "office", "approved_by": "lead"})


@pytest.fixture(scope="module")
def stack():
    """The middle of August: some have reported, most have not, one has sent its materials."""
    with Stack() as stack:
        open_office(stack)
        stack.advance("2022-06-22T10:00")
        answer(stack, GROUP, CLERK, "@守望 收到")
        answer(stack, GROUP, CLERK, "@守望 已报2人6户")
        stack.advance("2022-07-04T10:00")
        answer(stack, OTHER_GROUP, OTHER_CLERK, "@守望 已报1人6户")
        say(stack, GROUP, CLERK, "@守望 纪委函已发出")
        for code, workers, households in ("150700", 3, 8), ("152200", 5, 6), ("150500", 4, 10):
            stack.act("report", code, workers, households, "--source", "phone")
        stack.act("verify", "150700")
        stack.advance("2022-08-16T08:30")
        broadcast(stack, "b1", "包头市 好邻居 第2户", "running", SUMS)
        broadcast(stack, "b2", "乌海市 好邻居 第1户", "planned", {"waiting": 4800})
        yield stack


def log_in(browser, stack):
    name, passphrase = operator(stack)
    browser.open(stack.http.base + "/")
    browser.wait_text("form", "口令")
    browser.type("#name", name)
    browser.type("#passphrase", passphrase)
    browser.click("button")
    browser.wait_text("#link", "实时更新")
    browser.wait_text("#broadcasts", "包头市")


@pytest.fixture
def desk(stack):
    browser = Browser(1440, 900)
    yield browser
    browser.close()


@pytest.fixture(params=[390, 360])
def phone(stack, request):
    browser = Browser(request.param, 800)
    browser.width = request.param
    yield browser
    browser.close()


def picture(browser, name, width, height=None):
    """The whole page, or what is on the first HEIGHT points of it, as build/NAME.png."""
    browser.ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
        "width": width, "height": height or browser.run("return document.documentElement.scrollHeight"),
        "deviceScaleFactor": 1, "mobile": width < 500}})
    with open(os.path.join(ROOT, "build", name + ".png"), "wb") as f:
        f.write(base64.b64decode(browser.ask("GET", "/screenshot")))


def row(browser, code):
    return browser.text("#unit-rows tr[data-code='%s']" % code) or ""


def test_at_a_desk_everything_is_on_one_page(desk, stack):
    log_in(desk, stack)
    picture(desk, "dashboard-desk", 1440)
    assert desk.text("#title") == "城镇居民邻里守望、互助关爱先进典型选树宣传活动"
    assert desk.text("#doc") == "内民政发〔2022〕63号"
    assert desk.text("#clock") == "2022年8月16日（星期二）8:30"
    assert "前置审核和公示" in desk.text("#phases [aria-current]")
    assert "已截止" in desk.text("#deadlines li:first-child")
    assert "还有4天，4个工作日" in desk.text("#deadlines li:last-child")
    names = desk.run("return [...document.querySelectorAll('#unit-rows th')].map((e) => e.innerText)")
    assert len(names) == 14 and names[0] == "呼和浩特市" and names[13] == "二连浩特市"
    assert "已收到" in row(desk, UNIT) and "已报待核" in row(desk, UNIT)
    assert "逾期，缺1名" in row(desk, "150200")
    assert "已核实" in row(desk, "150700")
    assert "超1名" in row(desk, "152200")
    assert "逾期未报" in row(desk, "150400") and "次提醒未回复" in row(desk, "150400")
    assert "报送提醒" in desk.text("#today") and "待发" in desk.text("#today")
    assert "纪检确认函情况" in desk.text("#attention") and "请电话联系" in desk.text("#attention")
    assert desk.run("return document.documentElement.scrollWidth <= innerWidth")
    assert desk.complaints() == []


def test_on_a_telephone_nothing_is_cut_off(phone, stack):
    """Each unit is a card with its labels; what needs a person comes before the units; no sideways scrolling."""
    log_in(phone, stack)
    picture(phone, "dashboard-phone-%d" % phone.width, phone.width)
    assert phone.run("return document.documentElement.scrollWidth <= innerWidth")
    assert phone.run("""const wide = [...document.querySelectorAll('.paper, .paper *, .top *')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && getComputedStyle(e).clipPath === 'none'
            && !e.closest('thead'));
        return wide.map((e) => e.outerHTML.slice(0, 80));""") == []
    assert "工作者" in row(phone, UNIT) and "最近回复" in row(phone, UNIT)
    assert phone.run("""return document.getElementById('attention').getBoundingClientRect().top
        < document.getElementById('unit-rows').getBoundingClientRect().top""")
    assert phone.complaints() == []


def test_a_reply_changes_the_open_page(desk, stack):
    log_in(desk, stack)
    assert "逾期未报" in row(desk, "152900")
    stack.act("report", "152900", "2", "5", "--source", "phone")
    wait_for(lambda: "已报待核" in row(desk, "152900"), lambda: "the report in %r" % row(desk, "152900"))
    assert "2 / 2至3名" in row(desk, "152900")


def test_a_broadcast_shows_how_far_it_is(desk, stack):
    log_in(desk, stack)
    text = desk.text("#broadcasts")
    assert "已送达 1,200" in text and "已提交 436" in text and "未送达 9" in text and "待发送 3,155" in text
    assert desk.run("return document.querySelector('#broadcasts li:nth-child(2) [role=progressbar]').ariaValueNow") == "34"
    broadcast(stack, "b1", "包头市 好邻居 第2户", "done", dict(SUMS, waiting=0, delivered=4355))
    desk.wait_text("#closed-title", "已结束 1项")
    assert "乌海市" in desk.text("#broadcasts") and "包头市" not in desk.text("#broadcasts")
    broadcast(stack, "b1", "包头市 好邻居 第2户", "running", SUMS)


def test_what_comes_from_outside_stays_text(desk, stack):
    log_in(desk, stack)
    broadcast(stack, "b3", EVIL, "running", {"waiting": 1})
    desk.wait_text("#broadcasts", "<img src=x")
    assert desk.run("return document.querySelectorAll('#broadcasts img, #broadcasts b b').length") == 0
    assert desk.run("return document.title") != "bad"
    assert desk.complaints() == []


def test_the_form_says_that_it_was_wrong_and_nothing_more(desk, stack):
    desk.open(stack.http.base + "/login")
    picture(desk, "dashboard-login", 1440, 900)
    assert not desk.run("return document.querySelector('.wrong').offsetHeight")
    desk.type("#name", "nobody")
    desk.type("#passphrase", "wrong wrong")
    desk.click("button")
    desk.wait_text(".wrong", "账号或口令不正确")
    assert desk.run("return document.querySelector('.locked').offsetHeight") == 0


def test_the_keyboard_reaches_everything_and_logout_leaves_nothing(desk, stack):
    log_in(desk, stack)
    desk.ask("POST", "/actions", {"actions": [{"type": "key", "id": "k", "actions": [
        {"type": "keyDown", "value": "\ue004"}, {"type": "keyUp", "value": "\ue004"}]}]})
    assert desk.run("return document.activeElement.className") == "skip"
    desk.click(".who button")
    desk.wait_text("form", "口令")
    desk.open(stack.http.base + "/")
    desk.wait_text("form", "口令")
    assert desk.text("#unit-rows") is None


def test_a_page_that_is_cut_off_says_so_and_asks_for_the_login_again(desk, stack):
    """The bot is killed; its sessions end with it."""
    log_in(desk, stack)
    desk.run("""new MutationObserver(() => sessionStorage.setItem('seen', document.getElementById('alerts').innerText))
        .observe(document.getElementById('alerts'), { childList: true });""")
    pid = stack.kill("bot")
    stack.wait_restart("bot", pid)
    wait_for(lambda: desk.text("#passphrase") is not None, "the login form")
    assert "连接中断" in desk.run("return sessionStorage.getItem('seen')")
