/*
 * bot/ingress/board.h: the latest of each state topic, for whoever opens a page.
 *
 * The bot only shows what it gets: it adds whether broker and notifier are there, and takes no decision. Each change has a
 * number; who has read the whole board up to number N needs the changes above N only.
 */
#ifndef SW_BOT_INGRESS_BOARD_H
#define SW_BOT_INGRESS_BOARD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

enum {
	BOARD_TOPICS = 400,
	BOARD_TOPIC_BYTES = 65536, /* of one topic; a longer one is not taken */
	BOARD_EVENT_BYTES = BOARD_TOPIC_BYTES + 256,
	BOARD_STATE_BYTES = 8 * 1024 * 1024,
};

struct board;

int board_create(struct board **ret) SW_MUST_CHECK;
void board_destroy(struct board *b);
/*
 * TOPIC as received. 1: something changed, and EVENT (emptied first) holds it as one server-sent event; 0: nothing of ours, or no
 * change; SW_EPROTO: not a JSON object; SW_ELIMIT: too long, or one topic too many.
 */
int board_put(struct board *b, const char *topic, const char *payload, size_t len,
	struct buf *event) SW_MUST_CHECK;
void board_set_broker(struct board *b, bool is_up);
/* The service as the bot sees it, as an event of its own: also what tells a page that its connection lives. */
int board_service_event(const struct board *b, int64_t now_ms, struct buf *event) SW_MUST_CHECK;
/* Everything as one JSON object; NAME and ROLE of who asks. */
int board_state(const struct board *b, int64_t now_ms, const char *name, const char *role,
	struct buf *out) SW_MUST_CHECK;

#endif
