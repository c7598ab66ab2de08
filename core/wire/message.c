/*
 * core/wire/message.c: encoding and decoding of what bot and notifier tell each other.
 *
 * A decoder reads through a struct reader whose first error sticks, so each message is one flat list of
 * members; nothing is written to the caller's struct before all of it was found good.
 */
#include "core/wire/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_VERSION = 1 };

static const char *const verdict_names[] = {
	[VERDICT_ACCEPTED] = "accepted",
	[VERDICT_REFUSED_TEMP] = "refused_temp",
	[VERDICT_REFUSED_FINAL] = "refused_final",
	[VERDICT_NOT_SENT] = "not_sent",
	[VERDICT_UNKNOWN] = "unknown",
};

static const char *const class_names[] = {
	[CLASS_MUST_ARRIVE] = "must_arrive",
	[CLASS_NO_REPEAT] = "no_repeat",
};

static const char *const type_names[] = {
	[TEXT_PLAIN] = "text",
	[TEXT_MARKDOWN] = "markdown",
};

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
	json_t *root; /* owned by the decoder */
	const char *what;
	struct sw_err *err;
	int rc; /* 0 or the first error */
};

static int fail(struct reader *r, const char *key, const char *why)
{
	if (r->rc == 0)
		r->rc = err_set(r->err, SW_EPROTO, "%s: %s %s", r->what, key, why);
	return r->rc;
}

static int reader_open(
	struct reader *r, const char *what, const char *json, size_t len, struct sw_err *err)
{
	json_error_t jerr;
	const json_t *v;

	*r = (struct reader){.what = what, .err = err};
	if (len > WIRE_MAX_BYTES) {
		r->rc = err_set(err, SW_EPROTO, "%s: longer than %d bytes", what, WIRE_MAX_BYTES);
		return r->rc;
	}
	r->root = json_loadb(json, len, JSON_REJECT_DUPLICATES, &jerr);
	if (!r->root) {
		/* jansson quotes the text near the error, which may be private: only the place is told. */
		r->rc = err_set(err, SW_EPROTO, "%s: no JSON at byte %d", what, jerr.position);
		return r->rc;
	}
	if (!json_is_object(r->root))
		return fail(r, "message", "is no object");
	v = json_object_get(r->root, "v");
	if (!json_is_integer(v) || json_integer_value(v) != WIRE_VERSION)
		return fail(r, "v", "is not 1");
	return 0;
}

static int reader_close(struct reader *r)
{
	json_decref(r->root);
	r->root = NULL;
	return r->rc;
}

enum presence { OPTIONAL, REQUIRED };

/* The string member KEY of OBJ, NULL when absent, null or of another type. */
static const char *read_member(
	struct reader *r, const json_t *obj, const char *key, enum presence p)
{
	const json_t *v = json_object_get(obj, key);

	if (r->rc < 0)
		return NULL;
	if (!v || json_is_null(v)) {
		if (p == REQUIRED)
			fail(r, key, "is missing");
		return NULL;
	}
	if (!json_is_string(v)) {
		fail(r, key, "is no string");
		return NULL;
	}
	return json_string_value(v);
}

static void read_string(struct reader *r, const char *key, char *ret, size_t size, enum presence p)
{
	const char *s = read_member(r, r->root, key, p);

	if (!s)
		return;
	if (p == REQUIRED && !*s)
		fail(r, key, "is empty");
	else if (strlen(s) >= size)
		fail(r, key, "is too long");
	else
		memcpy(ret, s, strlen(s) + 1);
}

/* 32 lower-case hex digits. */
static void read_id(struct reader *r, const char *key, id_str ret, enum presence p)
{
	read_string(r, key, ret, ID_HEX + 1, p);
	if (r->rc < 0 || (p == OPTIONAL && !ret[0]))
		return;
	if (strspn(ret, "0123456789abcdef") != ID_HEX)
		fail(r, key, "is no id of 32 hex digits");
}

static void read_int(
	struct reader *r, const char *key, int64_t min, int64_t max, int64_t *ret, enum presence p)
{
	const json_t *v = json_object_get(r->root, key);

