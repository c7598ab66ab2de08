/*
 * bot/bot.h: the whole program: owns every part, opens them in order and closes them in reverse.
 */
#ifndef SW_BOT_BOT_H
#define SW_BOT_BOT_H

#include "core/base/conf.h"

struct bot;

/* Takes CONF. Opens everything; the loop does not turn yet. */
int bot_open(struct conf *conf, struct bot **ret, struct sw_err *err) SW_MUST_CHECK;
/* Until SIGTERM or SIGINT: no new request from then on, those in flight get 8 s. */
void bot_run(struct bot *b);
void bot_destroy(struct bot *b);

#endif
