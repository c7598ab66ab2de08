/*
 * notifier/export.c: reads the store without a lease: it only looks.
 */
#include <stdio.h>

#include "core/io/timer.h"
#include "notifier/engine/connect.h"
#include "notifier/engine/control.h"
#include "notifier/engine/each.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/scripts.h"
#include "notifier/export.h"

enum { CONNECT_MS = 10000 };

struct export
{
	struct engine e; /* without a lease: loop, redis, conf, definition and data key are used */
	struct clock clock;
	struct timer *limit;
	bool asked;
	int exit_code;
};

static void one(void *ctx, const struct message *m)
{
	struct export *x = ctx;
	json_t *j = control_export_json(&x->e, m);

	(void)json_dumpf(j, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(j);
}

static void done(void *ctx, int rc)
{
	struct export *x = ctx;

	x->exit_code = rc == 0 ? 0 : 75;
	loop_stop(x->e.loop);
}

static struct export *export_of(struct engine *e)
{
	return (struct export *)(void *)e; /* its first member */
}

static void one_row(void *ctx, json_t *row)
{
	(void)ctx;
	(void)json_dumpf(row, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(row);
}

static void messages_done(void *ctx, int rc)
{
	struct export *x = ctx;

	if (rc == 0)
		rc = broadcast_export(&x->e, one_row, NULL, done, x);
	if (rc < 0)
		done(x, rc);
}

static void broadcasts_loaded(struct engine *e, int rc)
{
	if (rc < 0)
		done(export_of(e), rc);
	else
		each_message(e, one, messages_done, export_of(e));
}

static void audiences_loaded(struct engine *e, int rc)
{
	if (rc < 0)
		done(export_of(e), rc);
	else
		broadcast_load(e, broadcasts_loaded);
}

static void on_ready(void *ctx)
{
	struct export *x = ctx;

	if (x->asked)
		return;
	x->asked = true;
	timer_stop(x->limit);
	audience_load(&x->e, audiences_loaded);
}

static void on_away(void *ctx, const char *why)
{
	struct export *x = ctx;

	(void)why;
	if (x->asked)
		done(x, SW_EAWAY); /* half an export is none */
}

static void on_limit(void *ctx)
{
	struct export *x = ctx;

	(void)fprintf(stderr, "shouwang-notifier: Redis does not answer\n");
	x->exit_code = 75;
	loop_stop(x->e.loop);
}

int export_run(struct conf *conf)
{
	static const struct redis_events events = {.on_ready = on_ready, .on_away = on_away};
	struct export x = {.e = {.conf = conf}, .exit_code = 70};
	struct sw_err err = {0};
	struct problems p;
	int rc;

	clock_init_real(&x.clock);
	problems_init(&p);
	rc = world_load(conf, &p, &x.e.world);
	if (rc < 0)
		problems_print(&p, stderr);
	problems_fini(&p);
	if (rc == 0)
		rc = loop_create(&x.clock, &x.e.loop);
	if (rc == 0)
		rc = seal_key_load(conf_str(conf, "keys.data_file"), &x.e.data_key, &err);
	if (rc == 0)
		rc = timer_new(x.e.loop, on_limit, &x, &x.limit);
	if (rc == 0)
		rc = connect_redis(&x.e, engine_scripts, engine_scripts_len, &events, &x, &err);
	if (rc < 0) {
		(void)fprintf(
			stderr, "shouwang-notifier: %s\n", err.text[0] ? err.text : err_name(rc));
	} else {
		timer_after(x.limit, CONNECT_MS);
		loop_run(x.e.loop);
	}
	timer_destroy(x.limit);
	if (x.e.redis)
		redis_close(x.e.redis, NULL, NULL);
	if (x.e.loop)
		loop_destroy(x.e.loop);
	broadcast_free(&x.e);
	audience_free(&x.e);
	world_fini(&x.e.world);
	conf_free(conf);
	return x.exit_code;
}
