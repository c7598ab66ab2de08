/*
 * tests/sim/sms/requests.h: /control of this simulator: what tests and the page ask and order.
 *
 *   GET  state                          clock, totals, templates, script, receipts, pushes, faults
 *   GET  ledger?since=N[&limit=]        array of all requests; at most 1,000 at a time
 *   GET  twice[?broadcast=b42]          recipients that were accepted more than once for a broadcast, and totals
 *   GET  phones[?q=][&number=][&limit=][&messages=]  phones, newest message first, each with its newest messages
 *   GET  messages[?since=N][&number=][&limit=]       array of messages on phones, oldest first
 *   POST answer {"number","text"}       answers when the first push of it has ended
 *   POST phone {"number","state"}       on, off, silent, blacklisted, unknown
 *   POST fault {"kind","route","count","ms","code"} or {"clear":true}
 *   POST script {"lines":[{"at","number" or "name","text"}]}
 *
 * Events beside "clock": change {"messages"}: something on the phones is not as it was; told once for many.
 */
#ifndef SW_TESTS_SIM_SMS_REQUESTS_H
#define SW_TESTS_SIM_SMS_REQUESTS_H

#include "tests/sim/sms/sim.h"

/* Contexts are struct sim. */
extern const struct control_request requests[];
extern const size_t requests_len;

/* view.c */
void view_phones(void *ctx, struct http_exchange *x);
void view_messages(void *ctx, struct http_exchange *x);

#endif
