/*
 * tests/unit/stage.c: loads what is shipped, so that tests fail when a shipped file does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/text.h"
#include "tests/unit/stage.h"

enum { MAX_CONTACTS = 64 };

static void must(bool done, const struct problems *p)
{
	if (done)
		return;
	problems_print(p, stderr);
	fputs("the shipped campaign cannot be loaded\n", stderr);
	exit(1);
}

void test_stage_load(struct test_stage *s)
{
	struct problems p;

	problems_init(&p);
	*s = (struct test_stage){0};
	must(campaign_load("config/campaigns/nm-2022-63.conf", &p, &s->c) == 0, &p);
	must(templates_load("config/templates", s->c, &p, &s->t) == 0, &p);
	must(plan_build(s->c, &s->plan, NULL) == 0, &p);
	problems_fini(&p);
	s->facts = calloc(s->c->units->n, sizeof(*s->facts));
	s->last_group_ms = calloc(s->c->units->n, sizeof(*s->last_group_ms));
	s->contacts.items = calloc(MAX_CONTACTS, sizeof(*s->contacts.items));
	must(s->facts && s->last_group_ms && s->contacts.items, &p);
	test_stage_blank(s);
}

void test_stage_fini(struct test_stage *s)
{
	free(s->contacts.items);
	free(s->last_group_ms);
	free(s->facts);
	plan_free(s->plan);
	templates_free(s->t);
	campaign_free(s->c);
	*s = (struct test_stage){0};
}

void test_stage_blank(struct test_stage *s)
{
	for (size_t i = 0; i < s->c->units->n; i++) {
		facts_init(&s->facts[i]);
		s->last_group_ms[i] = 0;
	}
	s->contacts.n = 0;
}

int test_stage_unit(const struct test_stage *s, const char *code)
{
	int unit = units_find(s->c->units, code);

	assert_true(unit >= 0);
	return unit;
}

int64_t test_ms(const char *time)
{
	int64_t ms = 0;

	assert_int_equal(civil_parse_time(time, &ms), 0);
	return ms;
}

void test_stage_report(struct test_stage *s, int unit, int workers, int households)
{
	const int values[] = {workers, households};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		s->facts[unit].counts[i].known = values[i] >= 0;
		s->facts[unit].counts[i].value = values[i] >= 0 ? values[i] : 0;
	}
}

int test_stage_contact(struct test_stage *s, int unit, int department, enum def_role role,
	const char *name, const char *userid)
{
	struct contact *k = &s->contacts.items[s->contacts.n];

	assert_true(s->contacts.n < MAX_CONTACTS);
	*k = (struct contact){.unit = unit, .department = department, .role = role};
	snprintf(k->id, sizeof(k->id), "c-%08x", (unsigned)s->contacts.n & 0xffffffffu);
	assert_int_equal(text_copy(k->name, sizeof(k->name), name), 0);
	assert_int_equal(text_copy(k->userid, sizeof(k->userid), userid), 0);
	return (int)s->contacts.n++;
}

struct plan_input test_stage_input(const struct test_stage *s, const char *now)
{
	return (struct plan_input){.c = s->c,
		.t = s->t,
		.contacts = &s->contacts,
		.facts = s->facts,
		.now_ms = test_ms(now),
		.last_group_ms = s->last_group_ms};
}

size_t test_stage_points(
	const struct test_stage *s, const char *due, const struct plan_point **ret, size_t max)
{
	int64_t ms = test_ms(due);
	size_t n = 0;

	for (size_t i = 0; i < s->plan->n; i++) {
		if (s->plan->points[i].due_ms != ms)
			continue;
		assert_true(n < max);
		ret[n++] = &s->plan->points[i];
	}
	assert_true(n > 0);
	return n;
}
