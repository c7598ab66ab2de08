/*
 * notifier/engine/control_release.c: what two people do to release a broadcast: plan, approve, start, go on.
 *
 * What starts something is stored first and true in memory only then: nothing is sent on the strength of an answer that
 * never came. An answer that comes after another operator's change of the same broadcast changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/campaign/release.h"
#include "notifier/engine/control_release.h"
#include "notifier/engine/publicity.h"

/* ---- plan ---- */

struct plan_call {
	struct control_call *call;
	char audience[AUDIENCE_ID], area[UNIT_CODE];
	int64_t from_ms, until_ms;
	bool all;                 /* --all-items: what cannot be planned is named and left out */
	char (*items)[HONOUR_ID]; /* owned; "" is the announcement */
	size_t n, at, planned;
	size_t other;        /* of the list: is anybody in both? */
	struct broadcast *b; /* the new one, before it is stored; owned */
	int64_t opted_out;
};

static void plan_next(struct plan_call *p);

static void plan_end(struct plan_call *p, int exit_code, const char *error)
{
	struct control_call *call = p->call;

	call->e->broadcasts->planning = false;
	broadcast_destroy(p->b);
	free(p->items);
	free(p);
	control_end(call, exit_code, error);
}

/* The item at hand is refused: the end of a single plan, a line of a long one. */
static void plan_refuse(struct plan_call *p, const char *why)
{
	const char *item = p->items[p->at];

	broadcast_destroy(p->b);
	p->b = NULL;
	if (!p->all) {
		plan_end(p, 1, why);
		return;
	}
	if (p->call->json)
		ctl_data(p->call->req, json_pack("{s:s, s:s}", "item", item, "refused", why));
	else
		ctl_line(p->call->req, "%s: not planned: %s", item, why);
	p->at++;
	plan_next(p);
}

static void title_of(const struct engine *e, const struct honour *h, struct broadcast *b)
{
	const struct campaign *c = e->world.c;
	char full[256];
	size_t len;

	if (h)
		(void)snprintf(full, sizeof(full), "%s %s（%s）", c->units->items[h->unit].name,
			h->name, c->categories[h->category].short_name);
	else
		(void)snprintf(full, sizeof(full), "名单公布 %s", c->title);
	len = text_cut_bytes(full, strlen(full), sizeof(b->title) - 1);
	memcpy(b->title, full, len);
	b->title[len] = '\0';
}

static int fill_text(
	const struct engine *e, const struct honour *h, struct broadcast *b, char why[REFUSAL])
{
	struct sw_err err = {0};
	int rc = 0;

	if (!h) {
		(void)snprintf(b->template_id, sizeof(b->template_id), "%s", RELEASE_ANNOUNCEMENT);
		rc = release_announcement(e, &b->text, &b->params, &err);
		if (rc < 0)
			(void)snprintf(why, REFUSAL, "%s", err.text[0] ? err.text : err_name(rc));
		return rc;
	}
	(void)snprintf(b->template_id, sizeof(b->template_id), "%s", h->template_id);
	b->text = text_dup(h->text_sms);
	b->params = text_dup(h->params);
	release_texts(h, b->texts);
	return 0;
}

