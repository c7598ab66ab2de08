/*
 * tests/unit/test_sms_aliyun.c: Aliyun's signature by the worked examples, what leaves, and what answers and pushes mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/base/id.h"
#include "notifier/sms/aliyun_sign.h"
#include "notifier/sms/driver.h"

#define AT INT64_C(1660784523000) /* 2022-08-18T01:02:03Z */
#define NONCE "3156853299f313e23d1673dc12e1703d"
#define OUT_ID "7e7c3e54634a2504c5f2ccc590655aac-1"

static json_t *vectors;

static int setup(void **state)
{
	(void)state;
	vectors = json_load_file("tests/fixtures/sms-vectors.json", 0, NULL);
	return vectors ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_decref(vectors);
	return 0;
}

static const char *str(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	assert_non_null(s);
	return s;
}

/* ---- signature --------------------------------------------------------------------------------- */

/* The members of OBJ as a canonical query or form. */
static void encode(json_t *obj, struct buf *out)
{
	struct aliyun_pair pairs[16];
	size_t n = 0;
	const char *key;
	json_t *v;

	json_object_foreach(obj, key, v)
	{
		pairs[n++] = (struct aliyun_pair){key, json_string_value(v)};
	}
	assert_int_equal(aliyun_encode(pairs, n, out), 0);
}

static struct aliyun_call call_of(const json_t *v, const char *query)
{
	const json_t *headers = json_object_get(v, "headers");

	return (struct aliyun_call){.id = str(v, "access_key_id"),
		.secret = str(v, "access_key_secret"),
		.host = str(headers, "host"),
		.action = str(v, "action"),
		.date = str(headers, "x-acs-date"),
		.nonce = str(headers, "x-acs-signature-nonce"),
		.query = query,
		.content_sha256 = str(headers, "x-acs-content-sha256"),
		.has_body = *str(v, "body") != '\0'};
}

static void every_worked_example_has_its_canonical_request_and_signature(void **state)
{
	json_t *list = json_object_get(vectors, "aliyun"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 5);
	json_array_foreach(list, i, v)
	{
		struct aliyun_call call;
		struct buf query, text;
		char hex[65];

		buf_init(&query, 4096);
		buf_init(&text, 8192);
		encode(json_object_get(v, "query"), &query);
		assert_string_equal(buf_str(&query), str(v, "canonical_query"));
		call = call_of(v, buf_str(&query));
		assert_int_equal(aliyun_canonical(&call, &text), 0);
		assert_string_equal(buf_str(&text), str(v, "canonical_request"));
		id_sha256_hex(buf_str(&text), text.len, hex);
		assert_string_equal(hex, str(v, "canonical_sha256"));
		buf_reset(&text);
		assert_int_equal(aliyun_authorization(&call, &text), 0);
		assert_string_equal(buf_str(&text), str(v, "authorization"));
		buf_fini(&query);
		buf_fini(&text);
	}
}

static void a_form_body_is_the_parameters_sorted_and_its_digest_is_signed(void **state)
{
	json_t *list = json_object_get(vectors, "aliyun"), *v;
	size_t i, forms = 0;

	(void)state;
	json_array_foreach(list, i, v)
	{
		struct buf form;
		char hex[65];

		if (!json_is_object(json_object_get(v, "form")))
			continue;
		buf_init(&form, 8192);
		encode(json_object_get(v, "form"), &form);
		assert_string_equal(buf_str(&form), str(v, "body"));
		id_sha256_hex(buf_str(&form), form.len, hex);
		assert_string_equal(
			hex, str(json_object_get(v, "headers"), "x-acs-content-sha256"));
		buf_fini(&form);
		forms++;
	}
	assert_true(forms >= 2);
}

static void all_but_the_unreserved_characters_are_percent_encoded(void **state)
{
	json_t *list = json_object_get(vectors, "percent_encode"), *v;
	size_t i;

	(void)state;
	assert_true(json_array_size(list) >= 10);
	json_array_foreach(list, i, v)
	{
		struct aliyun_pair pair = {"k", str(v, "in")};
		struct buf out;

		buf_init(&out, 256);
		assert_int_equal(aliyun_encode(&pair, 1, &out), 0);
		assert_string_equal(buf_str(&out) + 2, str(v, "out"));
		buf_fini(&out);
	}
}

