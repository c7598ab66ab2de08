/*
 * bot/ingress/sms_callback.h: receipts and messages from phones, as the SMS gateways push them.
 *
 * Gateways sign nothing: whoever knows the path is believed, so it carries a random token (/sms/<provider>/<token>/report
 * and /uplink), compared in constant time and never logged. The body is not looked into but for one thing: a JSON array
 * too long for one record is cut between its elements. Everything is durable before the 200.
 */
#ifndef SW_BOT_INGRESS_SMS_CALLBACK_H
#define SW_BOT_INGRESS_SMS_CALLBACK_H

#include "bot/ingress/limit.h"
#include "bot/spool.h"
#include "core/io/http_server.h"
#include "core/io/metrics.h"

enum {
	SMS_CALLBACK_MAX_BODY = 1 << 20,
	SMS_CALLBACK_CHUNK =
		40960, /* bytes of one record, so that its JSON stays below WIRE_MAX_BYTES */
	SMS_CALLBACK_MAX_CHUNKS = 64,
	SMS_CALLBACK_MAX_PROVIDERS = 8,
	SMS_TOKEN_MIN = 32, /* hex digits: 128 bits */
	SMS_TOKEN_MAX = 128,
};

struct sms_callbacks;

struct sms_callbacks_opts {
	struct loop *loop;
	struct spool *spool; /* borrowed, as all of these */
	struct limit *limit;
	struct metrics *metrics;
	void (*on_taken)(void *ctx); /* an event is being written to the spool */
	void *ctx;
};

int sms_callbacks_create(
	const struct sms_callbacks_opts *opts, struct sms_callbacks **ret) SW_MUST_CHECK;
/* No exchange may be waiting for the spool. */
void sms_callbacks_destroy(struct sms_callbacks *s);
/*
 * The token of PROVIDER ("aliyun", "kannel", ..): new, or in place of the former one, which stays good until UNTIL_MS
 * (wall time). SW_EINVAL: not 32 to 128 hex digits.
 */
int sms_callbacks_set_token(struct sms_callbacks *s, const char *provider, const char *token,
	int64_t until_ms) SW_MUST_CHECK;
/* Is PATH one of ours, with a good token? */
bool sms_callbacks_know(const struct sms_callbacks *s, const char *path);
/* For a path it knows. */
void sms_callbacks_handle(struct sms_callbacks *s, struct http_exchange *x);
/* From here on callbacks are answered 503: the gateway comes again. */
void sms_callbacks_stop(struct sms_callbacks *s);
size_t sms_callbacks_waiting(const struct sms_callbacks *s);

/*
 * Cuts the JSON array BODY into pieces of at most MAX bytes, between elements: STARTS[i], LENS[i] are what stands between the
 * brackets or commas. Returns how many pieces, 0 when it cannot be cut (no array, an element longer than MAX, more than
 * SMS_CALLBACK_MAX_CHUNKS).
 */
size_t sms_callback_cut(const char *body, size_t len, size_t max, size_t *starts, size_t *lens);

#endif
