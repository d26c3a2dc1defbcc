#include "tests/sim/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "cluster/base/rng.h"
#include "cluster/epochs/summary.h"
#include "proto/frame_lz4.h"

#define FINDS_MAX   20
#define POINTS_EACH 500

/* What a merged row says of each range besides its board: number, last HLC, how far it has settled
 * with which digest, the digest of its own summary. */
#define ROW_RANGE_BYTES 36

struct exchange {
    const struct exchange_options *options;
    uint32_t rows;        /* of as many nodes each as can be */
    uint64_t *node_bytes; /* what each node's ranges say, packed */
    uint64_t *row_bytes;  /* what each row's nodes say together */
    uint64_t plain_bytes; /* of all summaries */
};

struct cost {
    uint64_t messages, bytes;
    uint64_t node_messages, node_bytes; /* sent by the one who sends most */
    double first_us, last_us;           /* until a node had everything: the first, the last */
};

static uint32_t row_first(const struct exchange *exchange, uint32_t row)
{
    return (uint32_t)((uint64_t)exchange->options->nodes * row / exchange->rows);
}

static uint32_t row_length(const struct exchange *exchange, uint32_t row)
{
    return row_first(exchange, row + 1) - row_first(exchange, row);
}

/* Sizes. */

static uint32_t node_of_range(const struct exchange_options *options, uint32_t range)
{
    return (uint32_t)((uint64_t)range * options->nodes / options->ranges);
}

static uint32_t players_of(const struct exchange_options *options, uint32_t range)
{
    return options->players / options->ranges + (range < options->players % options->ranges);
}

/* A range's players, the same each time, onto a board. */
static void play(const struct exchange_options *options, uint32_t range, struct board *board)
{
    struct rng rng;
    rng_init(&rng, options->seed * RANGES_MAX + range);
    for (uint32_t i = players_of(options, range); i > 0; i--) {
        struct board_change change = {.slot = (uint32_t)board_players(board)};
        const uint64_t id[2] = {range, i};
        memcpy(change.player.bytes, id, sizeof id);
        change.hlc = (UINT64_C(1) << 60) + rng_below(&rng, UINT64_C(1) << 45);
        for (uint64_t finds = rng_below(&rng, FINDS_MAX + 1); finds > 0; finds--)
            change.after += (int64_t)rng_between(&rng, 1, POINTS_EACH);
        board_join(board);
        if (change.after > 0)
            board_score(board, &change);
    }
}

static uint64_t packed(struct board *board, uint64_t *ret_plain)
{
    const struct summary_source source = {.hunt = 0, .ties = TIES_FIRST, .board = board};
    const struct summary_input input = {
        .from = 1, .through = 1, .last_hlc = UINT64_C(1) << 60, .sources = &source, .count = 1};
    struct summary *summary = summary_build(&input);
    CHECK(summary != NULL);
    const size_t room = frame_lz4_bytes_max(summary->size);
    uint8_t *frame = malloc(room);
    CHECK(frame != NULL);
    const size_t bytes = frame_lz4_encode(frame, room, summary->bytes, summary->size);
    CHECK(bytes > 0);
    *ret_plain = summary->size;
    free(frame);
    summary_release(summary);
    return bytes;
}

static void measure_ranges(struct exchange *exchange)
{
    const struct exchange_options *options = exchange->options;
    for (uint32_t range = 0; range < options->ranges; range++) {
        struct board *board = board_new(0);
        CHECK(board != NULL);
        play(options, range, board);
        uint64_t plain;
        exchange->node_bytes[node_of_range(options, range)] += packed(board, &plain);
        exchange->plain_bytes += plain;
        board_free(board);
    }
}

static void measure_rows(struct exchange *exchange)
{
    const struct exchange_options *options = exchange->options;
    uint32_t range = 0;
    for (uint32_t row = 0; row < exchange->rows; row++) {
        struct board *board = board_new(0);
        CHECK(board != NULL);
        uint32_t ranges = 0;
        while (range < options->ranges &&
               node_of_range(options, range) < row_first(exchange, row + 1)) {
            play(options, range++, board);
            ranges++;
        }
        uint64_t plain;
        exchange->row_bytes[row] = packed(board, &plain) + (uint64_t)ranges * ROW_RANGE_BYTES;
        board_free(board);
    }
}

