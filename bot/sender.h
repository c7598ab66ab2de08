/*
 * bot/sender.h: what the queue of a destination needs from the channel that sends for it.
 */
#ifndef SW_BOT_SENDER_H
#define SW_BOT_SENDER_H

#include <stdbool.h>

#include "core/wire/message.h"

struct send_request {
	const struct wire_out *msg; /* lives until DONE has run */
	/* Asked just before the first byte of the message leaves; false: it must not any more. */
	bool (*may_send)(void *ctx);
	/* V: verdict, class, code, text, retry_after_ms are set. */
	void (*done)(void *ctx, const struct wire_verdict *v);
	void *ctx;
};

struct sender {
	/* Judges without asking anybody: SW_EINVAL when MSG can never be sent this way, V then says why. */
	int (*check)(void *ctx, const struct wire_out *msg, struct wire_verdict *v);
	/* Returned 0: DONE runs exactly once, on a later turn. Negative: nothing was started. */
	int (*send)(void *ctx, const struct send_request *req);
	void *ctx;
};

#endif
