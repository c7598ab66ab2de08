/*
 * tests/unit/test_wecom_callback.c: what a callback means, and that a forged one means nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "bot/ingress/wecom_callback.h"
#include "bot/wecom/crypto.h"
#include "tests/unit/vectors.h"

#define NOW_MS INT64_C(1663913105000)
#define NOW_S "1663913105"

struct fixture {
	json_t *vectors;
	struct wecom_callback *app, *robot;
	struct wecom_crypto *app_crypto, *robot_crypto; /* the other side */
	struct buf body;
	char signature[WECOM_SIGNATURE_CHARS + 1];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const char *token, *key, *corp;

	if (!f)
		return -1;
	f->vectors = vectors_load();
	token = vector_str(f->vectors, "token");
	key = vector_str(f->vectors, "aes_key");
	corp = vector_str(f->vectors, "corp_id");
	buf_init(&f->body, 1 << 20);
	*state = f;
	if (wecom_callback_create(CALLBACK_APP, "main", token, key, corp, &f->app, NULL) < 0 ||
		wecom_callback_create(CALLBACK_ROBOT, "helper", token, key, "", &f->robot, NULL) <
			0 ||
		wecom_crypto_create(token, key, corp, &f->app_crypto, NULL) < 0 ||
		wecom_crypto_create(token, key, "", &f->robot_crypto, NULL) < 0)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	wecom_callback_destroy(f->app);
	wecom_callback_destroy(f->robot);
	wecom_crypto_destroy(f->app_crypto);
	wecom_crypto_destroy(f->robot_crypto);
	buf_fini(&f->body);
	json_decref(f->vectors);
	free(f);
	return 0;
}

/* A POST of CONTENT as WeCom would make it now. */
static struct callback_request request(struct fixture *f, bool is_robot, const char *content)
{
	static const uint8_t random[WECOM_RANDOM_BYTES] = {7};
	struct wecom_crypto *crypto = is_robot ? f->robot_crypto : f->app_crypto;
	struct buf encrypted;

	buf_init(&encrypted, 1 << 20);
	assert_int_equal(
		wecom_crypto_encrypt(crypto, random, content, strlen(content), &encrypted), 0);
	assert_int_equal(
		wecom_crypto_sign(crypto, NOW_S, "n", buf_str(&encrypted), f->signature), 0);
	buf_reset(&f->body);
	if (is_robot)
		buf_addf(&f->body, "{\"encrypt\":\"%s\"}", buf_str(&encrypted));
	else
		buf_addf(&f->body,
			"<xml><ToUserName>c</ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>",
			buf_str(&encrypted));
	buf_fini(&encrypted);
	return (struct callback_request){.is_post = true,
		.signature = f->signature,
		.timestamp = NOW_S,
		.nonce = "n",
		.body = buf_str(&f->body),
		.body_len = f->body.len};
}

static enum callback_outcome judge(
	struct fixture *f, bool is_robot, const char *content, struct wire_in *ret)
{
	struct callback_request req = request(f, is_robot, content);
	struct callback_result res;

	wecom_callback_judge(is_robot ? f->robot : f->app, &req, NOW_MS, &res);
	if (res.outcome == CALLBACK_EVENT && ret)
		*ret = res.event;
	else
		wire_in_fini(&res.event);
	return res.outcome;
}

/* A POST of a vector, at its own time. */
static void judge_vector(struct fixture *f, const json_t *v, bool is_robot, int64_t now_ms,
	struct callback_result *ret)
{
	struct callback_request req = {.is_post = true,
		.signature = vector_str(v, "signature"),
		.timestamp = vector_str(v, "timestamp"),
		.nonce = vector_str(v, "nonce")};

	buf_reset(&f->body);
	buf_addf(&f->body,
		is_robot ? "{\"encrypt\":\"%s\"}" : "<xml><Encrypt><![CDATA[%s]]></Encrypt></xml>",
		vector_str(v, "encrypt"));
	req.body = buf_str(&f->body);
	req.body_len = f->body.len;
	wecom_callback_judge(is_robot ? f->robot : f->app, &req, now_ms, ret);
}

