/* tests/unit/test_reply.c: every shipped utterance is read exactly as written beside it, and harm is harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "notifier/campaign/reply.h"
#include "notifier/campaign/reply_internal.h"
#include "notifier/ctl/parse_world.h"

static struct parse_world *world;

static int load_world(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = parse_world_load("config/example/world.conf", NULL, &p, &world);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int free_world(void **state)
{
	(void)state;
	parse_world_free(world);
	return 0;
}

static const struct campaign *campaign(void)
{
	return parse_world_campaign(world);
}

static struct reply_context context(const char *json)
{
	struct reply_context ctx;
	json_t *o = json_loads(json, 0, NULL);

	assert_non_null(o);
	assert_int_equal(parse_world_context(world, o, NULL, &ctx, NULL), 0);
	json_decref(o);
	return ctx;
}

static struct reply_reading read_bytes(const char *context_json, const char *text, size_t len)
{
	struct reply_context ctx = context(context_json);
	struct reply_reading r;

	reply_read(campaign(), &ctx, text, len, &r);
	return r;
}

static struct reply_reading read_text(const char *text)
{
	return read_bytes("{}", text, strlen(text));
}

/* ---- the two files of utterances ---- */

static bool read_as_written(json_t *line, json_t **ret_got)
{
	static const char *const keys[] = {"acts", "disposition", "reply", "flags"};
	struct reply_context ctx;
	struct reply_reading r;
	const json_t *text = json_object_get(line, "text");
	bool same = true;

	assert_int_equal(
		parse_world_context(world, json_object_get(line, "context"), NULL, &ctx, NULL), 0);
	reply_read(campaign(), &ctx, json_string_value(text), json_string_length(text), &r);
	*ret_got = reply_to_json(campaign(), &r);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		same = same && json_equal(json_object_get(line, keys[i]),
				       json_object_get(*ret_got, keys[i]));
	return same;
}

static void check_file(const char *path, int at_least)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	int n = 0, wrong = 0;

	assert_non_null(f);
	while (getline(&line, &cap, f) > 0) {
		json_t *want = json_loads(line, 0, NULL), *got = NULL;

		assert_non_null(want);
		if (!read_as_written(want, &got)) {
			char *s = json_dumps(got, JSON_COMPACT);

			print_error("%s  read as %s\n", line, s);
			free(s);
			wrong++;
		}
		json_decref(got);
		json_decref(want);
		n++;
	}
	free(line);
	fclose(f);
	assert_int_equal(wrong, 0);
	assert_true(n >= at_least);
}

static void every_utterance_of_the_grammar_is_read_exactly(void **state)
{
	(void)state;
	check_file("tests/fixtures/utterances.jsonl", 132);
}

static void natural_variants_are_read_or_asked_back(void **state)
{
	(void)state;
	check_file("tests/fixtures/utterances-more.jsonl", 60);
}

/* ---- texts that mean harm, or are none ---- */

static void an_identity_number_is_never_kept(void **state)
{
	static const char *const texts[] = {"李四 990101 19800229 0126",
		"已报2人6户，990101198002290126", "９９０１０１１９８００２２９０１２６",
		"身份证110101199001010000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct reply_reading r = read_text(texts[i]);

		assert_true(r.drop_text);
		assert_true(reply_has_flag(&r, "PII"));
		assert_int_equal(r.disposition, REPLY_REFUSE);
		assert_int_equal(r.n_acts, 0);
	}
	assert_false(read_text("材料已寄出，单号990101198002290127").drop_text);
}

static void an_identity_number_of_a_stranger_or_in_talk_is_not_kept_either(void **state)
{
	const char *text = "李四990101198002290126";

	(void)state;
	assert_true(read_bytes("{\"role\":\"unknown\"}", text, strlen(text)).drop_text);
	assert_true(read_bytes("{\"chan\":\"group\",\"mentioned\":false}", text, strlen(text))
			    .drop_text);
	assert_true(read_bytes("{\"role\":\"resident\"}", text, strlen(text)).drop_text);
}

