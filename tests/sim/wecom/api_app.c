/*
 * tests/sim/wecom/api_app.c: application messages: token (document 91039) and message/send (document 90236).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/wecom/api.h"

/* Bytes, seconds and counts of the documents. */
enum {
	MAX_TEXT = 2048,
	TOKEN_S = 7200,
	DUPLICATE_S = 1800,
	DUPLICATE_MAX_S = 14400,
	PER_MEMBER = 30,
	MAX_RECIPIENTS = 1000
};

/* ---- token ------------------------------------------------------------------------------------ */

struct app *api_app_of_token(struct world *w, const char *token)
{
	for (size_t i = 0; *token && i < w->n_apps; i++)
		if (strcmp(w->apps[i].access_token, token) == 0)
			return &w->apps[i];
	return NULL;
}

static struct app *find_app(struct world *w, const char *corp_id, const char *secret)
{
	for (size_t i = 0; i < w->n_apps; i++)
		if (strcmp(w->apps[i].corp_id, corp_id) == 0 &&
			(!secret || strcmp(w->apps[i].secret, secret) == 0))
			return &w->apps[i];
	return NULL;
}

void api_app_token(struct api_call *c)
{
	const char *corp_id = http_query(c->x, "corpid");
	const char *secret = http_query(c->x, "corpsecret");
	int64_t now = sim_now_ms(c->sim);
	struct app *a;

	if (!corp_id || !find_app(&c->sim->world, corp_id, NULL)) {
		api_fail(c, 40013, "invalid corpid");
		return;
	}
	a = secret ? find_app(&c->sim->world, corp_id, secret) : NULL;
	if (!a) {
		api_fail(c, 40001, "invalid credential");
		return;
	}
	/* The same token as long as it holds, as the real one does. */
	if (!a->access_token[0] || now >= a->token_until_ms) {
		id_random_hex(32, a->access_token);
		a->token_until_ms = now + (int64_t)TOKEN_S * 1000;
	}
	api_ok(c);
	json_object_set_new(c->answer, "access_token", json_string(a->access_token));
	json_object_set_new(
		c->answer, "expires_in", json_integer((a->token_until_ms - now) / 1000));
}

/* ---- who gets it ------------------------------------------------------------------------------ */

struct recipients {
	const struct member *who[MAX_RECIPIENTS];
	size_t n;
	struct buf invalid; /* "u1|u2", lower case */
};

static void add_invalid(struct recipients *r, const char *name, size_t len)
{
	if (r->invalid.len > 0)
		buf_addc(&r->invalid, '|');
	for (size_t i = 0; i < len; i++)
		buf_addc(&r->invalid,
			(char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 'a' - 'A' : name[i]));
}

static void add_recipient(struct recipients *r, const struct member *m)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->who[i] == m)
			return;
	if (r->n < MAX_RECIPIENTS)
		r->who[r->n++] = m;
}

static void read_recipients(struct recipients *r, const struct world *w, const char *touser)
{
	if (strcmp(touser, "@all") == 0) {
		for (size_t i = 0; i < w->n_members; i++)
			add_recipient(r, &w->members[i]);
		return;
	}
	while (*touser) {
		size_t len = strcspn(touser, "|");
		const struct member *m = world_member(w, touser, len);

		if (m)
			add_recipient(r, m);
		else if (len > 0)
			add_invalid(r, touser, len);
		touser += len + (touser[len] == '|');
	}
}

/* ---- the same body again ---------------------------------------------------------------------- */

/*
 * A table of fixed size, oldest replaced: beyond 4,096 bodies in four hours a duplicate would be shown, which is
 * louder than a message that is missing.
 */
enum { SEEN_MAX = 4096 };

struct seen_body {
	char digest[65], msgid[65];
	int64_t until_ms;
};

