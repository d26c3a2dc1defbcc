/* One cairnd as its operator meets it: its words, its exit codes, and what it still knows after it
 * was killed. Real processes, sockets and files; port 0 everywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cluster/values/log_entry.h"
#include "node/store.h"

#define WAIT_MS    20000
#define TEXT_BYTES (1 << 20)
#define PATH_BYTES 256
#define PLAYER     "4be0643f-1d98-573b-97cd-ca98a65347dd"

struct node_process {
    char folder[PATH_BYTES]; /* n.yaml, data/, out, err */
    pid_t pid;               /* 0: does not run */
    char http[64];
};

static void die_with_errno(const char *what)
{
    fail_msg("%s: %s", what, strerror(errno));
}

static uint64_t now_ms(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void pause_a_little(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/* --- Files ------------------------------------------------------------------------------------ */

static char text[TEXT_BYTES];

static const char *path_in(const struct node_process *node, const char *name)
{
    static char path[PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/%s", node->folder, name);
    return path;
}

static const char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die_with_errno(path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    return text;
}

static void write_file(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(content, file) == EOF || fclose(file) != 0)
        die_with_errno(path);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

/* --- Processes -------------------------------------------------------------------------------- */

#define ARGUMENTS_MAX 16

/* Runs cairnd with its configuration and these arguments, up to a NULL. */
static void run(struct node_process *node, const char *const *extra)
{
    static char program[PATH_BYTES];
    static char config[PATH_BYTES + 64];
    char *arguments[ARGUMENTS_MAX] = {program};
    size_t count = 1;
    const char *folder = getenv("CAIRN_BIN");
    (void)snprintf(program, sizeof program, "%s/cairnd", folder != NULL ? folder : "build/dev/bin");
    (void)snprintf(config, sizeof config, "--config=%s", path_in(node, "n.yaml"));
    arguments[count++] = config;
    for (; extra != NULL && *extra != NULL; extra++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        arguments[count++] = strdup(*extra);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        const int out = open(path_in(node, "out"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        const int err = open(path_in(node, "err"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (out < 0 || err < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
            _exit(99);
        (void)execv(program, arguments);
        _exit(98);
    }
    for (size_t i = 2; i < count; i++)
        free(arguments[i]);
    if (pid < 0)
        die_with_errno("fork");
    node->pid = pid;
}

/* Waits for its end: the exit code, or 1000 and more: the signal that killed it. */
static int wait_end(struct node_process *node)
{
    int how = 0;
    const uint64_t start = now_ms(CLOCK_MONOTONIC);
    while (waitpid(node->pid, &how, WNOHANG) == 0) {
        if (now_ms(CLOCK_MONOTONIC) - start > WAIT_MS) {
            (void)kill(node->pid, SIGKILL);
            (void)waitpid(node->pid, &how, 0);
            node->pid = 0;
            fail_msg("it does not end; it said: %s", read_file(path_in(node, "err")));
        }
        pause_a_little();
    }
    node->pid = 0;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

static void kill_hard(struct node_process *node)
{
    assert_int_equal(kill(node->pid, SIGKILL), 0);
    assert_int_equal(wait_end(node), 1000 + SIGKILL);
}

static int run_to_end(struct node_process *node, const char *const *extra)
{
    run(node, extra);
    return wait_end(node);
}

/* Waits until `file` matches; parts of the match are copied to `ret_part`. */
static void wait_for(struct node_process *node, const char *file, const char *pattern,
                     char *ret_part, size_t capacity)
{
    regex_t regex;
    regmatch_t parts[2];
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE), 0);
    const uint64_t start = now_ms(CLOCK_MONOTONIC);
    while (regexec(&regex, read_file(path_in(node, file)), 2, parts, 0) != 0) {
        if (now_ms(CLOCK_MONOTONIC) - start > WAIT_MS)
            fail_msg("no '%s' in %s; it said: %s", pattern, file, read_file(path_in(node, "err")));
        pause_a_little();
    }
    if (ret_part != NULL)
        (void)snprintf(ret_part, capacity, "%.*s", (int)(parts[1].rm_eo - parts[1].rm_so),
                       text + parts[1].rm_so);
    regfree(&regex);
}

static void start(struct node_process *node, const char *const *extra)
{
    char pid[16];
    write_file(path_in(node, "out"), "");
    run(node, extra);
    wait_for(node, "out",
             "^ready node=n1 http=(127\\.0\\.0\\.1:[1-9][0-9]*) "
             "peer=tcp://127\\.0\\.0\\.1:7901 pid=[0-9]+$",
             node->http, sizeof node->http);
    wait_for(node, "out", "pid=([0-9]+)$", pid, sizeof pid);
    assert_int_equal(strtol(pid, NULL, 10), node->pid);
}

static int setup(void **state)
{
    static struct node_process node;
    node = (struct node_process){.folder = "/tmp/cairn-test-node-XXXXXX"};
    if (mkdtemp(node.folder) == NULL)
        return -1;
    char config[512];
    (void)snprintf(config, sizeof config,
                   "node: { name: n1, data: %s/here/data }\n"
                   "http: { listen: '127.0.0.1:0' }\n"
                   "cluster: { found: true, ranges: 4, epoch_ms: 100 }\n",
                   node.folder);
    write_file(path_in(&node, "n.yaml"), config);
    write_file(path_in(&node, "err"), "");
    *state = &node;
    return 0;
}

static int teardown(void **state)
{
    struct node_process *node = *state;
    if (node->pid != 0) {
        (void)kill(node->pid, SIGKILL);
        (void)waitpid(node->pid, NULL, 0);
    }
    return nftw(node->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static int connect_to(const struct node_process *node)
{
    const char *colon = strchr(node->http, ':');
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((in_port_t)strtoul(colon + 1, NULL, 10)),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die_with_errno("connect");
    return fd;
}

/* One request on one connection; `text` holds the whole answer. Returns its status, or 0 when the
 * connection ended without one. */
static int request(const struct node_process *node, const char *method, const char *path,
                   const char *type, const char *body)
{
    static char head[4096];
    const int bytes = snprintf(head, sizeof head,
                               "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                               "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
                               method, path, node->http, type, strlen(body), body);
    assert_in_range(bytes, 1, sizeof head - 1);
    const int fd = connect_to(node);
    assert_int_equal(send(fd, head, (size_t)bytes, MSG_NOSIGNAL), bytes);
    size_t used = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        const ssize_t got = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    text[used] = '\0';
    (void)close(fd);
    return strncmp(text, "HTTP/1.1 ", 9) == 0 ? (int)strtol(text + 9, NULL, 10) : 0;
}

static int get(const struct node_process *node, const char *path)
{
    return request(node, "GET", path, "text/plain", "");
}

static int claim(const struct node_process *node, uint32_t seq, int x, uint64_t time_ms)
{
    char body[512];
    (void)snprintf(body, sizeof body,
                   "{\"hunt\":\"yard\",\"claims\":[{\"player\":\"" PLAYER
                   "\",\"seq\":%u,\"x\":%d,\"y\":0,\"time_ms\":%llu}]}",
                   seq, x, (unsigned long long)time_ms);
    return request(node, "POST", "/hunt", "application/json", body);
}

static void assert_says(const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in: %s", part, text);
}

/* The value of a member of the answer, as it is written. */
static void member(char *value, size_t capacity, const char *name)
{
    char key[64];
    (void)snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(text, key);
    if (at == NULL) {
        fail_msg("no %s in: %s", key, text);
        return;
    }
    at += strlen(key);
    (void)snprintf(value, capacity, "%.*s", (int)strcspn(at, ",}"), at);
}

static void put_hunt(const struct node_process *node)
{
    assert_int_equal(request(node, "PUT", "/v1/hunts/yard", "application/yaml",
                             "hunt: yard\n"
                             "plane: flat\n"
                             "treasures:\n"
                             "  - {id: well, at: {x: 0, y: 0}, radius: 10, points: 5}\n"
                             "  - {id: oak, at: {x: 1000, y: 0}, radius: 10, points: 7}\n"),
                     200);
    assert_says("\"version\":1");
}

/* Until the hunt is active its claims are not_open; seq 1 is used again and again, since those take
 * no place. */
static void wait_until_open(const struct node_process *node)
{
    const uint64_t begin = now_ms(CLOCK_MONOTONIC);
    do {
        assert_int_equal(claim(node, 1, 500, 1), 200);
        assert_true(now_ms(CLOCK_MONOTONIC) - begin < WAIT_MS);
    } while (strstr(text, "\"not_open\"") != NULL);
    assert_says("\"nothing\"");
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void what_was_acknowledged_is_there_after_kill_9(void **state)
{
    struct node_process *node = *state;
    char log_index[32];
    char again[32];
    start(node, NULL);
    put_hunt(node);
    wait_until_open(node);
    assert_int_equal(claim(node, 2, 0, 2), 200);
    assert_says("\"outcome\":\"found\",\"treasure\":\"well\",\"points\":5,\"score\":\"5\"");
    member(log_index, sizeof log_index, "log_index");

    for (uint32_t round = 0; round < 3; round++) {
        kill_hard(node);
        start(node, NULL);
        assert_int_equal(claim(node, 2, 0, 2), 200);
        assert_says("\"outcome\":\"found\",\"treasure\":\"well\",\"points\":5,\"score\":\"5\"");
        assert_says("\"replayed\":true");
        member(again, sizeof again, "log_index");
        assert_string_equal(again, log_index);
        assert_int_equal(claim(node, 3 + round, 0, 3), 200);
        assert_says("\"outcome\":\"already\"");
    }
    assert_int_equal(get(node, "/v1/hunts/yard/players/" PLAYER), 200);
    assert_says("\"score\":\"5\"");
    assert_says("\"last_seq\":\"5\"");
    (void)read_file(path_in(node, "err"));
    assert_says("boot=4");
    assert_says("cluster.found is ignored");
}

static void sigterm_finishes_and_ends_with_0(void **state)
{
    struct node_process *node = *state;
    start(node, NULL);
    assert_int_equal(kill(node->pid, SIGTERM), 0);
    assert_int_equal(wait_end(node), 0);
    (void)read_file(path_in(node, "err"));
    assert_says("stopped");
    start(node, NULL); /* and what it left can be started from */
}

static void a_second_sigterm_stops_at_once(void **state)
{
    struct node_process *node = *state;
    start(node, NULL);
    /* A request that is not finished keeps the first stop waiting. */
    const int fd = connect_to(node);
    assert_int_equal(send(fd, "POST /hunt HTTP/1.1\r\nHost: x\r\n", 31, MSG_NOSIGNAL), 31);
    assert_int_equal(get(node, "/healthz"), 200); /* by now that was read */
    assert_int_equal(kill(node->pid, SIGTERM), 0);
    wait_for(node, "err", "info stopping$", NULL, 0);
    assert_int_equal(kill(node->pid, SIGTERM), 0);
    assert_int_equal(wait_end(node), 1);
    (void)close(fd);
}

static void without_founding_it_waits_and_says_so(void **state)
{
    struct node_process *node = *state;
    static const char *const settings[] = {"--set=cluster.found=false", "--set=log.format=json",
                                           NULL};
    run(node, settings);
    wait_for(node, "err", "the data directory is empty: waiting", NULL, 0);
    wait_for(node, "err", "\"http\":\"([0-9.:]+)\"", node->http, sizeof node->http);
    assert_int_equal(get(node, "/healthz"), 200);
    assert_int_equal(get(node, "/readyz"), 503);
    assert_int_equal(kill(node->pid, SIGTERM), 0);
    assert_int_equal(wait_end(node), 0);
    assert_string_equal(read_file(path_in(node, "out")), "");
}

static void whoever_joins_says_so_and_by_which_address(void **state)
{
    struct node_process *node = *state;
    static const char *const settings[] = {"--set=cluster.found=false",
                                           "--set=cluster.join=[tcp://127.0.0.1:7902]", NULL};
    run(node, settings);
    wait_for(node, "err", "joining a cluster by=tcp://127.0.0.1:7902", NULL, 0);
}

static void a_wrong_configuration_ends_with_78_and_its_place(void **state)
{
    struct node_process *node = *state;
    static const char *const wrong[] = {"--set=cluster.ranges=1025", NULL};
    static const char *const check[] = {"--check", NULL};
    assert_int_equal(run_to_end(node, wrong), 78);
    (void)read_file(path_in(node, "err"));
    assert_says("cairnd: --set cluster.ranges=1025: must be a whole number from 1 to 1024");

    write_file(path_in(node, "n.yaml"), "node: { name: n1, data: x }\nhttp:\n  lissten: 1\n");
    assert_int_equal(run_to_end(node, check), 78);
    (void)read_file(path_in(node, "err"));
    assert_says("n.yaml:3:3: http.lissten: there is no such key");

    assert_int_equal(unlink(path_in(node, "n.yaml")), 0);
    assert_int_equal(run_to_end(node, NULL), 78);
}

static void check_and_print_start_nothing(void **state)
{
    struct node_process *node = *state;
    static const char *const check[] = {"--check", NULL};
    static const char *const print[] = {"--print-config", "--set=node.zone=east wing", NULL};
    static const char *const print_again[] = {"--print-config", NULL};
    struct stat about;
    assert_int_equal(run_to_end(node, check), 0);
    assert_int_equal(run_to_end(node, print), 0);
    char *printed = strdup(read_file(path_in(node, "out")));
    assert_non_null(strstr(printed, "  zone: \"east wing\"\n"));
    assert_non_null(strstr(printed, "  epoch_ms: 100\n"));
    write_file(path_in(node, "n.yaml"), printed);
    assert_int_equal(run_to_end(node, print_again), 0);
    assert_string_equal(read_file(path_in(node, "out")), printed);
    free(printed);
    assert_int_equal(stat(path_in(node, "here"), &about), -1);
}

static void wrong_usage_ends_with_2(void **state)
{
    struct node_process *node = *state;
    static const char *const unknown[] = {"--colour=red", NULL};
    static const char *const help[] = {"--help", NULL};
    static const char *const version[] = {"--version", NULL};
    assert_int_equal(run_to_end(node, unknown), 2);
    assert_int_equal(run_to_end(node, help), 0);
    assert_non_null(strstr(read_file(path_in(node, "out")), "--allow-clock-jump"));
    assert_int_equal(run_to_end(node, version), 0);
    assert_memory_equal(read_file(path_in(node, "out")), "cairnd ", 7);
}

static void a_data_directory_that_cannot_be_made_ends_with_74(void **state)
{
    struct node_process *node = *state;
    static const char *const settings[] = {"--set=node.data=/dev/null/data", NULL};
    assert_int_equal(run_to_end(node, settings), 74);
    (void)read_file(path_in(node, "err"));
    assert_says("cannot make the data directory");
}

static void a_data_directory_has_one_process(void **state)
{
    struct node_process *node = *state;
    start(node, NULL);
    struct node_process second = *node;
    assert_int_equal(run_to_end(&second, NULL), 1);
    (void)read_file(path_in(node, "err"));
    assert_says("another process uses the data directory");
    assert_int_equal(get(node, "/readyz"), 200);
}

static void a_taken_address_is_named(void **state)
{
    struct node_process *node = *state;
    char setting[128];
    start(node, NULL);
    (void)snprintf(setting, sizeof setting, "--set=http.listen=%s", node->http);
    const char *const settings[] = {setting, NULL};
    struct node_process second = *node;
    assert_int_equal(run_to_end(&second, settings), 1);
    (void)read_file(path_in(node, "err"));
    assert_says("why=\"the address is taken\"");
}

/* A file-size limit makes the next write fail, as a full or broken disk does. */
static void a_failed_write_ends_with_74_and_answers_nothing(void **state)
{
    struct node_process *node = *state;
    start(node, NULL);
    put_hunt(node);
    wait_until_open(node);
    assert_int_equal(claim(node, 2, 0, 2), 200);
    const struct rlimit limit = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    assert_int_equal(prlimit(node->pid, RLIMIT_FSIZE, &limit, NULL), 0);
    assert_int_equal(claim(node, 3, 1000, 3), 0);
    assert_int_equal(wait_end(node), 74);
    (void)read_file(path_in(node, "err"));

    start(node, NULL);
    assert_int_equal(claim(node, 2, 0, 2), 200);
    assert_says("\"replayed\":true");
    assert_int_equal(claim(node, 3, 1000, 3), 200);
    assert_says("\"outcome\":\"found\",\"treasure\":\"oak\"");
}

static void sighup_reads_the_level_again(void **state)
{
    struct node_process *node = *state;
    start(node, NULL);
    char *config = strdup(read_file(path_in(node, "n.yaml")));
    char changed[1024];
    (void)snprintf(changed, sizeof changed, "%slog: { level: info, format: json }\n", config);
    write_file(path_in(node, "n.yaml"), changed);
    assert_int_equal(kill(node->pid, SIGHUP), 0);
    wait_for(node, "err", "^\\{\"time\":.*\"message\":\"read the configuration again", NULL, 0);
    write_file(path_in(node, "n.yaml"), "nonsense: 1\n");
    assert_int_equal(kill(node->pid, SIGHUP), 0);
    wait_for(node, "err", "the configuration stays as it was.*nonsense: there is no such key", NULL,
             0);
    assert_int_equal(get(node, "/healthz"), 200);
    free(config);
}

/* --- A clock that jumps ----------------------------------------------------------------------- */

#define MONTH_STAMPS ((UINT64_C(31) * 86400 * 1000000) << 12)

static void ignore_completion(void *context, uint64_t ticket, enum status status)
{
    (void)context;
    (void)ticket;
    (void)status;
}

struct ageing {
    struct store *store;
    uint32_t group;
    bool any;
};

/* Makes an entry a month older than it was: its stamp stands at 8 in a record (record.h). */
static enum status age_entry(void *context, uint64_t index, const struct store_entry *entry)
{
    struct ageing *ageing = context;
    if (entry->type != ENTRY_COMMAND)
        return STATUS_OK;
    uint8_t *data = malloc(entry->bytes);
    assert_non_null(data);
    memcpy(data, entry->data, entry->bytes);
    uint64_t stamp;
    memcpy(&stamp, data + 8, sizeof stamp);
    stamp -= MONTH_STAMPS;
    memcpy(data + 8, &stamp, sizeof stamp);
    const struct store_entry older = {
        .term = entry->term,
        .type = entry->type,
        .data = data,
        .bytes = entry->bytes,
    };
    store_append(ageing->store, ageing->group, index, &older, 1);
    ageing->any = true;
    free(data);
    return STATUS_OK;
}

static enum status age_group(void *context, const struct store_group *group)
{
    struct ageing *ageing = context;
    struct store_error error;
    ageing->group = group->group;
    return store_restore(ageing->store, group, &error, age_entry, ageing);
}

static void age_data(const struct node_process *node)
{
    struct store_error error;
    struct ageing ageing = {.any = false};
    const struct store_settings settings = {
        .path = path_in(node, "here/data/log"),
        .completed = ignore_completion,
    };
    assert_int_equal(store_open(&ageing.store, &settings, &error), STATUS_OK);
    assert_int_equal(store_each_group(ageing.store, &error, age_group, &ageing), STATUS_OK);
    assert_int_equal(store_submit(ageing.store, 1), STATUS_OK);
    assert_int_equal(store_drain(ageing.store), STATUS_OK);
    store_close(ageing.store);
    assert_true(ageing.any);
}

static void a_clock_a_month_ahead_of_the_log_needs_a_flag(void **state)
{
    struct node_process *node = *state;
    static const char *const allow[] = {"--allow-clock-jump", NULL};
    start(node, NULL);
    kill_hard(node);
    age_data(node);
    assert_int_equal(run_to_end(node, NULL), 78);
    (void)read_file(path_in(node, "err"));
    assert_says("more than 30 days ahead of the newest entry in the log");
    start(node, allow);
    put_hunt(node);
    wait_until_open(node);
    kill_hard(node);
    start(node, NULL); /* by now there are newer entries */
}

#define NODE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(what_was_acknowledged_is_there_after_kill_9),
        NODE_TEST(sigterm_finishes_and_ends_with_0),
        NODE_TEST(a_second_sigterm_stops_at_once),
        NODE_TEST(without_founding_it_waits_and_says_so),
        NODE_TEST(whoever_joins_says_so_and_by_which_address),
        NODE_TEST(a_wrong_configuration_ends_with_78_and_its_place),
        NODE_TEST(check_and_print_start_nothing),
        NODE_TEST(wrong_usage_ends_with_2),
        NODE_TEST(a_data_directory_that_cannot_be_made_ends_with_74),
        NODE_TEST(a_data_directory_has_one_process),
        NODE_TEST(a_taken_address_is_named),
        NODE_TEST(a_failed_write_ends_with_74_and_answers_nothing),
        NODE_TEST(sighup_reads_the_level_again),
        NODE_TEST(a_clock_a_month_ahead_of_the_log_needs_a_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
