/*
 * bot/check.h: what --check tells of a configuration beyond settings_load().
 */
#ifndef SW_BOT_CHECK_H
#define SW_BOT_CHECK_H

#include "core/base/conf.h"

/* Adds to P every key and secret of the bot's part that is missing, unreadable or no key of its kind. */
void check_conf(const struct conf *c, struct problems *p);

#endif
