"""The private stack the demo plays on, and how it speaks to it. Standard library only."""
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.path.join(ROOT, os.environ.get("SW_BUILD", "build/release")))
LINK = os.path.join(ROOT, "build", "run")
ONCE = os.environ.get("DEMO") == "once" or not sys.stdout.isatty()
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
BACK_LIMIT_S = 90


def die(text):
    print("demo: " + text, flush=True)
    sys.exit(1)


def free_block():
    """The first of ten loopback ports in a row that nobody has."""
    for _ in range(200):
        base = random.randrange(20000, 32000, 20)
        try:
            for port in range(base, base + 10):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
    die("no ten free ports in a row")


def get(base, path):
    with OPENER.open(base + path, timeout=30) as res:
        return json.loads(res.read())


def post(base, path, body):
    req = urllib.request.Request(base + path, data=json.dumps(body).encode(), method="POST",
                                 headers={"Content-Type": "application/json"})
    with OPENER.open(req, timeout=30) as res:
        return json.loads(res.read() or b"null")


class Stack:
    def __init__(self, *options):
        self.folder = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        os.makedirs(os.path.dirname(LINK), exist_ok=True)
        if os.path.islink(LINK):
            os.unlink(LINK)
        if not os.path.exists(LINK):
            os.symlink(self.folder, LINK)
        self.child = subprocess.Popen(
            [os.path.join(ROOT, "scripts/run"), "--dir", self.folder, "--port-base", str(free_block()), *options],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        line = self.child.stdout.readline()
        if not line.startswith("READY "):
            die("the stack does not start; see %s/log" % self.folder)
        self.facts = json.loads(line[6:])
        self.wecom, self.sms = self.facts["sim"]["wecom"], self.facts["sim"]["sms"]
        self.passphrases = {o["name"]: o["passphrase_file"] for o in self.facts["operators"]}

    def cli(self, *words, by=None, check=True):
        """One command; BY: the operator who does it. A process that was killed is back within seconds."""
        argv = [os.path.join(BUILD, "shouwang"), "-c", self.facts["config"]]
        if by:
            argv += ["--as", by, "--passphrase-file", self.passphrases[by]]
        done = subprocess.run(argv + list(words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if check and done.returncode:
            die("shouwang %s: %s" % (" ".join(words), done.stderr.strip() or done.stdout.strip()))
        return done

    def json(self, *words, by=None):
        return json.loads(self.cli(*words, "--json", by=by).stdout)

    def rows(self, *words):
        """Commands that list answer one object on each line."""
        return [json.loads(line) for line in self.cli(*words, "--json").stdout.splitlines()]

    def insist(self, *words, by=None):
        """The same command until it is done: exit 69 and 75 say that somebody is being started again."""
        deadline = time.monotonic() + BACK_LIMIT_S
        while True:
            done = self.cli(*words, by=by, check=False)
            if done.returncode not in (69, 70, 75):
                if done.returncode:
                    die("shouwang %s: %s" % (" ".join(words), done.stderr.strip() or done.stdout.strip()))
                return done
            if time.monotonic() > deadline:
                die("shouwang %s: still %s" % (" ".join(words), done.stderr.strip()))
            time.sleep(0.3)

    def advance(self, to):
        self.insist("clock", "advance", "--to", to)

    def pid(self, name):
        with open(os.path.join(self.folder, "run", name + ".pid")) as f:
            return int(f.read())

    def kill(self, name):
        print("-- kill -9 %s" % name, flush=True)
        os.kill(self.pid(name), signal.SIGKILL)

    def restarted(self):
        """Did anybody end a process on the way? Then a message may have gone out once more."""
        return any(self.pid(name) != pid for name, pid in self.facts["pids"].items() if pid)

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(25)
        except subprocess.TimeoutExpired:
            self.child.kill()

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        if os.path.islink(LINK) and os.readlink(LINK) == self.folder:
            os.unlink(LINK)
