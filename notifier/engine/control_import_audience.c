/*
 * notifier/engine/control_import_audience.c: `import audience`, `import honours` and `audience`.
 *
 * A file of ten million rows is read on the thread pool, with a copy of the units: the definition may be exchanged
 * meanwhile. What operators and the record get to see are counts, never numbers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "notifier/engine/audience.h"
#include "notifier/engine/honours.h"
#include "notifier/engine/upload.h"

static void say_problems(struct control_call *call, const struct problems *p)
{
	size_t errors = 0;

	for (size_t i = 0; i < p->n; i++) {
		const struct problem *item = &p->items[i];

		errors += item->level == PROBLEM_ERROR;
		if (item->line > 0)
			ctl_line(call->req, "%s:%d: %s%s", item->file, item->line,
				item->level == PROBLEM_WARNING ? "W: " : "", item->text);
		else
			ctl_line(call->req, "%s: %s", item->file, item->text);
	}
	if (p->n_errors > errors)
		ctl_line(call->req, "and %zu more errors", p->n_errors - errors);
}

static bool is_dry_run(const struct control_call *call)
{
	return json_is_true(json_object_get(call->args, "dry_run"));
}

/* ---- audiences ---- */

struct import {
	struct control_call *call;
	struct upload *upload;
	struct units units; /* its items are a copy; nothing else of it is used */
	struct problems problems;
	struct audience audience;
	int rc;
};

static void free_work(void *ctx)
{
	struct import *m = ctx;

	audience_fini(&m->audience);
	upload_free(m->upload);
}

static void freed(void *ctx)
{
	struct import *m = ctx;

	problems_fini(&m->problems);
	free(m->units.items);
	free(m);
}

/* What the numbers lay in is wiped on the thread, too; the call has ended. */
static void import_free(struct import *m)
{
	if (loop_work(m->call->e->loop, free_work, freed, m) < 0) {
		free_work(m);
		freed(m);
	}
}

static void import_end(struct import *m, int exit_code, const char *error)
{
	struct control_call *call = m->call;

	import_free(m);
	control_end(call, exit_code, error);
}

static void parse_work(void *ctx)
{
	struct import *m = ctx;

	m->rc = audience_parse(control_str(m->call, "file"), m->upload->data, m->upload->bytes,
		&m->units, &m->problems, &m->audience);
	upload_free(m->upload);
	m->upload = NULL;
}

static void on_stored(void *ctx, int rc, const char *id)
{
	struct import *m = ctx;
	const struct audience *a = &m->audience;

	if (rc == SW_EUNKNOWN) {
		import_end(
			m, 69, "the store went away before its last answer: look with `audience`");
	} else if (rc < 0) {
		import_end(m, rc == SW_EAWAY ? 69 : 70,
			rc == SW_EAWAY ? "the store is away: nothing was imported, try again"
				       : err_name(rc));
	} else {
		ctl_line(m->call->req, "%s: %zu recipients in %zu segments", id, a->n,
			a->n_segments);
		import_end(m, 0, NULL);
	}
}

static void store(struct import *m)
{
	struct control_call *call = m->call;
	const struct audience *a = &m->audience;
	const char *name = control_str(call, "name");
	char *audit = control_audit(
		call, json_pack("{s:s, s:I, s:I, s:I, s:s}", "name", name, "recipients",
			      (json_int_t)a->n, "segments", (json_int_t)a->n_segments, "repeated",
			      (json_int_t)a->repeated, "digest", a->digest));
	int rc = audience_store(call->e, a, name, audit, on_stored, m);

	free(audit);
	if (rc == SW_EEXIST)
		import_end(m, 75, "another import is on its way: try again in a minute");
	else if (rc == SW_ELIMIT)
		import_end(m, 1,
			"there are 64 audiences already, or the name is longer than 63 bytes");
	else if (rc < 0)
		on_stored(m, rc, "");
}

static const struct audience_info *find_same(const struct engine *e, const struct audience *a)
{
	for (size_t i = 0; e->audiences && i < e->audiences->n; i++)
		if (!strcmp(e->audiences->items[i].digest, a->digest))
			return &e->audiences->items[i];
	return NULL;
}

static void parsed(void *ctx)
{
	struct import *m = ctx;
	struct control_call *call = m->call;
	const struct audience *a = &m->audience;
	const struct audience_info *same;

	say_problems(call, &m->problems);
	if (m->rc < 0) {
		import_end(m, m->rc == SW_ECONF ? 1 : 70,
			m->rc == SW_ECONF
				? "nothing was imported: mend the lines above and try again"
				: err_name(m->rc));
		return;
	}
	if (a->n == 0) {
		import_end(m, 1, "nothing was imported: there is no number in the file");
		return;
	}
	if (a->repeated)
		ctl_line(call->req, "%zu rows repeat a number and are left out", a->repeated);
	same = find_same(call->e, a);
	if (same) {
		ctl_line(call->req, "%s has exactly these %zu recipients: nothing was imported",
			same->id, same->n);
		import_end(m, 0, NULL);
	} else if (is_dry_run(call)) {
		ctl_line(call->req, "dry run: %zu recipients in %zu segments would be imported",
			a->n, a->n_segments);
		import_end(m, 0, NULL);
	} else if (!engine_ready(call->e)) {
		import_end(m, 69, "the store went away meanwhile");
	} else {
		store(m);
	}
}

