/*
 * notifier/engine/control_judge.c: judges a broadcast: is it what was planned, may it go out, what does it cost.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/sms.h"
#include "core/base/text.h"
#include "notifier/campaign/release.h"
#include "notifier/engine/control_release.h"
#include "notifier/engine/gates.h"

enum { BITCOUNTS_AT_ONCE = 64 };

struct broadcast *control_broadcast_arg(struct control_call *call)
{
	const char *id = control_str(call, "id");
	struct broadcast *b = id ? broadcast_find(call->e, id) : NULL;

	if (!b)
		control_end(call, 1,
			"there is no such broadcast: `shouwang broadcast list` names them");
	return b;
}

const struct honour *release_honour(const struct engine *e, const char *item)
{
	int i = e->honours && item[0] ? honours_find(e->honours, item) : -1;

	return i < 0 ? NULL : &e->honours->items[i];
}

int64_t release_parts(const struct broadcast *b)
{
	return (int64_t)sms_billed(text_u16_units(b->text));
}

int64_t release_cost_fen(const struct broadcast *b)
{
	return (b->count * release_parts(b) * RELEASE_COST_FEN_X10 + 5) / 10;
}

int64_t release_count(const struct engine *e, const struct broadcast *b)
{
	const struct audience_info *a = audience_find(e, b->audience);
	uint16_t *segments = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*segments));
	size_t n = segments ? broadcast_segments(e, b, segments) : 0;
	int64_t count = 0;

	for (size_t i = 0; a && i < n; i++)
		count += a->parts[segments[i]].n;
	free(segments);
	return count;
}

/* Is one of the two areas inside the other? */
static bool areas_meet(const struct engine *e, const char *a, const char *b)
{
	return !a[0] || !b[0] || broadcast_area_covers(e, a, b) || broadcast_area_covers(e, b, a);
}

bool release_nothing_went_out(const struct broadcast *b)
{
	return b->state == BROADCAST_CANCELLED &&
	       (!b->started_ms ||
		       (b->sums_known && b->sums[NIBBLE_IN_FLIGHT] + b->sums[NIBBLE_ACCEPTED] +
							 b->sums[NIBBLE_DELIVERED] +
							 b->sums[NIBBLE_UNKNOWN] +
							 b->sums[NIBBLE_UNDELIVERED] ==
						 0));
}

/* Does O tell, or did it tell, the same as B to some of the same people? */
static bool tells_the_same(
	const struct engine *e, const struct broadcast *o, const struct broadcast *b)
{
	return strcmp(o->id, b->id) && !strcmp(o->item, b->item) &&
	       !strcmp(o->audience, b->audience) && areas_meet(e, o->area, b->area) &&
	       !release_nothing_went_out(o);
}

const struct broadcast *release_conflict(const struct engine *e, const struct broadcast *b)
{
	for (size_t i = 0; i < e->broadcasts->n; i++)
		if (tells_the_same(e, e->broadcasts->items[i], b))
			return e->broadcasts->items[i];
	return NULL;
}

/* The one of them that began before B does; NULL: none. */
static const struct broadcast *told_before(const struct engine *e, const struct broadcast *b)
{
	for (size_t i = 0; i < e->broadcasts->n; i++)
		if (e->broadcasts->items[i]->started_ms &&
			tells_the_same(e, e->broadcasts->items[i], b))
			return e->broadcasts->items[i];
	return NULL;
}

void release_texts(const struct honour *h, char ret[65])
{
	json_t *j = json_pack("[s, s, s]", h->text_group, h->text_screen, h->text_loud);
	char *s = j ? json_dumps(j, JSON_COMPACT) : NULL;

	/* Without memory it equals no other, and nothing can be released by it. */
	ret[0] = '\0';
	if (s)
		id_sha256_hex(s, strlen(s), ret);
	free(s);
	json_decref(j);
}

