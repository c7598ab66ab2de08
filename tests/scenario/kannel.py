"""A private Kannel: bearerbox, smsbox, and fakesmsc as the operator with everybody's phone behind it.

Real programs of Debian's kannel and kannel-extras, on five loopback ports given by the caller, in a folder of their
own. Everything is ended by its pid. fakesmsc acknowledges each message and reports it as accepted (8) and delivered
(1) at once; what it prints is what the phones got.
"""
import os
import re
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request

from stack import PATIENCE, StackError, wait_for

FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
USER, PASSWORD = "shouwang", "kannel-password"

# The core group comes first; a blank line ends a group. No global-sender: it would hide the number a phone wrote to.
CONFIG = """group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
status-password = {password}
admin-allow-ip = "127.0.0.1"
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
log-file = "{dir}/bearerbox.log"
log-level = 1
store-type = file
store-location = "{dir}/kannel.store"
dlr-storage = internal
sms-outgoing-queue-limit = {queue}

group = smsc
smsc = fake
smsc-id = FAKE1
host = 127.0.0.1
port = {smsc}
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
mo-recode = true
http-request-retry = 3
http-queue-delay = 1
log-file = "{dir}/smsbox.log"
log-level = 1

group = sendsms-user
username = {user}
password = {password}
concatenation = true
max-messages = 10
user-allow-ip = "127.0.0.1"

group = sms-service
keyword = default
get-url = "{uplink}?from=%p&to=%P&text=%a&ts=%T&smsc=%i&coding=%c&charset=%C&id=%I"
max-messages = 0
catch-all = true
omit-empty = true
"""

GOT = re.compile(r"Got message \d+: <(\S+) (\S+) (?:udh (\S+) )?(\S+) (\S*)>")


def installed():
    return all(shutil.which(p) for p in ("bearerbox", "smsbox")) and os.access(FAKESMSC, os.X_OK)


def opens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Kannel:
    """UPLINK: address that smsbox gives messages from phones to. PORTS: five free ones. SMSC: False leaves the operator
    away, QUEUE is then how many messages wait for it."""

    def __init__(self, folder, ports, uplink, smsc=True, queue=1000000):
        self.dir = folder
        self.admin, self.boxes, self.sendsms, self.smsc_port = ports[:4]
        self.url = "http://127.0.0.1:%d/cgi-bin/sendsms" % self.sendsms
        self.processes = []
        self.phone = None
        os.makedirs(folder, exist_ok=True)
        self.config = os.path.join(folder, "kannel.conf")
        with open(self.config, "w") as f:
            f.write(CONFIG.format(dir=folder, admin=self.admin, boxes=self.boxes, sendsms=self.sendsms,
                                  smsc=self.smsc_port, queue=queue, user=USER, password=PASSWORD, uplink=uplink))
        try:
            self._start("bearerbox", ["bearerbox", "-v", "4", self.config])
            wait_for(lambda: opens(self.admin), "bearerbox to listen")
            if smsc:
                self.connect_smsc()
            self._start("smsbox", ["smsbox", "-v", "4", self.config])
            wait_for(lambda: opens(self.sendsms), "smsbox to listen")
        except BaseException:
            self.stop()
            raise

    def _start(self, name, argv, **kw):
        with open(os.path.join(self.dir, name + ".out"), "ab") as out:
            p = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True, cwd=self.dir, **kw)
        self.processes.append(p)
        return p

    def connect_smsc(self):
        """The operator comes. With no message on its command line fakesmsc sends what it reads from standard input."""
        self.phone = self._start("fakesmsc", [FAKESMSC, "-H", "127.0.0.1", "-r", str(self.smsc_port), "-i", "0.01"],
                                 stdin=subprocess.PIPE)
        wait_for(lambda: "(online" in self.status(), "the operator's line")

    def status(self):
        # Not through the environment's proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open("http://127.0.0.1:%d/status.txt?password=%s" % (self.admin, PASSWORD),
                         timeout=10 * PATIENCE) as res:
            return res.read().decode()

    def write(self, number, to, text):
        """The phone NUMBER sends TEXT to the number TO."""
        data = "".join("%%%02X" % b for b in text.encode("utf-16-be"))
        self.phone.stdin.write(("%s %s ucs2 %s\n" % (number, to, data)).encode())
        self.phone.stdin.flush()

    def received(self, number=None):
        """[(from, to, text)] in the order phones got them; the parts of a long message are put together. NUMBER: only
        this phone's, as 13800000001."""
        with open(os.path.join(self.dir, "fakesmsc.out"), encoding="utf-8", errors="replace") as f:
            parts = GOT.findall(f.read())
        texts, whole = [], {}
        for sender, to, udh, _, payload in parts:
            text = urllib.parse.unquote_to_bytes(payload.replace("+", "%20")).decode("utf-16-be", "replace")
            head = urllib.parse.unquote_to_bytes(udh.replace("+", "%20"))
            key = (sender, to, head[3:4])
            if len(head) == 6 and head[5] > 1 and key in whole:
                texts[whole[key]][2] += text
                continue
            if len(head) == 6:
                whole[key] = len(texts)
            texts.append([sender, to, text])
        return [tuple(t) for t in texts if number is None or t[1][-11:] == number]

    def stop(self):
        for p in reversed(self.processes):
            if p.stdin:
                p.stdin.close()
            if p.poll() is None:
                p.terminate()
        for p in reversed(self.processes):
            try:
                p.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def log(self):
        """The ends of its logs, for a failure report."""
        out = []
        for name in ("bearerbox.out", "smsbox.out", "fakesmsc.out"):
            try:
                with open(os.path.join(self.dir, name), encoding="utf-8", errors="replace") as f:
                    out.append("==> %s\n%s" % (name, "".join(f.readlines()[-15:])))
            except FileNotFoundError:
                pass
        return "\n".join(out)


__all__ = ["Kannel", "StackError", "installed", "USER", "PASSWORD"]
