/*
 * tests/unit/test_sim_sms_acs3.c: the simulator's check of signature V3 against worked examples, apart from the
 * notifier's driver. The examples were computed with the vendor's own library.
 *
 * A simulator is a program, not an archive: the test takes the files it is about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/sms/acs3.c"
#include "tests/sim/sms/params.c"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define AUTHORIZATION(names)                                                                       \
	"ACS3-HMAC-SHA256 Credential=TESTID0001,SignedHeaders=" names ",Signature="
#define ALWAYS                                                                                     \
	"host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"

struct example {
	const char *authorization, *query, *body;
	const char *host, *action, *date, *nonce, *content_type;
	const char *body_sha256, *signature;
};

static const struct example examples[] = {
	/* All in the query, an empty body. */
	{AUTHORIZATION(ALWAYS),
		"OutId=sw%3A1%3A~a%2Ab%2Bc%20d&PhoneNumbers=13800000001%2C13800000002&SignName="
		"%E5%86%85%E8%92%99%E5%8F%A4%E6%B0%91%E6%94%BF&SmsUpExtendCode=017&TemplateCode="
		"SMS_154950909&TemplateParam=%7B%22unit%22%3A%22%E5%91%BC%E5%92%8C%E6%B5%A9%E7%89"
		"%B9%E5%B8%82%22%2C%22days%22%3A%223%22%7D",
		"", "dysmsapi.aliyuncs.com", "SendSms", "2022-08-18T01:02:03Z",
		"3156853299f313e23d1673dc12e1703d", NULL, EMPTY_SHA256,
		"db8710432bae89cf1b584cd22d6ebb3dc33db4df446f93b6be8996a00bf9647b"},
	/* Query and form. */
	{AUTHORIZATION("content-type;" ALWAYS), "TemplateCode=SMS_154950909&OutId=b-7",
		"PhoneNumberJson=%5B%2213800000001%22%2C%2213800000002%22%5D&SignNameJson=%5B%22%"
		"E5%86"
		"%85%E8%92%99%E5%8F%A4%E6%B0%91%E6%94%BF%22%2C%22%E5%86%85%E8%92%99%E5%8F%A4%E6%B0%"
		"91"
		"%E6%94%BF%22%5D&TemplateParamJson=%5B%7B%22unit%22%3A%22%E8%B5%A4%E5%B3%B0%E5%B8%"
		"82"
		"%22%7D%2C%7B%22unit%22%3A%22%E9%80%9A%E8%BE%BD%E5%B8%82%22%7D%5D",
		"dysmsapi.aliyuncs.com", "SendBatchSms", "2022-08-18T01:02:03Z",
		"3156853299f313e23d1673dc12e1703d", "application/x-www-form-urlencoded",
		"913abb600c6c47bbcd94af10ad19fcc0f62477601975f7868ec470ed3a659fa3",
		"2f74c99655a870cf2a596de138691526c52728a6e47dba63facd419bec9f179a"},
	/* A query that the sender encoded loosely ("^"). */
	{AUTHORIZATION(ALWAYS),
		"BizId=900619746936498440^0&CurrentPage=1&PageSize=10&PhoneNumber=13800000001&"
		"SendDate=20220818",
		"", "dysmsapi.aliyuncs.com", "QuerySendDetails", "2022-08-18T01:05:00Z",
		"00000000000000000000000000000001", NULL, EMPTY_SHA256,
		"2317719becd7015ecd8d35afef2e9f3a19d07cfc6dcf0eb519dcc20f98bd1391"},
	/* A host with its port, characters outside the first plane, an empty value. */
	{AUTHORIZATION(ALWAYS),
		"OutId=&PhoneNumbers=13800000001&SignName=%E5%86%85%E8%92%99%E5%8F%A4%E6%B0%91%E6%"
		"94"
		"%BF&TemplateCode=SMS_1&TemplateParam=%7B%22name%22%3A%22%F0%A0%AE%B7%E7%94%B0%20%"
		"26"
		"%20%28%E5%A5%BD%29%2F%27%21%2A~%5Cn%22%7D",
		"", "127.0.0.1:23201", "SendSms", "2022-08-18T01:02:03Z",
		"3156853299f313e23d1673dc12e1703d", NULL, EMPTY_SHA256,
		"b7c8cc35e78813c9c2fb9c4f125c037a1344f6e088252437679f0d514adf37e5"},
};

static const char *header(void *ctx, const char *name)
{
	const struct example *e = ctx;

	return strcmp(name, "host") == 0                    ? e->host
	       : strcmp(name, "content-type") == 0          ? e->content_type
	       : strcmp(name, "x-acs-action") == 0          ? e->action
	       : strcmp(name, "x-acs-content-sha256") == 0  ? e->body_sha256
	       : strcmp(name, "x-acs-date") == 0            ? e->date
	       : strcmp(name, "x-acs-signature-nonce") == 0 ? e->nonce
	       : strcmp(name, "x-acs-version") == 0         ? "2017-05-25"
							    : NULL;
}

