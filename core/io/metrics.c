/*
 * core/io/metrics.c: the numbers of a process, in the Prometheus text format 0.0.4.
 *
 * A family has a name, a type and its series; a series is found by its label text. The number of series
 * is bounded, because a label that takes its value from outside would otherwise grow without end.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uthash.h>

#include "core/io/metrics.h"

#define SERIES_MAX 500
#define OVERFLOW_NAME "shouwang_metrics_overflow_total"

static const double bucket_bounds[] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
#define N_BUCKETS ARRAY_LEN(bucket_bounds)

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct series {
	STAILQ_ENTRY(series) next;
	UT_hash_handle hh;
	char *key;          /* family name, then "{", then the labels */
	const char *labels; /* in KEY */
	double value;       /* of a histogram: the sum */
	uint64_t *buckets;  /* N_BUCKETS + 1, not cumulated; NULL unless a histogram */
};

struct family {
	STAILQ_ENTRY(family) next;
	UT_hash_handle hh;
	char *name;
	char *help;
	enum kind kind;
	STAILQ_HEAD(series_list, series) series;
};

struct metrics {
	struct family *by_name;
	struct series *by_key;
	STAILQ_HEAD(family_list, family) families; /* in order of their first use */
	size_t n_series;
	double overflow;
};

static const char *kind_name(enum kind kind)
{
	switch (kind) {
	case COUNTER:
		return "counter";
	case GAUGE:
		return "gauge";
	case HISTOGRAM:
		return "histogram";
	}
	return "untyped";
}

int metrics_create(struct metrics **ret)
{
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	STAILQ_INIT(&m->families);
	*ret = m;
	return 0;
}

static void free_family(struct metrics *m, struct family *f)
{
	struct series *s;

	while ((s = STAILQ_FIRST(&f->series)) != NULL) {
		STAILQ_REMOVE_HEAD(&f->series, next);
		HASH_DEL(m->by_key, s);
		free(s->buckets);
		free(s->key);
		free(s);
	}
	HASH_DEL(m->by_name, f);
	free(f->name);
	free(f->help);
	free(f);
}

void metrics_destroy(struct metrics *m)
{
	struct family *f;

	if (!m)
		return;
	while ((f = STAILQ_FIRST(&m->families)) != NULL) {
		STAILQ_REMOVE_HEAD(&m->families, next);
		free_family(m, f);
	}
	free(m);
}

/* NULL: out of memory. */
static struct family *find_family(struct metrics *m, const char *name, enum kind kind)
{
	struct family *f;

	HASH_FIND_STR(m->by_name, name, f);
	if (f)
		return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->name = strdup(name);
	if (!f->name) {
		free(f);
		return NULL;
	}
	f->kind = kind;
	STAILQ_INIT(&f->series);
	HASH_ADD_KEYPTR(hh, m->by_name, f->name, strlen(f->name), f);
	STAILQ_INSERT_TAIL(&m->families, f, next);
	return f;
}

static struct series *new_series(const char *key, size_t name_len, enum kind kind)
{
	struct series *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->key = strdup(key);
	if (kind == HISTOGRAM)
		s->buckets = calloc(N_BUCKETS + 1, sizeof(*s->buckets));
	if (!s->key || (kind == HISTOGRAM && !s->buckets)) {
		free(s->key);
		free(s->buckets);
		free(s);
		return NULL;
	}
	s->labels = s->key + name_len + 1;
	return s;
}

/* NULL: no room (it was counted), or the name is in use for another kind. */
static struct series *find_series(
	struct metrics *m, const char *name, const char *labels, enum kind kind)
{
	char key[512];
	struct family *f;
	struct series *s;
	int n;

	n = snprintf(key, sizeof(key), "%s{%s", name, labels ? labels : "");
	if (n < 0 || (size_t)n >= sizeof(key))
		goto overflow;
	HASH_FIND(hh, m->by_key, key, (size_t)n, s);
	if (s)
		return (s->buckets != NULL) == (kind == HISTOGRAM) ? s : NULL;
	if (m->n_series >= SERIES_MAX)
		goto overflow;
	f = find_family(m, name, kind);
	if (!f)
		goto overflow;
	if (STAILQ_EMPTY(&f->series))
		f->kind = kind; /* until now it had a help text only */
	else if (f->kind != kind)
		return NULL;
	s = new_series(key, strlen(name), kind);
	if (!s)
		goto overflow;
	HASH_ADD_KEYPTR(hh, m->by_key, s->key, (size_t)n, s);
	STAILQ_INSERT_TAIL(&f->series, s, next);
	m->n_series++;
	return s;
overflow:
	m->overflow++;
	return NULL;
}