/* The network: lines out and in, one message after the other on each. */

struct network {
    const struct exchange_options *options;
    double *out_us, *in_us; /* when each node's line is free */
    uint64_t *messages, *bytes;
};

static void network_init(struct network *network, const struct exchange_options *options)
{
    *network = (struct network){.options = options};
    network->out_us = calloc(options->nodes, sizeof *network->out_us);
    network->in_us = calloc(options->nodes, sizeof *network->in_us);
    network->messages = calloc(options->nodes, sizeof *network->messages);
    network->bytes = calloc(options->nodes, sizeof *network->bytes);
    CHECK(network->out_us != NULL && network->in_us != NULL);
    CHECK(network->messages != NULL && network->bytes != NULL);
}

static void network_fini(struct network *network)
{
    free(network->out_us);
    free(network->in_us);
    free(network->messages);
    free(network->bytes);
}

static void transfer(struct network *network, uint32_t from, uint32_t to, uint64_t bytes)
{
    const double line_us = (double)bytes * 8 / network->options->megabits;
    network->out_us[from] += line_us;
    const double arrived_us = network->out_us[from] + network->options->latency_us;
    const double queued_us = network->in_us[to] + line_us;
    network->in_us[to] = arrived_us > queued_us ? arrived_us : queued_us;
    network->messages[from]++;
    network->bytes[from] += bytes;
}

static struct cost cost_of(const struct network *network)
{
    struct cost cost = {.first_us = network->in_us[0]};
    for (uint32_t i = 0; i < network->options->nodes; i++) {
        cost.messages += network->messages[i];
        cost.bytes += network->bytes[i];
        if (network->messages[i] > cost.node_messages)
            cost.node_messages = network->messages[i];
        if (network->bytes[i] > cost.node_bytes)
            cost.node_bytes = network->bytes[i];
        if (network->in_us[i] < cost.first_us)
            cost.first_us = network->in_us[i];
        if (network->in_us[i] > cost.last_us)
            cost.last_us = network->in_us[i];
    }
    return cost;
}

/* Each begins with the node after itself, so that nobody is sent to by all at once. */
static struct cost all_to_all(const struct exchange *exchange)
{
    const uint32_t nodes = exchange->options->nodes;
    struct network network;
    network_init(&network, exchange->options);
    for (uint32_t step = 1; step < nodes; step++) {
        for (uint32_t i = 0; i < nodes; i++) {
            if (exchange->node_bytes[i] > 0)
                transfer(&network, i, (i + step) % nodes, exchange->node_bytes[i]);
        }
    }
    const struct cost cost = cost_of(&network);
    network_fini(&network);
    return cost;
}

static void through_rows(const struct exchange *exchange, struct network *network)
{
    for (uint32_t row = 0; row < exchange->rows; row++) {
        const uint32_t first = row_first(exchange, row), length = row_length(exchange, row);
        for (uint32_t step = 1; step < length; step++) {
            for (uint32_t i = 0; i < length; i++) {
                const uint32_t node = first + i;
                if (exchange->node_bytes[node] > 0)
                    transfer(network, node, first + (i + step) % length,
                             exchange->node_bytes[node]);
            }
        }
    }
}

/* To each of a row's nodes from the other rows' nodes of the same column, those rows at different
 * times. Where a row is shorter by one, its first node has two columns. */
static void down_columns(const struct exchange *exchange, struct network *network)
{
    for (uint32_t step = 1; step < exchange->rows; step++) {
        for (uint32_t to = 0; to < exchange->rows; to++) {
            const uint32_t from = (to + step) % exchange->rows;
            for (uint32_t column = 0; column < row_length(exchange, to); column++)
                transfer(network, row_first(exchange, from) + column % row_length(exchange, from),
                         row_first(exchange, to) + column, exchange->row_bytes[from]);
        }
    }
}

