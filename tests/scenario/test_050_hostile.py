"""Whoever reaches the callback port without the keys gets a 4xx, leaves nothing behind, and the process lives."""
import http.client
import socket

from office import CLERK, GROUP, answer, open_office


def post(stack, path, body, headers=None):
    host = stack.info["http"].partition("//")[2]
    c = http.client.HTTPConnection(host, timeout=15)
    c.request("POST", path, body, headers or {})
    status = c.getresponse().status
    c.close()
    return status


def raw(stack, data):
    """The status lines that come back for DATA on one connection."""
    host, _, port = stack.info["http"].partition("//")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=15) as s:
        s.sendall(data)
        s.settimeout(3)
        got = b""
        try:
            while chunk := s.recv(65536):
                got += chunk
        except TimeoutError:
            pass
    return [l.split()[1].decode() for l in got.split(b"\r\n") if l.startswith(b"HTTP/1.1 ")]


def test_hostile_requests_are_refused_and_the_bot_lives(make_stack):
    """Wrong signature, garbage, sizes, methods, paths, both framings, two lengths, pipelined mixes: after each another
    connection is served, nothing is stored, and an official is still answered."""
    stack = open_office(make_stack())
    pid = stack.pid("bot")
    q = "?msg_signature=" + "0" * 40 + "&timestamp=1655683200&nonce=1"
    xml = "<xml><ToUserName>ww0000000000000001</ToUserName><Encrypt>AAAA</Encrypt></xml>"
    before = stack.metrics("notifier").get('shouwang_inbound_events_total{source="app/office"}', 0)
    assert post(stack, "/wecom/app/office" + q, xml) == 403
    assert post(stack, "/wecom/robot/shouwang" + q, '{"encrypt":"AAAA"}') == 403
    assert post(stack, "/wecom/app/office" + q, "not xml at all") in (400, 403)
    assert post(stack, "/wecom/app/office" + q, "x" * 70000) == 413
    assert post(stack, "/wecom/app/nobody" + q, xml) == 404
    assert post(stack, "/../../etc/passwd", xml) == 404
    length = b"POST /wecom/app/office HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
    assert raw(stack, length + b"Content-Length: 5\r\n\r\nabcde") == ["400"]
    assert raw(stack, length + b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n") == ["400"]
    assert raw(stack, b"POST /wecom/app/office HTTP/1.1\r\nHost: a\r\n\r\n") == ["411"]
    one = length + b"\r\nabcd"
    get = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
    for mix in (one + one, get + one, one + get, one + one + one):
        statuses = raw(stack, mix)
        assert len(statuses) in (1, 2, 3) and all(s[0] == "4" for s in statuses)
        assert post(stack, "/wecom/app/office" + q, xml) == 403
    assert stack.pid("bot") == pid
    assert stack.metrics("notifier").get('shouwang_inbound_events_total{source="app/office"}', 0) == before
    assert "确认收到" in answer(stack, GROUP, CLERK, "@守望 收到")
