/* The commended: every text of a row is judged by where it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/text.h"
#include "notifier/campaign/honours.h"

#define HEADER "category,unit_code,name,community,deed,text_sms,text_group,text_screen,text_loud\n"
#define SMS                                                                                                                                   \
	"身边的好邻居：某社区李四家庭入选“和睦友爱好邻居”。十年如一日照料独居老人。事迹见https://" \
	"example.invalid/h01 拒收请回复R"

static struct campaign *campaign;
static struct templates *templates;

static int load(void **state)
{
	struct problems p;
	int rc;

	(void)state;
	problems_init(&p);
	rc = campaign_load("config/example/campaign.conf", &p, &campaign);
	if (rc == 0)
		rc = templates_load("config/templates", campaign, &p, &templates);
	if (rc == 0)
		rc = templates_set_sign(templates, "邻里守望");
	problems_print(&p, stderr);
	problems_fini(&p);
	return rc;
}

static int unload(void **state)
{
	(void)state;
	templates_free(templates);
	campaign_free(campaign);
	return 0;
}

static int parse(const char *data, struct problems *p, struct honours *ret)
{
	problems_init(p);
	*ret = (struct honours){0};
	return honours_parse("h.csv", data, strlen(data), campaign, templates, "邻里守望", p, ret);
}

/* One row with these cells in place of good ones; NULL: the good one. */
struct cells {
	const char *category, *unit, *name, *community, *sms, *group, *screen, *loud;
};

static void add_row(struct buf *b, struct cells c)
{
	assert_int_equal(buf_addf(b, "%s,%s,%s,%s,照料老人,%s,\"%s\",%s,%s\n",
				 c.category ? c.category : "household", c.unit ? c.unit : "990100",
				 c.name ? c.name : "李四", c.community ? c.community : "某社区",
				 c.sms ? c.sms : SMS, c.group ? c.group : "",
				 c.screen ? c.screen : "", c.loud ? c.loud : ""),
		0);
}

/* The row is refused on line 2 for just one reason. */
static void assert_refused(struct cells c, const char *want)
{
	struct problems p;
	struct honours h;
	struct buf b;
	size_t found = 0;

	buf_init(&b, 65536);
	(void)buf_adds(&b, HEADER);
	add_row(&b, c);
	assert_int_equal(parse(buf_str(&b), &p, &h), SW_ECONF);
	for (size_t i = 0; i < p.n; i++) {
		if (p.items[i].level != PROBLEM_ERROR)
			continue;
		assert_int_equal(p.items[i].line, 2);
		if (!strstr(p.items[i].text, want))
			fail_msg("\"%s\" instead of \"%s\"", p.items[i].text, want);
		found++;
	}
	assert_int_equal(found, 1);
	assert_int_equal(h.n, 0);
	problems_fini(&p);
	buf_fini(&b);
}

static void the_shipped_example_is_good(void **state)
{
	struct problems p;
	struct honours h = {0};
	struct buf data;

	(void)state;
	buf_init(&data, 65536);
	problems_init(&p);
	assert_int_equal(file_read("config/example/honours.csv", &data, NULL), 0);
	assert_int_equal(honours_parse("honours.csv", data.data, data.len, campaign, templates,
				 "邻里守望", &p, &h),
		0);
	assert_int_equal(p.n, 0);
	assert_int_equal(h.n, 4);
	assert_string_equal(h.items[0].id, "990100-worker-1");
	assert_string_equal(h.items[0].template_id, "P-WORKER");
	assert_non_null(strstr(h.items[0].params, "\"y\""));
	assert_true(text_starts(h.items[0].text_sms, "【邻里守望】身边的榜样"));
	assert_string_equal(h.items[2].id, "990100-household-1");
	assert_string_equal(h.items[2].template_id, "P-HOUSE");
	assert_non_null(strchr(h.items[2].text_group, '\n'));
	assert_int_equal(strlen(h.digest), 64);
	honours_fini(&h);
	problems_fini(&p);
	buf_fini(&data);
}

