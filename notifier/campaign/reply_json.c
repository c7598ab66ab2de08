/*
 * notifier/campaign/reply_json.c: a reading as JSON, and the names of acts and dispositions.
 *
 * The form is that of "shouwang parse" and of the audit record: a field that was not said is absent.
 */
#include <string.h>

#include "core/base/err.h"
#include "notifier/campaign/reply.h"

const char *reply_disposition_name(enum reply_disposition d)
{
	static const char *const names[] = {"apply", "confirm", "queue", "ask", "refuse", "ignore"};

	return (size_t)d < ARRAY_LEN(names) ? names[d] : "?";
}

const char *reply_act_name(enum reply_act_kind k)
{
	static const char *const names[] = {"report", "correct", "materials", "notice",
		"discipline", "submitted", "plan", "extension", "ack", "query", "help", "snooze",
		"contact", "opt_out", "opt_in", "yes", "no", "undo", "forecast", "status",
		"problem", "objection"};

	return (size_t)k < ARRAY_LEN(names) ? names[k] : "?";
}

static void set_string(json_t *o, const char *key, const char *value)
{
	if (value[0])
		json_object_set_new(o, key, json_string(value));
}

static json_t *date_json(struct civil d)
{
	char s[32]; /* as civil_format() asks */

	return d.year ? json_string(civil_format(d, s, sizeof(s))) : json_null();
}

static void set_counts(const struct campaign *c, json_t *o, const struct reply_act *act)
{
	if (act->kind == ACT_REPORT)
		json_object_set_new(o, "mode", json_string(act->delta ? "delta" : "total"));
	for (size_t i = 0; i < c->n_categories; i++) {
		if (act->counts[i] >= 0)
			json_object_set_new(
				o, c->categories[i].reply_key, json_integer(act->counts[i]));
	}
}

/* Two categories may call two materials by one key: it is said once. */
static json_t *items_json(const struct campaign *c, const struct reply_act *act)
{
	json_t *list = json_array();

	for (size_t i = 0; i < act->n_items; i++) {
		const char *key = c->materials[act->items[i]].reply_key;
		bool there = false;

		for (size_t k = 0; k < i; k++)
			there = there || !strcmp(c->materials[act->items[k]].reply_key, key);
		if (!there)
			json_array_append_new(list, json_string(key));
	}
	return list;
}

static void set_materials(const struct campaign *c, json_t *o, const struct reply_act *act)
{
	const char *cat = act->category < 0 ? "both" : c->categories[act->category].reply_key;

	json_object_set_new(o, "state", json_string(act->state));
	json_object_set_new(o, "cat", json_string(cat));
	if (strcmp(act->state, "complete") != 0)
		json_object_set_new(o, "items", items_json(c, act));
}

static void set_notice(json_t *o, const struct reply_act *act)
{
	json_object_set_new(o, "state", json_string(act->state));
	if (!strcmp(act->state, "running")) {
		json_object_set_new(o, "start", date_json(act->start));
		json_object_set_new(o, "end", date_json(act->end));
	}
	if (act->has_objections)
		json_object_set_new(o, "objections", json_integer(act->objections));
}

static json_t *act_json(const struct campaign *c, const struct reply_act *act)
{
	json_t *o = json_pack("{s:s}", "act", reply_act_name(act->kind));
	char s[32]; /* as civil_format_ms() asks */

	if (!o)
		return NULL;
	if (act->unit >= 0)
		json_object_set_new(o, "unit", json_string(c->units->items[act->unit].name));
	switch (act->kind) {
	case ACT_REPORT:
	case ACT_CORRECT:
	case ACT_FORECAST:
		set_counts(c, o, act);
		break;
	case ACT_MATERIALS:
		set_materials(c, o, act);
		break;
	case ACT_NOTICE:
		set_notice(o, act);
		break;
	case ACT_PLAN:
	case ACT_EXTENSION:
		json_object_set_new(o, "date", date_json(act->date));
		break;
	case ACT_SNOOZE:
		json_object_set_new(
			o, "until", json_string(civil_format_ms(act->until_ms, s, sizeof(s))));
		break;
	default:
		set_string(o, "state", act->state);
		set_string(o, "what", act->what);
		set_string(o, "form", act->form);
		set_string(o, "tracking", act->tracking);
		set_string(o, "name", act->name);
		set_string(o, "phone", act->phone);
		break;
	}
	return o;
}

json_t *reply_to_json(const struct campaign *c, const struct reply_reading *r)
{
	json_t *acts = json_array(), *flags = json_array();

	for (size_t i = 0; i < r->n_acts; i++)
		json_array_append_new(acts, act_json(c, &r->acts[i]));
	for (size_t i = 0; i < r->n_flags; i++)
		json_array_append_new(flags, json_string(r->flags[i]));
	return json_pack("{s:o, s:s, s:s, s:o}", "acts", acts, "disposition",
		reply_disposition_name(r->disposition), "reply", r->reply, "flags", flags);
}