	if (r->rc < 0)
		return;
	if (!v || json_is_null(v)) {
		if (p == REQUIRED)
			fail(r, key, "is missing");
	} else if (!json_is_integer(v)) {
		fail(r, key, "is no whole number");
	} else if (json_integer_value(v) < min || json_integer_value(v) > max) {
		fail(r, key, "is out of range");
	} else {
		*ret = json_integer_value(v);
	}
}

static void read_bool(struct reader *r, const char *key, bool *ret, enum presence p)
{
	const json_t *v = json_object_get(r->root, key);

	if (r->rc < 0)
		return;
	if (!v || json_is_null(v)) {
		if (p == REQUIRED)
			fail(r, key, "is missing");
	} else if (!json_is_boolean(v)) {
		fail(r, key, "is neither true nor false");
	} else {
		*ret = json_is_true(v);
	}
}

/* Index of the string KEY of OBJ in NAMES; DEF when absent. */
static int read_name(struct reader *r, const json_t *obj, const char *key, const char *const *names,
	size_t n, int def)
{
	const char *s = read_member(r, obj, key, def < 0 ? REQUIRED : OPTIONAL);

	if (!s)
		return def < 0 ? 0 : def;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, names[i]) == 0)
			return (int)i;
	}
	fail(r, key, "is an unknown word");
	return 0;
}

