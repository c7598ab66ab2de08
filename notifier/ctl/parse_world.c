/*
 * notifier/ctl/parse_world.c: reads a world file, and turns a context given as JSON into the reader's.
 *
 * A role brings its unit and that unit's totals with it, so that {"role":"county"} is enough.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/conf.h"
#include "notifier/ctl/parse_world.h"

enum { MAX_STORED = 256, ROLES = REPLY_UNKNOWN + 1 };

struct stored {
	int unit, category, total;
};

struct parse_world {
	struct campaign *campaign;
	int64_t now_ms;
	enum reply_role role;
	enum reply_channel channel;
	enum reply_open open;
	bool mentioned;
	int units[ROLES]; /* of each role, -1 */
	struct stored stored[MAX_STORED];
	size_t n_stored;
};

static const struct conf_item items[] = {
	{"campaign", CONF_PATH, CONF_REQUIRED, NULL, 0, 0, "the campaign definition"},
	{"now", CONF_TIME, CONF_REQUIRED, NULL, 0, 0, "the moment of reading"},
	{"role", CONF_STRING, 0, "league", 0, 16,
		"who writes: league, county, region, resident, unknown"},
	{"channel", CONF_STRING, 0, "sms", 0, 16, "sms, single, group"},
	{"open", CONF_STRING, 0, "", 0, 16, "Q-REPORT, Q-ACK, Q-CONFIRM or empty"},
	{"mentioned", CONF_BOOL, 0, "true", 0, 0,
		"a group message counts as addressed to the robot"},
	{"senders[].role", CONF_STRING, CONF_REQUIRED, NULL, 1, 16,
		"the role that writes for the unit"},
	{"senders[].unit", CONF_STRING, CONF_REQUIRED, NULL, 1, 63, "name or code"},
	{"stored[].unit", CONF_STRING, CONF_REQUIRED, NULL, 1, 63, "name or code"},
	{"stored[].category", CONF_STRING, CONF_REQUIRED, NULL, 1, 32, "reply_key of the category"},
	{"stored[].total", CONF_INT, CONF_REQUIRED, NULL, 0, 9999, "total on record"},
};

static const char *const role_names[] = {"league", "county", "region", "resident", "unknown", NULL};
static const char *const channel_names[] = {"sms", "single", "group", NULL};
static const char *const open_names[] = {"", "Q-ACK", "Q-REPORT", "Q-CONFIRM", NULL};

static int index_of(const char *s, const char *const *names)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], s))
			return i;
	}
	return -1;
}

static int find_unit(const struct campaign *c, const char *s)
{
	int unit = units_find(c->units, s);

	return unit >= 0 ? unit : units_find_name(c->units, s, strlen(s));
}

static int find_category(const struct campaign *c, const char *key)
{
	for (size_t i = 0; i < c->n_categories; i++) {
		if (!strcmp(c->categories[i].reply_key, key))
			return (int)i;
	}
	return -1;
}

/* ---- the world file ---- */

static int choice(
	const struct conf *f, const char *path, const char *const *names, struct problems *p)
{
	int i = index_of(conf_str(f, path), names);

	if (i < 0)
		problems_error(p, conf_file(f), conf_line(f, path), "%s \"%s\" is unknown", path,
			conf_str(f, path));
	return i < 0 ? 0 : i;
}

static void read_senders(struct parse_world *w, const struct conf *f, struct problems *p)
{
	for (size_t i = 0; i < conf_count(f, "senders"); i++) {
		const char *unit = conf_strf(f, "senders[%zu].unit", i);
		int role = index_of(conf_strf(f, "senders[%zu].role", i), role_names);
		int at = find_unit(w->campaign, unit);

		if (role < 0 || at < 0)
			problems_error(p, conf_file(f), conf_line(f, "senders"),
				"senders: there is no %s \"%s\"", role < 0 ? "role" : "unit",
				role < 0 ? conf_strf(f, "senders[%zu].role", i) : unit);
		else
			w->units[role] = at;
	}
}

static void read_stored(struct parse_world *w, const struct conf *f, struct problems *p)
{
	for (size_t i = 0; i < conf_count(f, "stored") && i < MAX_STORED; i++) {
		const char *unit = conf_strf(f, "stored[%zu].unit", i);
		const char *key = conf_strf(f, "stored[%zu].category", i);
		struct stored s = {find_unit(w->campaign, unit), find_category(w->campaign, key),
			(int)conf_intf(f, "stored[%zu].total", i)};

		if (s.unit < 0 || s.category < 0)
			problems_error(p, conf_file(f), conf_line(f, "stored"),
				"stored: there is no %s \"%s\"", s.unit < 0 ? "unit" : "category",
				s.unit < 0 ? unit : key);
		else
			w->stored[w->n_stored++] = s;
	}
}

