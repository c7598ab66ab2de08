"""A sim-wecom that runs alone, against a bot of a few lines: for the tests of the simulator and of its page."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse

from stack import BUILD, PATIENCE, Http, setting

KEY = "00000000-0000-4000-8000-000000150100"
START = "2022-06-20T08:00"
START_MS = 1655683200000
MINUTE = 60000
TOKEN = "SimToken"


class FakeBot:
    """Answers each callback with the next of STATUSES (200 when there are none), and remembers it."""

    def __init__(self):
        bot = self
        self.statuses, self.calls, self.lock = [], [], threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with bot.lock:
                    url = urllib.parse.urlsplit(self.path)
                    bot.calls.append((url.path, dict(urllib.parse.parse_qsl(url.query)), body.decode()))
                    status = bot.statuses.pop(0) if bot.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        # shutdown() waits for the next look.
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Sim(Http):
    """A sim-wecom of its own, with one group, one application, one smart robot, three members."""

    def __init__(self, bot_url, **more):
        self.dir = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        conf = {
            "bot_url": bot_url, "simulation_start": START, "callback_pause": "20ms",
            "robots": [{"name": "g150100", "key": KEY, "unit": "150100", "title": "呼和浩特市工作群"}],
            "apps": [{"name": "office", "corp_id": "ww0001", "agent_id": 1000002, "secret": "app-secret",
                      "token": TOKEN, "aes_key": "ShouWang2022NeiMengGuLinLiShouWangHuZhuGuaB"}],
            "smart_robots": [{"name": "shouwang", "token": TOKEN,
                              "aes_key": "ShouWangZhiNengJiQiRenLinLiHuZhuGuanAi22022"}],
            "members": [{"userid": "u%s" % i, "name": "示例", "unit": "150100"} for i in "abc"],
        }
        conf.update(more)
        path = os.path.join(self.dir, "sim.conf")
        with open(path, "w") as f:
            f.write("".join("%s = %s;\n" % (k, setting(v)) for k, v in conf.items()))
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.process = subprocess.Popen([os.path.join(BUILD, "sim-wecom"), "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline().decode()
        assert line.startswith("LISTENING "), "it does not start: " + open(self.log.name).read()
        super().__init__(line.split()[1])

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20 * PATIENCE)
        self.process.stdout.close()
        self.log.close()
        with open(self.log.name) as f:
            log = f.read()
        shutil.rmtree(self.dir)
        assert code == 0, log
        assert "Sanitizer" not in log and "runtime error" not in log, log

    # ---- as the bot ----

    def raw(self, path, body, mid=None):
        headers = {"Content-Type": "application/json"}
        if mid:
            headers["X-Shouwang-Mid"] = mid
        status, data = self.request("POST", path, body if isinstance(body, bytes) else json.dumps(
            body, ensure_ascii=False).encode(), headers)
        return status, data

    def webhook(self, body, key=KEY, mid=None):
        status, data = self.raw("/cgi-bin/webhook/send?key=" + key, body, mid)
        assert status == 200
        return json.loads(data)

    def text(self, content, **kw):
        return self.webhook({"msgtype": "text", "text": {"content": content}}, **kw)["errcode"]

    def markdown(self, content):
        return self.webhook({"msgtype": "markdown", "markdown": {"content": content}})["errcode"]

    def token(self):
        return self.get("/cgi-bin/gettoken?corpid=ww0001&corpsecret=app-secret")["access_token"]

    def app_send(self, body, token):
        return json.loads(self.raw("/cgi-bin/message/send?access_token=" + token, body)[1])

    # ---- as a test ----

    def clock(self, ms):
        self.post("/control/clock", {"now": ms})

    def say(self, text, chat="g150100", user="ua", **more):
        return self.post("/control/say", dict({"chat": chat, "user": user, "text": text}, **more))

    def messages(self, **match):
        return [m for m in self.get("/control/messages") if all(m.get(k) == v for k, v in match.items())]

    def shown(self):
        return [m["text"] for m in self.messages(**{"from": None})]
