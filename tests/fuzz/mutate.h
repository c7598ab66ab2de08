/*
 * tests/fuzz/mutate.h: samples changed at random from a fixed seed, for fuzzers that run without an engine.
 */
#ifndef SW_TESTS_FUZZ_MUTATE_H
#define SW_TESTS_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_samples {
	const char *name;           /* of the program, for its usage and last line */
	const char *const *samples; /* one for each reader; the input's first byte chooses it */
	size_t n;
	const char
		*signs; /* characters that matter to the readers: put in more often than others */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NAME [ROUNDS [SEED]]: 200,000 inputs by default. Returns the exit code. */
int fuzz_run(int argc, char **argv, const struct fuzz_samples *s);

#endif
