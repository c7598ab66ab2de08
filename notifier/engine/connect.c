/*
 * notifier/engine/connect.c: opens the client of Redis from settings.
 */
#include "core/base/file.h"
#include "notifier/engine/connect.h"

enum { MAX_PENDING = 4000 };

int connect_redis(struct engine *e, const struct redis_script *scripts, size_t n,
	const struct redis_events *events, void *ctx, struct sw_err *err)
{
	const struct conf *c = e->conf;
	struct redis_opts opts = {.host = conf_str(c, "redis.host"),
		.port = (uint16_t)conf_int(c, "redis.port"),
		.max_pending = MAX_PENDING};
	struct buf password;
	int rc = 0;

	buf_init(&password, 4096);
	if (conf_str(c, "redis.socket")[0])
		opts.socket = conf_str(c, "redis.socket");
	if (conf_str(c, "redis.user")[0]) {
		rc = file_read_secret(conf_str(c, "redis.password_file"), &password, err);
		opts.user = conf_str(c, "redis.user");
		opts.password = buf_str(&password);
	}
	if (rc == 0)
		rc = redis_open(e->loop, &opts, scripts, n, events, ctx, &e->redis);
	buf_fini(&password);
	return rc;
}
