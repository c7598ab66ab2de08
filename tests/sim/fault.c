/* tests/sim/fault.c: a short list, first fit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/text.h"
#include "tests/sim/fault.h"

enum { MAX_COUNT = 1000000, MAX_MS = 600000, DEFAULT_MS = 1000 };

static const char *const names[FAULT_OWN] = {
	[FAULT_NONE] = "",
	[FAULT_SLOW] = "slow",
	[FAULT_HTTP5XX] = "http5xx",
	[FAULT_ANSWER_LOST] = "answer_lost",
	[FAULT_HALF_ANSWER] = "half_answer",
	[FAULT_RESET] = "reset",
	[FAULT_REFUSE] = "refuse",
};

void faults_init(struct faults *f, const struct fault_own *own, size_t n_own)
{
	memset(f, 0, sizeof(*f));
	f->own = own;
	f->n_own = n_own;
}

const char *faults_name(const struct faults *f, int kind)
{
	return kind < FAULT_OWN ? names[kind] : f->own[kind - FAULT_OWN].name;
}

static enum fault_place place_of(const struct faults *f, int kind)
{
	return kind < FAULT_OWN ? FAULT_OF_REQUEST : f->own[kind - FAULT_OWN].place;
}

static int parse_kind(
	const struct faults *f, const char *name, struct fault *ret, struct sw_err *err)
{
	char all[160] = "";

	for (int k = FAULT_NONE + 1; k < FAULT_OWN + (int)f->n_own; k++) {
		size_t len = strlen(all);

		if (name && strcmp(name, faults_name(f, k)) == 0) {
			ret->kind = k;
			return 0;
		}
		snprintf(all + len, sizeof(all) - len, " %s", faults_name(f, k));
	}
	return err_set(err, SW_EINVAL, "kind: one of%s", all);
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

static int read_code(
	const struct faults *f, const json_t *order, struct fault *ret, struct sw_err *err)
{
	const json_t *v = json_object_get(order, "code");
	const char *def = ret->kind >= FAULT_OWN ? f->own[ret->kind - FAULT_OWN].code : NULL;
	char number[24];

	snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(v));
	if (v && !json_is_integer(v) && !json_is_string(v))
		return err_set(err, SW_EINVAL, "code: a string or a whole number");
	if (text_copy(ret->code, sizeof(ret->code),
		    json_is_integer(v)  ? number
		    : json_is_string(v) ? json_string_value(v)
		    : def               ? def
					: "") < 0)
		return err_set(err, SW_EINVAL, "code: longer than any code");
	return 0;
}

int faults_order(struct faults *f, const json_t *order, struct fault *ret, struct sw_err *err)
{
	const char *route = json_string_value(json_object_get(order, "route"));
	struct fault x = {0};
	int rc = parse_kind(f, json_string_value(json_object_get(order, "kind")), &x, err);

	if (rc < 0)
		return rc;
	if (text_copy(x.route, sizeof(x.route), route ? route : "*") < 0)
		return err_set(err, SW_EINVAL, "route: longer than any name");
	rc = read_number(order, "count", 1, 1, MAX_COUNT, &x.count, err);
	if (rc == 0)
		rc = read_number(order, "ms", DEFAULT_MS, 0, MAX_MS, &x.ms, err);
	if (rc == 0)
		rc = read_code(f, order, &x, err);
	if (rc < 0)
		return rc;
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
	size_t len = strlen(x->route);

	return strcmp(x->route, "*") == 0 ||
	       (text_starts(route, x->route) && (route[len] == '\0' || route[len] == ':'));
}

void faults_take(struct faults *f, const char *route, enum fault_place place, struct fault *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < f->n; i++) {
		struct fault *x = &f->items[i];

		if (place_of(f, x->kind) != place || !fits(x, route))
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

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I, s:I, s:s}", "kind", faults_name(f, x->kind),
				"route", x->route, "count", (json_int_t)x->count, "ms",
				(json_int_t)x->ms, "code", x->code));
	}
	return list;
}
