"""Fixtures of the scenarios. A scenario asks for `make_stack`, tells its story in its docstring, runs alone."""
import os

import pytest

from stack import BUILD, Stack


def pytest_report_header(config):
    return "programs: %s" % BUILD


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed scenario shows the logs of its stacks, taken before they end."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for stack in getattr(item, "stacks", []):
            if stack.process is not None:
                report.sections.append(("logs of the stack", stack.logs(40)))


@pytest.fixture
def make_stack(request):
    """make_stack(sets={path: value}, sim=True): a started Stack, ended with the test."""
    request.node.stacks = []

    def make(**kw):
        stack = Stack(**kw)
        request.node.stacks.append(stack)
        return stack

    yield make
    failed = []
    for stack in reversed(request.node.stacks):
        try:
            stack.stop()
        except AssertionError as e:
            failed.append(str(e))
    if failed:
        pytest.fail("\n".join(failed), pytrace=False)


@pytest.fixture
def program():
    """program("shouwang-bot"): the path of a built program."""
    return lambda name: os.path.join(BUILD, name)
