/*
 * bot/ingress/sms_callback.c: knows the token, spools what came, answers as the provider wants it.
 *
 * The same content is the same event: an id is the digest of provider, kind, query and piece, so that a push that is
 * repeated finds itself known. What it means is the notifier's business.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/ingress/sms_callback.h"
#include "core/base/log.h"
#include "core/base/text.h"

struct token {
	char provider[16];
	char now[SMS_TOKEN_MAX + 1], former[SMS_TOKEN_MAX + 1];
	int64_t former_until_ms;
};

struct sms_callbacks {
	struct sms_callbacks_opts opts;
	struct token tokens[SMS_CALLBACK_MAX_PROVIDERS];
	size_t n_tokens;
	size_t n_waiting;
	bool is_stopped;
};

/* One push that waits for its pieces to be synced. */
struct push {
	struct sms_callbacks *owner;
	struct http_exchange *x;
	char provider[16];
	enum wire_in_kind kind;
	size_t pending;
	bool has_failed;
};

/* ---- which endpoint ---- */

/* "/sms/<provider>/<token>/report": the three parts behind "/sms/". */
static bool split_path(const char *path, char provider[16], char token[SMS_TOKEN_MAX + 1],
	enum wire_in_kind *ret_kind)
{
	const char *name = path + strlen("/sms/"), *slash, *end;

	if (!text_starts(path, "/sms/"))
		return false;
	slash = strchr(name, '/');
	end = slash ? strchr(slash + 1, '/') : NULL;
	if (!end || slash == name || slash - name > 15 || end - slash - 1 > SMS_TOKEN_MAX)
		return false;
	if (strcmp(end, "/report") != 0 && strcmp(end, "/uplink") != 0)
		return false;
	memcpy(provider, name, (size_t)(slash - name));
	provider[slash - name] = '\0';
	memcpy(token, slash + 1, (size_t)(end - slash - 1));
	token[end - slash - 1] = '\0';
	*ret_kind = strcmp(end, "/report") == 0 ? IN_SMS_REPORT : IN_SMS_UPLINK;
	return true;
}

static bool find(const struct sms_callbacks *s, const char *path, char provider[16],
	enum wire_in_kind *ret_kind)
{
	int64_t now = loop_now_ms(s->opts.loop);
	char token[SMS_TOKEN_MAX + 1];

	if (!split_path(path, provider, token, ret_kind))
		return false;
	for (size_t i = 0; i < s->n_tokens; i++) {
		const struct token *t = &s->tokens[i];

		if (strcmp(t->provider, provider) != 0)
			continue;
		return id_equal(t->now, token) ||
		       (t->former[0] && now < t->former_until_ms && id_equal(t->former, token));
	}
	return false;
}

bool sms_callbacks_know(const struct sms_callbacks *s, const char *path)
{
	enum wire_in_kind kind;
	char provider[16];

	return s && find(s, path, provider, &kind);
}

/* ---- pieces ---- */

size_t sms_callback_cut(const char *body, size_t len, size_t max, size_t *starts, size_t *lens)
{
	size_t n = 0, from, last_end = 0, depth = 0, i = 0, end = len;
	bool in_string = false;

	while (end > 0 && strchr(" \t\r\n", body[end - 1]))
		end--;
	while (i < end && strchr(" \t\r\n", body[i]))
		i++;
	if (end - i < 2 || body[i] != '[' || body[end - 1] != ']')
		return 0;
	from = ++i;
	end--;
	for (; i <= end; i++) {
		bool is_border = i == end || (depth == 0 && !in_string && body[i] == ',');

		if (is_border) {
			/* The piece up to the border before is full when this element does not fit. */
			if (i - from > max && last_end > from) {
				if (n == SMS_CALLBACK_MAX_CHUNKS)
					return 0;
				starts[n] = from;
				lens[n++] = last_end - from;
				from = last_end + 1;
			}
			if (i - from > max)
				return 0;
			last_end = i;
		} else if (in_string) {
			if (body[i] == '\\')
				i++;
			else if (body[i] == '"')
				in_string = false;
		} else if (body[i] == '"') {
			in_string = true;
		} else if (body[i] == '{' || body[i] == '[') {
			depth++;
		} else if ((body[i] == '}' || body[i] == ']') && depth > 0) {
			depth--;
		}
	}
	if (in_string || depth > 0 || n == SMS_CALLBACK_MAX_CHUNKS)
		return 0;
	starts[n] = from;
	lens[n++] = end - from;
	return n;
}

