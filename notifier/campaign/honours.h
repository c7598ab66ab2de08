/*
 * notifier/campaign/honours.h: the commended: category,unit_code,name,community,deed,text_sms,text_group,text_screen,text_loud.
 *
 * The texts are the approved ones: they go out exactly as they stand here, or not at all. Checked at import: categories
 * and units exist, final counts are not exceeded, each text within its limit (SMS 134 units with sign, ends with
 * 拒收请回复R; group 4,096 bytes; screen 60 characters; loudspeaker without digits, brackets, addresses), no personal data
 * (scan_personal), no two rows with the same category, unit, community and name.
 */
#ifndef SW_CAMPAIGN_HONOURS_H
#define SW_CAMPAIGN_HONOURS_H

#include <jansson.h>

#include "notifier/campaign/definition.h"
#include "notifier/campaign/template.h"

enum { HONOURS_MAX = 2000, HONOUR_ID = 40 };

struct honour {
	char id[HONOUR_ID]; /* "<unit code>-<category id>-<n>", n by order of the file within unit and category */
	int category, unit;
	char *name, *community, *deed;
	char *text_sms;                             /* complete, with 【sign】 */
	char *text_group, *text_screen, *text_loud; /* "" = none */
	char template_id
		[DEF_ID]; /* the SMS template TEXT_SMS fits, "" = none: then only free-text gateways can send it */
	char *params; /* its variables as JSON, "" when no template */
	bool withdrawn;
};

struct honours {
	struct honour *items;
	size_t n;
	char digest[65]; /* SHA-256 of the file's bytes */
};

/* SIGN (sms.sign, without brackets) is put in front of an SMS text that begins with none. */
int honours_parse(const char *name, const char *data, size_t len, const struct campaign *c,
	const struct templates *t, const char *sign, struct problems *p,
	struct honours *ret) SW_MUST_CHECK;
void honours_fini(struct honours *h);
int honours_find(const struct honours *h, const char *id); /* -1 */
/* One item as JSON for the store and back (values owned by RET). SW_EPROTO: a member is missing; SW_ENOENT: its category
 * or unit is gone. */
json_t *honour_to_json(const struct campaign *c, const struct honour *h);
int honour_from_json(const struct campaign *c, const char *id, const json_t *j,
	struct honour *ret) SW_MUST_CHECK;
void honour_fini(struct honour *h);

#endif
