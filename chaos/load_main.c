/* cairn-load: simulated players that claim at a given rate. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "chaos/load.h"
#include "chaos/load_print.h"
#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"
#include "node/option.h"
#include "node/token_file.h"

/* Descriptors beyond those of the connections. */
#define DESCRIPTORS_SPARE 64

const char *argp_program_version = "cairn-load " CAIRN_VERSION;

static const char about[] =
    "Simulated players claim at a given rate, and what became of their claims is counted.\v"
    "Open loop: claims become due at fixed times, and a latency counts from the moment a claim was "
    "due until its answer. With --rate 0 each connection sends its next request when the last one "
    "is answered: the most that the cluster takes.\n\n"
    "60 % of the claims hit nothing, 30 % what the player has already, 10 % something that he "
    "lacks; when nobody lacks anything any more, the rest hits what they have: give more players. "
    "Claims that are not answered are sent again with the same seq until 5 seconds after the "
    "end.\n\n"
    "Without --seed the players are new ones. With it they are the same as in the last run with "
    "that seed, and go on where they stopped.\n\n"
    "Exit code: 0 the run took place, 1 it could not, 2 wrong usage.";

struct arguments {
    struct load_options load;
    const char *token_file;
    bool json;
    struct http_url targets[LOAD_TARGETS_MAX];
    char token[TOKEN_BYTES];
};

static const struct argp_option choices[] = {
    {"target", 't', "URL[,URL...]", 0, "Nodes that are claimed at, such as http://127.0.0.1:7801",
     0},
    {"hunt", 'H', "ID", 0, "The hunt that is played", 0},
    {"players", 'p', "N", 0, "Simulated players (100)", 0},
    {"rate", 'r', "CLAIMS_PER_S", 0, "Claims a second in all (1000); 0: as fast as it goes", 0},
    {"seconds", 's', "S", 0, "How long (10)", 0},
    {"batch", 'b', "B", 0, "Claims in a request, due together (1)", 0},
    {"format", 'f', "FORMAT", 0, "protobuf, protobuf+lz4 or json (json)", 0},
    {"seed", 'S', "S", 0, "Who the players are and what they do (new ones)", 0},
    {"record", 'o', "FILE", 0, "Write one JSON line per action", 0},
    {"token-file", 'T', "FILE", 0, "The administrator's token, to learn the hunt's places", 0},
    {"connections", 'c', "N", 0, "Connections over all targets, one request at a time each (64)",
     0},
    {"json", 'j', NULL, 0, "Print one JSON object", 0},
    {0},
};

static void take_targets(struct arguments *arguments, char *text, struct argp_state *state)
{
    char *rest = NULL;
    arguments->load.targets_count = 0;
    for (const char *url = strtok_r(text, ",", &rest); url != NULL;
         url = strtok_r(NULL, ",", &rest)) {
        if (arguments->load.targets_count == LOAD_TARGETS_MAX)
            argp_error(state, "more than %d targets", LOAD_TARGETS_MAX);
        const enum status status =
            http_url_parse(&arguments->targets[arguments->load.targets_count++], url);
        if (status == STATUS_NOT_FOUND)
            argp_failure(state, 1, 0, "nobody knows the host of '%s'", url);
        else if (status != STATUS_OK)
            argp_error(state, "'%s' is not like http://HOST:PORT", url);
    }
}

static void take_format(struct arguments *arguments, const char *text, struct argp_state *state)
{
    if (strcmp(text, "json") == 0)
        arguments->load.format = LOAD_FORMAT_JSON;
    else if (strcmp(text, "protobuf") == 0)
        arguments->load.format = LOAD_FORMAT_PROTOBUF;
    else if (strcmp(text, "protobuf+lz4") == 0)
        arguments->load.format = LOAD_FORMAT_PROTOBUF_LZ4;
    else
        argp_error(state, "'%s' is none of protobuf, protobuf+lz4 and json", text);
}

