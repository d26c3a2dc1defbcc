/* cairn-bench: the engine alone, measured. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chaos/bench.h"
#include "chaos/bench_print.h"
#include "node/option.h"

const char *argp_program_version = "cairn-bench " CAIRN_VERSION;

static const char about[] =
    "Measures the engine alone: log entries in, results out, on one core.\v"
    "Players spread over the ranges of one node click in a made-up hunt: 60 % of the claims hit "
    "nothing or what is closed, 30 % what the player has already, 10 % what he lacks. Ten epochs "
    "are played; each is closed in all ranges, merged into the global board and settled.\n\n"
    "Times are the processor's. close_ms, merge_ms and settle_ms are medians over the epochs; "
    "allocations counts the heap's while claims were judged; bytes_per_player is a record and its "
    "share of the index, rss_bytes_per_player what the process grew by when the players came.\n\n"
    "Exit code: 0 measured, 1 out of memory, 2 wrong usage.";

struct arguments {
    struct bench_options bench;
    bool json;
};

static const struct argp_option choices[] = {
    {"players", 'p', "N", 0, "Players (100000)", 0},
    {"claims", 'c', "N", 0, "Claims that are measured (10000000)", 0},
    {"treasures", 't', "N", 0, "Treasures of the hunt (64)", 0},
    {"json", 'j', NULL, 0, "Print one JSON object", 0},
    {0},
};

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct bench_options *bench = &arguments->bench;
    switch (key) {
    case 'p':
        bench->players = (uint32_t)option_number(text, 1, BENCH_PLAYERS_MAX, state);
        return 0;
    case 'c':
        bench->claims = option_number(text, BENCH_EPOCHS, BENCH_CLAIMS_MAX, state);
        return 0;
    case 't':
        bench->treasures = (uint16_t)option_number(text, 1, TREASURES_MAX, state);
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    struct arguments arguments = {
        .bench = {.players = 100000, .claims = 10000000, .treasures = 64}};
    static const struct argp argp = {choices, parse, NULL, about, NULL, NULL, NULL};
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return 2;
    arguments.bench.shows_progress = !arguments.json && isatty(STDERR_FILENO) != 0;

    struct bench_report report;
    if (bench_run(&arguments.bench, &report) != STATUS_OK) {
        (void)fputs("cairn-bench: there is not enough memory\n", stderr);
        return 1;
    }
    if (arguments.json)
        bench_print_json(stdout, &report);
    else
        bench_print_table(stdout, &report);
    return fflush(stdout) == 0 ? 0 : 1;
}
