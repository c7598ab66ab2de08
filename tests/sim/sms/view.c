/* tests/sim/sms/view.c: the phones as the page shows them, read backwards from the newest message. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sms/requests.h"

enum { PHONES_SHOWN = 200, MESSAGES_SHOWN = 20, MESSAGES_MAX = 1000 };

static const char *fate(const struct sms *m)
{
	static const char *const names[] = {
		[SMS_WAITING] = "waiting",
		[SMS_DELIVERED] = "delivered",
		[SMS_FAILED] = "failed",
		[SMS_RECEIVED] = "received",
	};

	return names[m->state];
}

static json_t *number_json(uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	return json_string(digits);
}

static json_t *message_json(const struct phones *p, int64_t seq)
{
	const struct sms *m = phones_sms(p, seq);
	json_t *v = json_pack("{s:I, s:I, s:I, s:o, s:b, s:O, s:s, s:s}", "seq", (json_int_t)seq,
		"at", (json_int_t)m->at_ms, "real_at", (json_int_t)m->real_at_ms, "number",
		number_json(p->items[m->phone].number), "mine", m->sending == NULL, "text", m->text,
		"state", fate(m), "code", m->code ? m->code : "");

	if (v && m->sending) {
		json_object_set_new(v, "out_id", json_string(m->sending->out_id));
		json_object_set_new(v, "biz_id", json_string(m->sending->biz_id));
		json_object_set_new(v, "template", json_string(m->sending->template_code));
	}
	return v;
}

/* The newest LIMIT messages of PH after SINCE, oldest first. */
static json_t *conversation(
	const struct phones *p, const struct phone *ph, int64_t since, size_t limit)
{
	json_t *list = json_array();
	int64_t seq = ph->last_seq;

	for (const struct sms *m; seq > since && limit > 0 && (m = phones_sms(p, seq)) != NULL;
		limit--) {
		json_array_insert_new(list, 0, message_json(p, seq));
		seq = m->before;
	}
	return list;
}

static json_t *phone_json(const struct phones *p, const struct phone *ph, size_t messages)
{
	return json_pack("{s:o, s:s, s:s, s:I, s:o}", "number", number_json(ph->number), "name",
		phones_name(p, ph->number), "state", phone_state_name((enum phone_state)ph->state),
		"accepted", (json_int_t)ph->accepted, "messages", conversation(p, ph, 0, messages));
}

/* Does Q stand in the number, the name or a text? Texts are shared: the last one looked at is not looked at again. */
struct search {
	const char *q;
	const json_t *last;
	bool last_fits;
};

static bool fits(
	const struct phones *p, struct search *s, const struct phone *ph, const json_t *text)
{
	char digits[24];

	if (!*s->q)
		return true;
	snprintf(digits, sizeof(digits), "%" PRIu64, ph->number);
	if (strstr(digits, s->q) || strstr(phones_name(p, ph->number), s->q))
		return true;
	if (text && text != s->last) {
		s->last = text;
		s->last_fits = strstr(json_string_value(text), s->q) != NULL;
	}
	return text && s->last_fits;
}

/* PH joins LIST unless it is in it already. */
static void list_phone(struct phones *p, json_t *list, struct phone *ph, size_t messages)
{
	if (ph->mark == p->mark)
		return;
	ph->mark = p->mark;
	json_array_append_new(list, phone_json(p, ph, messages));
}

/*
 * Phones of the ring, newest first; then, without a message there, the one whose whole number was asked for and those of
 * the configuration.
 */
static json_t *list_phones(struct phones *p, const char *q, size_t limit, size_t messages)
{
	struct search search = {.q = q};
	json_t *list = json_array();
	uint64_t whole = phone_parse(q, strlen(q));

	p->mark++;
	for (int64_t seq = p->next_seq - 1; seq >= p->first_seq; seq--) {
		const struct sms *m = phones_sms(p, seq);
		struct phone *ph = &p->items[m->phone];

		if (ph->mark == p->mark || !fits(p, &search, ph, m->text))
			continue;
		if (json_array_size(list) == limit)
			return list;
		list_phone(p, list, ph, messages);
	}
	if (whole && phones_find(p, whole) && json_array_size(list) < limit)
		list_phone(p, list, phones_at(p, whole), messages);
	for (size_t i = 0; i < conf_count(p->conf, "phones"); i++) {
		const char *s = conf_strf(p->conf, "phones[%zu].number", i);
		struct phone *ph = phones_at(p, phone_parse(s, strlen(s)));

		if (ph && fits(p, &search, ph, NULL) && json_array_size(list) < limit)
			list_phone(p, list, ph, messages);
	}
	return list;
}

void view_phones(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;
	const char *q = http_query(x, "q"), *number = http_query(x, "number");
	int64_t limit, messages;

	if (control_number(x, "limit", PHONES_SHOWN, PHONES_SHOWN, &limit) < 0 ||
		control_number(x, "messages", MESSAGES_MAX, MESSAGES_SHOWN, &messages) < 0) {
		control_answer_error(x, 400, "limit and messages are whole numbers");
	} else if (number) {
		const struct phone *ph =
			phones_find(&s->phones, phone_parse(number, strlen(number)));

		control_answer(x, 200,
			ph ? json_pack("[o]", phone_json(&s->phones, ph, (size_t)messages))
			   : json_array());
	} else {
		control_answer(x, 200,
			list_phones(&s->phones, q ? q : "", (size_t)limit, (size_t)messages));
	}
}

void view_messages(void *ctx, struct http_exchange *x)
{
	struct sim *s = ctx;
	const struct phones *p = &s->phones;
	const char *number = http_query(x, "number");
	int64_t since, limit;
	json_t *list;

	if (control_number(x, "since", INT64_MAX / 2, 0, &since) < 0 ||
		control_number(x, "limit", MESSAGES_MAX, MESSAGES_MAX, &limit) < 0) {
		control_answer_error(x, 400, "since and limit are whole numbers");
		return;
	}
	if (number) {
		const struct phone *ph = phones_find(p, phone_parse(number, strlen(number)));

		control_answer(
			x, 200, ph ? conversation(p, ph, since, (size_t)limit) : json_array());
		return;
	}
	list = json_array();
	for (int64_t seq = since + 1 > p->first_seq ? since + 1 : p->first_seq;
		seq < p->next_seq && limit > 0; seq++, limit--)
		json_array_append_new(list, message_json(p, seq));
	control_answer(x, 200, list);
}
