/*
 * tests/fuzz/fuzz_callback.c: any bytes from WeCom or the broker are read without harm.
 *
 * The first byte chooses the reader: envelopes, contents behind a good signature, answers, messages of the
 * broker. With clang: -fsanitize=fuzzer,address -DFUZZ_ENGINE. Without an engine, main() changes samples at
 * random from a fixed seed: fuzz_callback [ROUNDS [SEED]].
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/ingress/wecom_callback.h"
#include "bot/wecom/crypto.h"
#include "bot/wecom/errcode.h"
#include "core/base/text.h"
#include "core/wire/message.h"
#include "tests/fuzz/mutate.h"

#define TOKEN "Sw2022NmgToken"
#define AES_KEY "ShouWang2022NeiMengGuLinLiShouWangHuZhuGuaB"
#define CORP "wwa1b2c3d4e5f60718"
#define NOW_MS INT64_C(1663913105000)
#define NOW_S "1663913105"

enum reader {
	APP_ENVELOPE,
	ROBOT_ENVELOPE,
	APP_CONTENT,
	ROBOT_CONTENT,
	ECHO,
	ANSWER,
	OUT,
	IN,
	OTHER,
	N_READERS
};

static struct wecom_callback *app, *robot;
static struct wecom_crypto *app_crypto, *robot_crypto;

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_callback: %s\n", what);
	abort();
}

static void open_all(void)
{
	require(wecom_callback_create(CALLBACK_APP, "main", TOKEN, AES_KEY, CORP, &app, NULL) ==
				0 &&
			wecom_callback_create(
				CALLBACK_ROBOT, "helper", TOKEN, AES_KEY, "", &robot, NULL) == 0 &&
			wecom_crypto_create(TOKEN, AES_KEY, CORP, &app_crypto, NULL) == 0 &&
			wecom_crypto_create(TOKEN, AES_KEY, "", &robot_crypto, NULL) == 0,
		"the endpoints open");
}

/* An event that is handed on must survive the wire: the notifier reads it with the same rules. */
static void check_event(struct wire_in *in, bool is_ours)
{
	struct wire_in again;
	char *json = wire_in_encode(in);

	require(json != NULL, "an event can be encoded");
	require(text_utf8_valid(in->text, strlen(in->text), NULL), "a text is UTF-8");
	/* The broker's side may write it shorter than we do: only our own events must fit. */
	require(!is_ours || strlen(json) <= WIRE_MAX_BYTES, "an event fits into a message");
	if (strlen(json) <= WIRE_MAX_BYTES) {
		require(wire_in_decode(json, strlen(json), &again, NULL) == 0,
			"an event survives the trip");
		require(strcmp(again.text, in->text) == 0 && strcmp(again.id, in->id) == 0,
			"unchanged");
		wire_in_fini(&again);
	}
	free(json);
	wire_in_fini(in);
}

static void judge(struct wecom_callback *c, const struct callback_request *req, bool must_be_signed)
{
	struct callback_result res;

	wecom_callback_judge(c, req, NOW_MS, &res);
	require(res.outcome <= CALLBACK_MALFORMED, "an outcome is one of the list");
	require(res.is_signed || res.outcome >= CALLBACK_FORBIDDEN,
		"nothing happens without a signature");
	require(!must_be_signed || res.is_signed, "our own signature is good");
	if (res.outcome == CALLBACK_EVENT)
		check_event(&res.event, true);
}

static void read_envelope(struct wecom_callback *c, const char *text, size_t len)
{
	const struct callback_request req = {.is_post = true,
		.signature = "3795654453c632253fc70e3d445b68edd86e9f61",
		.timestamp = NOW_S,
		.nonce = "1597212914",
		.body = text,
		.body_len = len};

	judge(c, &req, false);
}

