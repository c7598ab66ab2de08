/*
 * notifier/engine/scripts.h: the Redis scripts of notifier/engine/lua, embedded at build time.
 *
 * Each file is one script, named without ".lua"; scripts/embed writes the table.
 */
#ifndef SW_NOTIFIER_ENGINE_SCRIPTS_H
#define SW_NOTIFIER_ENGINE_SCRIPTS_H

#include <stddef.h>

#include "core/io/redis.h"

extern const struct redis_script engine_scripts[];
extern const size_t engine_scripts_len;

#endif
