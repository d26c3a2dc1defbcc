/* cairnctl: operates a cluster through one of its nodes. */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/ctl/commands.h"
#include "node/option.h"
#include "node/token_file.h"

#define NODE_DEFAULT "http://127.0.0.1:7801"
#define LIMIT_MAX    1000
#define COUNT_MAX    1000000000

const char *argp_program_version = "cairnctl " CAIRN_VERSION;

static const char about[] =
    "Operates a cluster through one of its nodes.\v"
    "Commands:\n"
    "  status             whether the node is ready, and the cluster at a glance\n"
    "  members            the nodes of the cluster\n"
    "  ranges             the hash ranges, their leaders and voters (also: shards)\n"
    "  epoch [N]          the newest complete epoch, or the given one\n"
    "  hunts [list]       the hunts\n"
    "  hunts get ID       a hunt's definition as JSON\n"
    "  hunts put FILE     a new version of a hunt; FILE.json is JSON, all else YAML\n"
    "  board HUNT [ID]    the leaderboard; with a player's ID those who stand near him\n"
    "  awards HUNT        who won the limited treasures\n"
    "  player HUNT ID     what a player has, and what is open to him\n"
    "  drain NODE         move everything away from a node\n"
    "  remove NODE        forget a dead node, for good\n"
    "  watch              the status once a second, until Ctrl-C\n"
    "\n"
    "With --json one JSON object on one line is printed and nothing else; after a failure it is "
    "the problem. Exit code: 0 done, 1 failed, 2 wrong usage.";

enum key {
    KEY_DRY_RUN = 256,
    KEY_COUNT,
};

struct command {
    const char *words; /* what it begins with */
    ctl_command *run;
    int more_min, more_max; /* words after those */
    bool takes_dry_run, takes_limit, takes_count;
};

/* Of two that fit the first is taken. */
static const struct command commands[] = {
    {"status", ctl_status, 0, 0, false, false, false},
    {"members", ctl_members, 0, 0, false, false, false},
    {"ranges", ctl_ranges, 0, 0, false, false, false},
    {"shards", ctl_ranges, 0, 0, false, false, false},
    {"epoch", ctl_epoch, 0, 1, false, false, false},
    {"hunts put", ctl_put_hunt, 1, 1, true, false, false},
    {"hunts get", ctl_get_hunt, 1, 1, false, false, false},
    {"hunts list", ctl_hunts, 0, 0, false, false, false},
    {"hunts", ctl_hunts, 0, 0, false, false, false},
    {"board", ctl_board, 1, 2, false, true, false},
    {"awards", ctl_awards, 1, 1, false, true, false},
    {"player", ctl_player, 2, 2, false, false, false},
    {"drain", ctl_drain, 1, 1, false, false, false},
    {"remove", ctl_remove, 1, 1, false, false, false},
    {"watch", ctl_watch, 0, 0, false, false, true},
};

#define WORDS_MAX 4 /* "hunts put FILE" and one too many */

struct options {
    const char *node;
    const char *token_file;
    bool json;
    const char *words[WORDS_MAX];
    int words_count;
    const struct command *command;
    struct ctl_arguments arguments;
};

static const struct argp_option choices[] = {
    {"node", 'n', "URL", 0, "The node that is asked (" NODE_DEFAULT ")", 0},
    {"token-file", 'T', "FILE", 0, "The administrator's token", 0},
    {"json", 'j', NULL, 0, "Print one JSON object", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "hunts put: only check the file", 0},
    {"limit", 'l', "N", 0,
     "board: so many players (50, near a player 10); awards: so many winners (50)", 0},
    {"count", KEY_COUNT, "N", 0, "watch: so many times (until Ctrl-C)", 0},
    {0},
};

