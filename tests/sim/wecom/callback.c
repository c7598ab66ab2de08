/*
 * tests/sim/wecom/callback.c: encrypted callbacks, tried three times.
 *
 * A retry is the same message under a fresh nonce: only the message id tells that it is one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "tests/sim/front.h"
#include "tests/sim/wecom/callback.h"

enum { MAX_BUSY = 64, MAX_TEXT = 8192, MAX_CODES = 1024, CODE_LIFE_MS = 3600000, OLD_S = 3600 };

/* A response_url that may still be used. */
struct code {
	char code[33];
	struct robot *robot;
	int64_t until_ms;
};

struct saying {
	LIST_ENTRY(saying) next;
	struct callbacks *all;
	struct app *app; /* one of the two */
	struct robot *robot;
	struct smart_robot *smart; /* NULL: the robot was not mentioned */
	char user[65];
	char *plain; /* the decrypted message, the same in each try */
	enum tamper tamper;
	struct said said;
	bool is_repeat; /* of one that got its 200 */
	struct timer *timer;
	struct http_call *call;
	void (*done)(void *ctx, const struct said *said);
	void *ctx;
};

struct callbacks {
	struct sim *sim;
	LIST_HEAD(saying_list, saying) busy;
	size_t n_busy;
	struct code codes[MAX_CODES];
	size_t next_code;
	int64_t n_said, n_tries, n_delivered, n_lost, n_not_addressed, n_repeated;
};

/* ---- the message ------------------------------------------------------------------------------ */

/* "]]>" would end the section: it is cut in two. Control characters do not exist in XML. */
static void add_cdata(struct buf *b, const char *name, const char *s)
{
	buf_addf(b, "<%s><![CDATA[", name);
	for (; *s; s++) {
		if (strncmp(s, "]]>", 3) == 0) {
			buf_adds(b, "]]]]><![CDATA[>");
			s += 2;
		} else if ((unsigned char)*s >= 0x20 || *s == '\n' || *s == '\t') {
			buf_addc(b, *s);
		}
	}
	buf_addf(b, "]]></%s>", name);
}

static char *app_message(const struct saying *y, const char *text)
{
	struct buf b;
	char *s;

	buf_init(&b, 65536);
	buf_adds(&b, "<xml>");
	add_cdata(&b, "ToUserName", y->app->corp_id);
	add_cdata(&b, "FromUserName", y->user);
	buf_addf(&b, "<CreateTime>%" PRId64 "</CreateTime>", sim_now_ms(y->all->sim) / 1000);
	add_cdata(&b, "MsgType", "text");
	add_cdata(&b, "Content", text);
	buf_addf(&b, "<MsgId>%s</MsgId><AgentID>%" PRId64 "</AgentID></xml>", y->said.msg_id,
		y->app->agent_id);
	s = buf_take(&b);
	buf_fini(&b);
	return s;
}

static const char *new_code(struct callbacks *c, struct robot *r)
{
	struct code *code = &c->codes[c->next_code];

	c->next_code = (c->next_code + 1) % MAX_CODES;
	id_random_hex(16, code->code);
	code->robot = r;
	code->until_ms = sim_now_ms(c->sim) + CODE_LIFE_MS;
	return code->code;
}

static char *robot_message(const struct saying *y, const char *text)
{
	char url[256];
	json_t *m;
	char *s;

	snprintf(url, sizeof(url), "%s/cgi-bin/aibot/response?response_code=%s",
		front_base(y->all->sim->front), new_code(y->all, y->robot));
	m = json_pack("{s:s, s:s, s:s, s:s, s:{s:s}, s:s, s:s, s:{s:s}}", "msgid", y->said.msg_id,
		"aibotid", y->smart->bot_id, "chatid", y->robot->chatid, "chattype", "group",
		"from", "userid", y->user, "response_url", url, "msgtype", "text", "text",
		"content", text);
	s = m ? json_dumps(m, JSON_COMPACT) : NULL;
	json_decref(m);
	return s;
}

