/*
 * bot/wecom/token.c: cache, single flight, and a short memory for failures, so that a thousand queued
 * messages do not make a thousand connections to a host that is away.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "bot/wecom/errcode.h"
#include "bot/wecom/token.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/text.h"

/*
 * For so long a failure answers for those who come next. By the wall clock, as the pauses of those who ask are: by
 * real time one failure would answer for all the hours a simulated clock passes in two seconds.
 */
#define FAILURE_MS 2000
#define MAX_EXPIRES_S 86400

struct waiter {
	STAILQ_ENTRY(waiter) link;
	wecom_token_cb cb;
	void *ctx;
};

struct wecom_token {
	struct loop *loop;
	struct http_client *http;
	char *api_base, *corp_id, *secret, *file;
	char token[TOKEN_MAX]; /* "": none */
	int64_t valid_until_ms;
	STAILQ_HEAD(, waiter) waiters;
	bool is_refreshing;
	bool is_scheduled; /* the waiters are answered from the cache later in this turn */
	struct wire_verdict failure;
	bool has_failed;
	int64_t failed_at_ms;
};

/* ---- the file ----------------------------------------------------------------------------------- */

static void load(struct wecom_token *t)
{
	struct buf b;
	json_t *root;
	const char *token;
	json_int_t until;

	buf_init(&b, 4096);
	if (file_exists(t->file) && file_read_secret(t->file, &b, NULL) == 0) {
		root = json_loadb(buf_str(&b), b.len, 0, NULL);
		if (root &&
			json_unpack(root, "{s:s, s:I}", "token", &token, "valid_until", &until) ==
				0 &&
			text_copy(t->token, sizeof(t->token), token) == 0)
			t->valid_until_ms = until;
		json_decref(root);
	}
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_fini(&b);
}

/* On the thread pool: file_write() syncs. */
struct save {
	char *file, *text;
};

static void save_work(void *ctx)
{
	struct save *s = ctx;

	/* The file only spares a request after a restart. */
	if (file_write(s->file, 0600, s->text, strlen(s->text), NULL) < 0)
		LOG_WARN("token_not_saved", "file=%s", s->file);
}

static void save_done(void *ctx)
{
	struct save *s = ctx;

	if (s->text)
		explicit_bzero(s->text, strlen(s->text));
	free(s->text);
	free(s->file);
	free(s);
}

static void save(struct wecom_token *t)
{
	struct save *s = calloc(1, sizeof(*s));
	json_t *root = json_pack(
		"{s:s, s:I}", "token", t->token, "valid_until", (json_int_t)t->valid_until_ms);

	if (s) {
		s->file = strdup(t->file);
		s->text = root ? json_dumps(root, JSON_COMPACT) : NULL;
		if (!s->file || !s->text || loop_work(t->loop, save_work, save_done, s) < 0)
			save_done(s);
	}
	json_decref(root);
}

/* ---- asking --------------------------------------------------------------------------------------- */

static void tell_waiters(
	struct wecom_token *t, const char *token, const struct wire_verdict *refusal)
{
	/* A waiter may ask again at once: it then belongs to the next round. */
	STAILQ_HEAD(, waiter) list = STAILQ_HEAD_INITIALIZER(list);
	struct waiter *w;

	STAILQ_CONCAT(&list, &t->waiters);
	while ((w = STAILQ_FIRST(&list))) {
		STAILQ_REMOVE_HEAD(&list, link);
		w->cb(w->ctx, token, refusal);
		free(w);
	}
}

static void fail(struct wecom_token *t, const struct wire_verdict *v)
{
	t->failure = *v;
	t->has_failed = true;
	t->failed_at_ms = loop_now_ms(t->loop);
	LOG_WARN("token_refused", "origin=%s origin_code=%s class=%s err=%s", "wecom", v->code,
		v->class, v->text);
	tell_waiters(t, NULL, v);
}

static bool take_token(struct wecom_token *t, const json_t *root)
{
	const char *token = json_string_value(json_object_get(root, "access_token"));
	json_int_t expires_s = json_integer_value(json_object_get(root, "expires_in"));

	if (!token || !*token || expires_s <= 0 || text_copy(t->token, sizeof(t->token), token) < 0)
		return false;
	if (expires_s > MAX_EXPIRES_S)
		expires_s = MAX_EXPIRES_S;
	t->valid_until_ms = loop_now_ms(t->loop) + (expires_s - TOKEN_EARLY_S) * 1000;
	return true;
}

