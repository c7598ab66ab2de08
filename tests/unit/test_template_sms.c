/*
 * tests/unit/test_template_sms.c: what stands in an SMS, what a provider is told of it, and which text is whose.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/mask.h"
#include "core/base/text.h"
#include "notifier/campaign/answer.h"
#include "notifier/campaign/template.h"
#include "tests/unit/stage.h"

#define SMS_OF(names, body) "# variables: " names "\n# cap: 70 units\n---\n" body

static struct test_stage s;
static char dir[] = "/tmp/smsXXXXXX";
static struct templates *own; /* of DIR */
static struct problems problems;

static int load(void **state)
{
	(void)state;
	test_stage_load(&s);
	assert_int_equal(templates_set_sign(s.t, "邻里守望"), 0);
	/* A campaign without reminders needs no headings. */
	s.c->n_reminders = 0;
	return mkdtemp(dir) ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	test_stage_fini(&s);
	return rmdir(dir);
}

static int begin(void **state)
{
	(void)state;
	problems_init(&problems);
	own = NULL;
	return 0;
}

static int end(void **state)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, NULL, alphasort);

	(void)state;
	for (int i = 0; i < n; i++) {
		char path[600];

		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		unlink(path);
		free(list[i]);
	}
	free(list);
	templates_free(own);
	problems_fini(&problems);
	return 0;
}

static void write_template(const char *name, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write(path, 0600, text, strlen(text), NULL), 0);
}

/* Loads DIR; its texts are signed. */
static void load_own(void)
{
	int rc = templates_load(dir, s.c, &problems, &own);

	problems_print(&problems, stderr);
	assert_int_equal(rc, 0);
	assert_int_equal(templates_set_sign(own, "邻里守望"), 0);
}

static void assert_refused(const char *name, const char *text, const char *what)
{
	struct templates *t = NULL;
	struct problems p;
	bool found = false;

	problems_init(&p);
	write_template(name, text);
	assert_int_equal(templates_load(dir, s.c, &p, &t), SW_ECONF);
	for (size_t i = 0; i < p.n; i++)
		found = found || strstr(p.items[i].text, what);
	if (!found)
		fail_msg("nobody said \"%s\"", what);
	problems_fini(&p);
	end(NULL);
	begin(NULL);
}

static void assert_sms(
	const char *id, const struct template_var *vars, size_t n, const char *expected)
{
	struct sw_err err = {0};
	struct buf out;

	buf_init(&out, 65536);
	if (template_render(own, id, "sms", vars, n, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&out), expected);
	buf_fini(&out);
}

static void assert_params(
	const char *id, const struct template_var *vars, size_t n, const char *expected)
{
	struct sw_err err = {0};
	struct buf out;

	buf_init(&out, 65536);
	if (template_params(own, id, vars, n, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&out), expected);
	buf_fini(&out);
}

/* EXPECTED NULL: the text is not of this template. */
static void assert_match(const char *id, const char *text, const char *expected)
{
	struct buf out;
	int rc;

	buf_init(&out, 65536);
	rc = template_match(own, id, text, &out);
	assert_int_equal(rc, expected ? 0 : SW_ENOENT);
	assert_string_equal(buf_str(&out), expected ? expected : "");
	buf_fini(&out);
}

/* ---- mistakes ---- */

static void sms_is_one_line_counted_in_units_without_brackets_of_a_signature(void **state)
{
	(void)state;
	assert_refused("S-X.sms.txt", SMS_OF("", "一\n二\n"), "one line");
	assert_refused("S-X.sms.txt", SMS_OF("", "【演练】一\n"), "signature");
	assert_refused("S-X.sms.txt", "# cap: 70 bytes\n---\n一\n", "units");
	assert_refused("S-X.sms.txt", SMS_OF("lines", "{lines}\n"), "chats");
	assert_refused("R-X.sms.txt", SMS_OF("at", "回复“{at}是”\n"), "chats");
	write_template("S-X.sms.txt", SMS_OF("unit", "{unit}\n"));
	load_own();
}

