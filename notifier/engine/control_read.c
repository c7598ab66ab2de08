/*
 * notifier/engine/control_read.c: what an operator may look at without being asked who he is.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/engine/control_release.h"
#include "notifier/engine/each.h"
#include "notifier/engine/simclock.h"
#include "notifier/engine/sms.h"

static const char *const states[] = {"queued", "handed_over", "trying", "accepted", "delivered",
	"undelivered", "no_receipt", "unknown", "parked", "dead", "cancelled", "expired",
	"suppressed"};

static size_t state_index(const char *st)
{
	size_t i = 0;

	while (i < ARRAY_LEN(states) && strcmp(states[i], st))
		i++;
	return i;
}

/* ---- status ---- */

struct status {
	struct control_call *call;
	size_t n[ARRAY_LEN(states) + 1];
};

static const char *say_time_or_dash(int64_t ms, char *buf, size_t size)
{
	if (!ms)
		return "-";
	return civil_say_time(ms, buf, size);
}

static void status_unit(struct control_call *call, int unit)
{
	const struct campaign *c = call->e->world.c;
	const struct unit_facts *f = &call->e->world.facts[unit];
	struct obligation o[OBLIGATION_MAX];
	size_t n = obligations_of(c, unit, f, engine_now_ms(call->e), o);
	char ack[32], report[32];
	struct buf b;

	buf_init(&b, 1024);
	for (size_t i = 0; i < n; i++)
		if (o[i].kind == OBLIGATION_QUOTA)
			buf_addf(&b, "  %s %d/%d-%d%s", c->categories[o[i].category].short_name,
				o[i].have, o[i].min, o[i].cap,
				o[i].need   ? " 缺"
				: o[i].over ? " 超"
					    : "");
		else if (o[i].kind == OBLIGATION_MATERIALS)
			buf_addf(&b, "  材料 %s", obligation_state_name(o[i].state));
	ctl_line(call->req, "%s %s  收到 %s%s  最近回复 %s", c->units->items[unit].code,
		c->units->items[unit].name, say_time_or_dash(f->ack_ms, ack, sizeof(ack)),
		buf_str(&b), say_time_or_dash(f->report_ms, report, sizeof(report)));
	buf_fini(&b);
}

static void status_one(void *ctx, const struct message *m)
{
	struct status *s = ctx;

	s->n[state_index(m->st)]++;
}

static json_t *status_json(struct status *s)
{
	struct engine *e = s->call->e;
	const struct campaign *c = e->world.c;
	json_t *messages = json_object(), *units = json_array(), *broadcasts = json_array();
	char text[40];

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		json_object_set_new(messages, states[i], json_integer((json_int_t)s->n[i]));
	for (size_t i = 0; i < c->units->n_reporting; i++) {
		int u = c->units->order[i];

		json_array_append_new(
			units, json_pack("{s:s, s:s, s:o}", "code", c->units->items[u].code, "name",
				       c->units->items[u].name, "facts",
				       facts_to_json(c, &e->world.facts[u])));
	}
	for (size_t i = 0; i < e->broadcasts->n; i++)
		json_array_append_new(broadcasts, release_progress_json(e->broadcasts->items[i]));
	return json_pack("{s:s, s:s, s:b, s:b, s:s, s:b, s:o, s:o, s:o}", "campaign", c->id, "now",
		civil_format_ms(engine_now_ms(e), text, sizeof(text)), "paused", e->paused,
		"stopped", e->stopped, "hold", e->hold, "live",
		e->live || !conf_bool(e->conf, "trial.enabled"), "messages", messages, "units",
		units, "broadcasts", broadcasts);
}