static int64_t vector_ms(const json_t *v)
{
	return (int64_t)strtoll(vector_str(v, "timestamp"), NULL, 10) * 1000;
}

static void address_check_is_answered_with_the_plain_text(void **state)
{
	struct fixture *f = *state;
	const json_t *list = json_object_get(f->vectors, "good"), *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		bool is_robot = !*vector_str(v, "receive_id");
		struct callback_request req = {.signature = vector_str(v, "signature"),
			.timestamp = vector_str(v, "timestamp"),
			.nonce = vector_str(v, "nonce"),
			.echostr = vector_str(v, "encrypt")};
		struct callback_result res;

		wecom_callback_judge(is_robot ? f->robot : f->app, &req, vector_ms(v), &res);
		assert_int_equal(res.outcome, CALLBACK_VERIFIED);
		assert_int_equal(res.echo_len, strlen(vector_str(v, "message")));
		assert_memory_equal(res.echo, vector_str(v, "message"), res.echo_len);
	}
}

static void text_of_a_member_becomes_a_reply(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "text");
	struct callback_result res;
	id_str id;

	judge_vector(f, v, false, vector_ms(v), &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	assert_true(res.is_signed);
	assert_int_equal(res.event.kind, IN_REPLY);
	assert_string_equal(res.event.source, "app/main");
	assert_string_equal(res.event.sender, "hlbe_wangfang");
	assert_string_equal(res.event.provider_id, "7231948102773549001");
	assert_string_equal(res.event.text, "已报2人6户");
	assert_false(res.event.group);
	assert_true(res.event.mentioned);
	assert_int_equal(res.event.at_ms, vector_ms(v));
	id_event("app/main", "7231948102773549001|hlbe_wangfang", id);
	assert_string_equal(res.event.id, id);
	wire_in_fini(&res.event);
}

static void event_of_an_application_is_known_by_its_xml(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "card_event");
	const char *xml = vector_str(v, "message");
	struct callback_result res;
	char sha1[41];
	id_str id;

	judge_vector(f, v, false, vector_ms(v), &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	assert_int_equal(res.event.kind, IN_EVENT);
	assert_string_equal(res.event.text, "template_card_event");
	id_sha1_hex(xml, strlen(xml), sha1);
	id_event("app/main", sha1, id);
	assert_string_equal(res.event.id, id);
	wire_in_fini(&res.event);
}

static void group_text_for_the_robot_becomes_a_reply(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "aibot_json");
	static const char seed[] = "shouwang.chat.v1\nwrGRP01";
	struct callback_result res;
	char digest[65];

	judge_vector(f, v, true, vector_ms(v), &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	assert_string_equal(res.event.source, "robot/helper");
	assert_true(res.event.group && res.event.mentioned);
	assert_string_equal(res.event.text, "@守望 已报2人6户");
	id_sha256_hex(seed, strlen(seed), digest);
	digest[32] = '\0';
	assert_string_equal(res.event.chat, digest);
	wire_in_fini(&res.event);
}

static void bad_vectors_are_forbidden_like_a_bad_signature(void **state)
{
	struct fixture *f = *state;
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(f->vectors, "bad"), i, v)
	{
		struct callback_result res;

		judge_vector(f, v, false, vector_ms(v), &res);
		assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
		assert_int_equal(res.echo_len, 0);
	}
}

