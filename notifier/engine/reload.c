/*
 * notifier/engine/reload.c: definition, calendar, units and templates anew while the service runs.
 *
 * The new world is loaded and checked first; with any error the running one stays. It is swapped in at a moment when
 * nothing in progress holds indexes of the old one, and roster and facts are then read from the store again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "notifier/engine/reload.h"

enum { WAIT_EVERY_MS = 20, WAIT_TRIES = 500 };

struct reload {
	struct engine *e;
	struct world next;
	struct timer *timer;
	int tries;
	bool is_swapped; /* roster and facts are being read again */
	void (*done)(void *ctx, int rc);
	void *ctx;
};

static void reload_end(struct reload *r, int rc)
{
	void (*done)(void *ctx, int rc) = r->done;
	void *ctx = r->ctx;

	r->e->reload = NULL;
	world_fini(&r->next);
	timer_destroy(r->timer);
	free(r);
	if (done)
		done(ctx, rc);
}

static void try_swap(void *ctx)
{
	struct reload *r = ctx;
	struct engine *e = r->e;
	struct world old;

	if (e->stopping) {
		reload_end(r, SW_EAWAY);
		return;
	}
	if (r->is_swapped ? !engine_ready(e) : !engine_idle(e)) {
		if (++r->tries < WAIT_TRIES)
			timer_after(r->timer, WAIT_EVERY_MS);
		else
			reload_end(r, SW_EAWAY);
		return;
	}
	if (r->is_swapped) {
		reload_end(r, 0);
		return;
	}
	old = e->world;
	e->world = r->next;
	r->next = (struct world){0};
	world_fini(&old);
	LOG_INFO("reloaded", "campaign=%s digest=%s", e->world.c->id, e->world.c->digest);
	engine_audit(e, "reloaded",
		json_pack("{s:s, s:s}", "campaign", e->world.c->id, "digest", e->world.c->digest));
	e->activity++;
	if (!e->leader) {
		reload_end(r, 0);
		return;
	}
	r->is_swapped = true;
	leader_reload(e);
	timer_after(r->timer, 0);
}

/* Everybody on the roster must still have a unit. */
static int check_roster(const struct engine *e, const struct world *next, struct problems *p)
{
	for (size_t i = 0; i < e->world.contacts.n; i++) {
		const char *code = e->world.c->units->items[e->world.contacts.items[i].unit].code;

		if (units_find(next->c->units, code) < 0)
			problems_error(p, next->c->units_file, 0,
				"unit %s is missing, but contacts belong to it: import a roster "
				"without them first",
				code);
	}
	return p->n_errors ? SW_ECONF : 0;
}

int reload_start(struct engine *e, struct problems *p, void (*done)(void *ctx, int rc), void *ctx)
{
	struct reload *r;
	int rc;

	if (e->reload)
		return SW_EEXIST;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct reload){.e = e, .done = done, .ctx = ctx};
	rc = world_load(e->conf, p, &r->next);
	if (rc == 0 && strcmp(r->next.c->id, e->world.c->id)) {
		problems_error(p, conf_str(e->conf, "campaign"), 0,
			"this is campaign %s, but %s is running: another campaign needs a service "
			"of its own",
			r->next.c->id, e->world.c->id);
		rc = SW_ECONF;
	}
	if (rc == 0)
		rc = check_roster(e, &r->next, p);
	if (rc == 0)
		rc = timer_new(e->loop, try_swap, r, &r->timer);
	if (rc < 0) {
		LOG_ERROR("reload_refused", "errors=%zu", p->n_errors);
		world_fini(&r->next);
		free(r);
		return rc;
	}
	e->reload = r;
	timer_after(r->timer, 0);
	return 0;
}

void reload_destroy(struct engine *e)
{
	if (e->reload)
		reload_end(e->reload, SW_EAWAY);
}
