/*
 * bot/spool_record.c: head and seal of a record.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/spool_record.h"
#include "core/base/num.h"
#include "core/wire/message.h"

void record_head(struct record_head *h, uint64_t seq, const char *id)
{
	h->seq = seq;
	memcpy(h->id, id, sizeof(h->id));
	(void)snprintf(h->text, sizeof(h->text), "%" PRIu64 " %s", seq, id);
}

int record_parse(const char *payload, struct record_head *ret, const char **ret_base64)
{
	const char *id = strchr(payload, ' ');
	const char *base64 = id ? strchr(id + 1, ' ') : NULL;
	char number[24];
	int64_t seq;

	if (!base64 || (size_t)(id - payload) >= sizeof(number) || base64 - id != ID_HEX + 1)
		return SW_ECORRUPT;
	memcpy(number, payload, (size_t)(id - payload));
	number[id - payload] = '\0';
	if (num_parse(number, 1, INT64_MAX, &seq) < 0)
		return SW_ECORRUPT;
	memcpy(ret->text, payload, (size_t)(base64 - payload));
	ret->text[base64 - payload] = '\0';
	ret->seq = (uint64_t)seq;
	memcpy(ret->id, id + 1, ID_HEX);
	ret->id[ID_HEX] = '\0';
	*ret_base64 = base64 + 1;
	return 0;
}

int record_open(const struct seal_key *key, const struct record_head *h, const char *base64,
	char **ret_json, size_t *ret_len, char ret_topic[TOPIC_MAX])
{
	struct wire_in in;
	struct buf sealed, json;
	int rc;

	buf_init(&sealed, WIRE_MAX_BYTES + SEAL_OVERHEAD_BYTES);
	buf_init(&json, WIRE_MAX_BYTES);
	rc = id_unbase64(&sealed, base64, strlen(base64), true);
	if (rc == 0)
		rc = seal_decrypt(key, h->text, buf_str(&sealed), sealed.len, &json);
	if (rc == 0)
		rc = wire_in_decode(buf_str(&json), json.len, &in, NULL);
	if (rc == 0) {
		(void)wire_in_topic(&in, ret_topic);
		*ret_len = json.len;
		*ret_json = buf_take(&json);
		rc = *ret_json ? 0 : -ENOMEM;
		wire_in_fini(&in);
	}
	buf_fini(&json);
	buf_fini(&sealed);
	return rc;
}
