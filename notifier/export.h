/*
 * notifier/export.h: `shouwang-notifier --export`: the record of all messages while no daemon runs.
 */
#ifndef SW_NOTIFIER_EXPORT_H
#define SW_NOTIFIER_EXPORT_H

#include "core/base/conf.h"

/* Prints one JSON object per message on standard output, as `shouwang export` does. Takes CONF; an exit code. */
int export_run(struct conf *conf);

#endif
