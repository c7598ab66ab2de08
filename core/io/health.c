/*
 * core/io/health.c: what a supervisor, a probe and Prometheus ask a daemon.
 *
 * It has a listener of its own, so that the public one never shows numbers of the inside. The time of a
 * change is real time, also in a simulation: it is about the machine, not about the campaign.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/io/health.h"

#define METRICS_MAX_BYTES ((size_t)1 << 20)
#define DEPENDENCIES_MAX 32
#define NAME_MAX_BYTES 48

struct dependency {
	STAILQ_ENTRY(dependency) next;
	char name[NAME_MAX_BYTES];
	bool is_up;
	int64_t since_ms;
};

struct health {
	struct http_server *server;
	struct metrics *metrics; /* borrowed; may be NULL */
	void (*before_metrics)(void *ctx);
	void *ctx;
	unsigned n_dependencies;
	STAILQ_HEAD(dependency_list, dependency) dependencies;
};

static void answer_ready(const struct health *h, struct http_exchange *x)
{
	const struct dependency *d;
	json_t *root = json_object();
	char *text;

	STAILQ_FOREACH(d, &h->dependencies, next)
	{
		char when[40], state[64];

		(void)snprintf(state, sizeof(state), "away since %s",
			civil_format_ms(d->since_ms, when, sizeof(when)));
		(void)json_object_set_new(root, d->name, json_string(d->is_up ? "up" : state));
	}
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (text)
		http_respond(x, health_ready(h) ? 200 : 503, "application/json", text, strlen(text),
			NULL);
	else
		http_respond(x, 500, NULL, NULL, 0, NULL);
	free(text);
}

static void answer_metrics(struct health *h, struct http_exchange *x)
{
	struct buf out;

	buf_init(&out, METRICS_MAX_BYTES);
	if (h->before_metrics)
		h->before_metrics(h->ctx);
	if (h->metrics && metrics_render(h->metrics, &out) == 0)
		http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len,
			NULL);
	else
		http_respond(x, 500, NULL, NULL, 0, NULL);
	buf_fini(&out);
}

static void on_request(void *ctx, struct http_exchange *x)
{
	static const char *const allow[] = {"Allow", "GET, HEAD", NULL};
	struct health *h = ctx;
	const char *path = http_path(x);

	if (strcmp(http_method(x), "GET") != 0 && strcmp(http_method(x), "HEAD") != 0)
		http_respond(x, 405, NULL, NULL, 0, allow);
	else if (strcmp(path, "/healthz") == 0)
		http_respond(x, 200, "text/plain", "ok\n", 3, NULL);
	else if (strcmp(path, "/readyz") == 0)
		answer_ready(h, x);
	else if (strcmp(path, "/metrics") == 0)
		answer_metrics(h, x);
	else
		http_respond(x, 404, NULL, NULL, 0, NULL);
}

int health_open(struct loop *l, const char *address, uint16_t port, struct metrics *m,
	void (*before_metrics)(void *ctx), void *ctx, struct health **ret, struct sw_err *err)
{
	struct http_server_opts opts = {.address = address, .port = port, .max_body_bytes = 1024};
	struct health *h = calloc(1, sizeof(*h));
	int rc;

	if (!h)
		return err_set(err, -ENOMEM, "health: out of memory");
	h->metrics = m;
	h->before_metrics = before_metrics;
	h->ctx = ctx;
	STAILQ_INIT(&h->dependencies);
	if (m)
		metrics_help(m, "shouwang_dependency_up", "1 while the dependency answers.");
	rc = http_server_open(l, &opts, on_request, h, &h->server, err);
	if (rc < 0) {
		free(h);
		return rc;
	}
	*ret = h;
	return 0;
}

static struct dependency *find(const struct health *h, const char *name)
{
	struct dependency *d;

	STAILQ_FOREACH(d, &h->dependencies, next)
	{
		if (strcmp(d->name, name) == 0)
			return d;
	}
	return NULL;
}

static struct dependency *declare(struct health *h, const char *name)
{
	struct dependency *d;

	if (h->n_dependencies == DEPENDENCIES_MAX || strlen(name) >= NAME_MAX_BYTES)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	memcpy(d->name, name, strlen(name) + 1);
	d->since_ms = clock_real_ms();
	h->n_dependencies++;
	STAILQ_INSERT_TAIL(&h->dependencies, d, next);
	return d;
}

static void note_change(struct dependency *d, bool up)
{
	int64_t now = clock_real_ms();

	if (up)
		LOG_INFO("dependency_up", "dep=%s away_ms=%" PRId64, d->name, now - d->since_ms);
	else
		LOG_WARN("dependency_away", "dep=%s", d->name);
	d->since_ms = now;
	d->is_up = up;
}

void health_set(struct health *h, const char *dep, bool up)
{
	struct dependency *d = find(h, dep);
	char label[NAME_MAX_BYTES + 8];

	if (!d) {
		d = declare(h, dep);
		if (!d) {
			LOG_ERROR("dependency_not_watched", "dep=%s", dep);
			return;
		}
		d->is_up = up; /* how it begins is no change */
	} else if (d->is_up != up) {
		note_change(d, up);
	}
	(void)snprintf(label, sizeof(label), "dep=\"%s\"", d->name);
	if (h->metrics)
		metrics_set(h->metrics, "shouwang_dependency_up", label, up ? 1 : 0);
}

bool health_ready(const struct health *h)
{
	const struct dependency *d;

	STAILQ_FOREACH(d, &h->dependencies, next)
	{
		if (!d->is_up)
			return false;
	}
	return true;
}

uint16_t health_port(const struct health *h)
{
	return http_server_port(h->server);
}

void health_close(struct health *h)
{
	struct dependency *d;

	if (!h)
		return;
	http_server_close(h->server);
	while ((d = STAILQ_FIRST(&h->dependencies)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->dependencies, next);
		free(d);
	}
	free(h);
}
