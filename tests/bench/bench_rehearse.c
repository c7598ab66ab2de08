/*
 * tests/bench/bench_rehearse.c: the whole campaign in memory, with replies of every unit on every working day.
 *
 * Target: 112 days and 115 units with answers in at most one second.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/text.h"
#include "notifier/campaign/rehearse.h"

enum { DAYS = 112, TARGET_MS = 1000 };

static size_t counts[4];

static void on_event(void *ctx, const struct rehearse_event *e)
{
	(void)ctx;
	counts[e->kind]++;
}

/* Every unit with a quota reports on every working day, below its minimum every other day. */
static size_t make_replies(const struct campaign *c, int64_t from_ms, struct rehearse_reply **ret)
{
	size_t n = 0, max = (size_t)DAYS * c->units->n;
	struct rehearse_reply *all = calloc(max, sizeof(*all));
	struct civil day = civil_of_ms(from_ms);

	for (int d = 0; all && d < DAYS; d++, day = civil_add(day, 1)) {
		bool workday = false;

		if (calendar_is_workday(c->calendar, day, &workday, NULL) < 0 || !workday)
			continue;
		for (size_t u = 0; u < c->units->n; u++) {
			int min, max_quota;

			if (!campaign_quota(c, 0, (int)u, &min, &max_quota))
				continue;
			all[n++] = (struct rehearse_reply){.at_ms = civil_at_ms(day, 10 * 60),
				.unit = (int)u,
				.contact = -1,
				.text = text_dup(
					d % 2 ? "已报1人4户，还差照片" : "@守望 已报2人6户")};
		}
	}
	*ret = all;
	return n;
}

static int run(const struct campaign *c, const struct templates *t, const struct plan *plan)
{
	const struct contacts nobody = {0};
	struct rehearse_input in = {.c = c,
		.t = t,
		.plan = plan,
		.contacts = &nobody,
		.from_ms = plan->points[0].due_ms - plan->points[0].due_ms % CIVIL_DAY_MS};
	struct rehearse_reply *replies = NULL;
	struct sw_err err = {0};
	int64_t start, took;
	int rc;

	in.to_ms = in.from_ms + DAYS * CIVIL_DAY_MS;
	in.n_replies = make_replies(c, in.from_ms, &replies);
	in.replies = replies;
	start = clock_mono_ms();
	rc = rehearse_run(&in, on_event, NULL, &err);
	took = clock_mono_ms() - start;
	rehearse_replies_free(replies, in.n_replies);
	if (rc < 0) {
		fprintf(stderr, "bench_rehearse: %s\n", err.text);
		return 1;
	}
	printf("rehearse: %d days, %zu reminders, %zu replies, %zu answers, %zu points not sent: "
	       "%" PRId64 " ms (target %d)\n",
		(int)DAYS, counts[REHEARSE_MESSAGE], counts[REHEARSE_REPLY],
		counts[REHEARSE_ANSWER], counts[REHEARSE_NOT_SENT], took, (int)TARGET_MS);
	return took <= TARGET_MS ? 0 : 1;
}

int main(void)
{
	struct campaign *c = NULL;
	struct templates *t = NULL;
	struct plan *plan = NULL;
	struct problems p;
	int rc = 1;

	problems_init(&p);
	if (campaign_load("config/campaigns/nm-2022-63.conf", &p, &c) == 0 &&
		templates_load("config/templates", c, &p, &t) == 0 &&
		plan_build(c, &plan, NULL) == 0 && plan->n)
		rc = run(c, t, plan);
	else
		problems_print(&p, stderr);
	plan_free(plan);
	templates_free(t);
	campaign_free(c);
	problems_fini(&p);
	return rc;
}