/* How many of the given words the command's own are; 0: it is another command. */
static int match(const struct command *command, const struct options *options)
{
    const char *own = command->words;
    int count = 0;
    while (*own != '\0') {
        const size_t length = strcspn(own, " ");
        if (count == options->words_count || strlen(options->words[count]) != length ||
            memcmp(options->words[count], own, length) != 0)
            return 0;
        count++;
        own += length;
        own += strspn(own, " ");
    }
    return count;
}

static void check_options(const struct options *options, struct argp_state *state)
{
    const struct command *command = options->command;
    if (options->arguments.dry_run && !command->takes_dry_run)
        argp_error(state, "--dry-run is for hunts put");
    if (options->arguments.limit > 0 && !command->takes_limit)
        argp_error(state, "--limit is for board and awards");
    if (options->arguments.count > 0 && !command->takes_count)
        argp_error(state, "--count is for watch");
}

static void take_command(struct options *options, struct argp_state *state)
{
    int own = 0;
    if (options->words_count == 0)
        argp_error(state, "a command is missing");
    for (size_t i = 0; own == 0 && i < sizeof commands / sizeof commands[0]; i++) {
        own = match(&commands[i], options);
        options->command = &commands[i];
    }
    if (own == 0)
        argp_error(state, "there is no command '%s'", options->words[0]);
    const int more = options->words_count - own;
    if (more < options->command->more_min)
        argp_error(state, "'%s' needs %d more word%s", options->command->words,
                   options->command->more_min - more,
                   options->command->more_min - more == 1 ? "" : "s");
    if (more > options->command->more_max)
        argp_error(state, "unexpected argument '%s'",
                   options->words[own + options->command->more_max]);
    CHECK(more <= CTL_WORDS_MAX);
    for (int i = 0; i < more; i++)
        options->arguments.words[i] = options->words[own + i];
    check_options(options, state);
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct options *options = state->input;
    switch (key) {
    case 'n':
        options->node = text;
        return 0;
    case 'T':
        options->token_file = text;
        return 0;
    case 'j':
        options->json = true;
        return 0;
    case KEY_DRY_RUN:
        options->arguments.dry_run = true;
        return 0;
    case 'l':
        options->arguments.limit = option_number32(text, 1, LIMIT_MAX, state);
        return 0;
    case KEY_COUNT:
        options->arguments.count = option_number32(text, 1, COUNT_MAX, state);
        return 0;
    case ARGP_KEY_ARG:
        if (options->words_count == WORDS_MAX)
            argp_error(state, "unexpected argument '%s'", text);
        options->words[options->words_count++] = text;
        return 0;
    case ARGP_KEY_END:
        take_command(options, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Exit code; 0: go on. */
static int prepare(struct ctl *ctl, char token[TOKEN_BYTES], const struct options *options)
{
    const enum status url = http_url_parse(&ctl->url, options->node);
    if (url != STATUS_OK) {
        (void)fprintf(stderr,
                      url == STATUS_NOT_FOUND ? "cairnctl: nobody knows the host of '%s'\n"
                                              : "cairnctl: '%s' is not like http://HOST:PORT\n",
                      options->node);
        return url == STATUS_NOT_FOUND ? 1 : 2;
    }
    if (options->token_file != NULL) {
        const enum status status = token_file_read(token, options->token_file);
        if (status != STATUS_OK) {
            (void)fprintf(stderr, "cairnctl: %s: %s\n", options->token_file,
                          status == STATUS_IO ? strerror(errno) : "its first line is no token");
            return 1;
        }
        ctl->token = token;
    }
    ctl->json = options->json;
    return ctl_open(ctl) == STATUS_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {choices, parse, "COMMAND [WORD...]", about, NULL, NULL, NULL};
    static struct ctl ctl;
    static char token[TOKEN_BYTES];
    struct options options = {.node = NODE_DEFAULT};
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &options) != 0)
        return 2;
    int code = prepare(&ctl, token, &options);
    if (code != 0)
        return code;
    code = options.command->run(&ctl, &options.arguments);
    ctl_close(&ctl);
    return fflush(stdout) == 0 ? code : 1;
}