static void status_done(void *ctx, int rc)
{
	struct status *s = ctx;
	struct control_call *call = s->call;
	struct engine *e = call->e;
	const struct campaign *c = e->world.c;
	int phases[DEF_MAX_PHASES];
	size_t n;
	char text[40];

	if (rc < 0) {
		control_end(call, 69, "the store went away meanwhile");
		free(s);
		return;
	}
	if (call->json) {
		ctl_data(call->req, status_json(s));
		goto out;
	}
	ctl_line(call->req, "%s  %s", c->doc_no, c->title);
	n = campaign_phases_on(c, civil_of_ms(engine_now_ms(e)), phases);
	ctl_line(call->req, "%s%s%s%s%s  %s%s%s",
		civil_say_time(engine_now_ms(e), text, sizeof(text)), n ? "  " : "",
		n ? c->phases[phases[0]].name : "", n > 1 ? "、" : "",
		n > 1 ? c->phases[phases[1]].name : "",
		e->live || !conf_bool(e->conf, "trial.enabled") ? "live" : "trial",
		e->paused ? "  PAUSED" : "", e->hold[0] ? "  ON HOLD" : "");
	if (e->hold[0])
		ctl_line(call->req, "on hold: %s (look, then `shouwang resume`)", e->hold);
	for (size_t i = 0; i < c->units->n_reporting; i++)
		status_unit(call, c->units->order[i]);
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (s->n[i])
			ctl_line(call->req, "messages %s: %zu", states[i], s->n[i]);
	for (size_t i = 0; i < e->broadcasts->n; i++)
		ctl_line(call->req, "broadcast %s: %s  %s", e->broadcasts->items[i]->id,
			broadcast_state_name(e->broadcasts->items[i]->state),
			e->broadcasts->items[i]->title);
out:
	control_end(call, 0, NULL);
	free(s);
}

void control_status(struct control_call *call)
{
	struct status *s = calloc(1, sizeof(*s));

	if (!s) {
		control_end(call, 70, "out of memory");
		return;
	}
	s->call = call;
	each_message(call->e, status_one, status_done, s);
}

/* ---- one unit ---- */

struct unit_show {
	struct control_call *call;
	int unit;
	json_t *messages;
};

static void unit_one(void *ctx, const struct message *m)
{
	struct unit_show *s = ctx;
	char text[40];

	if (strcmp(m->unit, s->call->e->world.c->units->items[s->unit].code))
		return;
	if (s->call->json)
		json_array_append_new(
			s->messages, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "mid", m->mid,
					     "job", m->job, "channel", m->ch, "state", m->st, "at",
					     (json_int_t)m->nominal_ms, "text", m->text));
	else
		ctl_line(s->call->req, "%s  %s  %s  %s",
			civil_say_time(m->nominal_ms, text, sizeof(text)), m->ch, m->st, m->job);
}

static void unit_done(void *ctx, int rc)
{
	struct unit_show *s = ctx;
	struct control_call *call = s->call;
	const struct campaign *c = call->e->world.c;

	if (rc == 0 && call->json)
		ctl_data(call->req,
			json_pack("{s:s, s:s, s:o, s:O}", "code", c->units->items[s->unit].code,
				"name", c->units->items[s->unit].name, "facts",
				facts_to_json(c, &call->e->world.facts[s->unit]), "messages",
				s->messages));
	control_end(call, rc == 0 ? 0 : 69, rc == 0 ? NULL : "the store went away meanwhile");
	json_decref(s->messages);
	free(s);
}

void control_unit_show(struct control_call *call)
{
	const struct world *w = &call->e->world;
	int unit = control_unit(call);
	struct unit_show *s;

	if (unit < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (!s) {
		control_end(call, 70, "out of memory");
		return;
	}
	*s = (struct unit_show){.call = call, .unit = unit, .messages = json_array()};
	if (!call->json) {
		status_unit(call, unit);
		for (size_t i = 0; i < w->contacts.n; i++) {
			const struct contact *k = &w->contacts.items[i];

			if (k->unit == unit)
				ctl_line(call->req, "contact %s  %s  %s  %s  %s", k->id, k->name,
					k->department >= 0 ? w->c->departments[k->department].name
							   : "-",
					k->userid[0] ? k->userid : "-",
					k->has_mobile ? k->mobile_masked : "-");
		}
	}
	each_message(call->e, unit_one, unit_done, s);
}

/* ---- the operators' queue ---- */

static void on_queue(void *ctx, int rc, const struct redis_value *v)
{
	struct control_call *call = ctx;

	if (store_failed(rc, v, "queue")) {
		control_end(call, 69, "the store went away meanwhile");
		return;
	}
	for (size_t i = 0; v->type == REDIS_ARRAY && i + 1 < v->n; i += 2) {
		json_t *j = json_loadb(v->items[i + 1].str, v->items[i + 1].len, 0, NULL);
		char text[40];

		if (call->json && j) {
			ctl_data(call->req, j);
			continue;
		}
		ctl_line(call->req, "%s  %s  %s  %s  %s", v->items[i].str,
			civil_say_time(
				json_integer_value(json_object_get(j, "at")), text, sizeof(text)),
			json_string_value(json_object_get(j, "unit")),
			json_string_value(json_object_get(j, "by")),
			json_string_value(json_object_get(j, "text")));
		json_decref(j);
	}
	control_end(call, 0, NULL);
}

void control_queue(struct control_call *call)
{
	if (store_command(call->e->redis, on_queue, call,
		    (const char *const[]){"HGETALL", KEY_QUEUE, NULL}) < 0)
		control_end(call, 69, "the store is away");
}

/* ---- messages in a state ---- */

/* Asked for STATE, a person wants those that end alike, too: an unknown is parked for him, an SMS that failed is undelivered. */
static bool is_wanted(const char *state, const char *st)
{
	return !state || !strcmp(st, state) ||
	       (!strcmp(state, "unknown") && !strcmp(st, "parked")) ||
	       (!strcmp(state, "dead") && !strcmp(st, "undelivered"));
}

static void messages_one(void *ctx, const struct message *m)
{
	struct control_call *call = ctx;
	char text[40];

	if (!is_wanted(control_str(call, "state"), m->st))
		return;
	if (call->json)
		ctl_data(call->req,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "mid", m->mid, "job", m->job,
				"unit", m->unit, "channel", m->ch, "state", m->st, "why", m->why));
	else
		ctl_line(call->req, "%s  %s  %s  %s  %s  %s %s", m->mid,
			civil_say_time(m->nominal_ms, text, sizeof(text)), m->unit, m->ch, m->st,
			m->code, m->why);
}