void control_import_audience(struct control_call *call)
{
	const struct units *units = call->e->world.c->units;
	struct import *m;
	struct upload *u = upload_take(call);

	if (!u)
		return;
	if (!control_str(call, "file") || !control_str(call, "name")) {
		upload_free(u);
		control_end(call, 64, "name the file and the audience");
		return;
	}
	m = calloc(1, sizeof(*m));
	if (m) {
		m->call = call;
		m->upload = u;
		m->units.n = units->n;
		m->units.items = calloc(units->n ? units->n : 1, sizeof(*units->items));
		problems_init(&m->problems);
	}
	if (m && m->units.items) {
		memcpy(m->units.items, units->items, units->n * sizeof(*units->items));
		if (loop_work(call->e->loop, parse_work, parsed, m) == 0)
			return;
	}
	if (m)
		free(m->units.items);
	free(m);
	upload_free(u);
	control_end(call, 70, "out of memory");
}

/* ---- `audience`: the list ---- */

struct listing {
	struct control_call *call;
	char ids[AUDIENCES_MAX][AUDIENCE_ID];
	size_t n, at;
};

static void list_next(struct listing *l);

static void on_counted(void *ctx, int rc, size_t out)
{
	struct listing *l = ctx;
	struct control_call *call = l->call;
	const struct audience_info *i = audience_find(call->e, l->ids[l->at]);

	if (rc < 0) {
		free(l);
		control_end(call, 69, "the store is away");
		return;
	}
	if (i && call->json)
		ctl_data(call->req,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:s}", "id", i->id, "name", i->name,
				"n", (json_int_t)i->n, "segments", (json_int_t)i->n_segments,
				"opted_out", (json_int_t)out, "digest", i->digest));
	else if (i)
		ctl_line(call->req, "%-4s %s: %zu recipients, %zu segments, %zu opted out", i->id,
			i->name, i->n, i->n_segments, out);
	l->at++;
	list_next(l);
}

static void list_next(struct listing *l)
{
	struct control_call *call = l->call;

	if (l->at == l->n) {
		free(l);
		control_end(call, 0, NULL);
		return;
	}
	if (audience_count_out(call->e, l->ids[l->at], on_counted, l) < 0) {
		free(l);
		control_end(call, 69, "the store is away");
	}
}

void control_audience(struct control_call *call)
{
	const struct audiences *list = call->e->audiences;
	char refused[AUDIENCES_MAX + 1][AUDIENCE_ID];
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		control_end(call, 70, "out of memory");
		return;
	}
	l->call = call;
	for (size_t i = 0; list && i < list->n; i++)
		memcpy(l->ids[l->n++], list->items[i].id, AUDIENCE_ID);
	audience_refused(call->e, refused);
	for (size_t i = 0; refused[i][0]; i++) {
		if (call->json)
			ctl_data(
				call->req, json_pack("{s:s, s:b}", "id", refused[i], "refused", 1));
		else
			ctl_line(call->req,
				"%-4s refused: what the store holds is not what was imported",
				refused[i]);
	}
	list_next(l);
}

/* ---- honours ---- */

enum { HONOURS_BYTES = 4 * 1024 * 1024 }; /* they are read on the loop: about 1 ms for 70 of them */

static void on_honours(void *ctx, int rc)
{
	struct control_call *call = ctx;

	if (rc < 0) {
		leader_reload(call->e); /* it may have been carried out */
		control_end(call, 69,
			"the store did not take it: nothing is changed, or all of it: try again");
		return;
	}
	call->e->activity++;
	state_publish_honours(call->e);
	ctl_line(call->req, "%zu commended", call->e->honours->n);
	control_end(call, 0, NULL);
}

static void store_honours(struct control_call *call, struct honours *h)
{
	char *audit = control_audit(
		call, json_pack("{s:I, s:s}", "honours", (json_int_t)h->n, "digest", h->digest));
	int rc = honours_store(call->e, h, audit, on_honours, call);

	free(audit);
	if (rc < 0)
		control_end(call, rc == SW_EAWAY ? 69 : 70,
			rc == SW_EAWAY ? "the store is away" : err_name(rc));
}

void control_import_honours(struct control_call *call)
{
	struct engine *e = call->e;
	const char *file = control_str(call, "file");
	struct upload *u = upload_take(call);
	struct honours h = {0};
	struct problems p;
	char why[256];
	int rc;

	if (!u)
		return;
	if (u->bytes > HONOURS_BYTES) {
		upload_free(u);
		control_end(call, 1, "a file of the commended is at most 4 MiB");
		return;
	}
	problems_init(&p);
	rc = honours_parse(file ? file : "honours", u->data, u->bytes, e->world.c, e->world.t,
		conf_str(e->conf, "sms.sign"), &p, &h);
	upload_free(u);
	say_problems(call, &p);
	problems_fini(&p);
	if (rc < 0) {
		control_end(call, rc == SW_ECONF ? 1 : 70,
			rc == SW_ECONF ? "nothing was imported: mend the lines above and try again"
				       : err_name(rc));
	} else if (h.n == 0) {
		control_end(call, 1, "nothing was imported: there is nobody in the file");
	} else if (e->honours && !strcmp(e->honours->digest, h.digest)) {
		ctl_line(call->req, "exactly this file was imported before: nothing is changed");
		control_end(call, 0, NULL);
	} else if (!honours_may_replace(e, &h, why, sizeof(why))) {
		control_end(call, 1, why);
	} else if (is_dry_run(call)) {
		ctl_line(call->req, "dry run: %zu commended would replace %zu", h.n,
			e->honours ? e->honours->n : 0);
		control_end(call, 0, NULL);
	} else {
		store_honours(call, &h);
	}
	honours_fini(&h);
}
