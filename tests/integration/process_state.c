#include "tests/integration/process_state.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The answer to a GET, as JSON. */
static json_t *get(struct link *link, const struct process *process, const char *target)
{
    const struct answer answer = http_ask(link, process->port, "GET", target, "");
    if (answer.status != 200)
        fail_msg("GET %s: %d %s", target, answer.status, answer.body);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    assert_non_null(json);
    return json;
}

static json_t *page_of(struct link *link, const struct process *process, const char *hunt,
                       const char *player)
{
    static const char *const passing[] = {"epoch", "settled_through_epoch", "rank_epoch"};
    char target[256];
    (void)snprintf(target, sizeof target, "/v1/hunts/%s/players/%s", hunt, player);
    json_t *page = get(link, process, target);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        (void)json_object_del(page, passing[i]);
    return page;
}

json_t *state_take(struct link *link, const struct process *process, const struct state_of *what)
{
    static const char *const metrics[] = {"cairn_players", "cairn_receipts", "cairn_claims_pending",
                                          "cairn_actions_total"};
    json_t *state = json_object();
    json_t *pages = json_array();
    json_t *latest = get(link, process, "/v1/epochs/latest");
    for (const char *const *hunt = what->hunts; *hunt != NULL; hunt++) {
        for (const char *const *player = what->players; *player != NULL; player++)
            assert_int_equal(json_array_append_new(pages, page_of(link, process, *hunt, *player)),
                             0);
    }
    (void)json_object_set_new(state, "hunts", get(link, process, "/v1/hunts"));
    (void)json_object_set(state, "boards", json_object_get(latest, "hunts"));
    (void)json_object_set_new(state, "pages", pages);
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++)
        (void)json_object_set_new(state, metrics[i],
                                  json_real(state_metric(link, process, metrics[i])));
    json_decref(latest);
    return state;
}

void state_compare(json_t *before, json_t *after)
{
    if (!json_equal(before, after)) {
        char *was = json_dumps(before, JSON_INDENT(1) | JSON_SORT_KEYS);
        char *is = json_dumps(after, JSON_INDENT(1) | JSON_SORT_KEYS);
        fail_msg("it was %s\nand is %s", was, is);
    }
    json_decref(before);
    json_decref(after);
}

json_t *state_applied(struct link *link, const struct process *process)
{
    json_t *applied = json_array();
    json_t *cluster = get(link, process, "/v1/cluster");
    size_t i;
    json_t *range;
    json_array_foreach(json_object_get(cluster, "ranges"), i, range)
    {
        assert_int_equal(json_array_append(applied, json_object_get(range, "applied")), 0);
    }
    assert_true(json_array_size(applied) > 0);
    json_decref(cluster);
    return applied;
}

double state_metric(struct link *link, const struct process *process, const char *name)
{
    const struct answer answer = http_ask(link, process->port, "GET", "/metrics", "");
    const size_t length = strlen(name);
    double sum = 0;
    bool found = false;
    for (const char *line = answer.body; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || (line[length] != ' ' && line[length] != '{'))
            continue;
        sum += strtod(strchr(line, ' '), NULL);
        found = true;
    }
    if (!found)
        fail_msg("there is no metric %s", name);
    return sum;
}

/* A file of /proc about the process. */
static void read_about(const struct process *process, const char *name, char *text, size_t capacity)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/%s", (long)process->pid, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t bytes = fread(text, 1, capacity - 1, file);
    (void)fclose(file);
    assert_true(bytes > 0);
    text[bytes] = '\0';
}

uint64_t process_resident_bytes(const struct process *process)
{
    char text[256];
    read_about(process, "statm", text, sizeof text);
    const char *resident = strchr(text, ' ');
    assert_non_null(resident);
    return strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t process_cpu_ms(const struct process *process)
{
    char text[1024];
    unsigned long long user, system;
    read_about(process, "stat", text, sizeof text);
    /* The name, in parentheses, may hold anything. */
    const char *rest = strrchr(text, ')');
    assert_non_null(rest);
    assert_int_equal(
        sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system), 2);
    return (user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}
