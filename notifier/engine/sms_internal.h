/*
 * notifier/engine/sms_internal.h: what the files of single SMS share.
 *
 * sms.c sends, sms_recover.c settles what a former life left behind, sms_receipt.c takes receipts in.
 */
#ifndef SW_ENGINE_SMS_INTERNAL_H
#define SW_ENGINE_SMS_INTERNAL_H

#include <sys/queue.h>

#include "notifier/engine/sms.h"

enum { SMS_WORD = 16, ORPHANS_KEEP_MS = 24 * 3600 * 1000, ORPHANS_MAX = 10000 };

struct sms_op;
TAILQ_HEAD(sms_ops, sms_op);

struct sms {
	struct sms_ops ops;
	size_t n;
	struct timer *token; /* wall: a token of a gateway */
	struct timer *again; /* real: verdicts the store did not take */
	size_t orphans;      /* receipts in KEY_ORPHANS as of the last look */
};

/* What became of one attempt, as the journal and the verdict script say it. */
struct sms_outcome {
	char kind; /* 'A' 'R' 'F' 'N' 'U' */
	char class[SMS_WORD];
	char code[48];
	char gateway[12];
	char provider_id[GATEWAY_PROVIDER_ID];
	int64_t retry_after_ms;
};

enum wire_verdict_word sms_verdict_of(char kind);
/* "<mid> <n> <code> <provider id> <class> <gateway> <retry>" and back; false: it is none. */
void sms_outcome_format(const char *mid, int n, const struct sms_outcome *o, char ret[256]);
bool sms_outcome_parse(
	char kind, const char *payload, id_str ret_mid, int *ret_n, struct sms_outcome *ret);

/* Stores the verdict of attempt N; CB as for the script. */
int sms_store_verdict(struct engine *e, const char *mid, int n, const struct sms_outcome *o,
	redis_cb cb, void *ctx) SW_MUST_CHECK;
/* Is an attempt of MID in progress in this process? */
bool sms_knows(const struct engine *e, const char *mid);

/* sms_receipt.c: receipts nobody sent are looked at again; OUT_ID "": all of them. */
void sms_orphans_look(struct engine *e, const char *out_id);

#endif
