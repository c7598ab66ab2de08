/*
 * notifier/campaign/facts.c: facts as JSON, the form of the store.
 *
 * Only what is known is written, so a blank unit is {"rev":0}; categories and departments go by id, so that a
 * definition may gain some without touching what is stored. Unknown keys are left alone: they are a later version's.
 */
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/facts.h"

enum { MAX_COUNT = 1000000 };

void facts_init(struct unit_facts *f)
{
	*f = (struct unit_facts){0};
	for (size_t i = 0; i < ARRAY_LEN(f->counts); i++) {
		f->counts[i].previous = -1;
		f->counts[i].department = -1;
	}
}

/* ---- writing ---- */

static void put_ms(json_t *j, const char *key, int64_t ms)
{
	if (ms)
		json_object_set_new(j, key, json_integer((json_int_t)ms));
}

static void put_true(json_t *j, const char *key, bool value)
{
	if (value)
		json_object_set_new(j, key, json_true());
}

static json_t *count_to_json(const struct campaign *c, const struct fact_count *k)
{
	json_t *j = json_object();

	if (k->known)
		json_object_set_new(j, "value", json_integer(k->value));
	if (k->previous >= 0)
		json_object_set_new(j, "previous", json_integer(k->previous));
	put_ms(j, "at", k->at_ms);
	if (k->by[0])
		json_object_set_new(j, "by", json_string(k->by));
	if (k->department >= 0)
		json_object_set_new(j, "department", json_string(c->departments[k->department].id));
	put_true(j, "verified", k->verified);
	put_ms(j, "paused_until", k->paused_until_ms);
	return j;
}

static json_t *submitted_to_json(const struct unit_facts *f)
{
	json_t *j = json_object();

	put_ms(j, "at", f->submitted_ms);
	put_true(j, "paper", f->submitted_paper);
	put_true(j, "electronic", f->submitted_electronic);
	put_true(j, "verified", f->submitted_verified);
	put_ms(j, "paused_until", f->submitted_paused_until_ms);
	return j;
}

/* Adds PART unless it says nothing. */
static void put_part(json_t *j, const char *key, json_t *part)
{
	if (json_object_size(part))
		json_object_set_new(j, key, part);
	else
		json_decref(part);
}

json_t *facts_to_json(const struct campaign *c, const struct unit_facts *f)
{
	json_t *j = json_object(), *counts = json_object();

	for (size_t i = 0; i < c->n_categories; i++)
		put_part(counts, c->categories[i].id, count_to_json(c, &f->counts[i]));
	put_part(j, "counts", counts);
	put_ms(j, "ack", f->ack_ms);
	put_ms(j, "report", f->report_ms);
	put_part(j, "submitted", submitted_to_json(f));
	put_ms(j, "snoozed_until", f->snoozed_until_ms);
	if (f->record_no)
		json_object_set_new(j, "record", json_integer(f->record_no));
	json_object_set_new(j, "rev", json_integer((json_int_t)f->rev));
	return j;
}

/* ---- reading ---- */

/* One reading with its first mistake. */
struct reading {
	struct sw_err *err;
	int rc;
};

static void wrong(struct reading *r, const char *key, const char *wanted)
{
	if (r->rc == 0)
		r->rc = err_set(r->err, SW_EPROTO, "facts: %s: %s expected", key, wanted);
}

static int64_t take_number(struct reading *r, const json_t *j, const char *key, int64_t max)
{
	const json_t *v = json_object_get(j, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > max) {
		wrong(r, key, "a number within its bounds");
		return 0;
	}
	return json_integer_value(v);
}

static bool take_bool(struct reading *r, const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	if (v && !json_is_boolean(v))
		wrong(r, key, "true or false");
	return json_is_true(v);
}

static const json_t *take_object(struct reading *r, const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);

	if (v && !json_is_object(v))
		wrong(r, key, "an object");
	return v;
}

static void take_count(
	struct reading *r, const struct campaign *c, const json_t *j, struct fact_count *ret)
{
	const json_t *by = json_object_get(j, "by"), *department = json_object_get(j, "department");

	if (!json_is_object(j)) {
		wrong(r, "counts", "an object for each category");
		return;
	}
	ret->known = json_object_get(j, "value") != NULL;
	ret->value = (int)take_number(r, j, "value", MAX_COUNT);
	if (json_object_get(j, "previous"))
		ret->previous = (int)take_number(r, j, "previous", MAX_COUNT);
	ret->at_ms = take_number(r, j, "at", INT64_MAX);
	ret->verified = take_bool(r, j, "verified");
	ret->paused_until_ms = take_number(r, j, "paused_until", INT64_MAX);
	if (by && (!json_is_string(by) ||
			  text_copy(ret->by, sizeof(ret->by), json_string_value(by)) < 0))
		wrong(r, "by", "a contact's id");
	/* A department the definition has lost is as good as not known. */
	if (json_is_string(department))
		ret->department = campaign_find_department(c, json_string_value(department));
	else if (department)
		wrong(r, "department", "an id");
}

int facts_from_json(
	const struct campaign *c, const json_t *j, struct unit_facts *ret, struct sw_err *err)
{
	struct reading r = {.err = err};
	struct unit_facts f;
	const json_t *counts, *submitted;

	if (!json_is_object(j))
		return err_set(err, SW_EPROTO, "facts: an object expected");
	facts_init(&f);
	counts = take_object(&r, j, "counts");
	for (size_t i = 0; i < c->n_categories; i++) {
		const json_t *k = json_object_get(counts, c->categories[i].id);

		if (k)
			take_count(&r, c, k, &f.counts[i]);
	}
	submitted = take_object(&r, j, "submitted");
	f.submitted_ms = take_number(&r, submitted, "at", INT64_MAX);
	f.submitted_paper = take_bool(&r, submitted, "paper");
	f.submitted_electronic = take_bool(&r, submitted, "electronic");
	f.submitted_verified = take_bool(&r, submitted, "verified");
	f.submitted_paused_until_ms = take_number(&r, submitted, "paused_until", INT64_MAX);
	f.ack_ms = take_number(&r, j, "ack", INT64_MAX);
	f.report_ms = take_number(&r, j, "report", INT64_MAX);
	f.snoozed_until_ms = take_number(&r, j, "snoozed_until", INT64_MAX);
	f.record_no = (int)take_number(&r, j, "record", INT32_MAX);
	f.rev = take_number(&r, j, "rev", INT64_MAX);
	if (r.rc == 0)
		*ret = f;
	return r.rc;
}