/* As WeCom would send it: whatever stands inside, the outside is right. */
static void read_content(bool is_robot, const char *text, size_t len)
{
	static const uint8_t random[WECOM_RANDOM_BYTES] = {1};
	struct wecom_crypto *crypto = is_robot ? robot_crypto : app_crypto;
	char signature[WECOM_SIGNATURE_CHARS + 1];
	struct callback_request req = {
		.is_post = true, .signature = signature, .timestamp = NOW_S, .nonce = "n"};
	struct buf encrypted, body;

	buf_init(&encrypted, 1 << 18);
	buf_init(&body, 1 << 18);
	if (wecom_crypto_encrypt(crypto, random, text, len, &encrypted) == 0 &&
		encrypted.len < 60000) {
		require(wecom_crypto_sign(crypto, NOW_S, "n", buf_str(&encrypted), signature) == 0,
			"signing works");
		buf_addf(&body,
			is_robot ? "{\"encrypt\":\"%s\"}" : "<xml><Encrypt>%s</Encrypt></xml>",
			buf_str(&encrypted));
		req.body = buf_str(&body);
		req.body_len = body.len;
		judge(is_robot ? robot : app, &req, true);
	}
	buf_fini(&encrypted);
	buf_fini(&body);
}

/* A cipher text of the peer's choice, under a good signature. */
static void read_echo(const char *text)
{
	char signature[WECOM_SIGNATURE_CHARS + 1];
	const struct callback_request req = {
		.signature = signature, .timestamp = NOW_S, .nonce = "n", .echostr = text};

	require(wecom_crypto_sign(app_crypto, NOW_S, "n", text, signature) == 0, "signing works");
	judge(app, &req, true);
}

static void read_answer(const char *text, size_t len)
{
	const struct http_result res = {
		.outcome = HTTP_ANSWERED, .status = 200, .body = text, .body_len = len};
	struct wire_verdict v = {0}, again;
	char *json;

	(void)wecom_judge(&res, &v, NULL);
	memset(v.mid, 'a', ID_HEX);
	v.attempt = 1;
	json = wire_verdict_encode(&v);
	require(json && wire_verdict_decode(json, strlen(json), &again, NULL) == 0,
		"a verdict survives the trip");
	require(v.verdict != VERDICT_ACCEPTED || strcmp(v.code, "0") == 0,
		"accepted only by errcode 0");
	free(json);
}

static void read_out(const char *text, size_t len)
{
	struct wire_out m, again;
	char *json;

	if (wire_out_decode(text, len, &m, NULL) < 0)
		return;
	json = wire_out_encode(&m, 0);
	require(json && wire_out_decode(json, strlen(json), &again, NULL) == 0,
		"an order survives the trip");
	wire_out_fini(&again);
	wire_out_fini(&m);
	free(json);
}

static void read_in(const char *text, size_t len)
{
	struct wire_in m;

	if (wire_in_decode(text, len, &m, NULL) == 0)
		check_event(&m, false);
}

static void read_others(const char *text, size_t len)
{
	struct wire_control control;
	struct wire_clock_at at;
	struct wire_status status;
	struct wire_verdict verdict;
	struct wire_clock clock;
	struct wire_ack ack;

	if (wire_ack_decode(text, len, &ack, NULL) == 0)
		wire_ack_fini(&ack);
	if (wire_clock_decode(text, len, &clock, NULL) == 0)
		require(clock.rev >= 0 && clock.speed >= 0, "a clock goes forward");
	if (wire_control_decode(text, len, &control, NULL) == 0)
		require(control.id[0] && control.op[0], "a control message says what");
	if (wire_clock_at_decode(text, len, &at, NULL) == 0)
		require(at.busy >= 0, "nobody is less than idle");
	if (wire_status_decode(text, len, &status, NULL) == 0)
		require(memchr(status.version, 0, sizeof(status.version)) != NULL,
			"a version ends");
	if (wire_verdict_decode(text, len, &verdict, NULL) == 0)
		require(verdict.attempt >= 1, "attempts count from one");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!app)
		open_all();
	if (size == 0 || size > 70000)
		return 0;
	text = malloc(size);
	if (!text)
		return 0;
	/* Exactly as long as it is, so that a sanitizer sees the first byte too much; NUL-terminated as bodies are. */
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch ((enum reader)(data[0] % N_READERS)) {
	case APP_ENVELOPE:
		read_envelope(app, text, size - 1);
		break;
	case ROBOT_ENVELOPE:
		read_envelope(robot, text, size - 1);
		break;
	case APP_CONTENT:
		read_content(false, text, size - 1);
		break;
	case ROBOT_CONTENT:
		read_content(true, text, size - 1);
		break;
	case ECHO:
		read_echo(text);
		break;
	case ANSWER:
		read_answer(text, size - 1);
		break;
	case OUT:
		read_out(text, size - 1);
		break;
	case IN:
		read_in(text, size - 1);
		break;
	case OTHER:
	case N_READERS:
		read_others(text, size - 1);
		break;
	}
	free(text);
	return 0;
}

