/*
 * notifier/campaign/reply_materials.c: what is missing, what came, and that everything is there.
 *
 * Numbers of items count within one category, so without a category they are asked back.
 */
#include <string.h>

#include "core/base/text.h"
#include "notifier/campaign/reply_internal.h"

/* ---- items ---- */

static bool has_item(const struct reply_act *act, int material)
{
	for (size_t i = 0; i < act->n_items; i++) {
		if (act->items[i] == material)
			return true;
	}
	return false;
}

static void put_item(struct reply_act *act, int material)
{
	if (act->n_items < REPLY_MAX_ITEMS && !has_item(act, material))
		act->items[act->n_items++] = material;
}

/* Adds what one category (or each, CATEGORY -1) calls by the same key; false when it has no such material. */
static bool add_item(const struct campaign *c, struct reply_act *act, int category, int named)
{
	bool any = false;

	for (size_t i = 0; i < c->n_categories; i++) {
		const struct def_category *cat = &c->categories[i];

		for (size_t k = 0; k < cat->n_materials && (category < 0 || category == (int)i);
			k++) {
			int m = cat->materials[k];

			if (strcmp(c->materials[m].reply_key, c->materials[named].reply_key) != 0)
				continue;
			put_item(act, m);
			any = true;
		}
	}
	return any;
}

static struct reply_act *materials_act(struct reader *rd, const char *state, int category,
	enum reply_disposition d, const char *reply)
{
	struct reply_act *act = reader_act(rd, ACT_MATERIALS, d, reply);

	if (!act)
		return NULL;
	reader_word(act->state, sizeof(act->state), state);
	act->category = category;
	return act;
}

/* The materials named in the clause, one act for each category named (or one for all). */
static void read_items(
	struct reader *rd, const struct reply_clause *cl, const char *state, int mask)
{
	size_t n_before = rd->r->n_acts,
	       from = rd->items_from < cl->from ? rd->items_from : cl->from;

	rd->items_from = SIZE_MAX;
	for (size_t i = from; i < cl->from; i++) {
		if (rd->t->items[i].kind == W_CATEGORY)
			mask |= 1 << rd->t->items[i].value;
	}
	for (int category = -1; category < (int)rd->c->n_categories; category++) {
		struct reply_act *act;
		bool for_all = mask == 0 || mask == all_categories(rd->c);

		if (for_all ? category >= 0 : category < 0 || !(mask >> category & 1))
			continue;
		act = materials_act(rd, state, category, REPLY_APPLY, "R-MATERIALS");
		if (!act)
			return;
		for (size_t i = from; i < cl->to; i++) {
			const struct reply_token *tok = &rd->t->items[i];

			if (tok->kind == W_ITEM && !add_item(rd->c, act, category, tok->value)) {
				rd->r->n_acts = n_before;
				rd->last = -1;
				reader_issue(rd, REPLY_ASK, "R-WHICH-ITEMS", "ITEM_RANGE");
				return;
			}
		}
	}
}

/* ---- missing ---- */

static bool is_item_number(const struct reader *rd, const struct reply_clause *cl, size_t i)
{
	const struct reply_token *tok = &rd->t->items[i];

	return tok->kind == W_ORDINAL ||
	       (tok->kind == W_NUMBER &&
		       (i + 1 >= cl->to || rd->t->items[i + 1].kind != W_MEASURE));
}

/* Item numbers of one category; *RET_N is how many there are. False: one is out of range. */
static bool collect_numbers(struct reader *rd, const struct reply_clause *cl,
	const struct def_category *cat, struct reply_act *act)
{
	bool range = false;
	int last = 0;

	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		range = range || tok->kind == W_TO || token_is(tok, W_PUNCT, '-') ||
			token_is(tok, W_PUNCT, '~');
		if (!is_item_number(rd, cl, i))
			continue;
		if (tok->value < 1 || tok->value > (int)cat->n_materials)
			return false;
		for (int v = range && last > 0 ? last + 1 : tok->value; v <= tok->value; v++)
			put_item(act, cat->materials[v - 1]);
		last = tok->value;
		range = false;
	}
	return true;
}

