/* notifier/ctl/rehearse.h: the second command of the preview family. */
#ifndef SW_CTL_REHEARSE_H
#define SW_CTL_REHEARSE_H

#include "notifier/ctl/command.h"

int ctl_run_rehearse(const struct ctl_env *env, int argc, char **argv);

#endif