#ifndef FUZZ_ENGINE

/* One for each reader, in their order. */
static const char *const samples[] = {
	"<xml><ToUserName><![CDATA[" CORP
	"]]></ToUserName><Encrypt><![CDATA[gyWUbXy2tsdVYiK5iojTVx8s]]></Encrypt></xml>",
	"{\"encrypt\":\"gyWUbXy2tsdVYiK5iojTVx8swSF0HX+UyI3noR+EV9qMLVnxJP\"}",
	"<xml><ToUserName>c</ToUserName><FromUserName><![CDATA[u]]></FromUserName><CreateTime>1</"
	"CreateTime><MsgType>"
	"<![CDATA[text]]></MsgType><Content><![CDATA[已报2人6户]]></Content><MsgId>7231</"
	"MsgId><Event>e</Event></xml>",
	"{\"msgid\":\"CAIQ\",\"chatid\":\"wr\",\"chattype\":\"group\",\"from\":{\"userid\":\"u\"},"
	"\"msgtype\":\"mixed\","
	"\"text\":{\"content\":\"@守望 "
	"已报\"},\"mixed\":{\"msg_item\":[{\"msgtype\":\"text\",\"text\":{\"content\":\"a\"}}]},"
	"\"event\":{\"eventtype\":\"enter_chat\"}}",
	"gyWUbXy2tsdVYiK5iojTVx8swSF0HX+UyI3noR+EV9qMLVnxJP/gpoBR92M5IKXKAPiz0P3+w3ZQoQN6ohsw9w==",
	"{\"errcode\":45009,\"errmsg\":\"api freq out of limit, hint: [1]\"}",
	"{\"v\":1,\"id\":\"x\",\"at\":1,\"mid\":\"0123456789abcdef0123456789abcdef\",\"attempt\":2,"
	"\"class\":\"no_repeat\","
	"\"channel\":\"robot\",\"route\":\"a\",\"to\":\"u\",\"not_before\":1,\"expires_at\":2,"
	"\"content\":{\"type\":\"text\","
	"\"text\":\"你好\",\"mentions\":[\"a\",\"b\"]}}",
	"{\"v\":1,\"id\":\"0123456789abcdef0123456789abcdef\",\"at\":1,\"seq\":3,\"kind\":"
	"\"reply\","
	"\"source\":\"app/main\","
	"\"provider_id\":\"p\",\"group\":true,\"chat\":\"c\",\"sender\":\"s\",\"mentioned\":true,"
	"\"text\":\"收到\"}",
	"{\"v\":1,\"id\":\"c1\",\"op\":\"cancel\",\"mid\":\"0123456789abcdef0123456789abcdef\","
	"\"from_seq\":1,\"ok\":true,\"n\":"
	"1,\"ids\":[\"a\"],\"rev\":3,\"base_sim\":1,\"base_real\":2,\"speed\":1.5,\"next_ms\":4,"
	"\"busy\":1,\"online\":true,"
	"\"attempt\":1,\"at\":1,\"verdict\":\"accepted\"}",
};

int main(int argc, char **argv)
{
	const struct fuzz_samples all = {.name = "fuzz_callback",
		.samples = samples,
		.n = N_READERS,
		.signs = "\"\\<>&]['{}:,0"};
	int rc = fuzz_run(argc, argv, &all);

	wecom_callback_destroy(app);
	wecom_callback_destroy(robot);
	wecom_crypto_destroy(app_crypto);
	wecom_crypto_destroy(robot_crypto);
	return rc;
}

#endif
