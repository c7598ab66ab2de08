/*
 * notifier/campaign/template.h: texts people read, kept in files: config/templates/<ID>.<channel>.txt.
 *
 * A file starts with header lines "# variables: a b c", "# cap: 4096 bytes" (or "134 units"), then "---",
 * then the body with {name} placeholders. Unknown or forbidden placeholders are refused at load.
 * Every value a person typed is escaped for the target; values from configuration (tel, url) are not.
 */
#ifndef SW_CAMPAIGN_TEMPLATE_H
#define SW_CAMPAIGN_TEMPLATE_H

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/problem.h"
#include "notifier/campaign/definition.h"

enum template_target {
	TARGET_MARKDOWN,
	TARGET_PLAIN,
	TARGET_SMS
}; /* escaping; by channel: robot, app, sms */

struct templates;

struct template_var {
	const char *name;
	const char *value;
	bool typed; /* a person typed it: escape */
};

/* Loads every *.txt of DIR; C gives the forbidden placeholder names (never_in_message). */
int templates_load(const char *dir, const struct campaign *c, struct problems *p,
	struct templates **ret) SW_MUST_CHECK;
void templates_free(struct templates *t);
bool templates_has(const struct templates *t, const char *id, const char *channel);
/* CHANNEL "robot" falls back to "app" and the other way round when only one file exists. SW_ENOENT; SW_EINVAL:
 * a variable of the template has no value; SW_ELIMIT: longer than its cap. */
int template_render(const struct templates *t, const char *id, const char *channel,
	const struct template_var *vars, size_t n_vars, struct buf *out,
	struct sw_err *err) SW_MUST_CHECK;
/* Texts of channel "sms" begin with 【SIGN】, which their cap counts; "" (the start): no sign. */
int templates_set_sign(struct templates *t, const char *sign) SW_MUST_CHECK;
/* The variables of an SMS template with their (escaped) values as a JSON object of strings, in the order of the text. */
int template_params(const struct templates *t, const char *id, const struct template_var *vars,
	size_t n_vars, struct buf *out, struct sw_err *err) SW_MUST_CHECK;
/* The header line "# aliyun_code: SMS_1000001" of an SMS template, "" when not registered with PROVIDER. */
const char *template_code(const struct templates *t, const char *id, const char *provider);
/* The text of SMS template ID as it is registered with a provider: no sign, each variable as "${name}". SW_ENOENT. */
int template_registered(const struct templates *t, const char *id, struct buf *out) SW_MUST_CHECK;
/*
 * Finds the variables that make template ID (channel sms) exactly TEXT (with sign): SW_ENOENT when none do. The shortest
 * value for each variable in turn. PARAMS as by template_params().
 */
int template_match(const struct templates *t, const char *id, const char *text,
	struct buf *params) SW_MUST_CHECK;
/* Calls CB for each placeholder of what template_render() would fill in; none when there is no such template. */
void template_each_var(const struct templates *t, const char *id, const char *channel,
	void (*cb)(void *ctx, const char *name), void *ctx);
/* Calls CB for each template: id, channel, file. */
void templates_each(const struct templates *t,
	void (*cb)(void *ctx, const char *id, const char *channel, const char *file), void *ctx);

#endif