/* P->b becomes the broadcast of ITEM; false: WHY says why it cannot be planned. */
static bool make(struct plan_call *p, const char *item, char why[REFUSAL])
{
	const struct engine *e = p->call->e;
	const struct honour *h = release_honour(e, item);
	const struct broadcast *other;
	struct broadcast *b = calloc(1, sizeof(*b));
	int64_t next;

	p->b = b;
	p->other = 0;
	why[0] = '\0';
	if (!b || text_copy(b->item, sizeof(b->item), item) < 0 ||
		text_copy(b->audience, sizeof(b->audience), p->audience) < 0 ||
		text_copy(b->planned_by, sizeof(b->planned_by), p->call->as) < 0 ||
		text_copy(b->area, sizeof(b->area),
			p->all && h ? e->world.c->units->items[h->unit].code : p->area) < 0) {
		(void)snprintf(why, REFUSAL, "%s", err_name(b ? SW_ELIMIT : -ENOMEM));
		return false;
	}
	b->from_ms = p->from_ms;
	b->until_ms = p->until_ms;
	b->planned_ms = engine_now_ms(e);
	next = release_window_next(e->world.c, b->from_ms);
	if (item[0] && !h)
		(void)snprintf(why, REFUSAL, "%s is not among the commended", item);
	else if (h && h->withdrawn)
		(void)snprintf(why, REFUSAL, "%s was withdrawn", item);
	else if (next == INT64_MAX || next >= b->until_ms)
		(void)snprintf(why, REFUSAL, "the window for publicity is over by then");
	else if (fill_text(e, h, b, why) < 0)
		return false;
	if (why[0] || !release_sendable(e, b->template_id, why))
		return false;
	if (!b->text || !b->params) {
		(void)snprintf(why, REFUSAL, "%s", err_name(-ENOMEM));
		return false;
	}
	title_of(e, h, b);
	b->count = release_count(e, b);
	other = release_conflict(e, b);
	if (b->count == 0)
		(void)snprintf(why, REFUSAL, "nobody of audience %s is in that area", b->audience);
	else if (other)
		(void)snprintf(why, REFUSAL,
			"%s is planned to these people already: %s (%s); nobody is told twice",
			item[0] ? item : "the announcement", other->id,
			broadcast_state_name(other->state));
	else
		release_seal(e, b, b->digest);
	return !why[0];
}

static void on_added(void *ctx, int rc, struct broadcast *b)
{
	struct plan_call *p = ctx;
	struct control_call *call = p->call;

	p->b = NULL; /* the list has it, or it is gone */
	if (rc < 0) {
		plan_end(p, rc == SW_ELIMIT ? 1 : 69,
			rc == SW_ELIMIT ? "there are as many broadcasts as there can be"
					: "the store did not take it: look with `shouwang "
					  "broadcast list`");
		return;
	}
	LOG_INFO("broadcast_planned", "broadcast=%s item=%s audience=%s count=%" PRId64, b->id,
		b->item, b->audience, b->count);
	if (call->json)
		ctl_data(call->req, release_json(call->e, b, p->opted_out));
	else
		release_print(call, b, p->opted_out);
	p->planned++;
	p->at++;
	plan_next(p);
}

static void on_opted_out(void *ctx, int rc, int64_t n)
{
	struct plan_call *p = ctx;
	struct engine *e = p->call->e;
	char *audit;

	p->opted_out = n;
	if (rc < 0 || !engine_ready(e)) {
		plan_end(p, 69, "the store went away meanwhile");
		return;
	}
	audit = control_audit(
		p->call, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s}", "broadcast", "@", "item",
				 p->b->item, "audience", p->b->audience, "area", p->b->area,
				 "count", (json_int_t)p->b->count, "digest", p->b->digest));
	rc = broadcast_add(e, p->b, audit, on_added, p);
	free(audit);
	if (rc < 0)
		plan_end(p, 69, "the store is away");
}

static void meet_next(struct plan_call *p);

static void on_met(void *ctx, int rc, bool meet)
{
	struct plan_call *p = ctx;
	const struct broadcast *o = p->call->e->broadcasts->items[p->other];
	char why[REFUSAL];

	(void)snprintf(why, sizeof(why),
		"%s (%s) tells it to some of these people from audience %s: nobody is told twice; "
		"import an audience without them",
		o->id, broadcast_state_name(o->state), o->audience);
	p->other++;
	if (rc < 0)
		plan_end(p, 69, "the store went away meanwhile");
	else if (meet)
		plan_refuse(p, why);
	else
		meet_next(p);
}

/* The same may be told, or have been told, to another audience that holds some of these people, too. */
static void meet_next(struct plan_call *p)
{
	struct engine *e = p->call->e;
	const struct broadcast *b = p->b, *o;

	for (; p->other < e->broadcasts->n; p->other++) {
		o = e->broadcasts->items[p->other];
		if (strcmp(o->item, b->item) || !strcmp(o->audience, b->audience) ||
			release_nothing_went_out(o))
			continue;
		if (broadcast_meet(e, b->count < o->count ? b : o, b->count < o->count ? o : b,
			    on_met, p) < 0)
			plan_end(p, 69, "the store is away");
		return;
	}
	if (release_count_opted_out(e, b, on_opted_out, p) < 0)
		plan_end(p, 69, "the store is away");
}

