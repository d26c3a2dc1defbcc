#include "tests/integration/process.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32
#define LINE_BYTES    256
#define SAID_BYTES    (1 << 18)

uint64_t process_number(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL && *text != '\0' ? strtoull(text, NULL, 10) : otherwise;
}

uint64_t process_seed(void)
{
    const uint64_t seed = process_number("CAIRN_SEED", (uint64_t)time(NULL));
    print_message("seed=%llu\n", (unsigned long long)seed);
    return seed;
}

uint64_t process_now_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* --- The folder ------------------------------------------------------------------------------- */

const char *process_path(const struct process *process, const char *name)
{
    static char path[PROCESS_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/%s", process->folder, name);
    return path;
}

void process_init(struct process *process)
{
    process_init_as(process, "n1", "{ found: true, ranges: 8, epoch_ms: 200 }");
}

void process_init_as(struct process *process, const char *name, const char *cluster)
{
    *process = (struct process){
        .folder = "/tmp/cairn-test-process-XXXXXX",
        .name = name,
        .end = -1,
        .out = -1,
    };
    if (mkdtemp(process->folder) == NULL)
        fail_msg("%s: %s", process->folder, strerror(errno));
    FILE *file = fopen(process_path(process, "n.yaml"), "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "node: { name: %s, data: %s/data }\n"
                  "http: { listen: '127.0.0.1:0' }\n"
                  "peer: { listen: 'tcp://127.0.0.1:0' }\n"
                  "cluster: %s\n"
                  "disk: { reserve_bytes: 0 }\n",
                  name, process->folder, cluster);
    assert_int_equal(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void forget(struct process *process)
{
    (void)close(process->end);
    (void)close(process->out);
    process->pid = 0;
    process->end = -1;
    process->out = -1;
}

void process_fini(struct process *process)
{
    if (process->pid != 0) {
        (void)kill(process->pid, SIGKILL);
        (void)waitpid(process->pid, NULL, 0);
        forget(process);
    }
    if (process->folder[0] != '\0')
        (void)nftw(process->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    *process = (struct process){.end = -1, .out = -1};
}

const char *process_said(const struct process *process)
{
    static char said[SAID_BYTES];
    FILE *file = fopen(process_path(process, "err"), "r");
    said[0] = '\0';
    if (file == NULL)
        return said;
    /* The end of it tells most. */
    if (fseek(file, 0, SEEK_END) == 0 && ftell(file) >= SAID_BYTES)
        (void)fseek(file, 1 - SAID_BYTES, SEEK_END);
    else
        rewind(file);
    said[fread(said, 1, sizeof said - 1, file)] = '\0';
    (void)fclose(file);
    return said;
}

uint32_t process_count_said(const struct process *process, const char *part)
{
    uint32_t count = 0;
    for (const char *at = process_said(process); (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* --- Starting --------------------------------------------------------------------------------- */

/* In the child: nothing of this returns. */
static void become_node(const struct process *process, int out, char *const *arguments)
{
    const int err = open(process_path(process, "err"), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (err < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(99);
    if (process->network > 0 && setns(process->network, CLONE_NEWNET) != 0)
        _exit(99);
    if (process->file_bytes_max != 0) {
        const rlim_t bytes = (rlim_t)process->file_bytes_max;
        if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes}) != 0)
            _exit(99);
    }
    (void)execvp(arguments[0], arguments);
    _exit(98);
}

/* Copies, up to a NULL; NULL: none. Returns the new count. */
static size_t add_all(char **list, size_t count, const char *const *more)
{
    for (; more != NULL && *more != NULL; more++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        list[count++] = strdup(*more);
        assert_non_null(list[count - 1]);
    }
    return count;
}

void process_launch(struct process *process, const char *const *arguments)
{
    char program[PROCESS_PATH_BYTES * 4];
    char config[PROCESS_PATH_BYTES + 64];
    char *list[ARGUMENTS_MAX] = {NULL};
    size_t count = 0;
    int pipes[2];
    const char *folder = getenv("CAIRN_BIN");
    (void)snprintf(program, sizeof program, "%s/cairnd", folder != NULL ? folder : "build/dev/bin");
    (void)snprintf(config, sizeof config, "--config=%s", process_path(process, "n.yaml"));
    count = add_all(list, count, process->before);
    count = add_all(list, count, (const char *const[]){program, config, NULL});
    count = add_all(list, count, arguments);
    assert_int_equal(process->pid, 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    const pid_t pid = fork();
    if (pid == 0)
        become_node(process, pipes[1], list);
    (void)close(pipes[1]);
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    assert_true(pid > 0);
    process->pid = pid;
    process->out = pipes[0];
    process->end = pidfd_open(pid, 0);
    assert_true(process->end >= 0);
}

/* One line, or what there was of it when the output ended. */
static void read_line(const struct process *process, char *line)
{
    const uint64_t start = process_now_ms();
    size_t used = 0;
    while (used < LINE_BYTES - 1 && (used == 0 || line[used - 1] != '\n')) {
        struct pollfd wait = {.fd = process->out, .events = POLLIN};
        const uint64_t spent = process_now_ms() - start;
        if (spent >= PROCESS_WAIT_MS || poll(&wait, 1, PROCESS_WAIT_MS - (int)spent) == 0) {
            (void)fprintf(stderr, "%s\n", process_said(process)); /* more than fail_msg shows */
            fail_msg("it is not ready");
        }
        /* One byte at a time: what comes after the line is process_wait()'s to see. */
        if (read(process->out, line + used, 1) != 1)
            break;
        used++;
    }
    line[used] = '\0';
}

void process_wait_ready(struct process *process)
{
    char line[LINE_BYTES];
    char right[2 * LINE_BYTES];
    char http[64] = "";
    unsigned int port = 0;
    read_line(process, line);
    const int found =
        sscanf(line, "ready node=%*63s http=%63[0-9.]:%5u peer=%127s", http, &port, process->peer);
    /* Written again from what was understood, it is the same. */
    (void)snprintf(right, sizeof right, "ready node=%s http=%s:%u peer=%s pid=%ld\n", process->name,
                   http, port, process->peer, (long)process->pid);
    if (found != 3 || port == 0 || strcmp(line, right) != 0 ||
        strncmp(process->peer, "tcp://", 6) != 0)
        fail_msg("no ready line, but '%s'; it %s; it said: %s", line,
                 process_ended(process) ? "has ended" : "still runs", process_said(process));
    process->port = (uint16_t)port;
}

void process_start(struct process *process)
{
    process_launch(process, NULL);
    process_wait_ready(process);
}

/* --- Ending ----------------------------------------------------------------------------------- */

void process_signal(const struct process *process, int signal)
{
    assert_true(process->pid > 0);
    assert_int_equal(kill(process->pid, signal), 0);
}

bool process_ended(const struct process *process)
{
    struct pollfd wait = {.fd = process->end, .events = POLLIN};
    return poll(&wait, 1, 0) != 0;
}

int process_wait(struct process *process, uint64_t within_ms)
{
    struct pollfd wait = {.fd = process->end, .events = POLLIN};
    char more[LINE_BYTES];
    int how = 0;
    assert_true(process->pid > 0);
    if (poll(&wait, 1, (int)within_ms) != 1)
        fail_msg("it has not ended after %llu ms; it said: %s", (unsigned long long)within_ms,
                 process_said(process));
    assert_int_equal(waitpid(process->pid, &how, 0), process->pid);
    const ssize_t got = read(process->out, more, sizeof more - 1);
    const uint16_t port = process->port;
    process->port = 0;
    forget(process);
    if (port != 0 && got != 0) {
        more[got > 0 ? got : 0] = '\0';
        fail_msg("after its ready line it printed: %s", more);
    }
    return WIFEXITED(how) ? WEXITSTATUS(how) : PROCESS_KILLED_BY + WTERMSIG(how);
}

int process_run(const char *const *arguments)
{
    char *list[ARGUMENTS_MAX] = {NULL};
    int how = 0;
    const size_t count = add_all(list, 0, arguments);
    const pid_t pid = fork();
    if (pid == 0) {
        const char *path = getenv("PATH");
        char wider[4096];
        (void)snprintf(wider, sizeof wider, "%s:/usr/sbin:/sbin", path != NULL ? path : "");
        (void)setenv("PATH", wider, 1);
        (void)execvp(arguments[0], list);
        _exit(127);
    }
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) ? WEXITSTATUS(how) : PROCESS_KILLED_BY + WTERMSIG(how);
}

void process_kill(struct process *process)
{
    process_signal(process, SIGKILL);
    const int code = process_wait(process, PROCESS_WAIT_MS);
    if (code != PROCESS_KILLED_BY + SIGKILL)
        fail_msg("it ended by itself with %d; it said: %s", code, process_said(process));
}
