/* chaos/bench_print.h -- What cairn-bench says at the end. */
#ifndef CAIRN_CHAOS_BENCH_PRINT_H
#define CAIRN_CHAOS_BENCH_PRINT_H

#include <stdio.h>

#include "chaos/bench.h"

/* For people. */
void bench_print_table(FILE *file, const struct bench_report *report);

/* One JSON object on one line. */
void bench_print_json(FILE *file, const struct bench_report *report);

#endif
