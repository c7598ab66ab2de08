/*
 * notifier/ctl/parse_world.h: the world in which "shouwang parse" reads: a campaign, a moment, senders.
 *
 * The default is config/example/world.conf; a context given as JSON changes it for one text.
 */
#ifndef SW_CTL_PARSE_WORLD_H
#define SW_CTL_PARSE_WORLD_H

#include <jansson.h>

#include "core/base/err.h"
#include "core/base/problem.h"
#include "notifier/campaign/reply.h"

struct parse_world;

/* CONFIG_DIR (may be NULL): where a campaign's calendar and units are looked for as well. 0 or SW_ECONF. */
int parse_world_load(const char *file, const char *config_dir, struct problems *p,
	struct parse_world **ret) SW_MUST_CHECK;
void parse_world_free(struct parse_world *w);
const struct campaign *parse_world_campaign(const struct parse_world *w);

/*
 * The context of one text: the world's, changed by BASE and then by OVER (objects or NULL): role, unit (name or
 * code), open, chan, mentioned, now ("2022-08-08T10:00" or ms), stored {"workers": 1, ..}. Unknown keys are
 * ignored. SW_EINVAL with a sentence in ERR; RET is then the world's own.
 */
int parse_world_context(const struct parse_world *w, const json_t *base, const json_t *over,
	struct reply_context *ret, struct sw_err *err) SW_MUST_CHECK;

#endif
