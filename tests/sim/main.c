/* cairn-sim: runs simulated clusters, each from one seed, and checks the promises. */
#include <argp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "cluster/base/bounds.h"
#include "cluster/base/hash.h"
#include "node/option.h"
#include "tests/sim/exchange.h"
#include "tests/sim/members_report.h"
#include "tests/sim/world.h"

#define WORKERS_MAX 64

const char *argp_program_version = "cairn-sim " CAIRN_VERSION;

struct options {
    uint64_t seed, seeds;
    uint32_t nodes, seconds;
    bool json, trace, plain;
    uint32_t members;                 /* 0: whole clusters */
    struct exchange_options exchange; /* nodes 0: not that either */
};

/* What the workers share: each takes every n-th seed, and says which one it is at, so that a seed
 * that kills its worker has a name too. */
struct board {
    struct {
        uint64_t seed; /* the one under way */
        bool running;
    } at[WORKERS_MAX];
    uint64_t done;
    struct world_report total; /* sums; `digest` folds all seeds in any order, by exclusive or */
    uint64_t failed_seed;
};

static const struct argp_option choices[] = {
    {"seed", 's', "S", 0, "First seed (1)", 0},
    {"seeds", 'n', "N", 0, "How many seeds, from the first up; all cores are used (1)", 0},
    {"nodes", 'N', "N", 0, "Nodes of each cluster: 1, 3, 5 or 7 (1)", 0},
    {"seconds", 't', "S", 0, "Simulated seconds with faults (30)", 0},
    {"plain", 'p', NULL, 0,
     "Crashes, loss and slow disks only: no partitions, pauses, odd clocks, full disks, joining",
     0},
    {"trace", 'T', NULL, 0, "Print what happens", 0},
    {"json", 'j', NULL, 0, "Print one JSON object", 0},
    {NULL, 0, NULL, 0, "Membership alone, measured:", 1},
    {"members", 'm', "N", 0,
     "Nodes, 2 to 1000: what they send while idle for --seconds, and how long it takes until all "
     "know of a kill -9, of silence, of one who joins, and agree after a partition (1000 nodes: "
     "2 GB, some minutes)",
     1},
    {NULL, 0, NULL, 0, "The exchange of one epoch's summaries, reckoned from their real sizes:", 2},
    {"exchange", 'x', "N", 0, "Nodes, 2 to 1024: all to all, and over a grid of merged rows", 2},
    {"ranges", 'R', "R", 0, "Ranges, up to 1024 (as many as nodes)", 2},
    {"players", 'P', "P", 0, "Players with up to 20 finds each (1000000)", 2},
    {"latency-us", 'L', "US", 0, "One way (500)", 2},
    {"megabits", 'M', "MBIT", 0, "Per second, each node's line in and out (1000)", 2},
    {0},
};

