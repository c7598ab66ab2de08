"""October of the demo: the final list, released by two people, told to 1,000 invented residents.

Everything is done as the office does it: by commands, the planning by one operator and the release by another.
"""
import os

from demo_stack import ROOT, post

RESIDENTS = 1000
AREAS = ["150100", "150200", "150700", "152200", "150500", "150400", "152500", "150900", "150600", "150800", "150300",
         "152900", "150781", "152501"]
# Phones that no message reaches, by their place in the list; and what some people answer.
OFF, BLACKLISTED = [17, 211, 405, 600, 777, 888, 999], [33, 522, 801]
ANSWERS = [
    # b1 is read in the morning of 8 October
    ("2022-10-08T10:20", 40, "R"), ("2022-10-08T10:31", 391, "退订"), ("2022-10-08T11:02", 702, "Ｒ"),
    ("2022-10-08T12:15", 703, "TD"), ("2022-10-08T12:40", 250, "帮助"),
    ("2022-10-08T15:30", 640, "对名单有异议，请核实"),
    ("2022-10-09T18:05", 391, "恢复接收"),
]


def number(i):
    return "138000%05d" % (10000 + i)


def area(i):
    return AREAS[i % len(AREAS)]


class Publicity:
    def __init__(self, stack, kills):
        self.stack, self.kills = stack, kills
        self.mornings = {"2022-09-13": self.notice_closed, "2022-09-28": self.import_lists,
                         "2022-10-08": self.announce, "2022-10-09": self.tell_worker,
                         "2022-10-10": self.tell_household, "2022-10-11": self.withdraw}
        self.wrong = []

    def say(self, text):
        print("-- " + text, flush=True)

    def refused(self, why, *words, by=None):
        """What must not work does not."""
        done = self.stack.cli(*words, by=by, check=False)
        if done.returncode != 1:
            self.wrong.append("%s was not refused: exit %d" % (" ".join(words), done.returncode))
        self.say("%s: %s" % (why, (done.stderr.strip() or done.stdout.strip()).split("\n")[0]))

    def notice_closed(self):
        self.stack.cli("campaign", "gate", "final_notice.closed", by="chief")
        self.say("the region's public notice has ended: first gate open")

    def import_lists(self):
        path = os.path.join(self.stack.folder, "audience.csv")
        with open(path, "w") as f:
            f.write("mobile,area_code\n")
            f.writelines("%s,%s\n" % (number(i), area(i)) for i in range(RESIDENTS))
        self.stack.cli("import", "honours", os.path.join(ROOT, "tests/sim/demo-honours.csv"), by="office")
        self.stack.cli("import", "audience", path, "--name", "居民", by="office")
        for i in OFF + BLACKLISTED:
            post(self.stack.sms, "/control/phone", {"number": number(i), "state": "off" if i in OFF else "blacklisted"})
        post(self.stack.sms, "/control/script",
             {"lines": [{"at": at, "number": number(i), "text": text} for at, i, text in ANSWERS]})
        self.say("20 workers, 50 households and %d residents imported" % RESIDENTS)

    def release(self, id):
        """The second person looks at it, and releases exactly that."""
        shown = self.stack.json("broadcast", "show", id)
        self.stack.cli("broadcast", "approve", id, "--digest", shown["digest"], "--count", str(shown["recipients"]), by="chief")
        self.stack.cli("broadcast", "start", id, by="chief")
        self.say("%s released by a second person for %d residents: %s" % (id, shown["recipients"], shown["text"]))

    def plan(self, *words):
        return self.stack.json("broadcast", "plan", "--audience", "a1", *words, by="office")["id"]

    def announce(self):
        id = self.plan("--announce")
        shown = self.stack.json("broadcast", "show", id)
        self.refused("whoever planned it cannot release it", "broadcast", "approve", id, "--digest", shown["digest"],
                     "--count", str(shown["recipients"]), by="office")
        self.stack.cli("broadcast", "approve", id, "--digest", shown["digest"], "--count", str(shown["recipients"]), by="chief")
        self.refused("the document is not out yet", "broadcast", "start", id, by="chief")
        self.stack.cli("campaign", "gate", "document.issued", by="chief")
        self.stack.cli("broadcast", "start", id, by="chief")
        self.say("the document is issued: %s goes to %d residents: %s" % (id, shown["recipients"], shown["text"]))

    def tell_worker(self):
        # One answer of the gateway gets lost: nobody is told twice, and the receipts say what became of it.
        post(self.stack.sms, "/control/fault", {"kind": "answer_lost", "route": "*", "count": 1})
        self.release(self.plan("--item", "150100-worker-1"))

    def tell_household(self):
        self.release(self.plan("--item", "150900-household-2"))

    def withdraw(self):
        id = self.plan("--item", "150300-household-1", "--from", "2022-10-12T10:00")
        self.release(id)
        self.stack.cli("withdraw", "150300-household-1", "--reason", "本人要求不再宣传", by="chief")
        self.refused("a name that was withdrawn", "broadcast", "start", id, by="chief")

    def rows(self):
        """Each broadcast as the notifier counts it."""
        return self.stack.rows("broadcast", "progress")

    def judge(self):
        return self.wrong