static void message_for_another_receiver_is_forbidden(void **state)
{
	struct fixture *f = *state;
	struct callback_request req = request(f, true, "{}");
	struct callback_result res;

	/* The robot's cipher text in the application's envelope: same keys, other receiver. */
	json_t *root = json_loads(req.body, 0, NULL);
	struct buf body;

	buf_init(&body, 65536);
	buf_addf(&body, "<xml><Encrypt>%s</Encrypt></xml>", vector_str(root, "encrypt"));
	req.body = buf_str(&body);
	req.body_len = body.len;
	wecom_callback_judge(f->app, &req, NOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
	assert_true(res.is_signed);
	buf_fini(&body);
	json_decref(root);
}

static void missing_parameters_are_forbidden(void **state)
{
	struct fixture *f = *state;
	struct callback_request good = request(f, false, "<xml/>"), req;
	struct callback_result res;

	req = good;
	req.signature = NULL;
	wecom_callback_judge(f->app, &req, NOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
	req = good;
	req.timestamp = NULL;
	wecom_callback_judge(f->app, &req, NOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
	req = good;
	req.nonce = NULL;
	wecom_callback_judge(f->app, &req, NOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
	req = (struct callback_request){0};
	wecom_callback_judge(f->app, &req, NOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
	assert_false(res.is_signed);
}

static void envelopes_that_are_none_are_malformed(void **state)
{
	static const char *const app[] = {"", "x", "<xml></xml>", "<xml><Encrypt></Encrypt></xml>",
		"{\"encrypt\":\"a\"}", "<!DOCTYPE a><xml><Encrypt>a</Encrypt></xml>"};
	static const char *const robot[] = {"", "x", "{}", "[]", "null", "{\"encrypt\":\"\"}",
		"{\"encrypt\":7}", "{\"encrypt\":\"a\",\"encrypt\":\"b\"}", "{\"encrypt\":\"a\"",
		"<xml><Encrypt>a</Encrypt></xml>"};
	struct fixture *f = *state;
	struct callback_request req = request(f, false, "<xml/>");
	struct callback_result res;

	for (size_t i = 0; i < ARRAY_LEN(app); i++) {
		req.body = app[i];
		req.body_len = strlen(app[i]);
		wecom_callback_judge(f->app, &req, NOW_MS, &res);
		assert_int_equal(res.outcome, CALLBACK_MALFORMED);
	}
	for (size_t i = 0; i < ARRAY_LEN(robot); i++) {
		req.body = robot[i];
		req.body_len = strlen(robot[i]);
		wecom_callback_judge(f->robot, &req, NOW_MS, &res);
		assert_int_equal(res.outcome, CALLBACK_MALFORMED);
	}
}

static void signed_garbage_is_malformed(void **state)
{
	static const char *const app[] = {"", "garbage", "<xml><MsgType>text</MsgType></xml>",
		"<!DOCTYPE a><xml><FromUserName>a</FromUserName><MsgType>text</MsgType></xml>",
		"<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName></xml>"};
	static const char *const robot[] = {"", "garbage", "[]", "{}", "{\"msgtype\":\"text\"}",
		"{\"msgid\":\"1\",\"from\":{\"userid\":\"a\"},\"from\":{\"userid\":\"b\"},"
		"\"msgtype\":\"text\"}",
		"{\"msgid\":\"1\",\"chattype\":\"group\",\"from\":{\"userid\":\"a\"},\"msgtype\":"
		"\"text\",\"text\":{"
		"\"content\":\"x\"}}"};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(app); i++)
		assert_int_equal(judge(f, false, app[i], NULL), CALLBACK_MALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(robot); i++)
		assert_int_equal(judge(f, true, robot[i], NULL), CALLBACK_MALFORMED);
}

static void window_is_ten_minutes_either_way(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "text");
	int64_t at = vector_ms(v);
	struct callback_result res;

	judge_vector(f, v, false, at + CALLBACK_WINDOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	wire_in_fini(&res.event);
	judge_vector(f, v, false, at - CALLBACK_WINDOW_MS, &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	wire_in_fini(&res.event);
	judge_vector(f, v, false, at + CALLBACK_WINDOW_MS + 1, &res);
	assert_int_equal(res.outcome, CALLBACK_STALE);
	assert_true(res.is_signed);
	judge_vector(f, v, false, at - CALLBACK_WINDOW_MS - 1, &res);
	assert_int_equal(res.outcome, CALLBACK_STALE);
}

static void signed_timestamps_that_are_no_number_are_stale(void **state)
{
	static const char *const odd[] = {
		"", "x", "-1", "99999999999999999999", "1663913105.0", " 1663913105"};
	struct fixture *f = *state;
	struct callback_request req = request(f, false, "<xml/>");
	struct wecom_callback *c = f->app;

	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		struct callback_result res;
		char encrypt[4096];
		const char *from = strstr(req.body, "CDATA[") + 6;
		size_t n = strcspn(from, "]");

		memcpy(encrypt, from, n);
		encrypt[n] = '\0';
		assert_int_equal(
			wecom_crypto_sign(f->app_crypto, odd[i], "n", encrypt, f->signature), 0);
		req.timestamp = odd[i];
		wecom_callback_judge(c, &req, NOW_MS, &res);
		assert_int_equal(res.outcome, CALLBACK_STALE);
	}
}

static void what_is_no_text_is_ignored(void **state)
{
	static const char *const app[] = {
		"image", "voice", "video", "location", "link", "something_new"};
	static const char *const robot[] = {"image", "file", "voice", "stream", "something_new"};
	struct fixture *f = *state;
	char content[256];

	for (size_t i = 0; i < ARRAY_LEN(app); i++) {
		snprintf(content, sizeof(content),
			"<xml><FromUserName>a</FromUserName><MsgType>%s</MsgType><MsgId>1</MsgId></"
			"xml>",
			app[i]);
		assert_int_equal(judge(f, false, content, NULL), CALLBACK_IGNORED);
	}
	for (size_t i = 0; i < ARRAY_LEN(robot); i++) {
		snprintf(content, sizeof(content),
			"{\"msgid\":\"1\",\"chattype\":\"single\",\"from\":{\"userid\":\"a\"},"
			"\"msgtype\":\"%s\"}",
			robot[i]);
		assert_int_equal(judge(f, true, content, NULL), CALLBACK_IGNORED);
	}
}

static void mixed_messages_keep_their_text_parts(void **state)
{
	struct fixture *f = *state;
	struct wire_in in;

	assert_int_equal(judge(f, true,
				 "{\"msgid\":\"m1\",\"chattype\":\"single\",\"from\":{\"userid\":"
				 "\"a\"},\"msgtype\":\"mixed\","
				 "\"mixed\":{\"msg_item\":[{\"msgtype\":\"text\",\"text\":{"
				 "\"content\":\"已报2人\"}},"
				 "{\"msgtype\":\"image\",\"image\":{\"url\":\"u\"}},"
				 "{\"msgtype\":\"text\",\"text\":{\"content\":\"6户\"}}]}}",
				 &in),
		CALLBACK_EVENT);
	assert_string_equal(in.text, "已报2人\n6户");
	assert_false(in.group);
	assert_string_equal(in.chat, "");
	wire_in_fini(&in);
}

static void two_events_of_one_second_are_two(void **state)
{
	struct fixture *f = *state;
	struct wire_in a, b, again;

	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>sys</FromUserName><CreateTime>1</"
				 "CreateTime><MsgType>event</MsgType>"
				 "<Event>change_contact</Event><UserID>x</UserID></xml>",
				 &a),
		CALLBACK_EVENT);
	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>sys</FromUserName><CreateTime>1</"
				 "CreateTime><MsgType>event</MsgType>"
				 "<Event>change_contact</Event><UserID>y</UserID></xml>",
				 &b),
		CALLBACK_EVENT);
	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>sys</FromUserName><CreateTime>1</"
				 "CreateTime><MsgType>event</MsgType>"
				 "<Event>change_contact</Event><UserID>x</UserID></xml>",
				 &again),
		CALLBACK_EVENT);
	assert_string_not_equal(a.id, b.id);
	assert_string_equal(a.id, again.id);
	wire_in_fini(&a);
	wire_in_fini(&b);
	wire_in_fini(&again);
}

