/*
 * notifier/campaign/reply_normalise.h: what arrived, brought to the one spelling the rules are written for.
 *
 * Full width, invisible characters, traditional forms, mentions. Personal data is looked for here, in the
 * whole text and before anything else, because it decides whether the text may be kept.
 */
#ifndef SW_CAMPAIGN_REPLY_NORMALISE_H
#define SW_CAMPAIGN_REPLY_NORMALISE_H

#include <stdbool.h>
#include <stddef.h>

enum {
	REPLY_MAX_CHARS = 500, /* code points after normalisation; more is TOO_LONG */
	REPLY_TEXT_BYTES = 8 * REPLY_MAX_CHARS, /* room while mentions still stand in it */
};

struct reply_text {
	char s[REPLY_TEXT_BYTES + 1]; /* NUL-terminated UTF-8, no control character but \n */
	size_t len;
	bool bad_encoding; /* S is empty then */
	bool bidi;         /* held characters that turn the direction of reading */
	bool stripped;     /* held <@..> */
	bool too_long;
	bool personal; /* an identity number, or what is called one */
};

/* TEXT may be any bytes; time is linear in LEN. */
void reply_normalise(const char *text, size_t len, struct reply_text *ret);

#endif
