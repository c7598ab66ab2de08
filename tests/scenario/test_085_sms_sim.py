"""The simulated SMS service is as strict as the real one.

Other scenarios trust it: that it checks every signature, refuses what Aliyun refuses, shows on a phone what the registered
template says, tells receipts as documented, and loses or doubles them when it is told to. Here it runs alone, against a
bot of a few lines.
"""
import http.client
import json
import os
import subprocess
import tempfile

import pytest

from broker_alone import Broker
from sms_alone import KEY_ID, MINUTE, SECRET, SIGN, START_MS, TEMPLATES, FakeBot, Sim, authorization
from stack import BUILD, PATIENCE, wait_for

A, B, C = "13800000001", "13800000002", "13800000003"
TEXT = "【内蒙古民政】呼和浩特市：距截止还有3天，请及时报送。"


@pytest.fixture
def bot():
    bot = FakeBot()
    yield bot
    bot.close()


@pytest.fixture
def make_sim(bot):
    sims = []

    def make(**more):
        sims.append(Sim(bot.url, **more))
        return sims[-1]

    yield make
    for sim in sims:
        sim.close()


@pytest.fixture
def sim(make_sim):
    return make_sim()


# ---- who asks -------------------------------------------------------------------------------------


def test_a_request_signed_by_the_account_is_taken(sim):
    status, answer = sim.call("SendSms", {"PhoneNumbers": A, "SignName": SIGN, "TemplateCode": "SMS_1000002"})
    assert (status, answer["Code"]) == (200, "OK")
    assert answer["BizId"].endswith("^0") and answer["RequestId"]


def test_parameters_of_query_and_form_are_one(sim):
    status, answer = sim.call("SendSms", {"PhoneNumbers": A, "SignName": SIGN},
                              query={"TemplateCode": "SMS_1000002", "OutId": "sw:1:~a*b+c d"})
    assert (status, answer["Code"]) == (200, "OK")
    assert sim.ledger()[0]["out_id"] == "sw:1:~a*b+c d"


def drop(name):
    return lambda headers: headers.pop(name)


def put(name, value):
    return lambda headers: headers.__setitem__(name, value)


def unsigned(name):
    """NAME is sent but left out of the signature, which is right otherwise."""
    def change(headers):
        headers.pop("authorization")
        headers["authorization"] = authorization({k: v for k, v in headers.items() if k != name}, "", b"")
    return change


@pytest.mark.parametrize("how,status,code", [
    ({"secret": "another"}, 400, "SignatureDoesNotMatch"),
    ({"key_id": "NOBODY"}, 404, "InvalidAccessKeyId.NotFound"),
    ({"change": put("x-acs-action", "QuerySendDetails")}, 400, "SignatureDoesNotMatch"),
    ({"change": put("x-acs-content-sha256", "0" * 64)}, 400, "SignatureDoesNotMatch"),
    ({"change": put("content-type", "text/plain")}, 400, "SignatureDoesNotMatch"),
    ({"change": drop("authorization")}, 400, "IncompleteSignature"),
    ({"change": put("authorization", "Basic eDp5")}, 400, "IncompleteSignature"),
    ({"change": drop("x-acs-signature-nonce")}, 400, "IncompleteSignature"),
    ({"change": unsigned("x-acs-date")}, 400, "IncompleteSignature"),
    ({"change": unsigned("content-type")}, 400, "IncompleteSignature"),
    ({"at_ms": START_MS - 15 * MINUTE - 1000}, 400, "InvalidTimeStamp.Expired"),
    ({"at_ms": START_MS + 15 * MINUTE + 1000}, 400, "InvalidTimeStamp.Expired"),
    ({"change": put("x-acs-date", "2022-06-20 00:00:00")}, 400, "InvalidTimeStamp.Format"),
    ({"version": "2016-01-01"}, 400, "InvalidVersion"),
])
def test_a_request_that_the_gateway_does_not_trust_is_refused(sim, how, status, code):
    got = sim.call("SendSms", {"PhoneNumbers": A, "SignName": SIGN, "TemplateCode": "SMS_1000002"}, **how)
    assert (got[0], got[1]["Code"]) == (status, code)
    assert got[1]["RequestId"] and got[1]["HostId"] and got[1]["Message"]
    entry = sim.ledger()[-1]
    assert (entry["accepted"], entry["code"], entry["status"]) == (False, code, status)
    assert sim.messages() == []


def test_the_body_must_be_the_one_that_was_hashed(sim):
    body = b"PhoneNumbers=13800000001"
    headers = sim.headers("SendSms", body)
    headers["authorization"] = authorization(headers, "", body)
    status, data = sim.request("POST", "/", body[:-1] + b"2", headers)
    assert (status, json.loads(data)["Code"]) == (400, "SignatureDoesNotMatch")


