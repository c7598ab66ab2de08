/*
 * core/base/log.h: one JSON object per line on standard error.
 *
 *   LOG_INFO("job_sent", "job=%s unit=%s took_ms=%" PRId64, job, unit, took);
 *   {"ts":"2022-08-18T09:00:00.412+08:00","lvl":"info","ev":"job_sent","job":"..","unit":"1502",..}
 *
 * FMT is a blank-separated list of key=<one conversion>; conversions: %s %d %u %zu %ld %lu %lld
 * %llu %x and %.*s. Integers become JSON numbers, strings are escaped; 11-digit mobile numbers in
 * strings are masked as a last net. Writes never block the caller for long: a line that standard
 * error does not take (EAGAIN) is dropped and counted, and the next line says how many.
 */
#ifndef SW_CORE_BASE_LOG_H
#define SW_CORE_BASE_LOG_H

#include <stdint.h>

#include "core/base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* NOW returns epoch milliseconds for "ts" (the real or the simulated clock); NULL: real time. */
void log_setup(enum log_level min, int64_t (*now)(void *ctx), void *ctx);
/* "debug", "info", "warn", "error"; SW_EINVAL otherwise. */
int log_level_parse(const char *name, enum log_level *ret);
void log_event(enum log_level lvl, const char *ev, const char *fmt, ...) SW_PRINTF(3, 4);

#define LOG_DEBUG(...) log_event(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) log_event(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_WARN(...) log_event(LOG_LEVEL_WARN, __VA_ARGS__)
#define LOG_ERROR(...) log_event(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
