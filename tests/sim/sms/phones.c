/* tests/sim/sms/phones.c: an array of phones, a ring of messages, each linked to the one before on its phone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/civil.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "tests/sim/sms/phones.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000 };

static const struct {
	const char *name, *code;
} states[PHONE_STATES] = {
	[PHONE_ON] = {"on", "DELIVERED"},
	[PHONE_OFF] = {"off", "UNDELIV"},
	[PHONE_SILENT] = {"silent", NULL},
	[PHONE_BLACKLISTED] = {"blacklisted", "MOBILE_IN_BLACK"},
	[PHONE_UNKNOWN] = {"unknown", "MOBILE_NOT_ON_SERVICE"},
};

int phone_state_parse(const char *name, enum phone_state *ret)
{
	for (size_t i = 0; i < PHONE_STATES; i++) {
		if (strcmp(name, states[i].name) == 0) {
			*ret = (enum phone_state)i;
			return 0;
		}
	}
	return SW_EINVAL;
}

const char *phone_state_name(enum phone_state s)
{
	return states[s].name;
}

const char *phone_receipt_code(enum phone_state s)
{
	return states[s].code;
}

uint64_t phone_parse(const char *s, size_t len)
{
	static const char *const prefixes[] = {"+86", "0086", "86"};
	uint64_t n = 0;

	for (size_t i = 0; len > 11 && i < ARRAY_LEN(prefixes); i++) {
		size_t cut = strlen(prefixes[i]);

		if (len == 11 + cut && strncmp(s, prefixes[i], cut) == 0) {
			s += cut;
			len -= cut;
		}
	}
	if (len != 11 || s[0] != '1' || s[1] < '3')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	return n;
}

/* ---- phones ----------------------------------------------------------------------------------- */

int phones_init(struct phones *p, const struct settings *s, struct problems *problems)
{
	memset(p, 0, sizeof(*p));
	tally_init(&p->index, PHONES_MAX);
	p->ring = calloc(PHONES_MESSAGES, sizeof(*p->ring));
	p->first_seq = p->next_seq = 1;
	p->conf = s->conf;
	if (!p->ring)
		return -ENOMEM;
	for (size_t i = 0; i < conf_count(s->conf, "phones"); i++) {
		const char *number = conf_strf(s->conf, "phones[%zu].number", i);
		uint64_t n = phone_parse(number, strlen(number));
		struct phone *ph = n ? phones_at(p, n) : NULL;
		enum phone_state state;

		if (!ph ||
			phone_state_parse(conf_strf(s->conf, "phones[%zu].state", i), &state) < 0)
			problems_error(problems, conf_file(s->conf), 0,
				"phone %zu: number of 11 digits; state on, off, silent, "
				"blacklisted or unknown",
				i + 1);
		else
			ph->state = (uint8_t)state;
	}
	return problems->n_errors > 0 ? SW_ECONF : 0;
}

void phones_fini(struct phones *p)
{
	for (int64_t seq = p->first_seq; seq < p->next_seq; seq++) {
		struct sms *m = phones_sms(p, seq);

		sending_release(m->sending);
		json_decref(m->text);
	}
	free(p->ring);
	free(p->items);
	tally_fini(&p->index);
}

struct phone *phones_at(struct phones *p, uint64_t number)
{
	uint32_t *place;

	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 1024;
		struct phone *items = realloc(p->items, cap * sizeof(*items));

		if (!items)
			return NULL;
		p->items = items;
		p->cap = cap;
	}
	place = tally_at(&p->index, number);
	if (!place)
		return NULL;
	if (*place == 0) {
		p->items[p->n] = (struct phone){.number = number};
		*place = (uint32_t)++p->n;
	}
	return &p->items[*place - 1];
}

const struct phone *phones_find(const struct phones *p, uint64_t number)
{
	uint32_t place = tally_get(&p->index, number);

	return place ? &p->items[place - 1] : NULL;
}

static uint64_t configured(const struct phones *p, size_t i)
{
	const char *s = conf_strf(p->conf, "phones[%zu].number", i);

	return phone_parse(s, strlen(s));
}

const char *phones_name(const struct phones *p, uint64_t number)
{
	for (size_t i = 0; i < conf_count(p->conf, "phones"); i++)
		if (configured(p, i) == number)
			return conf_strf(p->conf, "phones[%zu].name", i);
	return "";
}

