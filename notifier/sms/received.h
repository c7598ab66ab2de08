/*
 * notifier/sms/received.h: what drivers share when they read what a gateway wrote: JSON within bounds, lists of receipts
 * and uplinks that grow to GATEWAY_MAX_ITEMS.
 */
#ifndef SW_SMS_RECEIVED_H
#define SW_SMS_RECEIVED_H

#include <jansson.h>

#include "notifier/sms/gateway.h"

enum { RECEIVED_MAX_DEPTH = 16 };

/* NULL: no JSON, a key twice in one object, or nested deeper than RECEIVED_MAX_DEPTH; ERR (may be NULL) says which. */
json_t *received_json(const char *body, size_t len, struct sw_err *err);
/* The member KEY as a string, "" when it is none. */
const char *received_str(const json_t *obj, const char *key);

struct receipts {
	struct gateway_receipt *items;
	size_t n, bad;
};
struct uplinks {
	struct gateway_uplink *items;
	size_t n, bad;
};
/* A new empty item at the end; NULL: out of memory. Beyond GATEWAY_MAX_ITEMS callers stop. */
struct gateway_receipt *received_receipt(struct receipts *l);
struct gateway_uplink *received_uplink(struct uplinks *l);
void received_uplinks_fini(struct uplinks *l);

/* Copies an id of ours echoed by a gateway: "" unless it is [A-Za-z0-9.-]{1,63}. */
void received_out_id(struct gateway_receipt *r, const char *out_id);
bool received_is_out_id(const char *s);
/*
 * Copies TEXT into SIZE bytes: one line, cut at a character and in front of digits, numbers of phones masked; what is no UTF-8
 * loses its high bytes.
 */
void received_line(char *dst, size_t size, const char *text);
/* The dedupe key of an uplink without an id of its own, or with one longer than we keep: a digest of what it says. */
void received_digest(struct gateway_uplink *u);

#endif