/* The msgid of the first one, or NULL after noting this one under MSGID. */
static const char *seen_before(struct api_call *c, const char *msgid)
{
	const json_t *interval = json_object_get(c->request, "duplicate_check_interval");
	json_int_t span_s = json_is_integer(interval) ? json_integer_value(interval) : DUPLICATE_S;
	int64_t now = sim_now_ms(c->sim);
	struct app *a = c->app;
	char digest[65];

	if (json_integer_value(json_object_get(c->request, "enable_duplicate_check")) != 1)
		return NULL;
	if (span_s < 1 || span_s > DUPLICATE_MAX_S)
		span_s = DUPLICATE_MAX_S;
	if (!a->seen)
		a->seen = calloc(SEEN_MAX, sizeof(*a->seen));
	if (!a->seen)
		return NULL;
	id_sha256_hex(c->body, c->body_len, digest);
	for (size_t i = 0; i < SEEN_MAX; i++)
		if (a->seen[i].until_ms > now && strcmp(a->seen[i].digest, digest) == 0)
			return a->seen[i].msgid;
	memcpy(a->seen[a->seen_next].digest, digest, sizeof(digest));
	snprintf(a->seen[a->seen_next].msgid, sizeof(a->seen[0].msgid), "%s", msgid);
	a->seen[a->seen_next].until_ms = now + (int64_t)span_s * 1000;
	a->seen_next = (a->seen_next + 1) % SEEN_MAX;
	return NULL;
}

/* ---- message/send ----------------------------------------------------------------------------- */

static bool check_token(struct api_call *c)
{
	const char *token = http_query(c->x, "access_token");

	if (!token || !*token) {
		api_fail(c, 41001, "access_token missing");
		return false;
	}
	if (!c->app) {
		api_fail(c, 40014, "invalid access_token");
		return false;
	}
	if (sim_now_ms(c->sim) >= c->app->token_until_ms) {
		api_fail(c, 42001, "access_token expired");
		return false;
	}
	return true;
}

static bool check_agent(struct api_call *c)
{
	const json_t *id = json_object_get(c->request, "agentid");

	if (!json_is_integer(id)) {
		api_fail(c, 40056, "Warning: wrong json format. invalid agentid");
		return false;
	}
	if (json_integer_value(id) != c->app->agent_id) {
		api_fail(c, 40056, "invalid agentid");
		return false;
	}
	return true;
}

static void show_to(struct api_call *c, const struct recipients *r, const char *text, size_t len)
{
	for (size_t i = 0; i < r->n; i++) {
		size_t index = (size_t)(r->who[i] - c->sim->world.members);

		/* The surplus is dropped without a word: errcode stays 0. */
		if (!window_take(&c->app->sent[index], PER_MEMBER, sim_now_ms(c->sim)))
			continue;
		if (sim_show(c->sim, &(struct shown){.chat = c->app->chat,
					     .peer = r->who[i]->userid,
					     .type = c->msgtype,
					     .text = text,
					     .text_len = len,
					     .mid = c->mid}) > 0)
			c->shown = true;
	}
}

static void accept_message(
	struct api_call *c, const struct recipients *r, const char *text, size_t len)
{
	char msgid[49];
	const char *first;

	id_random_hex(24, msgid);
	first = seen_before(c, msgid);
	c->duplicate = first != NULL;
	if (!first)
		show_to(c, r, text, len);
	api_ok(c);
	json_object_set_new(c->answer, "invaliduser", json_string(buf_str(&r->invalid)));
	json_object_set_new(c->answer, "msgid", json_string(first ? first : msgid));
}

void api_app_send(struct api_call *c)
{
	struct recipients *r;
	const char *touser, *text;
	size_t len;

	if (!check_token(c) || !api_parse_body(c))
		return;
	touser = json_string_value(json_object_get(c->request, "touser"));
	snprintf(c->to, sizeof(c->to), "%.*s",
		(int)(touser ? text_cut_bytes(touser, strlen(touser), sizeof(c->to) - 1) : 0),
		touser ? touser : "");
	if (!check_agent(c))
		return;
	text = api_read_content(c, MAX_TEXT, MAX_TEXT, true, &len);
	if (!text)
		return;
	r = calloc(1, sizeof(*r));
	if (!r) {
		api_fail(c, -1, "system error");
		return;
	}
	buf_init(&r->invalid, 65536);
	read_recipients(r, &c->sim->world, touser ? touser : "");
	if (r->n == 0)
		api_fail(c, 81013, "user & party & tag all invalid");
	else
		accept_message(c, r, text, len);
	buf_fini(&r->invalid);
	free(r);
}