static void plan_next(struct plan_call *p)
{
	char why[REFUSAL];

	if (p->at == p->n) {
		plan_end(p, p->planned ? 0 : 1, p->planned ? NULL : "nothing was planned");
		return;
	}
	if (!make(p, p->items[p->at], why))
		plan_refuse(p, why);
	else
		meet_next(p);
}

/* The items that are meant; false: ends nothing, WHY says what is wrong. */
static bool choose_items(struct plan_call *p, char why[REFUSAL])
{
	const struct engine *e = p->call->e;
	const char *item = control_str(p->call, "item");
	bool announce = json_is_true(json_object_get(p->call->args, "announce"));
	size_t max = p->all && e->honours ? e->honours->n : 1;

	p->items = calloc(max ? max : 1, sizeof(*p->items));
	if (!p->items || (!p->all && !announce && !item)) {
		(void)snprintf(why, REFUSAL, "give --item, --all-items or --announce");
		return false;
	}
	for (size_t i = 0; p->all && e->honours && i < e->honours->n; i++) {
		const struct honour *h = &e->honours->items[i];

		if (!h->withdrawn &&
			broadcast_area_covers(e, p->area, e->world.c->units->items[h->unit].code))
			memcpy(p->items[p->n++], h->id, sizeof(p->items[0]));
	}
	if (p->all && p->n == 0) {
		(void)snprintf(
			why, REFUSAL, "there is no commended in that area: import honours first");
		return false;
	}
	if (p->all)
		return true;
	p->n = 1;
	if (item && text_copy(p->items[0], sizeof(p->items[0]), item) < 0)
		(void)snprintf(why, REFUSAL, "%.40s is not among the commended", item);
	return !item || p->items[0][0];
}

static bool read_time(struct control_call *call, const char *name, int64_t *ret)
{
	const char *s = control_str(call, name);

	return !s || civil_parse_time(s, ret) == 0;
}

void control_broadcast_plan(struct control_call *call)
{
	struct engine *e = call->e;
	const char *audience = control_str(call, "audience"), *area = control_str(call, "area");
	int64_t now = engine_now_ms(e), end = release_until(e->world.c);
	struct plan_call *p;
	char why[REFUSAL] = "";

	if (e->broadcasts->planning) {
		control_end(call, 75, "somebody is planning at this moment: try again");
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		control_end(call, 70, "out of memory");
		return;
	}
	*p = (struct plan_call){.call = call, .from_ms = now, .until_ms = end};
	p->all = json_is_true(json_object_get(call->args, "all_items"));
	if (!audience || !audience_find(e, audience) ||
		text_copy(p->audience, sizeof(p->audience), audience) < 0)
		(void)snprintf(why, sizeof(why), "there is no such audience: import it first");
	else if (area && (units_find(e->world.c->units, area) < 0 ||
				 text_copy(p->area, sizeof(p->area), area) < 0))
		(void)snprintf(why, sizeof(why), "there is no such unit: give its six-digit code");
	else if (!read_time(call, "from", &p->from_ms) || !read_time(call, "until", &p->until_ms))
		(void)snprintf(why, sizeof(why), "write a time as 2022-10-08T09:00");
	else
		(void)choose_items(p, why);
	if (p->from_ms < now)
		p->from_ms = now;
	if (p->until_ms > end)
		p->until_ms = end;
	e->broadcasts->planning = true;
	if (why[0])
		plan_end(p, 1, why);
	else
		plan_next(p);
}

/* ---- a change that is true once it is stored ---- */

struct change {
	struct control_call *call;
	struct broadcast *b;
	struct broadcast next; /* as it is to stand; its strings are the other's */
	unsigned changes;
	int pending;
};

static struct change *change_new(struct control_call *call, struct broadcast *b)
{
	struct change *h = calloc(1, sizeof(*h));

	if (!h) {
		control_end(call, 70, "out of memory");
		return NULL;
	}
	b->changes++;
	*h = (struct change){.call = call, .b = b, .next = *b, .changes = b->changes};
	return h;
}

/* The change is stored: true from here on. False (and the call has ended): it is not, or somebody changed it meanwhile. */
static bool change_holds(struct change *h, int rc)
{
	struct control_call *call = h->call;

	if (rc == 0 && h->b->changes == h->changes)
		return true;
	control_end(call, rc < 0 ? 69 : 1,
		rc < 0 ? "the store did not take it: look with `shouwang broadcast show`"
		       : "another operator changed it meanwhile: look with `shouwang broadcast "
			 "show`");
	free(h);
	return false;
}

