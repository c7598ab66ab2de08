/*
 * bot/ingress/route.h: the public listener: an exact table of paths, and the answer to each callback.
 *
 * A path is compared as it was sent, byte for byte: nothing is decoded, joined or looked up in a file
 * system. What is not in the table is 404 with an empty body.
 */
#ifndef SW_BOT_INGRESS_ROUTE_H
#define SW_BOT_INGRESS_ROUTE_H

#include "bot/ingress/limit.h"
#include "bot/ingress/sms_callback.h"
#include "bot/ingress/wecom_callback.h"
#include "bot/spool.h"
#include "core/io/http_server.h"
#include "core/io/metrics.h"

struct route;

struct route_opts {
	struct loop *loop;
	struct spool *spool; /* borrowed, as all of these */
	struct limit *limit;
	struct metrics *metrics;
	void (*on_taken)(void *ctx); /* an event is being written to the spool */
	void *ctx;
	/* Who is logged in is no stranger: the limit is not for his pages. NULL: everybody is one. */
	bool (*knows)(void *ctx, const struct http_exchange *x);
	void *knows_ctx;
};

int route_create(const struct route_opts *opts, struct route **ret) SW_MUST_CHECK;
/* No exchange may be waiting for the spool. */
void route_destroy(struct route *r);
/* CB is borrowed. PATH "/wecom/app/<name>"; SW_EEXIST. */
int route_add_callback(struct route *r, const char *path, enum callback_kind kind,
	struct wecom_callback *cb) SW_MUST_CHECK;
/* A page: GET and HEAD go to HANDLER, other methods are 405. SW_EEXIST. */
int route_add_page(
	struct route *r, const char *path, http_handler handler, void *ctx) SW_MUST_CHECK;
/* The same for everybody: the limit of an address neither counts nor stops it. HANDLER must be cheap. SW_EEXIST. */
int route_add_public(
	struct route *r, const char *path, http_handler handler, void *ctx) SW_MUST_CHECK;
/* Everything under /sms/ goes to CB, borrowed. */
void route_set_sms(struct route *r, struct sms_callbacks *cb);
/* For http_server_opts: gateways that know the token may send longer bodies than anybody else. */
size_t route_max_body(void *ctx, const char *path);
/* A page that takes a form, too: GET, HEAD and POST go to HANDLER. SW_EEXIST. */
int route_add_form(
	struct route *r, const char *path, http_handler handler, void *ctx) SW_MUST_CHECK;
/* From here on callbacks are answered 503: the provider comes again. */
void route_stop(struct route *r);
/* Callbacks whose record is being written. */
size_t route_waiting(const struct route *r);
/* The http_handler of the listener; CTX is the route. */
void route_handle(void *ctx, struct http_exchange *x);

#endif
