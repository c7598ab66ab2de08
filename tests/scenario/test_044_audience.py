"""Audiences and the commended are imported whole or not at all; numbers cannot be read where they lie; an opt-out counts
in every audience.

`office` imports. Numbers and names are invented.
"""
import json
import os
import re
import socket
import subprocess

from stack import BUILD, ROOT, wait_for

HONOURS = """category,unit_code,name,community,deed,text_sms,text_group,text_screen,text_loud
worker,150100,张三,某社区,代买代办,身边的榜样：某社区张三入选“自治区最美社区工作者”。扎根社区12年，代买代办。事迹见https://example.invalid/w01 拒收请回复R,,,
household,150200,李四,某社区,照料老人,身边的好邻居：某社区李四家庭入选“和睦友爱好邻居”。照料老人。事迹见https://example.invalid/h01 拒收请回复R,,,
"""
PHONE = "13800000007"


class Store:
    """The stack's Redis, by its own protocol: values are bytes."""

    def __init__(self, stack):
        self.dir = os.path.join(stack.info["dir"])
        with open(os.path.join(self.dir, "secrets/redis-notifier")) as f:
            password = f.read().strip()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(stack.info["redis_socket"])
        self.file = self.socket.makefile("rb")
        assert self.ask("AUTH", "notifier", password) == b"OK"

    def ask(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self._answer()

    def _answer(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        assert kind != b"-", line
        return int(rest) if kind == b":" else rest

    def keys(self, pattern="*"):
        cursor, found = b"0", set()
        while True:
            cursor, some = self.ask("SCAN", cursor, "MATCH", pattern, "COUNT", "1000")
            found.update(some)
            if cursor == b"0":
                return found

    def value(self, key):
        kind = self.ask("TYPE", key)
        read = {b"string": ("GET", key), b"hash": ("HGETALL", key), b"zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
                b"set": ("SMEMBERS", key), b"list": ("LRANGE", key, 0, -1), b"stream": ("XRANGE", key, "-", "+")}
        return self.ask(*read[kind]) if kind in read else None

    def everything(self):
        """All keys and values in one string of bytes, and what the file on disk says of every change so far."""
        def flat(v):
            return b" ".join(flat(i) for i in v) if isinstance(v, list) else v if isinstance(v, bytes) else b"%d" % (v or 0)
        parts = [key + b" " + flat(self.value(key)) for key in self.keys()]
        for folder, _, names in os.walk(self.dir):
            for name in names:
                if ".aof" in name or name.startswith("audit-") or "journal" in folder or name.endswith(".log"):
                    with open(os.path.join(folder, name), "rb") as f:
                        parts.append(f.read())
        return b"\n".join(parts)


def packed(number, flags):
    value = int(number) | flags << 35
    return value.to_bytes(5, "big")


def write(path, rows):
    path.write_text("mobile,area_code\n" + "".join("%s,%s\n" % r for r in rows))
    return path


def audiences(stack):
    return {a["id"]: a for a in stack.cli("--json", "audience").rows()}


def residents(n, first=1, areas=("150100", "150200")):
    return [("138%08d" % i, areas[i % len(areas)]) for i in range(first, first + n)]


def hear(stack, number, text):
    assert stack.sms_sim.post("/control/answer", {"number": number, "text": text})["delivered"]
    stack.advance(by="1s")


def test_an_audience_is_imported_whole_and_listed(make_stack, tmp_path):
    """Seven rows, one number twice: six recipients. A dry run changes nothing; the same rows again add nothing."""
    stack = make_stack()
    rows = residents(6)
    file = write(tmp_path / "a.csv", rows + rows[:1])
    dry = stack.act("import", "audience", file, "--dry-run")
    assert "1 rows repeat" in dry.out and "6 recipients in 2 segments" in dry.out
    assert audiences(stack) == {}
    assert "a1: 6 recipients in 2 segments" in stack.act("import", "audience", file, "--name", "试点居民").out
    listed = audiences(stack)
    assert (listed["a1"]["name"], listed["a1"]["n"], listed["a1"]["opted_out"]) == ("试点居民", 6, 0)
    assert "a1 has exactly these 6 recipients" in stack.act("import", "audience", write(tmp_path / "b.csv", rows[::-1])).out
    assert set(audiences(stack)) == {"a1"}
    pid = stack.kill("notifier")
    stack.wait_restart("notifier", pid)
    assert audiences(stack) == listed


def test_a_bad_file_names_all_its_mistakes_and_imports_nothing(make_stack, tmp_path):
    """A landline, a unit nobody knows, a number cut short: three lines with file and row, no number in any of them."""
    stack = make_stack()
    file = write(tmp_path / "bad.csv", [("0471-0000000", "150100"), ("13800000001", "990100"), ("1380000000", "150100"),
                                        ("13800000002", "150100")])
    done = stack.act("import", "audience", file, check=False)
    assert done.code == 1 and "nothing was imported" in done.err
    lines = [l for l in done.out.splitlines() if "bad.csv:" in l]
    assert [re.search(r"bad\.csv:(\d+): (\w+)", l).groups() for l in lines] == [
        ("2", "mobile"), ("3", "area_code"), ("4", "mobile")]
    assert "landline" in lines[0] and "13800000001" not in done.out
    assert audiences(stack) == {}
    (tmp_path / "gbk.csv").write_bytes("mobile,area_code,备注\n".encode("gb18030"))
    assert "UTF-8" in stack.act("import", "audience", tmp_path / "gbk.csv", check=False).err
    assert stack.act("import", "audience", tmp_path / "none.csv", check=False).code == 1


def test_only_an_editor_imports_and_the_record_counts(make_stack, tmp_path):
    """Without an operator nothing is opened; the audit record holds who and how many, and no number."""
    stack = make_stack()
    file = write(tmp_path / "a.csv", residents(9))
    assert stack.cli("import", "audience", file, check=False).code == 1
    stack.act("import", "audience", file)
    folder = os.path.join(stack.info["dir"], "state/notifier")

    def record():
        for where, _, names in os.walk(folder):
            for name in names:
                if name.startswith("audit-"):
                    with open(os.path.join(where, name), encoding="utf-8") as f:
                        for line in f:
                            if "import-audience" in line:
                                return line
        return None
    line = wait_for(record, "the record of the import")
    assert '"recipients":9' in line and '"as":"office"' in line and "1380000" not in line


def test_a_notifier_killed_while_it_imports_leaves_nothing(make_stack, tmp_path):
    """kill -9 between two of 115 segments: after the restart no audience is listed, no key is left, and the same file is
    imported in full."""
    stack = make_stack()
    with open(os.path.join(ROOT, "config/units/inner-mongolia-units.csv"), encoding="utf-8") as f:
        areas = [line.split(",")[0] for line in f.read().splitlines()[1:]]
    file = write(tmp_path / "big.csv", residents(500000, areas=areas))
    store = Store(stack)
    command = subprocess.Popen(
        [os.path.join(BUILD, "shouwang"), "-c", stack.config] + stack.as_operator(0) + ["import", "audience", str(file)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: store.ask("EXISTS", "sw:{a1.1}:ph"), "the second segment", 60)
        pid = stack.kill("notifier")
        _, err = command.communicate(timeout=60)
    finally:
        command.kill()
        command.wait()
    assert command.returncode == 69, err
    assert store.ask("HLEN", "sw:{r}:audiences") == 0
    assert store.keys("sw:{a1.*")
    stack.wait_restart("notifier", pid)
    stack.wait_log("audience_import_broken_off", audience="a1")
    assert audiences(stack) == {}
    assert store.keys("sw:{a1.*") == set()
    assert store.ask("HLEN", "sw:{r}:audiences:begun") == 0
    assert "a2: 500000 recipients in %d segments" % len(areas) in stack.act("import", "audience", file).out
    assert set(audiences(stack)) == {"a2"}


def test_an_opt_out_counts_in_every_audience_now_and_later(make_stack, tmp_path):
    """One resident of two audiences answers 退订: both have the bit. He stands in a third one, imported afterwards: there,
    too. 恢复接收 takes it back everywhere."""
    stack = make_stack()
    stack.act("import", "audience", write(tmp_path / "a.csv", residents(300)))
    stack.act("import", "audience", write(tmp_path / "b.csv", residents(20)))
    hear(stack, PHONE, "退订")
    assert {i: a["opted_out"] for i, a in audiences(stack).items()} == {"a1": 1, "a2": 1}
    hear(stack, PHONE, "退订")
    stack.act("import", "audience", write(tmp_path / "c.csv", residents(100, first=5)))
    assert {i: a["opted_out"] for i, a in audiences(stack).items()} == {"a1": 1, "a2": 1, "a3": 1}
    store = Store(stack)
    index = residents(300).index((PHONE, "150200")) // 2
    segment = 1  # of 150200, behind 150100
    assert store.ask("GETBIT", "sw:{a1.%d}:oo" % segment, index) == 1
    hear(stack, PHONE, "恢复接收")
    assert {i: a["opted_out"] for i, a in audiences(stack).items()} == {"a1": 0, "a2": 0, "a3": 0}
    assert store.ask("HLEN", "sw:{r}:optout") == 0


def test_no_number_can_be_read_in_store_record_or_log(make_stack, tmp_path):
    """Neither in ASCII nor packed: in no key or value of Redis, in no change it wrote to disk, in no log and no record."""
    stack = make_stack()
    rows = residents(1000)
    stack.act("import", "audience", write(tmp_path / "a.csv", rows))
    hear(stack, PHONE, "退订")
    everything = Store(stack).everything()
    assert len(everything) > 1000 * 5 * 2
    for number in [rows[0][0], rows[1][0], PHONE, rows[-1][0]]:
        assert number.encode() not in everything
        for flags in (0, 16):
            assert packed(number, flags) not in everything


def test_an_audience_that_was_tampered_with_is_refused(make_stack, tmp_path):
    """One byte of a segment is changed while the notifier is down: the audience is not loaded, and the list says so."""
    stack = make_stack()
    stack.act("import", "audience", write(tmp_path / "a.csv", residents(300)))
    stack.act("import", "audience", write(tmp_path / "b.csv", residents(10)))
    store = Store(stack)
    pid = stack.kill("notifier")
    byte = store.ask("GETRANGE", "sw:{a1.1}:ph", 7, 7)
    store.ask("SETRANGE", "sw:{a1.1}:ph", 7, bytes([byte[0] ^ 1]))
    stack.wait_restart("notifier", pid)
    stack.wait_log("audience_refused", audience="a1")
    listed = audiences(stack)
    assert listed["a1"] == {"id": "a1", "refused": True} and listed["a2"]["n"] == 10


def test_honours_are_imported_whole_and_survive_a_restart(make_stack, tmp_path):
    """A dry run, an import, the same again, a corrected file: each says what it did. A bad file changes nothing."""
    stack = make_stack()
    file = tmp_path / "honours.csv"
    file.write_text(HONOURS)
    assert "2 commended would replace 0" in stack.act("import", "honours", file, "--dry-run").out
    assert "2 commended" in stack.act("import", "honours", file).out
    assert "nothing is changed" in stack.act("import", "honours", file).out
    pid = stack.kill("notifier")
    stack.wait_restart("notifier", pid)
    assert "nothing is changed" in stack.act("import", "honours", file).out
    bad = tmp_path / "bad.csv"
    bad.write_text(HONOURS.replace("拒收请回复R,,,\nhousehold", "谢谢,,,第1名\nhousehold"))
    done = stack.act("import", "honours", bad, check=False)
    assert done.code == 1
    assert "bad.csv:2: text_sms: does not end with 拒收请回复R" in done.out
    assert "bad.csv:2: text_loud: holds digits" in done.out
    stored = Store(stack).value("sw:{r}:honours")
    items = dict(zip(stored[::2], stored[1::2]))
    assert set(items) == {b"150100-worker-1", b"150200-household-1", b"digest"}
    item = json.loads(items[b"150100-worker-1"])
    assert item["template"] == "P-WORKER" and item["sms"].startswith("【") and not item["withdrawn"]
    file.write_text(HONOURS.splitlines(True)[0] + HONOURS.splitlines(True)[2])
    assert "1 commended" in stack.act("import", "honours", file).out
    assert set(Store(stack).ask("HKEYS", "sw:{r}:honours")) == {b"150200-household-1", b"digest"}


def test_what_was_released_is_not_replaced(make_stack, tmp_path):
    """A planned broadcast does not stand in the way of a corrected file; an approved one does, and says which."""
    stack = make_stack(sets={"simulation_start": "2022-10-08T08:30", "trial.enabled": False})
    file = tmp_path / "honours.csv"
    file.write_text(HONOURS)
    stack.act("import", "honours", file)
    stack.act("import", "audience", write(tmp_path / "a.csv", residents(300)))
    for gate in ("final_notice.closed", "document.issued"):
        stack.act("campaign", "gate", gate, operator="chief")
    stack.act("broadcast", "plan", "--audience", "a1", "--item", "150200-household-1")
    corrected = HONOURS.replace("代买代办", "代买代送")
    file.write_text(corrected)
    assert "2 commended" in stack.act("import", "honours", file).out
    b = stack.act("--json", "broadcast", "plan", "--audience", "a1", "--item", "150100-worker-1").json()
    stack.act("broadcast", "approve", b["id"], "--digest", b["digest"], "--count", b["recipients"], operator="chief")
    file.write_text(HONOURS)
    done = stack.act("import", "honours", file, check=False)
    assert done.code == 1 and b["id"] in done.err and "150100-worker-1" in done.err
    file.write_text(corrected)
    assert "nothing is changed" in stack.act("import", "honours", file).out


def test_who_was_withdrawn_stays_withdrawn(make_stack, tmp_path):
    """After a withdrawal the file may come without the row, not with it; the id of the withdrawn is given to nobody."""
    stack = make_stack()
    file = tmp_path / "honours.csv"
    file.write_text(HONOURS)
    stack.act("import", "honours", file)
    stack.act("withdraw", "150100-worker-1", "--reason", "not to be commended", operator="chief")
    file.write_text(HONOURS + "\n")
    done = stack.act("import", "honours", file, check=False)
    assert done.code == 1 and "150100-worker-1 was withdrawn" in done.err
    file.write_text(HONOURS.replace("张三", "王五"))
    stack.act("import", "honours", file)
    stored = Store(stack).value("sw:{r}:honours")
    items = {k.decode(): json.loads(v) for k, v in zip(stored[::2], stored[1::2]) if k != b"digest"}
    assert {k: (v["name"], v["withdrawn"]) for k, v in items.items()} == {
        "150100-worker-1": ("张三", True), "150100-worker-2": ("王五", False), "150200-household-1": ("李四", False)}
