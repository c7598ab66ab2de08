/*
 * core/io/metrics.h: counters, gauges and histograms in the Prometheus text format 0.0.4.
 *
 * A metric is found by name and label text; at most 500 series are kept, further ones fall into one
 * overflow counter. Labels never hold a number, a name, a mid or a text.
 */
#ifndef SW_CORE_IO_METRICS_H
#define SW_CORE_IO_METRICS_H

#include <stdint.h>

#include "core/base/buf.h"

struct metrics;

int metrics_create(struct metrics **ret) SW_MUST_CHECK;
void metrics_destroy(struct metrics *m);
/* LABELS: NULL, or preformatted: source="app". Adds to a counter. */
void metrics_add(struct metrics *m, const char *name, const char *labels, double by);
void metrics_set(struct metrics *m, const char *name, const char *labels, double value);
/* Observation of a histogram in seconds (buckets 1 ms .. 60 s). */
void metrics_observe(struct metrics *m, const char *name, const char *labels, double seconds);
/* Help text of a family, shown once. */
void metrics_help(struct metrics *m, const char *name, const char *help);
/* Writes everything plus process_* (CPU seconds, resident bytes, open fds). */
int metrics_render(struct metrics *m, struct buf *out);

#endif
