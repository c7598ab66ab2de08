/* tests/sim/sms/receipt.c: a list of requests by due time, cut into pushes of 100. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/sim/sms/push.h"
#include "tests/sim/sms/receipt.h"

TAILQ_HEAD(sending_list, sending);

struct receipts {
	struct sim *sim;
	struct sending_list due; /* by due_ms */
	struct timer *timer;
	int64_t n_waiting, n_made, n_dropped;
};

/* A request whose answer waits for its receipts. */
struct early {
	unsigned waiting; /* pushes not yet tried */
	void (*done)(void *ctx);
	void *ctx;
};

struct item {
	struct sending *sending; /* held */
	size_t index;
	const char *code;
};

/* One push. */
struct batch {
	struct early *early; /* NULL: nobody waits, or it was told */
	int64_t at_ms;
	size_t n;
	struct item items[PUSH_ITEMS];
};

/* ---- the array -------------------------------------------------------------------------------- */

static const char *say(const char *code)
{
	static const struct {
		const char *code, *text;
	} texts[] = {
		{"DELIVERED", "用户接收成功"},
		{"UNDELIV", "短信未送达"},
		{"MOBILE_IN_BLACK", "手机号在黑名单"},
		{"MOBILE_NOT_ON_SERVICE", "停机、空号、暂停服务、关机、不在服务区"},
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strcmp(texts[i].code, code) == 0)
			return texts[i].text;
	return "发送失败";
}

static bool is_delivered(const char *code)
{
	return strcmp(code, "DELIVERED") == 0;
}

static json_t *report(const struct batch *b, const struct item *i)
{
	const struct sending *s = i->sending;
	char number[24], sent[32], reported[32];

	snprintf(number, sizeof(number), "%" PRIu64, s->numbers[i->index]);
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s}", "phone_number", number,
		"send_time", sim_time(s->at_ms, sent), "report_time", sim_time(b->at_ms, reported),
		"success", is_delivered(i->code), "err_code", i->code, "err_msg", say(i->code),
		"sms_size", s->parts, "biz_id", s->biz_id, "out_id", s->out_id);
}

static json_t *build(void *ctx)
{
	const struct batch *b = ctx;
	json_t *list = json_array();

	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(list, report(b, &b->items[i]));
	return list;
}

/* ---- batches ---------------------------------------------------------------------------------- */

static void batch_free(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++)
		sending_release(b->items[i].sending);
	free(b);
}

static void told(struct batch *b)
{
	struct early *e = b->early;

	b->early = NULL;
	if (!e || --e->waiting > 0)
		return;
	e->done(e->ctx);
	free(e);
}

static void on_ended(void *ctx, const struct push_result *r, bool last)
{
	struct batch *b = ctx;

	(void)r;
	told(b);
	if (last)
		batch_free(b);
}

/* Takes B. */
static int push_batch(struct receipts *r, struct batch *b, bool twice)
{
	const char *url = r->sim->settings.report_url;
	int rc = push_start(r->sim->pushes,
		&(struct push_opts){
			.url = url, .build = build, .ended = on_ended, .ctx = b, .twice = twice});

	if (rc == 0)
		return 0;
	LOG_WARN("receipts_dropped", "n=%zu err=%s", b->n, err_name(rc));
	r->n_dropped += (int64_t)b->n;
	batch_free(b);
	return rc;
}

/* The next recipient of S: what his phone shows, and, when it is to be told, one more item of B. */
static void settle_next(struct receipts *r, struct sending *s, struct batch *b)
{
	struct sim *sim = r->sim;
	size_t i = s->fault == SMS_RECEIPT_ORDER ? s->n - 1 - s->done : s->done;
	const struct phone *ph = phones_find(&sim->phones, s->numbers[i]);
	const char *code = phone_receipt_code(ph ? (enum phone_state)ph->state : PHONE_ON);

	s->done++;
	r->n_waiting--;
	if (!code)
		return;
	if (s->fault == SMS_RECEIPT_CODE)
		code = s->fault_code;
	phones_settle(&sim->phones, s->first_seq + (int64_t)i,
		is_delivered(code) ? SMS_DELIVERED : SMS_FAILED, code, sim_now_ms(sim));
	r->n_made++;
	if (*sim->settings.report_url && s->fault != SMS_RECEIPT_LOST)
		b->items[b->n++] =
			(struct item){.sending = sending_hold(s), .index = i, .code = code};
}