/* A number for applications, as documented; the smart robot's ids are base64, and look it. */
static void new_msg_id(struct saying *y)
{
	uint8_t raw[18];
	struct buf b;

	id_random_bytes(raw, sizeof(raw));
	if (y->app) {
		uint64_t n;

		memcpy(&n, raw, sizeof(n));
		snprintf(y->said.msg_id, sizeof(y->said.msg_id), "7%018" PRIu64,
			n % UINT64_C(1000000000000000000));
		return;
	}
	buf_init(&b, 64);
	id_base64(&b, raw, 16);
	snprintf(y->said.msg_id, sizeof(y->said.msg_id), "%s", buf_str(&b));
	buf_fini(&b);
}

/* ---- one try ---------------------------------------------------------------------------------- */

static const char *route_of(const struct saying *y)
{
	return y->app ? y->app->chat : y->robot->name;
}

static const struct simcrypt *crypt_of(const struct saying *y)
{
	return y->app ? &y->app->crypt : &y->smart->crypt;
}

static int encrypt(const struct saying *y, struct buf *out)
{
	uint8_t random[SIMCRYPT_RANDOM_BYTES];
	const char *receiver = y->app ? y->app->corp_id : "";
	int rc;

	if (y->tamper == TAMPER_RECEIVER)
		receiver = "wwffffffffffffffff";
	id_random_bytes(random, sizeof(random));
	rc = simcrypt_encrypt(crypt_of(y), random, y->plain, strlen(y->plain), receiver, out);
	if (rc == 0 && y->tamper == TAMPER_CIPHERTEXT)
		out->data[out->len / 2] = out->data[out->len / 2] == 'A' ? 'B' : 'A';
	return rc;
}

static char *envelope(const struct saying *y, const char *encrypted)
{
	struct buf b;
	char agent[24], *s;
	json_t *m;

	if (!y->app) {
		m = json_pack("{s:s}", "encrypt", encrypted);
		s = m ? json_dumps(m, JSON_COMPACT) : NULL;
		json_decref(m);
		return s;
	}
	buf_init(&b, 1 << 18);
	snprintf(agent, sizeof(agent), "%" PRId64, y->app->agent_id);
	buf_adds(&b, "<xml>");
	add_cdata(&b, "ToUserName", y->app->corp_id);
	add_cdata(&b, "AgentID", agent);
	add_cdata(&b, "Encrypt", encrypted);
	buf_adds(&b, "</xml>");
	s = buf_take(&b);
	buf_fini(&b);
	return s;
}

/* BOT_URL/wecom/app/NAME?msg_signature=..; all values are digits and hex. */
static char *callback_url(const struct saying *y, const char *encrypted)
{
	const char *base = conf_str(y->all->sim->world.conf, "bot_url");
	int64_t now_s = sim_now_ms(y->all->sim) / 1000;
	char stamp[24], nonce[24], signature[41];
	char *name = http_escape(y->app ? y->app->name : y->smart->name);
	uint32_t n;
	struct buf b;
	char *s;

	id_random_bytes((uint8_t *)&n, sizeof(n));
	snprintf(nonce, sizeof(nonce), "%" PRIu32, n);
	snprintf(stamp, sizeof(stamp), "%" PRId64, y->tamper == TAMPER_OLD ? now_s - OLD_S : now_s);
	simcrypt_sign(crypt_of(y), stamp, nonce, encrypted, signature);
	if (y->tamper == TAMPER_SIGNATURE)
		signature[7] = signature[7] == '0' ? '1' : '0';
	buf_init(&b, 2048);
	buf_addf(&b, "%.*s/wecom/%s/%s?msg_signature=%s&timestamp=%s&nonce=%s",
		(int)(strlen(base) - (text_ends(base, "/") ? 1 : 0)), base,
		y->app ? "app" : "robot", name ? name : "", signature, stamp, nonce);
	s = buf_take(&b);
	buf_fini(&b);
	free(name);
	return s;
}

static void on_answer(void *ctx, const struct http_result *res);