static struct cost over_grid(const struct exchange *exchange)
{
    struct network network;
    network_init(&network, exchange->options);
    through_rows(exchange, &network);
    /* A row is merged when all of it is there. */
    for (uint32_t i = 0; i < exchange->options->nodes; i++) {
        if (network.out_us[i] < network.in_us[i])
            network.out_us[i] = network.in_us[i];
    }
    down_columns(exchange, &network);
    const struct cost cost = cost_of(&network);
    network_fini(&network);
    return cost;
}

static void print_json_cost(const char *name, const struct cost *cost)
{
    (void)printf(", \"%s\": {\"messages\": %llu, \"bytes\": %llu, \"node_messages_max\": %llu, "
                 "\"node_bytes_max\": %llu, \"first_ms\": %.1f, \"last_ms\": %.1f}",
                 name, (unsigned long long)cost->messages, (unsigned long long)cost->bytes,
                 (unsigned long long)cost->node_messages, (unsigned long long)cost->node_bytes,
                 cost->first_us / 1000, cost->last_us / 1000);
}

static void print_cost(const char *name, const struct cost *cost)
{
    (void)printf("  %-11s %7llu messages, %8.1f MB; a node sends at most %4llu, %7.2f MB; all have "
                 "all after %.0f ms\n",
                 name, (unsigned long long)cost->messages, (double)cost->bytes / 1e6,
                 (unsigned long long)cost->node_messages, (double)cost->node_bytes / 1e6,
                 cost->last_us / 1000);
}

static void print(const struct exchange *exchange, const struct cost *all, const struct cost *grid)
{
    const struct exchange_options *options = exchange->options;
    uint64_t packed_bytes = 0;
    for (uint32_t i = 0; i < options->nodes; i++)
        packed_bytes += exchange->node_bytes[i];
    if (options->json) {
        (void)printf("{\"nodes\": %u, \"ranges\": %u, \"players\": %u, \"latency_us\": %u, "
                     "\"megabits_per_s\": %u, \"summary_bytes\": %llu, \"packed_bytes\": %llu",
                     options->nodes, options->ranges, options->players, options->latency_us,
                     options->megabits, (unsigned long long)exchange->plain_bytes,
                     (unsigned long long)packed_bytes);
        print_json_cost("all_to_all", all);
        print_json_cost("grid", grid);
        (void)printf("}\n");
        return;
    }
    (void)printf("%u nodes, %u ranges, %u players, %u us one way, %u Mbit/s: one epoch\n",
                 options->nodes, options->ranges, options->players, options->latency_us,
                 options->megabits);
    (void)printf("  summaries: %.2f MB, packed %.2f MB (%.0f bytes a range)\n",
                 (double)exchange->plain_bytes / 1e6, (double)packed_bytes / 1e6,
                 (double)packed_bytes / options->ranges);
    print_cost("all to all", all);
    print_cost("grid", grid);
}

void exchange_report(const struct exchange_options *options)
{
    CHECK(options->nodes >= 2);
    CHECK(options->nodes <= EXCHANGE_NODES_MAX);
    CHECK(options->ranges >= 1);
    CHECK(options->ranges <= RANGES_MAX);
    struct exchange exchange = {.options = options, .rows = 1};
    while ((exchange.rows + 1) * (exchange.rows + 1) <= options->nodes)
        exchange.rows++;
    exchange.node_bytes = calloc(options->nodes, sizeof *exchange.node_bytes);
    exchange.row_bytes = calloc(exchange.rows, sizeof *exchange.row_bytes);
    CHECK(exchange.node_bytes != NULL && exchange.row_bytes != NULL);
    measure_ranges(&exchange);
    measure_rows(&exchange);
    const struct cost all = all_to_all(&exchange);
    const struct cost grid = over_grid(&exchange);
    print(&exchange, &all, &grid);
    free(exchange.node_bytes);
    free(exchange.row_bytes);
}
