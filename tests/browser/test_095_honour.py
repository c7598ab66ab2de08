"""The honour roll in a real browser: on the telephones an SMS sends residents from, at a desk, by night and on paper.

Seventy commended in two categories. Pictures of it are kept in build/.
"""
import base64
import csv
import os
import re

import pytest

from webdriver import Browser, wait_for

from stack import ROOT, Stack

GATES = "final_notice.closed", "document.issued"
UNITS = ("150100 150200 150300 150400 150500 150600 150700 150800 150900 152200 152500 152900 150781 152501").split()
SURNAMES = "张王李赵陈杨黄周吴徐孙胡朱高林何郭马罗梁"
DEEDS = ("扎根社区十二年，为独居老人坚持代买代办，被居民称作“贴心人”", "牵头成立楼院互助队，把四十多户人家的急难愁盼一件件办成",
         "照料失能邻居多年，从不间断", "热心调解邻里纠纷，组织志愿者每周为高龄老人上门理发、打扫、读报，带动全楼参与守望相助")
EVIL = "<img src=x onerror=\"document.title='bad'\"><b>示例社区</b>"


def write_honours(path, rows):
    with open(path, "w", newline="") as f:
        w = csv.writer(f)
        w.writerow("category unit_code name community deed text_sms text_group text_screen text_loud".split())
        for category, unit, name, community, deed in rows:
            title = "自治区最美社区工作者" if category == "worker" else "和睦友爱好邻居"
            w.writerow([category, unit, name, community, deed,
                        "身边的榜样：%s入选“%s”。事迹见https://example.invalid/x 拒收请回复R" % (name, title), "", "", ""])


