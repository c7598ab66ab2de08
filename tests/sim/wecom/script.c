/* tests/sim/wecom/script.c: a flat list; the earliest waiting line is the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "tests/sim/wecom/callback.h"
#include "tests/sim/wecom/participant.h"
#include "tests/sim/wecom/script.h"

enum { LINES_MAX = 10000, AGAIN_MS = 120000, TIMES_MAX = 6, BUSY_RETRY_MS = 50 };

enum line_state { LINE_WAITING, LINE_SPOKEN, LINE_DONE, LINE_LOST, LINE_SKIPPED };

struct line {
	int64_t at_ms;
	enum line_state state;
	int times; /* typed so far */
	char *chat, *user, *text;
};

struct script {
	struct sim *sim;
	struct line *lines;
	size_t n;
	bool started; /* the time is known */
	struct line *speaking;
	struct timer *timer; /* for a clock that runs */
	int64_t n_resent;
};

static void line_fini(struct line *l)
{
	free(l->chat);
	free(l->user);
	free(l->text);
}

static struct line *next_line(const struct script *k)
{
	struct line *best = NULL;

	for (size_t i = 0; i < k->n; i++) {
		struct line *l = &k->lines[i];

		if (l->state == LINE_WAITING && (!best || l->at_ms < best->at_ms))
			best = l;
	}
	return best;
}

int64_t script_next_ms(const struct script *k)
{
	const struct line *l = next_line(k);

	return l && !k->sim->closing ? l->at_ms : INT64_MAX;
}

bool script_idle(const struct script *k)
{
	return !k->speaking && (!k->started || script_next_ms(k) > sim_now_ms(k->sim));
}

/* ---- speaking --------------------------------------------------------------------------------- */

static void on_said(void *ctx, const struct said *said)
{
	struct script *k = ctx;
	struct line *l = k->speaking;

	k->speaking = NULL;
	if (said->delivered || !said->addressed) {
		l->state = LINE_DONE;
	} else if (l->times < TIMES_MAX) {
		l->state = LINE_WAITING;
		l->at_ms = sim_now_ms(k->sim) + AGAIN_MS;
		k->n_resent++;
	} else {
		l->state = LINE_LOST;
		LOG_WARN("line_lost", "chat=%s times=%d", l->chat, l->times);
	}
	if (!k->sim->closing)
		script_run(k);
}

/* 0: it speaks. */
static int speak(struct script *k, struct line *l)
{
	int rc;

	k->speaking = l;
	rc = callbacks_say(k->sim->callbacks, l->chat, l->user, l->text, TAMPER_NONE, on_said, k);
	if (rc == 0) {
		l->state = LINE_SPOKEN;
		l->times++;
		return 0;
	}
	k->speaking = NULL;
	if (rc != SW_ELIMIT) {
		l->state = LINE_LOST;
		LOG_WARN("line_refused", "chat=%s err=%s", l->chat, err_name(rc));
	}
	return rc;
}

void script_run(struct script *k)
{
	int64_t now = sim_now_ms(k->sim);
	struct line *l;

	if (k->speaking || k->sim->closing)
		return;
	if (!k->started) {
		k->started = true;
		for (size_t i = 0; i < k->n; i++)
			if (k->lines[i].at_ms < now)
				k->lines[i].state = LINE_SKIPPED;
	}
	while ((l = next_line(k)) != NULL && l->at_ms <= now) {
		int rc = speak(k, l);

		if (rc == 0)
			return;
		if (rc == SW_ELIMIT) {
			timer_after(k->timer, BUSY_RETRY_MS);
			return;
		}
	}
	if (l)
		timer_at(k->timer, l->at_ms);
	participant_report(k->sim->participant);
}

