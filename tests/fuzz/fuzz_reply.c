/*
 * tests/fuzz/fuzz_reply.c: any bytes, in any context, are read without harm.
 *
 * With clang: -fsanitize=fuzzer,address -DFUZZ_ENGINE. Without an engine, main() changes the shipped utterances
 * at random from a fixed seed: fuzz_reply [ROUNDS [SEED]]. What holds of every reading is checked, not only
 * that the reader survives.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/campaign/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct campaign *campaign;

static void load_campaign(void)
{
	struct problems p;

	problems_init(&p);
	if (campaign_load("config/example/campaign.conf", &p, &campaign) < 0) {
		problems_print(&p, stderr);
		fprintf(stderr, "fuzz_reply: run it from the root of the tree\n");
		exit(1);
	}
	problems_fini(&p);
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_reply: %s\n", what);
	abort();
}

static void check_act(const struct reply_act *act)
{
	require(act->kind >= ACT_REPORT && act->kind <= ACT_OBJECTION, "an act has a kind");
	require(act->unit >= -1 && act->unit < (int)campaign->units->n,
		"a unit is one of the table");
	require(act->category >= -1 && act->category < (int)campaign->n_categories,
		"a category is one of the campaign");
	require(act->n_items <= REPLY_MAX_ITEMS, "items are bounded");
	for (size_t i = 0; i < act->n_items; i++)
		require(act->items[i] >= 0 && act->items[i] < (int)campaign->n_materials,
			"items are materials");
	for (size_t i = 0; i < DEF_MAX_CATEGORIES; i++)
		require(act->counts[i] >= -1 && act->counts[i] <= 9999, "counts are in range");
	require(text_utf8_valid(act->name, strlen(act->name), NULL), "a name is text");
}

static void check_reading(const struct reply_reading *r, const struct reply_context *ctx)
{
	json_t *j = reply_to_json(campaign, r);
	char *s;

	require(r->n_acts <= REPLY_MAX_ACTS && r->n_flags <= REPLY_MAX_FLAGS,
		"acts and flags are bounded");
	require(r->reply[0] != '\0', "there is an answer or -");
	for (size_t i = 0; i < r->n_acts; i++)
		check_act(&r->acts[i]);
	require(r->disposition != REPLY_APPLY || r->n_acts > 0, "what is applied has an act");
	require(!reply_has_flag(r, "BIDI") || r->n_acts == 0, "turned text has no acts");
	require(!reply_has_flag(r, "PII") || r->drop_text, "personal data is dropped");
	if (ctx->role == REPLY_UNKNOWN || ctx->role == REPLY_RESIDENT)
		require(r->n_acts == 0 || r->acts[0].kind == ACT_OPT_OUT ||
				r->acts[0].kind == ACT_OPT_IN || r->acts[0].kind == ACT_HELP ||
				r->acts[0].kind == ACT_OBJECTION,
			"who is no official reports nothing");
	require(j != NULL, "a reading is JSON");
	s = json_dumps(j, JSON_COMPACT);
	require(s && !strchr(s, '\n'), "of one line");
	free(s);
	json_decref(j);
}

/* The first two bytes choose the context. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reply_context ctx = {.now_ms = INT64_C(1659924000000), .stored = {1, 4}};
	struct reply_reading r;

	if (!campaign)
		load_campaign();
	if (size < 2)
		return 0;
	ctx.role = (enum reply_role)(data[0] % 5);
	ctx.open = (enum reply_open)(data[0] / 5 % 4);
	ctx.channel = (enum reply_channel)(data[1] % 3);
	ctx.mentioned = data[1] / 3 % 4 != 0;
	ctx.unit = data[1] / 12 % (int)(campaign->units->n + 1) - 1;
	reply_read(campaign, &ctx, (const char *)data + 2, size - 2, &r);
	check_reading(&r, &ctx);
	return 0;
}

#ifndef FUZZ_ENGINE

enum { MAX_SEEDS = 512, MAX_TEXT = 4096 };

struct corpus {
	char *texts[MAX_SEEDS];
	size_t n;
	uint64_t state;
};

/* xorshift64*: the same texts for the same seed everywhere. */
static uint32_t draw(struct corpus *co, uint32_t below)
{
	co->state ^= co->state >> 12;
	co->state ^= co->state << 25;
	co->state ^= co->state >> 27;
	return (uint32_t)((co->state * UINT64_C(2685821657736338717)) >> 32) % below;
}

static void add_file(struct corpus *co, const char *path)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	while (f && co->n < MAX_SEEDS && getline(&line, &cap, f) > 0) {
		json_t *o = json_loads(line, 0, NULL);
		const char *text = json_string_value(json_object_get(o, "text"));

		if (text && strlen(text) > 0)
			co->texts[co->n++] = text_dup(text);
		json_decref(o);
	}
	free(line);
	if (f)
		fclose(f);
}

/* A place in S where a character begins. */
static size_t place(struct corpus *co, const char *s)
{
	size_t at = draw(co, (uint32_t)strlen(s) + 1);

	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static size_t append(uint8_t *out, size_t n, const char *s, size_t len)
{
	if (len > MAX_TEXT - n)
		len = MAX_TEXT - n;
	memcpy(out + n, s, len);
	return n + len;
}

/* The beginning of one utterance, the end of another, and now and then a byte that is anything. */
static size_t mutate(struct corpus *co, uint8_t *out)
{
	static const char *const signs[] = {"", "，", "。", " ", "\n", "？", "（", "）", "-", "/",
		"不", "还没", "1", "十", "户"};
	size_t n = 2;

	out[0] = (uint8_t)draw(co, 20);
	out[1] = (uint8_t)draw(co, 256);
	for (uint32_t parts = 1 + draw(co, 3); parts > 0; parts--) {
		const char *s = co->texts[draw(co, (uint32_t)co->n)], *sign = signs[draw(co, 15)];
		size_t from = place(co, s), to = place(co, s);

		n = from < to ? append(out, n, s + from, to - from) : append(out, n, s, from);
		n = append(out, n, sign, strlen(sign));
	}
	if (draw(co, 8) == 0)
		out[2 + draw(co, (uint32_t)n - 1)] = (uint8_t)draw(co, 256);
	return n;
}

int main(int argc, char **argv)
{
	struct corpus co = {.state = 20220820};
	static uint8_t data[MAX_TEXT + 1];
	int64_t rounds = 20000, seed = 20220820;

	if ((argc > 1 && num_parse(argv[1], 1, INT32_MAX, &rounds) < 0) ||
		(argc > 2 && num_parse(argv[2], 1, INT64_MAX, &seed) < 0)) {
		fprintf(stderr, "usage: fuzz_reply [ROUNDS [SEED]]\n");
		return 64;
	}
	co.state = (uint64_t)seed;
	load_campaign();
	add_file(&co, "tests/fixtures/utterances.jsonl");
	add_file(&co, "tests/fixtures/utterances-more.jsonl");
	if (co.n == 0) {
		fprintf(stderr, "fuzz_reply: no utterances\n");
		return 1;
	}
	for (int64_t i = 0; i < rounds; i++)
		(void)LLVMFuzzerTestOneInput(data, mutate(&co, data));
	printf("fuzz_reply: %lld texts read\n", (long long)rounds);
	for (size_t i = 0; i < co.n; i++)
		free(co.texts[i]);
	campaign_free(campaign);
	return 0;
}

#endif
