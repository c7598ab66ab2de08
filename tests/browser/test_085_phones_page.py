"""The page of phones of the simulated SMS service, in a real browser.

A visitor finds a phone, reads its messages and what became of them, answers, and sees whether the system took it. What
anybody writes stays text.
"""
import pytest

from webdriver import Browser, wait_for  # first: it finds the folder of the other
from sms_alone import START_MS, FakeBot, Sim

A, B, C = "13800000001", "13800000002", "13800000003"


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
    sim = Sim(bot.url, phones=[{"number": A, "name": "张三（示例）"}, {"number": B, "state": "off"}])
    yield sim
    sim.close()


def open_phone(browser, sim, number):
    browser.open("about:blank")
    browser.open("%s/#%s" % (sim.base, number))


def listed(browser):
    return browser.run("return [...document.querySelectorAll('.entry')].map(e => e.dataset.number)")


def test_a_message_is_read_on_its_phone_with_what_became_of_it(browser, sim):
    sim.sms([A, B])
    open_phone(browser, sim, A)
    browser.wait_text(".message .bubble", "【内蒙古民政】呼和浩特市：距截止还有3天，请及时报送。")
    assert browser.text("#who") == "张三（示例）" and browser.text("#number") == "138 0000 0001"
    assert browser.text(".message .state") == "待状态报告"
    sim.clock(START_MS + 8000)
    browser.wait_text(".message .state.delivered", "已送达")
    browser.click(".entry[data-number='%s']" % B)
    browser.wait_text(".message .state.failed", "未送达：关机或不在服务区")
    assert browser.complaints() == []


def test_a_person_answers_and_sees_that_it_arrived(browser, sim, bot):
    open_phone(browser, sim, A)
    browser.wait_text("#who", "张三")
    browser.type("#text", "收到")
    browser.click("#send")
    browser.wait_text(".mine .state.delivered", "已送达系统")
    assert browser.text(".mine .bubble") == "收到"
    assert [(u["phone_number"], u["content"]) for u in bot.uplinks()] == [(A, "收到")]


def test_an_answer_that_nobody_took_says_so(browser, sim, bot):
    bot.statuses = [500]
    open_phone(browser, sim, A)
    browser.wait_text("#who", "张三")
    browser.type("#text", "收到")
    browser.click("#send")
    browser.wait_text("#hint", "系统没有应答")
    browser.wait_text(".mine .state", "发送中…")


def test_nothing_that_is_written_becomes_html(browser, sim):
    evil = "<img src=x onerror=\"document.title='bad'\"><script>document.title='bad'</script>"
    sim.sms(A, params={"unit": evil, "days": "3"})
    sim.answer(A, evil)
    open_phone(browser, sim, A)
    browser.wait_text(".mine .bubble", "<script>")
    assert browser.run("return document.querySelectorAll('main img, main script').length") == 0
    assert browser.run("return document.title") != "bad"


def test_phones_are_listed_newest_first_and_found(browser, sim):
    sim.sms(C, template="SMS_1000002", params={})
    open_phone(browser, sim, "")
    wait_for(lambda: listed(browser) == [C, A, B], lambda: listed(browser))
    browser.type("#q", "0000 0002")
    wait_for(lambda: listed(browser) == [B], lambda: listed(browser))
    browser.run("document.getElementById('q').value = ''")
    browser.type("#q", "表彰")
    wait_for(lambda: listed(browser) == [C], lambda: listed(browser))
    browser.run("document.getElementById('q').value = ''")
    browser.type("#q", "无此内容")
    browser.wait_text("#phones", "没有符合条件的手机")


def test_a_broadcast_leaves_the_list_short(browser, sim):
    open_phone(browser, sim, "")
    browser.wait_text("#phones", "张三")
    sim.sms(["1390000%04d" % i for i in range(1000)], out_id="b1.0.0.1")
    browser.wait_text("#totals", "已受理 1,000 条，1,000 个号码")
    assert len(listed(browser)) == 100 and listed(browser)[0] == "13900000999"
    browser.wait_text("#phones", "只列出最近的 100 部手机")


def test_the_state_of_a_phone_is_changed(browser, sim):
    open_phone(browser, sim, A)
    browser.wait_text("#who", "张三")
    browser.run("const s = document.getElementById('state'); s.value = 'blacklisted';"
                "s.dispatchEvent(new Event('change'));")
    wait_for(lambda: sim.get("/control/phones?number=" + A)[0]["state"] == "blacklisted", "the new state")
    sim.sms(A)
    sim.clock(START_MS + 8000)
    browser.wait_text(".message .state.failed", "未送达：号码在黑名单")


def test_an_open_page_is_told_of_new_messages_and_of_the_time(browser, sim):
    open_phone(browser, sim, A)
    browser.wait_text("#clock", "2022年6月20日 星期一 8:00")
    sim.sms(A)
    browser.wait_text(".message .bubble", "呼和浩特市")
    sim.clock(START_MS + 65 * 60000)
    browser.wait_text("#time", "9:05")


def test_a_page_that_was_cut_off_catches_up(browser, sim):
    open_phone(browser, sim, A)
    browser.wait_text("#who", "张三")
    sim.fault("refuse", ms=300)

    def sent():
        try:
            return sim.sms(A)["Code"] == "OK"
        except OSError:
            return False

    wait_for(sent, "the simulator to be back")
    browser.wait_text(".message .bubble", "呼和浩特市")


def test_on_a_telephone_list_and_conversation_take_turns(sim):
    browser = Browser(390, 844)
    try:
        sim.sms(A)
        browser.open(sim.base)
        browser.wait_text("#phones", "张三")
        assert browser.run("return document.getElementById('phone').hidden") is True
        browser.click(".entry")
        browser.wait_text(".bubble", "呼和浩特市")
        assert browser.run("return getComputedStyle(document.querySelector('nav')).display") == "none"
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth") is True
        browser.click("#back")
        assert browser.run("return getComputedStyle(document.querySelector('nav')).display") != "none"
    finally:
        browser.close()