static void code_of_a_provider_names_one_text(void **state)
{
	(void)state;
	write_template("S-A.sms.txt", "# cap: 70 units\n# aliyun_code: SMS_1\n---\n一\n");
	assert_refused("S-B.sms.txt", "# cap: 70 units\n# aliyun_code: SMS_1\n---\n二\n", "SMS_1");
	write_template("S-A.sms.txt", "# cap: 70 units\n# aliyun_code: SMS_1\n---\n一\n");
	write_template("S-B.sms.txt", "# cap: 70 units\n# mas_code: SMS_1\n---\n二\n");
	write_template("S-C.sms.txt", "# cap: 70 units\n---\n三\n");
	load_own();
	assert_string_equal(template_code(own, "S-A", "aliyun"), "SMS_1");
	assert_string_equal(template_code(own, "S-A", "mas"), "");
	assert_string_equal(template_code(own, "S-B", "mas"), "SMS_1");
	assert_string_equal(template_code(own, "S-C", "aliyun"), "");
	assert_string_equal(template_code(own, "S-NONE", "aliyun"), "");
	assert_string_equal(template_code(own, "S-A", "kannel"), "");
}

static void residents_get_only_variables_of_their_own(void **state)
{
	(void)state;
	assert_refused("P-X.sms.txt", SMS_OF("reminded", "{reminded}\n"), "{reminded}");
	assert_refused("S-X.sms.txt", SMS_OF("deed", "{deed}\n"), "{deed}");
	assert_refused("P-X.sms.txt", SMS_OF("id_number", "{id_number}\n"), "never_in_message");
	write_template("P-X.sms.txt", SMS_OF("name deed", "{name}{deed}\n"));
	load_own();
}

/* ---- filling in ---- */

static void sign_stands_in_front_and_counts(void **state)
{
	char hanzi[3 * 65 + 1] = "", *p = hanzi;
	const struct template_var vars[] = {{"unit", hanzi, false}};
	struct sw_err err = {0};
	struct buf out;

	(void)state;
	for (int i = 0; i < 65; i++, p += 3)
		memcpy(p, "甲", 4);
	write_template("S-X.sms.txt", SMS_OF("unit", "{unit}\n"));
	load_own();
	buf_init(&out, 65536);
	assert_int_equal(template_render(own, "S-X", "sms", vars, 1, &out, &err), SW_ELIMIT);
	assert_non_null(strstr(err.text, "71 units"));
	hanzi[3 * 64] = '\0';
	assert_int_equal(template_render(own, "S-X", "sms", vars, 1, &out, &err), 0);
	assert_true(text_starts(buf_str(&out), "【邻里守望】甲"));
	assert_int_equal(text_u16_units(buf_str(&out)), 70);
	buf_reset(&out);
	assert_int_equal(templates_set_sign(own, ""), 0);
	assert_int_equal(template_render(own, "S-X", "sms", vars, 1, &out, &err), 0);
	assert_true(text_starts(buf_str(&out), "甲"));
	assert_int_equal(templates_set_sign(own, "【守望】"), SW_EINVAL);
	buf_fini(&out);
}

static void typed_value_brings_no_signature_link_or_long_number(void **state)
{
	static const struct {
		const char *typed, *shown;
	} cases[] = {
		{"赵六", "赵六"},
		{"【假单位】赵六", "[假单位]赵六"},
		{"赵\r\n六\t七", "赵 六 七"},
		{"看http://x.cn/a?b 吧", "看* 吧"},
		{"www.x.cn", "*"},
		{"上x.com/y看", "上*看"},
		{"8.12至8.18", "8.12至8.18"},
		{"电话13800000001", "电话*"},
		{"单号123456", "单号123456"},
		{"１３８００００００００1号", "*号"},
		{"赵\xe2\x80\xae六", "赵六"},
		{"", ""},
	};

	(void)state;
	write_template("R-X.sms.txt", SMS_OF("who", "请{who}\n"));
	load_own();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct template_var vars[] = {{"who", cases[i].typed, true}};
		char expected[200];

		snprintf(expected, sizeof(expected), "【邻里守望】请%s", cases[i].shown);
		assert_sms("R-X", vars, 1, expected);
	}
}

static void configured_value_keeps_its_number_and_link(void **state)
{
	const struct template_var vars[] = {
		{"tel", "0471-6962044", false}, {"url", "https://example.invalid/w01", false}};

	(void)state;
	write_template("P-X.sms.txt", SMS_OF("tel url", "电话{tel}，见{url}\n"));
	load_own();
	assert_sms("P-X", vars, 2, "【邻里守望】电话0471-6962044，见https://example.invalid/w01");
}

static void sentence_of_a_chat_loses_its_marks(void **state)
{
	const struct template_var vars[] = {{"deadline_sentence",
		"共 **11个工作日**。\n<font color=\"warning\">红</font>", false}};

	(void)state;
	write_template("S-X.sms.txt", SMS_OF("deadline_sentence", "{deadline_sentence}\n"));
	load_own();
	assert_sms("S-X", vars, 1, "【邻里守望】共 11个工作日。 红");
}

