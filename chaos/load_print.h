/* chaos/load_print.h -- What a run of the load generator has shown, for people and for programs. */
#ifndef CAIRN_CHAOS_LOAD_PRINT_H
#define CAIRN_CHAOS_LOAD_PRINT_H

#include <stdio.h>

#include "chaos/load.h"

/* A table. */
void load_print_table(FILE *file, const struct load_report *report);

/* One JSON object on one line: claims, acknowledged, unknown, refused, unsent, retries, outcomes
 * (those that occurred), rate, seconds, p50_ms, p95_ms, p99_ms, p999_ms, max_ms; trouble and note
 * where there are any. */
void load_print_json(FILE *file, const struct load_report *report);

#endif
