/*
 * notifier/engine/state_honours.c: the honour roll as anybody may read it, or nothing.
 *
 * A name stands here only while every gate of publicity that people open is open, and never once it was withdrawn. Everything
 * else of the commended (texts for SMS, groups and screens) stays with the broadcasts.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/honours.h"
#include "notifier/engine/state_internal.h"

/* The client of the broker takes 256 KiB. Seventy commended are about 15 KB; two thousand without their deeds fit. */
enum { ROLL_BYTES = 255 * 1024 };

struct row {
	const struct honour *h;
	int place; /* of its unit in administrative order */
};

/* A county stands where the unit does to which it reports. */
static int place_of(const struct units *u, int unit)
{
	for (int k = unit; k >= 0; k = u->items[k].reports_to)
		for (size_t i = 0; i < u->n_reporting; i++)
			if (u->order[i] == k)
				return (int)i;
	return -1;
}

/* Of one unit and category, ids differ in their number alone. */
static int by_place(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	size_t m = strlen(x->h->id), n = strlen(y->h->id);

	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	if (x->h->unit != y->h->unit)
		return x->h->unit < y->h->unit ? -1 : 1;
	if (m != n)
		return m < n ? -1 : 1;
	return strcmp(x->h->id, y->h->id);
}

static json_t *items_json(
	const struct campaign *c, const struct row *rows, size_t n, int category, bool with_deeds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct honour *h = rows[i].h;
		const struct unit *u = &c->units->items[h->unit];

		if (h->category == category)
			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "unit", u->code,
					      "unit_name", u->name, "name", h->name, "community",
					      h->community, "deed", with_deeds ? h->deed : ""));
	}
	return list;
}

static json_t *roll_json(
	const struct campaign *c, const struct row *rows, size_t n, bool with_deeds)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *k = &c->categories[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", k->id, "name", k->name,
				      "unit_word", k->unit_word, "final",
				      k->final_max < 0 ? json_null() : json_integer(k->final_max),
				      "items", items_json(c, rows, n, (int)i, with_deeds)));
	}
	return json_pack("{s:b, s:s, s:s, s:s, s:b, s:o}", "published", 1, "title", c->title,
		"doc_no", c->doc_no, "tel", c->telephone, "cut", !with_deeds, "categories", list);
}

static size_t size_of(const json_t *j)
{
	return json_dumpb(j, NULL, 0, JSON_COMPACT);
}

json_t *state_honours_json(struct engine *e)
{
	const struct campaign *c = e->world.c;
	const struct honours *all = e->honours;
	struct row *rows = NULL;
	json_t *j = NULL;
	size_t n = 0;

	if (all && all->n && gates_public(e, engine_now_ms(e))) {
		rows = calloc(all->n, sizeof(*rows));
		if (!rows)
			return NULL;
		for (size_t i = 0; i < all->n; i++)
			if (!all->items[i].withdrawn)
				rows[n++] = (struct row){
					&all->items[i], place_of(c->units, all->items[i].unit)};
	}
	if (n) {
		qsort(rows, n, sizeof(*rows), by_place);
		j = roll_json(c, rows, n, true);
		if (size_of(j) > ROLL_BYTES) {
			json_decref(j);
			j = roll_json(c, rows, n, false);
		}
		if (size_of(j) > ROLL_BYTES) {
			LOG_ERROR("honours_too_long", "n=%zu", n);
			json_decref(j);
			j = NULL;
		}
	}
	free(rows);
	return j ? j : json_pack("{s:b}", "published", 0);
}
