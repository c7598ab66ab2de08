"""Somebody at the dashboard, without a browser: logs in, reads the state, listens to the events. Standard library only."""
import http.client
import json
import socket
import urllib.parse

from stack import PATIENCE, StackError

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    @property
    def cookie(self):
        """(name, value, attributes in lower case) of the answer's cookie; None without one."""
        line = self.headers.get("Set-Cookie")
        if not line:
            return None
        first, *rest = [part.strip() for part in line.split(";")]
        name, _, value = first.partition("=")
        return name, value, [r.lower() for r in rest]


class Visitor:
    """Keeps the cookie it is given, as a browser would."""

    def __init__(self, stack):
        self.host = stack.http.base.partition("//")[2]
        self.cookies = {}

    def ask(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection(self.host, timeout=10 * PATIENCE)
        try:
            c.request(method, path, body=body, headers=self._headers(headers))
            answer = Answer(c.getresponse())
        finally:
            c.close()
        if answer.cookie:
            self.cookies[answer.cookie[0]] = answer.cookie[1]
        return answer

    def _headers(self, headers):
        sent = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join("%s=%s" % pair for pair in self.cookies.items())
        return sent

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def login(self, name, passphrase, headers=None):
        form = urllib.parse.urlencode({"name": name, "passphrase": passphrase})
        return self.ask("POST", "/login", form, dict(FORM, **(headers or {})))

    def logout(self, headers=None):
        return self.ask("POST", "/logout", "", headers)

    def state(self):
        answer = self.get("/api/v1/state")
        if answer.status != 200:
            raise StackError("/api/v1/state: %d" % answer.status)
        return answer.json()

    def unit(self, code):
        return next(u for u in self.state()["units"] if u["code"] == code)

    def events(self):
        return Events(self)


class Events:
    """The live stream; NEXT waits for an event that fits."""

    def __init__(self, visitor):
        self.connection = http.client.HTTPConnection(visitor.host, timeout=20 * PATIENCE)
        self.connection.request("GET", "/api/v1/events", headers=visitor._headers(None))
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def read(self):
        """(kind, data) of the next event; None when the stream has ended."""
        kind, data = "message", None
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            line = line.rstrip("\n")
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and data is not None:
                return kind, data

    def next(self, fits, what):
        seen = []
        try:
            while True:
                event = self.read()
                if event is None:
                    raise StackError("the stream ended before %s; seen %s" % (what, seen))
                if fits(*event):
                    return event[1]
                seen.append(event[0])
        except socket.timeout:
            raise StackError("no event: %s; seen %s" % (what, seen))

    def ends(self):
        """Until the stream is ended by the other side."""
        try:
            while self.read() is not None:
                pass
        except socket.timeout:
            raise StackError("the stream did not end")

    def close(self):
        self.connection.close()


def operator(stack, which=0):
    """(name, passphrase) of one of the stack's operators."""
    who = stack.info["operators"][which]
    with open(who["passphrase_file"]) as f:
        return who["name"], f.read().strip()


def log_in(stack, which=0):
    visitor = Visitor(stack)
    answer = visitor.login(*operator(stack, which))
    if answer.status != 303:
        raise StackError("login: %d" % answer.status)
    return visitor
