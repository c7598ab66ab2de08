/* notifier/ctl/stage.h: definition, templates and plan, loaded for a command that decides without a notifier. */
#ifndef SW_CTL_STAGE_H
#define SW_CTL_STAGE_H

#include "notifier/campaign/plan.h"
#include "notifier/ctl/command.h"

struct stage {
	struct campaign *c;
	struct templates *t;
	struct plan *plan;
	struct unit_facts *facts; /* one per unit, blank */
	struct contacts contacts; /* none */
	bool sms_available;       /* by the configuration; without one: yes */
};

struct stage_files {
	const char *campaign,
		*templates; /* NULL: those of the configuration, else the shipped ones */
};

/* Says every mistake on standard error. EXIT_OK, EXIT_BAD_CONFIG or EXIT_INTERNAL. */
int stage_load(const struct ctl_env *env, const struct stage_files *files, struct stage *ret);
void stage_fini(struct stage *s);

/* The value of an option: argv[*I] is its name, and *I moves to the value. NULL after a message: there is none. */
const char *stage_value(const struct command *cmd, int argc, char **argv, int *i);

#endif
