/*
 * tests/unit/stage.h: the shipped campaign with its templates and plan, blank facts and an invented roster:
 * what tests of decisions work on.
 */
#ifndef SW_TESTS_UNIT_STAGE_H
#define SW_TESTS_UNIT_STAGE_H

#include "notifier/campaign/plan.h"

struct test_stage {
	struct campaign *c;
	struct templates *t;
	struct plan *plan;
	struct unit_facts *facts; /* one per unit */
	int64_t *last_group_ms;   /* one per unit */
	struct contacts contacts; /* none until stage_add_contact() */
};

/* Any failure ends the test program. */
void test_stage_load(struct test_stage *s);
void test_stage_fini(struct test_stage *s);
/* Facts, caps and roster as at the start. */
void test_stage_blank(struct test_stage *s);

int test_stage_unit(const struct test_stage *s, const char *code);
int64_t test_ms(const char *time); /* "2022-08-12T09:00" */
/* A claim of the first two categories, 2 workers and 6 households; -1 leaves one unknown. */
void test_stage_report(struct test_stage *s, int unit, int workers, int households);
/* DEPARTMENT -1: none; USERID "" : not a member. Returns its index. */
int test_stage_contact(struct test_stage *s, int unit, int department, enum def_role role,
	const char *name, const char *userid);
struct plan_input test_stage_input(const struct test_stage *s, const char *now);
/* The points due at the instant DUE; fails the test when there are none or more than MAX. */
size_t test_stage_points(
	const struct test_stage *s, const char *due, const struct plan_point **ret, size_t max);

#endif