def test_a_date_within_fifteen_minutes_is_good(sim):
    for off in (-15 * MINUTE, 15 * MINUTE):
        assert sim.sms(A, at_ms=START_MS + off)["Code"] == "OK"


def test_a_nonce_is_good_once(sim):
    assert sim.sms(A, nonce="n1")["Code"] == "OK"
    assert sim.sms(A, nonce="n1")["Code"] == "SignatureNonceUsed"
    assert sim.sms(A, nonce="n2")["Code"] == "OK"
    assert len(sim.messages()) == 2


def test_a_nonce_of_a_forged_request_is_not_used_up(sim):
    assert sim.sms(A, nonce="n1", secret="forged")["Code"] == "SignatureDoesNotMatch"
    assert sim.sms(A, nonce="n1")["Code"] == "OK"


def test_another_operation_is_not_found(sim):
    status, answer = sim.call("SendBatchSms", {})
    assert (status, answer["Code"]) == (404, "InvalidAction.NotFound")


def test_a_parameter_that_is_no_text_is_refused(sim):
    body = b"PhoneNumbers=%ff"
    headers = sim.headers("SendSms", body)
    headers["authorization"] = authorization(headers, "", body)
    assert sim.request("POST", "/", body, headers)[0] == 400


# ---- SendSms --------------------------------------------------------------------------------------


def test_a_message_is_shown_as_the_registered_template_says(sim):
    answer = sim.sms([A, "+86" + B, "0086" + C], out_id="b7.0.0.1", mids="aa,bb,cc")
    assert answer["Code"] == "OK"
    assert [(m["number"], m["text"], m["state"], m["biz_id"]) for m in sim.messages()] == [
        (n, TEXT, "waiting", answer["BizId"]) for n in (A, B, C)]
    (entry,) = sim.ledger()
    assert (entry["accepted"], entry["numbers"], entry["out_id"], entry["broadcast"], entry["mids"], entry["text"],
            entry["biz_id"], entry["at"]) == (
        True, "%s,+86%s,0086%s" % (A, B, C), "b7.0.0.1", "b7", "aa,bb,cc", TEXT, answer["BizId"], START_MS)


def test_what_a_variable_holds_is_not_looked_through_for_variables(sim):
    assert sim.sms(A, params={"unit": "${days}", "days": "3", "more": "x"})["Code"] == "OK"
    assert sim.messages()[0]["text"].startswith("【内蒙古民政】${days}：")


@pytest.mark.parametrize("how,code", [
    ({"numbers": A + ",12800000001"}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"numbers": A + ",1380000000"}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"numbers": A + ","}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"numbers": "04716962044"}, "isv.MOBILE_NUMBER_ILLEGAL"),
    ({"numbers": ["1380000%04d" % i for i in range(1001)]}, "isv.MOBILE_COUNT_OVER_LIMIT"),
    ({"template": "SMS_9"}, "isv.SMS_TEMPLATE_ILLEGAL"),
    ({"sign": "别的签名"}, "isv.SMS_SIGNATURE_ILLEGAL"),
    ({"params": {"unit": "呼和浩特市"}}, "isv.TEMPLATE_MISSING_PARAMETERS"),
    ({"params": {"unit": "呼和浩特市", "days": 3}}, "isv.INVALID_JSON_PARAM"),
    ({"params": "[]"}, "isv.INVALID_JSON_PARAM"),
    ({"params": "{"}, "isv.INVALID_JSON_PARAM"),
    ({"params": {"unit": "长" * 480, "days": "3"}}, "isv.PARAM_LENGTH_LIMIT"),
    ({"out_id": "x" * 256}, "isv.PARAM_LENGTH_LIMIT"),
    ({"extend": "12345678"}, "isv.EXTEND_CODE_ERROR"),
    ({"extend": "1a"}, "isv.EXTEND_CODE_ERROR"),
    ({"numbers": ""}, "MissingPhoneNumbers"),
    ({"sign": ""}, "MissingSignName"),
    ({"template": ""}, "MissingTemplateCode"),
])
def test_what_is_wrong_refuses_the_whole_request(sim, how, code):
    assert sim.sms(**dict({"numbers": A}, **how))["Code"] == code
    assert sim.messages() == []
    entry = sim.ledger()[-1]
    assert (entry["accepted"], entry["code"]) == (False, code)
    assert sim.get("/control/twice")["accepted"] == 0


def test_a_thousand_numbers_are_the_most(sim):
    assert sim.sms(["1380000%04d" % i for i in range(1000)])["Code"] == "OK"
    assert sim.get("/control/state")["accepted"] == 1000