static void the_sign_may_stand_there_and_is_added_otherwise(void **state)
{
	struct problems p;
	struct honours h;

	(void)state;
	assert_int_equal(parse(HEADER "household,990100,李四,某社区,," SMS ",,,\n"
				      "household,990100,李四,另一社区,,【邻里守望】" SMS ",,,\n",
				 &p, &h),
		0);
	assert_string_equal(h.items[0].text_sms, "【邻里守望】" SMS);
	assert_string_equal(h.items[1].text_sms, "【邻里守望】" SMS);
	assert_string_equal(h.items[1].id, "990100-household-2");
	honours_fini(&h);
	problems_fini(&p);
}

static void a_text_no_template_gives_is_a_warning(void **state)
{
	struct problems p;
	struct honours h;

	(void)state;
	assert_int_equal(
		parse(HEADER "household,990100,李四,某社区,,祝贺李四家庭！拒收请回复R,,,\n", &p,
			&h),
		0);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.items[0].level, PROBLEM_WARNING);
	assert_non_null(strstr(p.items[0].text, "no template"));
	assert_string_equal(h.items[0].template_id, "");
	assert_string_equal(h.items[0].params, "");
	honours_fini(&h);
	problems_fini(&p);
}

static void a_text_without_the_name_of_its_row_is_a_warning(void **state)
{
	struct problems p;
	struct honours h;

	(void)state;
	assert_int_equal(parse(HEADER "household,990100,赵六,某社区,," SMS ",,,\n", &p, &h), 0);
	assert_int_equal(p.n, 1);
	assert_non_null(strstr(p.items[0].text, "the name of this row"));
	honours_fini(&h);
	problems_fini(&p);
}

static void an_sms_has_the_right_sign_and_the_way_out(void **state)
{
	struct buf b;

	(void)state;
	assert_refused((struct cells){.sms = "【别的签名】祝贺李四！拒收请回复R"}, "another sign");
	assert_refused((struct cells){.sms = "祝贺李四【好】！拒收请回复R"}, "inside the text");
	assert_refused((struct cells){.sms = "祝贺李四！"}, "does not end with");
	assert_refused((struct cells){.sms = "祝贺李四！拒收请回复R。"}, "does not end with");
	/* 【邻里守望】 6, 李四 2, the way out 6: 120 more are 134. */
	buf_init(&b, 1024);
	(void)buf_adds(&b, "李四");
	for (int i = 0; i < 121; i++)
		(void)buf_adds(&b, "好");
	(void)buf_adds(&b, "拒收请回复R");
	assert_refused((struct cells){.sms = buf_str(&b)}, "135 units");
	buf_fini(&b);
}

static void each_text_keeps_within_its_limit(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8192);
	for (int i = 0; i < 61; i++)
		(void)buf_adds(&b, "屏");
	assert_refused((struct cells){.screen = buf_str(&b)}, "61 characters, at most 60");
	buf_fini(&b);
	assert_refused((struct cells){.group = "请<@all>看"}, "calls on members");
}

static void a_loudspeaker_says_no_digits_brackets_or_addresses(void **state)
{
	(void)state;
	assert_refused((struct cells){.loud = "李四十年如1日。"}, "digits");
	assert_refused((struct cells){.loud = "李四１０年。"}, "digits");
	assert_refused((struct cells){.loud = "李四（示例）。"}, "brackets");
	assert_refused((struct cells){.loud = "请看www.shouwang点"}, "by ear");
}

static void no_personal_data_stands_in_any_text(void **state)
{
	(void)state;
	assert_refused((struct cells){.group = "李四 13800000001"}, "text_group: holds a mobile");
	assert_refused(
		(struct cells){.group = "99010119650708007X"}, "text_group: holds an identity");
	assert_refused(
		(struct cells){.screen = "电话１３８００００００００"}, "text_screen: holds");
}

static void category_and_unit_are_those_of_the_definition(void **state)
{
	(void)state;
	assert_refused((struct cells){.category = "hero"}, "category:");
	assert_refused((struct cells){.unit = "150100"}, "unit_code:");
	assert_refused((struct cells){.community = "   "}, "community: empty");
}

