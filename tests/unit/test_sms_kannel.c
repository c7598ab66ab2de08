/*
 * tests/unit/test_sms_kannel.c: what leaves for Kannel's smsbox, what its answers mean, and what it calls us with.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/sms/driver.h"

#define AT INT64_C(1660784523000)
#define NONCE "3156853299f313e23d1673dc12e1703d"
#define OUT_ID "7e7c3e54634a2504c5f2ccc590655aac-1"
#define TEXT "【内蒙古民政】请于8月20日前报送材料😀。"
#define REPORT "http://127.0.0.1:8080/sms/kannel/00112233445566778899aabbccddeeff/report"

static const char numbers[1][16] = {"+8613800000001"};

static struct gateway_request request(void)
{
	return (struct gateway_request){.text = TEXT,
		.template_code = "",
		.params = "",
		.numbers = numbers,
		.n = 1,
		.out_id = OUT_ID};
}

static struct driver_account account(void)
{
	return (struct driver_account){.endpoint = "http://127.0.0.1:13013/cgi-bin/sendsms",
		.region = "",
		.id = "shouwang",
		.secret = "swpass",
		.sign = "内蒙古民政",
		.sender = "106980001017",
		.report_url = REPORT};
}

/* NULL: absent. */
static const char *header(const struct driver_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	}
	return NULL;
}

/* ---- what leaves --------------------------------------------------------------------------------- */

static void a_request_is_the_text_with_kannels_headers(void **state)
{
	struct driver_account a = account();
	struct gateway_request req = request();
	struct driver_request r;

	(void)state;
	assert_int_equal(driver_kannel.build(&a, &req, AT, NONCE, &r, NULL), 0);
	assert_string_equal(r.url, "http://127.0.0.1:13013/cgi-bin/sendsms");
	assert_string_equal(r.body, TEXT);
	assert_int_equal(r.body_len, strlen(TEXT));
	assert_string_equal(header(&r, "Content-Type"), "text/plain; charset=UTF-8");
	assert_string_equal(header(&r, "X-Kannel-Username"), "shouwang");
	assert_string_equal(header(&r, "X-Kannel-Password"), "swpass");
	assert_string_equal(header(&r, "X-Kannel-To"), "8613800000001");
	assert_string_equal(header(&r, "X-Kannel-From"), "106980001017");
	assert_string_equal(header(&r, "X-Kannel-Coding"), "2");
	assert_string_equal(header(&r, "X-Kannel-DLR-Mask"), "31");
	assert_string_equal(header(&r, "X-Kannel-DLR-Url"),
		REPORT "?id=" OUT_ID "&st=%d&to=%p&reply=%A&kid=%I");
	driver_request_fini(&r);
}

static void without_an_address_no_reports_are_asked_for(void **state)
{
	struct driver_account a = account();
	struct gateway_request req = request();
	struct driver_request r;

	(void)state;
	a.report_url = "";
	a.sender = "";
	assert_int_equal(driver_kannel.build(&a, &req, AT, NONCE, &r, NULL), 0);
	assert_null(header(&r, "X-Kannel-DLR-Mask"));
	assert_null(header(&r, "X-Kannel-DLR-Url"));
	assert_null(header(&r, "X-Kannel-From"));
	driver_request_fini(&r);
}

static void an_empty_text_is_not_sent(void **state)
{
	struct driver_account a = account();
	struct gateway_request req = request();
	struct driver_request r;
	struct sw_err err;

	(void)state;
	req.text = "";
	assert_int_equal(driver_kannel.build(&a, &req, AT, NONCE, &r, &err), SW_EINVAL);
}

static void several_numbers_are_not_one_request(void **state)
{
	(void)state;
	assert_int_equal(driver_kannel.max_numbers, 1);
}

static void an_account_that_can_never_send_is_refused_at_start(void **state)
{
	struct driver_account a = account();
	struct sw_err err;

	(void)state;
	assert_int_equal(driver_kannel.check(&a, &err), 0);
	a.endpoint = "127.0.0.1:13013/cgi-bin/sendsms";
	assert_int_equal(driver_kannel.check(&a, &err), SW_ECONF);
	a = account();
	a.id = "";
	assert_int_equal(driver_kannel.check(&a, &err), SW_ECONF);
	a = account();
	a.secret = "";
	assert_int_equal(driver_kannel.check(&a, &err), SW_ECONF);
}

