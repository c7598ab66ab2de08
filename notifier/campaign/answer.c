/*
 * notifier/campaign/answer.c: what an answer says beside the figures of the unit.
 */
#include "notifier/campaign/answer.h"

/* "工作者2名、好邻居6户": the totals the reading speaks of, the stored ones otherwise. */
static void say_count_text(const struct answer_input *in, struct buf *out)
{
	for (size_t i = 0; i < in->c->n_categories; i++) {
		const struct fact_count *k = in->facts ? &in->facts->counts[i] : NULL;
		int n = in->effect ? in->effect->shown[i] : -1;

		if (n < 0 && k && k->known)
			n = k->value;
		if (n >= 0)
			buf_addf(out, "%s%s%d%s", out->len ? "、" : "",
				in->c->categories[i].short_name, n, in->c->categories[i].unit_word);
	}
}

int answer_vars(const struct answer_input *in, struct plan_vars *ret)
{
	bool is_asked = in->effect && in->effect->question.open;
	int minute = civil_minute_of_ms(is_asked ? in->effect->question.until_ms : in->now_ms);
	char text[64];
	struct buf counts;
	int rc = plan_vars_fill(in->c, in->unit, in->facts, in->now_ms, ret);

	buf_init(&counts, 1024);
	say_count_text(in, &counts);
	if (rc == 0)
		rc = counts.error ? counts.error
				  : plan_vars_set(ret, "count_text", buf_str(&counts), false);
	buf_fini(&counts);
	if (rc == 0)
		rc = plan_vars_set(ret, "who", in->who, true);
	if (rc == 0)
		rc = plan_vars_set(
			ret, "answer_time", civil_say_time(in->now_ms, text, sizeof(text)), false);
	snprintf(text, sizeof(text), "B%05d", (in->facts ? in->facts->record_no : 0) % 100000);
	if (rc == 0)
		rc = plan_vars_set(ret, "no", text, false);
	snprintf(text, sizeof(text), "%d:%02d", minute / 60, minute % 60);
	if (rc == 0)
		rc = plan_vars_set(ret, "until", text, false);
	return rc;
}
