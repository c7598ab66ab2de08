"""What operators do: pause, trial, reload, wrong words; and what a second notifier may not."""
import os
import shutil
import signal
import subprocess

from office import GROUP, OTHER_GROUP, ROSTER, UNIT, copies, open_office, told
from stack import BUILD, ROOT


def test_pause_stops_everything_until_resume(make_stack):
    """`pause` is confirmed by the bot; the kickoff's hour passes in silence; after `resume` everyone is told once."""
    stack = open_office(make_stack())
    assert "confirmed" in stack.act("pause").out
    before = sum(copies(stack).values())
    stack.advance("2022-06-20T09:30")
    assert sum(copies(stack).values()) == before
    stack.act("resume")
    stack.advance("2022-06-20T10:00")
    assert len([r for r in stack.export(state="accepted") if r["job"].startswith("rm/")]) == 14


def test_in_trial_only_the_allowed_hear_anything(make_stack):
    """Trial mode with one unit on the list: one kickoff goes out, thirteen are recorded as held back; after `go-live`
    the next reminder reaches everyone."""
    stack = open_office(make_stack(sets={"trial.enabled": True, "trial.allow": [UNIT, "150200", "g150000"]}))
    stack.advance("2022-06-20T09:20")
    rows = [r for r in stack.export() if r["job"].startswith("rm/")]
    assert sorted(r["unit"] for r in rows if r["state"] == "accepted") == [UNIT, "150200"]
    assert len([r for r in rows if r["state"] == "suppressed"]) == 12
    stack.act("campaign", "go-live")
    stack.advance("2022-06-22T09:20")
    rows = [r for r in stack.export(state="accepted") if "/20220622/" in r["job"]]
    assert len(rows) == 14


def test_a_broken_template_or_definition_is_refused_and_what_runs_stays(make_stack, tmp_path):
    """`campaign reload` names file and line of the mistake and exits 78; the next reminder goes out as before."""
    shutil.copytree(os.path.join(ROOT, "config"), tmp_path / "config", ignore=shutil.ignore_patterns("service"))
    definition = tmp_path / "config/campaigns/nm-2022-63.conf"
    template = tmp_path / "config/templates/G-KICKOFF.robot.txt"
    stack = open_office(make_stack(sets={"campaign": str(definition), "templates": str(tmp_path / "config/templates")}))
    good = definition.read_text()
    definition.write_text(good.replace('min = 2; max = 4;', 'min = 4; max = 2;'))
    refused = stack.act("campaign", "reload", check=False)
    assert refused.code == 78 and "nm-2022-63.conf:" in refused.out
    definition.write_text(good)
    words = template.read_text()
    template.write_text(words + "{id_number}\n")
    refused = stack.act("campaign", "reload", check=False)
    assert refused.code == 78 and "G-KICKOFF.robot.txt:" in refused.out
    template.write_text(words)
    assert stack.act("campaign", "reload").code == 0
    stack.advance("2022-06-20T09:20")
    assert "选树宣传活动启动" in told(stack, GROUP)[-1]
    again = tmp_path / "config/templates/G-ACK-AGAIN.robot.txt"
    again.write_text(again.read_text().replace("请确认收到启动通知", "请再次确认"))
    stack.mark()
    stack.kill("notifier", signal.SIGHUP)
    stack.wait_log("reloaded")
    stack.wait(lambda: stack.cli("status", check=False).code == 0, "the store to be read again")
    stack.advance("2022-06-22T09:20")
    assert "请再次确认" in told(stack, GROUP)[-1]


