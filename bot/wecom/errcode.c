/*
 * bot/wecom/errcode.c: WeCom's global error codes (document 90455 and the sending documents), by what they
 * ask of the sender. HTTP says 200 for failures too: errcode alone decides, never errmsg.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bot/wecom/errcode.h"
#include "core/base/text.h"

static const struct {
	int code;
	enum wecom_class class;
} codes[] = {
	{0, WECOM_OK}, {-1, WECOM_BUSY}, /* system busy */
	{6000, WECOM_BUSY},              /* data version conflict */
	{45033, WECOM_BUSY},             /* too many calls at once */
	{45009, WECOM_RATE},             /* called too often */
	{846607, WECOM_RATE},            /* robot talks too often in a chat */
	{40014, WECOM_TOKEN},            /* bad access_token */
	{42001, WECOM_TOKEN},            /* access_token expired */
	{41001, WECOM_TOKEN},            /* access_token missing */
	{40001, WECOM_CONFIG}, /* bad secret (as a business answer: bad token, see app_message.c) */
	{40013, WECOM_CONFIG}, /* bad corp id */
	{40056, WECOM_CONFIG}, /* bad agent id */
	{40091, WECOM_CONFIG}, /* bad secret */
	{48002, WECOM_CONFIG}, /* no right to this interface */
	{60020, WECOM_CONFIG}, /* our address is not trusted */
	{93000, WECOM_CONFIG}, /* bad webhook key */
	{93019, WECOM_CONFIG}, /* bad robot id */
	{301002, WECOM_CONFIG}, /* no right to this application */
	{853000, WECOM_CONFIG}, /* bad robot id or secret */
	{40007, WECOM_CONTENT}, /* bad media_id */
	{40008, WECOM_CONTENT}, /* bad message type */
	{40033, WECOM_CONTENT}, /* characters not allowed */
	{40035, WECOM_CONTENT}, /* bad parameter */
	{40058, WECOM_CONTENT}, /* bad parameter or length */
	{40063, WECOM_CONTENT}, /* parameter missing */
	{44004, WECOM_CONTENT}, /* empty text */
	{45002, WECOM_CONTENT}, /* too long */
	{45008, WECOM_CONTENT}, /* too many articles */
	{45034, WECOM_CONTENT}, /* address without scheme */
	{47001, WECOM_CONTENT}, /* no JSON */
	{40003, WECOM_TARGET},  /* no such user */
	{46004, WECOM_TARGET},  /* no such user */
	{50002, WECOM_TARGET},  /* not visible to the application */
	{60011, WECOM_TARGET},  /* not visible to the application */
	{81013, WECOM_TARGET},  /* no valid receiver at all */
	{86001, WECOM_TARGET},  /* bad chat id */
	{86003, WECOM_TARGET},  /* bad chat id */
	{93006, WECOM_TARGET},  /* bad chat id */
};

static const struct {
	const char *name;
	enum wire_verdict_word word;
	int64_t retry_after_ms;
} classes[] = {
	[WECOM_OK] = {"ok", VERDICT_ACCEPTED, 0},
	[WECOM_BUSY] = {"busy", VERDICT_REFUSED_TEMP, WECOM_BUSY_RETRY_MS},
	[WECOM_RATE] = {"rate", VERDICT_REFUSED_TEMP, WECOM_RATE_PARK_MS},
	[WECOM_TOKEN] = {"token", VERDICT_REFUSED_TEMP, WECOM_BUSY_RETRY_MS},
	[WECOM_CONFIG] = {"config", VERDICT_REFUSED_FINAL, 0},
	[WECOM_CONTENT] = {"content", VERDICT_REFUSED_FINAL, 0},
	[WECOM_TARGET] = {"target", VERDICT_REFUSED_FINAL, 0},
	[WECOM_STRANGE] = {"content", VERDICT_REFUSED_FINAL, 0},
};

enum wecom_class wecom_errcode_class(json_int_t errcode)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].code == errcode)
			return codes[i].class;
	}
	return WECOM_STRANGE;
}

const char *wecom_class_name(enum wecom_class c)
{
	return classes[c].name;
}

/* One line of at most the verdict's size, without control characters, cut at a character. */
static void set_text(struct wire_verdict *v, const char *text)
{
	size_t n = text_cut_bytes(text, strlen(text), sizeof(v->text) - 1);

	for (size_t i = 0; i < n; i++)
		v->text[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
	v->text[n] = '\0';
}

void wecom_verdict_set(struct wire_verdict *v, enum wire_verdict_word word, const char *class,
	const char *text, int64_t retry_after_ms)
{
	v->verdict = word;
	(void)snprintf(v->class, sizeof(v->class), "%s", class);
	v->code[0] = '\0';
	set_text(v, text);
	v->retry_after_ms = retry_after_ms;
}

/* No answer, or one that says nothing: what was done is not known. */
static enum wecom_class judge_unknown(
	const struct http_result *res, struct wire_verdict *v, const char *why)
{
	wecom_verdict_set(v, VERDICT_UNKNOWN, "", why, res->retry_after_ms);
	if (res->outcome == HTTP_ANSWERED)
		(void)snprintf(v->code, sizeof(v->code), "http-%d", res->status);
	return WECOM_STRANGE;
}

static enum wecom_class judge_answer(
	const struct http_result *res, struct wire_verdict *v, const json_t *root)
{
	const json_t *errcode = json_object_get(root, "errcode");
	const char *errmsg = json_string_value(json_object_get(root, "errmsg"));
	enum wecom_class class;

	if (!json_is_integer(errcode))
		return judge_unknown(res, v, "answer without errcode");
	class = wecom_errcode_class(json_integer_value(errcode));
	if (class == WECOM_OK && (res->status < 200 || res->status > 299))
		return judge_unknown(res, v, "success in an HTTP error");
	wecom_verdict_set(v, classes[class].word, classes[class].name, errmsg ? errmsg : "",
		classes[class].retry_after_ms);
	(void)snprintf(
		v->code, sizeof(v->code), "%" JSON_INTEGER_FORMAT, json_integer_value(errcode));
	if (v->verdict == VERDICT_REFUSED_TEMP && res->retry_after_ms > v->retry_after_ms)
		v->retry_after_ms = res->retry_after_ms;
	return class;
}

enum wecom_class wecom_judge(
	const struct http_result *res, struct wire_verdict *v, json_t **ret_root)
{
	enum wecom_class class = WECOM_STRANGE;
	json_t *root = NULL;

	if (ret_root)
		*ret_root = NULL;
	if (res->outcome == HTTP_NOT_SENT) {
		wecom_verdict_set(v, VERDICT_NOT_SENT, "", res->error ? res->error : "not sent",
			WECOM_NOT_SENT_RETRY_MS);
		return class;
	}
	if (res->outcome == HTTP_UNKNOWN)
		return judge_unknown(res, v, res->error ? res->error : "no complete answer");
	root = json_loadb(res->body, res->body_len, JSON_REJECT_DUPLICATES, NULL);
	class = json_is_object(root) ? judge_answer(res, v, root)
				     : judge_unknown(res, v, "answer is no JSON object");
	if (ret_root)
		*ret_root = root;
	else
		json_decref(root);
	return class;
}
