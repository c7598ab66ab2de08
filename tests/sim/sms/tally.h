/*
 * tests/sim/sms/tally.h: 64-bit keys to 32-bit values, for millions of them.
 *
 * An open table: 12 bytes for a slot, where a hash handle of uthash alone takes 56.
 */
#ifndef SW_TESTS_SIM_SMS_TALLY_H
#define SW_TESTS_SIM_SMS_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally {
	uint64_t *keys; /* 0: free */
	uint32_t *values;
	size_t cap, n, max;
};

/* At most MAX keys. */
void tally_init(struct tally *t, size_t max);
void tally_fini(struct tally *t);
/* The value of KEY (not 0), 0 when it is new; NULL: full. The pointer is good until the next call. */
uint32_t *tally_at(struct tally *t, uint64_t key);
/* The value of KEY, 0 when there is none. */
uint32_t tally_get(const struct tally *t, uint64_t key);

#endif
