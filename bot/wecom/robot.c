/*
 * bot/wecom/robot.c: one POST per message; the answer is judged by errcode alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bot/wecom/errcode.h"
#include "bot/wecom/robot.h"
#include "core/base/log.h"
#include "core/base/text.h"

enum { MAX_KEY = 128, MAX_ADDRESS = 1024 };

struct robot {
	struct http_client *http;
	char *api_base;
	char *mid_header;
	char *url; /* with the key: never logged */
};

struct robot_op {
	struct send_request req;
};

int robot_create(struct http_client *http, const char *api_base, const char *mid_header,
	const char *key, struct robot **ret, struct sw_err *err)
{
	struct robot *r = calloc(1, sizeof(*r));
	int rc = -ENOMEM;

	if (!r)
		return err_set(err, rc, "out of memory");
	r->http = http;
	r->api_base = strdup(api_base);
	r->mid_header = strdup(mid_header);
	if (!r->api_base || !r->mid_header)
		err_set(err, rc, "out of memory");
	else
		rc = robot_set_key(r, key, err);
	if (rc < 0) {
		robot_destroy(r);
		return rc;
	}
	*ret = r;
	return 0;
}

static void url_free(char *url)
{
	if (url)
		explicit_bzero(url, strlen(url));
	free(url);
}

void robot_destroy(struct robot *r)
{
	if (!r)
		return;
	url_free(r->url);
	free(r->api_base);
	free(r->mid_header);
	free(r);
}

/* Operators paste either the key or the address the client shows. */
static const char *key_of(const char *text, size_t *ret_len)
{
	const char *key = text;

	if (strstr(text, "://")) {
		const char *query = strchr(text, '?');

		key = query ? strstr(query, "key=") : NULL;
		if (!key || (key[-1] != '?' && key[-1] != '&'))
			return NULL;
		key += 4;
	}
	*ret_len = strspn(key, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_");
	if (*ret_len == 0 || *ret_len > MAX_KEY || (key[*ret_len] && key[*ret_len] != '&'))
		return NULL;
	return key;
}

int robot_set_key(struct robot *r, const char *key, struct sw_err *err)
{
	struct buf url;
	size_t len = 0;
	char *text;

	key = key_of(key, &len);
	if (!key)
		return err_set(
			err, SW_ECONF, "the key file holds neither a webhook key nor its address");
	buf_init(&url, MAX_ADDRESS);
	(void)buf_addf(&url, "%s/cgi-bin/webhook/send?key=%.*s", r->api_base, (int)len, key);
	text = buf_take(&url);
	buf_fini(&url);
	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	url_free(r->url);
	r->url = text;
	return 0;
}

/* ---- the body ---------------------------------------------------------------------------------- */

/* A webhook's markdown ignores mentioned_list: mentions stand in the text, on a line of their own. */
static int markdown_text(const struct wire_out *m, struct buf *out)
{
	int rc = buf_adds(out, m->text);

	for (size_t i = 0; i < m->n_mentions; i++)
		rc = buf_addf(out, "%s<@%s>", i == 0 ? "\n" : " ", m->mentions[i]);
	return rc;
}

static json_t *text_body(const struct wire_out *m)
{
	json_t *list = json_array();
	json_t *text;

	for (size_t i = 0; list && i < m->n_mentions; i++) {
		if (json_array_append_new(list, json_string(m->mentions[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	if (m->n_mentions == 0) {
		json_decref(list);
		text = json_pack("{s:s}", "content", m->text);
	} else {
		text = list ? json_pack("{s:s, s:o}", "content", m->text, "mentioned_list", list)
			    : NULL;
	}
	return text ? json_pack("{s:s, s:o}", "msgtype", "text", "text", text) : NULL;
}

static json_t *markdown_body(const struct wire_out *m)
{
	struct buf text;
	json_t *root = NULL;

	buf_init(&text, WIRE_MAX_BYTES);
	if (markdown_text(m, &text) == 0)
		root = json_pack("{s:s, s:{s:s}}", "msgtype", "markdown", "markdown", "content",
			buf_str(&text));
	buf_fini(&text);
	return root;
}

char *robot_body(const struct wire_out *m)
{
	json_t *root = m->type == TEXT_PLAIN ? text_body(m) : markdown_body(m);
	/* Never with \u escapes: 40033. */
	char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;

	json_decref(root);
	return body;
}

/* ---- sending ------------------------------------------------------------------------------------- */

static int check(void *ctx, const struct wire_out *m, struct wire_verdict *v)
{
	size_t len = strlen(m->text), max = ROBOT_TEXT_BYTES;

	(void)ctx;
	if (m->type == TEXT_MARKDOWN) {
		max = ROBOT_MARKDOWN_BYTES;
		for (size_t i = 0; i < m->n_mentions; i++)
			len += strlen(m->mentions[i]) + 4; /* "\n<@>" or " <@>" */
	}
	if (len > 0 && len <= max)
		return 0;
	wecom_verdict_set(v, VERDICT_REFUSED_FINAL, "content",
		len == 0 ? "the text is empty" : "the text is longer than the group's robot takes",
		0);
	return SW_EINVAL;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct robot_op *op = ctx;
	struct send_request req = op->req;
	struct wire_verdict v = {0};
	enum wecom_class class = wecom_judge(res, &v, NULL);

	free(op);
	if (class == WECOM_STRANGE && v.verdict == VERDICT_REFUSED_FINAL)
		LOG_ERROR("wecom_code_unknown", "chan=%s origin_code=%s err=%s", "robot", v.code,
			v.text);
	req.done(req.ctx, &v);
}

static bool may_send(void *ctx)
{
	const struct robot_op *op = ctx;

	return op->req.may_send(op->req.ctx);
}

static int send(void *ctx, const struct send_request *req)
{
	struct robot *r = ctx;
	struct robot_op *op = malloc(sizeof(*op));
	char *body = robot_body(req->msg);
	const struct http_header headers[] = {
		{"Content-Type", "application/json"}, {r->mid_header, req->msg->mid}};
	struct http_request http = {.method = "POST",
		.url = r->url,
		.headers = headers,
		.n_headers = *r->mid_header ? 2 : 1,
		.may_send = may_send};
	int rc = -ENOMEM;

	if (op && body) {
		op->req = *req;
		http.body = body;
		http.body_len = strlen(body);
		rc = http_client_start(r->http, &http, on_answer, op, NULL);
	}
	free(body);
	if (rc < 0)
		free(op);
	return rc;
}

struct sender robot_sender(struct robot *r)
{
	return (struct sender){.check = check, .send = send, .ctx = r};
}
