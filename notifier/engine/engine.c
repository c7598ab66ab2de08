/*
 * notifier/engine/engine.c: small things all parts of the engine need.
 */
#include <stdlib.h>

#include "core/base/log.h"
#include "notifier/engine/engine.h"

int64_t engine_now_ms(const struct engine *e)
{
	return loop_now_ms(e->loop);
}

bool engine_simulated(const struct engine *e)
{
	return loop_clock(e->loop)->simulated;
}

bool engine_ready(const struct engine *e)
{
	return e->leader && e->loaded && !e->stopping && redis_ready(e->redis);
}

bool engine_has_lease(const struct engine *e)
{
	return e->leader && clock_mono_ms() < e->lease_until_ms;
}

bool engine_may_send(const struct engine *e)
{
	return engine_has_lease(e) && !e->stopping && !e->paused && !e->hold[0];
}

bool engine_idle(const struct engine *e)
{
	/* A command that reloads is itself in progress. */
	return scheduler_quiet(e) && inbound_idle(e) && e->calls <= 1 && (e->loaded || !e->leader);
}

void engine_fatal(struct engine *e, const char *why, int exit_code)
{
	if (e->stopping)
		return;
	LOG_ERROR("fatal", "why=%s fence=%s", why, e->fence);
	e->leader = false;
	e->stopping = true;
	e->on_fatal(e->fatal_ctx, exit_code);
}

void engine_fenced(struct engine *e)
{
	engine_fatal(e, "lease_lost", 75);
}

static void on_audit_added(void *ctx, int rc, const struct redis_value *v)
{
	(void)ctx;
	(void)store_failed(rc, v, "audit_add");
}

void engine_audit(struct engine *e, const char *ev, json_t *detail)
{
	char *json = engine_audit_json(e, ev, detail);

	if (json && store_command(e->redis, on_audit_added, e,
			    (const char *const[]){"XADD", KEY_AUDIT, "*", "j", json, NULL}) < 0)
		LOG_WARN("audit_record_lost", "op=%s", ev);
	free(json);
	audit_kick(e);
}

char *engine_audit_json(struct engine *e, const char *ev, json_t *detail)
{
	json_t *j = json_pack("{s:I, s:s}", "at", (json_int_t)engine_now_ms(e), "ev", ev);
	char *s = NULL;

	if (j && detail && json_object_update_missing(j, detail) == 0)
		s = json_dumps(j, JSON_COMPACT);
	if (!s)
		LOG_ERROR("audit_record_not_made", "op=%s", ev);
	json_decref(detail);
	json_decref(j);
	return s;
}