/* ---- parameters ---- */

static void parameters_stand_in_the_order_of_the_text_as_they_are_shown(void **state)
{
	const struct template_var vars[] = {
		{"who", "【x】赵六 13800000001", true}, {"unit", "甲市", false}};

	(void)state;
	write_template("R-X.sms.txt", SMS_OF("who unit", "{unit}的{who}，{unit}\n"));
	load_own();
	assert_sms("R-X", vars, 2, "【邻里守望】甲市的[x]赵六 *，甲市");
	assert_params("R-X", vars, 2, "{\"unit\":\"甲市\",\"who\":\"[x]赵六 *\"}");
}

static void parameters_of_nothing_are_an_empty_object(void **state)
{
	(void)state;
	write_template("R-X.sms.txt", SMS_OF("", "已取消。\n"));
	load_own();
	assert_params("R-X", NULL, 0, "{}");
}

static void missing_value_or_template_gives_no_parameters(void **state)
{
	struct sw_err err = {0};
	struct buf out;

	(void)state;
	write_template("R-X.sms.txt", SMS_OF("unit", "{unit}\n"));
	load_own();
	buf_init(&out, 65536);
	assert_int_equal(template_params(own, "R-X", NULL, 0, &out, &err), SW_EINVAL);
	assert_int_equal(template_params(own, "R-Y", NULL, 0, &out, &err), SW_ENOENT);
	assert_int_equal(out.len, 0);
	buf_fini(&out);
}

/* ---- which text is whose ---- */

static void text_of_a_template_gives_its_variables_back(void **state)
{
	(void)state;
	write_template(
		"P-X.sms.txt", SMS_OF("comm name deed url",
				       "榜样：{comm}的{name}，{deed}。见{url} 拒收请回复R\n"));
	load_own();
	assert_match("P-X", "【邻里守望】榜样：某社区的张三，代买代办。见https://x.cn 拒收请回复R",
		"{\"comm\":\"某社区\",\"name\":\"张三\",\"deed\":\"代买代办\",\"url\":\"https://"
		"x.cn\"}");
	/* A full stop within a value: what follows decides. */
	assert_match("P-X", "【邻里守望】榜样：甲的的乙，一。二。见u 拒收请回复R",
		"{\"comm\":\"甲\",\"name\":\"的乙\",\"deed\":\"一。二\",\"url\":\"u\"}");
}

static void other_text_matches_nothing(void **state)
{
	static const char *const wrong[] = {"", "榜样：甲。", "【邻里守望】榜样：甲",
		"【邻里守望】榜样：甲。x", "【邻里守望】榜样：。", "【守望】榜样：甲。",
		"【邻里守望】榜样:甲。", "【邻里守望】榜样：\xff。"};

	(void)state;
	write_template("P-X.sms.txt", SMS_OF("name", "榜样：{name}。\n"));
	load_own();
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_match("P-X", wrong[i], NULL);
	assert_match("P-X", "【邻里守望】榜样：甲。", "{\"name\":\"甲\"}");
	assert_match("P-Y", "【邻里守望】榜样：甲。", NULL);
}

static void shortest_value_of_each_variable_is_taken(void **state)
{
	(void)state;
	write_template("P-X.sms.txt", SMS_OF("comm name", "{comm}{name}入选\n"));
	load_own();
	assert_match(
		"P-X", "【邻里守望】某社区张三入选", "{\"comm\":\"某\",\"name\":\"社区张三\"}");
	assert_match("P-X", "【邻里守望】张入选", NULL); /* none may be empty */
}

static void variable_that_stands_twice_has_one_value(void **state)
{
	(void)state;
	write_template("P-X.sms.txt", SMS_OF("name deed", "{name}，{deed}，{name}好\n"));
	load_own();
	assert_match(
		"P-X", "【邻里守望】张三，助人，张三好", "{\"name\":\"张三\",\"deed\":\"助人\"}");
	assert_match("P-X", "【邻里守望】张三，助人，李四好", NULL);
}

static void text_made_to_be_slow_is_given_up(void **state)
{
	struct buf text, out;

	(void)state;
	write_template(
		"P-X.sms.txt", SMS_OF("comm name deed place street dept url no",
				       "{comm}{name}{deed}{place}{street}{dept}{url}{no}末\n"));
	load_own();
	buf_init(&text, 65536);
	buf_init(&out, 65536);
	buf_adds(&text, "【邻里守望】");
	for (int i = 0; i < 2000; i++)
		buf_adds(&text, "好");
	assert_int_equal(template_match(own, "P-X", buf_str(&text), &out), SW_ENOENT);
	buf_fini(&text);
	buf_fini(&out);
}

