/*
 * tests/sim/front.c: the listener, the page's files, and the two ways to keep a caller waiting.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base/asset.h"
#include "core/base/log.h"
#include "core/io/timer.h"
#include "tests/sim/front.h"

extern const struct asset sim_assets[];
extern const size_t sim_assets_len;

enum { REOPEN_MS = 100, PAGES_AND_CALLERS = 256 };

/* An answer that waits for its time. */
struct later {
	LIST_ENTRY(later) next;
	struct http_exchange *x;
	struct timer *timer;
	int status;
	const char *type;
	char *body;
	size_t len;
};

struct front {
	struct front_opts opts;
	struct http_server *server; /* NULL while nobody listens */
	struct timer *reopen;
	uint16_t port;
	char base[96];
	LIST_HEAD(later_list, later) later;
};

/* ---- the page --------------------------------------------------------------------------------- */

/* The page shows texts from outside: nothing but its own files may run. */
static const char *const page_headers[] = {"Cache-Control", "no-cache", "X-Content-Type-Options",
	"nosniff", "Content-Security-Policy",
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src "
	"'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	NULL};

static void serve_asset(const struct front *f, struct http_exchange *x)
{
	const char *path = http_path(x);
	const char *name = strcmp(path, "/") == 0 ? f->opts.page : path + 1;

	if (strcmp(http_method(x), "GET") != 0 && strcmp(http_method(x), "HEAD") != 0) {
		http_respond(x, 405, NULL, "", 0, (const char *const[]){"Allow", "GET", NULL});
		return;
	}
	for (size_t i = 0; i < sim_assets_len; i++) {
		const struct asset *a = &sim_assets[i];

		if (strcmp(a->name, name) == 0) {
			http_respond(x, 200, a->type, a->data, a->len, page_headers);
			return;
		}
	}
	http_respond(x, 404, "text/plain", "not found\n", 10, NULL);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	struct front *f = ctx;

	if (!f->opts.handle(f->opts.ctx, x))
		serve_asset(f, x);
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static void later_free(struct later *l)
{
	LIST_REMOVE(l, next);
	timer_destroy(l->timer);
	free(l->body);
	free(l);
}

static void on_later(void *ctx)
{
	struct later *l = ctx;

	http_respond(l->x, l->status, l->type, l->body, l->len, NULL);
	later_free(l);
}

void front_respond_later(struct front *f, struct http_exchange *x, int64_t ms, int status,
	const char *type, const char *body, size_t len)
{
	struct later *l = calloc(1, sizeof(*l));

	if (!l || timer_new(f->opts.loop, on_later, l, &l->timer) < 0) {
		free(l);
		http_drop(x);
		return;
	}
	l->x = x;
	l->status = status;
	l->type = type;
	l->body = strdup(body);
	l->len = l->body ? len : 0;
	LIST_INSERT_HEAD(&f->later, l, next);
	timer_after(l->timer, ms);
}

/* ---- the listener ----------------------------------------------------------------------------- */

static int listen_again(struct front *f, struct sw_err *err)
{
	const struct http_server_opts opts = {
		.address = f->opts.address,
		.port = f->port,
		.max_per_ip = PAGES_AND_CALLERS,
		.max_body_bytes = 1 << 18,
	};

	return http_server_open(f->opts.loop, &opts, on_request, f, &f->server, err);
}

static void on_reopen(void *ctx)
{
	struct front *f = ctx;
	struct sw_err err;

	if (listen_again(f, &err) < 0) {
		LOG_WARN("listen_failed", "err=%s", err.text);
		timer_after(f->reopen, REOPEN_MS);
	}
}

void front_refuse(struct front *f, int64_t ms)
{
	http_server_close(f->server);
	f->server = NULL;
	timer_after(f->reopen, ms);
}

int front_open(const struct front_opts *opts, struct front **ret, struct sw_err *err)
{
	struct front *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		return err_set(err, -ENOMEM, "out of memory");
	f->opts = *opts;
	LIST_INIT(&f->later);
	f->port = opts->port;
	rc = timer_new(opts->loop, on_reopen, f, &f->reopen);
	if (rc == 0)
		rc = listen_again(f, err);
	if (rc < 0) {
		timer_destroy(f->reopen);
		free(f);
		return rc;
	}
	f->port = http_server_port(f->server);
	snprintf(f->base, sizeof(f->base), "http://%s:%u", opts->address, f->port);
	*ret = f;
	return 0;
}

void front_close(struct front *f)
{
	struct later *l;

	http_server_close(f->server);
	f->server = NULL;
	timer_destroy(f->reopen);
	f->reopen = NULL;
	while ((l = LIST_FIRST(&f->later)) != NULL) {
		http_drop(l->x);
		later_free(l);
	}
}

void front_free(struct front *f)
{
	free(f);
}

const char *front_base(const struct front *f)
{
	return f->base;
}
