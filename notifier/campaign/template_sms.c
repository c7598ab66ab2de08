/*
 * notifier/campaign/template_sms.c: texts of SMS: the signature in front, the variables a provider asks for by name, and
 * which variables make a given text.
 *
 * The text and the parameters are made by the same function of a value, so that what a provider puts together from
 * its registered template is what we store, count and show.
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "notifier/campaign/template_internal.h"

enum {
	MAX_VALUE_CHARS = 200,
	LONG_DIGITS = 7, /* a number somebody might dial, pay to or be */
	MAX_BOUND = 48,
	MATCH_STEPS = 100000,
};

const char *const template_providers[TEMPLATE_PROVIDERS] = {"aliyun", "tencent", "mas"};

int templates_set_sign(struct templates *t, const char *sign)
{
	char *text = NULL;

	if (strstr(sign, "【") || strstr(sign, "】"))
		return SW_EINVAL;
	if (*sign && asprintf(&text, "【%s】", sign) < 0)
		return -ENOMEM;
	free(t->sign);
	t->sign = text;
	return 0;
}

static const char *sign_of(const struct templates *t)
{
	return t->sign ? t->sign : "";
}

const char *template_code(const struct templates *t, const char *id, const char *provider)
{
	const struct template *sms = template_find(t, id, "sms");

	for (size_t i = 0; sms && i < TEMPLATE_PROVIDERS; i++) {
		if (!strcmp(template_providers[i], provider))
			return sms->codes[i];
	}
	return "";
}

/* ---- a value ---- */

/* Length of the digits at S, half and full width alike, in bytes; *RET_N counts them. */
static size_t digits_at(const char *s, size_t *ret_n)
{
	size_t i = 0;

	*ret_n = 0;
	for (;;) {
		/* U+FF10..FF19 */
		if (isdigit((unsigned char)s[i]))
			i++;
		else if ((unsigned char)s[i] == 0xef && (unsigned char)s[i + 1] == 0xbc &&
			 (unsigned char)s[i + 2] >= 0x90 && (unsigned char)s[i + 2] <= 0x99)
			i += 3;
		else
			return i;
		++*ret_n;
	}
}

/* Does the ASCII word at S (N bytes) lead somewhere: "http://..", "www..", "example.com"? */
static bool is_link(const char *s, size_t n)
{
	for (size_t i = 0; i + 2 < n; i++) {
		if (!strncmp(s + i, "://", 3) || (i + 3 < n && !strncasecmp(s + i, "www.", 4)))
			return true;
		if (s[i] == '.' && i > 0 && isalnum((unsigned char)s[i - 1]) &&
			isalpha((unsigned char)s[i + 1]) && isalpha((unsigned char)s[i + 2]))
			return true;
	}
	return false;
}

static size_t word_at(const char *s)
{
	size_t n = 0;

	while (s[n] > ' ' && s[n] < 0x7f)
		n++;
	return n;
}

/* What a person typed, for an SMS: no other signature, no link, no long number, one line, at most 200 characters. */
static int put_typed(struct buf *out, const char *value)
{
	struct buf plain;
	size_t chars = 0;
	bool word_start = true;
	int rc;

	buf_init(&plain, TEMPLATE_MAX_TEXT);
	rc = text_escape_plain(&plain, value);
	for (const char *s = buf_str(&plain), *end = s + plain.len; rc == 0 && s < end; chars++) {
		size_t n_digits, digits = digits_at(s, &n_digits);
		size_t word = word_start ? word_at(s) : 0;

		if (chars == MAX_VALUE_CHARS) {
			rc = buf_adds(out, "…");
			break;
		}
		word_start = false;
		if (word && is_link(s, word)) {
			rc = buf_addc(out, '*');
			s += word;
		} else if (n_digits >= LONG_DIGITS) {
			rc = buf_addc(out, '*');
			s += digits;
		} else if (digits) {
			rc = buf_add(out, s, digits);
			chars += n_digits - 1;
			s += digits;
		} else if (text_starts(s, "【") || text_starts(s, "】")) {
			rc = buf_addc(out, text_starts(s, "【") ? '[' : ']');
			s += strlen("【");
			word_start = true;
		} else {
			/* After a blank, and after a character that is not ASCII. */
			word_start = (unsigned char)*s <= ' ' || (unsigned char)*s >= 0x80;
			rc = text_put(out, text_next(&s, end));
		}
	}
	buf_fini(&plain);
	return rc;
}

/* The value of the variable NAME as it stands in an SMS. */
static int put_value(const struct template *t, const struct template_var *vars, size_t n_vars,
	const char *name, struct buf *out, struct sw_err *err)
{
	const struct template_var *v = template_var_of(vars, n_vars, name);
	size_t start = out->len;
	int rc;

	if (!v || !v->value)
		return err_set(err, SW_EINVAL, "template %s: {%s} has no value", t->id, name);
	if (v->typed)
		return put_typed(out, v->value);
	/* Sentences are written for chats, where they may be bold. */
	rc = template_to_plain(v->value, out);
	for (size_t i = start; rc == 0 && i < out->len; i++)
		out->data[i] = out->data[i] == '\n' ? ' ' : out->data[i];
	return rc;
}

/* ---- text and parameters ---- */

/* Bytes of the body: its line without the line break. */
static size_t body_length(const struct template *t)
{
	return strcspn(t->body, "\n");
}