static int start_try(struct saying *y)
{
	struct sim *s = y->all->sim;
	struct buf encrypted;
	struct http_header type = {"Content-Type", y->app ? "text/xml" : "application/json"};
	struct http_request req = {.method = "POST", .headers = &type, .n_headers = 1};
	char *url = NULL, *body = NULL;
	int rc;

	buf_init(&encrypted, 1 << 18);
	rc = encrypt(y, &encrypted);
	if (rc == 0) {
		url = callback_url(y, buf_str(&encrypted));
		body = envelope(y, buf_str(&encrypted));
		rc = url && body ? 0 : -ENOMEM;
	}
	if (rc == 0) {
		req.url = url;
		req.body = body;
		req.body_len = strlen(body);
		req.total_timeout_ms = conf_int(s->world.conf, "callback_timeout");
		req.connect_timeout_ms = req.total_timeout_ms;
		rc = http_client_start(s->client, &req, on_answer, y, &y->call);
	}
	buf_fini(&encrypted);
	free(url);
	free(body);
	if (rc == 0) {
		y->said.tries++;
		y->all->n_tries++;
	}
	return rc;
}

/* ---- the end ---------------------------------------------------------------------------------- */

static void finish(struct saying *y)
{
	struct callbacks *c = y->all;
	const char *fate = !y->said.addressed  ? "not_addressed"
			   : y->said.delivered ? "delivered"
					       : "lost";

	if (!y->said.addressed)
		c->n_not_addressed++;
	else if (y->said.delivered)
		c->n_delivered++;
	else
		c->n_lost++;
	if (y->said.addressed && !y->said.delivered && !c->sim->closing)
		LOG_WARN("callback_lost", "chat=%s tries=%d status=%d", route_of(y), y->said.tries,
			y->said.status);
	LIST_REMOVE(y, next);
	c->n_busy--;
	if (!c->sim->closing)
		sim_show_delivery(c->sim, y->said.seq, fate);
	y->done(y->ctx, &y->said);
	timer_destroy(y->timer);
	free(y->plain);
	free(y);
	sim_report(c->sim);
}

static void on_timer(void *ctx)
{
	struct saying *y = ctx;

	/* Nobody was mentioned; or no second try could be made of what was delivered. */
	if (!y->said.addressed || y->all->sim->closing || start_try(y) < 0)
		finish(y);
}

/* True when the delivered message is to be sent once more. */
static bool repeats(struct saying *y)
{
	struct fault f;

	if (y->is_repeat)
		return false;
	faults_take(&y->all->sim->faults, route_of(y), FAULT_OF_CALLBACK, &f);
	return f.kind == WECOM_REPEAT;
}

static void on_answer(void *ctx, const struct http_result *res)
{
	struct saying *y = ctx;
	bool good = res->outcome == HTTP_ANSWERED && res->status == 200;
	int limit = y->tamper == TAMPER_NONE ? CALLBACK_TRIES : 1;

	y->call = NULL;
	y->said.status = res->outcome == HTTP_ANSWERED ? res->status : 0;
	LOG_DEBUG("callback_answered", "chat=%s attempt=%d status=%d took_ms=%lld", route_of(y),
		y->said.tries, y->said.status, (long long)res->took_ms);
	if (good && !y->said.delivered) {
		y->said.delivered = true;
		if (repeats(y)) {
			y->is_repeat = true;
			y->all->n_repeated++;
			timer_after(y->timer, 0);
			return;
		}
	}
	if (y->said.delivered || y->all->sim->closing || y->said.tries >= limit) {
		finish(y);
		return;
	}
	/* The real one's pause is not documented; a bot that starts again needs about a second. */
	timer_after(y->timer, conf_int(y->all->sim->world.conf, "callback_pause"));
}

/* ---- beginning -------------------------------------------------------------------------------- */

static struct smart_robot *mentioned(struct world *w, const char *text)
{
	for (size_t i = 0; i < w->n_smart; i++) {
		char at[72];

		snprintf(at, sizeof(at), "@%s", w->smart[i].mention_name);
		if (strstr(text, at))
			return &w->smart[i];
	}
	return NULL;
}