static char *read_text(struct reader *r, const json_t *obj, const char *key)
{
	const char *s = read_member(r, obj, key, REQUIRED);
	char *copy = s ? strdup(s) : NULL;

	if (s && !copy && r->rc == 0)
		r->rc = err_set(r->err, -ENOMEM, "%s: out of memory", r->what);
	return copy;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* Takes OBJ, which may be NULL (out of memory on the way). */
static char *dump(json_t *obj)
{
	char *s = obj ? json_dumps(obj, JSON_COMPACT) : NULL;

	json_decref(obj);
	return s;
}

/* Sets a string member unless it is empty: absent and "" mean the same to every decoder. */
static int set_optional(json_t *obj, const char *key, const char *value)
{
	return *value ? json_object_set_new(obj, key, json_string(value)) : 0;
}

static void attempt_id(char ret[48], const char *mid, int attempt)
{
	snprintf(ret, 48, "%s-%d", mid, attempt);
}

/* ---- out ----------------------------------------------------------------------------------- */

static json_t *out_content(const struct wire_out *m)
{
	json_t *content = json_pack(
		"{s:s, s:s}", "type", type_names[m->type], "text", m->text ? m->text : "");
	json_t *mentions;

	if (!content || m->n_mentions == 0)
		return content;
	mentions = json_array();
	for (size_t i = 0; i < m->n_mentions; i++) {
		if (json_array_append_new(mentions, json_string(m->mentions[i])) < 0)
			goto oom;
	}
	if (json_object_set(content, "mentions", mentions) < 0)
		goto oom;
	json_decref(mentions);
	return content;
oom:
	json_decref(mentions);
	json_decref(content);
	return NULL;
}

char *wire_out_encode(const struct wire_out *m, int64_t at_ms)
{
	char id[48];
	json_t *content = out_content(m);
	json_t *obj;

	attempt_id(id, m->mid, m->attempt);
	if (!content)
		return NULL;
	obj = json_pack("{s:i, s:s, s:I, s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:o}", "v",
		WIRE_VERSION, "id", id, "at", (json_int_t)at_ms, "mid", m->mid, "attempt",
		m->attempt, "class", class_names[m->class], "channel", m->channel, "route",
		m->route, "not_before", (json_int_t)m->not_before_ms, "expires_at",
		(json_int_t)m->expires_at_ms, "content", content);
	if (!obj)
		return NULL;
	if (set_optional(obj, "unit", m->unit) < 0 || set_optional(obj, "to", m->to) < 0 ||
		set_optional(obj, "reply_to", m->reply_to) < 0) {
		json_decref(obj);
		return NULL;
	}
	return dump(obj);
}

static void read_mentions(struct reader *r, const json_t *content, struct wire_out *m)
{
	const json_t *list = json_object_get(content, "mentions");

	if (r->rc < 0 || !list || json_is_null(list))
		return;
	if (!json_is_array(list) || json_array_size(list) > WIRE_MAX_MENTIONS) {
		fail(r, "mentions", "is no list of at most 32");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		/* A whole group is woken only by the job flag that the notifier checks; never from here. */
		if (!s || !*s || strlen(s) >= WIRE_NAME || strcmp(s, "@all") == 0) {
			fail(r, "mentions", "holds something that is no user id");
			return;
		}
		m->mentions[i] = strdup(s);
		if (!m->mentions[i]) {
			r->rc = err_set(r->err, -ENOMEM, "out: out of memory");
			return;
		}
		m->n_mentions++;
	}
}

int wire_out_decode(const char *json, size_t len, struct wire_out *ret, struct sw_err *err)
{
	struct wire_out m = {0};
	struct reader r;
	const json_t *content;
	int64_t attempt = 0;

	if (reader_open(&r, "out", json, len, err) < 0)
		return reader_close(&r);
	read_id(&r, "mid", m.mid, REQUIRED);
	read_int(&r, "attempt", 1, 1000000, &attempt, REQUIRED);
	m.attempt = (int)attempt;
	m.class = (enum wire_class)read_name(
		&r, r.root, "class", class_names, ARRAY_LEN(class_names), -1);
	read_string(&r, "unit", m.unit, sizeof(m.unit), OPTIONAL);
	read_string(&r, "channel", m.channel, sizeof(m.channel), REQUIRED);
	read_string(&r, "route", m.route, sizeof(m.route), REQUIRED);
	read_string(&r, "to", m.to, sizeof(m.to), OPTIONAL);
	read_string(&r, "reply_to", m.reply_to, sizeof(m.reply_to), OPTIONAL);
	read_int(&r, "not_before", 0, INT64_MAX, &m.not_before_ms, REQUIRED);
	read_int(&r, "expires_at", 0, INT64_MAX, &m.expires_at_ms, REQUIRED);
	content = json_object_get(r.root, "content");
	if (!json_is_object(content)) {
		fail(&r, "content", "is no object");
	} else {
		m.type = (enum wire_text_type)read_name(
			&r, content, "type", type_names, ARRAY_LEN(type_names), -1);
		m.text = read_text(&r, content, "text");
		read_mentions(&r, content, &m);
	}
	if (reader_close(&r) < 0) {
		wire_out_fini(&m);
		return r.rc;
	}
	*ret = m;
	return 0;
}

void wire_out_fini(struct wire_out *m)
{
	if (!m)
		return;
	free(m->text);
	m->text = NULL;
	for (size_t i = 0; i < m->n_mentions; i++)
		free(m->mentions[i]);
	m->n_mentions = 0;
}

/* ---- verdict ------------------------------------------------------------------------------- */

char *wire_verdict_encode(const struct wire_verdict *m)
{
	char id[48];

	attempt_id(id, m->mid, m->attempt);
	return dump(json_pack("{s:i, s:s, s:I, s:s, s:i, s:s, s:s, s:s, s:s, s:I}", "v",
		WIRE_VERSION, "id", id, "at", (json_int_t)m->at_ms, "mid", m->mid, "attempt",
		m->attempt, "verdict", verdict_names[m->verdict], "class", m->class, "code",
		m->code, "text", m->text, "retry_after_ms", (json_int_t)m->retry_after_ms));
}

int wire_verdict_decode(const char *json, size_t len, struct wire_verdict *ret, struct sw_err *err)
{
	struct wire_verdict m = {0};
	struct reader r;
	int64_t attempt = 0;

	if (reader_open(&r, "verdict", json, len, err) < 0)
		return reader_close(&r);
	read_id(&r, "mid", m.mid, REQUIRED);
	read_int(&r, "attempt", 1, 1000000, &attempt, REQUIRED);
	m.attempt = (int)attempt;
	read_int(&r, "at", 0, INT64_MAX, &m.at_ms, REQUIRED);
	m.verdict = (enum wire_verdict_word)read_name(
		&r, r.root, "verdict", verdict_names, ARRAY_LEN(verdict_names), -1);
	read_string(&r, "class", m.class, sizeof(m.class), OPTIONAL);
	read_string(&r, "code", m.code, sizeof(m.code), OPTIONAL);
	read_string(&r, "text", m.text, sizeof(m.text), OPTIONAL);
	read_int(&r, "retry_after_ms", 0, INT64_MAX, &m.retry_after_ms, OPTIONAL);
	if (reader_close(&r) < 0)
		return r.rc;
	*ret = m;
	return 0;
}

/* ---- in ------------------------------------------------------------------------------------ */

static const char *const in_kinds[] = {"reply", "event", "report", "uplink"};

char *wire_in_encode(const struct wire_in *m)
{
	json_t *obj = json_pack(
		"{s:i, s:s, s:I, s:I, s:s, s:s, s:s, s:b, s:s, s:s, s:b, s:s, s:s*}", "v",
		WIRE_VERSION, "id", m->id, "at", (json_int_t)m->at_ms, "seq", (json_int_t)m->seq,
		"kind", in_kinds[m->kind], "source", m->source, "provider_id", m->provider_id,
		"group", m->group, "chat", m->chat, "sender", m->sender, "mentioned", m->mentioned,
		"text", m->text ? m->text : "", "query", m->query);

	return dump(obj);
}

static void read_in_kind(struct reader *r, enum wire_in_kind *ret)
{
	char word[12] = "";

	read_string(r, "kind", word, sizeof(word), REQUIRED);
	for (size_t i = 0; i < ARRAY_LEN(in_kinds); i++)
		if (!strcmp(word, in_kinds[i])) {
			*ret = (enum wire_in_kind)i;
			return;
		}
	if (r->rc == 0)
		r->rc = err_set(r->err, SW_EPROTO, "in: kind is none of ours");
}

int wire_in_decode(const char *json, size_t len, struct wire_in *ret, struct sw_err *err)
{
	struct wire_in m = {0};
	struct reader r;
	int64_t seq = 0;

	if (reader_open(&r, "in", json, len, err) < 0)
		return reader_close(&r);
	read_id(&r, "id", m.id, REQUIRED);
	read_int(&r, "seq", 0, INT64_MAX, &seq, REQUIRED);
	m.seq = (uint64_t)seq;
	read_int(&r, "at", 0, INT64_MAX, &m.at_ms, REQUIRED);
	read_in_kind(&r, &m.kind);
	read_string(&r, "source", m.source, sizeof(m.source), REQUIRED);
	read_string(&r, "provider_id", m.provider_id, sizeof(m.provider_id), OPTIONAL);
	read_bool(&r, "group", &m.group, REQUIRED);
	read_string(&r, "chat", m.chat, sizeof(m.chat), OPTIONAL);
	read_string(&r, "sender", m.sender, sizeof(m.sender), OPTIONAL);
	read_bool(&r, "mentioned", &m.mentioned, OPTIONAL);
	m.text = read_text(&r, r.root, "text");
	if (json_object_get(r.root, "query"))
		m.query = read_text(&r, r.root, "query");
	if (reader_close(&r) < 0) {
		wire_in_fini(&m);
		return r.rc;
	}
	*ret = m;
	return 0;
}

void wire_in_fini(struct wire_in *m)
{
	if (!m)
		return;
	free(m->text);
	free(m->query);
	m->text = m->query = NULL;
}

const char *wire_in_topic(const struct wire_in *m, char ret[TOPIC_MAX])
{
	switch (m->kind) {
	case IN_REPLY:
		break;
	case IN_EVENT:
		(void)snprintf(ret, TOPIC_MAX, "%s", TOPIC_EVENT);
		return ret;
	case IN_SMS_REPORT:
	case IN_SMS_UPLINK: /* its source is "sms/<provider>" */
		(void)snprintf(ret, TOPIC_MAX, TOPIC_IN "%s/%s", m->source, in_kinds[m->kind]);
		return ret;
	}
	(void)snprintf(ret, TOPIC_MAX, "%s", TOPIC_REPLY);
	return ret;
}

/* ---- ack ----------------------------------------------------------------------------------- */

char *wire_ack_encode(const struct wire_ack *m, int64_t at_ms)
{
	json_t *ids = json_array();
	char id[48];

	for (size_t i = 0; ids && i < m->n; i++) {
		if (json_array_append_new(ids, json_string(m->ids[i])) < 0) {
			json_decref(ids);
			return NULL;
		}
	}
	if (!ids)
		return NULL;
	snprintf(id, sizeof(id), "ack-%lld", (long long)at_ms);
	return dump(json_pack("{s:i, s:s, s:I, s:o}", "v", WIRE_VERSION, "id", id, "at",
		(json_int_t)at_ms, "ids", ids));
}

int wire_ack_decode(const char *json, size_t len, struct wire_ack *ret, struct sw_err *err)
{
	struct wire_ack m = {0};
	struct reader r;
	const json_t *ids;

	if (reader_open(&r, "ack", json, len, err) < 0)
		return reader_close(&r);
	ids = json_object_get(r.root, "ids");
	if (!json_is_array(ids)) {
		fail(&r, "ids", "is no list");
	} else if (json_array_size(ids) > 0) {
		m.ids = calloc(json_array_size(ids), sizeof(*m.ids));
		if (!m.ids)
			r.rc = err_set(err, -ENOMEM, "ack: out of memory");
	}
	for (size_t i = 0; r.rc == 0 && i < json_array_size(ids); i++) {
		const char *s = json_string_value(json_array_get(ids, i));

		if (!s || !*s || strlen(s) >= sizeof(m.ids[0])) {
			fail(&r, "ids", "holds something that is no id");
			break;
		}
		memcpy(m.ids[m.n++], s, strlen(s) + 1);
	}
	if (reader_close(&r) < 0) {
		wire_ack_fini(&m);
		return r.rc;
	}
	*ret = m;
	return 0;
}

void wire_ack_fini(struct wire_ack *m)
{
	if (!m)
		return;
	free(m->ids);
	m->ids = NULL;
	m->n = 0;
}

/* ---- control ------------------------------------------------------------------------------- */

char *wire_control_encode(const struct wire_control *m, int64_t at_ms, bool answer)
{
	json_t *obj = json_pack("{s:i, s:s, s:I, s:s}", "v", WIRE_VERSION, "id", m->id, "at",
		(json_int_t)at_ms, "op", m->op);
	int rc = 0;

	if (!obj)
		return NULL;
	rc |= set_optional(obj, "route", m->route);
	rc |= set_optional(obj, "mid", m->mid);
	if (m->from_seq > 0 || strcmp(m->op, "republish") == 0)
		rc |= json_object_set_new(obj, "from_seq", json_integer((json_int_t)m->from_seq));
	if (answer) {
		rc |= json_object_set_new(obj, "ok", json_boolean(m->ok));
		rc |= json_object_set_new(obj, "n", json_integer(m->n));
		rc |= set_optional(obj, "text", m->text);
	}
	if (rc < 0) {
		json_decref(obj);
		return NULL;
	}
	return dump(obj);
}

int wire_control_decode(const char *json, size_t len, struct wire_control *ret, struct sw_err *err)
{
	struct wire_control m = {0};
	struct reader r;
	int64_t from_seq = 0;

	if (reader_open(&r, "control", json, len, err) < 0)
		return reader_close(&r);
	read_string(&r, "id", m.id, sizeof(m.id), REQUIRED);
	read_string(&r, "op", m.op, sizeof(m.op), REQUIRED);
	read_string(&r, "route", m.route, sizeof(m.route), OPTIONAL);
	read_id(&r, "mid", m.mid, OPTIONAL);
	read_int(&r, "from_seq", 0, INT64_MAX, &from_seq, OPTIONAL);
	m.from_seq = (uint64_t)from_seq;
	read_bool(&r, "ok", &m.ok, OPTIONAL);
	read_int(&r, "n", 0, INT64_MAX, &m.n, OPTIONAL);
	read_string(&r, "text", m.text, sizeof(m.text), OPTIONAL);
	if (reader_close(&r) < 0)
		return r.rc;
	*ret = m;
	return 0;
}

/* ---- clock --------------------------------------------------------------------------------- */

char *wire_clock_encode(const struct wire_clock *m)
{
	char id[48];

	snprintf(id, sizeof(id), "clock-%lld", (long long)m->rev);
	return dump(json_pack("{s:i, s:s, s:I, s:I, s:I, s:f, s:I}", "v", WIRE_VERSION, "id", id,
		"at", (json_int_t)m->base_real_ms, "base_sim", (json_int_t)m->base_sim_ms,
		"base_real", (json_int_t)m->base_real_ms, "speed", m->speed, "rev",
		(json_int_t)m->rev));
}

int wire_clock_decode(const char *json, size_t len, struct wire_clock *ret, struct sw_err *err)
{
	struct wire_clock m = {0};
	struct reader r;
	const json_t *speed;

	if (reader_open(&r, "clock", json, len, err) < 0)
		return reader_close(&r);
	read_int(&r, "base_sim", 0, INT64_MAX, &m.base_sim_ms, REQUIRED);
	read_int(&r, "base_real", 0, INT64_MAX, &m.base_real_ms, REQUIRED);
	read_int(&r, "rev", 0, INT64_MAX, &m.rev, REQUIRED);
	speed = json_object_get(r.root, "speed");
	m.speed = json_number_value(speed);
	/* A day in a tenth of a second is as fast as anybody needs; it keeps products inside 64 bits. */
	if (!json_is_number(speed) || !(m.speed >= 0 && m.speed <= 1e6))
		fail(&r, "speed", "is no number from 0 to 1000000");
	if (reader_close(&r) < 0)
		return r.rc;
	*ret = m;
	return 0;
}

char *wire_clock_at_encode(const struct wire_clock_at *m)
{
	return dump(json_pack("{s:i, s:I, s:I, s:I}", "v", WIRE_VERSION, "rev", (json_int_t)m->rev,
		"next_ms", (json_int_t)m->next_ms, "busy", (json_int_t)m->busy));
}

int wire_clock_at_decode(
	const char *json, size_t len, struct wire_clock_at *ret, struct sw_err *err)
{
	struct wire_clock_at m = {.next_ms = INT64_MAX};
	struct reader r;

	if (reader_open(&r, "clock/at", json, len, err) < 0)
		return reader_close(&r);
	read_int(&r, "rev", 0, INT64_MAX, &m.rev, REQUIRED);
	read_int(&r, "next_ms", 0, INT64_MAX, &m.next_ms, OPTIONAL);
	read_int(&r, "busy", 0, INT64_MAX, &m.busy, OPTIONAL);
	if (reader_close(&r) < 0)
		return r.rc;
	*ret = m;
	return 0;
}

/* ---- status -------------------------------------------------------------------------------- */

char *wire_status_encode(const struct wire_status *m)
{
	return dump(json_pack("{s:i, s:I, s:b, s:s}", "v", WIRE_VERSION, "at", (json_int_t)m->at_ms,
		"online", m->online, "version", m->version));
}

int wire_status_decode(const char *json, size_t len, struct wire_status *ret, struct sw_err *err)
{
	struct wire_status m = {0};
	struct reader r;

	if (reader_open(&r, "status", json, len, err) < 0)
		return reader_close(&r);
	read_bool(&r, "online", &m.online, REQUIRED);
	read_string(&r, "version", m.version, sizeof(m.version), OPTIONAL);
	read_int(&r, "at", 0, INT64_MAX, &m.at_ms, OPTIONAL);
	if (reader_close(&r) < 0)
		return r.rc;
	*ret = m;
	return 0;
}

/* ---- words --------------------------------------------------------------------------------- */

const char *wire_verdict_name(enum wire_verdict_word v)
{
	return verdict_names[v];
}

int wire_verdict_parse(const char *name, enum wire_verdict_word *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(verdict_names); i++) {
		if (strcmp(name, verdict_names[i]) == 0) {
			*ret = (enum wire_verdict_word)i;
			return 0;
		}
	}
	return SW_EINVAL;
}

const char *wire_class_name(enum wire_class c)
{
	return class_names[c];
}
