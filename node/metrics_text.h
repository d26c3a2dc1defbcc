/* node/metrics_text.h -- A page of metrics in Prometheus' text format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * A page is one family after the other, each with its samples:
 *
 *     # HELP cairn_epoch The epoch that is open by this node's clock.
 *     # TYPE cairn_epoch gauge
 *     cairn_epoch 179045112
 *
 * Whoever writes it sees to it that no family comes twice. A page has a fixed size, as nothing on
 * it grows with players or hunts; what does not fit is remembered. Pure; any thread, one at a time.
 */
#ifndef CAIRN_NODE_METRICS_TEXT_H
#define CAIRN_NODE_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/histogram.h"

#define METRICS_TEXT_BYTES   65536
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4"

enum metrics_type {
    METRICS_COUNTER, /* its name ends in _total */
    METRICS_GAUGE,
    METRICS_HISTOGRAM,
};

/* A zeroed one is empty; it only needs its first fields to be zero. */
struct metrics_text {
    size_t used;
    bool overflowed; /* the page is not whole */
    const char *family;
    enum metrics_type type;
    char data[METRICS_TEXT_BYTES];
};

struct metrics_label {
    const char *name;
    const char *value; /* UTF-8; whatever it holds, it stays inside its quotes */
};

/* Begins a family; both texts are literals. The name begins with "cairn_" and goes on with a-z, 0-9
 * and _; `help` is a sentence. */
void metrics_text_family(struct metrics_text *text, const char *name, enum metrics_type type,
                         const char *help);

/* Samples of the present family, a counter or a gauge; without a label (NULL) there is only one. */
void metrics_text_number(struct metrics_text *text, const struct metrics_label *label,
                         uint64_t value);
/* Microseconds as seconds, exactly. */
void metrics_text_seconds(struct metrics_text *text, const struct metrics_label *label,
                          uint64_t value_us);

/* The samples of a histogram: how many were below each of fixed bounds, from 8 microseconds to 16
 * seconds, and their sum in seconds. */
void metrics_text_histogram(struct metrics_text *text, const struct histogram *histogram);

#endif
