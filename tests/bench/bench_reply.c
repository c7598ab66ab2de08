/*
 * tests/bench/bench_reply.c: CPU time of reading one reply; the bound is 50 us.
 *
 * Every utterance of the grammar is read many times in the shipped campaign, whose 117 units cost more than
 * the four of the invented one. The median and the slowest utterance are printed; exit 1 above the bound.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "notifier/campaign/reply.h"

enum { MAX_UTTERANCES = 256, ROUNDS = 200 };
static const double bound_us = 50;

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double measure(const struct campaign *c, const struct reply_context *ctx, const char *text)
{
	struct reply_reading r;
	size_t len = strlen(text);
	double start = cpu_us();

	for (int i = 0; i < ROUNDS; i++)
		reply_read(c, ctx, text, len, &r);
	return (cpu_us() - start) / ROUNDS;
}

int main(void)
{
	struct reply_context ctx = {
		.now_ms = INT64_C(1659924000000), .role = REPLY_LEAGUE, .stored = {1, 4}};
	double took[MAX_UTTERANCES], worst = 0, sum = 0;
	char line[16 * 1024]; /* the longest utterance is 600 Han characters */
	struct campaign *c = NULL;
	struct problems p;
	size_t n = 0;
	FILE *f = fopen("tests/fixtures/utterances.jsonl", "r");

	problems_init(&p);
	if (!f || campaign_load("config/campaigns/nm-2022-63.conf", &p, &c) < 0) {
		fprintf(stderr, "bench_reply: run it from the root of the tree\n");
		return 1;
	}
	problems_fini(&p);
	ctx.unit = units_find(c->units, "150200");
	while (n < MAX_UTTERANCES && fgets(line, sizeof(line), f)) {
		json_t *o = json_loads(line, 0, NULL);

		if (!o)
			continue;
		took[n] = measure(c, &ctx, json_string_value(json_object_get(o, "text")));
		sum += took[n];
		worst = took[n] > worst ? took[n] : worst;
		json_decref(o);
		n++;
	}
	fclose(f);
	campaign_free(c);
	if (n == 0)
		return 1;
	qsort(took, n, sizeof(took[0]), by_size);
	printf("reply: %zu utterances, %.1f us CPU on average, median %.1f, slowest %.1f (bound "
	       "%.0f)\n",
		n, sum / (double)n, took[n / 2], worst, bound_us);
	return worst <= bound_us ? 0 : 1;
}
