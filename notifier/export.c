/*
 * notifier/export.c: reads the store without a lease: it only looks.
 */
#include <stdio.h>

#include "core/io/timer.h"
#include "notifier/engine/connect.h"
#include "notifier/engine/control.h"
#include "notifier/engine/each.h"
#include "notifier/engine/scripts.h"
#include "notifier/export.h"

enum { CONNECT_MS = 10000 };

struct export
{
	struct engine e; /* only loop, redis, conf and data key are used */
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

static void on_ready(void *ctx)
{
	struct export *x = ctx;

	if (x->asked)
		return;
	x->asked = true;
	each_message(&x->e, one, done, x);
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
	static const struct redis_events events = {.on_ready = on_ready};
	struct export x = {.e = {.conf = conf}, .exit_code = 70};
	struct sw_err err = {0};
	int rc;

	clock_init_real(&x.clock);
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
	conf_free(conf);
	return x.exit_code;
}
