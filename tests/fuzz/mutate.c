/*
 * tests/fuzz/mutate.c: a few changes to one sample make one input.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/num.h"
#include "tests/fuzz/mutate.h"

static uint64_t state = 1;

static uint32_t draw(uint32_t below)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (uint32_t)(state >> 33) % below;
}

/* Changes, drops, repeats or swaps bytes; the length may grow by a few hundred. */
static size_t mutate(uint8_t *text, size_t len, size_t cap, const char *signs)
{
	uint32_t n = 1 + draw(6);

	while (n-- > 0 && len > 2) {
		size_t at = 1 + draw((uint32_t)len - 1), run = 1 + draw(16);

		if (run > len - at)
			run = len - at;
		switch (draw(5)) {
		case 0:
			text[at] = (uint8_t)draw(256);
			break;
		case 1:
			memmove(text + at, text + at + run, len - at - run);
			len -= run;
			break;
		case 2:
			if (len + run <= cap) {
				memmove(text + at + run, text + at, len - at);
				len += run;
			}
			break;
		case 3:
			text[at] = (uint8_t)signs[draw((uint32_t)strlen(signs))];
			break;
		default:
			memmove(text + at, text + 1 + draw((uint32_t)(len - run)), run);
			break;
		}
	}
	return len;
}

int fuzz_run(int argc, char **argv, const struct fuzz_samples *s)
{
	int64_t rounds = 200000, seed = 1;

	if ((argc > 1 && num_parse(argv[1], 1, INT64_MAX, &rounds) < 0) ||
		(argc > 2 && num_parse(argv[2], 1, INT64_MAX, &seed) < 0)) {
		fprintf(stderr, "usage: %s [ROUNDS [SEED]]\n", s->name);
		return 64;
	}
	state = (uint64_t)seed;
	for (int64_t i = 0; i < rounds; i++) {
		uint8_t text[4096];
		uint32_t which = draw((uint32_t)s->n);
		size_t len = strlen(s->samples[which]);

		text[0] = (uint8_t)which;
		memcpy(text + 1, s->samples[which], len);
		len = mutate(text, len + 1, sizeof(text), s->signs);
		text[0] = (uint8_t)which;
		(void)LLVMFuzzerTestOneInput(text, len);
	}
	printf("%s: %lld inputs, nothing broke\n", s->name, (long long)rounds);
	return 0;
}
