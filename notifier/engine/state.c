/*
 * notifier/engine/state.c: the retained state topics: what a screen shows of the campaign and its units.
 *
 * Counts and states only: no names, no texts, no numbers of people.
 */
#include <stdlib.h>
#include <string.h>

#include "core/wire/topic.h"
#include "notifier/engine/engine.h"

static void publish(struct engine *e, const char *kind, const char *code, json_t *j)
{
	char topic[TOPIC_MAX], *json;

	json_object_set_new(j, "v", json_integer(1));
	json_object_set_new(j, "at", json_integer(engine_now_ms(e)));
	json = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (json && e->mqtt)
		(void)mqtt_publish(
			e->mqtt, topic_state(topic, kind, code), json, strlen(json), true);
	free(json);
}

void state_publish_unit(struct engine *e, int unit)
{
	const struct campaign *c = e->world.c;
	struct obligation o[OBLIGATION_MAX];
	size_t n = obligations_of(c, unit, &e->world.facts[unit], engine_now_ms(e), o);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		static const char *const kinds[] = {"ack", "quota", "materials"};

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:b}", "kind",
				      kinds[o[i].kind], "category",
				      o[i].category >= 0 ? c->categories[o[i].category].id : "",
				      "state", obligation_state_name(o[i].state), "have", o[i].have,
				      "min", o[i].min, "max", o[i].max, "overdue", o[i].overdue));
	}
	publish(e, "unit", c->units->items[unit].code,
		json_pack("{s:s, s:s, s:o}", "code", c->units->items[unit].code, "name",
			c->units->items[unit].name, "obligations", list));
}

void state_publish_all(struct engine *e)
{
	const struct campaign *c = e->world.c;

	publish(e, "campaign", NULL,
		json_pack("{s:s, s:s, s:s, s:s}", "id", c->id, "title", c->title, "doc_no",
			c->doc_no, "digest", c->digest));
	publish(e, "ops", NULL,
		json_pack(
			"{s:b, s:s, s:b}", "paused", e->paused, "hold", e->hold, "live", e->live));
	for (size_t i = 0; i < c->units->n_reporting; i++)
		state_publish_unit(e, c->units->order[i]);
}