def seventy():
    people = [("worker", UNITS[i % 14], SURNAMES[i] + "示例", "示例街道第%s社区" % "一二三"[i % 3], DEEDS[i % 4]) for i in range(20)]
    homes = [("household", UNITS[(i * 5) % 14], SURNAMES[i % 20] + "某" + "甲乙丙"[i // 20], "示例小区%d号楼" % (i + 1),
              DEEDS[(i + 1) % 4]) for i in range(50)]
    return people + homes


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(sets={"simulation_start": "2022-10-08T08:30"}) as stack:
        stack.honours = tmp_path_factory.mktemp("honours") / "honours.csv"
        write_honours(stack.honours, seventy())
        stack.act("import", "honours", stack.honours)
        yield stack


@pytest.fixture
def published(stack):
    for gate in GATES:
        stack.act("campaign", "gate", gate, operator="chief")
    return stack


@pytest.fixture
def make_browser():
    browsers = []

    def make(width, height=800):
        browsers.append(Browser(width, height))
        browsers[-1].width = width
        return browsers[-1]

    yield make
    for browser in browsers:
        browser.close()


def cdp(browser, cmd, **params):
    return browser.ask("POST", "/goog/cdp/execute", {"cmd": cmd, "params": params})


def picture(browser, name, height=None):
    """What is on the first HEIGHT points of the page, or all of it, as build/NAME.png."""
    cdp(browser, "Emulation.setDeviceMetricsOverride", width=browser.width, deviceScaleFactor=1, mobile=browser.width < 500,
        height=height or browser.run("return document.documentElement.scrollHeight"))
    with open(os.path.join(ROOT, "build", name + ".png"), "wb") as f:
        f.write(base64.b64decode(browser.ask("GET", "/screenshot")))


def fits(browser):
    """Nothing is wider than the screen."""
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("""return [...document.querySelectorAll('body *')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))""") == []


def test_before_publication_the_page_says_so(stack, make_browser):
    for gate in GATES:
        stack.act("campaign", "gate", gate, "--close", operator="chief")
    phone = make_browser(390)
    phone.open(stack.http.base + "/honour")
    phone.wait_text("#status", "名单尚未公布")
    picture(phone, "honour-before", 800)
    assert phone.run("return document.querySelectorAll('#roll *').length") == 0
    assert phone.complaints() == []
    fits(phone)


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_all_seventy_stand_there_by_category_and_unit(published, make_browser, width):
    browser = make_browser(width, 900)
    browser.open(published.http.base + "/honour")
    browser.wait_text("#roll", "自治区最美社区工作者")
    picture(browser, "honour-%d" % width, 1600)
    assert browser.text("#title") == "城镇居民邻里守望、互助关爱先进典型选树宣传活动"
    assert browser.text("#doc") == "内民政发〔2022〕63号"
    assert [re.sub(r"\s", "", browser.text(s + " .count")) for s in ("#c-worker", "#c-household")] == [
        "共20名，排名不分先后", "共50户，排名不分先后"]
    assert "排名不分先后" in browser.text("#order") and "0471-6962044" in browser.text("#tel")
    assert browser.run("return document.querySelectorAll('#roll li').length") == 70
    assert browser.run("return [...document.querySelectorAll('#c-worker h3')].map((e) => e.innerText)[0]") == "呼和浩特市"
    assert browser.run("return document.querySelectorAll('#c-worker h3').length") == 14
    assert "张示例" in browser.text("#c-worker li") and "示例街道第一社区" in browser.text("#c-worker li")
    assert DEEDS[0] in browser.text("#c-worker li")
    assert browser.complaints() == []
    fits(browser)


def test_by_night_and_on_paper(published, make_browser):
    browser = make_browser(390)
    cdp(browser, "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.open(published.http.base + "/honour")
    browser.wait_text("#roll", "自治区最美社区工作者")
    picture(browser, "honour-night", 1200)
    dark = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number).reduce((a, b) => a + b)"
    assert browser.run(dark) < 150
    paper = make_browser(794)
    cdp(paper, "Emulation.setEmulatedMedia", media="print")
    paper.open(published.http.base + "/honour")
    paper.wait_text("#roll", "自治区最美社区工作者")
    picture(paper, "honour-paper", 1123)
    assert paper.run("return getComputedStyle(document.getElementById('nav')).display") == "none"
    assert paper.run("return getComputedStyle(document.querySelector('.head')).backgroundColor") == "rgb(255, 255, 255)"


def test_a_page_left_open_loses_a_withdrawn_name_when_somebody_comes_back(published, make_browser):
    browser = make_browser(390)
    browser.open(published.http.base + "/honour")
    browser.wait_text("#roll", "王示例")
    published.act("withdraw", "150200-worker-1", "--reason", "有异议，核实中", operator="chief")
    # The page reads once when somebody comes back: by then the bot has heard of it.
    wait_for(lambda: "王示例".encode() not in published.http.request("GET", "/api/v1/honours")[1], "the bot to hear of it")
    browser.run("const now = Date.now; Date.now = () => now() + 60000; document.dispatchEvent(new Event('visibilitychange'));")
    wait_for(lambda: "王示例" not in browser.text("#roll"), "the name to go")
    assert "共19名" in browser.text("#c-worker .count")


def test_what_was_imported_stays_text_and_a_bot_that_is_away_is_told(published, make_browser, tmp_path):
    """The last one: it replaces the list."""
    write_honours(tmp_path / "honours.csv", [("worker", "150100", "张三", EVIL, EVIL)])
    published.act("import", "honours", tmp_path / "honours.csv")
    browser = make_browser(390)
    browser.open(published.http.base + "/honour")
    browser.wait_text("#roll", "<img src=x")
    assert browser.run("return document.querySelectorAll('#roll img, #roll b').length") == 0
    assert browser.run("return document.title") != "bad"
    assert browser.complaints() == []
    fits(browser)
    cdp(browser, "Network.enable")
    cdp(browser, "Network.setBlockedURLs", urls=["*/api/v1/honours"])
    browser.open(published.http.base + "/honour")
    browser.wait_text("#status", "暂时无法显示名单，请稍后再试。")
    cdp(browser, "Network.setBlockedURLs", urls=[])
    browser.click("#again")
    browser.wait_text("#roll", "张三")