static void plain_done(void *ctx, int rc)
{
	control_end(ctx, rc == 0 ? 0 : 69, rc == 0 ? NULL : "the store went away meanwhile");
}

void control_messages(struct control_call *call)
{
	each_message(call->e, messages_one, plain_done, call);
}

/* ---- export ---- */

static json_t *attempts_json(const struct message *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < m->n_attempts; i++) {
		char verdict[24] = "", class[16] = "", code[48] = "", gateway[16] = "";
		long long at = 0;
		json_t *j;

		(void)sscanf(m->attempts[i].text, "%lld %23s %15s %47s %15s", &at, verdict, class,
			code, gateway);
		j = json_pack("{s:i, s:I, s:s, s:s}", "n", m->attempts[i].n, "at", (json_int_t)at,
			"verdict", verdict, "code", strcmp(code, "-") ? code : "");
		if (gateway[0])
			json_object_set_new(j, "gateway", json_string(gateway));
		json_array_append_new(list, j);
	}
	return list;
}

json_t *control_export_json(const struct engine *e, const struct message *m)
{
	uint8_t mac[32];
	char recipient[65];

	/* Who it went to, as a keyed digest: the export can be compared without naming anybody. */
	id_hmac_sha256(e->data_key.bytes, sizeof(e->data_key.bytes), m->to, strlen(m->to), mac);
	id_hex(mac, sizeof(mac), recipient);
	recipient[32] = '\0';
	if (!strcmp(m->ch, "sms"))
		memcpy(recipient, m->rcp, sizeof(m->rcp)); /* of the number */
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:o}", "mid", m->mid, "job",
		m->job, "unit", m->unit, "channel", m->ch, "class", m->class, "recipient",
		recipient, "state", m->st, "due", (json_int_t)m->due_ms, "attempts",
		attempts_json(m));
}

static void export_one(void *ctx, const struct message *m)
{
	struct control_call *call = ctx;

	ctl_data(call->req, control_export_json(call->e, m));
}

static void export_row(void *ctx, json_t *row)
{
	struct control_call *call = ctx;

	ctl_data(call->req, row);
}

static void export_messages_done(void *ctx, int rc)
{
	struct control_call *call = ctx;

	if (rc == 0)
		rc = broadcast_export(call->e, export_row, control_full, plain_done, call);
	if (rc < 0)
		plain_done(call, rc);
}

void control_export(struct control_call *call)
{
	each_message(call->e, export_one, export_messages_done, call);
}

/* ---- recount ---- */

struct recount {
	struct control_call *call;
	size_t n[ARRAY_LEN(states) + 1], total;
	size_t wrong;
	size_t pending;
	int64_t cards[6]; /* mids, due, outbox, unknown, park, trying */
	int rc;
	bool again; /* the second count: the first may have seen things on their way */
};

static void recount_scanned(void *ctx, int rc);

/* What does not add up is said only by the second count. */
static void wrong(struct recount *r, const char *fmt, ...) SW_PRINTF(2, 3);
static void wrong(struct recount *r, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	r->wrong++;
	if (!r->again)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_line(r->call->req, "%s", text);
}