static int prepare(struct saying *y, const char *text)
{
	struct sim *s = y->all->sim;
	int rc = timer_new(s->loop, on_timer, y, &y->timer);

	if (rc < 0)
		return rc;
	y->smart = y->robot ? mentioned(&s->world, text) : NULL;
	y->said.addressed = y->app || y->smart;
	if (!y->said.addressed)
		return 0;
	new_msg_id(y);
	y->plain = y->app ? app_message(y, text) : robot_message(y, text);
	return y->plain ? start_try(y) : -ENOMEM;
}

static void show_said(struct saying *y, const char *text)
{
	y->said.seq = sim_show(y->all->sim, &(struct shown){.chat = route_of(y),
						    .peer = y->app ? y->user : "",
						    .from = y->user,
						    .type = "text",
						    .text = text,
						    .text_len = strlen(text),
						    .mid = "",
						    .delivery = "pending"});
}

int callbacks_say(struct callbacks *c, const char *chat, const char *user, const char *text,
	enum tamper tamper, void (*done)(void *ctx, const struct said *said), void *ctx)
{
	struct saying *y;
	int rc;

	if (!world_userid_valid(user) || !*text || strlen(text) > MAX_TEXT ||
		!text_utf8_valid(text, strlen(text), NULL))
		return SW_EINVAL;
	if (c->n_busy >= MAX_BUSY || c->sim->closing)
		return SW_ELIMIT;
	y = calloc(1, sizeof(*y));
	if (!y)
		return -ENOMEM;
	y->all = c;
	y->app = world_app(&c->sim->world, chat);
	y->robot = y->app ? NULL : world_robot(&c->sim->world, chat);
	y->tamper = tamper;
	y->done = done;
	y->ctx = ctx;
	rc = y->app || y->robot ? text_copy(y->user, sizeof(y->user), user) : SW_ENOENT;
	if (rc == 0)
		rc = prepare(y, text);
	if (rc < 0) {
		timer_destroy(y->timer);
		free(y->plain);
		free(y);
		return rc;
	}
	LIST_INSERT_HEAD(&c->busy, y, next);
	c->n_busy++;
	c->n_said++;
	show_said(y, text);
	if (!y->said.addressed)
		timer_after(y->timer, 0);
	sim_report(c->sim);
	return 0;
}

size_t callbacks_busy(const struct callbacks *c)
{
	return c->n_busy;
}

/* ---- response_url ----------------------------------------------------------------------------- */

static struct code *find_code(struct callbacks *c, const char *code)
{
	for (size_t i = 0; *code && i < MAX_CODES; i++)
		if (c->codes[i].robot && strcmp(c->codes[i].code, code) == 0 &&
			sim_now_ms(c->sim) < c->codes[i].until_ms)
			return &c->codes[i];
	return NULL;
}

struct robot *callbacks_robot_of_code(struct callbacks *c, const char *code)
{
	struct code *found = find_code(c, code);

	return found ? found->robot : NULL;
}

void callbacks_use_code(struct callbacks *c, const char *code)
{
	struct code *found = find_code(c, code);

	if (found)
		found->robot = NULL;
}

/* ---- life ------------------------------------------------------------------------------------- */

int callbacks_create(struct sim *s, struct callbacks **ret)
{
	struct callbacks *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->sim = s;
	LIST_INIT(&c->busy);
	*ret = c;
	return 0;
}

void callbacks_close(struct callbacks *c)
{
	struct saying *y;

	LIST_FOREACH(y, &c->busy, next)
	{
		if (y->call)
			http_call_cancel(y->call);
		else
			timer_after(y->timer, 0);
	}
}

void callbacks_free(struct callbacks *c)
{
	free(c);
}

json_t *callbacks_json(const struct callbacks *c)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "said", (json_int_t)c->n_said,
		"tries", (json_int_t)c->n_tries, "delivered", (json_int_t)c->n_delivered,
		"callback_lost", (json_int_t)c->n_lost, "not_addressed",
		(json_int_t)c->n_not_addressed, "repeated", (json_int_t)c->n_repeated, "busy",
		(json_int_t)c->n_busy);
}
