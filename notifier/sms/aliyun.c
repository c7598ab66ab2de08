/*
 * notifier/sms/aliyun.c: Aliyun's SMS service, product Dysmsapi, version 2017-05-25.
 *
 * SendSms with all parameters in a form body: a POST without a body would be resent by libcurl. One BizId stands for all
 * numbers of a request, and a Code other than OK refuses all of them. Codes: document 101346; frequency: document 44335;
 * receipts: document 101867; uplinks: document 414223.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/id.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/sms/aliyun_sign.h"
#include "notifier/sms/driver.h"
#include "notifier/sms/received.h"

enum {
	MAX_FORM = 64 * 1024,
	MAX_HOST = 255,
	MINUTE_MS = 60 * 1000,
	HOUR_MS = 60 * MINUTE_MS,
	DAY_MS = 24 * HOUR_MS,
};

/* ---- codes ------------------------------------------------------------------------------------- */

/* A code that ends in '*' stands for all that begin like it; the first row that fits counts. */
static const struct {
	const char *code;
	enum gateway_cause cause;
} codes[] = {
	{"OK", GATEWAY_OK},
	{"Throttling*", GATEWAY_THROTTLE}, /* requests a second of the account; .User, .Api */
	{"ServiceUnavailable*", GATEWAY_TROUBLE},
	{"InternalError*", GATEWAY_TROUBLE},
	{"isp.SYSTEM_ERROR", GATEWAY_TROUBLE},
	{"SignatureNonceUsed", GATEWAY_TROUBLE}, /* the next attempt has another */
	{"isv.BUSINESS_LIMIT_CONTROL", GATEWAY_NUMBER_LATER},
	{"isv.DAY_LIMIT_CONTROL", GATEWAY_ACCOUNT}, /* our own quota */
	{"isv.MONTH_LIMIT_CONTROL", GATEWAY_ACCOUNT},
	{"isv.OUT_OF_SERVICE", GATEWAY_ACCOUNT},
	{"isv.AMOUNT_NOT_ENOUGH", GATEWAY_ACCOUNT},
	{"isv.PRODUCT_UN_SUBSCRIPT", GATEWAY_ACCOUNT},
	{"isv.PRODUCT_UNSUBSCRIBE", GATEWAY_ACCOUNT},
	{"isv.ACCOUNT_NOT_EXISTS", GATEWAY_ACCOUNT},
	{"isv.ACCOUNT_ABNORMAL", GATEWAY_ACCOUNT},
	{"isv.DENY_IP_RANGE", GATEWAY_ACCOUNT},
	{"isp.RAM_PERMISSION_DENY", GATEWAY_ACCOUNT},
	{"Forbidden*", GATEWAY_ACCOUNT},
	{"InvalidAccessKeyId*", GATEWAY_ACCOUNT},
	{"SignatureDoesNotMatch", GATEWAY_ACCOUNT},
	{"IncompleteSignature", GATEWAY_ACCOUNT},
	{"InvalidTimeStamp*", GATEWAY_ACCOUNT}, /* a clock is wrong: every request would fail */
	{"isv.MOBILE_NUMBER_ILLEGAL", GATEWAY_NUMBER},
	{"isv.DOMESTIC_NUMBER_NOT_SUPPORTED", GATEWAY_NUMBER},
	{"isv.MOBILE_COUNT_OVER_LIMIT", GATEWAY_NUMBER}, /* splitting helps */
	{"isv.SMS_TEMPLATE_ILLEGAL", GATEWAY_CONTENT},
	{"isv.SMS_SIGNATURE_ILLEGAL", GATEWAY_CONTENT},
	{"isv.SMS_SIGN_ILLEGAL", GATEWAY_CONTENT},
	{"isv.SIGN_STATE_ILLEGAL", GATEWAY_CONTENT},
	{"isv.SMS_SIGNATURE_SCENE_ILLEGAL", GATEWAY_CONTENT},
	{"isv.TEMPLATE_MISSING_PARAMETERS", GATEWAY_CONTENT},
	{"isv.TEMPLATE_PARAMS_ILLEGAL", GATEWAY_CONTENT},
	{"isv.TEMPLATE_CONTENT*", GATEWAY_CONTENT},
	{"isv.INVALID_PARAMETERS", GATEWAY_CONTENT},
	{"isv.INVALID_JSON_PARAM", GATEWAY_CONTENT},
	{"isv.PARAM_LENGTH_LIMIT", GATEWAY_CONTENT},
	{"isv.PARAM_NOT_SUPPORT_URL", GATEWAY_CONTENT},
	{"isv.EXTEND_CODE_ERROR", GATEWAY_CONTENT},
	{"isv.BLACK_KEY_CONTROL_LIMIT", GATEWAY_CONTENT}, /* blocked words */
	{"isv.SMS_CONTENT_ILLEGAL", GATEWAY_CONTENT},
};

