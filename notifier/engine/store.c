/*
 * notifier/engine/store.c: key names, argument lists, and message records out of Redis.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/num.h"
#include "core/base/text.h"
#include "notifier/engine/store.h"

enum { ARGS_MAX = 60000 };

const char *store_key(char *buf, const char *prefix, const char *tail)
{
	(void)snprintf(buf, STORE_KEY, "%s%s", prefix, tail);
	return buf;
}

void args_init(struct args *a)
{
	*a = (struct args){0};
}

void args_fini(struct args *a)
{
	for (size_t i = 0; i < a->n; i++) {
		char *owned;

		memcpy(&owned, &a->v[i], sizeof(owned));
		free(owned);
	}
	free(a->v);
	*a = (struct args){0};
}

static void args_take(struct args *a, char *s)
{
	if (!s || a->n >= ARGS_MAX)
		a->error = s ? SW_ELIMIT : -ENOMEM;
	if (!a->error && a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 2 : 32;
		const char **v = realloc(a->v, cap * sizeof(*v));

		if (!v)
			a->error = -ENOMEM;
		else
			a->v = v, a->cap = cap;
	}
	if (a->error) {
		free(s);
		return;
	}
	a->v[a->n++] = s;
}

void args_add(struct args *a, const char *s)
{
	args_take(a, text_dup(s ? s : ""));
}

void args_addf(struct args *a, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	args_take(a, n < 0 ? NULL : s);
}

void args_addi(struct args *a, int64_t n)
{
	args_addf(a, "%" PRId64, n);
}

void args_pair(struct args *a, const char *name, const char *value)
{
	args_add(a, name);
	args_add(a, value);
}

int store_eval(struct redis *r, const char *script, redis_cb cb, void *ctx, const char *const *keys,
	int n_keys, const struct args *args)
{
	if (args->error)
		return args->error;
	return redis_eval(r, script, cb, ctx, n_keys, keys, (int)args->n, args->v, NULL);
}

int store_command(struct redis *r, redis_cb cb, void *ctx, const char *const *words)
{
	int n = 0;

	while (words[n])
		n++;
	return redis_command(r, cb, ctx, n, words, NULL);
}

const char *store_field(const struct redis_value *v, const char *field)
{
	for (size_t i = 0; v && v->type == REDIS_ARRAY && i + 1 < v->n; i += 2)
		if (v->items[i].str && !strcmp(v->items[i].str, field))
			return v->items[i + 1].str;
	return NULL;
}

bool store_is_fenced(const struct redis_value *v)
{
	return v && v->type == REDIS_FAILURE && strstr(v->str, "FENCED");
}

bool store_failed(int rc, const struct redis_value *v, const char *what)
{
	if (rc < 0) {
		LOG_WARN("store_no_answer", "op=%s err=%s", what, err_name(rc));
		return true;
	}
	if (v->type != REDIS_FAILURE)
		return false;
	if (redis_is_away_error(v))
		LOG_WARN("store_away", "op=%s err=%s", what, v->str);
	else
		LOG_ERROR("store_refused", "op=%s err=%s", what, v->str);
	return true;
}

static void copy_field(char *dst, size_t size, const char *value)
{
	if (text_copy(dst, size, value) < 0)
		dst[0] = '\0';
}

static int64_t int_field(const char *value)
{
	int64_t n = 0;

	if (num_parse(value, INT64_MIN, INT64_MAX, &n) < 0)
		return 0;
	return n;
}

/* Beyond the bound the latest are kept: what became of it stands there. */
static void attempt_set(struct message *m, int n, const char *text)
{
	size_t at = m->n_attempts;

	if (at == ARRAY_LEN(m->attempts)) {
		at = 0;
		for (size_t i = 1; i < m->n_attempts; i++)
			if (m->attempts[i].n < m->attempts[at].n)
				at = i;
		if (m->attempts[at].n > n)
			return;
	} else {
		m->n_attempts++;
	}
	m->attempts[at].n = n;
	copy_field(m->attempts[at].text, sizeof(m->attempts[at].text), text);
}