void release_seal(const struct engine *e, const struct broadcast *b, char ret[65])
{
	const struct audience_info *a = audience_find(e, b->audience);
	struct release r = {.template_id = b->template_id,
		.count = b->count,
		.segments = release_parts(b),
		.cost_fen = release_cost_fen(b)};

	memcpy(r.audience, a->digest, sizeof(r.audience));
	id_sha256_hex(b->text, strlen(b->text), r.text);
	release_digest(&r, ret);
}

bool release_unchanged(const struct engine *e, const struct broadcast *b, char ret[REFUSAL])
{
	const struct honour *h = release_honour(e, b->item);
	struct broadcast now = *b; /* its strings are borrowed */
	char digest[65], *text = NULL, *params = NULL;
	struct sw_err err = {0};

	ret[0] = '\0';
	if (!audience_find(e, b->audience))
		(void)snprintf(ret, REFUSAL, "audience %s is not there any more", b->audience);
	else if (b->item[0] && !h)
		(void)snprintf(ret, REFUSAL, "%s is not among the commended any more", b->item);
	else if (h && h->withdrawn)
		(void)snprintf(ret, REFUSAL, "%s was withdrawn", b->item);
	else if (!h && release_announcement(e, &text, &params, &err) < 0)
		(void)snprintf(ret, REFUSAL, "%s", err.text);
	if (ret[0])
		return false;
	now.text = h ? h->text_sms : text;
	now.params = h ? h->params : params;
	if (h)
		(void)snprintf(now.template_id, sizeof(now.template_id), "%s", h->template_id);
	now.count = release_count(e, b);
	release_seal(e, &now, digest);
	if (h)
		release_texts(h, now.texts);
	if (strcmp(digest, b->digest) || strcmp(now.params, b->params) ||
		strcmp(now.text, b->text) || strcmp(now.texts, b->texts))
		(void)snprintf(ret, REFUSAL,
			"what would be sent is not what was planned any more (texts, template, "
			"audience or count): plan it anew");
	free(text);
	free(params);
	return !ret[0];
}

int release_announcement(
	const struct engine *e, char **ret_text, char **ret_params, struct sw_err *err)
{
	const char *base =
		conf_is_set(e->conf, "http.public_url") ? conf_str(e->conf, "http.public_url") : "";
	struct template_var url = {.name = "url"};
	struct buf text, params;
	char address[300];
	int rc;

	if (!base[0])
		return err_set(err, SW_ECONF,
			"set http.public_url: the announcement names the page of the commended");
	(void)snprintf(address, sizeof(address), "%s/honour", base);
	url.value = address;
	buf_init(&text, 4096);
	buf_init(&params, 4096);
	rc = template_render(e->world.t, RELEASE_ANNOUNCEMENT, "sms", &url, 1, &text, err);
	if (rc == 0)
		rc = template_params(e->world.t, RELEASE_ANNOUNCEMENT, &url, 1, &params, err);
	if (rc == 0) {
		*ret_text = buf_take(&text);
		*ret_params = buf_take(&params);
	}
	buf_fini(&text);
	buf_fini(&params);
	return rc;
}

bool release_sendable(const struct engine *e, const char *template_id, char ret[REFUSAL])
{
	const char *name = e->gateways ? gateways_name(e->gateways, 0) : NULL;

	ret[0] = '\0';
	if (!name)
		(void)snprintf(ret, REFUSAL, "no SMS gateway is configured (sms.route)");
	else if (gateways_needs_template(e->gateways, name) && !template_id[0])
		(void)snprintf(ret, REFUSAL,
			"%s sends registered templates only, and the text fits none", name);
	else if (gateways_needs_template(e->gateways, name) &&
		 !template_code(e->world.t, template_id, name)[0])
		(void)snprintf(ret, REFUSAL, "template %s is not registered with %s (%s_code)",
			template_id, name, name);
	return !ret[0];
}