static bool fits(const char *row, const char *code)
{
	size_t n = strlen(row);

	if (row[n - 1] == '*')
		return strncmp(row, code, n - 1) == 0;
	return strcmp(row, code) == 0;
}

/*
 * Business codes (isv.) that nobody has told us about would be said of each further message too: the content stops. Others
 * are the vendor's own and may pass.
 */
static enum gateway_cause cause_of(const char *code, bool *ret_strange)
{
	*ret_strange = false;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (fits(codes[i].code, code))
			return codes[i].cause;
	}
	*ret_strange = true;
	return text_starts(code, "isv.") ? GATEWAY_CONTENT : GATEWAY_TROUBLE;
}

/* "触发小时级流控Permits:5": a window that has passed as a whole surely lets the number through. */
static int64_t window_ms(const char *message)
{
	if (strstr(message, "分钟级"))
		return MINUTE_MS;
	if (strstr(message, "天级"))
		return DAY_MS;
	return HOUR_MS; /* 小时级, and what names no window */
}

/* ---- the request ----------------------------------------------------------------------------------- */

/* What stands in the Host header for ENDPOINT: its authority without the scheme's own port. */
static int host_of(const char *endpoint, char ret[MAX_HOST + 1])
{
	bool is_https = text_starts(endpoint, "https://");
	const char *host = strstr(endpoint, "://");
	size_t n;

	if (!host || (!is_https && !text_starts(endpoint, "http://")))
		return SW_EINVAL;
	host += 3;
	n = strcspn(host, "/");
	if (n == 0 || n > MAX_HOST || strcspn(host, "@?# \r\n") < n)
		return SW_EINVAL;
	if (host[n] == '/' && host[n + 1] != '\0')
		return SW_EINVAL; /* the signature is for the path "/" */
	memcpy(ret, host, n);
	ret[n] = '\0';
	if (text_ends(ret, is_https ? ":443" : ":80"))
		ret[n - (is_https ? 4 : 3)] = '\0';
	return 0;
}

static int check(const struct driver_account *a, struct sw_err *err)
{
	char host[MAX_HOST + 1];

	if (host_of(a->endpoint, host) < 0)
		return err_set(err, SW_ECONF,
			"sms.aliyun.endpoint: write an address without a path, as "
			"https://dysmsapi.aliyuncs.com");
	if (!*a->id)
		return err_set(err, SW_ECONF, "sms.aliyun.access_key_id is not set");
	if (!*a->secret)
		return err_set(err, SW_ECONF, "sms.aliyun.secret_file is not set");
	if (!*a->sign)
		return err_set(err, SW_ECONF, "sms.sign is not set: aliyun takes nothing without");
	return 0;
}

/* "13800000001,13800000002" */
static char *join_numbers(const struct gateway_request *req)
{
	struct buf b;
	char *ret;

	buf_init(&b, GATEWAY_MAX_NUMBERS * 16);
	for (size_t i = 0; i < req->n; i++)
		(void)buf_addf(&b, "%s%s", i ? "," : "", req->numbers[i] + strlen("+86"));
	ret = buf_take(&b);
	buf_fini(&b);
	return ret;
}

static int form_of(
	const struct driver_account *a, const struct gateway_request *req, struct buf *out)
{
	char *numbers = join_numbers(req);
	struct aliyun_pair pairs[5];
	size_t n = 0;
	int rc;

	if (!numbers)
		return -ENOMEM;
	pairs[n++] = (struct aliyun_pair){"OutId", req->out_id};
	pairs[n++] = (struct aliyun_pair){"PhoneNumbers", numbers};
	pairs[n++] = (struct aliyun_pair){"SignName", a->sign};
	pairs[n++] = (struct aliyun_pair){"TemplateCode", req->template_code};
	if (req->params && *req->params)
		pairs[n++] = (struct aliyun_pair){"TemplateParam", req->params};
	rc = aliyun_encode(pairs, n, out);
	free(numbers);
	return rc;
}