/* The message that waits has not left, whatever became of this request: no verdict here is "unknown". */
static void as_refusal(struct wire_verdict *v, enum wecom_class class)
{
	if (v->verdict == VERDICT_UNKNOWN) {
		v->verdict = VERDICT_NOT_SENT;
		v->retry_after_ms = WECOM_NOT_SENT_RETRY_MS;
	} else if (v->verdict == VERDICT_REFUSED_FINAL || class == WECOM_TOKEN) {
		v->verdict = VERDICT_REFUSED_FINAL;
		v->retry_after_ms = 0;
		(void)snprintf(v->class, sizeof(v->class), "config");
	}
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct wecom_token *t = ctx;
	struct wire_verdict v = {0};
	json_t *root;
	enum wecom_class class = wecom_judge(res, &v, &root);

	t->is_refreshing = false;
	if (class == WECOM_OK && !take_token(t, root)) {
		wecom_verdict_set(&v, VERDICT_UNKNOWN, "", "answer without a token", 0);
		class = WECOM_STRANGE;
	}
	json_decref(root);
	if (class == WECOM_OK) {
		t->has_failed = false;
		LOG_INFO("token_refreshed", "valid_ms=%lld",
			(long long)(t->valid_until_ms - loop_now_ms(t->loop)));
		save(t);
		tell_waiters(t, t->token, NULL);
	} else {
		as_refusal(&v, class);
		fail(t, &v);
	}
}

static int refresh(struct wecom_token *t)
{
	struct buf url;
	char *corp = http_escape(t->corp_id), *secret = http_escape(t->secret);
	struct http_request req = {.method = "GET"};
	int rc = -ENOMEM;

	buf_init(&url, 4096);
	if (corp && secret &&
		buf_addf(&url, "%s/cgi-bin/gettoken?corpid=%s&corpsecret=%s", t->api_base, corp,
			secret) == 0) {
		req.url = buf_str(&url);
		rc = http_client_start(t->http, &req, on_answer, t, NULL);
		t->is_refreshing = rc == 0;
	}
	if (url.data)
		explicit_bzero(url.data, url.len);
	buf_fini(&url);
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
	free(corp);
	return rc;
}

static bool is_valid(const struct wecom_token *t)
{
	return *t->token && loop_now_ms(t->loop) < t->valid_until_ms;
}

/* A clock that was set back ends it, too. */
static bool is_failure_fresh(const struct wecom_token *t)
{
	int64_t age_ms = loop_now_ms(t->loop) - t->failed_at_ms;

	return t->has_failed && age_ms >= 0 && age_ms < FAILURE_MS;
}

static void answer_waiters(void *ctx)
{
	struct wecom_token *t = ctx;
	struct wire_verdict v = {0};
	int rc = 0;

	t->is_scheduled = false;
	if (is_valid(t)) {
		tell_waiters(t, t->token, NULL);
	} else if (is_failure_fresh(t)) {
		v = t->failure;
		tell_waiters(t, NULL, &v);
	} else if (!t->is_refreshing && (rc = refresh(t)) < 0) {
		wecom_verdict_set(&v, VERDICT_NOT_SENT, "", err_name(rc), WECOM_NOT_SENT_RETRY_MS);
		fail(t, &v);
	}
}

int wecom_token_get(struct wecom_token *t, wecom_token_cb cb, void *ctx)
{
	struct waiter *w = malloc(sizeof(*w));
	int rc = 0;

	if (!w)
		return -ENOMEM;
	*w = (struct waiter){.cb = cb, .ctx = ctx};
	if (!t->is_refreshing && !t->is_scheduled) {
		rc = loop_defer(t->loop, answer_waiters, t);
		t->is_scheduled = rc == 0;
	}
	if (rc < 0) {
		free(w);
		return rc;
	}
	STAILQ_INSERT_TAIL(&t->waiters, w, link);
	return 0;
}

void wecom_token_drop(struct wecom_token *t, const char *used)
{
	if (strcmp(t->token, used) != 0)
		return;
	explicit_bzero(t->token, sizeof(t->token));
	t->valid_until_ms = 0;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void secret_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

int wecom_token_create(struct loop *l, struct http_client *http, const char *api_base,
	const char *corp_id, const char *secret, const char *file, struct wecom_token **ret)
{
	struct wecom_token *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->loop = l;
	t->http = http;
	STAILQ_INIT(&t->waiters);
	t->api_base = strdup(api_base);
	t->corp_id = strdup(corp_id);
	t->secret = strdup(secret);
	t->file = strdup(file);
	if (!t->api_base || !t->corp_id || !t->secret || !t->file) {
		wecom_token_destroy(t);
		return -ENOMEM;
	}
	load(t);
	*ret = t;
	return 0;
}

void wecom_token_destroy(struct wecom_token *t)
{
	if (!t)
		return;
	free(t->api_base);
	free(t->corp_id);
	secret_free(t->secret);
	free(t->file);
	explicit_bzero(t->token, sizeof(t->token));
	free(t);
}

int wecom_token_set_secret(struct wecom_token *t, const char *secret)
{
	char *copy;

	if (strcmp(t->secret, secret) == 0)
		return 0;
	copy = strdup(secret);
	if (!copy)
		return -ENOMEM;
	secret_free(t->secret);
	t->secret = copy;
	t->has_failed = false;
	wecom_token_drop(t, t->token);
	return 0;
}
