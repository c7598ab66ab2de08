/*
 * bot/spool_record.h: one event in the spool's file: "<seq> <event id> <base64 of the sealed JSON>".
 *
 * The id stands outside the seal so that a start opens only what is not acknowledged; number and id are the
 * seal's additional data, so that a record cannot be moved.
 */
#ifndef SW_BOT_SPOOL_RECORD_H
#define SW_BOT_SPOOL_RECORD_H

#include "core/base/id.h"
#include "core/base/seal.h"
#include "core/wire/message.h"

/* The head of a record, which is also the additional data of its seal. */
struct record_head {
	char text[24 + ID_HEX + 2]; /* number, blank, id */
	uint64_t seq;
	id_str id;
};

void record_head(struct record_head *h, uint64_t seq, const char *id);
/* RET_BASE64: where the sealed part begins. SW_ECORRUPT: PAYLOAD is no such record. */
int record_parse(
	const char *payload, struct record_head *ret, const char **ret_base64) SW_MUST_CHECK;
/* The event as JSON, which the caller frees, and its topic. SW_ECRYPTO: another key, or moved. */
int record_open(const struct seal_key *key, const struct record_head *h, const char *base64,
	char **ret_json, size_t *ret_len, char ret_topic[TOPIC_MAX]) SW_MUST_CHECK;

#endif