static int add_headers(const struct aliyun_call *call, struct driver_request *r)
{
	struct buf authorization;
	int rc;

	buf_init(&authorization, 4096);
	rc = aliyun_authorization(call, &authorization);
	if (rc == 0)
		rc = driver_request_header(r, "host", call->host);
	if (rc == 0)
		rc = driver_request_header(r, "accept", "application/json");
	if (rc == 0)
		rc = driver_request_header(r, "content-type", ALIYUN_FORM);
	if (rc == 0)
		rc = driver_request_header(r, "x-acs-action", call->action);
	if (rc == 0)
		rc = driver_request_header(r, "x-acs-version", ALIYUN_VERSION);
	if (rc == 0)
		rc = driver_request_header(r, "x-acs-date", call->date);
	if (rc == 0)
		rc = driver_request_header(r, "x-acs-signature-nonce", call->nonce);
	if (rc == 0)
		rc = driver_request_header(r, "x-acs-content-sha256", call->content_sha256);
	if (rc == 0)
		rc = driver_request_header(r, "authorization", buf_str(&authorization));
	buf_fini(&authorization);
	return rc;
}

static int build(const struct driver_account *a, const struct gateway_request *req, int64_t now_ms,
	const char *nonce, struct driver_request *ret, struct sw_err *err)
{
	struct driver_request r = {0};
	struct aliyun_call call = {.id = a->id,
		.secret = a->secret,
		.action = "SendSms",
		.nonce = nonce,
		.query = "",
		.has_body = true};
	char host[MAX_HOST + 1], date[ALIYUN_DATE], sha256[ALIYUN_SHA256];
	struct buf form, url;
	int rc;

	buf_init(&form, MAX_FORM);
	buf_init(&url, MAX_HOST + 16);
	rc = host_of(a->endpoint, host);
	if (rc == 0)
		rc = form_of(a, req, &form);
	if (rc == 0) {
		id_sha256_hex(buf_str(&form), form.len, sha256);
		aliyun_date(now_ms, date);
		call.host = host;
		call.date = date;
		call.content_sha256 = sha256;
		r.body_len = form.len;
		r.body = buf_take(&form);
		(void)buf_addf(&url, "%s%s", a->endpoint, text_ends(a->endpoint, "/") ? "" : "/");
		r.url = buf_take(&url);
		rc = r.body && r.url ? add_headers(&call, &r) : -ENOMEM;
	}
	buf_fini(&form);
	buf_fini(&url);
	if (rc < 0) {
		driver_request_fini(&r);
		return err_set(err, rc, "the request cannot be built (%s)", err_name(rc));
	}
	*ret = r;
	return 0;
}

/* ---- the answer -------------------------------------------------------------------------------------- */

static void read_code(const struct http_result *res, const json_t *root, struct gateway_outcome *o)
{
	const char *code = received_str(root, "Code"), *message = received_str(root, "Message");
	bool is_business = res->status == 200;
	bool is_strange;
	enum gateway_cause cause = cause_of(code, &is_strange);

	/* 5xx: what was done is not known, whatever the code says. OK counts where it can be meant. */
	if (!*code || (!is_business && (res->status < 400 || res->status >= 500)) ||
		(cause == GATEWAY_OK && !is_business)) {
		driver_unknown(o, res, code);
		return;
	}
	driver_judge(o, cause, code, cause == GATEWAY_OK ? "" : message);
	o->is_strange = is_strange;
	o->retry_after_ms = res->retry_after_ms;
	if (cause == GATEWAY_NUMBER_LATER && o->retry_after_ms < window_ms(message))
		o->retry_after_ms = window_ms(message);
	if (cause == GATEWAY_OK &&
		text_copy(o->provider_id, sizeof(o->provider_id), received_str(root, "BizId")) < 0)
		o->provider_id[0] = '\0'; /* its receipts are found by our own id */
}

static void read_answer(const struct http_result *res, struct gateway_outcome *ret)
{
	json_t *root = received_json(res->body, res->body_len, NULL);

	if (json_is_object(root))
		read_code(res, root, ret);
	else
		driver_unknown(ret, res, "");
	json_decref(root);
}

/* ---- what is pushed ---------------------------------------------------------------------------------- */

static int64_t time_of(const json_t *item, const char *key)
{
	int64_t ms;

	return civil_parse_time(received_str(item, key), &ms) == 0 ? ms : 0;
}

static void number_of(const json_t *item, char ret[16])
{
	if (phone_normalise(received_str(item, "phone_number"), ret) != PHONE_MOBILE)
		ret[0] = '\0';
}

/* true, or the word: older pages show it in quotes. -1: neither. */
static int truth_of(const json_t *v)
{
	if (json_is_boolean(v))
		return json_is_true(v);
	if (!json_is_string(v))
		return -1;
	if (strcmp(json_string_value(v), "true") == 0)
		return 1;
	return strcmp(json_string_value(v), "false") == 0 ? 0 : -1;
}