bool release_refused(const struct engine *e, const struct broadcast *b, char ret[REFUSAL])
{
	int64_t now = engine_now_ms(e), from = b->from_ms > now ? b->from_ms : now;
	const char *gate = gates_missing(e, b, now);
	const struct broadcast *told = b->started_ms ? NULL : told_before(e, b);
	int64_t next = release_window_next(e->world.c, from);

	if (!release_unchanged(e, b, ret))
		return true;
	if (b->state == BROADCAST_PLANNED)
		(void)snprintf(ret, REFUSAL, "it is not approved");
	else if (b->state == BROADCAST_APPROVED &&
		 (now - b->approved_ms > RELEASE_VALID_MS || now < b->approved_ms))
		(void)snprintf(
			ret, REFUSAL, "the approval is older than 24 hours: approve it again");
	else if (told)
		(void)snprintf(ret, REFUSAL,
			"%s has told it to some of these people: nobody is told twice", told->id);
	else if (gate)
		(void)snprintf(ret, REFUSAL, "gate %s is closed", gate);
	else if (!e->live && conf_bool(e->conf, "trial.enabled"))
		(void)snprintf(ret, REFUSAL,
			"the campaign is in trial mode: `shouwang campaign go-live` ends it");
	else if (next == INT64_MAX || next >= b->until_ms)
		(void)snprintf(ret, REFUSAL, "the window for publicity is over");
	else if (!release_sendable(e, b->template_id, ret))
		return true;
	return ret[0] != '\0';
}

/* ---- for people ---- */

/* The last instant something of B may be sent. */
static int64_t last_ms(const struct engine *e, const struct broadcast *b)
{
	const struct def_publicity *p = &e->world.c->publicity;
	int64_t end = p->end.year
			      ? civil_at_ms(p->end, p->to_minute < 20 * 60 ? p->to_minute : 20 * 60)
			      : 0;

	return end < b->until_ms ? end : b->until_ms;
}

/* What groups, screens and loudspeakers get beside the SMS. */
static void add_texts(const struct engine *e, const struct broadcast *b, json_t *j)
{
	const struct honour *h = release_honour(e, b->item);

	if (!j || !h)
		return;
	json_object_set_new(j, "text_group", json_string(h->text_group));
	json_object_set_new(j, "text_screen", json_string(h->text_screen));
	json_object_set_new(j, "text_loud", json_string(h->text_loud));
}

static void print_texts(struct control_call *call, const struct broadcast *b)
{
	const struct honour *h = release_honour(call->e, b->item);

	if (h && h->text_group[0])
		ctl_line(call->req, "  to groups: %s", h->text_group);
	if (h && h->text_screen[0])
		ctl_line(call->req, "  on screens: %s", h->text_screen);
	if (h && h->text_loud[0])
		ctl_line(call->req, "  by loudspeaker: %s", h->text_loud);
}

json_t *release_json(const struct engine *e, const struct broadcast *b, int64_t opted_out)
{
	int64_t now = engine_now_ms(e), from = b->from_ms > now ? b->from_ms : now;
	int64_t first = release_window_next(e->world.c, from);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", b->id, "state",
		broadcast_state_name(b->state), "item", b->item, "title", b->title, "audience",
		b->audience, "area", b->area, "text", b->text, "template", b->template_id, "digest",
		b->digest);
	json_t *more = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:I, s:I, s:I}", "units",
		(json_int_t)text_u16_units(b->text), "parts", (json_int_t)release_parts(b),
		"recipients", (json_int_t)b->count, "cost_fen", (json_int_t)release_cost_fen(b),
		"first", (json_int_t)(first == INT64_MAX ? 0 : first), "last",
		(json_int_t)last_ms(e, b), "planned_by", b->planned_by, "approved_by",
		b->approved_by, "planned", (json_int_t)b->planned_ms, "approved",
		(json_int_t)b->approved_ms, "started", (json_int_t)b->started_ms);

	if (j && more)
		(void)json_object_update(j, more);
	json_decref(more);
	add_texts(e, b, j);
	if (j && opted_out >= 0)
		json_object_set_new(
			j, "excluded", json_pack("{s:I}", "opted_out", (json_int_t)opted_out));
	return j;
}

