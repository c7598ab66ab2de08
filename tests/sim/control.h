/*
 * tests/sim/control.h: /control of a simulator: JSON in, JSON out, and server-sent events for pages.
 *
 * Each simulator brings a table of its requests. Common to all are
 *   GET  events      what control_tell() says, and "clock"
 *   POST clock {"now":..}   moves the clock, unless a broker shares it
 */
#ifndef SW_TESTS_SIM_CONTROL_H
#define SW_TESTS_SIM_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#include "core/io/http_server.h"
#include "tests/sim/feed.h"

struct control;

struct control_request {
	const char *path;                                /* "/control/state" */
	void (*get)(void *ctx, struct http_exchange *x); /* NULL: 405 */
	/* BODY, an object, is borrowed. */
	void (*post)(void *ctx, struct http_exchange *x, const json_t *body);
};

struct control_opts {
	struct loop *loop;
	struct clock *clock;
	const struct control_request *requests; /* borrowed */
	size_t n_requests;
	void *ctx;
	void (*on_time)(void *ctx); /* the clock was moved here */
};

/* OPTS is copied. */
int control_create(const struct control_opts *opts, struct control **ret) SW_MUST_CHECK;
void control_free(struct control *c);
/* Answers what begins with /control/; false: another path. */
bool control_handle(struct control *c, struct http_exchange *x);
/* From now on the clock is moved by others. */
void control_share_clock(struct control *c);

/* An event for all open pages; DATA is borrowed, NULL is nothing. */
void control_tell(struct control *c, const char *event, const json_t *data);
void control_tell_clock(struct control *c);

/* ---- for the requests ---------------------------------------------------------------------------- */

/* Takes ANSWER; NULL is 500. */
void control_answer(struct http_exchange *x, int status, json_t *answer);
/* {"error":TEXT} */
void control_answer_error(struct http_exchange *x, int status, const char *text);
/* A parameter of the query: a whole number from 0 to MAX, DEF when it is absent. */
int control_number(struct http_exchange *x, const char *name, int64_t max, int64_t def,
	int64_t *ret) SW_MUST_CHECK;
/* Answers ?since=N[&limit=]: an array of at most MAX. */
void control_answer_feed(struct http_exchange *x, const struct feed *f, size_t max);
/* "2022-06-20T09:40" or milliseconds */
bool control_time(const json_t *v, int64_t *ret_ms);
/* {"now","real_now","speed","rev","simulated"} */
json_t *control_clock_json(const struct clock *c);

#endif
