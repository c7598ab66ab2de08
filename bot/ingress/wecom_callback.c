/*
 * bot/ingress/wecom_callback.c: envelope, signature, window, decryption, and the two content formats.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/ingress/wecom_callback.h"
#include "bot/wecom/crypto.h"
#include "bot/wecom/xml.h"
#include "core/base/num.h"
#include "core/base/text.h"

/* A chat text has at most 2,048 bytes; what is beyond this bound is no report anybody wrote. */
enum { MAX_BODY = 65536, MAX_ELEMENT = 65536, MAX_TEXT = 8192 };

enum { BUF_ENCRYPT, BUF_TYPE, BUF_FROM, BUF_MSGID, BUF_CONTENT, BUF_EVENT, N_BUFS };

struct wecom_callback {
	enum callback_kind kind;
	char source[80]; /* "app/<name>" or "robot/<name>" */
	char *token, *aes_key, *receive_id;
	struct wecom_crypto *crypto;
	struct wecom_crypto *former; /* NULL, or good until: */
	int64_t former_until_ms;
	struct wecom_xml *xml;
	struct buf bufs[N_BUFS]; /* elements of the document being read */
	struct buf plain;
};

static const char *const outcome_names[] = {
	[CALLBACK_EVENT] = "ok",
	[CALLBACK_VERIFIED] = "verified",
	[CALLBACK_IGNORED] = "ignored",
	[CALLBACK_STALE] = "stale",
	[CALLBACK_FORBIDDEN] = "forbidden",
	[CALLBACK_MALFORMED] = "malformed",
};

const char *callback_outcome_name(enum callback_outcome o)
{
	return outcome_names[o];
}

static void decide(struct callback_result *r, enum callback_outcome outcome, const char *why)
{
	r->outcome = outcome;
	r->why = why;
}

/* ---- content -------------------------------------------------------------------------------------- */

/* Copies an identifier of theirs; false when it does not fit or holds control characters. */
static bool take_id(char *dst, size_t size, const char *s)
{
	for (const char *p = s; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	}
	return *s && text_copy(dst, size, s) == 0;
}

/* Completes an event whose sender, text and kind are set. UNIQUE names it within its source. */
static void take_event(const struct wecom_callback *c, struct callback_result *r,
	const char *unique, const char *text, int64_t now_ms)
{
	struct wire_in *in = &r->event;

	in->text = strndup(text, text_cut_bytes(text, strlen(text), MAX_TEXT));
	if (!in->text) {
		decide(r, CALLBACK_FORBIDDEN, "out of memory");
		return;
	}
	in->at_ms = now_ms;
	(void)snprintf(in->source, sizeof(in->source), "%s", c->source);
	id_event(c->source, unique, in->id);
	decide(r, CALLBACK_EVENT, "");
}

/*
 * For what comes without a usable id of its own: two events of one second differ in their text, and a repeat
 * comes with the same text.
 */
static void take_digest(const struct wecom_callback *c, struct callback_result *r)
{
	char sha1[41];

	id_sha1_hex(buf_str(&c->plain), c->plain.len, sha1);
	(void)snprintf(r->event.provider_id, sizeof(r->event.provider_id), "%s", sha1);
}

static void judge_app_event(struct wecom_callback *c, struct callback_result *r, int64_t now_ms)
{
	const struct buf *event = &c->bufs[BUF_EVENT];

	r->event.kind = IN_EVENT;
	take_digest(c, r);
	if (event->len == 0)
		decide(r, CALLBACK_IGNORED, "event without a name");
	else
		take_event(c, r, r->event.provider_id, buf_str(event), now_ms);
}

static void judge_app_text(struct wecom_callback *c, struct callback_result *r, int64_t now_ms)
{
	struct wire_in *in = &r->event;
	char unique[WIRE_PROVIDER_ID + 1 + WIRE_NAME];

	if (!take_id(in->provider_id, sizeof(in->provider_id), buf_str(&c->bufs[BUF_MSGID])))
		take_digest(c, r);
	/* MsgId alone was seen to collide. */
	(void)snprintf(unique, sizeof(unique), "%s|%s", in->provider_id, in->sender);
	take_event(c, r, unique, buf_str(&c->bufs[BUF_CONTENT]), now_ms);
}

static void judge_app(struct wecom_callback *c, struct callback_result *r, int64_t now_ms)
{
	struct wecom_xml_want wants[] = {
		{"MsgType", &c->bufs[BUF_TYPE], false},
		{"FromUserName", &c->bufs[BUF_FROM], false},
		{"MsgId", &c->bufs[BUF_MSGID], false},
		{"Content", &c->bufs[BUF_CONTENT], false},
		{"Event", &c->bufs[BUF_EVENT], false},
	};
	const char *type;

	if (wecom_xml_read(
		    c->xml, buf_str(&c->plain), c->plain.len, wants, ARRAY_LEN(wants), NULL) < 0) {
		decide(r, CALLBACK_MALFORMED, "message is no XML of theirs");
		return;
	}
	type = buf_str(&c->bufs[BUF_TYPE]);
	if (!take_id(r->event.sender, sizeof(r->event.sender), buf_str(&c->bufs[BUF_FROM]))) {
		decide(r, CALLBACK_MALFORMED, "FromUserName");
		return;
	}
	r->event.mentioned = true;
	if (strcmp(type, "event") == 0)
		judge_app_event(c, r, now_ms);
	else if (strcmp(type, "text") == 0)
		judge_app_text(c, r, now_ms);
	else
		decide(r, CALLBACK_IGNORED, "not a text");
}