static struct sending *first_due(const struct receipts *r)
{
	struct sending *s = TAILQ_FIRST(&r->due);

	return s && s->due_ms <= sim_now_ms(r->sim) ? s : NULL;
}

/* One push of what is due. Receipts that go out twice do so alone. */
static void make_batch(struct receipts *r)
{
	struct batch *b = calloc(1, sizeof(*b));
	struct sending *s;
	bool twice = first_due(r)->fault == SMS_RECEIPT_TWICE;

	if (!b)
		return;
	b->at_ms = sim_now_ms(r->sim);
	while (b->n < PUSH_ITEMS && (s = first_due(r)) != NULL &&
		(s->fault == SMS_RECEIPT_TWICE) == twice) {
		settle_next(r, s, b);
		if (s->done == s->n) {
			TAILQ_REMOVE(&r->due, s, next);
			sending_release(s);
		}
	}
	if (b->n > 0)
		(void)push_batch(r, b, twice);
	else
		batch_free(b);
	sim_changed(r->sim);
}

/* ---- the list --------------------------------------------------------------------------------- */

void receipts_add(struct receipts *r, struct sending *sending)
{
	struct sending *before = TAILQ_LAST(&r->due, sending_list);

	while (before && before->due_ms > sending->due_ms)
		before = TAILQ_PREV(before, sending_list, next);
	sending_hold(sending);
	if (before)
		TAILQ_INSERT_AFTER(&r->due, before, sending, next);
	else
		TAILQ_INSERT_HEAD(&r->due, sending, next);
	r->n_waiting += (int64_t)sending->n;
	receipts_run(r);
}

int receipts_early(struct receipts *r, struct sending *sending, void (*done)(void *ctx), void *ctx)
{
	struct early *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	*e = (struct early){.waiting = 1, .done = done, .ctx = ctx};
	r->n_waiting += (int64_t)sending->n;
	while (sending->done < sending->n) {
		struct batch *b = calloc(1, sizeof(*b));

		if (!b)
			break;
		b->at_ms = sim_now_ms(r->sim);
		while (b->n < PUSH_ITEMS && sending->done < sending->n)
			settle_next(r, sending, b);
		if (b->n == 0) {
			batch_free(b);
		} else if (push_batch(r, b, false) == 0) {
			b->early = e;
			e->waiting++;
		}
	}
	if (--e->waiting == 0) {
		free(e);
		return SW_ENOENT;
	}
	receipts_soon(r);
	sim_changed(r->sim);
	return 0;
}

void receipts_soon(struct receipts *r)
{
	if (r->timer)
		timer_after(r->timer, 0);
	sim_report(r->sim);
}

int64_t receipts_next_ms(const struct receipts *r)
{
	const struct sending *s = TAILQ_FIRST(&r->due);
	int64_t push_ms = pushes_next_ms(r->sim->pushes);

	return s && s->due_ms < push_ms ? s->due_ms : push_ms;
}

void receipts_run(struct receipts *r)
{
	int64_t next;

	pushes_run(r->sim->pushes);
	while (first_due(r) && pushes_free_line(r->sim->pushes)) {
		make_batch(r);
		pushes_run(r->sim->pushes);
	}
	next = receipts_next_ms(r);
	/* What is due and has no line goes on when a push has ended. */
	if (r->timer && next != INT64_MAX && next > sim_now_ms(r->sim))
		timer_at(r->timer, next);
	sim_report(r->sim);
}

static void on_timer(void *ctx)
{
	receipts_run(ctx);
}

int receipts_create(struct sim *s, struct receipts **ret)
{
	struct receipts *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return -ENOMEM;
	r->sim = s;
	TAILQ_INIT(&r->due);
	rc = timer_new(s->loop, on_timer, r, &r->timer);
	if (rc < 0)
		free(r);
	else
		*ret = r;
	return rc;
}

void receipts_close(struct receipts *r)
{
	timer_destroy(r->timer);
	r->timer = NULL;
}

void receipts_free(struct receipts *r)
{
	struct sending *s;

	if (!r)
		return;
	while ((s = TAILQ_FIRST(&r->due)) != NULL) {
		TAILQ_REMOVE(&r->due, s, next);
		sending_release(s);
	}
	free(r);
}

json_t *receipts_json(const struct receipts *r)
{
	return json_pack("{s:I, s:I, s:I}", "waiting", (json_int_t)r->n_waiting, "made",
		(json_int_t)r->n_made, "dropped", (json_int_t)r->n_dropped);
}