static void change_done(struct change *h)
{
	struct control_call *call = h->call;

	LOG_INFO("broadcast_state", "broadcast=%s state=%s as=%s", h->b->id,
		broadcast_state_name(h->b->state), call->as);
	state_publish_broadcast(call->e, h->b);
	if (call->json)
		ctl_data(call->req, release_json(call->e, h->b, -1));
	else
		ctl_line(call->req, "%s is %s", h->b->id, broadcast_state_name(h->b->state));
	free(h);
	control_end(call, 0, NULL);
}

static void refuse(struct control_call *call, const struct broadcast *b, const char *why)
{
	engine_audit(call->e, "broadcast_refused",
		json_pack("{s:s, s:s, s:s, s:s}", "op", call->name, "as", call->as, "broadcast",
			b->id, "why", why));
	control_end(call, 1, why);
}

/* ---- approve ---- */

static void on_approved(void *ctx, int rc)
{
	struct change *h = ctx;

	if (!change_holds(h, rc))
		return;
	h->b->state = h->next.state;
	memcpy(h->b->approved_by, h->next.approved_by, sizeof(h->b->approved_by));
	h->b->approved_ms = h->next.approved_ms;
	change_done(h);
}

/* What is wrong with an approval; NULL: nothing. */
static const char *not_to_approve(
	const struct control_call *call, const struct broadcast *b, char why[REFUSAL])
{
	const char *digest = control_str(call, "digest");

	if (b->state != BROADCAST_PLANNED && b->state != BROADCAST_APPROVED)
		return "it is past its approval";
	if (!strcmp(b->planned_by, call->as))
		return "whoever planned it cannot approve it: another operator must";
	if (!digest || strcmp(digest, b->digest))
		return "this is not its digest: look at it with `shouwang broadcast show`";
	if (control_int(call, "count", -1) != b->count)
		return "this is not its number of recipients: look at it with `shouwang broadcast "
		       "show`";
	if (!release_unchanged(call->e, b, why))
		return why;
	return NULL;
}

void control_broadcast_approve(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	char why[REFUSAL], *audit;
	const char *wrong;
	struct change *h;
	int rc;

	if (!b)
		return;
	wrong = not_to_approve(call, b, why);
	if (wrong) {
		refuse(call, b, wrong);
		return;
	}
	h = change_new(call, b);
	if (!h)
		return;
	h->next.state = BROADCAST_APPROVED;
	h->next.approved_ms = engine_now_ms(call->e);
	(void)snprintf(h->next.approved_by, sizeof(h->next.approved_by), "%s", call->as);
	audit = control_audit(call, json_pack("{s:s, s:s, s:I}", "broadcast", b->id, "digest",
					    b->digest, "count", (json_int_t)b->count));
	rc = broadcast_store(call->e, &h->next, audit, on_approved, h);
	free(audit);
	if (rc < 0) {
		free(h);
		control_end(call, 69, "the store is away");
	}
}

/* ---- start ---- */

static void on_started(void *ctx, int rc)
{
	struct change *h = ctx;
	struct engine *e = h->call->e;

	if (!change_holds(h, rc))
		return;
	h->b->state = BROADCAST_RUNNING;
	h->b->started_ms = h->next.started_ms;
	broadcast_kick(e);
	scheduler_kick(e);
	change_done(h);
}

static void on_prepared(void *ctx, int rc)
{
	struct change *h = ctx;
	struct control_call *call = h->call;
	struct engine *e = call->e;
	char why[REFUSAL], *audit;

	if (!change_holds(h, rc))
		return;
	/* Preparing many segments takes a while: everything is looked at once more. */
	if (!engine_ready(e) || release_refused(e, h->b, why)) {
		control_end(call, engine_ready(e) ? 1 : 69,
			engine_ready(e) ? why : "the store went away meanwhile");
		free(h);
		return;
	}
	h->next.state = BROADCAST_RUNNING;
	h->next.started_ms = engine_now_ms(e);
	audit = control_audit(
		call, json_pack("{s:s, s:s}", "broadcast", h->b->id, "digest", h->b->digest));
	rc = publicity_start(e, &h->next, release_honour(e, h->b->item), audit, on_started, h);
	free(audit);
	if (rc < 0) {
		control_end(call, rc == SW_ELIMIT ? 1 : 69,
			rc == SW_ELIMIT ? "there are too many items of publicity"
					: "the store is away");
		free(h);
	}
}