static const char *member(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	return s ? s : "";
}

/* The text parts of a mixed message, one line each. */
static void mixed_text(const json_t *root, struct buf *out)
{
	const json_t *items = json_object_get(json_object_get(root, "mixed"), "msg_item");
	const json_t *item;
	size_t i;

	json_array_foreach(items, i, item)
	{
		if (strcmp(member(item, "msgtype"), "text") != 0)
			continue;
		if (out->len > 0)
			(void)buf_addc(out, '\n');
		(void)buf_adds(out, member(json_object_get(item, "text"), "content"));
	}
}

/* The digest by which a group is known inside: its id never leaves the bot. */
static void chat_digest(const char *chatid, char ret[WIRE_NAME])
{
	char text[WIRE_PROVIDER_ID + 32], hex[65];
	int n = snprintf(text, sizeof(text), "shouwang.chat.v1\n%s", chatid);

	id_sha256_hex(text, (size_t)n, hex);
	memcpy(ret, hex, 32);
	ret[32] = '\0';
}

static void judge_robot_content(
	struct wecom_callback *c, struct callback_result *r, const json_t *root, int64_t now_ms)
{
	const char *type = member(root, "msgtype");
	struct buf *text = &c->bufs[BUF_CONTENT];

	buf_reset(text);
	if (strcmp(type, "text") == 0)
		(void)buf_adds(text, member(json_object_get(root, "text"), "content"));
	else if (strcmp(type, "mixed") == 0)
		mixed_text(root, text);
	else if (strcmp(type, "event") == 0)
		(void)buf_adds(text, member(json_object_get(root, "event"), "eventtype"));
	r->event.kind = strcmp(type, "event") == 0 ? IN_EVENT : IN_REPLY;
	if (text->len == 0)
		decide(r, CALLBACK_IGNORED, "not a text");
	else
		take_event(c, r, r->event.provider_id, buf_str(text), now_ms);
}

static void judge_robot(struct wecom_callback *c, struct callback_result *r, int64_t now_ms)
{
	json_t *root = json_loadb(buf_str(&c->plain), c->plain.len, JSON_REJECT_DUPLICATES, NULL);
	const char *chatid = member(root, "chatid");
	struct wire_in *in = &r->event;

	in->group = strcmp(member(root, "chattype"), "group") == 0;
	in->mentioned = true; /* nothing else reaches a robot */
	if (!json_is_object(root))
		decide(r, CALLBACK_MALFORMED, "message is no JSON object");
	else if (strcmp(member(root, "msgtype"), "stream") == 0)
		decide(r, CALLBACK_IGNORED, "refresh of a stream");
	else if (!take_id(in->sender, sizeof(in->sender),
			 member(json_object_get(root, "from"), "userid")))
		decide(r, CALLBACK_MALFORMED, "from.userid");
	else if (in->group && (!*chatid || strlen(chatid) >= WIRE_PROVIDER_ID))
		decide(r, CALLBACK_MALFORMED, "chatid");
	else {
		if (!take_id(in->provider_id, sizeof(in->provider_id), member(root, "msgid")))
			take_digest(c, r);
		if (in->group)
			chat_digest(chatid, in->chat);
		judge_robot_content(c, r, root, now_ms);
	}
	json_decref(root);
}

/* ---- envelope, signature, window ------------------------------------------------------------------ */

/* The cipher text of a POST, "" when the envelope is not one. */
static const char *read_envelope(struct wecom_callback *c, const struct callback_request *req)
{
	struct buf *encrypt = &c->bufs[BUF_ENCRYPT];
	struct wecom_xml_want want = {"Encrypt", encrypt, false};
	json_t *root;

	buf_reset(encrypt);
	if (req->body_len > MAX_BODY)
		return "";
	if (c->kind == CALLBACK_APP) {
		if (wecom_xml_read(c->xml, req->body, req->body_len, &want, 1, NULL) < 0)
			return "";
		return buf_str(encrypt);
	}
	root = json_loadb(req->body, req->body_len, JSON_REJECT_DUPLICATES, NULL);
	if (buf_adds(encrypt, member(root, "encrypt")) < 0)
		buf_reset(encrypt);
	json_decref(root);
	return buf_str(encrypt);
}

