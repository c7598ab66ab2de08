/*
 * tests/sim/wecom/control.h: /control: what tests and the page ask and order.
 *
 *   GET  state                         groups, people, clock, script, faults
 *   GET  messages?since=N[&limit=]     array of what was shown and typed
 *   GET  ledger?since=N[&limit=]       array of all requests of WeCom's interface
 *   GET  events                        server-sent events: message, delivery, clock
 *   POST say {"chat","user","text"[,"tamper"]}     answers when the callback got its 200, or failed
 *   POST fault {"kind","route","count","ms","code"} or {"clear":true}
 *   POST script {"lines":[{"at","user","chat","text"[,"mention"]}]}
 *   POST clock {"now":..}              only without a broker
 */
#ifndef SW_TESTS_SIM_WECOM_CONTROL_H
#define SW_TESTS_SIM_WECOM_CONTROL_H

#include "tests/sim/wecom/sim.h"

int control_create(struct sim *s, struct control **ret) SW_MUST_CHECK;
void control_free(struct control *c);
void control_handle(struct control *c, struct http_exchange *x);
/* An event for all open pages; DATA is borrowed, NULL is nothing. */
void control_tell(struct control *c, const char *event, const json_t *data);
void control_tell_clock(struct control *c);

#endif
