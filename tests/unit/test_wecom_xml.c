/*
 * tests/unit/test_wecom_xml.c: wanted elements come out, everything else is skipped or refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/wecom/xml.h"

struct fixture {
	struct wecom_xml *xml;
	struct buf a, b;
	struct wecom_xml_want wants[2];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f || wecom_xml_create(&f->xml) < 0)
		return -1;
	buf_init(&f->a, 1024);
	buf_init(&f->b, 1024);
	f->wants[0] = (struct wecom_xml_want){"A", &f->a, false};
	f->wants[1] = (struct wecom_xml_want){"B", &f->b, false};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wecom_xml_destroy(f->xml);
	buf_fini(&f->a);
	buf_fini(&f->b);
	free(f);
	return 0;
}

static int read_doc(struct fixture *f, const char *doc)
{
	return wecom_xml_read(f->xml, doc, strlen(doc), f->wants, 2, NULL);
}

static void elements_are_found_in_any_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_doc(f, "<xml><X>1</X><B><![CDATA[二]]></B>\n<A "
				     "a='1'>&lt;1&amp;&#x4e00;</A></xml>"),
		0);
	assert_string_equal(buf_str(&f->a), "<1&一");
	assert_string_equal(buf_str(&f->b), "二");
	assert_true(f->wants[0].found && f->wants[1].found);
}

static void absent_elements_are_empty_and_said_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_doc(f, "<xml><A>x</A></xml>"), 0);
	assert_int_equal(read_doc(f, "<xml><B/></xml>"), 0);
	assert_false(f->wants[0].found);
	assert_string_equal(buf_str(&f->a), "");
	assert_true(f->wants[1].found);
}

static void cdata_in_pieces_is_joined(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_doc(f, "<xml><A><![CDATA[a]]]]><![CDATA[>b]]></A></xml>"), 0);
	assert_string_equal(buf_str(&f->a), "a]]>b");
}

static void nested_elements_do_not_count(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		read_doc(f, "<xml><Items><A>no</A></Items><A>yes<B>inner</B></A></xml>"), 0);
	assert_string_equal(buf_str(&f->a), "yes");
	assert_false(f->wants[1].found);
}

static void hostile_documents_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"garbage",
		"<xml>",
		"<xml></xml",
		"<html><A>1</A></html>",
		"<!DOCTYPE xml><xml><A>1</A></xml>",
		"<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><A>&b;</A></xml>",
		"<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><xml><A>1</A></xml>",
		"<xml><A>&undefined;</A></xml>",
		"<xml><A>1</A><A>2</A></xml>",
		"<xml><A>\xff\xfe</A></xml>",
		"<xml><A>\xc0\xaf</A></xml>",
		"<xml><A>1</A></xml><xml/>",
		"<xml><A>&#0;</A></xml>",
		"<a><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></a>",
		"<xml><b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></xml>",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (read_doc(f, bad[i]) != SW_EPROTO)
			fail_msg("accepted: %s", bad[i]);
	}
	/* The parser is as good as new afterwards. */
	assert_int_equal(read_doc(f, "<xml><A>1</A></xml>"), 0);
}

static void bounds_hold(void **state)
{
	struct fixture *f = *state;
	struct buf doc;

	buf_init(&doc, 1 << 20);
	buf_adds(&doc, "<xml>");
	for (int i = 0; i < WECOM_XML_ELEMENTS; i++)
		buf_adds(&doc, "<x/>");
	buf_adds(&doc, "</xml>");
	assert_int_equal(read_doc(f, buf_str(&doc)), SW_EPROTO);

	buf_reset(&doc);
	buf_adds(&doc, "<xml><A>");
	for (int i = 0; i < 1025; i++)
		buf_addc(&doc, 'a');
	buf_adds(&doc, "</A></xml>");
	assert_int_equal(read_doc(f, buf_str(&doc)), SW_EPROTO); /* beyond the caller's buffer */

	buf_reset(&doc);
	buf_adds(&doc, "<xml><C>");
	for (int i = 0; i < WECOM_XML_TEXT_BYTES + 1; i++)
		buf_addc(&doc, 'a');
	buf_adds(&doc, "</C></xml>");
	assert_int_equal(read_doc(f, buf_str(&doc)), SW_EPROTO);
	buf_fini(&doc);
}

static void declared_encodings_do_not_matter(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		read_doc(f, "<?xml version='1.0' encoding='UTF-16'?><xml><A>一</A></xml>"), 0);
	assert_string_equal(buf_str(&f->a), "一");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(elements_are_found_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			absent_elements_are_empty_and_said_so, setup, teardown),
		cmocka_unit_test_setup_teardown(cdata_in_pieces_is_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(nested_elements_do_not_count, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_documents_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(bounds_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(declared_encodings_do_not_matter, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