/* ---- answers ---- */

static const char *kind_name(enum wire_in_kind kind)
{
	return kind == IN_SMS_REPORT ? "report" : "uplink";
}

static void count(const struct sms_callbacks *s, enum wire_in_kind kind, const char *outcome)
{
	char labels[80]; /* both words are ours */

	(void)snprintf(labels, sizeof(labels), "route=\"sms_%s\",outcome=\"%s\"", kind_name(kind),
		outcome);
	metrics_add(s->opts.metrics, "shouwang_callbacks_total", labels, 1);
}

/* Each provider wants its own yes; Kannel would send any text back to the phone as a message. */
static void answer_yes(struct http_exchange *x, const char *provider)
{
	static const struct {
		const char *provider, *type, *body;
	} yes[] = {{"aliyun", "application/json;charset=UTF-8", "{\"code\":0,\"msg\":\"成功\"}"},
		{"tencent", "application/json", "{\"result\":0,\"errmsg\":\"OK\"}"}};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (strcmp(yes[i].provider, provider) == 0) {
			http_respond(x, 200, yes[i].type, yes[i].body, strlen(yes[i].body), NULL);
			return;
		}
	http_respond(x, 200, "text/plain", "", 0, NULL);
}

static void answer_no(struct http_exchange *x, int status)
{
	http_respond(x, status, "text/plain", "", 0, NULL);
}

/* ---- taking ---- */

static void push_part_done(struct push *p)
{
	struct sms_callbacks *s = p->owner;

	if (--p->pending)
		return;
	s->n_waiting--;
	count(s, p->kind, p->has_failed ? "busy" : "ok");
	if (p->has_failed)
		answer_no(p->x, 503);
	else
		answer_yes(p->x, p->provider);
	free(p);
}

static void on_durable(void *ctx, int rc, bool is_repeat)
{
	struct push *p = ctx;

	(void)is_repeat;
	if (rc < 0) {
		LOG_ERROR("callback_not_spooled", "route=sms_%s err=%s", kind_name(p->kind),
			err_name(rc));
		p->has_failed = true;
	}
	push_part_done(p);
}

/* TEXT is one line of the event; it becomes an array again when it is a piece of one. */
static void take_piece(struct push *p, const char *text, size_t len, bool is_cut)
{
	struct sms_callbacks *s = p->owner;
	struct wire_in in = {
		.kind = p->kind, .at_ms = loop_now_ms(s->opts.loop), .mentioned = true};
	const char *query = http_query_raw(p->x);
	struct buf b;
	int rc;

	buf_init(&b, 2 * (size_t)SMS_CALLBACK_CHUNK);
	(void)snprintf(in.source, sizeof(in.source), "sms/%s", p->provider);
	rc = buf_addf(&b, "%s\n%s\n", kind_name(p->kind), query);
	if (rc == 0)
		rc = buf_add(&b, text, len);
	if (rc == 0) {
		char hex[65];

		id_sha256_hex(b.data, b.len, hex);
		(void)snprintf(in.provider_id, sizeof(in.provider_id), "%s", hex);
		id_event(in.source, hex, in.id);
		buf_reset(&b);
		rc = buf_addf(&b, is_cut ? "[%.*s]" : "%.*s", (int)len, text);
	}
	if (rc == 0) {
		in.text = b.len ? (char *)b.data : NULL; /* borrowed for the call */
		in.query = (char *)(uintptr_t)query;
		p->pending++;
		rc = spool_add(s->opts.spool, &in, on_durable, p);
		if (rc < 0)
			p->pending--;
	}
	if (rc < 0) {
		LOG_ERROR("callback_not_spooled", "route=sms_%s err=%s", kind_name(p->kind),
			err_name(rc));
		p->has_failed = true;
	}
	buf_fini(&b);
}