static void a_date_is_utc_also_around_its_midnight(void **state)
{
	char date[ALIYUN_DATE];

	(void)state;
	aliyun_date(AT, date);
	assert_string_equal(date, "2022-08-18T01:02:03Z");
	aliyun_date(INT64_C(1660867199999), date);
	assert_string_equal(date, "2022-08-18T23:59:59Z");
	aliyun_date(INT64_C(1660867200000), date);
	assert_string_equal(date, "2022-08-19T00:00:00Z");
}

/* ---- what leaves ------------------------------------------------------------------------------------ */

static const char numbers[2][16] = {"+8613800000001", "+8613800000002"};

static struct gateway_request request(void)
{
	return (struct gateway_request){.text = "",
		.template_code = "SMS_154950909",
		.params = "{\"unit\":\"呼和浩特市\",\"days\":\"3\"}",
		.numbers = numbers,
		.n = 2,
		.out_id = OUT_ID};
}

static struct driver_account account(const char *endpoint)
{
	return (struct driver_account){.endpoint = endpoint,
		.region = "",
		.id = "TESTID0001",
		.secret = "testsecret0001",
		.sign = "内蒙古民政",
		.sender = "",
		.report_url = ""};
}

static const char *header(const struct driver_request *r, const char *name)
{
	const char *value = NULL;

	for (size_t i = 0; i < r->n_headers; i++) {
		if (strcmp(r->headers[i].name, name) != 0)
			continue;
		assert_null(value);
		value = r->headers[i].value;
	}
	assert_non_null(value);
	return value;
}

static void a_request_is_a_signed_form_with_everything_in_its_body(void **state)
{
	struct driver_account a = account("http://127.0.0.1:23201");
	struct gateway_request req = request();
	struct driver_request r;

	(void)state;
	assert_int_equal(driver_aliyun.build(&a, &req, AT, NONCE, &r, NULL), 0);
	assert_string_equal(r.url, "http://127.0.0.1:23201/");
	assert_string_equal(r.body,
		"OutId=" OUT_ID "&PhoneNumbers=13800000001%2C13800000002"
		"&SignName=%E5%86%85%E8%92%99%E5%8F%A4%E6%B0%91%E6%94%BF"
		"&TemplateCode=SMS_154950909&TemplateParam=%7B%22unit%22%3A%22%E5%91%BC%E5%92%8C"
		"%E6%B5%A9%E7%89%B9%E5%B8%82%22%2C%22days%22%3A%223%22%7D");
	assert_int_equal(r.body_len, strlen(r.body));
	assert_string_equal(header(&r, "host"), "127.0.0.1:23201");
	assert_string_equal(header(&r, "content-type"), "application/x-www-form-urlencoded");
	assert_string_equal(header(&r, "accept"), "application/json");
	assert_string_equal(header(&r, "x-acs-action"), "SendSms");
	assert_string_equal(header(&r, "x-acs-version"), "2017-05-25");
	assert_string_equal(header(&r, "x-acs-date"), "2022-08-18T01:02:03Z");
	assert_string_equal(header(&r, "x-acs-signature-nonce"), NONCE);
	assert_string_equal(header(&r, "x-acs-content-sha256"),
		"c84d8c83bd7ff918138904c094e23989a5ceb5835e6bfcfb776694a0a603d599");
	assert_string_equal(header(&r, "authorization"),
		"ACS3-HMAC-SHA256 Credential=TESTID0001,SignedHeaders=content-type;host;"
		"x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version,"
		"Signature=04c0a4d7011497958cee7aabf2509f4e31bc497617def94579eecbabcda3826f");
	driver_request_fini(&r);
}

static void a_template_without_variables_sends_no_parameter(void **state)
{
	struct driver_account a = account("https://dysmsapi.aliyuncs.com");
	struct gateway_request req = request();
	struct driver_request r;

	(void)state;
	req.params = "";
	assert_int_equal(driver_aliyun.build(&a, &req, AT, NONCE, &r, NULL), 0);
	assert_null(strstr(r.body, "TemplateParam"));
	driver_request_fini(&r);
}