@pytest.mark.parametrize("limit,name,step", [({"minute": 1}, "分钟级流控", MINUTE), ({"hour": 1}, "小时级流控", 60 * MINUTE),
                                             ({"day": 1}, "天级流控", 24 * 60 * MINUTE)])
def test_a_number_that_got_enough_refuses_the_request_until_its_window_is_over(make_sim, limit, name, step):
    sim = make_sim(limit=limit)
    assert sim.sms(A)["Code"] == "OK"
    answer = sim.sms([B, A])
    assert (answer["Code"], answer["Message"]) == ("isv.BUSINESS_LIMIT_CONTROL", "触发%sPermits:1" % name)
    assert sim.messages(B) == []
    assert sim.sms(B)["Code"] == "OK"
    sim.clock(START_MS + step - 1000)
    assert sim.sms(A)["Code"] == "isv.BUSINESS_LIMIT_CONTROL"
    sim.clock(START_MS + step)
    assert sim.sms(A)["Code"] == "OK"


def test_an_account_that_asks_too_often_is_throttled_in_that_second(make_sim):
    sim = make_sim(rate=2)
    assert [sim.sms(A)["Code"] for _ in range(3)] == ["OK", "OK", "Throttling.User"]
    sim.clock(START_MS + 1000)
    assert sim.sms(A)["Code"] == "OK"


# ---- receipts -------------------------------------------------------------------------------------


def wait_reports(bot, n):
    wait_for(lambda: len(bot.reports()) >= n, lambda: "%d receipts, there are %r" % (n, bot.calls))
    return bot.reports()


def settled(sim):
    """Nothing is under way."""
    wait_for(lambda: sim.get("/control/state")["pushes"]["busy"] == 0, "the pushes to end")


def test_a_receipt_comes_after_the_delay_with_all_its_fields(sim, bot):
    answer = sim.sms([A, B], out_id="b1.0.0.1")
    sim.clock(START_MS + 7999)
    settled(sim)
    assert bot.calls == []
    sim.clock(START_MS + 8000)
    reports = wait_reports(bot, 2)
    assert reports[0] == {
        "phone_number": A, "send_time": "2022-06-20 08:00:00", "report_time": "2022-06-20 08:00:08", "success": True,
        "err_code": "DELIVERED", "err_msg": "用户接收成功", "sms_size": "1", "biz_id": answer["BizId"],
        "out_id": "b1.0.0.1"}
    assert reports[1]["phone_number"] == B
    assert [m["state"] for m in sim.messages()] == ["delivered"] * 2


def test_the_parts_of_a_long_message_are_told(sim, bot):
    sim.sms(A, params={"unit": "长" * 100, "days": "3"})
    sim.clock(START_MS + 8000)
    assert wait_reports(bot, 1)[0]["sms_size"] == "2"


def test_receipts_come_in_batches_of_at_most_a_hundred_of_several_requests(sim, bot):
    sim.sms(["1380000%04d" % i for i in range(60)], out_id="b1.0.0.1")
    sim.sms(["1390000%04d" % i for i in range(90)], out_id="b1.0.60.1")
    sim.clock(START_MS + 8000)
    wait_reports(bot, 150)
    assert sorted(len(array) for _, array in bot.calls) == [50, 100]
    assert {r["out_id"] for _, array in bot.calls if len(array) == 100 for r in array} == {"b1.0.0.1", "b1.0.60.1"}


@pytest.mark.parametrize("state,code", [("off", "UNDELIV"), ("blacklisted", "MOBILE_IN_BLACK"),
                                        ("unknown", "MOBILE_NOT_ON_SERVICE")])
def test_a_phone_that_gets_nothing_makes_a_bad_receipt(sim, bot, state, code):
    sim.post("/control/phone", {"number": A, "state": state})
    assert sim.sms(A)["Code"] == "OK"
    sim.clock(START_MS + 8000)
    (report,) = wait_reports(bot, 1)
    assert (report["success"], report["err_code"]) == (False, code)
    assert [(m["state"], m["code"]) for m in sim.messages()] == [("failed", code)]


def test_a_silent_phone_makes_none(make_sim, bot):
    sim = make_sim(phones=[{"number": A, "name": "张三", "state": "silent"}])
    sim.sms([A, B])
    sim.clock(START_MS + 8000)
    assert [r["phone_number"] for r in wait_reports(bot, 1)] == [B]
    assert [m["state"] for m in sim.messages()] == ["waiting", "delivered"]


def next_try(sim):
    state = sim.get("/control/state")
    return state["pushes"] if state["pushes"]["busy"] == 0 else None


