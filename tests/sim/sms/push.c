/* tests/sim/sms/push.c: one list of what goes to the bot, in order of the next try. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "tests/sim/sms/push.h"
#include "tests/sim/sms/receipt.h"

/* Minutes after each try that failed. */
static const int pauses[] = {1, 5, 10};

struct push {
	TAILQ_ENTRY(push) next;
	struct pushes *all;
	struct push_opts opts;
	struct push_result result;
	struct http_call *call; /* NULL: it waits */
	int64_t at_ms;
};

TAILQ_HEAD(push_list, push);

struct pushes {
	struct sim *sim;
	struct push_list waiting; /* by at_ms */
	struct push_list busy;
	size_t n_waiting, n_busy;
	int64_t n_pushed, n_tries, n_arrived, n_lost;
};

static void insert(struct pushes *p, struct push *u)
{
	struct push *before = TAILQ_LAST(&p->waiting, push_list);

	while (before && before->at_ms > u->at_ms)
		before = TAILQ_PREV(before, push_list, next);
	if (before)
		TAILQ_INSERT_AFTER(&p->waiting, before, u, next);
	else
		TAILQ_INSERT_HEAD(&p->waiting, u, next);
	p->n_waiting++;
}

static void finish(struct push *u)
{
	if (u->result.arrived)
		u->all->n_arrived++;
	else
		u->all->n_lost++;
	u->opts.ended(u->opts.ctx, &u->result, true);
	free(u);
}

/* A try has ended; U is in no list. */
static void judge(struct push *u, bool good)
{
	struct sim *s = u->all->sim;

	if (good && u->opts.twice && !s->closing) {
		u->opts.twice = false;
		u->result.arrived = true;
		u->at_ms = sim_now_ms(s);
		insert(u->all, u);
		return;
	}
	u->result.arrived |= good;
	if (u->result.arrived || s->closing || u->result.tries > (int)ARRAY_LEN(pauses)) {
		if (!u->result.arrived && !s->closing)
			LOG_WARN("push_lost", "tries=%d status=%d", u->result.tries,
				u->result.status);
		finish(u);
		return;
	}
	u->at_ms = sim_now_ms(s) + (int64_t)pauses[u->result.tries - 1] * 60000;
	insert(u->all, u);
	u->opts.ended(u->opts.ctx, &u->result, false);
}

static bool is_good(const struct http_result *res)
{
	json_t *answer;
	bool good;

	if (res->outcome != HTTP_ANSWERED || res->status != 200)
		return false;
	answer = json_loadb(res->body, res->body_len, 0, NULL);
	good = json_is_number(json_object_get(answer, "code"));
	json_decref(answer);
	return good;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct push *u = ctx;
	struct pushes *p = u->all;

	TAILQ_REMOVE(&p->busy, u, next);
	p->n_busy--;
	u->call = NULL;
	u->result.status = res->outcome == HTTP_ANSWERED ? res->status : 0;
	judge(u, is_good(res));
	if (!p->sim->closing)
		receipts_run(p->sim->receipts);
}

static int post(struct push *u)
{
	static const struct http_header type = {"Content-Type", "application/json;charset=UTF-8"};
	struct sim *s = u->all->sim;
	json_t *items = u->opts.build(u->opts.ctx);
	char *body = items ? json_dumps(items, JSON_COMPACT) : NULL;
	struct http_request req = {.method = "POST",
		.url = u->opts.url,
		.headers = &type,
		.n_headers = 1,
		.body = body,
		.body_len = body ? strlen(body) : 0,
		.total_timeout_ms = conf_int(s->settings.conf, "callback_timeout")};
	int rc;

	req.connect_timeout_ms = req.total_timeout_ms;
	rc = body ? http_client_start(s->client, &req, on_answer, u, &u->call) : -ENOMEM;
	json_decref(items);
	free(body);
	return rc;
}

static void try(struct push *u)
{
	struct pushes *p = u->all;

	u->result.tries++;
	p->n_tries++;
	if (post(u) < 0) {
		u->result.status = 0;
		judge(u, false);
		return;
	}
	TAILQ_INSERT_TAIL(&p->busy, u, next);
	p->n_busy++;
}

bool pushes_free_line(const struct pushes *p)
{
	return p->n_busy < PUSHES_BUSY && !p->sim->closing;
}

void pushes_run(struct pushes *p)
{
	struct push *u;

	while (pushes_free_line(p) && (u = TAILQ_FIRST(&p->waiting)) != NULL &&
		u->at_ms <= sim_now_ms(p->sim)) {
		TAILQ_REMOVE(&p->waiting, u, next);
		p->n_waiting--;
		try(u);
	}
}

int push_start(struct pushes *p, const struct push_opts *opts)
{
	struct push *u;

	if (p->n_waiting >= PUSHES_MAX || p->sim->closing)
		return SW_ELIMIT;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->all = p;
	u->opts = *opts;
	u->at_ms = sim_now_ms(p->sim);
	p->n_pushed++;
	insert(p, u);
	return 0;
}

size_t pushes_busy(const struct pushes *p)
{
	return p->n_busy;
}

int64_t pushes_next_ms(const struct pushes *p)
{
	const struct push *u = TAILQ_FIRST(&p->waiting);

	return u ? u->at_ms : INT64_MAX;
}

int pushes_create(struct sim *s, struct pushes **ret)
{
	struct pushes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->sim = s;
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->busy);
	*ret = p;
	return 0;
}

void pushes_close(struct pushes *p)
{
	struct push *u;

	while ((u = TAILQ_FIRST(&p->waiting)) != NULL) {
		TAILQ_REMOVE(&p->waiting, u, next);
		p->n_waiting--;
		finish(u);
	}
	TAILQ_FOREACH(u, &p->busy, next)
	http_call_cancel(u->call);
}

void pushes_free(struct pushes *p)
{
	free(p);
}

json_t *pushes_json(const struct pushes *p)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "pushed", (json_int_t)p->n_pushed,
		"tries", (json_int_t)p->n_tries, "arrived", (json_int_t)p->n_arrived, "lost",
		(json_int_t)p->n_lost, "waiting", (json_int_t)p->n_waiting, "busy",
		(json_int_t)p->n_busy);
}
