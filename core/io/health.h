/*
 * core/io/health.h: the second listener of a daemon: GET /healthz, /readyz, /metrics.
 *
 * /healthz is 200 while the loop turns; /readyz is 200 when every dependency is up, else 503, with JSON
 * {"redis":"up","mqtt":"away since .."} either way. Both daemons use the same code.
 */
#ifndef SW_CORE_IO_HEALTH_H
#define SW_CORE_IO_HEALTH_H

#include <stdbool.h>

#include "core/io/http_server.h"
#include "core/io/metrics.h"

struct health;

/* BEFORE_METRICS (may be NULL) runs before each /metrics so that gauges can be set. */
int health_open(struct loop *l, const char *address, uint16_t port, struct metrics *m,
	void (*before_metrics)(void *ctx), void *ctx, struct health **ret,
	struct sw_err *err) SW_MUST_CHECK;
/* Declares or updates a dependency; also the gauge shouwang_dependency_up{dep}. Logs each change once. */
void health_set(struct health *h, const char *dep, bool up);
bool health_ready(const struct health *h);
uint16_t health_port(const struct health *h);
void health_close(struct health *h);

#endif
