/*
 * tests/bench/bench_audience.c: ten million rows of an audience, read, sorted, packed and sealed; bound: 30 s.
 *
 * One thread, as in the service, where it runs beside the loop. The memory counts the file, which is held while it is
 * read; what stays is 5 bytes a recipient. `bench_audience N` takes another number of rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "core/base/id.h"
#include "core/base/num.h"
#include "notifier/campaign/audience.h"

static const double bound_s = 30;

static double wall_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double peak_mb(void)
{
	struct rusage u;

	(void)getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

/* Numbers in no order, none of them twice: the step has no divisor in common with how many there are. */
static char *make_file(const struct units *units, size_t rows, size_t *ret_len)
{
	enum { ROW = 24 }; /* 11 digits, comma, 6 digits, line feed, and room */
	char *data = malloc(rows * ROW + 64);
	size_t len;
	uint64_t at = 1;

	if (!data)
		return NULL;
	len = (size_t)snprintf(data, 64, "mobile,area_code\n");
	for (size_t i = 0; i < rows; i++) {
		at = (at + UINT64_C(5851793)) % UINT64_C(7000000000);
		len += (size_t)snprintf(data + len, ROW, "%llu,%s\n",
			(unsigned long long)(UINT64_C(13000000000) + at),
			units->items[i % units->n].code);
	}
	*ret_len = len;
	return data;
}

/* Seals every segment; what would go into the store. */
static int seal_all(const struct audience *a)
{
	struct seal_key key = {{1}};
	uint8_t *data = malloc((size_t)AUDIENCE_SEGMENT * AUDIENCE_NUMBER);
	int rc = data ? 0 : -1;

	for (size_t i = 0; rc == 0 && i < a->n_segments; i++) {
		const struct audience_segment *s = &a->segments[i];
		uint8_t nonce[AUDIENCE_NONCE], mac[AUDIENCE_MAC];
		size_t len = (size_t)s->n * AUDIENCE_NUMBER;

		id_random_bytes(nonce, sizeof(nonce));
		memcpy(data, s->packed, len);
		rc = audience_crypt(&key, nonce, 0, data, len);
		if (rc == 0)
			rc = audience_mac(&key, "a1", (unsigned)i, s->area, nonce, data, len, mac);
	}
	free(data);
	return rc;
}

int main(int argc, char **argv)
{
	int64_t rows = 10000000;
	struct audience a = {0};
	struct units *units = NULL;
	struct problems p;
	double start, parsed, sealed, file_mb;
	char *data;
	size_t len;

	problems_init(&p);
	if ((argc > 1 && num_parse(argv[1], 1, AUDIENCE_MAX, &rows) < 0) ||
		units_load("config/units/inner-mongolia-units.csv", &p, &units) < 0) {
		fprintf(stderr, "bench_audience: run it from the root of the tree, with a number "
				"of rows or none\n");
		return 1;
	}
	data = make_file(units, (size_t)rows, &len);
	if (!data)
		return 1;
	file_mb = (double)len / 1048576;
	start = wall_s();
	if (audience_parse("bench.csv", data, len, units, &p, &a) < 0) {
		problems_print(&p, stderr);
		return 1;
	}
	parsed = wall_s();
	if (seal_all(&a) < 0)
		return 1;
	sealed = wall_s();
	printf("audience: %zu recipients, %zu segments: read, sorted, packed in %.2f s, sealed in "
	       "%.2f s (bound %.0f)\n",
		a.n, a.n_segments, parsed - start, sealed - parsed, bound_s);
	printf("memory: peak %.0f MB with a file of %.0f MB: %.1f bytes a row beside the file; %d "
	       "bytes a recipient stay\n",
		peak_mb(), file_mb, (peak_mb() - file_mb) * 1048576 / (double)rows,
		(int)AUDIENCE_NUMBER);
	audience_fini(&a);
	units_free(units);
	problems_fini(&p);
	free(data);
	return sealed - start <= bound_s ? 0 : 1;
}
