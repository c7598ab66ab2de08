/*
 * notifier/engine/control_release.h: what the operators' commands on broadcasts share.
 */
#ifndef SW_ENGINE_CONTROL_RELEASE_H
#define SW_ENGINE_CONTROL_RELEASE_H

#include "notifier/campaign/honours.h"
#include "notifier/engine/broadcast.h"
#include "notifier/engine/control.h"

#define RELEASE_ANNOUNCEMENT "P-FINAL" /* its template */

enum { REFUSAL = 320 };

/* The broadcast named by argument "id", or NULL after ending the call with exit 1. */
struct broadcast *control_broadcast_arg(struct control_call *call);
/* The commended ITEM; NULL: not in the list (any more). */
const struct honour *release_honour(const struct engine *e, const char *item);
/* Parts of the text, and what all of B costs. */
int64_t release_parts(const struct broadcast *b);
int64_t release_cost_fen(const struct broadcast *b);
/* Recipients in the segments of B, as the audience says now. */
int64_t release_count(const struct engine *e, const struct broadcast *b);
/* Is B cancelled, and nobody has heard of it? */
bool release_nothing_went_out(const struct broadcast *b);
/* A broadcast over the same audience that tells, or told, the same to some of the same people; NULL: none. */
const struct broadcast *release_conflict(const struct engine *e, const struct broadcast *b);
/* Digest of what is given to groups, screens and loudspeakers. */
void release_texts(const struct honour *h, char ret[65]);
/* Is what B would send still what was planned: texts, template, audience, count? False: RET says what changed. */
bool release_unchanged(const struct engine *e, const struct broadcast *b, char ret[REFUSAL]);
/* Why B may not begin or go on at this instant; false: it may. */
bool release_refused(const struct engine *e, const struct broadcast *b, char ret[REFUSAL]);
/* Digest of B; its audience must be there. */
void release_seal(const struct engine *e, const struct broadcast *b, char ret[65]);
/* Text and variables of the announcement, as its template says now; the caller frees both. */
int release_announcement(const struct engine *e, char **ret_text, char **ret_params,
	struct sw_err *err) SW_MUST_CHECK;
/* Can the gateway that is asked first send this template? False: RET says why not. */
bool release_sendable(const struct engine *e, const char *template_id, char ret[REFUSAL]);
/* B for people who look at it; OPTED_OUT < 0: not counted. */
json_t *release_json(const struct engine *e, const struct broadcast *b, int64_t opted_out);
/* How far it is, as a person counts: the members add up to "planned". */
json_t *release_progress_json(const struct broadcast *b);
void release_print(struct control_call *call, const struct broadcast *b, int64_t opted_out);
/* Opt-outs in the segments of B. DONE(rc, n). */
int release_count_opted_out(struct engine *e, const struct broadcast *b,
	void (*done)(void *ctx, int rc, int64_t n), void *ctx) SW_MUST_CHECK;

#endif