/* ---- answers --------------------------------------------------------------------------------------- */

static struct gateway_outcome answer(int status, const char *body)
{
	struct http_result res = {
		.outcome = HTTP_ANSWERED, .status = status, .body = body, .body_len = strlen(body)};
	struct gateway_outcome o = {0};

	driver_kannel.read(&res, &o);
	return o;
}

static void every_answer_of_smsbox_has_its_verdict_and_cause(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum wire_verdict_word verdict;
		enum gateway_cause cause;
		const char *code;
	} rows[] = {
		{202, "0: Accepted for delivery", VERDICT_ACCEPTED, GATEWAY_OK, "0"},
		{202, "3: Queued for later delivery", VERDICT_ACCEPTED, GATEWAY_OK, "3"},
		{202, "Sent.", VERDICT_ACCEPTED, GATEWAY_OK, "sent"},
		{202, "Sent. Message splits: 2", VERDICT_ACCEPTED, GATEWAY_OK, "sent"},
		{400, "Missing receiver number, rejected", VERDICT_REFUSED_FINAL, GATEWAY_NUMBER,
			"Missing receiver number, rejected"},
		{400, "Empty receiver number not allowed, rejected", VERDICT_REFUSED_FINAL,
			GATEWAY_NUMBER, "Empty receiver number not allowed, rejected"},
		{400, "Number(s) has/have been denied by white- and/or black-lists.",
			VERDICT_REFUSED_FINAL, GATEWAY_NUMBER,
			"Number(s) has/have been denied by white- and/or"},
		{400, "Sender missing and no global set, rejected", VERDICT_REFUSED_TEMP,
			GATEWAY_ACCOUNT, "Sender missing and no global set, rejected"},
		{400, "DLR-URL field misformed, rejected", VERDICT_REFUSED_TEMP, GATEWAY_ACCOUNT,
			"DLR-URL field misformed, rejected"},
		{403, "Authorization failed for sendsms", VERDICT_REFUSED_TEMP, GATEWAY_ACCOUNT,
			"Authorization failed for sendsms"},
		{403, "Not routable. Do not try again.", VERDICT_REFUSED_FINAL, GATEWAY_NUMBER,
			"Not routable. Do not try again."},
		{404, "Unknown request.", VERDICT_REFUSED_TEMP, GATEWAY_ACCOUNT, "http 404"},
		{503, "Temporal failure, try again later.", VERDICT_REFUSED_TEMP, GATEWAY_TROUBLE,
			"Temporal failure, try again later."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct gateway_outcome o = answer(rows[i].status, rows[i].body);

		assert_int_equal(o.verdict, rows[i].verdict);
		assert_int_equal(o.cause, rows[i].cause);
		assert_string_equal(o.code, rows[i].code);
		assert_string_equal(o.provider_id, "");
		assert_false(o.is_strange);
	}
}

