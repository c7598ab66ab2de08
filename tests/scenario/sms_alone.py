"""A sim-sms that runs alone, against a bot of a few lines: for the tests of the simulator and of its page."""
import hashlib
import hmac
import http.server
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse
import uuid
from datetime import datetime, timezone

from stack import BUILD, PATIENCE, Http, setting

START = "2022-06-20T08:00"
START_MS = 1655683200000
MINUTE = 60000
KEY_ID, SECRET, SIGN = "TESTID0001", "testsecret0001", "内蒙古民政"
TEMPLATES = [
    {"code": "SMS_1000001", "id": "S-D3", "text": "${unit}：距截止还有${days}天，请及时报送。"},
    {"code": "SMS_1000002", "id": "S-PLAIN", "text": "请关注表彰通报。"},
]


class FakeBot:
    """Answers each push with the next of STATUSES (200 when there are none), and remembers it: (path, array)."""

    def __init__(self):
        bot = self
        self.statuses, self.calls, self.lock = [], [], threading.Lock()
        self.body = b'{"code":0,"msg":"\xe6\x88\x90\xe5\x8a\x9f"}'

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with bot.lock:
                    bot.calls.append((self.path, json.loads(body)))
                    status = bot.statuses.pop(0) if bot.statuses else 200
                self.send_response(status)
                self.send_header("Content-Length", str(len(bot.body)))
                self.end_headers()
                self.wfile.write(bot.body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self.server.server_port
        # shutdown() waits for the next look.
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def items(self, path):
        with self.lock:
            return [item for p, array in self.calls if p == path for item in array]

    def reports(self):
        return self.items("/report")

    def uplinks(self):
        return self.items("/uplink")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def encode(s):
    return urllib.parse.quote(s, safe="-_.~")


def canonical_query(params):
    return "&".join("%s=%s" % (encode(k), encode(v)) for k, v in sorted(params.items()))


def authorization(headers, query, body, secret=SECRET, key_id=KEY_ID, method="POST"):
    names = sorted(headers)
    request = "\n".join([method, "/", query, "".join("%s:%s\n" % (n, headers[n].strip()) for n in names),
                         ";".join(names), headers["x-acs-content-sha256"]])
    to_sign = "ACS3-HMAC-SHA256\n" + hashlib.sha256(request.encode()).hexdigest()
    return "ACS3-HMAC-SHA256 Credential=%s,SignedHeaders=%s,Signature=%s" % (
        key_id, ";".join(names), hmac.new(secret.encode(), to_sign.encode(), hashlib.sha256).hexdigest())


class Sim(Http):
    """A sim-sms of its own. MORE are settings beside or instead of these."""

    def __init__(self, bot_url="", templates=None, **more):
        self.dir = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        with open(os.path.join(self.dir, "templates.jsonl"), "w") as f:
            f.write(templates if templates is not None else
                    "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in TEMPLATES))
        conf = {
            "simulation_start": START, "templates": "templates.jsonl", "sign": SIGN,
            "aliyun": {"access_key_id": KEY_ID, "secret": SECRET},
        }
        if bot_url:
            conf.update(report_url=bot_url + "/report", uplink_url=bot_url + "/uplink")
        conf.update(more)
        path = os.path.join(self.dir, "sim.conf")
        with open(path, "w") as f:
            f.write("".join("%s = %s;\n" % (k, setting(v)) for k, v in conf.items()))
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.process = subprocess.Popen([os.path.join(BUILD, "sim-sms"), "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log)
        line = self.process.stdout.readline().decode()
        assert line.startswith("LISTENING "), "it does not start: " + open(self.log.name).read()
        super().__init__(line.split()[1])
        self.now = START_MS

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

    # ---- as the notifier ----

    def headers(self, action, body, at_ms=None, nonce=None, version="2017-05-25"):
        at = datetime.fromtimestamp((self.now if at_ms is None else at_ms) / 1000, timezone.utc)
        headers = {
            "host": self.base[len("http://"):], "x-acs-action": action, "x-acs-version": version,
            "x-acs-date": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "x-acs-signature-nonce": nonce or uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
        }
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
        return headers

    def call(self, action, params, query=None, mids=None, secret=SECRET, key_id=KEY_ID, change=None, **kw):
        """(status, answer). PARAMS travel in a form body, QUERY in the URL. CHANGE(headers) comes after the signing."""
        body = canonical_query(params).encode()
        query = canonical_query(query or {})
        headers = self.headers(action, body, **kw)
        headers["authorization"] = authorization(headers, query, body, secret, key_id)
        if mids:
            headers["X-Shouwang-Mid"] = mids
        if change:
            change(headers)
        status, data = self.request("POST", "/" + ("?" + query if query else ""), body, headers)
        return status, json.loads(data)

    def sms(self, numbers, template="SMS_1000001", params={"unit": "呼和浩特市", "days": "3"}, out_id="m1-1", sign=SIGN,
            extend=None, **kw):
        """The answer to SendSms."""
        form = {"PhoneNumbers": numbers if isinstance(numbers, str) else ",".join(numbers), "SignName": sign,
                "TemplateCode": template, "OutId": out_id,
                "TemplateParam": params if isinstance(params, str) else json.dumps(params, ensure_ascii=False)}
        if extend:
            form["SmsUpExtendCode"] = extend
        return self.call("SendSms", form, **kw)[1]

    def query(self, number, day="20220620", **more):
        return self.call("QuerySendDetails", dict({"PhoneNumber": number, "SendDate": day, "PageSize": "10",
                                                   "CurrentPage": "1"}, **more))[1]

    # ---- as a test ----

    def clock(self, ms):
        self.post("/control/clock", {"now": ms})
        self.now = ms

    def fault(self, kind, **more):
        self.post("/control/fault", dict({"kind": kind}, **more))

    def answer(self, number, text):
        return self.post("/control/answer", {"number": number, "text": text})

    def ledger(self):
        return self.get("/control/ledger")

    def messages(self, number=None):
        return self.get("/control/messages" + ("?number=" + number if number else ""))
