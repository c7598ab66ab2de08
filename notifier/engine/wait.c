/*
 * notifier/engine/wait.c: control messages to the bot that must be answered.
 *
 * `pause`, `cancel` and the like return only after the bot's answer, or say that it is unconfirmed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/wire/topic.h"
#include "notifier/engine/engine.h"

enum { WAIT_MS = 5000, WAIT_MAX = 64 };

struct wire_wait {
	struct wire_wait *next;
	struct engine *e;
	char id[40];
	struct timer *timer;
	void (*done)(void *ctx, const struct wire_control *a);
	void *ctx;
};

static void wait_end(struct wire_wait *w, const struct wire_control *answer)
{
	struct wire_wait **p = &w->e->waits;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
	timer_destroy(w->timer);
	w->done(w->ctx, answer);
	free(w);
}

static void on_timeout(void *ctx)
{
	wait_end(ctx, NULL);
}

int wait_control(struct engine *e, const struct wire_control *c,
	void (*done)(void *ctx, const struct wire_control *a), void *ctx)
{
	struct wire_control out = *c;
	struct wire_wait *w;
	size_t n = 0;
	char *json;
	int rc;

	for (w = e->waits; w; w = w->next)
		n++;
	if (n >= WAIT_MAX)
		return SW_ELIMIT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	id_random_hex(16, out.id);
	*w = (struct wire_wait){.next = e->waits, .e = e, .done = done, .ctx = ctx};
	memcpy(w->id, out.id, sizeof(w->id));
	rc = timer_new(e->loop, on_timeout, w, &w->timer);
	if (rc < 0) {
		free(w);
		return rc;
	}
	e->waits = w;
	timer_after(w->timer, WAIT_MS);
	json = wire_control_encode(&out, engine_now_ms(e), false);
	if (json && e->mqtt)
		(void)mqtt_publish(e->mqtt, TOPIC_CONTROL, json, strlen(json), false);
	free(json);
	return 0;
}

void wait_on_answer(struct engine *e, const char *payload, size_t len)
{
	struct wire_control a;
	struct sw_err err = {0};

	if (wire_control_decode(payload, len, &a, &err) < 0) {
		LOG_WARN("control_answer_unreadable", "err=%s", err.text);
		return;
	}
	for (struct wire_wait *w = e->waits; w; w = w->next)
		if (!strcmp(w->id, a.id)) {
			wait_end(w, &a);
			return;
		}
}

void wait_destroy(struct engine *e)
{
	while (e->waits)
		wait_end(e->waits, NULL);
}