static void message_set(struct message *m, const char *f, const char *v)
{
	static const struct {
		const char *name;
		size_t off, size;
	} strings[] = {
#define FIELD(n, member)                                                                           \
	{n, offsetof(struct message, member), sizeof(((struct message *)0)->member)}
		FIELD("st", st),
		FIELD("kind", kind),
		FIELD("unit", unit),
		FIELD("ch", ch),
		FIELD("route", route),
		FIELD("uid", uid),
		FIELD("to", to),
		FIELD("class", class),
		FIELD("type", type),
		FIELD("why", why),
		FIELD("job", job),
		FIELD("rt", rt),
		FIELD("rev", rev),
		FIELD("code", code),
		FIELD("tpl", tpl),
		FIELD("rcp", rcp),
		FIELD("gw", gw),
		FIELD("pid", pid),
		FIELD("jp", jp),
#undef FIELD
	};
	static const struct {
		const char *name;
		size_t off;
	} ints[] = {
		{"due", offsetof(struct message, due_ms)},
		{"nom", offsetof(struct message, nominal_ms)},
		{"exp", offsetof(struct message, expires_ms)},
		{"ca", offsetof(struct message, created_ms)},
		{"done", offsetof(struct message, done_ms)},
		{"ho", offsetof(struct message, handed_ms)},
	};
	static const struct {
		const char *name;
		size_t off;
	} texts[] = {
		{"text", offsetof(struct message, text)},
		{"ment", offsetof(struct message, ment)},
		{"pts", offsetof(struct message, pts)},
		{"prm", offsetof(struct message, prm)},
		{"tel", offsetof(struct message, tel)},
	};

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		if (!strcmp(f, strings[i].name))
			copy_field((char *)m + strings[i].off, strings[i].size, v);
	for (size_t i = 0; i < ARRAY_LEN(ints); i++)
		if (!strcmp(f, ints[i].name)) {
			int64_t n = int_field(v);

			memcpy((char *)m + ints[i].off, &n, sizeof(n));
		}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (!strcmp(f, texts[i].name)) {
			char *s = text_dup(v);

			memcpy((char *)m + texts[i].off, &s, sizeof(s));
		}
	if (!strcmp(f, "att"))
		m->att = (int)int_field(v);
	else if (!strcmp(f, "unk"))
		m->unk = (int)int_field(v);
	else if (!strcmp(f, "tries"))
		m->tries = (int)int_field(v);
	else if (f[0] == 'a' && f[1] >= '1' && f[1] <= '9')
		attempt_set(m, (int)int_field(f + 1), v);
}

static int by_number(const void *a, const void *b)
{
	int x, y;

	memcpy(&x, a, sizeof(x)); /* the number is the first member */
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

/* An absent text is an empty one. */
static bool own(char **text)
{
	if (!*text)
		*text = text_dup("");
	return *text != NULL;
}

bool message_from(const struct redis_value *v, const char *mid, struct message *ret)
{
	*ret = (struct message){0};
	if (!v || v->type != REDIS_ARRAY || v->n < 2)
		return false;
	copy_field(ret->mid, sizeof(ret->mid), mid);
	for (size_t i = 0; i + 1 < v->n; i += 2)
		if (v->items[i].str && v->items[i + 1].str)
			message_set(ret, v->items[i].str, v->items[i + 1].str);
	/* A record with a long text is a hash table: its fields come in no order. */
	qsort(ret->attempts, ret->n_attempts, sizeof(ret->attempts[0]), by_number);
	if (!own(&ret->text) || !own(&ret->ment) || !own(&ret->pts) || !own(&ret->prm) ||
		!own(&ret->tel)) {
		message_fini(ret);
		return false;
	}
	return true;
}

void message_fini(struct message *m)
{
	free(m->text);
	free(m->ment);
	free(m->pts);
	free(m->prm);
	free(m->tel);
	*m = (struct message){0};
}
