/*
 * notifier/engine/engine.c: small things all parts of the engine need.
 */
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

void engine_fenced(struct engine *e)
{
	if (e->stopping)
		return;
	LOG_ERROR("lease_lost", "fence=%s", e->fence);
	e->leader = false;
	e->stopping = true;
	e->on_fatal(e->fatal_ctx, 75);
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
