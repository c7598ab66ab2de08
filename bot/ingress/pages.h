/*
 * bot/ingress/pages.h: the dashboard: login, what it shows, and the live stream of changes.
 *
 * Read-only: nothing here can change a campaign. Without a session there is a login form and nothing else.
 */
#ifndef SW_BOT_INGRESS_PAGES_H
#define SW_BOT_INGRESS_PAGES_H

#include "bot/ingress/route.h"

enum { PAGES_MAX_STREAMS = 64, PAGES_STREAMS_OF_ONE = 8 };

struct pages;

struct pages_opts {
	struct loop *loop; /* borrowed, as METRICS */
	struct metrics *metrics;
	const char *operators_file; /* copied */
	bool tls_in_front;          /* a proxy speaks HTTPS for us */
};

int pages_create(const struct pages_opts *opts, struct pages **ret) SW_MUST_CHECK;
/* Adds the paths to R. */
int pages_add(struct pages *p, struct route *r) SW_MUST_CHECK;
/* A topic as received (state/.., status/notifier/..); the broker came or went. */
void pages_on_message(struct pages *p, const char *topic, const void *payload, size_t len);
void pages_on_broker(struct pages *p, bool is_up);
/* Does the request come from somebody who is logged in? Then the limit for strangers is not for him. */
bool pages_knows(void *ctx, const struct http_exchange *x);
/* No more timers and logins; accepts NULL. Before the loop is destroyed. */
void pages_stop(struct pages *p);
/* After loop_destroy(); accepts NULL. */
void pages_destroy(struct pages *p);

#endif
