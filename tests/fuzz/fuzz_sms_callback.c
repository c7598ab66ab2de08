/*
 * tests/fuzz/fuzz_sms_callback.c: any bytes from an SMS gateway are read without harm.
 *
 * The first byte chooses the reader: pushes of both providers, and their answers to requests. With clang:
 * -fsanitize=fuzzer,address -DFUZZ_ENGINE. Without an engine, main() changes samples at random from a fixed seed:
 * fuzz_sms_callback [ROUNDS [SEED]].
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/sms/driver.h"
#include "tests/fuzz/mutate.h"

enum reader {
	ALIYUN_REPORT,
	ALIYUN_UPLINK,
	KANNEL_REPORT,
	KANNEL_UPLINK,
	ALIYUN_ANSWER,
	KANNEL_ANSWER,
	N_READERS
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_sms_callback: %s\n", what);
	abort();
}

static bool is_text(const char *s, size_t size)
{
	const char *end = memchr(s, '\0', size);

	return end && text_utf8_valid(s, (size_t)(end - s), NULL);
}

static bool is_number_or_empty(const char *s, bool may_be_empty)
{
	if (!*s)
		return may_be_empty;
	return strlen(s) == 14 && strncmp(s, "+861", 4) == 0 && strspn(s + 1, "0123456789") == 13;
}

static void read_report(const char *provider, const char *body, size_t len, const char *query)
{
	struct gateway_receipt *items = NULL;
	struct sw_err err;
	size_t n, bad;

	if (gateway_parse_report(provider, body, len, query, &items, &n, &bad, &err) < 0) {
		require(is_text(err.text, sizeof(err.text)) && *err.text, "an error has a text");
		return;
	}
	require(n <= GATEWAY_MAX_ITEMS, "the bound holds");
	for (size_t i = 0; i < n; i++) {
		const struct gateway_receipt *r = &items[i];

		require(is_text(r->out_id, sizeof(r->out_id)), "an id of ours is text");
		require(is_text(r->provider_id, sizeof(r->provider_id)), "a provider's id is text");
		require(is_text(r->code, sizeof(r->code)), "a code is text");
		require(is_number_or_empty(r->number, true), "a number is in normal form");
		require(*r->out_id || (*r->provider_id && *r->number), "a receipt names something");
		require(r->is_final || !r->delivered, "delivered is final");
	}
	free(items);
}

static void read_uplink(const char *provider, const char *body, size_t len, const char *query)
{
	struct gateway_uplink *items = NULL;
	struct sw_err err;
	size_t n, bad;

	if (gateway_parse_uplink(provider, body, len, query, &items, &n, &bad, &err) < 0) {
		require(is_text(err.text, sizeof(err.text)) && *err.text, "an error has a text");
		return;
	}
	require(n <= GATEWAY_MAX_ITEMS, "the bound holds");
	for (size_t i = 0; i < n; i++) {
		const struct gateway_uplink *u = &items[i];

		require(is_text(u->id, sizeof(u->id)) && *u->id, "an uplink has an id");
		require(is_number_or_empty(u->number, false), "a number is in normal form");
		require(u->text && text_utf8_valid(u->text, strlen(u->text), NULL),
			"a text is UTF-8");
		require(is_text(u->extension, sizeof(u->extension)), "an extension is text");
	}
	gateway_uplinks_free(items, n);
}

static void read_answer(const struct driver *d, const char *text, size_t len)
{
	static const int statuses[] = {200, 202, 302, 400, 403, 404, 500, 503};

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		const struct http_result res = {.outcome = HTTP_ANSWERED,
			.status = statuses[i],
			.body = text,
			.body_len = len};
		struct gateway_outcome o = {0};

		d->read(&res, &o);
		require(is_text(o.code, sizeof(o.code)) && *o.code, "an outcome has a code");
		require(is_text(o.text, sizeof(o.text)), "its text is text");
		require(is_text(o.provider_id, sizeof(o.provider_id)), "its id is text");
		require((o.verdict == VERDICT_ACCEPTED) == (o.cause == GATEWAY_OK),
			"accepted is ok, and nothing else is");
		require(o.verdict != VERDICT_ACCEPTED || statuses[i] == 200 || statuses[i] == 202,
			"accepted only where it can be meant");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0 || size > 70000)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	/* Exactly as long as it is, so that a sanitizer sees the first byte too much; NUL-terminated as bodies are. */
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch ((enum reader)(data[0] % N_READERS)) {
	case ALIYUN_REPORT:
		read_report("aliyun", text, size - 1, NULL);
		break;
	case ALIYUN_UPLINK:
		read_uplink("aliyun", text, size - 1, NULL);
		break;
	case KANNEL_REPORT:
		read_report("kannel", "", 0, text);
		break;
	case KANNEL_UPLINK:
		read_uplink("kannel", "", 0, text);
		break;
	case ALIYUN_ANSWER:
		read_answer(&driver_aliyun, text, size - 1);
		break;
	case KANNEL_ANSWER:
	case N_READERS:
		read_answer(&driver_kannel, text, size - 1);
		break;
	}
	free(text);
	return 0;
}

#ifndef FUZZ_ENGINE

/* One for each reader, in their order. */
static const char *const samples[] = {
	"[{\"phone_number\":\"13800000001\",\"send_time\":\"2022-08-18 09:00:00\",\"success\":true,"
	"\"err_code\":\"DELIVERED\",\"err_msg\":\"用户接收成功\",\"sms_size\":\"1\",\"biz_id\":\"9^"
	"0\","
	"\"out_id\":\"a-1\"},{\"phone_number\":\"+8613800000002\",\"success\":false,\"biz_id\":\"9^"
	"0\"}]",
	"[{\"phone_number\":\"13800000001\",\"send_time\":\"2022-08-18 09:00:00\",\"content\":\"1 "
	"明天寄出\",\"dest_code\":\"017\",\"sequence_id\":1234567890123},{\"phone_number\":"
	"\"13800000002\",\"content\":\"R\",\"sequence_id\":\"77\"}]",
	"id=a-1&st=8&to=8613800000001&reply=ACK%2F&kid=7c9e6679-7425-40de-944b-e07fc1f90ae7",
	"from=13800000001&to=106980001017&text=%E5%B7%B2%E6%8A%A5+2%E6%88%B7&ts=1660784400&smsc=F&"
	"coding=0&charset=UTF-8&id=7c9e6679",
	"{\"RequestId\":\"F655\",\"Code\":\"isv.BUSINESS_LIMIT_CONTROL\",\"Message\":"
	"\"触发小时级流控Permits:5\",\"BizId\":\"9^0\"}",
	"Number(s) has/have been denied by white- and/or black-lists.",
};

int main(int argc, char **argv)
{
	const struct fuzz_samples all = {.name = "fuzz_sms_callback",
		.samples = samples,
		.n = N_READERS,
		.signs = "\"\\{}[],:%&=+"};
	int rc = fuzz_run(argc, argv, &all);

	return rc;
}

#endif
