/* tests/sim/sms/sending.c: life of a request that was accepted. */
#include <stdlib.h>

#include "core/base/text.h"
#include "tests/sim/sms/sending.h"

struct sending *sending_create(const char *out_id, json_t *text, size_t n)
{
	struct sending *s = calloc(1, sizeof(*s) + n * sizeof(s->numbers[0]));

	if (!s)
		return NULL;
	s->refs = 1;
	s->n = n;
	s->text = json_incref(text);
	s->out_id = text_dup(out_id);
	if (s->out_id)
		return s;
	sending_release(s);
	return NULL;
}

struct sending *sending_hold(struct sending *s)
{
	s->refs++;
	return s;
}

void sending_release(struct sending *s)
{
	if (!s || --s->refs > 0)
		return;
	json_decref(s->text);
	free(s->out_id);
	free(s);
}
