#include "chaos/bench_print.h"

#include <jansson.h>

#include "cluster/base/check.h"

static double ns_per_claim(const struct bench_report *report)
{
    return (double)report->judged_ns / (double)report->claims;
}

static double claims_per_s(const struct bench_report *report)
{
    return report->judged_ns > 0 ? 1e9 / ns_per_claim(report) : 0;
}

static double megabytes(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

void bench_print_table(FILE *file, const struct bench_report *report)
{
    (void)fprintf(file, "%llu claims of %u players, %u treasures, %u ranges, one core\n",
                  (unsigned long long)report->claims, report->players, report->treasures,
                  report->ranges);
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (report->outcomes[i] > 0)
            (void)fprintf(file, "  %-16s %12llu   %5.1f %%\n", outcome_name((enum outcome)i),
                          (unsigned long long)report->outcomes[i],
                          100.0 * (double)report->outcomes[i] / (double)report->claims);
    }
    (void)fprintf(file, "%-18s %12.0f   claims/s, %.1f ns each, %llu allocations\n", "judging",
                  claims_per_s(report), ns_per_claim(report),
                  (unsigned long long)report->allocations);
    (void)fprintf(file, "%-18s %12.3f   ms for all ranges' summaries, %.2f MB\n",
                  "closing an epoch", (double)report->close_ns / 1e6,
                  megabytes(report->summary_bytes));
    (void)fprintf(file, "%-18s %12.3f   ms into the global board\n", "merging",
                  (double)report->merge_ns / 1e6);
    (void)fprintf(file, "%-18s %12.3f   ms in all ranges\n", "settling",
                  (double)report->settle_ns / 1e6);
    (void)fprintf(file, "%-18s %12.1f   ns\n", "a player's rank", (double)report->rank_ps / 1e3);
    (void)fprintf(file, "%-18s %12.1f   ns\n", "a new score", (double)report->update_ps / 1e3);
    (void)fprintf(file, "%-18s %12llu   bytes; the process grew by %llu\n", "a player",
                  (unsigned long long)report->bytes_per_player,
                  (unsigned long long)report->rss_bytes_per_player);
    (void)fprintf(file, "%-18s %12llu   bytes\n", "a receipt",
                  (unsigned long long)report->bytes_per_receipt);
    (void)fprintf(file, "%-18s %12.1f   MB\n", "resident memory", megabytes(report->rss_bytes));
}

static void set(json_t *object, const char *key, json_t *value)
{
    CHECK(json_object_set_new(object, key, value) == 0);
}

static void set_count(json_t *object, const char *key, uint64_t count)
{
    set(object, key, json_integer((json_int_t)count));
}

static json_t *outcomes_json(const struct bench_report *report)
{
    json_t *outcomes = json_object();
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        if (report->outcomes[i] > 0)
            set_count(outcomes, outcome_name((enum outcome)i), report->outcomes[i]);
    }
    return outcomes;
}

void bench_print_json(FILE *file, const struct bench_report *report)
{
    json_t *object = json_object();
    set_count(object, "players", report->players);
    set_count(object, "claims", report->claims);
    set_count(object, "treasures", report->treasures);
    set_count(object, "ranges", report->ranges);
    set(object, "outcomes", outcomes_json(report));
    set(object, "claims_per_s", json_real(claims_per_s(report)));
    set(object, "ns_per_claim", json_real(ns_per_claim(report)));
    set_count(object, "allocations", report->allocations);
    set(object, "close_ms", json_real((double)report->close_ns / 1e6));
    set(object, "merge_ms", json_real((double)report->merge_ns / 1e6));
    set(object, "settle_ms", json_real((double)report->settle_ns / 1e6));
    set(object, "rank_ns", json_real((double)report->rank_ps / 1e3));
    set(object, "update_ns", json_real((double)report->update_ps / 1e3));
    set_count(object, "summary_bytes", report->summary_bytes);
    set_count(object, "bytes_per_player", report->bytes_per_player);
    set_count(object, "bytes_per_receipt", report->bytes_per_receipt);
    set_count(object, "rss_bytes_per_player", report->rss_bytes_per_player);
    set(object, "rss_mb", json_real(megabytes(report->rss_bytes)));
    (void)json_dumpf(object, file, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)fputc('\n', file);
    json_decref(object);
}
