/* tests/sim/wecom/fault.c: a short list, first fit. */
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/wecom/fault.h"

enum { MAX_COUNT = 1000000, MAX_MS = 600000, DEFAULT_MS = 1000 };

static const char *const names[] = {
	[FAULT_NONE] = "",
	[FAULT_SLOW] = "slow",
	[FAULT_HTTP5XX] = "http5xx",
	[FAULT_ERRCODE] = "errcode",
	[FAULT_ANSWER_LOST] = "answer_lost",
	[FAULT_HALF_ANSWER] = "half_answer",
	[FAULT_RESET] = "reset",
	[FAULT_REFUSE] = "refuse",
	[FAULT_REPEAT] = "repeat",
};

const char *fault_name(enum fault_kind k)
{
	return names[k];
}

static int parse_kind(const char *name, struct fault *ret)
{
	if (strcmp(name, "45009") == 0) {
		ret->kind = FAULT_ERRCODE;
		ret->code = 45009;
		return 0;
	}
	for (size_t i = FAULT_NONE + 1; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			ret->kind = (enum fault_kind)i;
			return 0;
		}
	}
	return SW_EINVAL;
}

static int read_number(const json_t *order, const char *key, json_int_t def, json_int_t min,
	json_int_t max, int64_t *ret, struct sw_err *err)
{
	const json_t *v = json_object_get(order, key);

	if (v &&
		(!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max))
		return err_set(err, SW_EINVAL, "%s: a whole number from %d to %d", key, (int)min,
			(int)max);
	*ret = v ? json_integer_value(v) : def;
	return 0;
}

int faults_order(struct faults *f, const json_t *order, struct fault *ret, struct sw_err *err)
{
	const char *kind = json_string_value(json_object_get(order, "kind"));
	const char *route = json_string_value(json_object_get(order, "route"));
	struct fault x = {0};
	int64_t code;
	int rc;

	if (!kind || parse_kind(kind, &x) < 0)
		return err_set(err, SW_EINVAL,
			"kind: one of slow http5xx 45009 errcode answer_lost half_answer reset "
			"refuse repeat");
	if (text_copy(x.route, sizeof(x.route), route ? route : "*") < 0)
		return err_set(err, SW_EINVAL, "route: longer than any name");
	rc = read_number(order, "count", 1, 1, MAX_COUNT, &x.count, err);
	if (rc == 0)
		rc = read_number(order, "ms", DEFAULT_MS, 0, MAX_MS, &x.ms, err);
	if (rc == 0)
		rc = read_number(order, "code", x.code ? x.code : 45009, -1, 99999999, &code, err);
	if (rc < 0)
		return rc;
	x.code = (int)code;
	/* Nobody listens: that is no answer to a request, it begins at once. */
	if (x.kind != FAULT_REFUSE) {
		if (f->n == FAULTS_MAX)
			return err_set(err, SW_ELIMIT, "%d faults are waiting already", FAULTS_MAX);
		f->items[f->n++] = x;
	}
	if (ret)
		*ret = x;
	return 0;
}

static bool fits(const struct fault *x, const char *route)
{
	return strcmp(x->route, "*") == 0 || strcmp(x->route, route) == 0 ||
	       (strcmp(x->route, "app") == 0 && text_starts(route, "app:"));
}

void faults_take(struct faults *f, const char *route, bool of_callback, struct fault *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < f->n; i++) {
		struct fault *x = &f->items[i];

		if ((x->kind == FAULT_REPEAT) != of_callback || !fits(x, route))
			continue;
		*ret = *x;
		if (--x->count == 0) {
			memmove(x, x + 1, (f->n - i - 1) * sizeof(*x));
			f->n--;
		}
		return;
	}
}

void faults_clear(struct faults *f)
{
	f->n = 0;
}

json_t *faults_json(const struct faults *f)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < f->n; i++) {
		const struct fault *x = &f->items[i];

		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:I, s:i}", "kind", names[x->kind],
				      "route", x->route, "count", (json_int_t)x->count, "ms",
				      (json_int_t)x->ms, "code", x->code));
	}
	return list;
}
