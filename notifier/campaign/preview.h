/*
 * notifier/campaign/preview.h: the exact text of one template for one unit, without asking whether it is due.
 */
#ifndef SW_CAMPAIGN_PREVIEW_H
#define SW_CAMPAIGN_PREVIEW_H

#include "notifier/campaign/plan.h"

/*
 * Appends the text of template ID to OUT, as CHANNEL ("robot", "app", "sms") shows it at in->now_ms. A heading gets the
 * lines of the reminders it heads; for the highest unit it is a digest with one line for each reporting unit.
 * SW_ENOENT: no such template; SW_EINVAL: it says something of a unit and UNIT is -1.
 */
int preview_text(const struct plan_input *in, const char *id, const char *channel, int unit,
	struct buf *out, struct sw_err *err) SW_MUST_CHECK;
/* When a template would first be used: the first point it heads or is a line of, else the first point of all. */
int64_t preview_first_use_ms(const struct campaign *c, const struct plan *plan, const char *id);

#endif
