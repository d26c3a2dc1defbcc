/* cairnd: one node of a cluster. */
#include <argp.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/config.h"
#include "node/http.h"
#include "node/log.h"
#include "node/loop.h"
#include "node/node.h"
#include "node/routes.h"

#define EXIT_USAGE         2
#define EXIT_CONFIGURATION 78

/* Between requests of one connection, and for a client to take an answer. */
#define IDLE_MS  60000
#define WRITE_MS 30000

/* A stop waits so long for answers to be taken. */
#define STOP_MS       10000
#define STOP_CHECK_MS 10

/* Descriptors besides those of connections: the store's files, listeners, the loop's own. */
#define DESCRIPTORS_SPARE 1024

/* Larger blocks get pages of their own, which exist once they are touched. */
#define MMAP_THRESHOLD_BYTES (128 << 10)

struct program {
    /* What was asked for. */
    const char *config_path;
    const char **settings; /* the --set arguments */
    size_t settings_count;
    bool check, print, allow_clock_jump;

    struct config config;
    struct event_base *base;
    struct http_server *http;
    struct routes *routes;
    struct node *node;
    struct loop_event *terminate, *interrupt, *hangup, *stop_timer;
    uint32_t stop_waited_ms;
    bool stopping, node_stopping, node_stopped;
    int exit_code;
};

/* --- Arguments -------------------------------------------------------------------------------- */

const char *argp_program_version = "cairnd " CAIRN_VERSION;

enum option_key {
    OPTION_CONFIG = 'c',
    OPTION_SET = 's',
    OPTION_CHECK = 256,
    OPTION_PRINT,
    OPTION_JUMP,
};

