/*
 * tests/sim/wecom/requests.h: /control of this simulator: what tests and the page ask and order.
 *
 *   GET  state                         groups, people, clock, script, faults
 *   GET  messages?since=N[&limit=]     array of what was shown and typed
 *   GET  ledger?since=N[&limit=]       array of all requests of WeCom's interface
 *   POST say {"chat","user","text"[,"tamper"]}     answers when the callback got its 200, or failed
 *   POST fault {"kind","route","count","ms","code"} or {"clear":true}
 *   POST script {"lines":[{"at","user","chat","text"[,"mention"]}]}
 *
 * Events beside "clock": message, delivery. Routes of faults: name of a group, "app", "app:<name>", "token"
 * (gettoken), "*".
 */
#ifndef SW_TESTS_SIM_WECOM_REQUESTS_H
#define SW_TESTS_SIM_WECOM_REQUESTS_H

#include "tests/sim/control.h"
#include "tests/sim/wecom/sim.h"

/* Contexts are struct sim. */
extern const struct control_request requests[];
extern const size_t requests_len;

#endif