static void the_host_is_signed_as_it_is_sent(void **state)
{
	static const struct {
		const char *endpoint, *host, *url;
	} rows[] = {
		{"https://dysmsapi.aliyuncs.com", "dysmsapi.aliyuncs.com",
			"https://dysmsapi.aliyuncs.com/"},
		{"https://dysmsapi.aliyuncs.com/", "dysmsapi.aliyuncs.com",
			"https://dysmsapi.aliyuncs.com/"},
		{"https://dysmsapi.aliyuncs.com:443", "dysmsapi.aliyuncs.com",
			"https://dysmsapi.aliyuncs.com:443/"},
		{"https://dysmsapi.aliyuncs.com:8443", "dysmsapi.aliyuncs.com:8443",
			"https://dysmsapi.aliyuncs.com:8443/"},
		{"http://127.0.0.1:80/", "127.0.0.1", "http://127.0.0.1:80/"},
		{"http://127.0.0.1:443/", "127.0.0.1:443", "http://127.0.0.1:443/"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct driver_account a = account(rows[i].endpoint);
		struct gateway_request req = request();
		struct driver_request r;

		assert_int_equal(driver_aliyun.build(&a, &req, AT, NONCE, &r, NULL), 0);
		assert_string_equal(header(&r, "host"), rows[i].host);
		assert_string_equal(r.url, rows[i].url);
		driver_request_fini(&r);
	}
}

static void an_account_that_can_never_send_is_refused_at_start(void **state)
{
	static const char *const bad[] = {"", "dysmsapi.aliyuncs.com", "ftp://x", "https://",
		"https://x/path", "https://user@x", "https://x?y"};
	struct driver_account a = account("https://dysmsapi.aliyuncs.com");
	struct sw_err err;

	(void)state;
	assert_int_equal(driver_aliyun.check(&a, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		a = account(bad[i]);
		assert_int_equal(driver_aliyun.check(&a, &err), SW_ECONF);
		assert_non_null(strstr(err.text, "sms.aliyun.endpoint"));
	}
	a = account("https://x");
	a.secret = "";
	assert_int_equal(driver_aliyun.check(&a, &err), SW_ECONF);
	a = account("https://x");
	a.sign = "";
	assert_int_equal(driver_aliyun.check(&a, &err), SW_ECONF);
	a = account("https://x");
	a.id = "";
	assert_int_equal(driver_aliyun.check(&a, &err), SW_ECONF);
}

/* ---- answers ---------------------------------------------------------------------------------------- */

static struct gateway_outcome answer(int status, const char *body)
{
	struct http_result res = {
		.outcome = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body)};
	struct gateway_outcome o = {0};

	driver_aliyun.read(&res, &o);
	return o;
}

static struct gateway_outcome coded(int status, const char *code, const char *message)
{
	char body[512];

	(void)snprintf(body, sizeof(body),
		"{\"RequestId\":\"F655A8D5\",\"Code\":\"%s\",\"Message\":\"%s\"}", code, message);
	return answer(status, body);
}

static void ok_is_accepted_with_its_biz_id(void **state)
{
	struct gateway_outcome o = answer(200,
		"{\"Code\":\"OK\",\"Message\":\"OK\",\"BizId\":\"900619746936498440^0\","
		"\"RequestId\":\"F655A8D5\"}");

	(void)state;
	assert_int_equal(o.verdict, VERDICT_ACCEPTED);
	assert_int_equal(o.cause, GATEWAY_OK);
	assert_string_equal(o.code, "OK");
	assert_string_equal(o.provider_id, "900619746936498440^0");
	o = answer(200, "{\"Code\":\"OK\"}");
	assert_int_equal(o.verdict, VERDICT_ACCEPTED);
	assert_string_equal(o.provider_id, "");
}

static void every_documented_code_has_its_cause_and_verdict(void **state)
{
	static const struct {
		int status;
		const char *code;
		enum gateway_cause cause;
	} rows[] = {
		{400, "Throttling", GATEWAY_THROTTLE},
		{400, "Throttling.User", GATEWAY_THROTTLE},
		{400, "Throttling.Api", GATEWAY_THROTTLE},
		{200, "isp.SYSTEM_ERROR", GATEWAY_TROUBLE},
		{400, "SignatureNonceUsed", GATEWAY_TROUBLE},
		{400, "InternalError", GATEWAY_TROUBLE},
		{400, "ServiceUnavailable", GATEWAY_TROUBLE},
		{200, "isv.BUSINESS_LIMIT_CONTROL", GATEWAY_NUMBER_LATER},
		{200, "isv.DAY_LIMIT_CONTROL", GATEWAY_ACCOUNT},
		{200, "isv.MONTH_LIMIT_CONTROL", GATEWAY_ACCOUNT},
		{200, "isv.OUT_OF_SERVICE", GATEWAY_ACCOUNT},
		{200, "isv.AMOUNT_NOT_ENOUGH", GATEWAY_ACCOUNT},
		{200, "isv.PRODUCT_UN_SUBSCRIPT", GATEWAY_ACCOUNT},
		{200, "isv.PRODUCT_UNSUBSCRIBE", GATEWAY_ACCOUNT},
		{200, "isv.ACCOUNT_NOT_EXISTS", GATEWAY_ACCOUNT},
		{200, "isv.ACCOUNT_ABNORMAL", GATEWAY_ACCOUNT},
		{200, "isp.RAM_PERMISSION_DENY", GATEWAY_ACCOUNT},
		{200, "isv.DENY_IP_RANGE", GATEWAY_ACCOUNT},
		{403, "Forbidden.RAM", GATEWAY_ACCOUNT},
		{404, "InvalidAccessKeyId.NotFound", GATEWAY_ACCOUNT},
		{400, "SignatureDoesNotMatch", GATEWAY_ACCOUNT},
		{400, "IncompleteSignature", GATEWAY_ACCOUNT},
		{400, "InvalidTimeStamp.Expired", GATEWAY_ACCOUNT},
		{200, "isv.MOBILE_NUMBER_ILLEGAL", GATEWAY_NUMBER},
		{200, "isv.DOMESTIC_NUMBER_NOT_SUPPORTED", GATEWAY_NUMBER},
		{200, "isv.MOBILE_COUNT_OVER_LIMIT", GATEWAY_NUMBER},
		{200, "isv.SMS_TEMPLATE_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.SMS_SIGNATURE_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.SMS_SIGN_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.SIGN_STATE_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.SMS_SIGNATURE_SCENE_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.TEMPLATE_MISSING_PARAMETERS", GATEWAY_CONTENT},
		{200, "isv.TEMPLATE_PARAMS_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.TEMPLATE_CONTENT_ILLEGAL", GATEWAY_CONTENT},
		{200, "isv.INVALID_PARAMETERS", GATEWAY_CONTENT},
		{200, "isv.INVALID_JSON_PARAM", GATEWAY_CONTENT},
		{200, "isv.PARAM_LENGTH_LIMIT", GATEWAY_CONTENT},
		{200, "isv.PARAM_NOT_SUPPORT_URL", GATEWAY_CONTENT},
		{200, "isv.EXTEND_CODE_ERROR", GATEWAY_CONTENT},
		{200, "isv.BLACK_KEY_CONTROL_LIMIT", GATEWAY_CONTENT},
		{200, "isv.SMS_CONTENT_ILLEGAL", GATEWAY_CONTENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct gateway_outcome o = coded(rows[i].status, rows[i].code, "why");
		bool is_final = rows[i].cause == GATEWAY_NUMBER || rows[i].cause == GATEWAY_CONTENT;

		assert_int_equal(o.cause, rows[i].cause);
		assert_int_equal(
			o.verdict, is_final ? VERDICT_REFUSED_FINAL : VERDICT_REFUSED_TEMP);
		assert_string_equal(o.code, rows[i].code);
		assert_string_equal(o.text, "why");
		assert_string_equal(o.provider_id, "");
		assert_false(o.is_strange);
	}
}

static void a_code_nobody_told_us_of_is_refused_and_marked(void **state)
{
	struct gateway_outcome o = coded(200, "isv.NEVER_HEARD_OF", "号码13800000001有误");

	(void)state;
	assert_int_equal(o.verdict, VERDICT_REFUSED_FINAL);
	assert_int_equal(o.cause, GATEWAY_CONTENT);
	assert_true(o.is_strange);
	assert_string_equal(o.text, "号码138****0001有误");
	o = coded(200, "isp.NEVER_HEARD_OF", "");
	assert_int_equal(o.verdict, VERDICT_REFUSED_TEMP);
	assert_int_equal(o.cause, GATEWAY_TROUBLE);
	assert_true(o.is_strange);
}

static void a_number_that_had_too_many_waits_for_the_window_that_is_named(void **state)
{
	static const struct {
		const char *message;
		int64_t ms;
	} rows[] = {{"触发分钟级流控Permits:1", 60000}, {"触发小时级流控Permits:5", 3600000},
		{"触发天级流控Permits:10", 86400000}, {"too many", 3600000}, {"", 3600000}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(
			coded(200, "isv.BUSINESS_LIMIT_CONTROL", rows[i].message).retry_after_ms,
			rows[i].ms);
}

static void without_a_parsed_refusal_the_outcome_is_unknown(void **state)
{
	static const struct {
		int status;
		const char *body, *code;
	} rows[] = {
		{200, "", "http 200"},
		{200, "<html>", "http 200"},
		{200, "{\"Code\":\"OK\"", "http 200"},
		{200, "{}", "http 200"},
		{200, "[]", "http 200"},
		{200, "\"OK\"", "http 200"},
		{200, "{\"Code\":1}", "http 200"},
		{200, "{\"Code\":null}", "http 200"},
		{200, "{\"Code\":\"\"}", "http 200"},
		{200, "{\"Code\":\"isv.AMOUNT_NOT_ENOUGH\",\"Code\":\"OK\"}", "http 200"},
		{200, "{\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]],\"Code\":\"OK\"}", "http 200"},
		{200, "{\"Code\":\"OK\xff\"}", "http 200"},
		{201, "{\"Code\":\"OK\"}", "OK"},
		{302, "{\"Code\":\"OK\"}", "OK"},
		{400, "{\"Code\":\"OK\"}", "OK"},
		{400, "no", "http 400"},
		{500, "{\"Code\":\"InternalError\"}", "InternalError"},
		{500, "{\"Code\":\"isv.AMOUNT_NOT_ENOUGH\"}", "isv.AMOUNT_NOT_ENOUGH"},
		{503, "{\"Code\":\"ServiceUnavailable\"}", "ServiceUnavailable"},
		{502, "<html>Bad Gateway</html>", "http 502"},
		{504, "", "http 504"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct gateway_outcome o = answer(rows[i].status, rows[i].body);

		assert_int_equal(o.verdict, VERDICT_UNKNOWN);
		assert_int_equal(o.cause, GATEWAY_NET);
		assert_string_equal(o.code, rows[i].code);
	}
}

static void a_long_code_and_a_text_of_several_lines_are_cut_to_one(void **state)
{
	struct gateway_outcome o =
		coded(200, "isv.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
			"一\\n二二二二二二二二二二二二二二二二二二二二二二二二二二二二二二二二二二"
			"二二二二二二二二"
			"二二二二二二二二二二二二二二二");

	(void)state;
	assert_int_equal(strlen(o.code), sizeof(o.code) - 1);
	assert_null(strchr(o.text, '\n'));
	assert_int_equal(strncmp(o.text, "一 二", 7), 0);
	assert_int_equal(strlen(o.text) % 3, 1); /* whole characters and one blank */
}

/* ---- receipts ------------------------------------------------------------------------------------------ */

static struct gateway_receipt *receipts;
static struct gateway_uplink *uplinks;
static size_t n_items, n_bad;

static int report(const char *body)
{
	struct sw_err err;

	return gateway_parse_report(
		"aliyun", body, strlen(body), NULL, &receipts, &n_items, &n_bad, &err);
}

static int uplink(const char *body)
{
	struct sw_err err;

	return gateway_parse_uplink(
		"aliyun", body, strlen(body), NULL, &uplinks, &n_items, &n_bad, &err);
}

static void a_push_of_receipts_is_read_item_by_item(void **state)
{
	(void)state;
	assert_int_equal(
		report("[{\"phone_number\":\"13800000001\",\"send_time\":\"2022-08-18 09:00:00\","
		       "\"report_time\":\"2022-08-18 09:00:05\",\"success\":true,\"err_code\":"
		       "\"DELIVERED\",\"err_msg\":\"用户接收成功\",\"sms_size\":\"1\","
		       "\"biz_id\":\"900619746936498440^0\",\"out_id\":\"" OUT_ID "\"},"
		       "{\"phone_number\":\"8613800000002\",\"success\":false,\"err_code\":"
		       "\"MOBILE_IN_BLACK\",\"biz_id\":\"900619746936498440^0\"}]"),
		0);
	assert_int_equal(n_items, 2);
	assert_int_equal(n_bad, 0);
	assert_string_equal(receipts[0].out_id, OUT_ID);
	assert_string_equal(receipts[0].provider_id, "900619746936498440^0");
	assert_string_equal(receipts[0].number, "+8613800000001");
	assert_true(receipts[0].is_final);
	assert_true(receipts[0].delivered);
	assert_string_equal(receipts[0].code, "DELIVERED");
	assert_string_equal(receipts[1].out_id, "");
	assert_string_equal(receipts[1].number, "+8613800000002");
	assert_true(receipts[1].is_final);
	assert_false(receipts[1].delivered);
	assert_string_equal(receipts[1].code, "MOBILE_IN_BLACK");
	free(receipts);
}

static void receipts_that_name_nothing_of_ours_are_left_out_and_counted(void **state)
{
	(void)state;
	assert_int_equal(
		report("[1,null,[],\"x\",{},"
		       "{\"success\":true},"                       /* nothing to find it by */
		       "{\"success\":true,\"biz_id\":\"1^0\"},"    /* no number */
		       "{\"success\":true,\"out_id\":\"../x\"},"   /* not an id of ours */
		       "{\"success\":1,\"out_id\":\"a-1\"},"       /* neither true nor false */
		       "{\"success\":\"yes\",\"out_id\":\"a-1\"}," /* the same */
		       "{\"success\":\"true\",\"out_id\":\"a-1\",\"phone_number\":\"abc\"},"
		       "{\"success\":false,\"biz_id\":\"1^0\",\"phone_number\":\"13800000003\"}]"),
		0);
	assert_int_equal(n_bad, 10);
	assert_int_equal(n_items, 2);
	assert_string_equal(receipts[0].out_id, "a-1");
	assert_string_equal(receipts[0].number, "");
	assert_true(receipts[0].delivered);
	assert_string_equal(receipts[1].number, "+8613800000003");
	free(receipts);
}

static void what_is_no_array_of_json_is_a_protocol_error(void **state)
{
	static const char *const bad[] = {"", "x", "{}", "1", "null", "[", "[1,]",
		"[{\"a\":1,\"a\":2}]", "[\"\xff\"]", "[\"\\u0000\"]",
		"[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(report(bad[i]), SW_EPROTO);
		assert_int_equal(uplink(bad[i]), SW_EPROTO);
	}
}

static void an_empty_push_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(report(" [] "), 0);
	assert_int_equal(n_items, 0);
	assert_null(receipts);
	assert_int_equal(uplink("[]"), 0);
	assert_int_equal(n_items, 0);
	gateway_uplinks_free(uplinks, n_items);
}

static void more_items_than_the_bound_are_counted_as_bad(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_addc(&b, '[');
	for (int i = 0; i < GATEWAY_MAX_ITEMS + 7; i++)
		buf_addf(&b, "%s{\"success\":true,\"out_id\":\"m-%d\"}", i ? "," : "", i);
	buf_addc(&b, ']');
	assert_int_equal(report(buf_str(&b)), 0);
	assert_int_equal(n_items, GATEWAY_MAX_ITEMS);
	assert_int_equal(n_bad, 7);
	assert_string_equal(receipts[0].out_id, "m-0");
	assert_string_equal(receipts[GATEWAY_MAX_ITEMS - 1].out_id, "m-999");
	free(receipts);
	buf_fini(&b);
}

/* ---- uplinks --------------------------------------------------------------------------------------------- */

static void an_uplink_has_number_text_time_extension_and_id(void **state)
{
	(void)state;
	assert_int_equal(
		uplink("[{\"phone_number\":\"13800000001\",\"send_time\":\"2022-08-18 09:00:00\","
		       "\"content\":\"1 "
		       "明天寄出😀\",\"sign_name\":\"内蒙古民政\",\"dest_code\":\"017\","
		       "\"sequence_id\":1234567890123},"
		       "{\"phone_number\":\"13800000002\",\"content\":\"R\",\"sequence_id\":\"77\"}"
		       "]"),
		0);
	assert_int_equal(n_items, 2);
	assert_string_equal(uplinks[0].id, "1234567890123");
	assert_string_equal(uplinks[0].number, "+8613800000001");
	assert_string_equal(uplinks[0].text, "1 明天寄出😀");
	assert_int_equal(uplinks[0].at_ms, INT64_C(1660784400000));
	assert_string_equal(uplinks[0].extension, "017");
	assert_string_equal(uplinks[1].id, "77");
	assert_int_equal(uplinks[1].at_ms, 0);
	assert_string_equal(uplinks[1].extension, "");
	gateway_uplinks_free(uplinks, n_items);
}

static void an_uplink_without_an_id_gets_one_from_what_it_says(void **state)
{
	char first[80];

	(void)state;
	assert_int_equal(
		uplink("[{\"phone_number\":\"13800000001\",\"content\":\"1\",\"send_time\":"
		       "\"2022-08-18 09:00:05\"},"
		       "{\"phone_number\":\"13800000001\",\"content\":\"1\",\"send_time\":"
		       "\"2022-08-18 09:00:55\",\"sequence_id\":\"\"},"
		       "{\"phone_number\":\"13800000001\",\"content\":\"1\",\"send_time\":"
		       "\"2022-08-18 09:01:05\"},"
		       "{\"phone_number\":\"13800000001\",\"content\":\"2\",\"send_time\":"
		       "\"2022-08-18 09:00:05\"}]"),
		0);
	assert_int_equal(n_items, 4);
	memcpy(first, uplinks[0].id, sizeof(first));
	assert_int_equal(strlen(first), 34);
	assert_string_equal(uplinks[1].id, first);
	assert_string_not_equal(uplinks[2].id, first);
	assert_string_not_equal(uplinks[3].id, first);
	gateway_uplinks_free(uplinks, n_items);
}

static void uplinks_without_a_mobile_number_or_a_text_are_left_out(void **state)
{
	(void)state;
	assert_int_equal(uplink("[{\"phone_number\":\"10086\",\"content\":\"1\"},"
				"{\"phone_number\":13800000001,\"content\":\"1\"},"
				"{\"phone_number\":\"13800000001\"},"
				"{\"phone_number\":\"13800000001\",\"content\":5},"
				"{\"phone_number\":\"13800000001\",\"content\":\"\"},7]"),
		0);
	assert_int_equal(n_items, 1);
	assert_int_equal(n_bad, 5);
	assert_string_equal(uplinks[0].text, "");
	gateway_uplinks_free(uplinks, n_items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worked_example_has_its_canonical_request_and_signature),
		cmocka_unit_test(a_form_body_is_the_parameters_sorted_and_its_digest_is_signed),
		cmocka_unit_test(all_but_the_unreserved_characters_are_percent_encoded),
		cmocka_unit_test(a_date_is_utc_also_around_its_midnight),
		cmocka_unit_test(a_request_is_a_signed_form_with_everything_in_its_body),
		cmocka_unit_test(a_template_without_variables_sends_no_parameter),
		cmocka_unit_test(the_host_is_signed_as_it_is_sent),
		cmocka_unit_test(an_account_that_can_never_send_is_refused_at_start),
		cmocka_unit_test(ok_is_accepted_with_its_biz_id),
		cmocka_unit_test(every_documented_code_has_its_cause_and_verdict),
		cmocka_unit_test(a_code_nobody_told_us_of_is_refused_and_marked),
		cmocka_unit_test(a_number_that_had_too_many_waits_for_the_window_that_is_named),
		cmocka_unit_test(without_a_parsed_refusal_the_outcome_is_unknown),
		cmocka_unit_test(a_long_code_and_a_text_of_several_lines_are_cut_to_one),
		cmocka_unit_test(a_push_of_receipts_is_read_item_by_item),
		cmocka_unit_test(receipts_that_name_nothing_of_ours_are_left_out_and_counted),
		cmocka_unit_test(what_is_no_array_of_json_is_a_protocol_error),
		cmocka_unit_test(an_empty_push_is_no_error),
		cmocka_unit_test(more_items_than_the_bound_are_counted_as_bad),
		cmocka_unit_test(an_uplink_has_number_text_time_extension_and_id),
		cmocka_unit_test(an_uplink_without_an_id_gets_one_from_what_it_says),
		cmocka_unit_test(uplinks_without_a_mobile_number_or_a_text_are_left_out),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
