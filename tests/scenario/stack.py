"""A private Shouwang to try things on: real programs, real Redis and broker, simulators for the outside.

Everything is started and ended by scripts/run; this class only speaks to it. Nothing here sleeps to "give it
time": each wait is for a line, a log event or a state, with a limit after which the test fails and says for
what it had waited. Standard library only.
"""
import json
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.path.join(ROOT, os.environ.get("SW_BUILD", "build/release")))
# Sanitizers cost a factor; a limit is there to end a hang, not to measure.
PATIENCE = 4 if "asan" in os.path.basename(BUILD) else 1
PORTS = 20
SANITIZER = re.compile(r"ERROR: AddressSanitizer|ERROR: LeakSanitizer|runtime error: ")


class StackError(AssertionError):
    """The stack did not do what the test waited for."""


class Result:
    """What a command left behind. JSON() is its only object, ROWS() one per line."""

    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def json(self):
        return json.loads(self.out)

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __repr__(self):
        return "%s -> exit %d\n%s%s" % (" ".join(self.argv), self.code, self.out, self.err)


class Http:
    """A client of one HTTP address on loopback; answers of any status are answers, not errors."""

    # The environment's proxy is not for loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __init__(self, base):
        self.base = "http://127.0.0.1:%d" % base if isinstance(base, int) else base.rstrip("/")
        if not self.base.startswith("http"):
            self.base = "http://" + self.base

    def request(self, method, path, body=None, headers=None):
        """(status, body bytes). BODY: bytes as they are, anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        req = urllib.request.Request(self.base + path, data=body, headers=headers, method=method)
        try:
            with self.opener.open(req, timeout=10 * PATIENCE) as res:
                return res.status, res.read()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read()

    def _json(self, method, path, body=None):
        status, data = self.request(method, path, body)
        if status >= 300:
            raise StackError("%s %s: %d %s" % (method, path, status, data[:300].decode("utf-8", "replace")))
        return json.loads(data) if data.strip() else None

    def get(self, path):
        return self._json("GET", path)

    def post(self, path, body=None):
        return self._json("POST", path, {} if body is None else body)


def setting(value):
    """VALUE in libconfig syntax: a dict is a group, a list of dicts a list, another list an array."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -2**31 <= value < 2**31 else "%dL" % value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if isinstance(value, dict):
        return "{ %s }" % " ".join("%s = %s;" % (k, setting(v)) for k, v in value.items())
    if any(isinstance(v, (dict, list)) for v in value):
        return "( %s )" % ", ".join(setting(v) for v in value)
    return "[ %s ]" % ", ".join(setting(v) for v in value)


def wait_for(ready, what, limit_s=20):
    """The first true value of READY(); StackError with WHAT (text or function) after LIMIT_S."""
    deadline = time.monotonic() + limit_s * PATIENCE
    while True:
        value = ready()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StackError("waited %d s for %s" % (limit_s * PATIENCE, what() if callable(what) else what))
        time.sleep(0.02)  # the pace of asking, not the time given


