/*
 * notifier/sms/accounts.c: each driver's settings under the names the configuration has for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "notifier/sms/accounts.h"

enum { MAX_SECRET = 512, MAX_URL = 512 };

void account_fini(struct account *a)
{
	for (size_t i = 0; i < a->n_owned; i++) {
		explicit_bzero(a->owned[i], strlen(a->owned[i]));
		free(a->owned[i]);
	}
	memset(a, 0, sizeof(*a));
}

/* Keeps S, which may be NULL (out of memory), and points *VIEW to it. */
static int keep(struct account *a, char *s, const char **view)
{
	if (!s || a->n_owned == ACCOUNT_MAX_STRINGS) {
		free(s);
		return -ENOMEM;
	}
	a->owned[a->n_owned++] = s;
	*view = s;
	return 0;
}

/* The secret in the file named by PATH; "" when the setting is empty. Owned. */
static int read_secret(const struct conf *c, const char *path, char **ret, struct sw_err *err)
{
	struct buf b;
	int rc = 0;

	buf_init(&b, MAX_SECRET);
	if (*conf_str(c, path))
		rc = file_read_secret(conf_str(c, path), &b, err);
	if (rc == 0 && !(*ret = buf_take(&b)))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (b.data)
		explicit_bzero(b.data, b.len);
	buf_fini(&b);
	return rc;
}

static int keep_secret(struct account *a, const struct conf *c, const char *path, const char **view,
	struct sw_err *err)
{
	char *secret = NULL;
	int rc = read_secret(c, path, &secret, err);

	return rc < 0 ? rc : keep(a, secret, view);
}

/* Where Kannel reaches the bot: sms.kannel.bot_url, or its own address when that can be named; "" otherwise. */
static void add_base(const struct conf *c, struct buf *out)
{
	const char *url = conf_str(c, "sms.kannel.bot_url"), *listen = conf_str(c, "http.listen");
	size_t n = strlen(url);

	if (n > 0) {
		while (n > 0 && url[n - 1] == '/')
			n--;
		(void)buf_add(out, url, n);
		return;
	}
	if (conf_int(c, "http.port") == 0)
		return;
	if (strcmp(listen, "0.0.0.0") == 0 || strcmp(listen, "::") == 0)
		listen = "127.0.0.1";
	(void)buf_addf(out, strchr(listen, ':') ? "http://[%s]:%d" : "http://%s:%d", listen,
		(int)conf_int(c, "http.port"));
}

/* The address of delivery reports with its token; "" when there is no token or no address. */
static int keep_report_url(struct account *a, const struct conf *c, struct sw_err *err)
{
	char *token = NULL;
	struct buf url;
	int rc = read_secret(c, "sms.callback_tokens.kannel", &token, err);

	if (rc < 0)
		return rc;
	buf_init(&url, MAX_URL);
	if (*token)
		add_base(c, &url);
	if (url.len > 0)
		(void)buf_addf(&url, "/sms/kannel/%s/report", token);
	rc = keep(a, buf_take(&url), &a->view.report_url);
	buf_fini(&url);
	explicit_bzero(token, strlen(token));
	free(token);
	return rc;
}

static int read_aliyun(struct account *a, const struct conf *c, struct sw_err *err)
{
	int rc = keep(a, strdup(conf_str(c, "sms.aliyun.endpoint")), &a->view.endpoint);

	if (rc == 0)
		rc = keep(a, strdup(conf_str(c, "sms.aliyun.region")), &a->view.region);
	if (rc == 0)
		rc = keep(a, strdup(conf_str(c, "sms.aliyun.access_key_id")), &a->view.id);
	if (rc == 0)
		rc = keep_secret(a, c, "sms.aliyun.secret_file", &a->view.secret, err);
	a->view.report_url = a->view.sender = "";
	a->rate = conf_int(c, "sms.aliyun.rate");
	return rc;
}

static int read_kannel(struct account *a, const struct conf *c, struct sw_err *err)
{
	int rc = keep(a, strdup(conf_str(c, "sms.kannel.url")), &a->view.endpoint);

	if (rc == 0)
		rc = keep(a, strdup(conf_str(c, "sms.kannel.username")), &a->view.id);
	if (rc == 0)
		rc = keep(a, strdup(conf_str(c, "sms.kannel.from")), &a->view.sender);
	if (rc == 0)
		rc = keep_secret(a, c, "sms.kannel.password_file", &a->view.secret, err);
	if (rc == 0)
		rc = keep_report_url(a, c, err);
	a->view.region = "";
	a->rate = conf_int(c, "sms.kannel.rate");
	return rc;
}

int account_read(const struct conf *c, const char *name, struct account *ret, struct sw_err *err)
{
	struct account a = {0};
	int rc = keep(&a, strdup(conf_str(c, "sms.sign")), &a.view.sign);

	if (rc == 0)
		rc = strcmp(name, "aliyun") == 0 ? read_aliyun(&a, c, err)
						 : read_kannel(&a, c, err);
	if (rc == -ENOMEM)
		err_set(err, rc, "out of memory");
	if (rc < 0) {
		account_fini(&a);
		return rc;
	}
	*ret = a;
	return 0;
}
