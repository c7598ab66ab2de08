/* tests/unit/test_unit.c: the tree of units, found by code and by the names people write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "notifier/campaign/unit.h"

static struct units *units;

static int load_units(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = units_load("config/units/inner-mongolia-units.csv", &p, &units);
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int free_units(void **state)
{
	(void)state;
	units_free(units);
	return 0;
}

static const char *code_of(const char *name)
{
	int i = units_find_name(units, name, strlen(name));

	return i < 0 ? "none" : units->items[i].code;
}

static void the_region_has_12_leagues_and_103_counties(void **state)
{
	size_t leagues = 0, counties = 0;

	(void)state;
	for (size_t i = 0; i < units->n; i++) {
		leagues += !strcmp(units->items[i].tier, "league");
		counties += !strcmp(units->items[i].tier, "county");
	}
	assert_int_equal(units->n, 116);
	assert_int_equal(leagues, 12);
	assert_int_equal(counties, 103);
}

static void units_are_found_by_full_short_and_shortened_name(void **state)
{
	(void)state;
	assert_string_equal(code_of("呼和浩特市"), "150100");
	assert_string_equal(code_of("呼和浩特"), "150100");
	assert_string_equal(code_of("锡林郭勒盟"), "152500");
	assert_string_equal(code_of("锡林郭勒"), "152500");
	assert_string_equal(code_of("土默特左"), "150121"); /* last word missing */
	assert_string_equal(code_of("土左旗"), "150121");
	assert_string_equal(code_of("海南区"), "150303");
	assert_string_equal(code_of("火星市"), "none");
	assert_string_equal(code_of(""), "none");
}

static void every_full_and_short_name_leads_back_to_its_unit(void **state)
{
	(void)state;
	for (size_t i = 0; i < units->n; i++) {
		assert_string_equal(code_of(units->items[i].name), units->items[i].code);
		assert_string_equal(code_of(units->items[i].short_name), units->items[i].code);
	}
}

static void name_is_read_by_its_length(void **state)
{
	(void)state;
	int i = units_find_name(units, "包头市报送2人", strlen("包头市"));

	assert_true(i >= 0);
	assert_string_equal(units->items[i].code, "150200");
}

static void unit_is_under_itself_and_those_it_reports_to(void **state)
{
	int region = units_find(units, "150000"), league = units_find(units, "150100"),
	    county = units_find(units, "150102"), other = units_find(units, "150200");

	(void)state;
	assert_true(units_is_under(units, county, county));
	assert_true(units_is_under(units, county, league));
	assert_true(units_is_under(units, county, region));
	assert_false(units_is_under(units, league, county));
	assert_false(units_is_under(units, county, other));
	assert_false(units_is_under(units, -1, region));
	assert_int_equal(units_find(units, "159999"), -1);
}

/* ---- reading ---- */

static int load_rows(const char *rows, struct problems *p, struct units **ret)
{
	char dir[] = "/tmp/unitXXXXXX", path[64];
	int rc;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/u.csv", dir);
	assert_int_equal(file_write(path, 0600, rows, strlen(rows), NULL), 0);
	problems_init(p);
	rc = units_load(path, p, ret);
	remove(path);
	remove(dir);
	return rc;
}

static void assert_refused(const char *rows, int line, const char *text)
{
	struct units *u = NULL;
	struct problems p;

	assert_int_equal(load_rows(rows, &p, &u), SW_ECONF);
	assert_null(u);
	assert_true(p.n_errors >= 1);
	assert_int_equal(p.items[0].line, line);
	assert_non_null(strstr(p.items[0].text, text));
	problems_fini(&p);
}

#define HEAD "code,name,short_name,tier,parent_code\n"

static void wrong_rows_are_reported_with_their_line(void **state)
{
	(void)state;
	assert_refused(HEAD "15000,甲,甲,region,\n", 2, "not a unit code");
	assert_refused(HEAD "150000,甲,甲,region,\n150000,乙,乙,league,150000\n", 3, "twice");
	assert_refused(HEAD "150000,甲,甲,region,\n150100,,,league,150000\n", 3, "no name");
	assert_refused(HEAD "150000,甲,甲,region,\n150100,乙市,乙,league,150009\n", 3, "150009");
	assert_refused(
		HEAD "150100,甲市,甲,league,150200\n150200,乙市,乙,league,150100\n", 2, "circle");
	assert_refused(HEAD, 0, "no units");
}

static void ambiguous_name_finds_nothing(void **state)
{
	struct units *u = NULL;
	struct problems p;

	(void)state;
	assert_int_equal(
		load_rows(HEAD "150000,全区,全区,region,\n150100,东山市,东山市,league,150000\n"
			       "150200,东山旗,东山旗,league,150000\n",
			&p, &u),
		0);
	assert_int_equal(units_find_name(u, "东山", strlen("东山")), -1);
	assert_int_equal(units_find_name(u, "东山旗", strlen("东山旗")), 2);
	assert_int_equal(units_find_name(u, "东", strlen("东")), -1);
	units_free(u);
	problems_fini(&p);
}

static void parent_may_stand_after_its_child(void **state)
{
	struct units *u = NULL;
	struct problems p;

	(void)state;
	assert_int_equal(
		load_rows(
			HEAD "150100,甲市,甲市,league,150000\n150000,全区,全区,region,\n", &p, &u),
		0);
	assert_int_equal(u->items[0].parent, 1);
	assert_int_equal(u->items[1].parent, -1);
	units_free(u);
	problems_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_region_has_12_leagues_and_103_counties),
		cmocka_unit_test(units_are_found_by_full_short_and_shortened_name),
		cmocka_unit_test(every_full_and_short_name_leads_back_to_its_unit),
		cmocka_unit_test(name_is_read_by_its_length),
		cmocka_unit_test(unit_is_under_itself_and_those_it_reports_to),
		cmocka_unit_test(wrong_rows_are_reported_with_their_line),
		cmocka_unit_test(ambiguous_name_finds_nothing),
		cmocka_unit_test(parent_may_stand_after_its_child),
	};

	return cmocka_run_group_tests(tests, load_units, free_units);
}