static void take_hunt(struct arguments *arguments, const char *text, struct argp_state *state)
{
    struct name name;
    if (name_set(&name, text, strlen(text)) != STATUS_OK)
        argp_error(state, "'%s' is no hunt's id: 1 to 63 of a-z 0-9 -", text);
    arguments->load.hunt = text;
}

static void check_whole(const struct arguments *arguments, struct argp_state *state)
{
    const struct load_options *load = &arguments->load;
    if (load->targets_count == 0)
        argp_error(state, "--target is missing");
    if (load->hunt == NULL)
        argp_error(state, "--hunt is missing");
    if (load->batch > (uint64_t)load->players * ACTIONS_PER_PLAYER_MAX)
        argp_error(state, "a request takes at most %d claims of one player: give more players",
                   ACTIONS_PER_PLAYER_MAX);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct load_options *load = &arguments->load;
    switch (key) {
    case 't':
        take_targets(arguments, text, state);
        return 0;
    case 'H':
        take_hunt(arguments, text, state);
        return 0;
    case 'p':
        load->players = (uint32_t)option_number(text, 1, LOAD_PLAYERS_MAX, state);
        return 0;
    case 'r':
        load->rate = option_number(text, 0, LOAD_RATE_MAX, state);
        return 0;
    case 's':
        load->seconds = (uint32_t)option_number(text, 1, LOAD_SECONDS_MAX, state);
        return 0;
    case 'b':
        load->batch = (uint32_t)option_number(text, 1, ACTIONS_PER_REQUEST_MAX, state);
        return 0;
    case 'f':
        take_format(arguments, text, state);
        return 0;
    case 'S':
        load->seed = option_number(text, 0, UINT64_MAX, state);
        load->resumes = true;
        return 0;
    case 'o':
        load->record = text;
        return 0;
    case 'T':
        arguments->token_file = text;
        return 0;
    case 'c':
        load->connections = (uint32_t)option_number(text, 1, LOAD_CONNECTIONS_MAX, state);
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return 0;
    case ARGP_KEY_END:
        check_whole(arguments, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool read_token(struct arguments *arguments)
{
    if (arguments->token_file == NULL)
        return true;
    const enum status status = token_file_read(arguments->token, arguments->token_file);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "cairn-load: %s: %s\n", arguments->token_file,
                      status == STATUS_IO ? strerror(errno) : "its first line is no token");
        return false;
    }
    arguments->load.token = arguments->token;
    return true;
}

static bool allow_descriptors(uint32_t connections)
{
    struct rlimit limit;
    const rlim_t needed = (rlim_t)connections + DESCRIPTORS_SPARE;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    if (limit.rlim_cur >= needed)
        return true;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed)
        return false;
    limit.rlim_cur = needed;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
    static struct arguments arguments = {
        .load = {.players = 100, .rate = 1000, .seconds = 10, .batch = 1, .connections = 64}};
    static struct load_report report;
    static const struct argp argp = {choices, parse, NULL, about, NULL, NULL, NULL};
    arguments.load.targets = arguments.targets;
    if (getrandom(&arguments.load.seed, sizeof arguments.load.seed, 0) !=
        (ssize_t)sizeof arguments.load.seed)
        return 1;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return 2;
    if (!read_token(&arguments))
        return 1;
    if (!allow_descriptors(arguments.load.connections)) {
        (void)fprintf(stderr, "cairn-load: no leave for %u connections (ulimit -n)\n",
                      arguments.load.connections);
        return 1;
    }
    arguments.load.shows_progress = !arguments.json && isatty(STDERR_FILENO) != 0;

    const enum status status = load_run(&arguments.load, &report);
    const char *words =
        status != STATUS_OK || report.trouble[0] != '\0' ? report.trouble : report.note;
    if (words[0] != '\0')
        (void)fprintf(stderr, "cairn-load: %s\n", words);
    if (status != STATUS_OK)
        return 1;
    if (arguments.json)
        load_print_json(stdout, &report);
    else
        load_print_table(stdout, &report);
    return fflush(stdout) == 0 ? 0 : 1;
}