void metrics_add(struct metrics *m, const char *name, const char *labels, double by)
{
	struct series *s = find_series(m, name, labels, COUNTER);

	if (s)
		s->value += by;
}

void metrics_set(struct metrics *m, const char *name, const char *labels, double value)
{
	struct series *s = find_series(m, name, labels, GAUGE);

	if (s)
		s->value = value;
}

void metrics_observe(struct metrics *m, const char *name, const char *labels, double seconds)
{
	struct series *s = find_series(m, name, labels, HISTOGRAM);
	size_t i = 0;

	if (!s)
		return;
	while (i < N_BUCKETS && seconds > bucket_bounds[i])
		i++;
	s->buckets[i]++;
	s->value += seconds;
}

void metrics_help(struct metrics *m, const char *name, const char *help)
{
	struct family *f = find_family(m, name, COUNTER);
	char *copy = strdup(help);

	if (!f || !copy) {
		free(copy);
		return;
	}
	free(f->help);
	f->help = copy;
}

/* ---- the text ---- */

static void add_number(struct buf *out, double v)
{
	if (v == floor(v) && fabs(v) < 1e15)
		(void)buf_addf(out, "%.0f", v);
	else
		(void)buf_addf(out, "%.9g", v);
}

static void add_sample(
	struct buf *out, const char *name, const char *suffix, const char *labels, double v)
{
	(void)buf_addf(out, "%s%s", name, suffix);
	if (*labels)
		(void)buf_addf(out, "{%s}", labels);
	(void)buf_addc(out, ' ');
	add_number(out, v);
	(void)buf_addc(out, '\n');
}

static void add_histogram(struct buf *out, const char *name, const struct series *s)
{
	const char *comma = *s->labels ? "," : "";
	uint64_t count = 0;

	for (size_t i = 0; i < N_BUCKETS; i++) {
		count += s->buckets[i];
		(void)buf_addf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, s->labels,
			comma, bucket_bounds[i], count);
	}
	count += s->buckets[N_BUCKETS];
	(void)buf_addf(
		out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, s->labels, comma, count);
	add_sample(out, name, "_sum", s->labels, s->value);
	add_sample(out, name, "_count", s->labels, (double)count);
}

/* In a help text the format escapes backslash and newline. */
static void add_head(struct buf *out, const char *name, const char *help, enum kind kind)
{
	if (help) {
		(void)buf_addf(out, "# HELP %s ", name);
		for (; *help; help++) {
			if (*help == '\\' || *help == '\n')
				(void)buf_adds(out, *help == '\n' ? "\\n" : "\\\\");
			else
				(void)buf_addc(out, *help);
		}
		(void)buf_addc(out, '\n');
	}
	(void)buf_addf(out, "# TYPE %s %s\n", name, kind_name(kind));
}

static void add_family(struct buf *out, const struct family *f)
{
	const struct series *s;

	if (STAILQ_EMPTY(&f->series))
		return;
	add_head(out, f->name, f->help, f->kind);
	STAILQ_FOREACH(s, &f->series, next)
	{
		if (f->kind == HISTOGRAM)
			add_histogram(out, f->name, s);
		else
			add_sample(out, f->name, "", s->labels, s->value);
	}
}

static double cpu_seconds(void)
{
	struct rusage u;

	if (getrusage(RUSAGE_SELF, &u) < 0)
		return 0;
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Second number of /proc/self/statm, in pages. */
static double resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	(void)fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return 0;
	/* cppcheck-suppress readdirCalled ; the stream is ours alone */
	while (readdir(d))
		n++;
	(void)closedir(d);
	return n - 3; /* ".", ".." and the directory itself */
}

static void add_own(struct buf *out, const char *name, enum kind kind, const char *help, double v)
{
	add_head(out, name, help, kind);
	add_sample(out, name, "", "", v);
}

int metrics_render(struct metrics *m, struct buf *out)
{
	const struct family *f;

	STAILQ_FOREACH(f, &m->families, next)
	add_family(out, f);
	add_own(out, OVERFLOW_NAME, COUNTER,
		"Updates dropped because the table of series was full.", m->overflow);
	add_own(out, "process_cpu_seconds_total", COUNTER, "User and system CPU time.",
		cpu_seconds());
	add_own(out, "process_resident_memory_bytes", GAUGE, "Resident memory.", resident_bytes());
	add_own(out, "process_open_fds", GAUGE, "Open file descriptors.", open_fds());
	return out->error;
}
