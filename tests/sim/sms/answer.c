/* tests/sim/sms/answer.c: a phone's message on its way to the bot. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/id.h"
#include "core/base/text.h"
#include "tests/sim/sms/answer.h"
#include "tests/sim/sms/receipt.h"

enum { MAX_TEXT = 2000 };

struct answer {
	struct sim *sim;
	struct answered told;
	uint64_t number;
	json_t *text; /* owned */
	int64_t at_ms;
	char dest_code[16];
	void (*done)(void *ctx, const struct answered *a); /* NULL: it ran */
	void *ctx;
};

static json_t *build(void *ctx)
{
	const struct answer *a = ctx;
	char number[24], at[32];

	snprintf(number, sizeof(number), "%" PRIu64, a->number);
	return json_pack("[{s:s, s:s, s:O, s:s, s:s, s:s}]", "phone_number", number, "send_time",
		sim_time(a->at_ms, at), "content", a->text, "dest_code", a->dest_code,
		"sequence_id", a->told.sequence_id, "sign_name", a->sim->settings.sign);
}

static void on_ended(void *ctx, const struct push_result *r, bool last)
{
	struct answer *a = ctx;
	struct sim *s = a->sim;

	if (last || r->arrived) {
		phones_settle(&s->phones, a->told.seq, r->arrived ? SMS_RECEIVED : SMS_FAILED, NULL,
			sim_now_ms(s));
		sim_changed(s);
	}
	if (a->done) {
		a->told.result = *r;
		a->done(a->ctx, &a->told);
		a->done = NULL;
	}
	if (last) {
		json_decref(a->text);
		free(a);
	}
}

/* The extension of the newest message to PH comes back as the number that is answered. */
static void find_dest_code(struct sim *s, struct answer *a)
{
	const struct phone *ph = phones_find(&s->phones, a->number);
	const struct sms *m = ph ? phones_sms(&s->phones, ph->last_seq) : NULL;

	while (m && !m->sending)
		m = phones_sms(&s->phones, m->before);
	snprintf(a->dest_code, sizeof(a->dest_code), "%s", m ? m->sending->extend_code : "");
}

int answer_send(struct sim *s, uint64_t number, const char *text,
	void (*done)(void *ctx, const struct answered *a), void *ctx)
{
	struct answer *a;
	uint64_t random;
	int rc;

	if (!*text || strlen(text) > MAX_TEXT || !text_utf8_valid(text, strlen(text), NULL))
		return SW_EINVAL;
	if (!*s->settings.uplink_url)
		return SW_EAWAY;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = (struct answer){.sim = s,
		.number = number,
		.text = json_string(text),
		.at_ms = sim_now_ms(s),
		.done = done,
		.ctx = ctx};
	id_random_bytes((uint8_t *)&random, sizeof(random));
	snprintf(a->told.sequence_id, sizeof(a->told.sequence_id), "%010" PRIu64,
		random % UINT64_C(10000000000));
	find_dest_code(s, a);
	rc = a->text ? push_start(s->pushes, &(struct push_opts){.url = s->settings.uplink_url,
						     .build = build,
						     .ended = on_ended,
						     .ctx = a})
		     : -ENOMEM;
	if (rc < 0) {
		json_decref(a->text);
		free(a);
		return rc;
	}
	a->told.seq = phones_answer(&s->phones, number, json_incref(a->text), a->at_ms);
	sim_changed(s);
	receipts_soon(s->receipts);
	return 0;
}
