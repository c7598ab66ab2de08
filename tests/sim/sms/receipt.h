/*
 * tests/sim/sms/receipt.h: what became of each recipient, after the receipt delay: on the phone, and told to the bot.
 *
 * Receipts (SmsReport) of all requests that are due go out together, at most 100 in one push.
 */
#ifndef SW_TESTS_SIM_SMS_RECEIPT_H
#define SW_TESTS_SIM_SMS_RECEIPT_H

#include "tests/sim/sms/sim.h"

int receipts_create(struct sim *s, struct receipts **ret) SW_MUST_CHECK;
/* Stops its timer. */
void receipts_close(struct receipts *r);
/* After the loop has ended and pushes_free(). */
void receipts_free(struct receipts *r);

/* SENDING was accepted at its at_ms; held until all its receipts are made. */
void receipts_add(struct receipts *r, struct sending *sending);
/* Pushes them at once; DONE runs once, on a later turn, when each push was tried. SW_ENOENT: there are none. */
int receipts_early(struct receipts *r, struct sending *sending, void (*done)(void *ctx),
	void *ctx) SW_MUST_CHECK;
/* receipts_run() on a later turn. */
void receipts_soon(struct receipts *r);
/* Does what is due; the time may have moved, or a push has ended. */
void receipts_run(struct receipts *r);
/* Its next instant, pushes included; INT64_MAX: none. */
int64_t receipts_next_ms(const struct receipts *r);
/* {"waiting","made","dropped"} */
json_t *receipts_json(const struct receipts *r);

#endif