static error_t parse_exchange(int key, const char *text, struct argp_state *state)
{
    struct exchange_options *exchange = &((struct options *)state->input)->exchange;
    switch (key) {
    case 'R':
        exchange->ranges = (uint32_t)option_number(text, 1, RANGES_MAX, state);
        return 0;
    case 'P':
        exchange->players = (uint32_t)option_number(text, 0, PLAYERS_MAX_LIMIT, state);
        return 0;
    case 'L':
        exchange->latency_us = (uint32_t)option_number(text, 0, 10000000, state);
        return 0;
    case 'M':
        exchange->megabits = (uint32_t)option_number(text, 1, 1000000, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 's':
        options->seed = option_number(text, 0, UINT64_MAX / 2, state);
        return 0;
    case 'n':
        options->seeds = option_number(text, 1, 1000000000, state);
        return 0;
    case 'N':
        options->nodes = (uint32_t)option_number(text, 1, WORLD_NODES_MAX, state);
        if (options->nodes % 2 == 0)
            argp_error(state, "nodes must be odd");
        return 0;
    case 't':
        options->seconds = (uint32_t)option_number(text, 1, 100000, state);
        return 0;
    case 'T':
        options->trace = true;
        return 0;
    case 'p':
        options->plain = true;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case 'm':
        options->members = (uint32_t)option_number(text, 2, MEMBERS_REPORT_NODES_MAX, state);
        return 0;
    case 'x':
        options->exchange.nodes = (uint32_t)option_number(text, 2, EXCHANGE_NODES_MAX, state);
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return 0;
    default:
        return parse_exchange(key, text, state);
    }
}

static void add_report(struct world_report *total, const struct world_report *report)
{
    total->digest ^= report->digest;
    total->actions += report->actions;
    total->acknowledged += report->acknowledged;
    total->entries += report->entries;
    total->crashes += report->crashes;
    total->joins += report->joins;
    total->elections += report->elections;
    total->epochs += report->epochs;
    total->snapshots += report->snapshots;
    total->restored += report->restored;
    total->adopted += report->adopted;
    total->replays += report->replays;
    total->unavailable += report->unavailable;
    total->settled_won += report->settled_won;
    total->settled_lost += report->settled_lost;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        total->outcomes[i] += report->outcomes[i];
}

/* One worker: its reports come back through its own slot's sums. Returns the exit code. */
static int work(const struct options *options, struct board *board, uint32_t worker,
                uint32_t workers, struct world_report *sums)
{
    for (uint64_t i = worker; i < options->seeds; i += workers) {
        const struct world_options world = {
            .seed = options->seed + i,
            .nodes = options->nodes,
            .seconds = options->seconds,
            .trace = options->trace,
            .plain = options->plain,
        };
        board->at[worker].seed = world.seed;
        board->at[worker].running = true;
        struct world_report report;
        world_run(&world, &report);
        board->at[worker].running = false;
        if (report.failed) {
            (void)fprintf(stderr, "seed=%llu: %s\n", (unsigned long long)world.seed,
                          report.failure);
            return 1;
        }
        const uint64_t mixed[2] = {world.seed, report.digest};
        report.digest = hash_bytes(mixed, sizeof mixed);
        add_report(sums, &report);
        __atomic_add_fetch(&board->done, 1, __ATOMIC_RELAXED);
    }
    return 0;
}

static uint32_t worker_count(const struct options *options)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t workers = cores > 0 ? (uint64_t)cores : 1;
    if (workers > WORKERS_MAX)
        workers = WORKERS_MAX;
    return (uint32_t)(workers < options->seeds ? workers : options->seeds);
}

static void *shared_memory(size_t size)
{
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(place != MAP_FAILED);
    return place;
}

static void show_progress(const struct options *options, const struct board *board)
{
    if (!options->json && isatty(STDERR_FILENO) && options->seeds > 1)
        (void)fprintf(stderr, "\r%llu of %llu seeds", (unsigned long long)board->done,
                      (unsigned long long)options->seeds);
}

/* Waits for the workers; the others are stopped when one fails. */
static bool wait_for(const struct options *options, const struct board *board, pid_t *pids,
                     uint32_t workers)
{
    bool passed = true;
    uint32_t left = workers;
    while (left > 0) {
        int status;
        const pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid == 0) {
            show_progress(options, board);
            (void)usleep(100000);
            continue;
        }
        CHECK(pid > 0);
        left--;
        for (uint32_t i = 0; i < workers; i++) {
            if (pids[i] != pid)
                continue;
            pids[i] = 0;
            if (WIFSIGNALED(status) && passed)
                (void)fprintf(stderr, "seed=%llu: killed by signal %d\n",
                              (unsigned long long)board->at[i].seed, WTERMSIG(status));
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        if (passed) {
            for (uint32_t i = 0; i < workers; i++) {
                if (pids[i] != 0)
                    (void)kill(pids[i], SIGTERM);
            }
        }
        passed = false;
    }
    return passed;
}

static void print_outcomes(const struct world_report *total)
{
    (void)printf("  outcomes");
    for (int i = 1; i < OUTCOME_COUNT; i++) {
        if (total->outcomes[i] > 0)
            (void)printf(" %s %llu", outcome_name((enum outcome)i),
                         (unsigned long long)total->outcomes[i]);
    }
    (void)printf("\n  settled: won %llu, lost %llu\n", (unsigned long long)total->settled_won,
                 (unsigned long long)total->settled_lost);
}

static void print_text(const struct options *options, const struct world_report *total)
{
    (void)printf("%llu seed%s from %llu, %u node%s, %u simulated seconds: every promise held\n"
                 "  actions %llu, acknowledged %llu (replays %llu), unavailable %llu\n"
                 "  crashes %llu, joins %llu, leaderships %llu, epochs %llu, entries %llu\n"
                 "  snapshots %llu, started from %llu, taken over from others %llu\n"
                 "  digest %016llx\n",
                 (unsigned long long)options->seeds, options->seeds == 1 ? "" : "s",
                 (unsigned long long)options->seed, options->nodes, options->nodes == 1 ? "" : "s",
                 options->seconds, (unsigned long long)total->actions,
                 (unsigned long long)total->acknowledged, (unsigned long long)total->replays,
                 (unsigned long long)total->unavailable, (unsigned long long)total->crashes,
                 (unsigned long long)total->joins, (unsigned long long)total->elections,
                 (unsigned long long)total->epochs, (unsigned long long)total->entries,
                 (unsigned long long)total->snapshots, (unsigned long long)total->restored,
                 (unsigned long long)total->adopted, (unsigned long long)total->digest);
}

