/*
 * tests/unit/test_broadcast.c: what the journal says of a call, and what a gateway's answer means for its recipients.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "notifier/engine/broadcast_internal.h"

#define NOW INT64_C(1666054800000) /* 2022-10-18T09:00 */

static struct bc_record record_of(const unsigned *indices, unsigned n)
{
	struct bc_record r = {.id = "b42",
		.audience = "a7",
		.gateway = "aliyun",
		.day = "20221018",
		.segment = 12,
		.attempt = 3,
		.n = n};

	for (unsigned i = 0; i < n; i++) {
		r.list[2 * i] = (uint8_t)(indices[i] >> 8);
		r.list[2 * i + 1] = (uint8_t)indices[i];
	}
	return r;
}

static void check_record(const struct bc_record *r, const char *payload)
{
	struct bc_record read;
	struct buf b;

	buf_init(&b, BC_RECORD);
	assert_int_equal(bc_record_format(r, &b), 0);
	if (payload)
		assert_string_equal(buf_str(&b), payload);
	assert_true(bc_record_parse(buf_str(&b), &read));
	assert_string_equal(read.id, r->id);
	assert_string_equal(read.audience, r->audience);
	assert_string_equal(read.gateway, r->gateway);
	assert_string_equal(read.day, r->day);
	assert_int_equal(read.segment, r->segment);
	assert_int_equal(read.attempt, r->attempt);
	assert_int_equal(read.n, r->n);
	assert_memory_equal(read.list, r->list, 2 * r->n);
	buf_fini(&b);
}

static void a_record_names_exactly_whom_the_call_was_for(void **state)
{
	const unsigned few[] = {0, 1, 2, 5, 64998, 64999};
	struct bc_record r = record_of(few, 6);

	(void)state;
	check_record(&r, "b42 a7.12 3 aliyun 20221018 0+3,5,64998+2");
}

static void the_longest_record_fits(void **state)
{
	unsigned far[GATEWAY_MAX_NUMBERS];
	struct bc_record r;

	(void)state;
	for (unsigned i = 0; i < GATEWAY_MAX_NUMBERS; i++)
		far[i] = 64998 - 2 * (GATEWAY_MAX_NUMBERS - 1 - i);
	r = record_of(far, GATEWAY_MAX_NUMBERS);
	(void)snprintf(r.id, sizeof(r.id), "b999999");
	(void)snprintf(r.audience, sizeof(r.audience), "a999999");
	(void)snprintf(r.gateway, sizeof(r.gateway), "elevenchars");
	r.segment = AUDIENCE_MAX_SEGMENTS - 1;
	r.attempt = 255;
	check_record(&r, NULL);
}

static void a_damaged_record_is_not_guessed_at(void **state)
{
	static const char *const bad[] = {"", "b42", "b42 a7.12 3 aliyun 20221018",
		"b42 a7 3 aliyun 20221018 0", "b42 a7.12 0 aliyun 20221018 0",
		"b42 a7.4096 3 aliyun 20221018 0", "b42 a7.12 3 aliyun 20221018 65000",
		"b42 a7.12 3 aliyun 20221018 64999+2", "b42 a7.12 3 aliyun 20221018 0+97",
		"b42 a7.12 3 aliyun 20221018 0+0", "b42 a7.12 3 aliyun 20221018 0+96,96",
		"b42 a7.12 3 aliyun 20221018 0,", "b42 a7.12 3 aliyun 20221018 -1",
		"b42 a7.12 3 aliyun 20221018 1x", "b42 a7.12 3 aliyun 20221018 1 2",
		"b42 a7.12 3 aliyun 202210180 1", "b42 a7.12 3 aliyun 20221018 99999999999"};
	struct bc_record r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (bc_record_parse(bad[i], &r))
			fail_msg("read: %s", bad[i]);
}

