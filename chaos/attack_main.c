/* cairn-attack: a bad client, to be run beside good ones. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>

#include "chaos/attack.h"
#include "node/option.h"

const char *argp_program_version = "cairn-attack " CAIRN_VERSION;

static const char about[] =
    "Sends a node requests that it must refuse: malformed heads, bodies cut, grown and garbled, "
    "LZ4 bombs, values out of range, faulty hunts; and holds connections that send a byte now and "
    "then.\v"
    "It compares each answer with the one that the request must get. What it costs good clients "
    "shows cairn-load, run beside it. First it puts two hunts, " BAD_FLAT_HUNT " and " BAD_GEO_HUNT
    ", so give it a node of your own.\n\n"
    "Exit code: 0 all were refused as they must be, 1 some were not, or it could not run, 2 wrong "
    "usage.";

struct arguments {
    struct attack_options attack;
    struct http_url target;
    bool json;
};

static const struct argp_option choices[] = {
    {"target", 't', "URL", 0, "The node, such as http://127.0.0.1:7801", 0},
    {"seconds", 's', "S", 0, "How long (10)", 0},
    {"rate", 'r', "N", 0, "Requests a second in all (500); 0: as fast as it goes", 0},
    {"connections", 'c', "N", 0, "Connections, one request at a time each (16)", 0},
    {"slow", 'w', "N", 0, "Further connections that send a byte now and then (64)", 0},
    {"json", 'j', NULL, 0, "Print one JSON object", 0},
    {0},
};

static void take_target(struct arguments *arguments, const char *text, struct argp_state *state)
{
    const enum status status = http_url_parse(&arguments->target, text);
    if (status == STATUS_NOT_FOUND)
        argp_failure(state, 1, 0, "nobody knows the host of '%s'", text);
    else if (status != STATUS_OK)
        argp_error(state, "'%s' is not like http://HOST:PORT", text);
    arguments->attack.target = &arguments->target;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    struct attack_options *attack = &arguments->attack;
    switch (key) {
    case 't':
        take_target(arguments, text, state);
        return 0;
    case 's':
        attack->seconds = option_number32(text, 1, 86400, state);
        return 0;
    case 'r':
        attack->rate = option_number32(text, 0, 1000000, state);
        return 0;
    case 'c':
        attack->connections = option_number32(text, 1, ATTACK_CONNECTIONS_MAX / 2, state);
        return 0;
    case 'w':
        attack->slow = option_number32(text, 0, ATTACK_CONNECTIONS_MAX / 2, state);
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", text);
        return 0;
    case ARGP_KEY_END:
        if (attack->target == NULL)
            argp_error(state, "--target is missing");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_report(const struct attack_report *report, bool json)
{
    if (json)
        printf("{\"requests\":%llu,\"refused\":%llu,\"unexpected\":%llu,\"unanswered\":%llu,"
               "\"slow_ended\":%llu}\n",
               (unsigned long long)report->requests, (unsigned long long)report->refused,
               (unsigned long long)report->unexpected, (unsigned long long)report->unanswered,
               (unsigned long long)report->slow_ended);
    else
        printf("%llu requests: %llu refused as they must be, %llu otherwise; %llu without an "
               "answer; %llu slow connections given up\n",
               (unsigned long long)report->requests, (unsigned long long)report->refused,
               (unsigned long long)report->unexpected, (unsigned long long)report->unanswered,
               (unsigned long long)report->slow_ended);
    if (report->first[0] != '\0')
        (void)fprintf(stderr, "cairn-attack: %s\n", report->first);
}

int main(int argc, char **argv)
{
    static struct arguments arguments = {
        .attack = {.seconds = 10, .rate = 500, .connections = 16, .slow = 64}};
    static const struct argp argp = {choices, parse, NULL, about, NULL, NULL, NULL};
    struct attack_report report;
    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (attack_run(&report, &arguments.attack) != STATUS_OK) {
        (void)fprintf(stderr, "cairn-attack: %s does not take the hunts\n", arguments.target.text);
        return 1;
    }
    print_report(&report, arguments.json);
    return report.unexpected == 0 && fflush(stdout) == 0 ? 0 : 1;
}
