"""The chat page of the simulated WeCom, in a real browser.

A visitor reads what the robot writes as WeCom would show it, says who he is, answers, and sees whether the system
took it. What anybody writes stays text.
"""
import pytest

from webdriver import Browser, wait_for
from wecom_alone import FakeBot, Sim


@pytest.fixture(scope="module")
def browser():
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture
def bot():
    bot = FakeBot()
    yield bot
    bot.close()


@pytest.fixture
def sim(bot):
    sim = Sim(bot.url, members=[{"userid": "ua", "name": "钱四（示例）", "unit": "150100"},
                                {"userid": "ub", "name": "孙七（示例）", "unit": "150100"}])
    yield sim
    sim.close()


def open_as(browser, sim, user):
    browser.open("about:blank")
    browser.open("%s/#%s" % (sim.base, user))
    browser.wait_text("#name", "呼和浩特市工作群")


def test_markdown_is_shown_as_wecom_shows_it(browser, sim):
    sim.markdown("### 报送提醒\n> 截止 **8月20日**\n<font color=\"warning\">尚缺1名</font> [通报](https://example.invalid/tb) <@ub>")
    open_as(browser, sim, "ua")
    browser.wait_text(".bubble .head", "报送提醒")
    assert browser.text(".bubble blockquote b") == "8月20日"
    assert browser.text(".bubble .warning") == "尚缺1名"
    assert browser.text(".bubble a") == "通报"
    assert browser.text(".bubble .mention") == "@孙七（示例）"
    assert browser.complaints() == []


def test_nothing_that_is_written_becomes_html(browser, sim):
    evil = ("<img src=x onerror=\"document.title='bad'\"><script>document.title='bad'</script>"
            "[x](javascript:document.title='bad') <font color=\"red\" style=\"x\">y</font>")
    sim.markdown(evil)
    sim.text(evil)
    open_as(browser, sim, "ua")
    browser.wait_text("#messages .message:last-child .bubble", "<script>")
    assert browser.run("return document.querySelectorAll('#messages img, #messages script, #messages a').length") == 0
    assert browser.run("return document.title") != "bad"


def test_a_member_answers_and_sees_that_it_arrived(browser, sim, bot):
    open_as(browser, sim, "ua")
    assert browser.run("return document.getElementById('text').value") == "@守望 "
    browser.type("#text", "已报2人6户")
    browser.click("#send")
    browser.wait_text(".mine .state", "已送达")
    assert browser.text(".mine .bubble") == "@守望 已报2人6户"
    assert len(bot.calls) == 1


def test_a_message_that_nobody_took_says_so(browser, sim, bot):
    bot.statuses = [500] * 3
    open_as(browser, sim, "ua")
    browser.type("#text", "收到")
    browser.click("#send")
    browser.wait_text(".mine .state.bad", "未送达")


def test_an_open_page_is_told_of_new_messages_and_of_the_time(browser, sim):
    open_as(browser, sim, "ua")
    browser.wait_text("#clock", "2022年6月20日 星期一 8:00")
    assert sim.text("请确认收到") == 0
    browser.wait_text("#messages .message:last-child .bubble", "请确认收到")
    sim.clock(1655683200000 + 65 * 60000)
    browser.wait_text("#time", "9:05")


def test_a_page_that_was_cut_off_catches_up(browser, sim):
    open_as(browser, sim, "ua")
    sim.post("/control/fault", {"kind": "refuse", "ms": 300})

    def sent():
        try:
            return sim.text("断线时的消息") == 0
        except OSError:
            return False

    wait_for(sent, "the simulator to be back")
    browser.wait_text("#messages .message:last-child .bubble", "断线时的消息")


def test_a_private_message_is_seen_by_its_reader_only(browser, sim):
    token = sim.token()
    assert sim.app_send({"touser": "ub", "msgtype": "text", "agentid": 1000002, "text": {"content": "请关注进度"}},
                        token)["errcode"] == 0
    open_as(browser, sim, "ua")
    browser.wait_text("#chats", "守望应用（私聊）")
    assert "请关注进度" not in browser.text("#chats")
    open_as(browser, sim, "ub")
    browser.wait_text("#chats", "请关注进度")


def test_on_a_telephone_list_and_conversation_take_turns(sim):
    browser = Browser(390, 844)
    try:
        assert sim.text("你好") == 0
        browser.open(sim.base + "/#ua")
        browser.wait_text("#chats", "呼和浩特市工作群")
        assert browser.run("return document.getElementById('room').hidden") is True
        browser.click(".chat")
        browser.wait_text(".bubble", "你好")
        assert browser.run("return getComputedStyle(document.getElementById('chats')).display") == "none"
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth") is True
        browser.click("#back")
        assert browser.run("return getComputedStyle(document.getElementById('chats')).display") != "none"
    finally:
        browser.close()
