/*
 * tests/sim/sms/sending.h: one accepted request: what it said, to whom, and what became of each.
 *
 * Shared by the messages on the phones and by the receipts that are still to go out: it lives as long as one of them.
 */
#ifndef SW_TESTS_SIM_SMS_SENDING_H
#define SW_TESTS_SIM_SMS_SENDING_H

#include <jansson.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/base/err.h"

struct sending {
	TAILQ_ENTRY(sending) next; /* receipt.c's, while receipts are due */
	unsigned refs;
	char biz_id[32], template_code[33], extend_code[16];
	char *out_id;   /* owned */
	json_t *text;   /* owned; as a phone shows it */
	char parts[12]; /* sms_size: how many are billed, as text */
	int64_t at_ms, due_ms;
	int64_t first_seq; /* of its messages on the phones; the others follow */
	size_t done;       /* receipts that were made, from the front */
	int fault;         /* of its receipts */
	char fault_code[64];
	size_t n;
	uint64_t numbers[];
};

/* For N numbers, held once. NULL: out of memory. */
struct sending *sending_create(const char *out_id, json_t *text, size_t n);
struct sending *sending_hold(struct sending *s);
/* NULL is nobody. */
void sending_release(struct sending *s);

#endif