static void an_identity_number_at_the_end_of_a_megabyte_is_found(void **state)
{
	const char *id = "990101198002290126";
	size_t filler = 1 << 20, len = filler + strlen(id);
	char *text = malloc(len);
	struct reply_reading r;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', filler);
	text[filler - 1] = ' ';
	memcpy(text + filler, id, strlen(id));
	r = read_bytes("{}", text, len);
	free(text);
	assert_true(r.drop_text);
	assert_string_equal(r.reply, "R-NO-PII");
}

static void a_megabyte_is_too_long(void **state)
{
	size_t len = 1 << 20;
	char *text = malloc(len);
	struct reply_reading r;

	(void)state;
	assert_non_null(text);
	memset(text, '1', len);
	r = read_bytes("{}", text, len);
	free(text);
	assert_int_equal(r.disposition, REPLY_ASK);
	assert_string_equal(r.reply, "R-TOO-LONG");
	assert_int_equal(r.n_acts, 0);
}

static void zero_bytes_are_blanks(void **state)
{
	struct reply_reading r =
		read_bytes("{}", "已报2人\0006户\0", sizeof("已报2人\0006户\0") - 1);

	(void)state;
	assert_int_equal(r.disposition, REPLY_APPLY);
	assert_int_equal(r.acts[0].counts[0], 2);
	assert_int_equal(r.acts[0].counts[1], 6);
}

static void bytes_that_are_no_text_are_asked_back_and_not_kept(void **state)
{
	static const char *const texts[] = {
		"已报2人6户\xff", "\xc0\x80", "\xed\xa0\x80", "\xf0\x9f\x91", "\x80"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct reply_reading r = read_text(texts[i]);

		assert_int_equal(r.disposition, REPLY_ASK);
		assert_true(reply_has_flag(&r, "BAD_ENCODING"));
		assert_true(r.drop_text);
		assert_int_equal(r.n_acts, 0);
	}
}

static void turned_text_is_never_applied(void **state)
{
	static const char *const marks[] = {
		"\u202a", "\u202e", "\u2066", "\u2069", "\u200e", "\u200f"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		char text[64]; /* a mark and 14 bytes of text */
		struct reply_reading r;

		snprintf(text, sizeof(text), "已报2人%s6户", marks[i]);
		r = read_text(text);
		assert_int_equal(r.disposition, REPLY_ASK);
		assert_true(reply_has_flag(&r, "BIDI"));
		assert_int_equal(r.n_acts, 0);
	}
}

static void exactly_500_characters_are_read_and_501_are_not(void **state)
{
	char text[501 * 3 + 1];

	(void)state;
	for (size_t i = 0; i < 501; i++)
		memcpy(text + 3 * i, "长", 3);
	text[501 * 3] = '\0';
	assert_string_equal(read_bytes("{}", text, 500 * 3).reply, "R-NOT-UNDERSTOOD");
	assert_string_equal(read_bytes("{}", text, 501 * 3).reply, "R-TOO-LONG");
}

static void more_clauses_than_acts_are_asked_back(void **state)
{
	char text[1500] = "";
	struct reply_reading r;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "还差照片;材料齐了;");
	r = read_text(text);
	assert_true(r.n_acts <= REPLY_MAX_ACTS);
	assert_int_equal(r.disposition, REPLY_ASK);
}

/* ---- what the engine relies on ---- */

static void items_are_those_of_the_category(void **state)
{
	struct reply_reading r = read_text("好邻居还差推荐表");
	const struct campaign *c = campaign();

	(void)state;
	assert_int_equal(r.n_acts, 1);
	assert_int_equal(r.acts[0].category, 1);
	assert_int_equal(r.acts[0].n_items, 1);
	assert_string_equal(c->materials[r.acts[0].items[0]].id, "form_2");
	r = read_text("还差推荐表");
	assert_int_equal(r.acts[0].category, -1);
	assert_int_equal(r.acts[0].n_items, 2);
}