def test_a_push_that_nobody_took_comes_again_after_1_5_and_10_minutes_then_never(sim, bot):
    bot.statuses = [500, 503, 302, 500]
    sim.sms(A)
    at = START_MS + 8000
    for n, pause in ((1, 1), (2, 5), (3, 10), (4, 60)):
        sim.clock(at)
        wait_for(lambda: len(bot.calls) == n and next_try(sim), "try %d" % n)
        sim.clock(at + pause * MINUTE - 1)
        settled(sim)
        assert len(bot.calls) == n
        at += pause * MINUTE
    sim.clock(at)
    settled(sim)
    assert len(bot.calls) == 4 and len({json.dumps(array) for _, array in bot.calls}) == 1
    assert sim.get("/control/state")["pushes"]["lost"] == 1


@pytest.mark.parametrize("body", [b"", b"ok", b'{"msg":"ok"}', b'{"code":"0"}'])
def test_an_answer_without_a_numeric_code_does_not_count(sim, bot, body):
    good, bot.body = bot.body, body
    sim.sms(A)
    sim.clock(START_MS + 8000)
    wait_for(lambda: len(bot.calls) == 1 and next_try(sim), "the first try")
    bot.body = good
    sim.clock(START_MS + 8000 + MINUTE)
    wait_for(lambda: sim.get("/control/state")["pushes"]["arrived"] == 1, "the second try")
    assert bot.calls[0] == bot.calls[1]


def test_without_a_report_url_phones_still_get_their_messages():
    sim = Sim()
    sim.sms(A)
    sim.clock(START_MS + 8000)
    assert [m["state"] for m in sim.messages()] == ["delivered"]
    sim.close()


# ---- QuerySendDetails -----------------------------------------------------------------------------