static int add_receipt(struct receipts *l, const json_t *item)
{
	int delivered = truth_of(json_object_get(item, "success"));
	const char *biz_id = received_str(item, "biz_id");
	struct gateway_receipt *r;
	char number[16];

	number_of(item, number);
	if (delivered < 0 || strlen(biz_id) >= sizeof(r->provider_id) ||
		(!received_is_out_id(received_str(item, "out_id")) && !(*biz_id && *number))) {
		l->bad++;
		return 0;
	}
	r = received_receipt(l);
	if (!r)
		return -ENOMEM;
	received_out_id(r, received_str(item, "out_id"));
	memcpy(r->provider_id, biz_id, strlen(biz_id) + 1);
	memcpy(r->number, number, sizeof(number));
	r->is_final = true;
	r->delivered = delivered;
	received_line(r->code, sizeof(r->code), received_str(item, "err_code"));
	return 0;
}

/* The array of a push; NULL: none. What is beyond the bound counts as bad. */
static json_t *array_of(
	const char *body, size_t len, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	json_t *root = received_json(body, len, err);

	if (root && !json_is_array(root)) {
		err_set(err, SW_EPROTO, "no JSON array");
		json_decref(root);
		return NULL;
	}
	*ret_n = json_array_size(root);
	*ret_bad = 0;
	if (*ret_n > GATEWAY_MAX_ITEMS) {
		*ret_bad = *ret_n - GATEWAY_MAX_ITEMS;
		*ret_n = GATEWAY_MAX_ITEMS;
	}
	return root;
}

static int parse_report(const char *body, size_t len, const char *query,
	struct gateway_receipt **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	struct receipts l = {0};
	size_t n = 0;
	json_t *root = array_of(body, len, &n, &l.bad, err);
	int rc = root ? 0 : SW_EPROTO;

	(void)query;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_receipt(&l, json_array_get(root, i));
	json_decref(root);
	if (rc < 0) {
		free(l.items);
		return rc == SW_EPROTO ? rc : err_set(err, rc, "out of memory");
	}
	*ret = l.items;
	*ret_n = l.n;
	*ret_bad = l.bad;
	return 0;
}

/* A number in older pages, a string in newer ones. */
static void take_id(struct gateway_uplink *u, const json_t *id)
{
	if (json_is_integer(id))
		(void)snprintf(
			u->id, sizeof(u->id), "%" JSON_INTEGER_FORMAT, json_integer_value(id));
	else if (!json_is_string(id) || !*json_string_value(id) ||
		 text_copy(u->id, sizeof(u->id), json_string_value(id)) < 0)
		received_digest(u);
}

static int add_uplink(struct uplinks *l, const json_t *item)
{
	const json_t *content = json_object_get(item, "content");
	struct gateway_uplink *u;
	char number[16];

	number_of(item, number);
	if (!*number || !json_is_string(content)) {
		l->bad++;
		return 0;
	}
	u = received_uplink(l);
	if (!u)
		return -ENOMEM;
	memcpy(u->number, number, sizeof(number));
	u->text = strdup(json_string_value(content));
	if (!u->text)
		return -ENOMEM;
	u->at_ms = time_of(item, "send_time");
	received_line(u->extension, sizeof(u->extension), received_str(item, "dest_code"));
	take_id(u, json_object_get(item, "sequence_id"));
	return 0;
}

static int parse_uplink(const char *body, size_t len, const char *query,
	struct gateway_uplink **ret, size_t *ret_n, size_t *ret_bad, struct sw_err *err)
{
	struct uplinks l = {0};
	size_t n = 0;
	json_t *root = array_of(body, len, &n, &l.bad, err);
	int rc = root ? 0 : SW_EPROTO;

	(void)query;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = add_uplink(&l, json_array_get(root, i));
	json_decref(root);
	if (rc < 0) {
		received_uplinks_fini(&l);
		return rc == SW_EPROTO ? rc : err_set(err, rc, "out of memory");
	}
	*ret = l.items;
	*ret_n = l.n;
	*ret_bad = l.bad;
	return 0;
}

const struct driver driver_aliyun = {.name = "aliyun",
	.needs_template = true,
	.max_numbers = GATEWAY_MAX_NUMBERS,
	.check = check,
	.build = build,
	.read = read_answer,
	.parse_report = parse_report,
	.parse_uplink = parse_uplink};