static void nobody_stands_there_twice(void **state)
{
	struct problems p;
	struct honours h;

	(void)state;
	assert_int_equal(parse(HEADER "household,990100,李四,某社区,," SMS ",,,\n"
				      "household,990100,李四,某社区,," SMS ",,,\n",
				 &p, &h),
		SW_ECONF);
	assert_int_equal(p.n, 1);
	assert_int_equal(p.items[0].line, 3);
	assert_non_null(strstr(p.items[0].text, "as in line 2"));
	problems_fini(&p);
}

static void no_more_are_commended_than_the_definition_says(void **state)
{
	struct problems p;
	struct honours h;
	struct buf b;
	char name[32]; /* a sign and two digits */

	(void)state;
	buf_init(&b, 65536);
	(void)buf_adds(&b, HEADER);
	for (int i = 0; i < 12; i++) {
		(void)snprintf(name, sizeof(name), "李四%c", 'a' + i);
		add_row(&b, (struct cells){.category = "worker", .name = name});
	}
	assert_int_equal(parse(buf_str(&b), &p, &h), SW_ECONF);
	assert_int_equal(p.n_errors, 1);
	for (size_t i = 0; i < p.n; i++)
		if (p.items[i].level == PROBLEM_ERROR) {
			assert_int_equal(p.items[i].line, 12);
			assert_non_null(strstr(p.items[i].text, "more than the 10"));
		}
	problems_fini(&p);
	buf_fini(&b);
}

static void all_problems_of_a_file_are_named_at_once(void **state)
{
	struct problems p;
	struct honours h;

	(void)state;
	assert_int_equal(parse(HEADER "hero,1,,某社区,,短信,,,\n"
				      "household,990100,李四,,,,,,5\n",
				 &p, &h),
		SW_ECONF);
	/* 2: category, unit, name, way out; 3: community, text, digits. */
	assert_int_equal(p.n_errors, 7);
	problems_fini(&p);
}

static void an_item_comes_back_from_the_store_as_it_was(void **state)
{
	struct problems p;
	struct honours h;
	struct honour back;
	json_t *j;

	(void)state;
	assert_int_equal(
		parse(HEADER "household,990100,李四,某社区,照料," SMS ",群,屏,听\n", &p, &h), 0);
	h.items[0].withdrawn = true;
	j = honour_to_json(campaign, &h.items[0]);
	assert_non_null(j);
	assert_int_equal(honour_from_json(campaign, h.items[0].id, j, &back), 0);
	assert_string_equal(back.id, h.items[0].id);
	assert_int_equal(back.category, h.items[0].category);
	assert_int_equal(back.unit, h.items[0].unit);
	assert_string_equal(back.text_sms, h.items[0].text_sms);
	assert_string_equal(back.text_loud, "听");
	assert_string_equal(back.params, h.items[0].params);
	assert_true(back.withdrawn);
	honour_fini(&back);
	json_object_set_new(j, "unit", json_string("150100"));
	assert_int_equal(honour_from_json(campaign, h.items[0].id, j, &back), SW_ENOENT);
	json_object_del(j, "sms");
	assert_int_equal(honour_from_json(campaign, h.items[0].id, j, &back), SW_EPROTO);
	json_decref(j);
	assert_int_equal(honours_find(&h, "990100-household-1"), 0);
	assert_int_equal(honours_find(&h, "990100-household-2"), -1);
	honours_fini(&h);
	problems_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_example_is_good),
		cmocka_unit_test(the_sign_may_stand_there_and_is_added_otherwise),
		cmocka_unit_test(a_text_no_template_gives_is_a_warning),
		cmocka_unit_test(a_text_without_the_name_of_its_row_is_a_warning),
		cmocka_unit_test(an_sms_has_the_right_sign_and_the_way_out),
		cmocka_unit_test(each_text_keeps_within_its_limit),
		cmocka_unit_test(a_loudspeaker_says_no_digits_brackets_or_addresses),
		cmocka_unit_test(no_personal_data_stands_in_any_text),
		cmocka_unit_test(category_and_unit_are_those_of_the_definition),
		cmocka_unit_test(nobody_stands_there_twice),
		cmocka_unit_test(no_more_are_commended_than_the_definition_says),
		cmocka_unit_test(all_problems_of_a_file_are_named_at_once),
		cmocka_unit_test(an_item_comes_back_from_the_store_as_it_was),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
