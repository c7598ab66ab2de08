/*
 * notifier/engine/sms.h: single messages by SMS: journalled, sent by this process, settled by verdict and receipt.
 *
 * due -> (script try) trying -> T record, synced -> request -> A R F N U record -> (script verdict). A message that is
 * trying without a T record was not sent; one with a T record and no outcome is unknown; never decided by time alone.
 */
#ifndef SW_ENGINE_SMS_H
#define SW_ENGINE_SMS_H

#include "notifier/engine/engine.h"
#include "notifier/sms/gateway.h"

#define KEY_TRYING "sw:{r}:trying" /* ZSET of mids: since */
#define KEY_ORPHANS                                                                                \
	"sw:{r}:orphans" /* ZSET of receipts nobody sent, as JSON: since; looked up when a verdict comes; kept 24 h */

int sms_create(struct engine *e) SW_MUST_CHECK;
void sms_destroy(struct engine *e);
/* M (channel sms) is due and may go: takes it over (moved). Ends with schedule_call_done() and a kick. */
void sms_send(struct engine *e, struct message *m);
/* When the next one may be sent: NOW, or when the gateway has a token; INT64_MAX: not before something changes. */
int64_t sms_ready_ms(const struct engine *e);
/* How many may begin in this round of the scheduler. */
size_t sms_room(const struct engine *e);
/* When the next of those that are journalled already gets its token; INT64_MAX: none waits for one. */
int64_t sms_next_ms(const struct engine *e);
/* Nothing in flight, no verdict waiting to be stored. */
bool sms_quiet(const struct engine *e);
/* A gateway has room again, or has none any more. */
void sms_on_change(struct engine *e);
/* Asked to stop: what has not left yet goes back; what is in flight ends (sms_inflight()). */
void sms_halt(struct engine *e);
/* Score in KEY_UNKNOWN of an outcome that is unknown since now: sms.unknown_wait_s before ENGINE_UNKNOWN_WAIT_MS is over. */
int64_t sms_unknown_score(const struct engine *e);
size_t sms_inflight(const struct engine *e);
/* After each load: settles what is `trying` and not in flight here, by the journals. DONE(rc). */
void sms_recover(struct engine *e, void (*done)(struct engine *e, int rc));
/* The store is loaded: verdicts that wait are stored. */
void sms_flush(struct engine *e);
/* Receipts whose out_id is "<mid>-<attempt>" or unknown. DONE(rc, matched). ITEMS is copied. */
int sms_receipts(struct engine *e, const char *provider, const struct gateway_receipt *items,
	size_t n, void (*done)(void *ctx, int rc, size_t matched), void *ctx) SW_MUST_CHECK;

#endif