static void take(struct push *p, const char *body, size_t len)
{
	size_t starts[SMS_CALLBACK_MAX_CHUNKS], lens[SMS_CALLBACK_MAX_CHUNKS], n = 0;

	if (len <= SMS_CALLBACK_CHUNK)
		take_piece(p, body, len, false);
	else
		n = sms_callback_cut(body, len, SMS_CALLBACK_CHUNK, starts, lens);
	for (size_t i = 0; i < n; i++)
		take_piece(p, body + starts[i], lens[i], true);
	if (len > SMS_CALLBACK_CHUNK && n == 0) {
		LOG_ERROR("callback_not_cut", "route=sms_%s bytes=%zu", kind_name(p->kind), len);
		p->has_failed = true;
	}
	p->owner->opts.on_taken(p->owner->opts.ctx);
	push_part_done(p);
}

void sms_callbacks_handle(struct sms_callbacks *s, struct http_exchange *x)
{
	bool is_post = strcmp(http_method(x), "POST") == 0;
	enum wire_in_kind kind;
	char provider[16];
	struct push *p;
	const char *body;
	size_t len;

	if (!find(s, http_path(x), provider, &kind)) {
		answer_no(x, 404);
		return;
	}
	if (!is_post && strcmp(http_method(x), "GET") != 0) {
		const char *const headers[] = {"Allow", "GET, POST", NULL};

		http_respond(x, 405, "text/plain", "", 0, headers);
		return;
	}
	body = http_body(x, &len);
	if (strlen(http_query_raw(x)) + len == 0 || strlen(body) != len ||
		!text_utf8_valid(body, len, NULL)) {
		LOG_WARN("callback_not_taken", "route=sms_%s why=\"not a text\"", kind_name(kind));
		count(s, kind, "malformed");
		answer_no(x, 400);
		return;
	}
	p = s->is_stopped ? NULL : calloc(1, sizeof(*p));
	if (!p) {
		answer_no(x, 503);
		return;
	}
	*p = (struct push){.owner = s, .x = x, .kind = kind, .pending = 1};
	memcpy(p->provider, provider, sizeof(p->provider));
	s->n_waiting++;
	limit_trust(s->opts.limit, http_peer(x));
	take(p, body, len);
}

/* ---- life ---- */

int sms_callbacks_create(const struct sms_callbacks_opts *opts, struct sms_callbacks **ret)
{
	struct sms_callbacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->opts = *opts;
	*ret = s;
	return 0;
}

void sms_callbacks_destroy(struct sms_callbacks *s)
{
	if (s)
		explicit_bzero(s->tokens, sizeof(s->tokens));
	free(s);
}

int sms_callbacks_set_token(
	struct sms_callbacks *s, const char *provider, const char *token, int64_t until_ms)
{
	size_t len = strlen(token), i = 0;
	struct token *t;

	if (len < SMS_TOKEN_MIN || len > SMS_TOKEN_MAX ||
		strspn(token, "0123456789abcdefABCDEF") != len)
		return SW_EINVAL;
	while (i < s->n_tokens && strcmp(s->tokens[i].provider, provider) != 0)
		i++;
	if (i == SMS_CALLBACK_MAX_PROVIDERS)
		return SW_ELIMIT;
	t = &s->tokens[i];
	if (i == s->n_tokens) {
		if (text_copy(t->provider, sizeof(t->provider), provider) < 0)
			return SW_EINVAL;
		s->n_tokens++;
	} else if (strcmp(t->now, token) != 0) {
		memcpy(t->former, t->now, sizeof(t->former));
		t->former_until_ms = until_ms;
	}
	memcpy(t->now, token, len + 1);
	return 0;
}

void sms_callbacks_stop(struct sms_callbacks *s)
{
	s->is_stopped = true;
}

size_t sms_callbacks_waiting(const struct sms_callbacks *s)
{
	return s->n_waiting;
}