static void same_message_id_of_two_members_is_two_messages(void **state)
{
	struct fixture *f = *state;
	struct wire_in a, b;

	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>a</FromUserName><MsgType>text</"
				 "MsgType><Content>x</Content>"
				 "<MsgId>CAIQg/PKxgYY2sC9tpuAgAMg9/zKaw==</MsgId></xml>",
				 &a),
		CALLBACK_EVENT);
	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>b</FromUserName><MsgType>text</"
				 "MsgType><Content>x</Content>"
				 "<MsgId>CAIQg/PKxgYY2sC9tpuAgAMg9/zKaw==</MsgId></xml>",
				 &b),
		CALLBACK_EVENT);
	assert_string_not_equal(a.id, b.id);
	wire_in_fini(&a);
	wire_in_fini(&b);
}

static void missing_message_id_does_not_lose_the_reply(void **state)
{
	struct fixture *f = *state;
	struct wire_in in;

	assert_int_equal(judge(f, false,
				 "<xml><FromUserName>a</FromUserName><MsgType>text</"
				 "MsgType><Content>收到</Content></xml>",
				 &in),
		CALLBACK_EVENT);
	assert_string_equal(in.text, "收到");
	assert_true(in.provider_id[0]);
	wire_in_fini(&in);
}

static void long_texts_are_cut_at_a_character(void **state)
{
	struct fixture *f = *state;
	struct wire_in in;
	struct buf content;

	buf_init(&content, 65536);
	buf_adds(&content, "<xml><FromUserName>a</FromUserName><MsgType>text</MsgType><MsgId>1</"
			   "MsgId><Content>x");
	for (int i = 0; i < 5000; i++)
		buf_adds(&content, "字");
	buf_adds(&content, "</Content></xml>");
	assert_int_equal(judge(f, false, buf_str(&content), &in), CALLBACK_EVENT);
	assert_int_equal(strlen(in.text), 1 + 2730 * 3);
	wire_in_fini(&in);
	buf_fini(&content);
}

