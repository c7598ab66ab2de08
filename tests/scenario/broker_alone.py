"""A broker that runs alone, with the shared clock moved by the test."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

from stack import PATIENCE, wait_for


class Broker:
    """A mosquitto of its own; PARTICIPANT is whose place in the clock is looked at."""

    def __init__(self, participant):
        self.participant = participant
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.dir = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
        path = os.path.join(self.dir, "mosquitto.conf")
        with open(path, "w") as f:
            f.write("listener %d 127.0.0.1\nallow_anonymous true\nuser root\n" % self.port)
        self.process = subprocess.Popen(["mosquitto", "-c", path], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin"))
        wait_for(self.answers, "the broker")

    def answers(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def clock(self, ms, rev):
        text = json.dumps({"v": 1, "base_sim": ms, "base_real": 0, "speed": 0, "rev": rev})
        subprocess.run(["mosquitto_pub", "-p", str(self.port), "-q", "1", "-r", "-t", "sw/v1/clock", "-m", text],
                       check=True, timeout=20 * PATIENCE)

    def place(self):
        """What the simulator says of itself now, or None."""
        done = subprocess.run(["mosquitto_sub", "-p", str(self.port), "-t", "sw/v1/clock/at/" + self.participant,
                               "-C", "1", "-W", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              timeout=20 * PATIENCE)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def wait_place(self, **want):
        wait_for(lambda: (lambda p: p and all(p[k] == v for k, v in want.items()))(self.place()), str(want))

    def close(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.dir)
