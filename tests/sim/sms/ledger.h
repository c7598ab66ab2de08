/*
 * tests/sim/sms/ledger.h: every request, and who was accepted how often for the same broadcast.
 *
 * Requests are a feed of JSON objects that drops its oldest; the counts of the recipients are never dropped.
 */
#ifndef SW_TESTS_SIM_SMS_LEDGER_H
#define SW_TESTS_SIM_SMS_LEDGER_H

#include "tests/sim/feed.h"
#include "tests/sim/sms/sending.h"
#include "tests/sim/sms/tally.h"

struct broadcast_count;

/* A recipient of a broadcast that was accepted more than once. */
struct twice {
	uint64_t key;
	const struct broadcast_count *broadcast;
};

struct ledger {
	struct feed requests;
	struct broadcast_count *broadcasts; /* by the part of out_id before its first dot */
	uint32_t n_broadcasts;
	struct tally times; /* broadcast and number -> how often */
	struct twice *twice;
	size_t n_twice, n_twice_kept;
	int64_t n_requests, n_accepted, n_uncounted;
	int64_t n_numbers; /* different ones; counted by who knows the phones */
};

int ledger_init(struct ledger *l) SW_MUST_CHECK;
void ledger_fini(struct ledger *l);
/* Takes ENTRY. */
void ledger_note(struct ledger *l, json_t *entry);
/* The recipients of an accepted request. */
void ledger_count(struct ledger *l, const struct sending *s);
/* {"requests","accepted","numbers","uncounted","twice":[{"broadcast","number","times"}],"twice_total"}; NULL: all. */
json_t *ledger_twice_json(const struct ledger *l, const char *broadcast);

#endif
