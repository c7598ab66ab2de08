"""The deployment samples work as shipped: Redis takes its file, the broker takes its own, and each broker
user can publish and receive exactly what config/mosquitto.acl promises."""
import os
import shutil
import subprocess
import tempfile

import pytest

from stack import ROOT, Ports, wait_for

USERS = ["bot", "notifier", "device", "feed", "monitor", "sim"]

# topic -> who may publish it, who receives it
RIGHTS = {
    "sw/v1/out/robot/r1": ("notifier", "bot"),
    "sw/v1/control": ("notifier", "bot"),
    "sw/v1/ack": ("notifier", "bot"),
    "sw/v1/in/control_ack": ("bot", "notifier"),
    "sw/v1/in/verdict": ("bot", "notifier"),
    "sw/v1/in/reply": ("bot", "notifier"),
    "sw/v1/in/event": ("bot", "notifier"),
    "sw/v1/in/sms/aliyun/report": ("bot", "notifier"),
    "sw/v1/in/sms/aliyun/uplink": ("bot", "notifier"),
    "sw/v1/clock": ("notifier", "bot notifier monitor sim"),
    "sw/v1/clock/at/bot": ("bot sim", "notifier"),
    "sw/v1/clock/at/wecom": ("sim", "notifier"),
    "sw/v1/state/campaign": ("notifier", "bot notifier monitor"),
    "sw/v1/state/unit/1502": ("notifier", "bot notifier monitor"),
    "sw/v1/publicity/150100/screen/item1": ("notifier", "notifier device"),
    "sw/v1/publicity/played/d1": ("notifier device", "notifier"),
    "sw/v1/status/bot/a": ("bot", "notifier monitor"),
    "sw/v1/status/notifier/a": ("notifier", "bot notifier monitor"),
    "sw/v1/feed/150100": ("feed", "notifier"),
    "sw/v1/other": ("", ""),
    "other": ("", ""),
}


@pytest.fixture
def folder():
    # Short and without a user's name in it: a Redis socket goes in here.
    path = tempfile.mkdtemp(prefix="sw.", dir="/tmp")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def end(process):
    process.terminate()
    process.wait(20)


def sample(name, folder, changes):
    """A copy of config/NAME with CHANGES; each must apply, or the sample has moved on without this test."""
    with open(os.path.join(ROOT, "config", name)) as f:
        text = f.read()
    for old, new in changes.items():
        assert "\n" + old + "\n" in text, old
        text = text.replace("\n" + old + "\n", "\n" + new + "\n")
    path = os.path.join(folder, name)
    with open(path, "w") as f:
        f.write(text)
    return path


@pytest.fixture
def broker(folder):
    ports = Ports()
    passwords = os.path.join(folder, "passwd")
    open(passwords, "w").close()
    for user in USERS:
        subprocess.run(["mosquitto_passwd", "-b", passwords, user, "pw-" + user], check=True)
    # root: or it drops to a user who cannot read our folder.
    conf = sample("mosquitto.conf", folder, {
        "listener 1883 127.0.0.1": "listener %d 127.0.0.1%s" % (
            ports.base, "\nuser root" if os.getuid() == 0 else ""),
        "password_file /etc/shouwang/mosquitto.passwd": "password_file " + passwords,
        "acl_file /etc/shouwang/mosquitto.acl": "acl_file " + os.path.join(ROOT, "config/mosquitto.acl"),
    })
    with open(os.path.join(folder, "broker.log"), "wb") as log:
        process = subprocess.Popen(["mosquitto", "-c", conf], stdout=log, stderr=log)
    try:
        wait_for(lambda: subprocess.run(
            ["mosquitto_pub", "-p", str(ports.base), "-u", "sim", "-P", "pw-sim", "-t", "probe", "-n"],
            stderr=subprocess.DEVNULL).returncode == 0, lambda: open(log.name).read())
        yield ports.base
    finally:
        end(process)
        ports.close()


def client(tool, port, user, *args, **kw):
    return subprocess.run(
        [tool, "-h", "127.0.0.1", "-p", str(port), "-V", "mqttv5", "-u", user, "-P", "pw-" + user, "-q", "1"]
        + list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20, **kw)


def test_each_user_publishes_and_receives_only_its_own(broker):
    may_publish, receives = {}, {}
    for topic in RIGHTS:
        may_publish[topic] = {
            user for user in USERS
            if "Not authorized" not in client("mosquitto_pub", broker, user, "-t", topic, "-r", "-m", user).stdout}
    for user in USERS:
        # Retained messages come at once after the subscription; what follows the silence is nothing.
        got = client("mosquitto_sub", broker, user, "-t", "#", "-W", "1", "-F", "%t").stdout.split()
        for topic in RIGHTS:
            receives.setdefault(topic, set()).update({user} if topic in got else set())
    wanted = {t: (set(p.split()), set(r.split())) for t, (p, r) in RIGHTS.items()}
    assert {t: (may_publish[t], receives[t]) for t in RIGHTS} == wanted


def test_strangers_do_not_get_in(broker):
    done = subprocess.run(
        ["mosquitto_pub", "-p", str(broker), "-V", "mqttv5", "-t", "sw/v1/control", "-m", "{}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    assert done.returncode != 0 and "Not authorized" in done.stdout


def test_redis_takes_its_file_and_keeps_what_it_promises(folder):
    socket = os.path.join(folder, "redis.sock")
    users = os.path.join(folder, "users.acl")
    with open(users, "w") as f:
        f.write("user default on nopass ~* +@all\n")
    conf = sample("redis.conf", folder, {
        "unixsocket /run/shouwang/redis.sock": "unixsocket " + socket,
        "aclfile /etc/shouwang/users.acl": "aclfile " + users,
        "dir /var/lib/shouwang-redis": "dir " + folder,
    })
    with open(os.path.join(folder, "redis.log"), "wb") as log:
        process = subprocess.Popen(["redis-server", conf], stdout=log, stderr=log)
    try:
        wait_for(lambda: os.path.exists(socket) or process.poll() is not None, "the socket of Redis")
        assert process.poll() is None, open(log.name).read()

        def say(*words):
            return subprocess.run(["redis-cli", "-s", socket] + list(words), stdout=subprocess.PIPE,
                                  text=True, check=True, timeout=20).stdout.split()
        wait_for(lambda: say("PING") == ["PONG"], "an answer of Redis")
        for name, value in (("appendonly", "yes"), ("appendfsync", "always"), ("port", "0"),
                            ("maxmemory-policy", "noeviction"), ("hash-max-listpack-value", "512")):
            assert say("CONFIG", "GET", name) == [name, value]
    finally:
        end(process)