static void an_answer_that_says_nothing_is_unknown(void **state)
{
	static const struct {
		int status;
		const char *body, *code;
	} rows[] = {{202, "", "http 202"}, {202, "1: whatever", "http 202"},
		{200, "0: Accepted for delivery", "http 200"}, {302, "", "http 302"},
		{500, "Sending failed.", "http 500"}, {502, "<html>", "http 502"},
		{503, "", "http 503"}, {503, "<html>Temporal failure", "http 503"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct gateway_outcome o = answer(rows[i].status, rows[i].body);

		assert_int_equal(o.verdict, VERDICT_UNKNOWN);
		assert_int_equal(o.cause, GATEWAY_NET);
		assert_string_equal(o.code, rows[i].code);
	}
}

static void a_refusal_nobody_told_us_of_stops_the_content(void **state)
{
	struct gateway_outcome o = answer(400, "MClass field misformed, rejected\r\nsecond line");

	(void)state;
	assert_int_equal(o.verdict, VERDICT_REFUSED_FINAL);
	assert_int_equal(o.cause, GATEWAY_CONTENT);
	assert_true(o.is_strange);
	assert_string_equal(o.text, "MClass field misformed, rejected  second line");
	o = answer(400, "\xff\xfe");
	assert_string_equal(o.code, "??");
	assert_true(o.is_strange);
}

static void no_number_stands_in_a_code(void **state)
{
	struct gateway_outcome o = answer(400, "Invalid receiver 8613800000001, rejected");

	(void)state;
	assert_string_equal(o.code, "Invalid receiver 86138****0001, rejected");
	assert_string_equal(o.text, "Invalid receiver 86138****0001, rejected");
	/* The code ends within the number. */
	o = answer(400, "This receiver cannot be reached by us: 13800000001");
	assert_string_equal(o.code, "This receiver cannot be reached by us: ");
}

/* ---- delivery reports --------------------------------------------------------------------------------- */

static struct gateway_receipt *receipts;
static struct gateway_uplink *uplinks;
static size_t n_items, n_bad;

static int report(const char *query)
{
	struct sw_err err;

	return gateway_parse_report("kannel", "", 0, query, &receipts, &n_items, &n_bad, &err);
}

static void free_receipts(void)
{
	free(receipts);
	receipts = NULL;
}

static int uplink(const char *query)
{
	struct sw_err err;

	return gateway_parse_uplink("kannel", "", 0, query, &uplinks, &n_items, &n_bad, &err);
}

static void states_1_2_and_16_are_final_and_4_and_8_are_not(void **state)
{
	static const struct {
		const char *st;
		bool is_final, delivered;
	} rows[] = {{"1", true, true}, {"2", true, false}, {"4", false, false}, {"8", false, false},
		{"16", true, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char query[256];

		(void)snprintf(query, sizeof(query),
			"id=" OUT_ID "&st=%s&to=8613800000001&reply=ACK%%2F&kid=77c1a0b2-1",
			rows[i].st);
		assert_int_equal(report(query), 0);
		assert_int_equal(n_items, 1);
		assert_int_equal(n_bad, 0);
		assert_string_equal(receipts[0].out_id, OUT_ID);
		assert_string_equal(receipts[0].number, "+8613800000001");
		assert_string_equal(receipts[0].provider_id, "77c1a0b2-1");
		assert_string_equal(receipts[0].code, "ACK/");
		assert_int_equal(receipts[0].is_final, rows[i].is_final);
		assert_int_equal(receipts[0].delivered, rows[i].delivered);
		free_receipts();
	}
}

static void a_report_without_words_has_its_state_as_code(void **state)
{
	(void)state;
	assert_int_equal(report("st=16&id=" OUT_ID "&to="), 0);
	assert_int_equal(n_items, 1);
	assert_string_equal(receipts[0].code, "st=16");
	assert_string_equal(receipts[0].number, "");
	free_receipts();
	assert_int_equal(report("id=" OUT_ID "&st=2&reply=NACK%2F%E6%8B%92%0A+x"), 0);
	assert_string_equal(receipts[0].code, "NACK/拒  x");
	free_receipts();
	assert_int_equal(report("id=" OUT_ID "&st=2&reply=no+such+phone+13800000001"), 0);
	assert_string_equal(receipts[0].code, "no such phone 138****0001");
	free_receipts();
}

static void a_report_that_names_no_request_or_state_is_bad(void **state)
{
	static const char *const bad[] = {"st=1", "id=" OUT_ID, "id=" OUT_ID "&st=3",
		"id=" OUT_ID "&st=0", "id=" OUT_ID "&st=x", "id=" OUT_ID "&st=", "id=&st=1",
		"id=a%2Fb&st=1", "id=%00&st=1", "id=%zz&st=1", "id=%4&st=1", "id=%&st=1", "&&&",
		"=1", "id", "xid=" OUT_ID "&st=1", "id=" OUT_ID "&xst=1",
		"id=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&st=1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(report(bad[i]), 0);
		assert_int_equal(n_items, 0);
		assert_int_equal(n_bad, 1);
		assert_null(receipts);
	}
	assert_int_equal(report(""), SW_EPROTO);
	assert_int_equal(report(NULL), SW_EPROTO);
}

static void of_a_parameter_given_twice_the_first_counts(void **state)
{
	(void)state;
	assert_int_equal(report("id=" OUT_ID "&st=2&st=1"), 0);
	assert_int_equal(n_items, 1);
	assert_false(receipts[0].delivered);
	free_receipts();
}

/* ---- messages from phones -------------------------------------------------------------------------------- */

static void a_message_from_a_phone_is_decoded(void **state)
{
	(void)state;
	assert_int_equal(uplink("from=13800000001&to=106980001017&text=%E5%B7%B2%E6%8A%A5%E9%80%81+"
				"2%e6%88%b7%2B"
				"%F0%9F%98%80&ts=1660784400&smsc=FAKE1&coding=0&charset=UTF-8&id="
				"7c9e6679-7425-40de-944b-e07fc1f90ae7"),
		0);
	assert_int_equal(n_items, 1);
	assert_int_equal(n_bad, 0);
	assert_string_equal(uplinks[0].id, "7c9e6679-7425-40de-944b-e07fc1f90ae7");
	assert_string_equal(uplinks[0].number, "+8613800000001");
	assert_string_equal(uplinks[0].text, "已报送 2户+😀");
	assert_int_equal(uplinks[0].at_ms, INT64_C(1660784400000));
	assert_string_equal(uplinks[0].extension, "106980001017");
	gateway_uplinks_free(uplinks, n_items);
}

static void a_message_without_an_id_is_known_by_what_it_says(void **state)
{
	char first[80];

	(void)state;
	assert_int_equal(uplink("from=%2B8613800000001&text=1&ts=1660784405"), 0);
	memcpy(first, uplinks[0].id, sizeof(first));
	gateway_uplinks_free(uplinks, n_items);
	assert_int_equal(uplink("text=1&ts=1660784455&from=8613800000001&id="), 0);
	assert_string_equal(uplinks[0].id, first);
	gateway_uplinks_free(uplinks, n_items);
	assert_int_equal(uplink("from=13800000001&text=2&ts=1660784405"), 0);
	assert_string_not_equal(uplinks[0].id, first);
	gateway_uplinks_free(uplinks, n_items);
}

static void a_message_that_cannot_be_read_is_bad(void **state)
{
	static const char *const bad[] = {"text=1", "from=10086&text=1",
		"from=13800000001&text=%FF", "from=13800000001&text=%00%31",
		"from=13800000001&text=%E5%B7", "from=13800000001&text=%ED%A0%80",
		"from=13800000001&text=%g1", "from=13800000001&text=%1", "from=%FF&text=1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(uplink(bad[i]), 0);
		assert_int_equal(n_items, 0);
		assert_int_equal(n_bad, 1);
		assert_null(uplinks);
	}
	assert_int_equal(uplink(""), SW_EPROTO);
	assert_int_equal(uplink(NULL), SW_EPROTO);
}

static void an_impossible_time_is_none(void **state)
{
	static const char *const bad[] = {"", "x", "-1", "99999999999999999999", "4102444801"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char query[128];

		(void)snprintf(query, sizeof(query), "from=13800000001&text=1&ts=%s", bad[i]);
		assert_int_equal(uplink(query), 0);
		assert_int_equal(uplinks[0].at_ms, 0);
		gateway_uplinks_free(uplinks, n_items);
	}
}

static void a_provider_without_a_driver_is_a_protocol_error(void **state)
{
	struct sw_err err;

	(void)state;
	assert_int_equal(
		gateway_parse_report("pigeon", "[]", 2, "", &receipts, &n_items, &n_bad, &err),
		SW_EPROTO);
	assert_int_equal(
		gateway_parse_uplink("", "[]", 2, "", &uplinks, &n_items, &n_bad, &err), SW_EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_the_text_with_kannels_headers),
		cmocka_unit_test(without_an_address_no_reports_are_asked_for),
		cmocka_unit_test(an_empty_text_is_not_sent),
		cmocka_unit_test(several_numbers_are_not_one_request),
		cmocka_unit_test(an_account_that_can_never_send_is_refused_at_start),
		cmocka_unit_test(every_answer_of_smsbox_has_its_verdict_and_cause),
		cmocka_unit_test(an_answer_that_says_nothing_is_unknown),
		cmocka_unit_test(a_refusal_nobody_told_us_of_stops_the_content),
		cmocka_unit_test(no_number_stands_in_a_code),
		cmocka_unit_test(states_1_2_and_16_are_final_and_4_and_8_are_not),
		cmocka_unit_test(a_report_without_words_has_its_state_as_code),
		cmocka_unit_test(a_report_that_names_no_request_or_state_is_bad),
		cmocka_unit_test(of_a_parameter_given_twice_the_first_counts),
		cmocka_unit_test(a_message_from_a_phone_is_decoded),
		cmocka_unit_test(a_message_without_an_id_is_known_by_what_it_says),
		cmocka_unit_test(a_message_that_cannot_be_read_is_bad),
		cmocka_unit_test(an_impossible_time_is_none),
		cmocka_unit_test(a_provider_without_a_driver_is_a_protocol_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