static void counts_not_said_are_minus_one(void **state)
{
	struct reply_reading r = read_text("6户");

	(void)state;
	assert_int_equal(r.acts[0].counts[0], -1);
	assert_int_equal(r.acts[0].counts[1], 6);
	assert_int_equal(r.acts[0].unit, -1);
}

static void a_subordinate_unit_is_named_in_the_act(void **state)
{
	struct reply_reading r = read_text("乙二旗已报1人5户");

	(void)state;
	assert_string_equal(campaign()->units->items[r.acts[0].unit].name, "乙二旗");
}

static void a_day_without_month_that_passed_is_one_of_next_month(void **state)
{
	struct reply_reading r =
		read_bytes("{\"now\":\"2022-07-20T10:00\"}", "5号前报", strlen("5号前报"));

	(void)state;
	assert_int_equal(r.acts[0].kind, ACT_PLAN);
	assert_int_equal(r.acts[0].date.month, 8);
	assert_int_equal(r.acts[0].date.day, 5);
}

static void another_campaign_brings_its_own_words(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"志愿者2名，爱心人士1名，社区5加",
			"[{\"act\":\"report\",\"mode\":\"total\",\"volunteers\":2,\"donors\":1,"
			"\"communities\":5}]"},
		{"报2 1 5", "[{\"act\":\"report\",\"mode\":\"total\",\"volunteers\":2,\"donors\":1,"
			    "\"communities\":5}]"},
		{"2名", "[]"}, /* of which category? */
		{"社区差视频", "[{\"act\":\"materials\",\"state\":\"missing\",\"cat\":"
			       "\"communities\",\"items\":[\"film\"]}]"},
		{"社区差2", "[{\"act\":\"materials\",\"state\":\"missing\",\"cat\":\"communities\","
			    "\"items\":[\"film\"]}]"},
		{"社区差事迹", "[]"},
		{"6户", "[]"},
	};
	struct problems p;
	struct campaign *c = NULL;
	struct reply_context ctx = context("{}");

	(void)state;
	problems_init(&p);
	assert_int_equal(campaign_load("tests/fixtures/other-campaign.conf", &p, &c), 0);
	problems_fini(&p);
	ctx.unit = units_find_name(c->units, "甲市", strlen("甲市"));
	ctx.stored[0] = ctx.stored[1] = -1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct reply_reading r;
		json_t *want = json_loads(cases[i].want, 0, NULL), *got;

		reply_read(c, &ctx, cases[i].text, strlen(cases[i].text), &r);
		got = reply_to_json(c, &r);
		if (!json_equal(want, json_object_get(got, "acts")))
			fail_msg("%s is read as %s", cases[i].text, json_dumps(got, JSON_COMPACT));
		json_decref(got);
		json_decref(want);
	}
	campaign_free(c);
}

static void the_real_campaign_knows_units_without_their_last_character(void **state)
{
	struct problems p;
	struct campaign *c = NULL;
	struct reply_context ctx = context("{}");
	struct reply_reading r;

	(void)state;
	problems_init(&p);
	assert_int_equal(campaign_load("config/campaigns/nm-2022-63.conf", &p, &c), 0);
	problems_fini(&p);
	ctx.unit = units_find(c->units, "150200");
	reply_read(c, &ctx, "包头已报2人6户", strlen("包头已报2人6户"), &r);
	assert_int_equal(r.disposition, REPLY_APPLY);
	assert_int_equal(r.acts[0].unit, -1);
	reply_read(c, &ctx, "赤峰已报2人6户", strlen("赤峰已报2人6户"), &r);
	assert_string_equal(r.reply, "R-NOT-YOUR-UNIT");
	reply_read(c, &ctx, "内蒙古自治区包头市昆都仑区已报1人5户",
		strlen("内蒙古自治区包头市昆都仑区已报1人5户"), &r);
	assert_int_equal(r.disposition, REPLY_APPLY);
	assert_string_equal(c->units->items[r.acts[0].unit].name, "昆都仑区");
	campaign_free(c);
}

