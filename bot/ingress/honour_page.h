/*
 * bot/ingress/honour_page.h: the public page of the commended, /honour, and what it shows, /api/v1/honours.
 *
 * No login, and nothing but the one topic state/honours: whether a name may be read there is decided by the notifier.
 */
#ifndef SW_BOT_INGRESS_HONOUR_PAGE_H
#define SW_BOT_INGRESS_HONOUR_PAGE_H

#include "bot/ingress/route.h"

enum { HONOUR_PAGE_BYTES = 262144 }; /* of the topic; a longer one is not shown */

struct honour_page;

int honour_page_create(struct honour_page **ret) SW_MUST_CHECK;
void honour_page_destroy(struct honour_page *h); /* accepts NULL */
/* Adds the paths to R. */
int honour_page_add(struct honour_page *h, struct route *r) SW_MUST_CHECK;
/* TOPIC as received; false: not ours. What cannot be read takes the roll away: it may have been there to take a name away. */
bool honour_page_on_message(
	struct honour_page *h, const char *topic, const void *payload, size_t len);

#endif
