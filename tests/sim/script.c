/* tests/sim/script.c: a flat list; the earliest waiting line is the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/timer.h"
#include "tests/sim/script.h"

enum { LINES_MAX = 10000, AGAIN_MS = 120000, TIMES_MAX = 6, BUSY_RETRY_MS = 50 };

enum line_state { LINE_WAITING, LINE_SPOKEN, LINE_DONE, LINE_LOST, LINE_SKIPPED };

struct line {
	int64_t at_ms;
	enum line_state state;
	int times; /* typed so far */
	char *who, *where, *text;
};

struct script {
	struct script_opts opts;
	struct line *lines;
	size_t n;
	bool started; /* the time is known */
	bool closing;
	struct line *speaking;
	struct timer *timer; /* for a clock that runs */
	int64_t n_resent;
};

static void line_fini(struct line *l)
{
	free(l->who);
	free(l->where);
	free(l->text);
}

static struct line *next_line(const struct script *k)
{
	struct line *best = NULL;

	for (size_t i = 0; i < k->n; i++) {
		struct line *l = &k->lines[i];

		if (l->state == LINE_WAITING && (!best || l->at_ms < best->at_ms))
			best = l;
	}
	return best;
}

int64_t script_next_ms(const struct script *k)
{
	const struct line *l = next_line(k);

	return l && !k->closing ? l->at_ms : INT64_MAX;
}

bool script_idle(const struct script *k)
{
	return !k->speaking && (!k->started || script_next_ms(k) > clock_now_ms(k->opts.clock));
}

/* ---- speaking --------------------------------------------------------------------------------- */

void script_said(struct script *k, bool arrived)
{
	struct line *l = k->speaking;

	k->speaking = NULL;
	if (arrived) {
		l->state = LINE_DONE;
	} else if (l->times < TIMES_MAX) {
		l->state = LINE_WAITING;
		l->at_ms = clock_now_ms(k->opts.clock) + AGAIN_MS;
		k->n_resent++;
	} else {
		l->state = LINE_LOST;
		LOG_WARN("line_lost", "chat=%s times=%d", l->where, l->times);
	}
	script_run(k);
}

/* 0: it speaks. */
static int speak(struct script *k, struct line *l)
{
	int rc;

	k->speaking = l;
	rc = k->opts.say(k->opts.ctx, l->who, l->where, l->text);
	if (rc == 0) {
		l->state = LINE_SPOKEN;
		l->times++;
		return 0;
	}
	k->speaking = NULL;
	if (rc != SW_ELIMIT) {
		l->state = LINE_LOST;
		LOG_WARN("line_refused", "chat=%s err=%s", l->where, err_name(rc));
	}
	return rc;
}

void script_run(struct script *k)
{
	int64_t now = clock_now_ms(k->opts.clock);
	struct line *l;

	if (k->speaking || k->closing)
		return;
	if (!k->started) {
		k->started = true;
		for (size_t i = 0; i < k->n; i++)
			if (k->lines[i].at_ms < now)
				k->lines[i].state = LINE_SKIPPED;
	}
	while ((l = next_line(k)) != NULL && l->at_ms <= now) {
		int rc = speak(k, l);

		if (rc == 0)
			return;
		if (rc == SW_ELIMIT) {
			timer_after(k->timer, BUSY_RETRY_MS);
			return;
		}
	}
	if (l)
		timer_at(k->timer, l->at_ms);
	k->opts.rested(k->opts.ctx);
}

static void on_timer(void *ctx)
{
	script_run(ctx);
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* The one that speaks is found again by its place. */
int script_reserve(struct script *k, size_t more)
{
	size_t speaking = k->speaking ? (size_t)(k->speaking - k->lines) : 0;
	struct line *lines;

	if (k->n + more > LINES_MAX)
		return SW_ELIMIT;
	lines = realloc(k->lines, (k->n + more + 1) * sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	if (k->speaking)
		k->speaking = &lines[speaking];
	k->lines = lines;
	return 0;
}

int script_add(
	struct script *k, int64_t at_ms, const char *who, const char *where, const char *text)
{
	struct line l = {.at_ms = at_ms};

	l.who = text_dup(who);
	l.where = text_dup(where);
	l.text = text_dup(text);
	if (!l.who || !l.where || !l.text) {
		line_fini(&l);
		return -ENOMEM;
	}
	k->lines[k->n++] = l;
	return 0;
}

bool script_started(const struct script *k)
{
	return k->started;
}

/* ---- life ------------------------------------------------------------------------------------- */

int script_create(const struct script_opts *opts, struct script **ret)
{
	struct script *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ENOMEM;
	k->opts = *opts;
	rc = timer_new(opts->loop, on_timer, k, &k->timer);
	if (rc < 0) {
		free(k);
		return rc;
	}
	*ret = k;
	return 0;
}

void script_close(struct script *k)
{
	k->closing = true;
	timer_destroy(k->timer);
	k->timer = NULL;
}

void script_free(struct script *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < k->n; i++)
		line_fini(&k->lines[i]);
	free(k->lines);
	free(k);
}

json_t *script_json(const struct script *k)
{
	json_int_t count[LINE_SKIPPED + 1] = {0};

	for (size_t i = 0; i < k->n; i++)
		count[k->lines[i].state]++;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)k->n, "done",
		count[LINE_DONE], "skipped", count[LINE_SKIPPED], "lost", count[LINE_LOST],
		"resent", (json_int_t)k->n_resent, "next_ms", (json_int_t)script_next_ms(k));
}