static void print_json(const struct options *options, const struct world_report *total, bool passed)
{
    (void)printf(
        "{\"seed\": %llu, \"seeds\": %llu, \"nodes\": %u, \"seconds\": %u, "
        "\"passed\": %s, \"actions\": %llu, \"acknowledged\": %llu, \"replays\": %llu, "
        "\"unavailable\": %llu, \"crashes\": %llu, \"joins\": %llu, \"leaderships\": %llu, "
        "\"epochs\": %llu, \"entries\": %llu, \"snapshots\": %llu, \"restored\": %llu, "
        "\"adopted\": %llu, "
        "\"digest\": \"%016llx\"}\n",
        (unsigned long long)options->seed, (unsigned long long)options->seeds, options->nodes,
        options->seconds, passed ? "true" : "false", (unsigned long long)total->actions,
        (unsigned long long)total->acknowledged, (unsigned long long)total->replays,
        (unsigned long long)total->unavailable, (unsigned long long)total->crashes,
        (unsigned long long)total->joins, (unsigned long long)total->elections,
        (unsigned long long)total->epochs, (unsigned long long)total->entries,
        (unsigned long long)total->snapshots, (unsigned long long)total->restored,
        (unsigned long long)total->adopted, (unsigned long long)total->digest);
}

static bool run(const struct options *options, struct world_report *ret_total)
{
    const uint32_t workers = worker_count(options);
    struct board *board = shared_memory(sizeof *board);
    struct world_report *sums = shared_memory(workers * sizeof *sums);
    pid_t pids[WORKERS_MAX] = {0};
    for (uint32_t i = 0; i < workers; i++) {
        pids[i] = fork();
        CHECK(pids[i] >= 0);
        if (pids[i] == 0)
            _exit(work(options, board, i, workers, &sums[i]));
    }
    const bool passed = wait_for(options, board, pids, workers);
    if (!options->json && isatty(STDERR_FILENO) && options->seeds > 1)
        (void)fprintf(stderr, "\r\033[K");
    for (uint32_t i = 0; i < workers; i++)
        add_report(ret_total, &sums[i]);
    return passed;
}

/* Parts of a cluster by themselves. */
static void run_part(const struct options *options)
{
    if (options->members > 0) {
        const struct members_report_options members = {.seed = options->seed,
                                                       .seeds = options->seeds,
                                                       .nodes = options->members,
                                                       .seconds = options->seconds,
                                                       .json = options->json};
        members_report(&members);
        return;
    }
    struct exchange_options exchange = options->exchange;
    exchange.seed = options->seed;
    exchange.json = options->json;
    if (exchange.ranges == 0)
        exchange.ranges = exchange.nodes;
    exchange_report(&exchange);
}

int main(int argc, char **argv)
{
    struct options options = {
        .seed = 1,
        .seeds = 1,
        .nodes = 1,
        .seconds = 30,
        .exchange = {.players = 1000000, .latency_us = 500, .megabits = 1000},
    };
    const struct argp argp = {
        .options = choices,
        .parser = parse,
        .doc = "Runs whole clusters in simulated time, each from one seed, with crashes, lost "
               "writes and messages, and checks what they promised against a model of the hunt. "
               "Exit code 1 and seed=... at a violation; the same seed gives the same digest.",
    };
    argp_err_exit_status = 2;
    /* Engines take room that they hardly touch here; glibc must not zero it from its heap. */
    (void)mallopt(M_MMAP_THRESHOLD, 128 << 10);
    (void)argp_parse(&argp, argc, argv, 0, NULL, &options);

    if (options.members > 0 || options.exchange.nodes > 0) {
        run_part(&options);
        return 0;
    }
    struct world_report total = {0};
    const bool passed = run(&options, &total);
    if (options.json)
        print_json(&options, &total, passed);
    else if (passed) {
        print_text(&options, &total);
        print_outcomes(&total);
    }
    return passed ? 0 : 1;
}