static void former_keys_stay_good_for_a_while(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "text");
	struct callback_result res;
	int64_t at = vector_ms(v);

	assert_int_equal(wecom_callback_set_keys(f->app, "other",
				 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", at + 1000, NULL),
		0);
	judge_vector(f, v, false, at, &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	wire_in_fini(&res.event);
	judge_vector(f, v, false, at + 1000, &res);
	assert_int_equal(res.outcome, CALLBACK_FORBIDDEN);
}

static void refused_keys_change_nothing(void **state)
{
	struct fixture *f = *state;
	const json_t *v = vector_get(f->vectors, "good", "text");
	struct callback_result res;

	assert_int_equal(wecom_callback_set_keys(f->app, "other", "short", NOW_MS, NULL), SW_ECONF);
	judge_vector(f, v, false, vector_ms(v), &res);
	assert_int_equal(res.outcome, CALLBACK_EVENT);
	wire_in_fini(&res.event);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(address_check_is_answered_with_the_plain_text),
		T(text_of_a_member_becomes_a_reply),
		T(event_of_an_application_is_known_by_its_xml),
		T(group_text_for_the_robot_becomes_a_reply),
		T(bad_vectors_are_forbidden_like_a_bad_signature),
		T(message_for_another_receiver_is_forbidden),
		T(missing_parameters_are_forbidden),
		T(envelopes_that_are_none_are_malformed),
		T(signed_garbage_is_malformed),
		T(window_is_ten_minutes_either_way),
		T(signed_timestamps_that_are_no_number_are_stale),
		T(what_is_no_text_is_ignored),
		T(mixed_messages_keep_their_text_parts),
		T(two_events_of_one_second_are_two),
		T(same_message_id_of_two_members_is_two_messages),
		T(missing_message_id_does_not_lose_the_reply),
		T(long_texts_are_cut_at_a_character),
		T(former_keys_stay_good_for_a_while),
		T(refused_keys_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
