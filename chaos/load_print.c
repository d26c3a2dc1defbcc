#include "chaos/load_print.h"

#include <jansson.h>

#include "cluster/base/check.h"

static double seconds_of(const struct load_report *report)
{
    return (double)report->elapsed_us / 1e6;
}

static double rate_of(const struct load_report *report)
{
    return report->elapsed_us > 0 ? (double)report->acknowledged / seconds_of(report) : 0;
}

static double quantile_ms(const struct load_report *report, uint32_t per_mille)
{
    return (double)histogram_quantile_us(&report->latency, per_mille) / 1000;
}

static const char *word_of(int outcome)
{
    return outcome == OUTCOME_NONE ? "other" : outcome_name((enum outcome)outcome);
}

static void print_count(FILE *file, const char *what, uint64_t count, const char *note)
{
    if (count > 0)
        (void)fprintf(file, "%-14s %12llu   %s\n", what, (unsigned long long)count, note);
}

void load_print_table(FILE *file, const struct load_report *report)
{
    (void)fprintf(file, "%-14s %12llu   in %.1f s\n", "claims", (unsigned long long)report->claims,
                  seconds_of(report));
    (void)fprintf(file, "%-14s %12llu   %.1f/s\n", "acknowledged",
                  (unsigned long long)report->acknowledged, rate_of(report));
    print_count(file, "unknown", report->unknown, "never answered: judged, or not");
    print_count(file, "refused", report->refused, "answered with an error");
    print_count(file, "unsent", report->unsent, "no connection or player was free in time");
    print_count(file, "retries", report->retries, "sent again with the same seq");
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (report->outcomes[i] > 0)
            (void)fprintf(file, "  %-12s %12llu   %5.1f %%\n", word_of(i),
                          (unsigned long long)report->outcomes[i],
                          100.0 * (double)report->outcomes[i] / (double)report->acknowledged);
    }
    (void)fprintf(file, "latency in ms  p50 %.2f   p95 %.2f   p99 %.2f   p99.9 %.2f   max %.2f\n",
                  quantile_ms(report, 500), quantile_ms(report, 950), quantile_ms(report, 990),
                  quantile_ms(report, 999), quantile_ms(report, 1000));
}

static void set(json_t *object, const char *key, json_t *value)
{
    CHECK(json_object_set_new(object, key, value) == 0);
}

static void set_count(json_t *object, const char *key, uint64_t count)
{
    set(object, key, json_integer((json_int_t)count));
}

static json_t *outcomes_json(const struct load_report *report)
{
    json_t *outcomes = json_object();
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (report->outcomes[i] > 0)
            set_count(outcomes, word_of(i), report->outcomes[i]);
    }
    return outcomes;
}

void load_print_json(FILE *file, const struct load_report *report)
{
    static const struct {
        const char *key;
        uint32_t per_mille;
    } quantiles[] = {
        {"p50_ms", 500}, {"p95_ms", 950}, {"p99_ms", 990}, {"p999_ms", 999}, {"max_ms", 1000}};
    json_t *object = json_object();
    set_count(object, "claims", report->claims);
    set_count(object, "acknowledged", report->acknowledged);
    set_count(object, "unknown", report->unknown);
    set_count(object, "refused", report->refused);
    set_count(object, "unsent", report->unsent);
    set_count(object, "retries", report->retries);
    set(object, "outcomes", outcomes_json(report));
    set(object, "rate", json_real(rate_of(report)));
    set(object, "seconds", json_real(seconds_of(report)));
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        set(object, quantiles[i].key, json_real(quantile_ms(report, quantiles[i].per_mille)));
    if (report->trouble[0] != '\0')
        set(object, "trouble", json_string(report->trouble));
    if (report->note[0] != '\0')
        set(object, "note", json_string(report->note));
    (void)json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)fputc('\n', file);
    json_decref(object);
}