def alive(pid):
    """A zombie counts as gone: it does nothing any more."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Ports:
    """A block of loopback ports that are free now and that no other test run takes meanwhile.

    The claim is an abstract Unix socket, which the kernel gives back however we end. Below 32768, the usual
    first ephemeral port, so that no outgoing connection sits on one of them.
    """

    def __init__(self):
        for _ in range(200):
            base = random.randrange(20000, 32000, PORTS)
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                claim.bind("\0shouwang-test-ports-%d" % base)
                for port in range(base, base + PORTS):
                    with socket.socket() as s:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        s.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
            self.base, self.claim = base, claim
            return
        raise StackError("no free block of %d ports" % PORTS)

    def close(self):
        self.claim.close()


class Stack:
    """One private stack, from READY to the end of its processes.

    SETS: {"wecom.robots": [..], "trial.enabled": False, ..}, applied over the generated configuration.
    SIM: False leaves the simulators out. ENV: more environment for all of its processes.
    """

    def __init__(self, sets=None, sim=True, env=None):
        self.ports = Ports()
        # Short: a Unix socket's path must stay below 108 bytes.
        self.dir = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        self.errors = os.path.join(self.dir, "run.err")
        self.marks = {}
        argv = [os.path.join(ROOT, "scripts/run"), "--dir", os.path.join(self.dir, "s"),
                "--port-base", str(self.ports.base)]
        for path, value in (sets or {}).items():
            argv += ["--set", "%s=%s" % (path, setting(value))]
        if not sim:
            argv.append("--no-sim")
        with open(self.errors, "wb") as err:
            self.process = subprocess.Popen(
                argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err,
                env=dict(os.environ, SW_BUILD=BUILD, **(env or {})), start_new_session=True)
        try:
            self._wait_ready()
        except BaseException:
            self._end()
            raise

    # ---- life ----

    def _wait_ready(self):
        deadline = time.monotonic() + 60 * PATIENCE
        line = b""
        fd = self.process.stdout.fileno()
        while not (line.startswith(b"READY ") and line.endswith(b"\n")):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise StackError("no READY from scripts/run\n" + self.logs())
            chunk = os.read(fd, 65536)
            if not chunk:
                raise StackError("scripts/run ended with %s before READY\n%s" % (
                    self.process.wait(), self.logs()))
            line += chunk
            # Lines before READY are talk.
            while b"\n" in line and not line.startswith(b"READY "):
                line = line.partition(b"\n")[2]
        self.info = json.loads(line[len(b"READY "):])
        self.config = self.info["config"]
        self.http = Http(self.info["http"])
        self.metrics_http = {k: Http(v) for k, v in self.info.get("metrics", {}).items()}
        self.sims = {k: Http(v) for k, v in (self.info.get("sim") or {}).items() if v}
        self.sim = self.sims.get("wecom")
        self.sms_sim = self.sims.get("sms")

    def stop(self):
        """Ends everything politely; an exit code, a survivor or a sanitizer's report is a failure."""
        if self.process is None:
            return
        pids = {n: self.pid(n) for n in self.info["pids"] if self.info["pids"][n]}
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30 * PATIENCE)
        except subprocess.TimeoutExpired:
            self._end()
            raise StackError("scripts/run did not end within %d s of SIGTERM" % (30 * PATIENCE))
        left = [n for n, pid in pids.items() if pid and alive(pid)]
        logs = self.logs()
        whole = "".join(self._read(p) for p in self.log_files())
        self._end()
        if code != 0:
            raise StackError("scripts/run ended with %d\n%s" % (code, logs))
        if left:
            raise StackError("still running after the end: %s" % ", ".join(left))
        if SANITIZER.search(whole):
            raise StackError("a sanitizer complained\n" + whole[SANITIZER.search(whole).start():][:6000])

    def _end(self):
        process, self.process = self.process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                pass
        # What is left of its process group, simulators of a crashed run included.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        process.stdout.close()
        self.ports.close()
        if os.environ.get("SW_KEEP"):
            print("kept: %s" % self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            self._end()

    # ---- the operators' command ----

    def cli(self, *args, check=True, input=None, operator=None, limit_s=60):
        """Runs `shouwang -c CONFIG ARGS..`. CHECK: any exit but 0 fails the test. OPERATOR: a number (0 is
        the first operator of the stack) or a name, for commands that act."""
        argv = [os.path.join(BUILD, "shouwang"), "-c", self.config]
        if operator is not None:
            argv += self.as_operator(operator)
        argv += [str(a) for a in args]
        if isinstance(input, str):
            input = input.encode()
        done = subprocess.run(argv, cwd=ROOT, input=b"" if input is None else input, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=limit_s * PATIENCE)
        result = Result(argv[3:], done.returncode, done.stdout.decode("utf-8", "replace"),
                        done.stderr.decode("utf-8", "replace"))
        if check and result.code != 0:
            raise StackError(repr(result))
        return result

    def as_operator(self, which=0):
        """The global options that make a command act as one of the stack's operators."""
        people = self.info["operators"]
        who = people[which] if isinstance(which, int) else next(p for p in people if p["name"] == which)
        return ["--as", who["name"], "--passphrase-file", who["passphrase_file"]]

    def act(self, *args, **kw):
        """cli() as the first operator."""
        kw.setdefault("operator", 0)
        return self.cli(*args, **kw)

    def advance(self, to=None, by=None, limit_s=300):
        """Moves the simulated clock; returns when everything due by then has been handled."""
        step = ["--to", to] if to else ["--by", by]
        return self.cli("clock", "advance", *step, limit_s=limit_s)

    def export(self, **match):
        """The messages as a list of objects; MATCH keeps those whose members are equal."""
        rows = self.cli("--json", "export").rows()
        return [r for r in rows if all(r.get(k) == v for k, v in match.items())]

    # ---- processes ----

    def pid(self, name):
        """The process behind NAME now: after a restart, not the one READY told."""
        try:
            with open(os.path.join(self.info["dir"], "run", name + ".pid")) as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            return self.info["pids"].get(name)

    def kill(self, name, sig=signal.SIGKILL):
        """Sends SIG and, if it is one that ends, waits for the end; returns the pid."""
        pid = self.pid(name)
        os.kill(pid, sig)
        if sig in (signal.SIGKILL, signal.SIGTERM):
            wait_for(lambda: not alive(pid), "%s (%d) to end" % (name, pid))
        return pid

    def wait_restart(self, name, old_pid):
        """Until another process lives behind NAME, and is ready if it is one of the daemons."""
        wait_for(lambda: self.pid(name) not in (None, old_pid) and alive(self.pid(name)),
                 "another %s than %d" % (name, old_pid))
        if name in self.metrics_http:
            self.wait_ready(name)
        return self.pid(name)

    def wait_ready(self, program, ready=True):
        wait_for(lambda: self.is_ready(program) == ready,
                 "%s to be %s" % (program, "ready" if ready else "not ready"))

    def is_ready(self, program):
        try:
            return self.metrics_http[program].request("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def metrics(self, program):
        """{'name{label="x"}': number} of the daemon."""
        status, body = self.metrics_http[program].request("GET", "/metrics")
        if status != 200:
            raise StackError("/metrics of %s: %d" % (program, status))
        lines = (l.rpartition(" ") for l in body.decode().splitlines() if l and not l.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    # ---- logs ----

    def log_files(self):
        folder = os.path.join(self.dir, "s", "log")
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [self.errors] + [os.path.join(folder, n) for n in names]

    @staticmethod
    def _read(path):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def logs(self, lines=25):
        """The ends of all logs, for a failure report."""
        out = []
        for path in self.log_files():
            tail = self._read(path).splitlines()[-lines:]
            if tail:
                out.append("==> %s\n%s" % (os.path.basename(path), "\n".join(tail)))
        return "\n".join(out)

    def log(self, program="notifier"):
        """All records of a program's log; lines that are none are left out."""
        return [r for r, _ in self._records(program, 0)]

    def _records(self, program, start):
        path = os.path.join(self.info["dir"], "log", program + ".log")
        try:
            with open(path, "rb") as f:
                f.seek(start)
                data = f.read()
        except FileNotFoundError:
            return
        for line in data.splitlines(keepends=True):
            if not line.endswith(b"\n"):
                return  # still being written
            start += len(line)
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record, start

    def mark(self, program="notifier"):
        """wait_log() looks at what PROGRAM writes from now on. Without a mark, from its start."""
        path = os.path.join(self.info["dir"], "log", program + ".log")
        self.marks[program] = os.path.getsize(path) if os.path.exists(path) else 0

    def wait_log(self, event, program="notifier", limit_s=20, **fields):
        """The next record with ev=EVENT and these FIELDS; the one after it is found by the next call."""
        def look():
            for record, end in self._records(program, self.marks.get(program, 0)):
                if record.get("ev") == event and all(record.get(k) == v for k, v in fields.items()):
                    self.marks[program] = end
                    return record
            return None
        return wait_for(look, lambda: "%s in the log of %s\n%s" % (
            " ".join([event] + ["%s=%s" % f for f in fields.items()]), program, self.logs()), limit_s)

    def wait(self, ready, what, limit_s=20):
        """The first true value of READY(); the logs are part of the failure."""
        return wait_for(ready, lambda: "%s\n%s" % (what, self.logs()), limit_s)

    # ---- the broker ----

    def _mqtt(self):
        m = self.info["mqtt"]
        with open(m["password_file"]) as f:
            return ["-h", "127.0.0.1", "-p", str(m["port"]), "-V", "mqttv5", "-u", m["user"], "-P", f.read().strip()]

    def publish(self, topic, payload, retain=False):
        if not isinstance(payload, (str, bytes)):
            payload = json.dumps(payload, ensure_ascii=False)
        data = payload.encode() if isinstance(payload, str) else payload
        subprocess.run(["mosquitto_pub"] + self._mqtt() + ["-q", "1", "-t", topic, "-s"] + (["-r"] if retain else []),
                       input=data, check=True, timeout=20 * PATIENCE)

    def listen(self, topic, count=1, limit_s=20):
        """The next COUNT messages on TOPIC (retained ones included) as [(topic, text)]."""
        done = subprocess.run(
            ["mosquitto_sub"] + self._mqtt() + ["-q", "1", "-t", topic, "-C", str(count), "-W",
                                                str(limit_s * PATIENCE), "-F", "%t %p"],
            stdout=subprocess.PIPE, timeout=(limit_s + 10) * PATIENCE)
        got = [tuple(l.split(" ", 1)) for l in done.stdout.decode().splitlines()]
        if len(got) < count:
            raise StackError("%d of %d messages on %s" % (len(got), count, topic))
        return got