/* ---- the table of words ---- */

static void each_function_word_belongs_to_one_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < reply_words_n; i++) {
		for (size_t k = 0; k < reply_words[i].n; k++) {
			const char *word = reply_words[i].words[k];

			assert_true(text_utf8_valid(word, strlen(word), NULL));
			for (size_t j = 0; j < i && reply_words[i].kind != W_COUNTER; j++) {
				for (size_t m = 0;
					m < reply_words[j].n && reply_words[j].kind != W_COUNTER;
					m++) {
					if (!strcmp(word, reply_words[j].words[m]))
						fail_msg("%s stands in two kinds", word);
				}
			}
		}
	}
}

/* A word in a form that normalisation changes would never be found. */
static void function_words_are_in_their_normal_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < reply_words_n; i++) {
		for (size_t k = 0; k < reply_words[i].n; k++) {
			const char *word = reply_words[i].words[k];
			struct reply_text text = {.len = 0};

			reply_normalise(word, strlen(word), &text);
			assert_string_equal(text.s, word);
		}
	}
}

/* ---- contexts ---- */

static void a_wrong_context_is_refused_with_a_reason(void **state)
{
	static const char *const wrong[] = {"{\"role\":\"king\"}", "{\"open\":1}",
		"{\"chan\":\"fax\"}", "{\"mentioned\":\"yes\"}", "{\"now\":\"gestern\"}",
		"{\"unit\":\"戊市\"}", "{\"stored\":[]}", "{\"stored\":{\"cows\":1}}",
		"{\"stored\":{\"workers\":-1}}", "[]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct reply_context ctx;
		struct sw_err err = {0};
		json_t *o = json_loads(wrong[i], 0, NULL);

		assert_int_equal(parse_world_context(world, NULL, o, &ctx, &err), SW_EINVAL);
		assert_true(err.text[0] != '\0');
		json_decref(o);
	}
}

static void a_role_brings_its_unit_and_totals(void **state)
{
	struct reply_context ctx = context("{\"role\":\"county\"}");

	(void)state;
	assert_string_equal(campaign()->units->items[ctx.unit].name, "乙一区");
	assert_int_equal(ctx.stored[0], 0);
	ctx = context("{\"role\":\"resident\"}");
	assert_int_equal(ctx.unit, -1);
	assert_int_equal(ctx.stored[0], -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_utterance_of_the_grammar_is_read_exactly),
		cmocka_unit_test(natural_variants_are_read_or_asked_back),
		cmocka_unit_test(an_identity_number_is_never_kept),
		cmocka_unit_test(an_identity_number_of_a_stranger_or_in_talk_is_not_kept_either),
		cmocka_unit_test(an_identity_number_at_the_end_of_a_megabyte_is_found),
		cmocka_unit_test(a_megabyte_is_too_long),
		cmocka_unit_test(zero_bytes_are_blanks),
		cmocka_unit_test(bytes_that_are_no_text_are_asked_back_and_not_kept),
		cmocka_unit_test(turned_text_is_never_applied),
		cmocka_unit_test(exactly_500_characters_are_read_and_501_are_not),
		cmocka_unit_test(more_clauses_than_acts_are_asked_back),
		cmocka_unit_test(items_are_those_of_the_category),
		cmocka_unit_test(counts_not_said_are_minus_one),
		cmocka_unit_test(a_subordinate_unit_is_named_in_the_act),
		cmocka_unit_test(a_day_without_month_that_passed_is_one_of_next_month),
		cmocka_unit_test(another_campaign_brings_its_own_words),
		cmocka_unit_test(the_real_campaign_knows_units_without_their_last_character),
		cmocka_unit_test(each_function_word_belongs_to_one_kind),
		cmocka_unit_test(function_words_are_in_their_normal_form),
		cmocka_unit_test(a_wrong_context_is_refused_with_a_reason),
		cmocka_unit_test(a_role_brings_its_unit_and_totals),
	};

	return cmocka_run_group_tests(tests, load_world, free_world);
}