def test_the_record_can_be_read_without_the_command(make_stack):
    """`shouwang-notifier --export` prints what `shouwang export` does, straight from the store."""
    stack = open_office(make_stack())
    stack.advance("2022-06-20T09:20")
    done = subprocess.run([os.path.join(BUILD, "shouwang-notifier"), "-c", stack.config, "--export"],
                          capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout == stack.cli("--json", "export").out and len(done.stdout.splitlines()) == 16


def test_a_roster_with_mistakes_changes_nothing(make_stack, tmp_path):
    """All mistakes are named with their line; a dry run only counts; a landline is a warning."""
    stack = open_office(make_stack())
    bad = tmp_path / "roster.csv"
    bad.write_text("unit_code,department,role,name,mobile,userid\n"
                   "150100,civil,,赵一,1.38E+10,u1\n999999,civil,,钱二,13800000002,u2\n150100,nobody,,孙三,0471-0000000,u3\n")
    refused = stack.act("import", "contacts", bad, check=False)
    assert refused.code == 1
    assert all(":%d:" % n in refused.out for n in (2, 3, 4))
    assert "contacts would replace 43" in stack.act("import", "contacts", ROSTER, "--dry-run").out


def test_acting_needs_an_operator_and_the_right_passphrase(make_stack, tmp_path):
    """Without a name, with a wrong passphrase or an unknown name nothing happens and the exit code is 1."""
    stack = make_stack()
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase")
    wrong.chmod(0o600)
    assert stack.cli("pause", check=False).code == 1
    for name in ("office", "nobody"):
        done = stack.cli("--as", name, "--passphrase-file", wrong, "pause", check=False)
        assert done.code == 1 and "passphrase" in done.err
    assert "PAUSED" not in stack.cli("status").out


def test_wrong_words_are_usage_on_standard_error(make_stack):
    """Unknown commands and options exit with 64 and say how it is written."""
    for argv in (["nonsense"], ["status", "--nonsense"], ["clock", "advance"], ["report", UNIT, "x", "6"], []):
        done = subprocess.run([os.path.join(BUILD, "shouwang")] + argv, capture_output=True, text=True)
        assert done.returncode == 64 and done.stderr and not done.stdout, argv
    for program in ("shouwang-bot", "shouwang-notifier"):
        done = subprocess.run([os.path.join(BUILD, program), "--nonsense"], capture_output=True, text=True)
        assert done.returncode == 64 and done.stderr


def test_a_second_notifier_is_a_standby_that_takes_over(make_stack):
    """Two on one state folder: the second says `standby`, exit 69. The first freezes: when its lease is over, the second
    reads its journal and does the work; the first wakes up, sends nothing with its old lease, and is the standby."""
    stack = open_office(make_stack())
    with open(stack.config) as f:
        text = f.read()
    other = os.path.join(stack.info["dir"], "second.conf")
    port = int(stack.info["metrics"]["notifier"].rpartition(":")[2])
    text = text.replace("run/control.sock", "run/control2.sock")
    text = text.replace("metrics_port = %d" % port, "metrics_port = %d" % (port + 10))
    with open(other, "w") as f:
        f.write(text)
    with open(os.path.join(stack.info["dir"], "log/second.log"), "wb") as log:
        second = subprocess.Popen([os.path.join(BUILD, "shouwang-notifier"), "-c", other], stdout=log, stderr=log)

    def ask(*words):
        return subprocess.run([os.path.join(BUILD, "shouwang"), "-c", other] + list(words), capture_output=True, text=True)

    try:
        stack.wait(lambda: ask("status").returncode == 69 and "standby, holder" in ask("status").stderr, "the standby")
        stack.advance("2022-06-20T09:03")
        first = stack.kill("notifier", signal.SIGSTOP)
        stack.wait(lambda: ask("status").returncode == 0, "the second to take over", 40)
        assert ask("clock", "advance", "--to", "2022-06-20T09:20").returncode == 0
        os.kill(first, signal.SIGCONT)
        stack.wait_log("fatal", why="lease_lost")
        stack.wait(lambda: stack.cli("status", check=False).code == 69, "the first to be the standby")
        assert ask("clock", "advance", "--to", "2022-06-20T10:00").returncode == 0
        assert set(copies(stack).values()) == {1} and len(told(stack, OTHER_GROUP)) == 2
        assert ask("audit").returncode == 0
    finally:
        second.terminate()
        assert second.wait(15) == 0
