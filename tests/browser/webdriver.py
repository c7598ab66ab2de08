"""A headless Chromium, spoken to by WebDriver over plain HTTP. Standard library only."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenario"))

from stack import wait_for  # noqa: E402

# Nothing that asks the outside world, no update, no sync: the pages are all on loopback.
ARGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
        "--disable-dev-shm-usage"]


class Browser:
    """One window. WIDTH below 500 is a telephone."""

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __init__(self, width=1200, height=800):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.base = "http://127.0.0.1:%d" % port
        self.profile = tempfile.mkdtemp(prefix="sw-browser.", dir="/tmp")
        self.session = None
        self.process = subprocess.Popen(["chromedriver", "--port=%d" % port], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(self.answers, "chromedriver")
            options = {"args": ARGS + ["--user-data-dir=" + self.profile, "--window-size=%d,%d" % (width, height)]}
            if width < 500:
                options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2}}
            self.session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})["sessionId"]
        except BaseException:
            self.close()
            raise

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(self.base + path, data=data, method=method,
                                     headers={"Content-Type": "application/json"})
        try:
            with self.opener.open(req, timeout=120) as res:
                return json.loads(res.read())["value"]
        except urllib.error.HTTPError as e:
            with e:
                raise AssertionError("%s: %s" % (path, e.read().decode("utf-8", "replace")[:600]))

    def answers(self):
        try:
            return self.call("GET", "/status")["ready"]
        except OSError:
            return False

    def ask(self, method, path, body=None):
        return self.call(method, "/session/%s%s" % (self.session, path), body)

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *args):
        """The value of a function body in the page."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(args)})

    def text(self, selector):
        """What is to be read there now; None when there is no such element."""
        return self.run("const e = document.querySelector(arguments[0]); return e && e.innerText;", selector)

    def find(self, selector):
        value = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return next(iter(value.values()))

    def click(self, selector):
        self.ask("POST", "/element/%s/click" % self.find(selector), {})

    def type(self, selector, text):
        self.ask("POST", "/element/%s/value" % self.find(selector), {"text": text})

    def wait_text(self, selector, part):
        wait_for(lambda: part in (self.text(selector) or ""),
                 lambda: "%r in %s, which reads %r" % (part, selector, self.text(selector)))

    def complaints(self):
        """What the browser's console holds: errors, refusals of the content policy."""
        return [m["message"] for m in self.ask("POST", "/se/log", {"type": "browser"}) if m["level"] == "SEVERE"]

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", "")
        except (OSError, AssertionError):
            pass
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.profile, ignore_errors=True)