static void an_outcome_is_read_as_it_was_written(void **state)
{
	const struct bc_outcome o = {.to = NIBBLE_RETRY,
		.retry_minute = 27767580,
		.retry_attempt = 2,
		.retry_level = 1,
		.code = "isv.BUSINESS LIMIT"};
	struct bc_outcome read;
	char payload[BC_OUTCOME];
	uint64_t pos;

	(void)state;
	bc_outcome_format(&o, 123456789012, payload);
	assert_string_equal(payload, "123456789012 6 27767580 2 1 isv.BUSINESS LIMIT");
	assert_true(bc_outcome_parse(payload, &pos, &read));
	assert_int_equal(pos, 123456789012);
	assert_int_equal(read.to, o.to);
	assert_int_equal(read.retry_minute, o.retry_minute);
	assert_int_equal(read.retry_attempt, 2);
	assert_int_equal(read.retry_level, 1);
	assert_string_equal(read.code, o.code);
	assert_false(bc_outcome_parse("1 16 -1 0 0 OK", &pos, &read));
	assert_false(bc_outcome_parse("1 2 -1 0 3 OK", &pos, &read));
	assert_false(bc_outcome_parse("1 2 -1", &pos, &read));
}

/* ---- answers ---- */

static struct bc_outcome judged(enum wire_verdict_word verdict, enum gateway_cause cause,
	int64_t retry_after_ms, unsigned attempt, unsigned level, unsigned n)
{
	const struct gateway_outcome answer = {
		.verdict = verdict, .cause = cause, .code = "c", .retry_after_ms = retry_after_ms};
	const struct bc_attempt a = {.attempt = attempt, .level = level, .n = n, .now_ms = NOW};
	struct bc_outcome o;

	bc_judge(&a, &answer, &o);
	return o;
}

static void an_unknown_outcome_is_never_tried_again(void **state)
{
	(void)state;
	for (unsigned attempt = 1; attempt <= BROADCAST_MAX_ATTEMPTS; attempt++) {
		struct bc_outcome o = judged(VERDICT_UNKNOWN, GATEWAY_NET, 5000, attempt, 0, 96);

		assert_int_equal(o.to, NIBBLE_UNKNOWN);
		assert_int_equal(o.retry_minute, -1);
		assert_false(o.is_requeued);
	}
	assert_int_equal(judged(VERDICT_ACCEPTED, GATEWAY_OK, 0, 1, 0, 96).to, NIBBLE_ACCEPTED);
}

static void a_bad_number_is_found_in_three_steps(void **state)
{
	struct bc_outcome o = judged(VERDICT_REFUSED_FINAL, GATEWAY_NUMBER, 0, 1, 0, 96);

	(void)state;
	assert_int_equal(o.to, NIBBLE_RETRY);
	assert_int_equal(o.retry_minute, NOW / BC_MINUTE_MS); /* at once */
	assert_int_equal(o.retry_level, 1);
	o = judged(VERDICT_REFUSED_FINAL, GATEWAY_NUMBER, 0, o.retry_attempt, o.retry_level, 8);
	assert_int_equal(o.retry_level, 2);
	assert_int_equal(o.retry_attempt, 3);
	o = judged(VERDICT_REFUSED_FINAL, GATEWAY_NUMBER, 0, o.retry_attempt, o.retry_level, 1);
	assert_int_equal(o.to, NIBBLE_INVALID);
	assert_int_equal(
		judged(VERDICT_REFUSED_FINAL, GATEWAY_NUMBER, 0, 1, 0, 1).to, NIBBLE_INVALID);
}

static void trouble_waits_longer_each_time_and_ends(void **state)
{
	static const int minutes[] = {1, 1, 1, 2, 4, 8};

	(void)state;
	for (unsigned attempt = 1; attempt < BROADCAST_MAX_ATTEMPTS; attempt++) {
		struct bc_outcome o =
			judged(VERDICT_REFUSED_TEMP, GATEWAY_TROUBLE, 0, attempt, 1, 8);

		assert_int_equal(o.to, NIBBLE_RETRY);
		assert_int_equal(o.retry_attempt, attempt + 1);
		assert_int_equal(o.retry_level, 1);
		assert_int_equal(o.retry_minute, NOW / BC_MINUTE_MS + minutes[attempt - 1]);
	}
	assert_int_equal(
		judged(VERDICT_REFUSED_TEMP, GATEWAY_TROUBLE, 0, BROADCAST_MAX_ATTEMPTS, 0, 8).to,
		NIBBLE_EXHAUSTED);
}

static void being_throttled_is_no_attempt(void **state)
{
	struct bc_outcome o = judged(
		VERDICT_REFUSED_TEMP, GATEWAY_THROTTLE, 61000, BROADCAST_MAX_ATTEMPTS, 0, 96);

	(void)state;
	assert_int_equal(o.to, NIBBLE_RETRY);
	assert_int_equal(o.retry_attempt, BROADCAST_MAX_ATTEMPTS);
	assert_int_equal(o.retry_minute, NOW / BC_MINUTE_MS + 2);
}