def test_a_query_knows_what_became_of_a_message(sim):
    answer = sim.sms(A, out_id="m1-1")
    waiting = sim.query(A)
    assert (waiting["Code"], waiting["TotalCount"]) == ("OK", "1")
    assert waiting["SmsSendDetailDTOs"]["SmsSendDetailDTO"] == [
        {"PhoneNum": A, "SendStatus": 1, "ErrCode": "", "TemplateCode": "SMS_1000001", "Content": TEXT,
         "SendDate": "2022-06-20 08:00:00", "OutId": "m1-1"}]
    sim.clock(START_MS + 8000)
    (detail,) = sim.query(A, BizId=answer["BizId"])["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
    assert (detail["SendStatus"], detail["ErrCode"], detail["ReceiveDate"]) == (3, "DELIVERED", "2022-06-20 08:00:08")
    assert sim.query(A, BizId="1^0")["TotalCount"] == "0"
    assert sim.query(A, day="20220619")["TotalCount"] == "0"
    assert sim.query(B)["TotalCount"] == "0"


def test_a_query_has_pages_newest_first(sim):
    for i in range(5):
        sim.sms(A, out_id="m%d" % i)
    page = sim.query(A, PageSize="2", CurrentPage="2")
    assert page["TotalCount"] == "5"
    assert [d["OutId"] for d in page["SmsSendDetailDTOs"]["SmsSendDetailDTO"]] == ["m2", "m1"]


@pytest.mark.parametrize("how,code", [({"number": "123"}, "isv.MOBILE_NUMBER_ILLEGAL"),
                                      ({"day": "2022-06-20"}, "isv.INVALID_PARAMETERS"),
                                      ({"day": "20220520"}, "isv.INVALID_PARAMETERS"),
                                      ({"PageSize": "51"}, "isv.INVALID_PARAMETERS"),
                                      ({"CurrentPage": "0"}, "isv.INVALID_PARAMETERS")])
def test_a_query_that_makes_no_sense_is_refused(sim, how, code):
    assert sim.query(**dict({"number": A}, **how))["Code"] == code


# ---- answers --------------------------------------------------------------------------------------


def test_an_answer_reaches_the_bot_with_the_extension_it_answers(sim, bot):
    sim.sms(A, extend="017")
    sim.sms(A)
    sim.sms(A, extend="018")
    told = sim.answer(A, "收到")
    assert (told["delivered"], told["status"], told["tries"]) == (True, 200, 1)
    (uplink,) = bot.uplinks()
    assert uplink == {"phone_number": A, "send_time": "2022-06-20 08:00:00", "content": "收到", "dest_code": "018",
                      "sequence_id": told["sequence_id"], "sign_name": SIGN}
    last = sim.messages(A)[-1]
    assert (last["mine"], last["text"], last["state"], last["seq"]) == (True, "收到", "received", told["seq"])


def test_a_stranger_may_write_too(sim, bot):
    assert sim.answer(A, "R")["delivered"]
    assert bot.uplinks()[0]["dest_code"] == ""


def test_an_answer_that_nobody_took_is_pushed_again(sim, bot):
    bot.statuses = [500]
    told = sim.answer(A, "收到")
    assert (told["delivered"], told["status"]) == (False, 500)
    assert sim.messages(A)[0]["state"] == "waiting"
    sim.clock(START_MS + MINUTE)
    wait_for(lambda: sim.messages(A)[0]["state"] == "received", "the second try")
    assert bot.uplinks()[0] == bot.uplinks()[1]


@pytest.mark.parametrize("order", [{"number": "123", "text": "x"}, {"number": A, "text": ""}, {"number": A},
                                   {"number": A, "text": "x" * 2001}])
def test_an_answer_that_is_none_is_refused(sim, order):
    assert sim.request("POST", "/control/answer", order)[0] == 400


# ---- faults ---------------------------------------------------------------------------------------


def test_a_throttled_request_is_refused_as_often_as_ordered(sim):
    sim.fault("throttle", count=2)
    assert [sim.sms(A)["Code"] for _ in range(3)] == ["Throttling.User", "Throttling.User", "OK"]
    assert len(sim.messages()) == 1


@pytest.mark.parametrize("code,status", [("isv.AMOUNT_NOT_ENOUGH", 200), ("isp.RAM_PERMISSION_DENY", 200),
                                         ("InternalError", 500), ("ServiceUnavailable", 503), ("Throttling.Api", 400)])
def test_any_code_can_be_ordered(sim, code, status):
    sim.fault("code", code=code, route="SendSms")
    assert sim.query(A)["Code"] == "OK"
    got = sim.call("SendSms", {"PhoneNumbers": A, "SignName": SIGN, "TemplateCode": "SMS_1000002"})
    assert (got[0], got[1]["Code"]) == (status, code)
    assert sim.messages() == []


def test_a_fault_of_one_broadcast_leaves_the_others_alone(sim):
    sim.fault("throttle", route="SendSms:b2")
    assert sim.sms(A, out_id="b1.0.0.1")["Code"] == "OK"
    assert sim.sms(A, out_id="b2.0.0.1")["Code"] == "Throttling.User"


def test_a_gateway_error_is_html_and_leaves_nothing(sim):
    sim.fault("http5xx")
    body = b"PhoneNumbers=" + A.encode()
    status, data = sim.request("POST", "/", body, sim.headers("SendSms", body))
    assert status == 502 and data.startswith(b"<html>")
    assert sim.ledger()[-1]["accepted"] is False


def test_a_reset_leaves_nothing(sim):
    sim.fault("reset")
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.sms(A)
    assert sim.messages() == [] and sim.ledger()[-1]["fault"] == "reset"


def test_a_lost_answer_leaves_an_accepted_message_and_its_receipt(sim, bot):
    sim.fault("answer_lost")
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.sms(A, out_id="b1.0.0.1")
    assert [m["text"] for m in sim.messages()] == [TEXT]
    entry = sim.ledger()[-1]
    assert (entry["accepted"], entry["fault"]) == (True, "answer_lost")
    sim.clock(START_MS + 8000)
    assert wait_reports(bot, 1)[0]["out_id"] == "b1.0.0.1"


def test_half_an_answer_is_no_json(sim):
    sim.fault("half_answer")
    with pytest.raises(ValueError):
        sim.sms(A)
    assert len(sim.messages()) == 1


def test_a_slow_answer_comes_late_but_comes(sim):
    sim.fault("slow", ms=300)
    asked = sim.get("/control/state")["real_now"]
    assert sim.sms(A)["Code"] == "OK"
    assert sim.get("/control/state")["real_now"] - asked >= 300


def test_a_slow_refusal_keeps_its_status(sim):
    sim.fault("slow", ms=1)
    status, answer = sim.call("SendSms", {"PhoneNumbers": A}, secret="another")
    assert (status, answer["Code"]) == (400, "SignatureDoesNotMatch")


def test_a_refusing_listener_comes_back_on_its_port(sim):
    sim.fault("refuse", ms=500)
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.sms(A)

    def back():
        try:
            return sim.sms(A)["Code"] == "OK"
        except OSError:
            return False

    wait_for(back, "the listener to come back")


def test_receipts_can_come_before_the_answer(sim, bot):
    sim.fault("receipt_early")
    answer = sim.sms(["1380000%04d" % i for i in range(150)])
    assert answer["Code"] == "OK"
    assert len(bot.reports()) == 150 and {r["biz_id"] for r in bot.reports()} == {answer["BizId"]}
    sim.clock(START_MS + 8000)
    settled(sim)
    assert len(bot.reports()) == 150


def test_receipts_can_come_before_an_answer_that_is_lost(sim, bot):
    sim.fault("receipt_early")
    sim.fault("answer_lost")
    with pytest.raises((http.client.HTTPException, OSError)):
        sim.sms(A)
    assert len(bot.reports()) == 1


def test_a_late_receipt_waits_its_time(sim, bot):
    sim.fault("receipt_late", ms=60000, route="receipt:b1")
    sim.sms(A, out_id="b1.0.0.1")
    sim.sms(B, out_id="b2.0.0.1")
    sim.clock(START_MS + 8000)
    assert [r["phone_number"] for r in wait_reports(bot, 1)] == [B]
    sim.clock(START_MS + 68000)
    assert [r["phone_number"] for r in wait_reports(bot, 2)] == [B, A]


def test_receipts_can_come_twice(sim, bot):
    sim.fault("receipt_twice")
    sim.sms(A, out_id="b1.0.0.1")
    sim.sms(B, out_id="b1.0.1.1")
    sim.clock(START_MS + 8000)
    wait_reports(bot, 3)
    settled(sim)
    assert sorted(r["phone_number"] for r in bot.reports()) == [A, A, B]


def test_a_receipt_can_be_lost(sim, bot):
    sim.fault("receipt_lost")
    sim.sms(A)
    sim.sms(B)
    sim.clock(START_MS + 8000)
    wait_reports(bot, 1)
    settled(sim)
    assert [r["phone_number"] for r in bot.reports()] == [B]
    assert sim.query(A)["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]["SendStatus"] == 3


def test_receipts_can_come_out_of_order(sim, bot):
    sim.fault("receipt_order", ms=5000)
    sim.sms([A, B])
    sim.clock(START_MS + 1000)
    sim.sms(C)
    sim.clock(START_MS + 9000)
    wait_reports(bot, 1)
    sim.clock(START_MS + 13000)
    assert [r["phone_number"] for r in wait_reports(bot, 3)] == [C, B, A]


def test_a_receipt_can_have_any_code(sim, bot):
    sim.fault("receipt_code", code="PORT_NOT_REGISTERED")
    sim.sms(A)
    sim.clock(START_MS + 8000)
    (report,) = wait_reports(bot, 1)
    assert (report["success"], report["err_code"]) == (False, "PORT_NOT_REGISTERED")


def test_faults_can_be_taken_back(sim):
    sim.fault("throttle", count=5)
    assert [f["kind"] for f in sim.get("/control/state")["faults"]] == ["throttle"]
    sim.post("/control/fault", {"clear": True})
    assert sim.sms(A)["Code"] == "OK"


@pytest.mark.parametrize("order", [{}, {"kind": "errcode"}, {"kind": "code", "code": []}, {"kind": "throttle", "count": 0},
                                   {"kind": "code", "code": "x" * 80}])
def test_an_order_that_makes_no_sense_is_refused(sim, order):
    status, data = sim.request("POST", "/control/fault", order)
    assert status == 400 and json.loads(data)["error"]


# ---- who was written to how often ------------------------------------------------------------------


def test_whoever_is_accepted_twice_for_one_broadcast_is_named(sim):
    sim.sms([A, B], out_id="b1.0.0.1")
    sim.sms([C, B], out_id="b1.0.2.2")
    sim.sms([A, B, C], out_id="b2.0.0.1")
    sim.sms(B, out_id="b1.9", template="SMS_9")
    assert sim.get("/control/twice") == {
        "requests": 4, "accepted": 7, "numbers": 3, "uncounted": 0, "twice_total": 1,
        "twice": [{"broadcast": "b1", "number": B, "times": 2}]}
    sim.sms(B, out_id="b1.0.3.1")
    assert sim.get("/control/twice?broadcast=b1") == {
        "requests": 3, "accepted": 5, "numbers": 3, "twice": [{"broadcast": "b1", "number": B, "times": 3}]}
    assert sim.get("/control/twice?broadcast=b2")["twice"] == []
    assert sim.get("/control/twice?broadcast=b9") == {"requests": 0, "accepted": 0, "numbers": 0, "twice": []}


def test_a_hundred_thousand_recipients_are_counted_and_the_newest_shown(make_sim):
    sim = make_sim(rate=0)
    number = lambda n: "13900%06d" % n
    for i in range(0, 100000, 1000):
        assert sim.sms([number(i + k) for k in range(1000)], out_id="b1.0.%d.1" % i)["Code"] == "OK"
    assert sim.sms(number(7), out_id="b1.1.0.1")["Code"] == "OK"
    got = sim.get("/control/twice?broadcast=b1")
    assert (got["accepted"], got["numbers"]) == (100001, 100000)
    assert [t["number"] for t in got["twice"]] == [number(7)]
    phones = sim.get("/control/phones?limit=3&messages=1")
    assert [p["number"] for p in phones] == [number(7), number(99999), number(99998)]


# ---- phones ----------------------------------------------------------------------------------------


def test_phones_are_listed_newest_first_and_found_by_number_name_or_text(make_sim):
    sim = make_sim(phones=[{"number": C, "name": "张三"}])
    sim.sms(A)
    sim.sms(B, template="SMS_1000002", params={})
    numbers = lambda q: [p["number"] for p in sim.get("/control/phones" + q)]
    assert numbers("") == [B, A, C]
    assert numbers("?q=0001") == [A]
    assert numbers("?q=%E5%BC%A0%E4%B8%89") == [C]
    assert numbers("?q=%E8%A1%A8%E5%BD%B0") == [B]
    assert numbers("?limit=1") == [B]
    assert numbers("?number=" + C) == [C]
    assert numbers("?number=13900000000") == []


def test_messages_are_told_since_a_number(sim):
    sim.sms([A, B])
    sim.answer(A, "收到")
    assert [m["seq"] for m in sim.get("/control/messages?since=1")] == [2, 3]
    assert [m["seq"] for m in sim.get("/control/messages?since=1&limit=1")] == [2]
    assert [m["seq"] for m in sim.get("/control/messages?number=%s" % A)] == [1, 3]
    assert [m["seq"] for m in sim.get("/control/messages?number=%s&since=1" % A)] == [3]


def test_the_ledger_is_told_in_pieces(sim):
    for _ in range(3):
        sim.sms(A)
    assert [e["seq"] for e in sim.get("/control/ledger?since=1&limit=1")] == [2]
    assert sim.get("/control/ledger?since=3") == []


# ---- scripted people and the shared clock ----------------------------------------------------------


def test_people_answer_by_the_clock_by_number_or_by_name(make_sim, bot, tmp_path):
    path = tmp_path / "people.conf"
    path.write_text('people = ( { at = "2022-06-20T09:40"; name = "张三"; text = "收到"; },\n'
                    '  { at = "2022-06-20T09:20"; number = "%s"; text = "1"; },\n'
                    '  { at = "2022-06-20T07:00"; number = "%s"; text = "旧"; } );\n' % (B, B))
    sim = make_sim(script=str(path), phones=[{"number": A, "name": "张三"}])
    sim.post("/control/script", {"lines": [{"at": "2022-06-20T11:00", "name": "张三", "text": "已报送"}]})
    assert sim.get("/control/state")["script"]["next_ms"] == START_MS + 80 * MINUTE
    sim.clock(START_MS + 100 * MINUTE)
    wait_for(lambda: len(bot.uplinks()) == 2, "two answers")
    assert [(u["phone_number"], u["content"]) for u in bot.uplinks()] == [(B, "1"), (A, "收到")]
    sim.clock(START_MS + 180 * MINUTE)
    wait_for(lambda: len(bot.uplinks()) == 3, "the last answer")


@pytest.mark.parametrize("line", [{"at": "x", "number": A, "text": "y"}, {"at": 1, "text": "y"}, {"at": 1, "number": A},
                                  {"at": 1, "name": "nobody", "text": "y"}, {"at": 1, "number": "12", "text": "y"}])
def test_a_line_that_nobody_can_say_is_refused_with_all_of_its_list(sim, line):
    good = {"at": "2022-06-20T09:00", "number": A, "text": "x"}
    assert sim.request("POST", "/control/script", {"lines": [good, line]})[0] == 400
    assert sim.get("/control/state")["script"]["total"] == 0


def test_a_step_of_the_clock_is_answered_when_all_that_is_due_was_done(make_sim, bot):
    broker = Broker("sms_sim")
    sim = make_sim(mqtt={"host": "127.0.0.1", "port": broker.port})
    sim.post("/control/script", {"lines": [{"at": "2022-06-20T09:40", "number": A, "text": "收到"}]})
    broker.clock(START_MS, 7)
    broker.wait_place(rev=7, next_ms=START_MS + 100 * MINUTE, busy=0)
    sim.sms(["1380000%04d" % i for i in range(1000)])
    broker.wait_place(rev=7, next_ms=START_MS + 8000, busy=0)
    broker.clock(START_MS + 8000, 8)
    broker.wait_place(rev=8, next_ms=START_MS + 100 * MINUTE, busy=0)
    assert len(bot.reports()) == 1000
    bot.statuses = [500]
    broker.clock(START_MS + 100 * MINUTE, 9)
    broker.wait_place(rev=9, next_ms=START_MS + 101 * MINUTE, busy=0)
    broker.clock(START_MS + 101 * MINUTE, 10)
    broker.wait_place(rev=10, next_ms=2**63 - 1, busy=0)
    assert len(bot.uplinks()) == 2
    assert sim.request("POST", "/control/clock", {"now": START_MS})[0] == 409
    broker.close()


# ---- files, pages, strangers -----------------------------------------------------------------------


def test_templates_may_also_be_one_array(make_sim):
    sim = make_sim(templates=json.dumps(TEMPLATES, ensure_ascii=False))
    assert sim.get("/control/state")["templates"] == 2
    assert sim.sms(A)["Code"] == "OK"


@pytest.mark.parametrize("name,text", [
    ("templates", '{"code":"SMS_1","id":"a","text":"x"}\n{"code":"SMS_1","id":"b","text":"y"}\n'),
    ("templates", '{"code":"SMS_1","id":"a"}\n'), ("templates", "nothing\n"),
    ("script", 'people = ( { at = "2022-06-20T09:00"; number = "12"; text = "x"; } );\n'),
    ("phones", None),
])
def test_files_that_are_wrong_end_it_with_78(name, text):
    with tempfile.TemporaryDirectory(prefix="sw.", dir="/tmp") as d:
        path = os.path.join(d, "sim.conf")
        with open(path, "w") as f:
            f.write('sign = "x"; aliyun = { access_key_id = "a"; secret = "b"; };\n')
            f.write('phones = ( { number = "12345678901"; } );\n' if text is None else '%s = "file";\n' % name)
        with open(os.path.join(d, "file"), "w") as f:
            f.write(text or "")
        done = subprocess.run([os.path.join(BUILD, "sim-sms"), "-c", path], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20 * PATIENCE)
        assert done.returncode == 78 and done.stdout


def test_an_open_page_hears_of_many_changes_once(sim):
    with sim.opener.open(sim.base + "/control/events", timeout=10 * PATIENCE) as events:
        assert events.readline() == b"event: clock\n"
        events.readline()
        events.readline()
        sim.sms(["1380000%04d" % i for i in range(1000)])
        assert events.readline() == b"event: change\n"
        assert json.loads(events.readline()[len("data: "):]) == {"messages": 1000}
        events.readline()
        sim.clock(START_MS + 1)
        assert events.readline() == b"event: clock\n"


def test_the_page_is_served_beside_the_service(sim):
    for path, kind in (("/", "text/html"), ("/phones.css", "text/css"), ("/phones.js", "text/javascript")):
        with sim.opener.open(sim.base + path, timeout=10) as res:
            assert res.headers["Content-Type"].startswith(kind)
            assert "script-src 'self'" in res.headers["Content-Security-Policy"]
            assert res.read()


def test_secrets_of_the_configuration_are_not_told(sim):
    sim.sms(A)
    for path in ("/control/state", "/control/ledger"):
        data = sim.request("GET", path)[1]
        assert SECRET.encode() not in data and KEY_ID.encode() not in data


@pytest.mark.parametrize("method,path,body,headers,status", [
    ("POST", "/control/answer", b"{}", {}, 415),
    ("POST", "/control/answer", b"[]", {"Content-Type": "application/json"}, 400),
    ("POST", "/control/phone", b'{"number":"13800000001","state":"x"}', {"Content-Type": "application/json"}, 400),
    ("POST", "/control/state", b"{}", {"Content-Type": "application/json"}, 405),
    ("GET", "/control/phones?limit=x", None, {}, 400),
    ("GET", "/control/messages?since=-1", None, {}, 400),
    ("GET", "/control/nothing", None, {}, 404),
    ("GET", "/other", None, {}, 404),
    ("POST", "/", b"x", {}, 400),
    ("POST", "/", b" " * 300000, {}, 413),
], ids=lambda v: v[:20].decode("latin-1") if isinstance(v, bytes) else None)
def test_a_request_that_is_none_is_refused_and_does_no_harm(sim, method, path, body, headers, status):
    assert sim.request(method, path, body, headers)[0] == status
    assert sim.sms(A)["Code"] == "OK"


def test_it_ends_at_once_with_receipts_and_pushes_waiting(bot):
    sim = Sim(bot.url)
    bot.statuses = [500]
    assert not sim.answer(A, "x")["delivered"]
    sim.sms([A, B])
    assert sim.get("/control/state")["pushes"]["waiting"] == 1
    assert sim.get("/control/state")["receipts"]["waiting"] == 2
    sim.close()
