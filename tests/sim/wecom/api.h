/*
 * tests/sim/wecom/api.h: one request to WeCom's interface (/cgi-bin/..), from its arrival to its line in the ledger.
 */
#ifndef SW_TESTS_SIM_WECOM_API_H
#define SW_TESTS_SIM_WECOM_API_H

#include "tests/sim/wecom/sim.h"

struct api_call {
	struct sim *sim;
	struct http_exchange *x;
	const char *body;
	size_t body_len;
	const char *mid; /* "" when the header is missing */
	/* whom it concerns, known before anything else is looked at */
	const char *kind; /* ledger: "robot", "app", "token", "response", "other" */
	char route[72];   /* name of the group, "app:<name>", "token", "" */
	struct robot *robot;
	struct app *app;
	json_t *request; /* the parsed body, owned; NULL unless it is an object */
	/* the outcome */
	bool accepted, shown, duplicate;
	int errcode;
	json_t *answer; /* owned */
	char to[512], msgtype[33];
	char *text; /* what the message said, owned; NULL: nothing readable */
};

/* Handles all of /cgi-bin/. Answers X now or later. */
void api_handle(struct sim *s, struct http_exchange *x);

/* For the handlers: refuse with a code, WeCom's way of words; or accept. */
void api_fail(struct api_call *c, int errcode, const char *what);
void api_ok(struct api_call *c);
/* Parses the body as an object, or refuses; escapes (\u) are refused as WeCom does. */
bool api_parse_body(struct api_call *c);
/*
 * The text of message type text or markdown: checked, noted in C, returned (borrowed) with its length; NULL when
 * it was refused. LIMIT_CUTS: text beyond its limit is cut and not refused.
 */
const char *api_read_content(
	struct api_call *c, size_t max_text, size_t max_markdown, bool limit_cuts, size_t *ret_len);

/* api_robot.c */
void api_robot_send(struct api_call *c);
void api_robot_response(struct api_call *c, const char *response_code);
/* api_app.c */
void api_app_token(struct api_call *c);
void api_app_send(struct api_call *c);
/* Which application the access token belongs (or belonged last) to. */
struct app *api_app_of_token(struct world *w, const char *token);

#endif
