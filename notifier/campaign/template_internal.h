/*
 * notifier/campaign/template_internal.h: what the files of the templates share.
 *
 * template_load.c reads and judges files, template.c fills texts of chats in, template_sms.c those of SMS. Nobody else
 * includes this.
 */
#ifndef SW_CAMPAIGN_TEMPLATE_INTERNAL_H
#define SW_CAMPAIGN_TEMPLATE_INTERNAL_H

#include "notifier/campaign/template.h"

enum {
	TEMPLATE_MAX_TEXT = 64 * 1024, /* bytes */
	TEMPLATE_NAME = 64,            /* of a variable */
	TEMPLATE_PROVIDERS = 3,
	TEMPLATE_CODE = 48,
};

struct template
{
	char id[DEF_ID];
	char channel[8];
	char *file;
	char *body;
	size_t cap;
	bool cap_in_units;                             /* UTF-16 units of an SMS; else bytes */
	char codes[TEMPLATE_PROVIDERS][TEMPLATE_CODE]; /* by template_providers[] */
};

struct templates {
	struct template *items;
	size_t n;
	char *sign; /* 【..】, NULL: none */
};

/* Whose codes a header may give, as in "aliyun_code". */
extern const char *const template_providers[TEMPLATE_PROVIDERS];

/* Length of a placeholder at S ("{name}" with its braces) and its name; 0: none stands here. */
size_t template_placeholder(const char *s, char ret[TEMPLATE_NAME]);
/* The file of exactly this channel; NULL: there is none. */
const struct template *template_find(
	const struct templates *t, const char *id, const char *channel);
/* NULL: it has none. */
const struct template_var *template_var_of(
	const struct template_var *vars, size_t n_vars, const char *name);
/* Markdown to plain text: line marks, bold and font tags go. */
int template_to_plain(const char *s, struct buf *out);
/* SW_ELIMIT when TEXT is over the cap of T on CHANNEL. */
int template_check_cap(
	const struct template *t, const char *channel, const char *text, struct sw_err *err);
/* Text of an SMS with its sign. */
int template_render_sms(const struct templates *t, const struct template *sms,
	const struct template_var *vars, size_t n_vars, struct buf *out, struct sw_err *err);

#endif