static void a_number_that_had_too_many_is_looked_for_and_then_waits_alone(void **state)
{
	struct bc_outcome o = judged(VERDICT_REFUSED_TEMP, GATEWAY_NUMBER_LATER, 3600000, 1, 0, 96);

	(void)state;
	assert_int_equal(o.retry_minute, NOW / BC_MINUTE_MS);
	assert_int_equal(o.retry_level, 1);
	o = judged(VERDICT_REFUSED_TEMP, GATEWAY_NUMBER_LATER, 3600000, 3, 2, 1);
	assert_int_equal(o.to, NIBBLE_RETRY);
	assert_int_equal(o.retry_minute, NOW / BC_MINUTE_MS + 60);
}

static void refused_words_stop_the_broadcast(void **state)
{
	struct bc_outcome o = judged(VERDICT_REFUSED_FINAL, GATEWAY_CONTENT, 0, 1, 0, 96);

	(void)state;
	assert_int_equal(o.to, NIBBLE_REFUSED);
	assert_true(o.stops);
}

static void what_the_account_cannot_pay_goes_back(void **state)
{
	static const enum gateway_cause causes[] = {GATEWAY_ACCOUNT, GATEWAY_STOPPED};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		struct bc_outcome o = judged(VERDICT_NOT_SENT, causes[i], 0, 1, 0, 96);

		assert_int_equal(o.to, NIBBLE_WAITING);
		assert_true(o.is_requeued);
		assert_false(o.stops);
	}
}

static void a_request_id_says_whom_it_was_for(void **state)
{
	static const char *const bad[] = {"", "b", "b42", "b42.1.2", "b42.1.2.3.4", "a42.1.2.3",
		"b42.4096.2.3", "b42.1.65000.3", "b42.1.2.0", "b0.1.2.3", "b42.1.2.x",
		"0123456789abcdef0123456789abcdef-1"};
	const struct broadcast b = {.id = "b42"};
	char out_id[GATEWAY_OUT_ID], id[BROADCAST_ID];
	unsigned segment, index, attempt;

	(void)state;
	broadcast_out_id(&b, 12, 40311, 1, out_id);
	assert_string_equal(out_id, "b42.12.40311.1");
	assert_true(broadcast_parse_out_id(out_id, id, &segment, &index, &attempt));
	assert_string_equal(id, "b42");
	assert_int_equal(segment, 12);
	assert_int_equal(index, 40311);
	assert_int_equal(attempt, 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (broadcast_parse_out_id(bad[i], id, &segment, &index, &attempt))
			fail_msg("read: %s", bad[i]);
}

static void counting_leaves_out_the_half_byte_behind_an_odd_end(void **state)
{
	const uint8_t oc[] = {0x12, 0x2d, 0x2f};
	int64_t sums[NIBBLE_COUNT] = {0};

	(void)state;
	bc_count(oc, sizeof(oc), 5, sums);
	assert_int_equal(sums[NIBBLE_IN_FLIGHT], 1);
	assert_int_equal(sums[NIBBLE_ACCEPTED], 3);
	assert_int_equal(sums[NIBBLE_UNDELIVERED], 1);
	assert_int_equal(sums[15], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_names_exactly_whom_the_call_was_for),
		cmocka_unit_test(the_longest_record_fits),
		cmocka_unit_test(a_damaged_record_is_not_guessed_at),
		cmocka_unit_test(an_outcome_is_read_as_it_was_written),
		cmocka_unit_test(an_unknown_outcome_is_never_tried_again),
		cmocka_unit_test(a_bad_number_is_found_in_three_steps),
		cmocka_unit_test(trouble_waits_longer_each_time_and_ends),
		cmocka_unit_test(being_throttled_is_no_attempt),
		cmocka_unit_test(a_number_that_had_too_many_is_looked_for_and_then_waits_alone),
		cmocka_unit_test(refused_words_stop_the_broadcast),
		cmocka_unit_test(what_the_account_cannot_pay_goes_back),
		cmocka_unit_test(a_request_id_says_whom_it_was_for),
		cmocka_unit_test(counting_leaves_out_the_half_byte_behind_an_odd_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