int template_render_sms(const struct templates *t, const struct template *sms,
	const struct template_var *vars, size_t n_vars, struct buf *out, struct sw_err *err)
{
	const char *end = sms->body + body_length(sms);
	char name[TEMPLATE_NAME];
	struct buf text;
	int rc;

	buf_init(&text, TEMPLATE_MAX_TEXT);
	rc = buf_adds(&text, sign_of(t));
	for (const char *s = sms->body; s < end && rc == 0;) {
		size_t n = template_placeholder(s, name);

		rc = n ? put_value(sms, vars, n_vars, name, &text, err) : buf_addc(&text, *s);
		s += n ? n : 1;
	}
	if (rc == 0)
		rc = template_check_cap(sms, "sms", buf_str(&text), err);
	if (rc == 0)
		rc = buf_adds(out, buf_str(&text));
	if (rc == SW_ELIMIT && err && !err->code)
		err_set(err, rc, "template %s: the text is far too long", sms->id);
	buf_fini(&text);
	return rc;
}

static int dump(json_t *params, struct buf *out)
{
	char *text = params ? json_dumps(params, JSON_COMPACT) : NULL;
	int rc = text ? buf_adds(out, text) : -ENOMEM;

	free(text);
	return rc;
}

int template_params(const struct templates *t, const char *id, const struct template_var *vars,
	size_t n_vars, struct buf *out, struct sw_err *err)
{
	const struct template *sms = template_find(t, id, "sms");
	json_t *params = json_object();
	char name[TEMPLATE_NAME];
	int rc = params ? 0 : -ENOMEM;

	if (!sms)
		rc = err_set(err, SW_ENOENT, "there is no template %s for sms", id);
	for (const char *s = sms ? sms->body : ""; *s && rc == 0;) {
		size_t n = template_placeholder(s, name);
		struct buf value;

		buf_init(&value, TEMPLATE_MAX_TEXT);
		if (n && !json_object_get(params, name)) {
			rc = put_value(sms, vars, n_vars, name, &value, err);
			if (rc == 0 &&
				json_object_set_new(params, name, json_string(buf_str(&value))) < 0)
				rc = -ENOMEM;
		}
		buf_fini(&value);
		s += n ? n : 1;
	}
	if (rc == 0)
		rc = dump(params, out);
	json_decref(params);
	return rc;
}

int template_registered(const struct templates *t, const char *id, struct buf *out)
{
	const struct template *sms = template_find(t, id, "sms");
	const char *end = sms ? sms->body + body_length(sms) : NULL;
	char name[TEMPLATE_NAME];
	int rc = sms ? 0 : SW_ENOENT;

	for (const char *s = sms ? sms->body : end; s < end && rc == 0;) {
		size_t n = template_placeholder(s, name);

		rc = n ? buf_addf(out, "${%s}", name) : buf_addc(out, *s);
		s += n ? n : 1;
	}
	return rc;
}

/* ---- which variables make a text ---- */

struct match {
	const char *body_end;
	struct {
		char name[TEMPLATE_NAME];
		const char *value;
		size_t len;
	} bound[MAX_BOUND];
	size_t n;
	int steps; /* left: a bound on what a text made for it could cost */
};

static size_t character_at(const char *s)
{
	size_t n = 1;

	while (((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* Does the rest of the body, at S, make exactly the rest of the text, at TEXT? */
static bool matches(struct match *m, const char *s, const char *text)
{
	char name[TEMPLATE_NAME];
	size_t n, i;

	while (s < m->body_end && !template_placeholder(s, name)) {
		if (*s++ != *text++)
			return false;
	}
	if (s == m->body_end)
		return *text == '\0';
	if (--m->steps < 0)
		return false;
	n = template_placeholder(s, name);
	for (i = 0; i < m->n; i++) {
		if (!strcmp(m->bound[i].name, name))
			return !strncmp(text, m->bound[i].value, m->bound[i].len) &&
			       matches(m, s + n, text + m->bound[i].len);
	}
	if (i == MAX_BOUND)
		return false;
	memcpy(m->bound[i].name, name, sizeof(name));
	m->bound[i].value = text;
	m->n++;
	/* A provider refuses an empty variable: each has at least one character. */
	for (const char *end = text; *end;) {
		end += character_at(end);
		m->bound[i].len = (size_t)(end - text);
		if (matches(m, s + n, end))
			return true;
		if (m->steps < 0)
			break;
	}
	m->n--;
	return false;
}

int template_match(const struct templates *t, const char *id, const char *text, struct buf *params)
{
	const struct template *sms = template_find(t, id, "sms");
	struct match *m;
	json_t *found;
	int rc = SW_ENOENT;

	if (!sms || !text_starts(text, sign_of(t)) || !text_utf8_valid(text, strlen(text), NULL) ||
		strlen(text) > TEMPLATE_MAX_TEXT)
		return SW_ENOENT;
	m = calloc(1, sizeof(*m));
	found = json_object();
	if (!m || !found)
		rc = -ENOMEM;
	if (rc == SW_ENOENT) {
		m->body_end = sms->body + body_length(sms);
		m->steps = MATCH_STEPS;
		if (matches(m, sms->body, text + strlen(sign_of(t))))
			rc = 0;
	}
	for (size_t i = 0; rc == 0 && i < m->n; i++) {
		if (json_object_set_new(found, m->bound[i].name,
			    json_stringn(m->bound[i].value, m->bound[i].len)) < 0)
			rc = -ENOMEM;
	}
	if (rc == 0)
		rc = dump(found, params);
	json_decref(found);
	free(m);
	return rc;
}
