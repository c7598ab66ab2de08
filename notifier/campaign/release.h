/*
 * notifier/campaign/release.h: what two people release, and when it may go out. Pure.
 *
 * The digest is SHA-256 of a canonical JSON object (members audience, cost_fen, count, segments, template, text; keys
 * sorted, no blanks, UTF-8 as it is). Count 50,000, 2 segments,
 * cost_fen 450,000, template "T100", audience 64 zeros, text 64 ones gives
 * 0e0c96770077b5ae7e6e8496fa690e53a355910e6a17cfd96c06523d42d1b011.
 */
#ifndef SW_CAMPAIGN_RELEASE_H
#define SW_CAMPAIGN_RELEASE_H

#include "notifier/campaign/definition.h"

enum {
	RELEASE_VALID_MS = 24 * 3600 * 1000,
	RELEASE_COST_FEN_X10 = 45 /* 0.045 yuan a part, by the price lists of 2022 */
};

struct release {
	char audience[65]; /* digest */
	char text[65];     /* SHA-256 of the exact text */
	const char *template_id;
	int64_t count;    /* recipients */
	int64_t segments; /* SMS parts of the text */
	int64_t cost_fen;
};
void release_digest(const struct release *r, char ret[65]);

/*
 * The window of residents' SMS: inside publicity.window of the definition (dates, from/to) and the hard limits 08:00-20:00 and
 * not 12:00-14:00; rest days are allowed. NOW when it is open, else the next opening, INT64_MAX when there is none any more.
 */
int64_t release_window_next(const struct campaign *c, int64_t now_ms);
/* When the window that is open at NOW closes; NOW when it is not open. */
int64_t release_window_end(const struct campaign *c, int64_t now_ms);
/* End of the last day of the window; 0: the definition has none, and nothing may go out. */
int64_t release_until(const struct campaign *c);

#endif