/* States only somebody's "accepted", or a receipt, leads to. */
static bool is_taken(const char *st)
{
	return !strcmp(st, "accepted") || !strcmp(st, "delivered") || !strcmp(st, "undelivered") ||
	       !strcmp(st, "no_receipt");
}

static void recount_one(void *ctx, const struct message *m)
{
	struct recount *r = ctx;
	size_t st = state_index(m->st);
	bool accepted = false;

	r->total++;
	r->n[st]++;
	for (size_t i = 0; i < m->n_attempts; i++)
		accepted = accepted || strstr(m->attempts[i].text, " accepted ");
	if (st == ARRAY_LEN(states) || (is_taken(m->st) && !accepted) ||
		(!strcmp(m->st, "dead") && accepted))
		wrong(r, "%s: state %s does not fit its attempts", m->mid, m->st);
}

/* Every recipient in exactly one state. */
static void recount_broadcast(void *ctx, const struct broadcast *b, int64_t planned)
{
	struct recount *r = ctx;
	int64_t sum = 0;

	for (int i = 0; i < NIBBLE_COUNT; i++) {
		sum += b->sums[i];
		if (b->sums[i])
			ctl_line(r->call->req, "%s %s %lld", b->id,
				broadcast_nibble_name((enum broadcast_nibble)i),
				(long long)b->sums[i]);
	}
	ctl_line(r->call->req, "%s planned %lld %s %lld = sum of the outcomes", b->id,
		(long long)planned, sum == planned ? "=" : "BUT", (long long)sum);
	r->wrong += sum != planned;
}

static void recount_broadcasts_done(void *ctx, int rc)
{
	struct recount *r = ctx;

	control_end(r->call,
		rc < 0     ? 69
		: r->wrong ? 1
			   : 0,
		rc < 0 ? "the store went away meanwhile" : NULL);
	free(r);
}

static void recount_end(struct recount *r)
{
	static const char *const sets[] = {
		NULL, "queued", "handed_over", "unknown", "parked", "trying"};
	struct control_call *call = r->call;

	if (--r->pending)
		return;
	if (r->rc < 0) {
		control_end(call, 69, "the store went away meanwhile");
		free(r);
		return;
	}
	if ((int64_t)r->total != r->cards[0])
		wrong(r, "planned %lld, but %zu records", (long long)r->cards[0], r->total);
	for (size_t i = 1; i < ARRAY_LEN(sets); i++)
		if ((int64_t)r->n[state_index(sets[i])] != r->cards[i])
			wrong(r, "state %s: %zu records, %lld in its index", sets[i],
				r->n[state_index(sets[i])], (long long)r->cards[i]);
	if (r->wrong && !r->again) {
		*r = (struct recount){.call = call, .again = true};
		each_message(call->e, recount_one, recount_scanned, r);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (r->n[i])
			ctl_line(call->req, "%s %zu", states[i], r->n[i]);
	ctl_line(call->req, "planned %zu = sum of the states%s", r->total,
		r->wrong ? ", BUT see above" : "");
	broadcast_recount_all(call->e, recount_broadcast, recount_broadcasts_done, r);
}

struct card {
	struct recount *r;
	size_t i;
};

static void on_card(void *ctx, int rc, const struct redis_value *v)
{
	struct card *k = ctx;
	struct recount *r = k->r;

	if (store_failed(rc, v, "recount"))
		r->rc = SW_EAWAY;
	else
		r->cards[k->i] = v->integer;
	free(k);
	recount_end(r);
}

static void recount_scanned(void *ctx, int rc)
{
	static const char *const keys[] = {
		KEY_MIDS, KEY_DUE, KEY_OUTBOX, KEY_UNKNOWN, KEY_PARK, KEY_TRYING};
	struct recount *r = ctx;

	r->rc = rc;
	r->pending = 1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct card *k = calloc(1, sizeof(*k));

		if (!k)
			continue;
		*k = (struct card){.r = r, .i = i};
		r->pending++;
		if (store_command(r->call->e->redis, on_card, k,
			    (const char *const[]){"ZCARD", keys[i], NULL}) < 0) {
			r->pending--;
			r->rc = SW_EAWAY;
			free(k);
		}
	}
	recount_end(r);
}

void control_recount(struct control_call *call)
{
	struct recount *r = calloc(1, sizeof(*r));

	if (!r) {
		control_end(call, 70, "out of memory");
		return;
	}
	r->call = call;
	each_message(call->e, recount_one, recount_scanned, r);
}