static void read_numbers(struct reader *rd, const struct reply_clause *cl, int mask)
{
	int category = single_category(mask);
	struct reply_act *act;

	if (category < 0 && mask == 0 && rd->c->n_categories == 1)
		category = 0;
	if (category < 0) {
		reader_issue(rd, REPLY_ASK, "R-WHICH-CATEGORY", "ITEM_NUMBERS");
		return;
	}
	act = materials_act(rd, "missing", category, REPLY_APPLY, "R-MATERIALS");
	if (act && !collect_numbers(rd, cl, &rd->c->categories[category], act)) {
		rd->r->n_acts--;
		rd->last = -1;
		reader_issue(rd, REPLY_ASK, "R-WHICH-ITEMS", "ITEM_RANGE");
	} else
		rd->gap_mask = mask;
}

/* 差3项 counts, 差3、5项 and 差第3项 number. */
static bool counts_items(const struct reader *rd, const struct reply_clause *cl)
{
	size_t n = 0;
	bool counter = false;

	for (size_t i = cl->from; i < cl->to; i++) {
		const struct reply_token *tok = &rd->t->items[i];

		if (tok->kind == W_ORDINAL)
			return false;
		n += tok->kind == W_NUMBER;
		counter = counter || tok->kind == W_COUNTER || tok->kind == W_VAGUE;
	}
	return n == 1 && counter;
}

static void ask_which(struct reader *rd, int mask)
{
	(void)materials_act(rd, "missing", single_category(mask), REPLY_ASK, "R-WHICH-ITEMS");
}

static bool denied(const struct reader *rd, const struct reply_clause *cl)
{
	for (size_t i = cl->from; i < cl->to; i++) {
		if (rd->t->items[i].kind == W_NEG)
			return clause_next(rd, cl, i) < cl->to &&
			       rd->t->items[clause_next(rd, cl, i)].kind == W_GAP;
	}
	return false;
}

static bool read_gap(struct reader *rd, const struct reply_clause *cl, int mask)
{
	bool measured = clause_has(cl, W_MEASURE);

	if (denied(rd, cl) || clause_has(cl, W_UNSURE) || clause_has(cl, W_EXCEPT))
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
	else if (clause_has(cl, W_ITEM))
		read_items(rd, cl, "missing", mask);
	else if (measured && clause_has(cl, W_NUMBER) && !clause_has(cl, W_MATERIALS))
		rd->gap_stated = true;
	else if ((clause_has(cl, W_NUMBER) || clause_has(cl, W_ORDINAL)) && !measured &&
		 !counts_items(rd, cl))
		read_numbers(rd, cl, mask);
	else
		ask_which(rd, mask);
	return true;
}

/* ---- the clause ---- */

static void doubtful_words(struct reader *rd, const struct reply_clause *cl)
{
	if (clause_has(cl, W_OTHER) || clause_has(cl, W_LATIN) || clause_has(cl, W_NUMBER) ||
		clause_has(cl, W_DATE))
		rd->has_junk = true;
}

static bool is_there(const struct reply_clause *cl)
{
	return clause_has(cl, W_COMPLETE) || clause_has(cl, W_ARRIVED) || clause_has(cl, W_SENT) ||
	       clause_has(cl, W_SEAL) || clause_has(cl, W_VERB);
}

static bool read_named(struct reader *rd, const struct reply_clause *cl, int mask)
{
	if (clause_has(cl, W_QUALITY)) {
		for (size_t i = cl->from; i < cl->to; i++) {
			const struct reply_token *tok = &rd->t->items[i];

			if (tok->kind == W_ITEM && rd->c->materials[tok->value].electronic_only)
				reader_flag(rd, "PHOTO_QUALITY");
		}
		read_items(rd, cl, "missing", mask);
		return true;
	}
	if (clause_has(cl, W_NEG) || clause_has(cl, W_NOT_RECEIVED)) {
		read_items(rd, cl, "missing", mask);
		return true;
	}
	if (!is_there(cl))
		return false;
	if (clause_has(cl, W_HEDGE) || clause_has(cl, W_UNSURE) || clause_has(cl, W_FORECAST) ||
		clause_has(cl, W_EXCEPT)) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return true;
	}
	doubtful_words(rd, cl);
	read_items(rd, cl, "received", mask);
	return true;
}