/* What E must be signed with under SECRET, or the error. */
static int sign(const struct example *e, const char *secret, char ret[65])
{
	char text[512];
	struct acs3 a;
	struct params query = {.n = 0};
	int rc;

	snprintf(text, sizeof(text), "%s%s", e->authorization, e->signature);
	assert_int_equal(acs3_parse(text, &a), 0);
	assert_string_equal(a.access_key_id, "TESTID0001");
	assert_string_equal(a.signature, e->signature);
	assert_int_equal(params_add(&query, e->query, strlen(e->query)), 0);
	rc = acs3_sign(&a, secret, "POST", &query, header, (void *)(uintptr_t)e, ret);
	params_fini(&query);
	return rc;
}

static void every_worked_example_is_signed_as_the_vendor_signs_it(void **state)
{
	char got[65], digest[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		id_sha256_hex(examples[i].body, strlen(examples[i].body), digest);
		assert_string_equal(digest, examples[i].body_sha256);
		assert_int_equal(sign(&examples[i], "testsecret0001", got), 0);
		assert_string_equal(got, examples[i].signature);
	}
}

static void whatever_is_changed_changes_the_signature(void **state)
{
	struct example changed[5];
	char got[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		changed[i] = examples[0];
	changed[0].host = "dysmsapi.aliyuncs.co";
	changed[1].action = "SendBatchSms";
	changed[2].query = "OutId=x";
	changed[3].nonce = "3156853299f313e23d1673dc12e1703e";
	changed[4].body_sha256 = examples[1].body_sha256;
	for (size_t i = 0; i < ARRAY_LEN(changed); i++) {
		assert_int_equal(sign(&changed[i], "testsecret0001", got), 0);
		assert_string_not_equal(got, examples[0].signature);
	}
	assert_int_equal(sign(&examples[0], "testsecret0002", got), 0);
	assert_string_not_equal(got, examples[0].signature);
}

static void a_header_that_is_signed_and_missing_is_refused(void **state)
{
	struct example e = examples[1];
	char got[65];

	(void)state;
	e.content_type = NULL;
	assert_int_equal(sign(&e, "testsecret0001", got), SW_EINVAL);
}

static void an_authorization_of_another_form_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"ACS3-HMAC-SHA256",
		"ACS3-HMAC-SHA1 Credential=a,SignedHeaders=host,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=a,SignedHeaders=,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=a,SignedHeaders=Host,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 "
		"Credential=a,SignedHeaders=x-acs-date;host,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host;host,Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=" EMPTY_SHA256,
		"ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=abc",
		"ACS3-HMAC-SHA256 Credential=a,Signature=" EMPTY_SHA256,
	};
	struct acs3 a;

	(void)state;
	assert_int_equal(acs3_parse(NULL, &a), SW_EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(acs3_parse(bad[i], &a), SW_EINVAL);
}

static void a_date_is_universal_time_in_one_form(void **state)
{
	static const char *const bad[] = {"", "2022-08-18T01:02:03", "2022-08-18 01:02:03Z",
		"2022-13-18T01:02:03Z", "2022-08-18T01:02:03+08:00", "2022-08-18T01:02:03ZZ"};
	int64_t ms;

	(void)state;
	assert_int_equal(acs3_parse_date("2022-08-18T01:02:03Z", &ms), 0);
	assert_int_equal(ms, INT64_C(1660784523000));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(acs3_parse_date(bad[i], &ms), SW_EINVAL);
}

static void bad_percent_encoding_and_bad_text_are_refused(void **state)
{
	static const char *const bad[] = {
		"a=%", "a=%4", "a=%4g", "a=%00", "a=%ff", "%=1", "a=1&b=%E5%86", "a=\xff"};
	struct params p = {.n = 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(params_add(&p, bad[i], strlen(bad[i])), SW_EINVAL);
		params_fini(&p);
	}
	assert_int_equal(params_add(&p, "a=%41+b%2B&&c", 13), 0);
	assert_string_equal(params_get(&p, "a"), "A b+");
	assert_string_equal(params_get(&p, "c"), "");
	assert_null(params_get(&p, "d"));
	params_fini(&p);
}

static void more_parameters_than_fit_are_refused(void **state)
{
	struct params p = {.n = 0};
	char s[4 * PARAMS_MAX + 8] = "";

	(void)state;
	for (size_t i = 0; i <= PARAMS_MAX; i++)
		snprintf(s + 3 * i, 4, "a=&");
	assert_int_equal(params_add(&p, s, strlen(s)), SW_ELIMIT);
	assert_int_equal(p.n, PARAMS_MAX);
	params_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_worked_example_is_signed_as_the_vendor_signs_it),
		cmocka_unit_test(whatever_is_changed_changes_the_signature),
		cmocka_unit_test(a_header_that_is_signed_and_missing_is_refused),
		cmocka_unit_test(an_authorization_of_another_form_is_refused),
		cmocka_unit_test(a_date_is_universal_time_in_one_form),
		cmocka_unit_test(bad_percent_encoding_and_bad_text_are_refused),
		cmocka_unit_test(more_parameters_than_fit_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
