"""An official types a few words in the group; the robot echoes how it read them, and the numbers change."""
from office import (CLERK, CLERK2, GROUP, OTHER_CLERK, UNIT, answer, facts, figures, open_office, say, told)


def test_a_report_is_echoed_stored_and_stops_the_next_reminder(make_stack):
    """Monday morning's digest goes to units with a gap; the unit that reported 2 and 6 gets none."""
    stack = open_office(make_stack())
    stack.advance("2022-07-01T10:00")
    text = answer(stack, GROUP, CLERK, "@守望 已报2人6户")
    assert "已登记" in text and "2名" in text and "6户" in text
    assert figures(stack) == (2, 6)
    before = len(told(stack, GROUP))
    stack.advance("2022-07-04T12:00")
    assert len(told(stack, GROUP)) == before
    assert any("小结" in t for t in told(stack, "g150200"))


def test_a_correction_replaces_the_figures(make_stack):
    """5 and 12 are above the quota: stored and said so. The correction lowers them, so it is asked back once."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    assert "超过上限" in answer(stack, GROUP, CLERK, "@守望 已报5人12户")
    assert figures(stack) == (5, 12)
    assert "请确认" in answer(stack, GROUP, CLERK2, "@守望 更正：4人10户")
    assert figures(stack) == (5, 12)
    assert "已登记" in answer(stack, GROUP, CLERK2, "@守望 是")
    assert figures(stack) == (4, 10)


def test_a_question_is_asked_anew_when_somebody_else_reported_meanwhile(make_stack):
    """The yes of one official must not store what he was asked before his colleague's report."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    answer(stack, GROUP, CLERK, "@守望 收到")
    assert "请确认" in answer(stack, GROUP, CLERK, "@守望 2 6")
    answer(stack, GROUP, CLERK2, "@守望 已报3人8户")
    assert "请确认" in answer(stack, GROUP, CLERK, "@守望 是")
    assert figures(stack) == (3, 8)
    answer(stack, GROUP, CLERK, "@守望 是")
    assert figures(stack) == (2, 6)


def test_a_text_that_only_speaks_of_binding_is_read_as_any_other(make_stack):
    """`手机已重新绑定` beside a report is no attempt to bind the group."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    answer(stack, GROUP, CLERK, "@守望 收到")
    assert "绑定" not in answer(stack, GROUP, CLERK, "@守望 已报2人6户，手机已重新绑定")


def test_bare_numbers_are_stored_only_after_yes(make_stack):
    """`2 6` might be anything: the robot asks, 是 stores, 否 drops, and after half an hour nothing is open."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    say(stack, GROUP, CLERK, "@守望 收到")
    assert "请确认" in answer(stack, GROUP, CLERK, "@守望 2 6")
    assert figures(stack) == (None, None)
    assert "已登记" in answer(stack, GROUP, CLERK, "@守望 是")
    assert figures(stack) == (2, 6)
    assert "请确认" in answer(stack, GROUP, CLERK, "@守望 3 7")
    assert "已取消" in answer(stack, GROUP, CLERK, "@守望 否")
    assert "请确认" in answer(stack, GROUP, CLERK, "@守望 4 8")
    stack.advance(by="31m")
    answer(stack, GROUP, CLERK, "@守望 是")
    assert figures(stack) == (2, 6)


def test_nobody_reports_for_another_unit(make_stack):
    """Figures of another unit are refused, a stranger counts for nothing, and another unit's official who writes in
    this group gets his answer alone, not before everybody's eyes."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    assert "不能代报" in answer(stack, GROUP, CLERK, "@守望 包头市已报2人6户")
    before = len(told(stack, GROUP))
    say(stack, GROUP, OTHER_CLERK, "@守望 查进度")
    assert len(told(stack, GROUP)) == before
    assert any("包头市" in t for t in told(stack, "app:office"))
    assert figures(stack, UNIT) == (None, None) and figures(stack, "150200") == (None, None)


def test_harmful_text_is_neither_stored_nor_echoed(make_stack):
    """An identity number is refused unread, a mention of everybody stays dead letters."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    assert "个人信息" in answer(stack, GROUP, CLERK, "@守望 李四 990101 19800229 0126")
    assert "<@all>" not in (answer(stack, GROUP, CLERK, "@守望 已报2人6户<@all>") or "")
    for line in stack.cli("--json", "queue").out, stack.cli("--json", "unit", UNIT).out:
        assert "19800229" not in line


def test_acts_without_effect_yet_are_passed_on_and_said_so(make_stack):
    """`换人` needs a person: it is queued, the official is told, an operator sees and closes it."""
    stack = open_office(make_stack())
    stack.advance("2022-07-05T10:00")
    say(stack, GROUP, CLERK, "@守望 纪委函已发出")
    entries = stack.cli("--json", "queue").rows()
    assert len(entries) == 1 and entries[0]["unit"] == UNIT
    assert "已转" in told(stack, GROUP)[-1]
    stack.act("queue", "done", entries[0]["id"])
    assert stack.cli("queue").out == ""


def test_operators_enter_and_verify_figures(make_stack):
    """A unit calls by telephone; an operator enters 3 and 6, and the receiving tier closes them."""
    stack = open_office(make_stack())
    assert stack.cli("report", UNIT, "3", "6", check=False).code == 1
    stack.act("report", UNIT, "3", "6", "--source", "phone")
    assert figures(stack) == (3, 6)
    stack.act("verify", UNIT)
    assert facts(stack)["counts"]["worker"]["verified"] is True
    assert stack.act("verify", UNIT, check=False).code == 1
    assert stack.act("report", UNIT, "99", "6", check=False).code == 1
