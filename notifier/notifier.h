/*
 * notifier/notifier.h: the brain as one object: owns configuration, connections and the engine.
 */
#ifndef SW_NOTIFIER_NOTIFIER_H
#define SW_NOTIFIER_NOTIFIER_H

#include "core/base/conf.h"

struct notifier;

/* Takes CONF. Errors are printed on standard error; returns an exit code, 0 when RET is set. */
int notifier_create(struct conf *conf, struct notifier **ret);
/* Runs until SIGTERM or SIGINT; returns the exit code. */
int notifier_run(struct notifier *n);
void notifier_destroy(struct notifier *n);

#endif