/* The call has ended when this is false. */
static bool may_go(struct control_call *call, const struct broadcast *b, enum broadcast_state from)
{
	char why[REFUSAL];

	if (b->state == from && !release_refused(call->e, b, why))
		return true;
	if (b->state != from && b->state != BROADCAST_PLANNED)
		(void)snprintf(why, sizeof(why), "it is %s", broadcast_state_name(b->state));
	else if (b->state != from)
		(void)snprintf(why, sizeof(why), "it is not approved");
	refuse(call, b, why);
	return false;
}

static void begin(struct control_call *call, struct broadcast *b)
{
	struct change *h;

	if (!may_go(call, b, BROADCAST_APPROVED))
		return;
	h = change_new(call, b);
	if (h && broadcast_prepare(call->e, b, on_prepared, h) < 0) {
		free(h);
		control_end(call, 69, "the store is away");
	}
}

/* Is whoever approved it still one who may? */
struct approval {
	struct control_call *call;
	struct broadcast *b;
	char path[CONTROL_PATH];
	char name[OPERATOR_NAME];
	bool stands;
};

static void approval_work(void *ctx)
{
	struct approval *a = ctx;
	struct operators o = {0};
	struct sw_err err = {0};

	if (operators_load(a->path, &o, &err) < 0)
		return;
	for (size_t i = 0; i < o.n; i++)
		a->stands = a->stands || (!strcmp(o.items[i].name, a->name) &&
						 !strcmp(o.items[i].role, "releaser"));
	operators_fini(&o);
}

static void approval_known(void *ctx)
{
	struct approval a = *(struct approval *)ctx;

	free(ctx);
	if (!engine_ready(a.call->e))
		control_end(a.call, 69, "the store went away meanwhile");
	else if (!a.stands || strcmp(a.b->approved_by, a.name))
		refuse(a.call, a.b,
			"whoever approved it may not release any more: approve it again");
	else
		begin(a.call, a.b);
}

void control_broadcast_start(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	struct approval *a;

	if (!b || !may_go(call, b, BROADCAST_APPROVED))
		return;
	a = calloc(1, sizeof(*a));
	if (a) {
		a->call = call;
		a->b = b;
		memcpy(a->name, b->approved_by, sizeof(a->name));
		control_operators_path(call->e, a->path);
		if (loop_work(call->e->loop, approval_work, approval_known, a) == 0)
			return;
	}
	free(a);
	control_end(call, 75, "busy: try again");
}

/* ---- go on after a pause ---- */

static void on_groups_resumed(void *ctx, int rc)
{
	struct change *h = ctx;

	if (rc < 0)
		ctl_line(h->call->req,
			"its messages to groups may still be parked: pause and resume it again");
	scheduler_kick(h->call->e);
	change_done(h);
}

static void on_resumed(void *ctx, int rc)
{
	struct change *h = ctx;

	if (!change_holds(h, rc))
		return;
	h->b->state = BROADCAST_RUNNING;
	gateways_resume(h->call->e->gateways); /* a person has looked */
	broadcast_kick(h->call->e);
	if (publicity_group_resume(h->call->e, h->b, on_groups_resumed, h) < 0)
		on_groups_resumed(h, SW_EAWAY);
}

void control_broadcast_resume(struct control_call *call)
{
	struct broadcast *b = control_broadcast_arg(call);
	struct change *h;
	char *audit;
	int rc;

	if (!b || !may_go(call, b, BROADCAST_PAUSED))
		return;
	h = change_new(call, b);
	if (!h)
		return;
	h->next.state = BROADCAST_RUNNING;
	audit = control_audit(call, json_pack("{s:s}", "broadcast", b->id));
	rc = broadcast_store(call->e, &h->next, audit, on_resumed, h);
	free(audit);
	if (rc < 0) {
		free(h);
		control_end(call, 69, "the store is away");
	}
}
