/*
 * bot/wecom/app_message.c: token, POST, and a second look at a success: a member whom the application cannot
 * reach is named in the answer although errcode is 0.
 *
 * A refused token is the one thing that is tried again here: the refusal was read completely, so nothing was
 * sent, and it happens to every message of an application at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bot/wecom/app_message.h"
#include "bot/wecom/errcode.h"
#include "core/base/log.h"
#include "core/base/text.h"

enum { MAX_ADDRESS = 2048 };

struct app {
	struct http_client *http;
	struct wecom_token *token;
	char *api_base, *mid_header;
	int64_t agent_id;
};

struct app_op {
	struct app *app;
	struct send_request req;
	char token[TOKEN_MAX]; /* the one used */
	bool is_second;
};

char *app_body(const struct wire_out *m, int64_t agent_id)
{
	const char *type = m->type == TEXT_PLAIN ? "text" : "markdown";
	json_t *root = json_pack("{s:s, s:s, s:I, s:{s:s}, s:i, s:i}", "touser", m->to, "msgtype",
		type, "agentid", (json_int_t)agent_id, type, "content", m->text,
		"enable_duplicate_check", 1, "duplicate_check_interval", APP_DUPLICATE_CHECK_S);
	char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return body;
}

static int check(void *ctx, const struct wire_out *m, struct wire_verdict *v)
{
	size_t len = strlen(m->text);
	const char *class = "content", *why = NULL;

	(void)ctx;
	if (len == 0) {
		why = "the text is empty";
	} else if (len > APP_TEXT_BYTES) {
		why = "the text is longer than an application message takes";
	} else if (!*m->to || strcmp(m->to, "@all") == 0 || strchr(m->to, '|')) {
		/* "|" makes a list and "@all" the whole company: one mid is one recipient. */
		class = "target";
		why = "the recipient is no single user id";
	}
	if (!why)
		return 0;
	wecom_verdict_set(v, VERDICT_REFUSED_FINAL, class, why, 0);
	return SW_EINVAL;
}

static void finish(struct app_op *op, const struct wire_verdict *v)
{
	struct send_request req = op->req;

	explicit_bzero(op->token, sizeof(op->token));
	free(op);
	req.done(req.ctx, v);
}

static void finish_not_sent(struct app_op *op, int rc)
{
	struct wire_verdict v = {0};

	wecom_verdict_set(&v, VERDICT_NOT_SENT, "", err_name(rc), WECOM_NOT_SENT_RETRY_MS);
	finish(op, &v);
}

/* Is USER in the "u1|u2" list KEY of an answer? Answers give user ids in lower case. */
static bool is_listed(const json_t *root, const char *key, const char *user)
{
	const char *at = json_string_value(json_object_get(root, key));
	size_t len = strlen(user);

	while (at && *at) {
		size_t n = strcspn(at, "|");

		if (n == len && strncasecmp(at, user, n) == 0)
			return true;
		at += n;
		at += *at == '|';
	}
	return false;
}

static void look_for_recipient(const struct app_op *op, const json_t *root, struct wire_verdict *v)
{
	static const char *const lists[] = {"invaliduser", "unlicenseduser"};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (!is_listed(root, lists[i], op->req.msg->to))
			continue;
		wecom_verdict_set(v, VERDICT_REFUSED_FINAL, "target",
			"the application does not reach this member", 0);
		(void)snprintf(v->code, sizeof(v->code), "%s", lists[i]);
		return;
	}
}

static void on_token(void *ctx, const char *token, const struct wire_verdict *refusal);

/* True when the message is on its way once more. */
static bool try_again(struct app_op *op)
{
	if (op->is_second)
		return false;
	op->is_second = true;
	wecom_token_drop(op->app->token, op->token);
	return wecom_token_get(op->app->token, on_token, op) == 0;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct app_op *op = ctx;
	struct wire_verdict v = {0};
	json_t *root;
	enum wecom_class class = wecom_judge(res, &v, &root);

	if (class == WECOM_OK)
		look_for_recipient(op, root, &v);
	json_decref(root);
	/* In the answer to a business call this code speaks of the token, not of the secret. */
	if (class == WECOM_CONFIG && strcmp(v.code, "40001") == 0)
		class = WECOM_TOKEN;
	if (class == WECOM_TOKEN) {
		if (try_again(op))
			return;
		v.verdict = VERDICT_REFUSED_FINAL;
		v.retry_after_ms = 0;
		(void)snprintf(v.class, sizeof(v.class), "config");
	}
	if (class == WECOM_STRANGE && v.verdict == VERDICT_REFUSED_FINAL)
		LOG_ERROR("wecom_code_unknown", "chan=%s origin_code=%s err=%s", "app", v.code,
			v.text);
	finish(op, &v);
}

static bool may_send(void *ctx)
{
	const struct app_op *op = ctx;

	return op->req.may_send(op->req.ctx);
}

static int post(struct app_op *op, const char *token)
{
	struct app *a = op->app;
	char *body = app_body(op->req.msg, a->agent_id);
	char *escaped = http_escape(token);
	const struct http_header headers[] = {
		{"Content-Type", "application/json"}, {a->mid_header, op->req.msg->mid}};
	struct http_request req = {.method = "POST",
		.headers = headers,
		.n_headers = *a->mid_header ? 2 : 1,
		.may_send = may_send};
	struct buf url;
	int rc = -ENOMEM;

	buf_init(&url, MAX_ADDRESS);
	if (body && escaped &&
		buf_addf(&url, "%s/cgi-bin/message/send?access_token=%s", a->api_base, escaped) ==
			0) {
		req.url = buf_str(&url);
		req.body = body;
		req.body_len = strlen(body);
		rc = http_client_start(a->http, &req, on_answer, op, NULL);
	}
	if (url.data)
		explicit_bzero(url.data, url.len);
	buf_fini(&url);
	free(escaped);
	free(body);
	return rc;
}

static void on_token(void *ctx, const char *token, const struct wire_verdict *refusal)
{
	struct app_op *op = ctx;
	int rc;

	if (!token) {
		finish(op, refusal);
		return;
	}
	(void)snprintf(op->token, sizeof(op->token), "%s", token);
	rc = post(op, token);
	if (rc < 0)
		finish_not_sent(op, rc);
}

static int send(void *ctx, const struct send_request *req)
{
	struct app *a = ctx;
	struct app_op *op = calloc(1, sizeof(*op));
	int rc;

	if (!op)
		return -ENOMEM;
	op->app = a;
	op->req = *req;
	rc = wecom_token_get(a->token, on_token, op);
	if (rc < 0)
		free(op);
	return rc;
}

struct sender app_sender(struct app *a)
{
	return (struct sender){.check = check, .send = send, .ctx = a};
}

int app_create(struct http_client *http, struct wecom_token *token, const char *api_base,
	const char *mid_header, int64_t agent_id, struct app **ret)
{
	struct app *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->http = http;
	a->token = token;
	a->agent_id = agent_id;
	a->api_base = strdup(api_base);
	a->mid_header = strdup(mid_header);
	if (!a->api_base || !a->mid_header) {
		app_destroy(a);
		return -ENOMEM;
	}
	*ret = a;
	return 0;
}

void app_destroy(struct app *a)
{
	if (!a)
		return;
	free(a->api_base);
	free(a->mid_header);
	free(a);
}