/* ---- what is shipped ---- */

struct every {
	const struct plan_vars *vars;
	size_t n;
};

static void set_all(struct plan_vars *vars, const char *const (*values)[2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(plan_vars_set(vars, values[i][0], values[i][1], false), 0);
}

/* Fits, reads as it should, holds no personal data, is made of its parameters, and has a code to be registered with. */
static void check_shipped(void *ctx, const char *id, const char *channel, const char *file)
{
	static const char *const wrong[] = {
		"!", "！", "{", "}", "亲", "哦", "督促", "通报批评", "; ", "**", "<", "@"};
	struct every *e = ctx;
	struct sw_err err = {0};
	struct buf text, params, found;

	(void)file;
	if (strcmp(channel, "sms") != 0)
		return;
	buf_init(&text, 65536);
	buf_init(&params, 65536);
	buf_init(&found, 65536);
	if (template_render(s.t, id, "sms", e->vars->vars, e->vars->n, &text, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		if (strstr(buf_str(&text), wrong[i]))
			fail_msg("%s: \"%s\" in: %s", id, wrong[i], buf_str(&text));
	}
	if (scan_personal(buf_str(&text), false) != SCAN_CLEAN)
		fail_msg("%s looks like personal data: %s", id, buf_str(&text));
	assert_int_equal(template_params(s.t, id, e->vars->vars, e->vars->n, &params, &err), 0);
	if (strstr(buf_str(&params), "\"\""))
		fail_msg("%s: a provider takes no empty variable: %s", id, buf_str(&params));
	if (template_match(s.t, id, buf_str(&text), &found) < 0)
		fail_msg("%s does not know its own text: %s", id, buf_str(&text));
	assert_true(text_starts(template_code(s.t, id, "aliyun"), "SMS_"));
	e->n++;
	buf_fini(&text);
	buf_fini(&params);
	buf_fini(&found);
}

static void fill(int unit, const char *now, struct plan_vars *vars)
{
	struct answer_input in = {.c = s.c,
		.unit = unit,
		.facts = &s.facts[unit],
		.who = "阿拉腾其木格·乌云塔娜",
		.now_ms = test_ms(now)};

	assert_int_equal(answer_vars(&in, vars), 0);
}

/* The longest values there are: of a league for what is worked out, of messages people wrote for the rest. */
static void every_shipped_sms_fits_with_its_longest_values(void **state)
{
	static const char *const longest[][2] = {
		{"reminded", "40次，最近8月17日15:00"},
		{"replied", "最近回复8月17日15:00"},
		{"t", "8月18日15:20"},
		{"d", "8月22日（周一）"},
		{"n", "120"},
		{"w", "4"},
		{"h", "10"},
		{"wi", "照片等6项材料"},
		{"hi", "照片等5项材料"},
		{"m", "缺照片等6项"},
		{"p", "进行中12个"},
		{"url", "https://example.invalid/wx"},
		{"notice", "8月12日至8月18日"},
		{"bad", "8月21日（周日）"},
		{"good", "8月20日（周六）"},
		{"ch", "短信主通道"},
		{"e", "PORT_NOT_REGISTERED"},
		{"alt", "备用通道"},
		{"q", "12000"},
		{"street", "莫力达瓦达斡尔族自治旗某镇"},
		{"place", "社区居民委员会公告栏"},
		{"comm", "甲市甲一区某街道某社区"},
		{"name", "阿拉腾其木格"},
		{"y", "32"},
		{"deed", "为楼上行动不便的独居老人坚持代买代办陪诊十年"},
		{"dept", "呼伦贝尔市文明办"},
	};
	static const char *const days[] = {"2022-06-20T09:00", "2022-08-10T15:00",
		"2022-08-17T09:00", "2022-08-19T15:00", "2022-08-20T09:00", "2022-08-31T09:00"};
	static const int counts[][2] = {{-1, -1}, {0, 0}, {1, 4}, {99, 99}, {99, 4}, {3, 6}};
	int unit = test_stage_unit(&s, "150700");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
			struct plan_vars vars = {0};
			struct every e = {.vars = &vars};

			test_stage_report(&s, unit, counts[k][0], counts[k][1]);
			s.facts[unit].record_no = 99999;
			s.facts[unit].submitted_paper = k == 2;
			fill(unit, days[i], &vars);
			if (k == 0) /* such an answer speaks of what was read */
				set_all(&vars,
					(const char *const[][2]){
						{"count_text", "工作者99名、好邻居99户"}},
					1);
			set_all(&vars, longest, ARRAY_LEN(longest));
			templates_each(s.t, check_shipped, &e);
			assert_true(e.n >= 78);
			plan_vars_fini(&vars);
		}
	}
	test_stage_blank(&s);
}

