/*
 * tests/sim/sms/api_send.c: SendSms: one text to at most 1,000 numbers (documents 419273, 101346).
 *
 * What is refused is refused as a whole: nothing of it is sent. What is accepted lies on the phones at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/sms.h"
#include "core/base/text.h"
#include "tests/sim/sms/api.h"

enum {
	MAX_NUMBERS = 1000,
	MAX_OUT_ID = 255,
	MAX_EXTEND = 7,
	MAX_CHARS = 500, /* with the sign */
};

/* Length of the number at S. */
static size_t number_len(const char *s)
{
	return strcspn(s, ",");
}

static bool numbers_are_good(struct api_call *c, size_t *ret_n)
{
	const char *s = api_param(c, "PhoneNumbers");
	char what[96];
	size_t n = 0;

	for (;; s++) {
		size_t len = number_len(s);

		if (++n > MAX_NUMBERS) {
			api_fail(c, "isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制");
			return false;
		}
		if (phone_parse(s, len) == 0) {
			snprintf(what, sizeof(what), "%.*sinvalid mobile number",
				len < 24 ? (int)len : 0, s);
			api_fail(c, "isv.MOBILE_NUMBER_ILLEGAL", what);
			return false;
		}
		s += len;
		if (*s == '\0')
			break;
	}
	*ret_n = n;
	return true;
}

static bool mandatory_are_there(struct api_call *c)
{
	static const char *const names[] = {"PhoneNumbers", "SignName", "TemplateCode"};
	char code[64], what[96];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (*api_param(c, names[i]))
			continue;
		snprintf(code, sizeof(code), "Missing%s", names[i]);
		snprintf(what, sizeof(what), "%s is mandatory for this action.", names[i]);
		api_refuse(c, 400, code, what);
		return false;
	}
	return true;
}

static bool options_are_good(struct api_call *c)
{
	const char *extend = api_param(c, "SmsUpExtendCode");

	if (strlen(extend) > MAX_EXTEND || extend[strspn(extend, "0123456789")]) {
		api_fail(
			c, "isv.EXTEND_CODE_ERROR", "扩展码使用错误，相同的扩展码不可用于多个签名");
		return false;
	}
	if (strlen(c->out_id) > MAX_OUT_ID) {
		api_fail(c, "isv.PARAM_LENGTH_LIMIT", "参数超过长度限制");
		return false;
	}
	if (strcmp(api_param(c, "SignName"), c->sim->settings.sign) != 0) {
		api_fail(c, "isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名");
		return false;
	}
	return true;
}

/* An object of strings; NULL: refused. */
static json_t *read_variables(struct api_call *c)
{
	const char *s = api_param(c, "TemplateParam"), *name;
	json_t *object = *s ? json_loads(s, JSON_REJECT_DUPLICATES, NULL) : json_object(), *value;

	if (!json_is_object(object)) {
		json_decref(object);
		api_fail(c, "isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值");
		return NULL;
	}
	json_object_foreach(object, name, value)
	{
		if (json_is_string(value))
			continue;
		json_decref(object);
		api_fail(c, "isv.INVALID_JSON_PARAM", "参数格式错误，请修改为字符串值");
		return NULL;
	}
	return object;
}

/* What the phones show, new; NULL: refused. */
static json_t *read_text(struct api_call *c)
{
	const struct settings *set = &c->sim->settings;
	const struct registered *t = registry_find(&set->registry, api_param(c, "TemplateCode"));
	json_t *variables, *text = NULL;
	struct buf b;
	int rc;

	if (!t) {
		api_fail(c, "isv.SMS_TEMPLATE_ILLEGAL", "该账号下找不到对应模板");
		return NULL;
	}
	variables = read_variables(c);
	if (!variables)
		return NULL;
	buf_init(&b, 65536);
	rc = registered_render(t, set->sign, variables, &b);
	if (rc == SW_ENOENT)
		api_fail(c, "isv.TEMPLATE_MISSING_PARAMETERS", "模板变量中存在未赋值变量");
	else if (rc < 0 || text_chars(buf_str(&b)) > MAX_CHARS)
		api_fail(c, "isv.PARAM_LENGTH_LIMIT", "参数超过长度限制");
	else
		text = json_string(buf_str(&b));
	buf_fini(&b);
	json_decref(variables);
	return text;
}

/* The numbers as SENDING holds them; a phone that may get no more refuses all. */
static bool take_numbers(struct api_call *c, struct sending *sending)
{
	const char *s = api_param(c, "PhoneNumbers");
	int64_t now_ms = sim_now_ms(c->sim);
	char limit[64];

	for (size_t i = 0; i < sending->n; i++) {
		size_t len = number_len(s);
		struct phone *ph;

		sending->numbers[i] = phone_parse(s, len);
		ph = phones_at(&c->sim->phones, sending->numbers[i]);
		if (!ph) {
			api_refuse(c, 503, "ServiceUnavailable",
				"The request has failed due to a temporary failure of the server.");
			return false;
		}
		if (*phone_over_limit(ph, &c->sim->settings, now_ms, limit)) {
			api_fail(c, "isv.BUSINESS_LIMIT_CONTROL", limit);
			return false;
		}
		s += len + 1;
	}
	return true;
}

static void describe(struct api_call *c, struct sending *sending)
{
	const char *text = json_string_value(sending->text);
	uint64_t random;

	id_random_bytes((uint8_t *)&random, sizeof(random));
	snprintf(sending->biz_id, sizeof(sending->biz_id), "9%017" PRIu64 "^0",
		random % UINT64_C(100000000000000000));
	snprintf(sending->parts, sizeof(sending->parts), "%zu", sms_billed(text_u16_units(text)));
	snprintf(sending->extend_code, sizeof(sending->extend_code), "%s",
		api_param(c, "SmsUpExtendCode"));
	snprintf(sending->template_code, sizeof(sending->template_code), "%s",
		api_param(c, "TemplateCode"));
	sending->at_ms = sim_now_ms(c->sim);
}

static void accept_sending(struct api_call *c, struct sending *sending)
{
	struct sim *s = c->sim;

	describe(c, sending);
	for (size_t i = 0; i < sending->n; i++) {
		struct phone *ph = phones_at(&s->phones, sending->numbers[i]);

		s->ledger.n_numbers += ph->accepted == 0;
		phone_count(ph, sending->at_ms);
	}
	phones_receive(&s->phones, sending, sending->at_ms);
	sim_changed(s);
	api_ok(c, json_pack("{s:s}", "BizId", sending->biz_id));
	c->sending = sending;
}

void api_send_sms(struct api_call *c)
{
	struct sending *sending;
	json_t *text;
	size_t n;

	if (!mandatory_are_there(c) || !numbers_are_good(c, &n) || !options_are_good(c))
		return;
	text = read_text(c);
	if (!text)
		return;
	sending = sending_create(c->out_id, text, n);
	json_decref(text);
	if (!sending) {
		api_refuse(c, 500, "InternalError", "The request processing has failed.");
		return;
	}
	if (take_numbers(c, sending))
		accept_sending(c, sending);
	else
		sending_release(sending);
}