static void read_complete(struct reader *rd, const struct reply_clause *cl, int mask)
{
	bool for_all = mask == 0 || mask == all_categories(rd->c),
	     named = clause_has(cl, W_MATERIALS);

	if (clause_has(cl, W_NEG) || clause_has(cl, W_HEDGE) || clause_has(cl, W_QUALITY)) {
		ask_which(rd, mask);
		return;
	}
	if (clause_has(cl, W_UNSURE) || clause_has(cl, W_EXCEPT) || clause_has(cl, W_FORECAST)) {
		reader_issue(rd, REPLY_ASK, "R-NOT-UNDERSTOOD", NULL);
		return;
	}
	for (int category = -1; category < (int)rd->c->n_categories; category++) {
		if (for_all ? category >= 0 : category < 0 || !(mask >> category & 1))
			continue;
		(void)materials_act(rd, "complete", category, named ? REPLY_APPLY : REPLY_CONFIRM,
			named ? "R-MATERIALS" : "R-CONFIRM");
	}
	if (!named)
		reader_flag(rd, "INFERRED");
	doubtful_words(rd, cl);
}

/* 还差照片，推荐表 and 差第3项，第5项: the list goes on after the comma. */
static bool continues(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t items[] = {W_ITEM, W_KINDS},
			     numbers[] = {W_ORDINAL, W_NUMBER, W_COUNTER, W_KINDS};
	struct reply_act *act;

	if (rd->last < 0 || rd->r->acts[rd->last].kind != ACT_MATERIALS)
		return false;
	act = &rd->r->acts[rd->last];
	if (strcmp(act->state, "complete") == 0)
		return false;
	if (clause_has(cl, W_ITEM) && clause_only(cl, items)) {
		for (size_t i = cl->from; i < cl->to; i++) {
			const struct reply_token *tok = &rd->t->items[i];

			if (tok->kind == W_ITEM && !add_item(rd->c, act, act->category, tok->value))
				reader_issue(rd, REPLY_ASK, "R-WHICH-ITEMS", "ITEM_RANGE");
		}
		return true;
	}
	if (rd->gap_mask < 0 || !clause_only(cl, numbers) ||
		!(clause_has(cl, W_ORDINAL) || clause_has(cl, W_NUMBER)))
		return false;
	if (!collect_numbers(rd, cl, &rd->c->categories[act->category], act))
		reader_issue(rd, REPLY_ASK, "R-WHICH-ITEMS", "ITEM_RANGE");
	return true;
}

bool rule_materials(struct reader *rd, const struct reply_clause *cl)
{
	static const uint8_t alone[] = {W_COMPLETE, W_CATEGORY, W_KINDS};
	static const uint8_t items[] = {W_ITEM, W_CATEGORY, W_KINDS};
	static const uint8_t underway[] = {W_MATERIALS, W_ITEM, W_CATEGORY, W_HEDGE, W_KINDS};
	int mask = clause_categories(rd, cl);

	if (continues(rd, cl))
		return true;
	if (clause_has(cl, W_ITEM) && clause_only(cl, items)) {
		if (rd->items_from == SIZE_MAX)
			rd->items_from = cl->from;
		return true;
	}
	if ((clause_has(cl, W_HEDGE) || clause_has(cl, W_PROMISE)) && clause_only(cl, underway)) {
		rd->has_promise = true; /* 材料正在准备 */
		return true;
	}
	rd->gap_mask = -1;
	if (clause_has(cl, W_GAP) && !clause_has(cl, W_VERB))
		return read_gap(rd, cl, mask);
	if (clause_has(cl, W_ITEM))
		return read_named(rd, cl, mask);
	if (clause_has(cl, W_MATERIALS) &&
		(clause_has(cl, W_COMPLETE) || clause_has(cl, W_QUALITY) ||
			clause_has(cl, W_ARRIVED))) {
		read_complete(rd, cl, mask);
		return true;
	}
	if (clause_has(cl, W_COMPLETE) && clause_only(cl, alone)) {
		read_complete(rd, cl, mask);
		return true;
	}
	return false;
}
