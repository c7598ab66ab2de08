/*
 * notifier/engine/state_broadcast.c: what a screen shows of one broadcast: how far it is, never to whom.
 *
 * The topic names the commended by unit, category and number: a person's name goes out with the broadcast itself, and
 * before it is released nobody is to read it here.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/state_internal.h"

enum { TITLE = 160 };

/* Item "150300-worker-1" is "乌海市 工作者 第1名". */
static bool title_of_item(const struct campaign *c, const char *item, char ret[TITLE])
{
	const char *category = strchr(item, '-'), *number = strrchr(item, '-');
	char code[UNIT_CODE] = "";
	int unit;

	if (!category || number == category || (size_t)(category - item) >= sizeof(code))
		return false;
	memcpy(code, item, (size_t)(category - item));
	unit = units_find(c->units, code);
	category++;
	for (size_t i = 0; unit >= 0 && i < c->n_categories; i++) {
		const struct def_category *k = &c->categories[i];

		if (strlen(k->id) == (size_t)(number - category) &&
			!strncmp(k->id, category, strlen(k->id))) {
			(void)snprintf(ret, TITLE, "%s %s 第%.8s%s", c->units->items[unit].name,
				k->short_name, number + 1, k->unit_word);
			return true;
		}
	}
	return false;
}

static json_t *sums_json(const struct broadcast *b)
{
	json_t *j = json_object();

	for (int i = 0; i <= NIBBLE_UNDELIVERED; i++)
		json_object_set_new(j, broadcast_nibble_name((enum broadcast_nibble)i),
			json_integer((json_int_t)b->sums[i]));
	return j;
}

void state_publish_broadcast(struct engine *e, const struct broadcast *b)
{
	char title[TITLE];

	if (!b->item[0] || !title_of_item(e->world.c, b->item, title))
		(void)snprintf(title, sizeof(title), "%s", b->item[0] ? b->item : b->title);
	state_put(e, "broadcast", b->id,
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o, s:I, s:I, s:s, s:s}", "id", b->id,
			"title", title, "area", b->area, "state", broadcast_state_name(b->state),
			"count", (json_int_t)b->count, "sums_known", b->sums_known, "sums",
			sums_json(b), "from", (json_int_t)b->from_ms, "until",
			(json_int_t)b->until_ms, "planned_by", b->planned_by, "approved_by",
			b->approved_by));
}
