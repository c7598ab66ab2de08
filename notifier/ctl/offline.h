/* notifier/ctl/offline.h: what the commands that need no notifier print and load alike. */
#ifndef SW_CTL_OFFLINE_H
#define SW_CTL_OFFLINE_H

#include <jansson.h>

#include "notifier/campaign/definition.h"
#include "notifier/ctl/command.h"

/* Prints J as one line on standard output and releases it; NULL (no memory) prints nothing. */
void ctl_json_print(json_t *j);
/*
 * The definition by the order of ctl_campaign_file(). Its mistakes go to standard error, its warnings do not:
 * shouwang check shows them. NULL: it has mistakes.
 */
struct campaign *ctl_campaign_load(const struct ctl_env *env, const char *override);
/* campaign_load_with() the shipped calendar and units where the definition has none beside it. */
int ctl_campaign_read(const struct ctl_env *env, const char *file, struct problems *p,
	struct campaign **ret) SW_MUST_CHECK;
/* "Fri 2022-08-19"; BUF holds at least 48 bytes. */
const char *ctl_say_day(struct civil d, char *buf, size_t size);
const char *ctl_weekday(struct civil d); /* Mon .. Sun */

#endif