static const struct argp_option options[] = {
    {.name = "config", .key = OPTION_CONFIG, .arg = "FILE", .doc = "The configuration (YAML)"},
    {.name = "set",
     .key = OPTION_SET,
     .arg = "SECTION.KEY=VALUE",
     .doc = "Instead of what the file says; may be repeated"},
    {.name = "check", .key = OPTION_CHECK, .doc = "Check the configuration and exit"},
    {.name = "print-config", .key = OPTION_PRINT, .doc = "Print the whole configuration and exit"},
    {.name = "allow-clock-jump",
     .key = OPTION_JUMP,
     .doc = "Start although the newest entry in the log is more than 30 days old"},
    {.name = NULL},
};

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct program *program = state->input;
    switch (key) {
    case OPTION_CONFIG:
        program->config_path = argument;
        return 0;
    case OPTION_SET:
        program->settings[program->settings_count++] = argument;
        return 0;
    case OPTION_CHECK:
        program->check = true;
        return 0;
    case OPTION_PRINT:
        program->print = true;
        return 0;
    case OPTION_JUMP:
        program->allow_clock_jump = true;
        return 0;
    case ARGP_KEY_END:
        if (program->config_path == NULL)
            argp_error(state, "--config FILE is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void parse_arguments(struct program *program, int count, char **arguments)
{
    static const struct argp parser = {
        .options = options,
        .parser = on_option,
        .doc = "A node of a Cairn cluster.\v"
               "Prints one line that begins with \"ready\" when it serves. SIGTERM stops it, a "
               "second one at once; SIGHUP reads log.level and log.format again.\n"
               "Exit codes: 0 stopped, 1 failed, 2 wrong usage, 74 disk, 78 configuration.",
    };
    argp_err_exit_status = EXIT_USAGE;
    program->settings = calloc((size_t)count, sizeof *program->settings);
    if (program->settings == NULL) {
        (void)fputs("cairnd: no memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    (void)argp_parse(&parser, count, arguments, 0, NULL, program);
}

/* --- Running ---------------------------------------------------------------------------------- */

/* Requests are handled only while the loop runs, and so only when there are routes. */
static void on_request(struct http_request *request, void *context)
{
    const struct program *program = context;
    routes_handle(request, program->routes);
}

static void on_ready(void *context)
{
    const struct program *program = context;
    (void)printf("ready node=%s http=%s peer=%s pid=%ld\n", program->config.node.name,
                 http_server_address(program->http), node_peer_address(program->node),
                 (long)getpid());
    (void)fflush(stdout);
}

static void on_node_stopped(void *context)
{
    struct program *program = context;
    program->node_stopped = true;
}

/* What has been accepted is first to come to the node. */
static void stop_node_when_read(struct program *program)
{
    if (program->node_stopping || routes_bodies_waiting(program->routes) > 0)
        return;
    program->node_stopping = true;
    node_stop(program->node, on_node_stopped, program);
}

/* The answers of the last requests are on their way to the clients. */
static void on_stop_check(void *context)
{
    struct program *program = context;
    const size_t busy = http_server_busy(program->http);
    stop_node_when_read(program);
    if (program->node_stopped && busy == 0) {
        loop_stop(program->base);
        return;
    }
    program->stop_waited_ms += STOP_CHECK_MS;
    if (program->stop_waited_ms >= STOP_MS) {
        log_write(LOG_LEVEL_WARNING, "stopping although not everything was answered",
                  LOG_FIELDS(log_number("connections", busy)));
        loop_stop(program->base);
        return;
    }
    loop_timer_after(program->stop_timer, STOP_CHECK_MS * 1000);
}

static void on_terminate(void *context)
{
    struct program *program = context;
    if (program->stopping) {
        log_write(LOG_LEVEL_WARNING, "stopping at once", NULL);
        program->exit_code = EXIT_FAILURE;
        loop_stop(program->base);
        return;
    }
    log_write(LOG_LEVEL_INFO, "stopping", NULL);
    program->stopping = true;
    http_server_stop(program->http);
    stop_node_when_read(program);
    loop_timer_after(program->stop_timer, 0);
}

/* What can change while the node runs is how it logs. */
static void on_hangup(void *context)
{
    struct program *program = context;
    struct config config;
    struct config_fault fault;
    if (config_load(&config, program->config_path, program->settings, program->settings_count,
                    &fault) != STATUS_OK) {
        log_write(LOG_LEVEL_ERROR, "the configuration stays as it was",
                  LOG_FIELDS(log_text("why", fault.text)));
        return;
    }
    log_setup(config.log.level, config.log.format);
    log_write(LOG_LEVEL_INFO,
              "read the configuration again; changes of other keys than log.level "
              "and log.format need a restart",
              LOG_FIELDS(log_text("level", log_level_name(config.log.level)),
                         log_text("format", log_format_name(config.log.format))));
    config_fini(&config);
}

static bool start_http(struct program *program)
{
    const struct config *config = &program->config;
    struct http_settings settings;
    http_settings_init(&settings);
    settings.listen = config->http.listen;
    settings.body_bytes_max = config->limits.body_bytes;
    settings.header_bytes_max = config->limits.header_bytes;
    settings.request_ms = config->limits.request_ms;
    settings.idle_ms = IDLE_MS;
    settings.write_ms = WRITE_MS;
    settings.connections_max = config->limits.connections;
    settings.priority = LOOP_REQUESTS;
    settings.cors = (const char *const *)config->http.cors.items;
    settings.cors_count = config->http.cors.count;
    const enum status status =
        http_server_start(&program->http, &settings, program->base, on_request, program);
    if (status == STATUS_OK) {
        log_write(LOG_LEVEL_INFO, "serving HTTP",
                  LOG_FIELDS(log_text("http", http_server_address(program->http))));
        return true;
    }
    const char *why = status == STATUS_CONFLICT ? "the address is taken"
                      : status == STATUS_IO     ? strerror(errno)
                                                : status_name(status);
    log_write(LOG_LEVEL_ERROR, "cannot serve HTTP",
              LOG_FIELDS(log_text("listen", config->http.listen), log_text("why", why)));
    return false;
}

static bool start_node(struct program *program)
{
    const struct node_settings settings = {
        .config = &program->config,
        .http = http_server_address(program->http),
        .allow_clock_jump = program->allow_clock_jump,
        .ready = on_ready,
        .context = program,
    };
    if (node_start(&program->node, &settings, program->base, &program->exit_code) != STATUS_OK)
        return false;
    program->routes = routes_new(program->node);
    return program->routes != NULL;
}

static bool watch_signals(struct program *program)
{
    struct event_base *base = program->base;
    program->terminate = loop_signal_new(base, SIGTERM, on_terminate, program);
    program->interrupt = loop_signal_new(base, SIGINT, on_terminate, program);
    program->hangup = loop_signal_new(base, SIGHUP, on_hangup, program);
    program->stop_timer = loop_timer_new(base, LOOP_URGENT, on_stop_check, program);
    return program->terminate != NULL && program->interrupt != NULL && program->hangup != NULL &&
           program->stop_timer != NULL;
}

/* Connections beyond the descriptors that the system grants would be refused one by one. */
static void raise_descriptors(const struct config *config)
{
    const rlim_t wanted = (rlim_t)config->limits.connections + DESCRIPTORS_SPARE;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(
            LOG_LEVEL_WARNING, "fewer descriptors than limits.connections needs",
            LOG_FIELDS(log_number("descriptors", limit.rlim_cur), log_number("wanted", wanted)));
}

static void run(struct program *program)
{
    program->exit_code = EXIT_FAILURE;
    raise_descriptors(&program->config);
    program->base = loop_new();
    if (program->base == NULL)
        log_write(LOG_LEVEL_ERROR, "cannot make the event loop", NULL);
    else if (start_http(program) && start_node(program) && watch_signals(program)) {
        program->exit_code = EXIT_SUCCESS;
        loop_run(program->base);
        log_write(LOG_LEVEL_INFO, "stopped", NULL);
    }
    http_server_close(program->http);
    node_close(program->node);
    routes_free(program->routes);
    loop_event_free(program->terminate);
    loop_event_free(program->interrupt);
    loop_event_free(program->hangup);
    loop_event_free(program->stop_timer);
    loop_free(program->base);
}

static void print_config(struct program *program)
{
    config_print(&program->config, stdout);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        program->exit_code = EXIT_FAILURE;
}

int main(int argument_count, char **arguments)
{
    struct program program = {.config_path = NULL};
    struct config_fault fault;
    /* Engines take room for all the players they may ever hold and touch it as they come. Left to
     * itself, glibc would serve such blocks from its heap once a large one was freed, and touch all
     * of it with zeros. */
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
    /* Broken connections and a limit on file sizes are failures of a write, not of the process. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    parse_arguments(&program, argument_count, arguments);
    if (config_load(&program.config, program.config_path, program.settings, program.settings_count,
                    &fault) != STATUS_OK) {
        (void)fprintf(stderr, "cairnd: %s\n", fault.text);
        free(program.settings);
        return EXIT_CONFIGURATION;
    }
    log_setup(program.config.log.level, program.config.log.format);
    if (program.print)
        print_config(&program);
    else if (program.check)
        (void)printf("%s: the configuration is right\n", program.config_path);
    else
        run(&program);
    config_fini(&program.config);
    free(program.settings);
    return program.exit_code;
}