static void on_timer(void *ctx)
{
	script_run(ctx);
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* In a group a person addresses the robot, unless the line says that he forgets it. */
static char *addressed_text(
	const struct script *k, const char *chat, const char *text, bool mention)
{
	const struct world *w = &k->sim->world;
	struct buf b;
	char *s;

	buf_init(&b, 16384);
	if (mention && !text_starts(chat, "app:") && *text != '@' && w->n_smart > 0)
		buf_addf(&b, "@%s ", w->smart[0].mention_name);
	buf_adds(&b, text);
	s = buf_take(&b);
	buf_fini(&b);
	return s;
}

/* Room for MORE lines; the one that speaks is found again by its place. */
static int grow(struct script *k, size_t more)
{
	size_t speaking = k->speaking ? (size_t)(k->speaking - k->lines) : 0;
	struct line *lines;

	if (k->n + more > LINES_MAX)
		return SW_ELIMIT;
	lines = realloc(k->lines, (k->n + more + 1) * sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	if (k->speaking)
		k->speaking = &lines[speaking];
	k->lines = lines;
	return 0;
}

static int add_line(struct script *k, int64_t at_ms, const char *user, const char *chat,
	const char *text, bool mention)
{
	struct line l = {.at_ms = at_ms};

	l.user = text_dup(user);
	l.chat = text_dup(chat);
	l.text = addressed_text(k, chat, text, mention);
	if (!l.user || !l.chat || !l.text) {
		line_fini(&l);
		return -ENOMEM;
	}
	k->lines[k->n++] = l;
	return 0;
}

/* NULL when the line can be said. */
static const char *objection(struct script *k, const char *user, const char *chat, const char *text)
{
	struct world *w = &k->sim->world;

	if (!world_app(w, chat) && !world_robot(w, chat))
		return "chat: no such group or application";
	if (!world_userid_valid(user))
		return "user: no user id";
	if (!*text || strlen(text) > 4096 || !text_utf8_valid(text, strlen(text), NULL))
		return "text: 1 to 4096 bytes of UTF-8";
	return NULL;
}

static const struct conf_item table[] = {
	{"officials[].at", CONF_TIME, CONF_REQUIRED, NULL, 0, 0, "when"},
	{"officials[].user", CONF_STRING, CONF_REQUIRED, NULL, 1, 64, "who"},
	{"officials[].chat", CONF_STRING, CONF_REQUIRED, NULL, 1, 72, "where"},
	{"officials[].text", CONF_STRING, CONF_REQUIRED, NULL, 1, 4096, "what"},
	{"officials[].mention", CONF_BOOL, 0, "true", 0, 0, "false: without addressing the robot"},
};

int script_load(struct script *k, const char *file, struct problems *p)
{
	struct conf *conf;
	size_t n;
	int rc = conf_load(file, table, ARRAY_LEN(table), p, &conf);

	if (rc < 0)
		return rc;
	n = conf_count(conf, "officials");
	rc = grow(k, n);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		const char *user = conf_strf(conf, "officials[%zu].user", i);
		const char *chat = conf_strf(conf, "officials[%zu].chat", i);
		const char *text = conf_strf(conf, "officials[%zu].text", i);
		const char *why = objection(k, user, chat, text);

		if (why)
			problems_error(p, file, 0, "line %zu (%s): %s", i + 1, text, why);
		else
			rc = add_line(k, conf_intf(conf, "officials[%zu].at", i), user, chat, text,
				conf_boolf(conf, "officials[%zu].mention", i));
	}
	conf_free(conf);
	return rc == 0 && p->n_errors > 0 ? SW_ECONF : rc;
}

static bool read_time(const json_t *v, int64_t *ret)
{
	if (json_is_integer(v)) {
		*ret = json_integer_value(v);
		return true;
	}
	return json_is_string(v) && civil_parse_time(json_string_value(v), ret) == 0;
}

static int check_json_line(
	struct script *k, const json_t *v, size_t i, int64_t *ret_at, struct sw_err *err)
{
	const char *user = json_string_value(json_object_get(v, "user"));
	const char *chat = json_string_value(json_object_get(v, "chat"));
	const char *text = json_string_value(json_object_get(v, "text"));
	const char *why = NULL;

	if (!read_time(json_object_get(v, "at"), ret_at))
		why = "at: a time like 2022-06-20T09:40, or milliseconds";
	else if (!user || !chat || !text)
		why = "user, chat and text are strings";
	else
		why = objection(k, user, chat, text);
	return why ? err_set(err, SW_EINVAL, "line %zu: %s", i + 1, why) : 0;
}

int script_add(struct script *k, const json_t *lines, size_t *ret_n, struct sw_err *err)
{
	const json_t *v;
	size_t i;
	int64_t at;
	int rc;

	json_array_foreach(lines, i, v)
	{
		rc = check_json_line(k, v, i, &at, err);
		if (rc < 0)
			return rc;
	}
	rc = grow(k, json_array_size(lines));
	if (rc < 0)
		return err_set(err, rc, "more than %d lines", LINES_MAX);
	for (i = 0; rc == 0 && i < json_array_size(lines); i++) {
		v = json_array_get(lines, i);
		if (read_time(json_object_get(v, "at"), &at))
			rc = add_line(k, at, json_string_value(json_object_get(v, "user")),
				json_string_value(json_object_get(v, "chat")),
				json_string_value(json_object_get(v, "text")),
				!json_is_false(json_object_get(v, "mention")));
	}
	*ret_n = i;
	if (k->started)
		script_run(k);
	return rc < 0 ? err_set(err, rc, "out of memory") : 0;
}

/* ---- life ------------------------------------------------------------------------------------- */

int script_create(struct sim *s, struct script **ret)
{
	struct script *k = calloc(1, sizeof(*k));
	int rc;

	if (!k)
		return -ENOMEM;
	k->sim = s;
	rc = timer_new(s->loop, on_timer, k, &k->timer);
	if (rc < 0) {
		free(k);
		return rc;
	}
	*ret = k;
	return 0;
}

void script_close(struct script *k)
{
	timer_destroy(k->timer);
	k->timer = NULL;
}

void script_free(struct script *k)
{
	for (size_t i = 0; i < k->n; i++)
		line_fini(&k->lines[i]);
	free(k->lines);
	free(k);
}

json_t *script_json(const struct script *k)
{
	json_int_t count[LINE_SKIPPED + 1] = {0};

	for (size_t i = 0; i < k->n; i++)
		count[k->lines[i].state]++;
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "total", (json_int_t)k->n, "done",
		count[LINE_DONE], "skipped", count[LINE_SKIPPED], "lost", count[LINE_LOST],
		"resent", (json_int_t)k->n_resent, "next_ms", (json_int_t)script_next_ms(k));
}
