/*
 * core/base/settings.h: the one configuration file of both daemons, as a table.
 *
 * The paths are a contract for programs that generate configurations; see docs/protocol.md.
 */
#ifndef SW_CORE_BASE_SETTINGS_H
#define SW_CORE_BASE_SETTINGS_H

#include "core/base/conf.h"

extern const struct conf_item settings_table[];
extern const size_t settings_table_len;

/* conf_load() with this table plus checks across settings (names unique, routes named exist, ..). */
int settings_load(const char *file, struct problems *p, struct conf **ret) SW_MUST_CHECK;

#endif