/* The pair of keys whose signature fits, NULL when none does. */
static struct wecom_crypto *find_keys(struct wecom_callback *c, const struct callback_request *req,
	const char *encrypt, int64_t now_ms)
{
	if (wecom_crypto_verify(c->crypto, req->signature, req->timestamp, req->nonce, encrypt))
		return c->crypto;
	if (c->former && now_ms < c->former_until_ms &&
		wecom_crypto_verify(c->former, req->signature, req->timestamp, req->nonce, encrypt))
		return c->former;
	return NULL;
}

static bool is_in_window(const char *timestamp, int64_t now_ms)
{
	int64_t s;

	/* Ten digits are enough until the year 2286 and leave no room for an overflow. */
	if (num_parse(timestamp, 0, INT64_C(99999999999), &s) < 0)
		return false;
	return s * 1000 >= now_ms - CALLBACK_WINDOW_MS && s * 1000 <= now_ms + CALLBACK_WINDOW_MS;
}

void wecom_callback_judge(struct wecom_callback *c, const struct callback_request *req,
	int64_t now_ms, struct callback_result *ret)
{
	const char *encrypt = req->is_post ? read_envelope(c, req) : req->echostr;
	struct wecom_crypto *keys;

	*ret = (struct callback_result){0};
	if (req->is_post && !*encrypt) {
		decide(ret, CALLBACK_MALFORMED, "envelope");
		return;
	}
	keys = find_keys(c, req, encrypt, now_ms);
	if (!keys) {
		decide(ret, CALLBACK_FORBIDDEN, "signature");
		return;
	}
	ret->is_signed = true;
	if (!is_in_window(req->timestamp, now_ms)) {
		decide(ret, CALLBACK_STALE, "outside the time window");
		return;
	}
	buf_reset(&c->plain);
	if (wecom_crypto_decrypt(keys, encrypt, &c->plain, NULL) < 0) {
		decide(ret, CALLBACK_FORBIDDEN, "decryption");
		return;
	}
	if (!req->is_post) {
		decide(ret, CALLBACK_VERIFIED, "");
		ret->echo = buf_str(&c->plain);
		ret->echo_len = c->plain.len;
	} else if (c->kind == CALLBACK_APP) {
		judge_app(c, ret, now_ms);
	} else {
		judge_robot(c, ret, now_ms);
	}
	if (ret->outcome != CALLBACK_EVENT)
		wire_in_fini(&ret->event);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void secret_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

int wecom_callback_set_keys(struct wecom_callback *c, const char *token, const char *aes_key,
	int64_t until_ms, struct sw_err *err)
{
	struct wecom_crypto *crypto = NULL;
	char *new_token, *new_key;
	int rc;

	if (c->crypto && strcmp(c->token, token) == 0 && strcmp(c->aes_key, aes_key) == 0)
		return 0;
	rc = wecom_crypto_create(token, aes_key, c->receive_id, &crypto, err);
	if (rc < 0)
		return rc;
	new_token = strdup(token);
	new_key = strdup(aes_key);
	if (!new_token || !new_key) {
		secret_free(new_token);
		secret_free(new_key);
		wecom_crypto_destroy(crypto);
		return err_set(err, -ENOMEM, "out of memory");
	}
	wecom_crypto_destroy(c->former);
	c->former = c->crypto;
	c->former_until_ms = until_ms;
	c->crypto = crypto;
	secret_free(c->token);
	secret_free(c->aes_key);
	c->token = new_token;
	c->aes_key = new_key;
	return 0;
}

int wecom_callback_create(enum callback_kind kind, const char *name, const char *token,
	const char *aes_key, const char *receive_id, struct wecom_callback **ret,
	struct sw_err *err)
{
	struct wecom_callback *c = calloc(1, sizeof(*c));
	int rc = -ENOMEM;

	if (!c)
		return err_set(err, rc, "out of memory");
	c->kind = kind;
	(void)snprintf(c->source, sizeof(c->source), "%s/%s",
		kind == CALLBACK_APP ? "app" : "robot", name);
	for (size_t i = 0; i < N_BUFS; i++)
		buf_init(&c->bufs[i], MAX_ELEMENT);
	buf_init(&c->plain, MAX_BODY);
	c->receive_id = strdup(receive_id);
	if (!c->receive_id || wecom_xml_create(&c->xml) < 0)
		err_set(err, rc, "out of memory");
	else
		rc = wecom_callback_set_keys(c, token, aes_key, 0, err);
	if (rc < 0) {
		wecom_callback_destroy(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void wecom_callback_destroy(struct wecom_callback *c)
{
	if (!c)
		return;
	wecom_crypto_destroy(c->crypto);
	wecom_crypto_destroy(c->former);
	wecom_xml_destroy(c->xml);
	for (size_t i = 0; i < N_BUFS; i++)
		buf_fini(&c->bufs[i]);
	buf_fini(&c->plain);
	secret_free(c->token);
	secret_free(c->aes_key);
	free(c->receive_id);
	free(c);
}