void release_print(struct control_call *call, const struct broadcast *b, int64_t opted_out)
{
	int64_t now = engine_now_ms(call->e), from = b->from_ms > now ? b->from_ms : now;
	int64_t first = release_window_next(call->e->world.c, from), fen = release_cost_fen(b);
	char t1[40], t2[40], t3[40];

	ctl_line(call->req, "%s  %s  %s", b->id, broadcast_state_name(b->state), b->title);
	ctl_line(call->req, "  text: %s", b->text);
	print_texts(call, b);
	ctl_line(call->req, "  %zu units, %" PRId64 " parts%s%s", text_u16_units(b->text),
		release_parts(b), b->template_id[0] ? ", template " : "", b->template_id);
	ctl_line(call->req,
		"  audience %s%s%s: %" PRId64 " recipients, %" PRId64
		" of them have opted out so far",
		b->audience, b->area[0] ? ", area " : "", b->area, b->count, opted_out);
	ctl_line(call->req, "  cost at most %" PRId64 ".%02d yuan", fen / 100, (int)(fen % 100));
	ctl_line(call->req, "  from %s to %s",
		first == INT64_MAX ? "-" : civil_say_time(first, t1, sizeof(t1)),
		civil_say_time(last_ms(call->e, b), t2, sizeof(t2)));
	ctl_line(call->req, "  digest %s", b->digest);
	if (b->approved_by[0])
		ctl_line(call->req, "  planned by %s, approved by %s at %s", b->planned_by,
			b->approved_by, civil_say_time(b->approved_ms, t3, sizeof(t3)));
	else
		ctl_line(call->req, "  planned by %s", b->planned_by);
}

/* ---- opt-outs ---- */

struct opted_out {
	struct engine *e;
	char audience[AUDIENCE_ID];
	uint16_t *segments; /* owned */
	size_t n, asked, pending;
	int64_t sum;
	int rc;
	void (*done)(void *ctx, int rc, int64_t n);
	void *ctx;
};

static void opted_out_ask(struct opted_out *o);

static void on_bits(void *ctx, int rc, const struct redis_value *v)
{
	struct opted_out *o = ctx;

	if (store_failed(rc, v, "opted_out"))
		o->rc = SW_EAWAY;
	else
		o->sum += v->integer;
	o->pending--;
	opted_out_ask(o);
}

static void opted_out_free(struct opted_out *o)
{
	free(o->segments);
	free(o);
}

static int ask_next(struct opted_out *o)
{
	char key[STORE_KEY];
	int rc;

	audience_key(key, o->audience, o->segments[o->asked], "oo");
	rc = store_command(o->e->redis, on_bits, o, (const char *const[]){"BITCOUNT", key, NULL});
	if (rc == 0) {
		o->asked++;
		o->pending++;
	}
	return rc;
}

static void opted_out_ask(struct opted_out *o)
{
	while (o->rc == 0 && o->asked < o->n && o->pending < BITCOUNTS_AT_ONCE)
		o->rc = ask_next(o);
	if (o->pending)
		return;
	o->done(o->ctx, o->rc, o->sum);
	opted_out_free(o);
}

int release_count_opted_out(struct engine *e, const struct broadcast *b,
	void (*done)(void *ctx, int rc, int64_t n), void *ctx)
{
	struct opted_out *o = calloc(1, sizeof(*o));
	int rc = -ENOMEM;

	if (!o)
		return rc;
	*o = (struct opted_out){.e = e, .done = done, .ctx = ctx};
	memcpy(o->audience, b->audience, sizeof(o->audience));
	o->segments = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*o->segments));
	o->n = o->segments ? broadcast_segments(e, b, o->segments) : 0;
	if (o->segments)
		rc = o->n ? ask_next(o) : SW_ENOENT;
	if (rc < 0)
		opted_out_free(o);
	else
		opted_out_ask(o); /* one is on its way: it does not end here */
	return rc;
}
