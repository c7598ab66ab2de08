/*
 * tests/sim/wecom/sim.h: the simulator as a whole, owned by main and passed down.
 *
 * Two faces: towards the bot it is WeCom (api_*.c answers, callback.c speaks), towards tests and the page it is
 * /control (requests.c). What people see is kept in CHAT, every request in LEDGER.
 */
#ifndef SW_TESTS_SIM_WECOM_SIM_H
#define SW_TESTS_SIM_WECOM_SIM_H

#include <sys/queue.h>

#include "core/io/http_client.h"
#include "core/io/http_server.h"
#include "core/io/loop.h"
#include "core/io/timer.h"
#include "tests/sim/fault.h"
#include "tests/sim/feed.h"
#include "tests/sim/participant.h"
#include "tests/sim/wecom/world.h"

struct callbacks;
struct control;
struct front;
struct script;

/* Kinds of faults of its own, beside those of fault.h. */
enum wecom_fault {
	WECOM_ERRCODE = FAULT_OWN, /* refused with CODE */
	WECOM_45009,               /* short for that */
	WECOM_REPEAT,              /* a callback that got its 200 is sent once more */
};

struct sim {
	struct clock clock;
	struct loop *loop;
	struct world world;
	struct feed chat, ledger;
	struct faults faults;
	struct http_client *client;
	struct front *front;
	struct callbacks *callbacks;
	struct control *control;
	struct script *script;
	struct participant *participant; /* NULL: no broker */
	bool closing;
};

static inline int64_t sim_now_ms(const struct sim *s)
{
	return clock_now_ms(&s->clock);
}

/* Something may have changed for the shared clock. */
static inline void sim_report(struct sim *s)
{
	if (!s->closing)
		participant_report(s->participant);
}

/* What the robot or the application showed, or what a person typed. */
struct shown {
	const char *chat; /* name of a group, or "app:<name>" */
	const char *peer; /* single chat: the member; "" in a group */
	const char *from; /* the member who typed; NULL: the robot */
	const char *type; /* "text", "markdown" */
	const char *text; /* TEXT_LEN bytes of valid UTF-8 */
	size_t text_len;
	const json_t *mentions; /* strings, or NULL */
	const char *mid;        /* "" unknown */
	const char *delivery;   /* of what a person typed: "pending"; NULL otherwise */
};

/* Records it and tells the pages. Returns its number, 0 when out of memory. */
int64_t sim_show(struct sim *s, const struct shown *m);
/* The fate of what a person typed: "delivered", "lost", "not_addressed". */
void sim_show_delivery(struct sim *s, int64_t seq, const char *delivery);

#endif