/* ID reads as EXPECTED for 呼和浩特市 at NOW. */
static void assert_reads(const char *id, const char *now, const char *expected)
{
	struct plan_vars vars = {0};
	struct sw_err err = {0};
	struct buf out;

	buf_init(&out, 65536);
	fill(test_stage_unit(&s, "150100"), now, &vars);
	set_all(&vars,
		(const char *const[][2]){
			{"reminded", "3次，最近8月17日9:00"}, {"replied", "未见回复"}},
		2);
	if (template_render(s.t, id, "sms", vars.vars, vars.n, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&out), expected);
	plan_vars_fini(&vars);
	buf_fini(&out);
}

static void texts_say_what_is_open_and_until_when(void **state)
{
	int unit = test_stage_unit(&s, "150100");

	(void)state;
	test_stage_blank(&s);
	test_stage_report(&s, unit, 1, 4);
	assert_reads("S-BELOW", "2022-08-10T15:00",
		"【邻里守望】呼和浩特市：已报工作者1名（下限2名）、好邻居4户（下限5户），尚缺1名1户"
		"，请于8月10日前"
		"补报或更正。");
	assert_reads("S-D1", "2022-08-19T15:00",
		"【邻里守望】呼和浩特市：8月20日（周六）截止，今天是最后一个工作日，请送达纸质一式"
		"三份及电子版。"
		"尚缺1名1户及纸质和电子版材料。");
	assert_reads("S-D0", "2022-08-20T09:00",
		"【邻里守望】呼和浩特市：今日（8月20日）截止，尚缺1名1户及纸质和电子版材料。已寄出"
		"请回复“已寄出”。"
		"电话0471-6962044。");
	assert_reads("S-ESCALATE", "2022-08-09T09:00",
		"【邻里守望】呼和浩特市选树活动报送尚缺1名1户，8月10日前须报送推荐名单。已提醒联系"
		"人3次，最近8月17日"
		"9:00，未见回复。请予关注。确认请回复“收到”。");
	assert_reads("S-ESCALATE", "2022-08-19T09:00",
		"【邻里守望】呼和浩特市选树活动报送尚缺1名1户及纸质和电子版材料，8月19日前须送达（8"
		"月20日为周六）。"
		"已提醒联系人3次，最近8月17日9:00，未见回复。请予关注。确认请回复“收到”。");
	assert_reads("S-OVERDUE", "2022-08-22T09:00",
		"【邻里守望】呼和浩特市：8月20日已截止，尚缺1名1户及纸质和电子版材料，逾期2天。请今"
		"日报送或电话说明："
		"0471-6962044。");
	test_stage_report(&s, unit, 5, 4);
	assert_reads("S-BELOW", "2022-08-10T15:00",
		"【邻里守望】呼和浩特市：已报工作者5名（上限4名）、好邻居4户（下限5户），尚缺1户，"
		"超出1名，请于8月10日前"
		"补报或更正。");
	test_stage_report(&s, unit, 2, 6);
	assert_reads("R-REPORT", "2022-08-08T10:00",
		"【邻里守望】已登记：呼和浩特市工作者2名、好邻居6户，在名额内。材料未登记报送。有误"
		"请回复“更正”及正确"
		"数字。");
	test_stage_blank(&s);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(sms_is_one_line_counted_in_units_without_brackets_of_a_signature),
		TEST(code_of_a_provider_names_one_text),
		TEST(residents_get_only_variables_of_their_own),
		TEST(sign_stands_in_front_and_counts),
		TEST(typed_value_brings_no_signature_link_or_long_number),
		TEST(configured_value_keeps_its_number_and_link),
		TEST(sentence_of_a_chat_loses_its_marks),
		TEST(parameters_stand_in_the_order_of_the_text_as_they_are_shown),
		TEST(parameters_of_nothing_are_an_empty_object),
		TEST(missing_value_or_template_gives_no_parameters),
		TEST(text_of_a_template_gives_its_variables_back),
		TEST(other_text_matches_nothing),
		TEST(shortest_value_of_each_variable_is_taken),
		TEST(variable_that_stands_twice_has_one_value),
		TEST(text_made_to_be_slow_is_given_up),
		TEST(every_shipped_sms_fits_with_its_longest_values),
		TEST(texts_say_what_is_open_and_until_when),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
