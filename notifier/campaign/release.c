/*
 * notifier/campaign/release.c: the digest two people agree on, and the hours residents may hear from us.
 *
 * A day of the window has at most two openings: what the definition allows, inside 08:00-20:00, before and after noon.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "notifier/campaign/release.h"

enum {
	DAY_FROM = 8 * 60,
	DAY_TO = 20 * 60,
	NOON_FROM = 12 * 60,
	NOON_TO = 14 * 60,
	MAX_OPENINGS = 2,
};

void release_digest(const struct release *r, char ret[65])
{
	json_t *o = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s}", "audience", r->audience, "cost_fen",
		(json_int_t)r->cost_fen, "count", (json_int_t)r->count, "segments",
		(json_int_t)r->segments, "template", r->template_id ? r->template_id : "", "text",
		r->text);
	char *s = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	/* Without memory it equals no other digest: nothing can be released by it. */
	ret[0] = '\0';
	if (s)
		id_sha256_hex(s, strlen(s), ret);
	free(s);
	json_decref(o);
}

struct opening {
	int from, to; /* minutes of the day, TO excluded */
};

static int later(int a, int b)
{
	return a > b ? a : b;
}

static int earlier(int a, int b)
{
	return a < b ? a : b;
}

/* The openings of each day of the window, rising. */
static size_t openings(const struct def_publicity *p, struct opening ret[MAX_OPENINGS])
{
	const struct opening halves[MAX_OPENINGS] = {{DAY_FROM, NOON_FROM}, {NOON_TO, DAY_TO}};
	size_t n = 0;

	for (size_t i = 0; i < MAX_OPENINGS; i++) {
		struct opening o = {.from = later(halves[i].from, p->from_minute),
			.to = earlier(halves[i].to, p->to_minute)};

		if (o.from < o.to)
			ret[n++] = o;
	}
	return n;
}

static bool has_window(const struct def_publicity *p)
{
	return p->start.year != 0 && p->end.year != 0;
}

/* The first opening that ends after NOW; false: there is none any more. */
static bool find_opening(
	const struct campaign *c, int64_t now_ms, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
	const struct def_publicity *p = &c->publicity;
	struct civil day = civil_of_ms(now_ms);
	struct opening found[MAX_OPENINGS];
	size_t n = has_window(p) ? openings(p, found) : 0;

	if (n == 0)
		return false;
	if (civil_cmp(day, p->start) < 0)
		day = p->start;
	/* Today, or else tomorrow: every day has the same openings. */
	for (int tries = 0; tries < 2 && civil_cmp(day, p->end) <= 0; tries++) {
		for (size_t i = 0; i < n; i++) {
			int64_t to_ms = civil_at_ms(day, found[i].to);

			if (to_ms <= now_ms)
				continue;
			*ret_from_ms = civil_at_ms(day, found[i].from);
			*ret_to_ms = to_ms;
			return true;
		}
		day = civil_add(day, 1);
	}
	return false;
}

int64_t release_window_next(const struct campaign *c, int64_t now_ms)
{
	int64_t from_ms, to_ms;

	if (!find_opening(c, now_ms, &from_ms, &to_ms))
		return INT64_MAX;
	return from_ms > now_ms ? from_ms : now_ms;
}

int64_t release_window_end(const struct campaign *c, int64_t now_ms)
{
	int64_t from_ms, to_ms;

	if (!find_opening(c, now_ms, &from_ms, &to_ms) || from_ms > now_ms)
		return now_ms;
	return to_ms;
}

int64_t release_until(const struct campaign *c)
{
	return has_window(&c->publicity) ? civil_start_ms(civil_add(c->publicity.end, 1)) : 0;
}