int parse_world_load(
	const char *file, const char *config_dir, struct problems *p, struct parse_world **ret)
{
	struct parse_world *w = calloc(1, sizeof(*w));
	struct conf *f = NULL;
	size_t errors = p->n_errors;
	int rc = -ENOMEM;

	if (!w)
		return rc;
	for (size_t i = 0; i < ROLES; i++)
		w->units[i] = -1;
	rc = conf_load(file, items, ARRAY_LEN(items), p, &f);
	if (rc == 0)
		rc = campaign_load_with(conf_str(f, "campaign"), config_dir, p, &w->campaign);
	if (rc == 0) {
		w->now_ms = conf_int(f, "now");
		w->role = (enum reply_role)choice(f, "role", role_names, p);
		w->channel = (enum reply_channel)choice(f, "channel", channel_names, p);
		w->open = (enum reply_open)choice(f, "open", open_names, p);
		w->mentioned = conf_bool(f, "mentioned");
		read_senders(w, f, p);
		read_stored(w, f, p);
		if (p->n_errors > errors)
			rc = SW_ECONF;
	}
	conf_free(f);
	if (rc < 0) {
		parse_world_free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

void parse_world_free(struct parse_world *w)
{
	if (!w)
		return;
	campaign_free(w->campaign);
	free(w);
}

const struct campaign *parse_world_campaign(const struct parse_world *w)
{
	return w->campaign;
}

/* ---- a context ---- */

static void take_stored(const struct parse_world *w, struct reply_context *ctx)
{
	for (size_t i = 0; i < DEF_MAX_CATEGORIES; i++)
		ctx->stored[i] = -1;
	for (size_t i = 0; i < w->n_stored; i++) {
		if (w->stored[i].unit == ctx->unit)
			ctx->stored[w->stored[i].category] = w->stored[i].total;
	}
}

static void take_role(const struct parse_world *w, enum reply_role role, struct reply_context *ctx)
{
	ctx->role = role;
	ctx->unit = w->units[role];
	take_stored(w, ctx);
}

/* Reads the string KEY as one of NAMES; *RET is left alone when the key is absent. */
static int read_choice(
	const json_t *o, const char *key, const char *const *names, int *ret, struct sw_err *err)
{
	const json_t *v = json_object_get(o, key);
	int i;

	if (!v)
		return 0;
	if (json_is_null(v))
		i = index_of("", names);
	else
		i = json_is_string(v) ? index_of(json_string_value(v), names) : -1;
	if (i < 0)
		return err_set(err, SW_EINVAL, "context: %s is not one of the known words", key);
	*ret = i;
	return 0;
}

static int read_now(const json_t *v, int64_t *ret, struct sw_err *err)
{
	static const int64_t end_ms = INT64_C(7258118400000); /* 2200-01-01 */
	int64_t ms = -1;

	if (!v)
		return 0;
	if (json_is_integer(v))
		ms = json_integer_value(v);
	else if (!json_is_string(v) || civil_parse_time(json_string_value(v), &ms) < 0)
		ms = -1;
	if (ms < 0 || ms >= end_ms)
		return err_set(err, SW_EINVAL, "context: now is no time like \"2022-08-08T10:00\"");
	*ret = ms;
	return 0;
}

static int read_unit(
	const struct parse_world *w, const json_t *v, struct reply_context *ctx, struct sw_err *err)
{
	int unit = -1;

	if (!v)
		return 0;
	if (json_is_string(v))
		unit = find_unit(w->campaign, json_string_value(v));
	if (unit < 0 && !json_is_null(v))
		return err_set(err, SW_EINVAL, "context: there is no such unit");
	ctx->unit = unit;
	take_stored(w, ctx);
	return 0;
}

static int read_totals(
	const struct parse_world *w, json_t *v, struct reply_context *ctx, struct sw_err *err)
{
	const char *key;
	json_t *total;

	if (!v)
		return 0;
	if (!json_is_object(v))
		return err_set(err, SW_EINVAL, "context: stored is no object");
	json_object_foreach(v, key, total)
	{
		int category = find_category(w->campaign, key);
		json_int_t n = json_integer_value(total);

		if (category < 0 || !(json_is_integer(total) || json_is_null(total)) || n < 0 ||
			n > 9999)
			return err_set(err, SW_EINVAL,
				"context: stored must hold totals from 0 to 9999 by category");
		ctx->stored[category] = json_is_null(total) ? -1 : (int)n;
	}
	return 0;
}

static int apply(
	const struct parse_world *w, const json_t *o, struct reply_context *ctx, struct sw_err *err)
{
	int role = -1, channel = (int)ctx->channel, open = (int)ctx->open;
	const json_t *mentioned = json_object_get(o, "mentioned");

	if (!o)
		return 0;
	if (!json_is_object(o))
		return err_set(err, SW_EINVAL, "context: it is no JSON object");
	if (read_choice(o, "role", role_names, &role, err) < 0 ||
		read_choice(o, "chan", channel_names, &channel, err) < 0 ||
		read_choice(o, "open", open_names, &open, err) < 0)
		return SW_EINVAL;
	if (mentioned && !json_is_boolean(mentioned))
		return err_set(err, SW_EINVAL, "context: mentioned is neither true nor false");
	ctx->channel = channel == 0 ? REPLY_SMS : channel == 1 ? REPLY_SINGLE : REPLY_GROUP;
	ctx->open = (enum reply_open)open;
	if (mentioned)
		ctx->mentioned = json_is_true(mentioned);
	if (role >= 0)
		take_role(w, (enum reply_role)role, ctx);
	if (read_unit(w, json_object_get(o, "unit"), ctx, err) < 0 ||
		read_now(json_object_get(o, "now"), &ctx->now_ms, err) < 0)
		return SW_EINVAL;
	return read_totals(w, json_object_get(o, "stored"), ctx, err);
}

int parse_world_context(const struct parse_world *w, const json_t *base, const json_t *over,
	struct reply_context *ret, struct sw_err *err)
{
	struct reply_context own = {.now_ms = w->now_ms,
				     .channel = w->channel,
				     .mentioned = w->mentioned,
				     .open = w->open},
			     ctx;
	int rc;

	take_role(w, w->role, &own);
	ctx = own;
	rc = apply(w, base, &ctx, err);
	if (rc == 0)
		rc = apply(w, over, &ctx, err);
	*ret = rc == 0 ? ctx : own;
	return rc;
}
