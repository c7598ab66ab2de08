/*
 * tests/sim/wecom/front.h: the one listener: WeCom's interface, /control and the page.
 */
#ifndef SW_TESTS_SIM_WECOM_FRONT_H
#define SW_TESTS_SIM_WECOM_FRONT_H

#include "tests/sim/wecom/sim.h"

int front_open(struct sim *s, struct front **ret, struct sw_err *err) SW_MUST_CHECK;
/* Open connections are lost. */
void front_close(struct front *f);
/* After the loop has ended. */
void front_free(struct front *f);

uint16_t front_port(const struct front *f);
/* "http://127.0.0.1:PORT" */
const char *front_base(const struct front *f);
/* Answers 200 with BODY (copied) after MS. */
void front_respond_later(struct front *f, struct http_exchange *x, int64_t ms, const char *type,
	const char *body, size_t len);
/* Closes the listener and all connections for MS, then listens on the same port again. */
void front_refuse(struct front *f, int64_t ms);

#endif
