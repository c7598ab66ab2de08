/* notifier/ctl/offline.c: definitions and output of the commands that need no notifier. */
#include <stdlib.h>

#include "notifier/ctl/offline.h"

void ctl_json_print(json_t *j)
{
	if (!j)
		return;
	json_dumpf(j, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(j);
}

int ctl_campaign_read(
	const struct ctl_env *env, const char *file, struct problems *p, struct campaign **ret)
{
	char *shipped = ctl_shipped_file(env, ".");
	int rc = campaign_load_with(file, shipped, p, ret);

	free(shipped);
	return rc;
}

struct campaign *ctl_campaign_load(const struct ctl_env *env, const char *override)
{
	char *file = ctl_campaign_file(env, override);
	struct campaign *c = NULL;
	struct problems problems;

	problems_init(&problems);
	if (file && ctl_campaign_read(env, file, &problems, &c) < 0)
		problems_print(&problems, stderr);
	problems_fini(&problems);
	free(file);
	return c;
}

const char *ctl_weekday(struct civil d)
{
	static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

	return names[civil_weekday(d) - 1];
}

const char *ctl_say_day(struct civil d, char *buf, size_t size)
{
	char date[32];

	snprintf(buf, size, "%s %s", ctl_weekday(d), civil_format(d, date, sizeof(date)));
	return buf;
}
