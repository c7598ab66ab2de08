/*
 * notifier/engine/control_broadcast.c: looking at broadcasts: list, show, progress, failures, export. No operator needed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/engine/control_release.h"
#include "notifier/engine/gates.h"
#include "notifier/engine/publicity.h"

/* ---- list and progress ---- */

struct tale {
	int64_t planned, delivered, accepted, failed, unknown, opted_out, capped, waiting,
		cancelled, expired;
};

/* The sums as a person counts; what is under way is still waited for. They add up to what was planned. */
static struct tale tale_of(const struct broadcast *b)
{
	const int64_t *s = b->sums;
	struct tale t = {.planned = b->count,
		.delivered = s[NIBBLE_DELIVERED],
		.accepted = s[NIBBLE_ACCEPTED],
		.failed = s[NIBBLE_INVALID] + s[NIBBLE_REFUSED] + s[NIBBLE_EXHAUSTED] +
			  s[NIBBLE_UNDELIVERED],
		.unknown = s[NIBBLE_UNKNOWN],
		.opted_out = s[NIBBLE_OPTED_OUT],
		.capped = s[NIBBLE_CAPPED],
		.cancelled = s[NIBBLE_CANCELLED],
		.expired = s[NIBBLE_EXPIRED]};

	t.waiting = t.planned - t.delivered - t.accepted - t.failed - t.unknown - t.opted_out -
		    t.capped - t.cancelled - t.expired;
	return t;
}

static int percent_of(const struct tale *t)
{
	return t->planned ? (int)((t->planned - t->waiting) * 100 / t->planned) : 0;
}

json_t *release_progress_json(const struct broadcast *b)
{
	struct tale t = tale_of(b);

	return json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:i}",
		"id", b->id, "state", broadcast_state_name(b->state), "title", b->title, "counted",
		b->sums_known || !b->started_ms, "planned", (json_int_t)t.planned, "delivered",
		(json_int_t)t.delivered, "accepted", (json_int_t)t.accepted, "failed",
		(json_int_t)t.failed, "unknown", (json_int_t)t.unknown, "opted_out",
		(json_int_t)t.opted_out, "capped", (json_int_t)t.capped, "waiting",
		(json_int_t)t.waiting, "cancelled", (json_int_t)t.cancelled, "expired",
		(json_int_t)t.expired, "percent", percent_of(&t));
}

static void tale_line(struct control_call *call, const struct broadcast *b)
{
	struct tale t = tale_of(b);

	ctl_line(call->req,
		"%s  %s  %d%%  planned %" PRId64 " = delivered %" PRId64 " + accepted %" PRId64
		" + failed %" PRId64 " + unknown %" PRId64 " + opted out %" PRId64
		" + capped %" PRId64 " + waiting %" PRId64 " + cancelled %" PRId64
		" + expired %" PRId64 "  %s",
		b->id, broadcast_state_name(b->state), percent_of(&t), t.planned, t.delivered,
		t.accepted, t.failed, t.unknown, t.opted_out, t.capped, t.waiting, t.cancelled,
		t.expired, b->title);
}

void control_broadcast_progress(struct control_call *call)
{
	const struct broadcasts *l = call->e->broadcasts;
	const char *id = control_str(call, "id");

	if (id && !broadcast_find(call->e, id)) {
		(void)control_broadcast_arg(call);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (id && strcmp(l->items[i]->id, id))
			continue;
		if (call->json)
			ctl_data(call->req, release_progress_json(l->items[i]));
		else
			tale_line(call, l->items[i]);
	}
	control_end(call, 0, NULL);
}

void control_broadcast_list(struct control_call *call)
{
	const struct broadcasts *l = call->e->broadcasts;

	for (size_t i = 0; i < l->n; i++) {
		const struct broadcast *b = l->items[i];

		if (call->json)
			ctl_data(call->req, release_json(call->e, b, -1));
		else
			ctl_line(call->req, "%s  %s  %s  %s%s%s  %" PRId64 " recipients", b->id,
				broadcast_state_name(b->state), b->title, b->audience,
				b->area[0] ? "/" : "", b->area, b->count);
	}
	control_end(call, 0, NULL);
}

/* ---- failures ---- */

static bool is_failure(enum broadcast_nibble n)
{
	return n == NIBBLE_INVALID || n == NIBBLE_REFUSED || n == NIBBLE_EXHAUSTED ||
	       n == NIBBLE_UNDELIVERED || n == NIBBLE_UNKNOWN;
}

static void one_failure(void *ctx, unsigned segment, unsigned index, const char phone[16],
	enum broadcast_nibble n, const char *code)
{
	struct control_call *call = ctx;
	char masked[16];

	if (!is_failure(n) || ctl_gone(call->req))
		return;
	phone_mask(phone, masked);
	if (call->json)
		ctl_data(call->req, json_pack("{s:i, s:i, s:s, s:s, s:s}", "segment", (int)segment,
					    "index", (int)index, "number", masked, "outcome",
					    broadcast_nibble_name(n), "code", code ? code : ""));
	else
		ctl_line(call->req, "%s  %s  %s", masked, broadcast_nibble_name(n),
			code && code[0] ? code : "-");
}

static void plain_done(void *ctx, int rc)
{
	control_end(ctx, rc == 0 ? 0 : 69, rc == 0 ? NULL : "the store went away meanwhile");
}

void control_broadcast_failures(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);

	if (!b)
		return;
	if (!b->started_ms)
		control_end(call, 0, NULL);
	else if (broadcast_each(call->e, b, one_failure, control_full, plain_done, call) < 0)
		control_end(call, 69, "the store is away");
}

