/*
 * notifier/engine/audit.h: where the audit files are.
 */
#ifndef SW_ENGINE_AUDIT_H
#define SW_ENGINE_AUDIT_H

#include "notifier/engine/engine.h"

/* Folder of audit-YYYY-MM-DD.jsonl files; lives as long as the engine. */
const char *audit_dir(const struct engine *e);

#endif
