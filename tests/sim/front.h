/*
 * tests/sim/front.h: the one listener of a simulator: the provider's interface, /control and the page.
 */
#ifndef SW_TESTS_SIM_FRONT_H
#define SW_TESTS_SIM_FRONT_H

#include <stdbool.h>

#include "core/io/http_server.h"

struct front;

struct front_opts {
	struct loop *loop;
	const char *address; /* borrowed */
	uint16_t port;       /* 0: any free one */
	const char *page;    /* file of tests/sim/web behind "/" */
	/* Answers X now or later and says true; false: X is for a file of the page. */
	bool (*handle)(void *ctx, struct http_exchange *x);
	void *ctx;
};

/* OPTS is copied. */
int front_open(const struct front_opts *opts, struct front **ret, struct sw_err *err) SW_MUST_CHECK;
/* Open connections are lost. */
void front_close(struct front *f);
/* After the loop has ended. */
void front_free(struct front *f);

/* "http://127.0.0.1:PORT" */
const char *front_base(const struct front *f);
/* Answers with BODY (copied) after MS. */
void front_respond_later(struct front *f, struct http_exchange *x, int64_t ms, int status,
	const char *type, const char *body, size_t len);
/* Closes the listener and all connections for MS, then listens on the same port again. */
void front_refuse(struct front *f, int64_t ms);

#endif