/* ---- show ---- */

enum { SAMPLES = 3, SAMPLE_AREAS = 256 };

struct show {
	struct control_call *call;
	struct broadcast *b;
	int64_t opted_out;
	json_t *samples;                 /* [{"area","numbers":[..]}] */
	uint16_t segments[SAMPLE_AREAS]; /* the first of each area */
	size_t n, asked;
	int rc;
};

static void show_sample(struct show *s);

static void show_rest(struct show *s)
{
	struct control_call *call = s->call;
	int64_t now = engine_now_ms(call->e);
	json_t *gates = gates_json(call->e, s->b, now), *g, *area, *number;
	size_t i, k;
	char why[REFUSAL] = "";
	bool refused = s->b->state <= BROADCAST_APPROVED || s->b->state == BROADCAST_PAUSED
			       ? release_refused(call->e, s->b, why)
			       : false;

	if (call->json) {
		json_t *j = release_json(call->e, s->b, s->opted_out);

		json_object_set(j, "samples", s->samples);
		json_object_set(j, "gates", gates);
		json_object_set_new(j, "missing", json_string(refused ? why : ""));
		ctl_data(call->req, j);
	} else {
		release_print(call, s->b, s->opted_out);
		json_array_foreach(s->samples, i, area)
		{
			json_array_foreach(json_object_get(area, "numbers"), k, number)
			{
				ctl_line(call->req, "  e.g. %s %s",
					json_string_value(json_object_get(area, "area")),
					json_string_value(number));
			}
		}
		json_array_foreach(gates, i, g)
		{
			ctl_line(call->req, "  gate %s: %s",
				json_string_value(json_object_get(g, "name")),
				json_is_true(json_object_get(g, "open")) ? "open" : "closed");
		}
		if (refused)
			ctl_line(call->req, "  missing: %s", why);
	}
	json_decref(gates);
}

static void show_end(struct show *s)
{
	struct control_call *call = s->call;

	if (s->rc == 0)
		show_rest(s);
	control_end(call, s->rc == 0 ? 0 : 69, s->rc == 0 ? NULL : "the store went away meanwhile");
	json_decref(s->samples);
	free(s);
}

static void on_sample(void *ctx, int rc, const struct redis_value *v)
{
	struct show *s = ctx;
	struct engine *e = s->call->e;
	const struct audience_info *a = audience_find(e, s->b->audience);
	uint16_t segment = s->segments[s->asked++];
	uint8_t packed[SAMPLES * AUDIENCE_NUMBER];
	json_t *numbers = json_array();

	if (store_failed(rc, v, "broadcast_sample") || !a || segment >= a->n_segments) {
		s->rc = SW_EAWAY;
	} else if (v->type == REDIS_STRING && v->len <= sizeof(packed)) {
		memcpy(packed, v->str, v->len);
		if (audience_crypt(&e->data_key, a->parts[segment].nonce, 0, packed, v->len) < 0)
			s->rc = SW_ECRYPTO;
		for (size_t i = 0; s->rc == 0 && i + AUDIENCE_NUMBER <= v->len;
			i += AUDIENCE_NUMBER) {
			char phone[16], masked[16];

			audience_unpack(&packed[i], phone);
			json_array_append_new(numbers, json_string(phone_mask(phone, masked)));
		}
		explicit_bzero(packed, sizeof(packed));
	}
	json_array_append_new(s->samples,
		json_pack("{s:s, s:o}", "area", s->rc == 0 && a ? a->parts[segment].area : "",
			"numbers", numbers));
	show_sample(s);
}

static void show_sample(struct show *s)
{
	char key[STORE_KEY];

	if (s->rc == 0 && s->asked < s->n) {
		char to[12];

		(void)snprintf(to, sizeof(to), "%d", SAMPLES * AUDIENCE_NUMBER - 1);
		audience_key(key, s->b->audience, s->segments[s->asked], "ph");
		s->rc = store_command(s->call->e->redis, on_sample, s,
			(const char *const[]){"GETRANGE", key, "0", to, NULL});
		if (s->rc == 0)
			return;
	}
	show_end(s);
}

static void on_opted_out(void *ctx, int rc, int64_t n)
{
	struct show *s = ctx;

	s->rc = rc;
	s->opted_out = n;
	show_sample(s);
}

/* The first segment of each area: segments are in order of areas. */
static void choose_samples(struct show *s)
{
	const struct audience_info *a = audience_find(s->call->e, s->b->audience);
	uint16_t *all = calloc(AUDIENCE_MAX_SEGMENTS, sizeof(*all));
	size_t n = all && a ? broadcast_segments(s->call->e, s->b, all) : 0;

	for (size_t i = 0; i < n && s->n < SAMPLE_AREAS; i++)
		if (i == 0 || strcmp(a->parts[all[i]].area, a->parts[all[i - 1]].area))
			s->segments[s->n++] = all[i];
	free(all);
}

void control_broadcast_show(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	struct show *s;
	int rc;

	if (!b)
		return;
	s = calloc(1, sizeof(*s));
	if (!s) {
		control_end(call, 70, "out of memory");
		return;
	}
	*s = (struct show){.call = call, .b = b, .samples = json_array()};
	choose_samples(s);
	rc = release_count_opted_out(call->e, b, on_opted_out, s);
	if (rc == SW_ENOENT) /* its audience is gone: the rest can be looked at */
		on_opted_out(s, 0, 0);
	else if (rc < 0)
		on_opted_out(s, rc, 0);
}
