#include "node/metrics_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/status.h"

/* Each lies at the beginning of a bucket of the histogram (histogram_below), so that what is
 * counted below it is exact. A duration is measured in whole microseconds, rounded down: below the
 * bound, and at most the bound, are then the same. */
static const uint32_t bounds_us[] = {
    8,     16,    32,    64,     125,    250,    500,     1000,    2000,    4000,    8000,
    16000, 32000, 64000, 128000, 256000, 512000, 1024000, 2048000, 4096000, 8192000, 16384000,
};
#define BOUNDS (sizeof bounds_us / sizeof bounds_us[0])

PRINTF_LIKE(2, 3)
static void put(struct metrics_text *text, const char *format, ...)
{
    if (text->overflowed)
        return;
    const size_t room = sizeof text->data - text->used;
    va_list arguments;
    va_start(arguments, format);
    const int bytes = vsnprintf(text->data + text->used, room, format, arguments);
    va_end(arguments);
    if (bytes < 0 || (size_t)bytes >= room)
        text->overflowed = true;
    else
        text->used += (size_t)bytes;
}

/* A line feed would begin a line of its own; a quote ends a label's value, but not a HELP. */
static void put_escaped(struct metrics_text *text, const char *value, bool quoted)
{
    const char *special = quoted ? "\n\\\"" : "\n\\";
    while (*value != '\0') {
        const size_t plain = strcspn(value, special);
        put(text, "%.*s", (int)plain, value);
        value += plain;
        if (*value == '\0')
            return;
        put(text, "\\%c", *value == '\n' ? 'n' : *value);
        value++;
    }
}

static const char *type_name(enum metrics_type type)
{
    switch (type) {
    case METRICS_COUNTER:
        return "counter";
    case METRICS_GAUGE:
        return "gauge";
    case METRICS_HISTOGRAM:
        return "histogram";
    }
    UNREACHABLE();
}

static bool ends_in_total(const char *name)
{
    static const char total[] = "_total";
    const size_t bytes = strlen(name);
    return bytes >= sizeof total - 1 && strcmp(name + bytes - (sizeof total - 1), total) == 0;
}

void metrics_text_family(struct metrics_text *text, const char *name, enum metrics_type type,
                         const char *help)
{
    CHECK(strncmp(name, "cairn_", 6) == 0);
    CHECK(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0');
    CHECK(ends_in_total(name) == (type == METRICS_COUNTER));
    text->family = name;
    text->type = type;
    put(text, "# HELP %s ", name);
    put_escaped(text, help, false);
    put(text, "\n# TYPE %s %s\n", name, type_name(type));
}

static void put_name(struct metrics_text *text, const struct metrics_label *label)
{
    CHECK(text->family != NULL);
    CHECK(text->type != METRICS_HISTOGRAM);
    put(text, "%s", text->family);
    if (label == NULL)
        return;
    put(text, "{%s=\"", label->name);
    put_escaped(text, label->value, true);
    put(text, "\"}");
}

void metrics_text_number(struct metrics_text *text, const struct metrics_label *label,
                         uint64_t value)
{
    put_name(text, label);
    put(text, " %" PRIu64 "\n", value);
}

static void put_seconds(struct metrics_text *text, uint64_t value_us)
{
    put(text, "%" PRIu64 ".%06" PRIu64, value_us / 1000000, value_us % 1000000);
}

void metrics_text_seconds(struct metrics_text *text, const struct metrics_label *label,
                          uint64_t value_us)
{
    put_name(text, label);
    put(text, " ");
    put_seconds(text, value_us);
    put(text, "\n");
}

void metrics_text_histogram(struct metrics_text *text, const struct histogram *histogram)
{
    uint64_t below[BOUNDS];
    CHECK(text->family != NULL);
    CHECK(text->type == METRICS_HISTOGRAM);
    histogram_below(histogram, bounds_us, BOUNDS, below);
    for (size_t i = 0; i < BOUNDS; i++) {
        put(text, "%s_bucket{le=\"", text->family);
        put_seconds(text, bounds_us[i]);
        put(text, "\"} %" PRIu64 "\n", below[i]);
    }
    put(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", text->family, histogram->count);
    put(text, "%s_sum ", text->family);
    put_seconds(text, histogram->sum_us);
    put(text, "\n%s_count %" PRIu64 "\n", text->family, histogram->count);
}