uint64_t phones_named(const struct phones *p, const char *name)
{
	uint64_t found = 0;

	for (size_t i = 0; *name && i < conf_count(p->conf, "phones"); i++) {
		if (strcmp(conf_strf(p->conf, "phones[%zu].name", i), name) != 0)
			continue;
		if (found)
			return 0;
		found = configured(p, i);
	}
	return found;
}

/* ---- how often -------------------------------------------------------------------------------- */

static bool same(int64_t a_ms, int64_t b_ms, int64_t span_ms)
{
	return (a_ms + CIVIL_ZONE_MS) / span_ms == (b_ms + CIVIL_ZONE_MS) / span_ms;
}

/* Minutes and hours are those of the clock; the 24 hours begin with their first message. */
static void forget_old(struct phone *ph, int64_t now_ms)
{
	if (!same(ph->counted_at_ms, now_ms, MINUTE_MS))
		ph->in_minute = 0;
	if (!same(ph->counted_at_ms, now_ms, HOUR_MS))
		ph->in_hour = 0;
	if (now_ms < ph->day_from_ms || now_ms - ph->day_from_ms >= CIVIL_DAY_MS)
		ph->in_day = 0;
}

const char *phone_over_limit(
	const struct phone *ph, const struct settings *s, int64_t now_ms, char buf[64])
{
	struct phone now = *ph;

	buf[0] = '\0';
	forget_old(&now, now_ms);
	if (s->limit_minute && now.in_minute >= s->limit_minute)
		snprintf(buf, 64, "触发分钟级流控Permits:%d", (int)s->limit_minute);
	else if (s->limit_hour && now.in_hour >= s->limit_hour)
		snprintf(buf, 64, "触发小时级流控Permits:%d", (int)s->limit_hour);
	else if (s->limit_day && now.in_day >= s->limit_day)
		snprintf(buf, 64, "触发天级流控Permits:%d", (int)s->limit_day);
	return buf;
}

void phone_count(struct phone *ph, int64_t now_ms)
{
	forget_old(ph, now_ms);
	if (ph->in_day == 0)
		ph->day_from_ms = now_ms;
	if (ph->in_day < UINT16_MAX) {
		ph->in_minute++;
		ph->in_hour++;
		ph->in_day++;
	}
	ph->counted_at_ms = now_ms;
	ph->accepted++;
}

/* ---- messages --------------------------------------------------------------------------------- */

struct sms *phones_sms(const struct phones *p, int64_t seq)
{
	if (seq < p->first_seq || seq >= p->next_seq)
		return NULL;
	return &p->ring[seq % PHONES_MESSAGES];
}

static struct sms *push(struct phones *p, struct phone *ph, json_t *text, int64_t now_ms)
{
	int64_t seq = p->next_seq;
	struct sms *m = &p->ring[seq % PHONES_MESSAGES];

	if (seq - p->first_seq == PHONES_MESSAGES) {
		sending_release(m->sending);
		json_decref(m->text);
		p->first_seq++;
	}
	*m = (struct sms){.text = text,
		.at_ms = now_ms,
		.real_at_ms = clock_real_ms(),
		.before = ph->last_seq,
		.phone = (uint32_t)(ph - p->items)};
	ph->last_seq = seq;
	p->next_seq++;
	return m;
}

void phones_receive(struct phones *p, struct sending *sending, int64_t now_ms)
{
	sending->first_seq = p->next_seq;
	for (size_t i = 0; i < sending->n; i++) {
		struct phone *ph = phones_at(p, sending->numbers[i]);
		struct sms *m = push(p, ph, json_incref(sending->text), now_ms);

		m->sending = sending_hold(sending);
	}
}

int64_t phones_answer(struct phones *p, uint64_t number, json_t *text, int64_t now_ms)
{
	struct phone *ph = text ? phones_at(p, number) : NULL;

	if (!ph) {
		json_decref(text);
		return 0;
	}
	push(p, ph, text, now_ms);
	return p->next_seq - 1;
}

void phones_settle(
	struct phones *p, int64_t seq, enum sms_state state, const char *code, int64_t now_ms)
{
	struct sms *m = phones_sms(p, seq);

	if (!m)
		return;
	m->state = (uint8_t)state;
	m->code = code;
	m->done_ms = now_ms;
}
