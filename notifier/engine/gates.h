/*
 * notifier/engine/gates.h: what must be said before publicity may go out: publicity.gate of the definition.
 *
 * A gate is opened by a releaser, from an instant on. "operator.approved:2" is no such gate: two different people, one who
 * planned and one who approved, open it for their own broadcast.
 */
#ifndef SW_ENGINE_GATES_H
#define SW_ENGINE_GATES_H

#include <jansson.h>

#include "notifier/engine/broadcast.h"

#define KEY_GATES                                                                                  \
	"sw:{r}:gates" /* HASH name -> {"at":open from,"by":operator,"set":when}; absent = closed */

enum { GATES_MAX = 16, GATE_NAME = 64 };

struct gate {
	char name[GATE_NAME];
	char by[33];
	int64_t at_ms, set_ms;
};

struct gates {
	struct gate items[GATES_MAX];
	size_t n;
};

/* After each connect. DONE(rc). */
void gates_load(struct engine *e, void (*done)(struct engine *e, int rc));
void gates_free(struct engine *e);
/* Is NAME for people to open? False: not of this definition, or opened by approval. */
bool gates_settable(const struct engine *e, const char *name);
/* NULL: not open. It may be open from a later instant on. */
const struct gate *gates_find(const struct engine *e, const char *name);
/* The first gate of the definition that is closed for B at NOW, NULL: all are open. */
const char *gates_missing(const struct engine *e, const struct broadcast *b, int64_t now_ms);
/*
 * May names stand where anybody reads them? All gates are open at NOW that people open; a definition without such a gate says
 * nothing to the public by itself.
 */
bool gates_public(const struct engine *e, int64_t now_ms);
/* The next instant after NOW at which a gate opens that was set ahead; INT64_MAX: none. */
int64_t gates_next_ms(const struct engine *e, int64_t now_ms);
/* [{"name","open","at","by"}] for B at NOW. */
json_t *gates_json(const struct engine *e, const struct broadcast *b, int64_t now_ms);
/* Opens NAME from AT_MS on, or closes it (AT_MS < 0). DONE(rc): in memory only once it is stored. */
int gates_set(struct engine *e, const char *name, int64_t at_ms, const char *by, const char *audit,
	void (*done)(void *ctx, int rc), void *ctx) SW_MUST_CHECK;

#endif
