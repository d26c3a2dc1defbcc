/* The cluster at a glance, once or again and again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/ctl/commands.h"
#include "node/ctl/print.h"

/* --- Putting it together ---------------------------------------------------------------------- */

static size_t count_where(const json_t *list, const char *key, const char *value)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        count += strcmp(print_text(json_array_get(list, i), key), value) == 0;
    return count;
}

static size_t count_with(const json_t *list, const char *key)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        count += json_object_get(json_array_get(list, i), key) != NULL;
    return count;
}

static void set(json_t *object, const char *key, json_t *value)
{
    CHECK(json_object_set_new(object, key, value) == 0);
}

static void copy(json_t *object, const char *key, const json_t *from)
{
    json_t *value = json_object_get(from, key);
    if (value != NULL)
        set(object, key, json_incref(value));
}

static void add_cluster(json_t *status, const json_t *cluster)
{
    const json_t *members = json_object_get(cluster, "members");
    const json_t *ranges = json_object_get(cluster, "ranges");
    copy(status, "cluster_id", cluster);
    copy(status, "epoch", cluster);
    copy(status, "epoch_ms", cluster);
    copy(status, "map_version", cluster);
    set(status, "member_list", json_incref(json_object_get(cluster, "members")));
    set(status, "range_list", json_incref(json_object_get(cluster, "ranges")));
    set(status, "members", json_integer((json_int_t)json_array_size(members)));
    set(status, "members_alive", json_integer((json_int_t)count_where(members, "state", "alive")));
    set(status, "ranges", json_integer((json_int_t)json_array_size(ranges)));
    set(status, "ranges_with_leader", json_integer((json_int_t)count_with(ranges, "leader")));
    set(status, "ranges_led",
        json_integer((json_int_t)count_where(ranges, "leader", print_text(cluster, "node"))));
}

static void add_board(json_t *status, const json_t *epoch)
{
    const json_t *hunts = json_object_get(epoch, "hunts");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(hunts); i++) {
        json_t *hunt = json_object();
        copy(hunt, "hunt", json_array_get(hunts, i));
        copy(hunt, "players", json_array_get(hunts, i));
        CHECK(json_array_append_new(list, hunt) == 0);
    }
    set(status, "complete_epoch", json_incref(json_object_get(epoch, "epoch")));
    copy(status, "settled_through_epoch", epoch);
    set(status, "boards", list);
}

/* Puts together what three answers say; what one of them cannot say yet is absent. */
static struct ctl_answer ask_status(struct ctl *ctl)
{
    struct ctl_answer ready = ctl_get(ctl, "/readyz");
    if (ready.status == 0 || (!ready.ok && ready.status != 503))
        return ready;
    struct ctl_answer cluster = ctl_get(ctl, "/v1/cluster");
    struct ctl_answer epoch = ctl_get(ctl, "/v1/epochs/latest");
    json_t *status = json_object();
    set(status, "url", json_string(ctl->url.text));
    if (cluster.ok)
        copy(status, "node", cluster.json);
    set(status, "ready", json_boolean(ready.ok));
    if (!ready.ok)
        set(status, "reason", json_string(print_text(ready.json, "detail")));
    if (cluster.ok)
        add_cluster(status, cluster.json);
    if (epoch.ok && json_object_get(epoch.json, "epoch") != NULL)
        add_board(status, epoch.json);
    json_decref(ready.json);
    json_decref(cluster.json);
    json_decref(epoch.json);
    return (struct ctl_answer){.ok = true, .status = 200, .json = status};
}

/* --- Showing it ------------------------------------------------------------------------------- */

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void show_line(const char *head, const char *text, const char *more)
{
    (void)printf("%-9s", head);
    print_clean(stdout, text);
    print_clean(stdout, more);
}

/* How many whole epochs have ended since the one of that name, by the node's clock. */
static long long epochs_behind(const json_t *status, const char *key)
{
    const long long present = strtoll(print_text(status, "epoch"), NULL, 10);
    const long long through = strtoll(print_text(status, key), NULL, 10);
    return present > through + 1 ? present - through - 1 : 0;
}

static void show_lag(const json_t *status, const char *key)
{
    const long long behind = epochs_behind(status, key);
    if (behind > 0)
        (void)printf(" (%lld epoch%s behind)", behind, behind == 1 ? "" : "s");
}

static void show_boards(const json_t *status)
{
    static const char *const heads[] = {"HUNT", ">PLAYERS", NULL};
    const json_t *boards = json_object_get(status, "boards");
    struct sheet sheet;
    if (json_array_size(boards) == 0)
        return;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(boards); i++) {
        sheet_member(&sheet, json_array_get(boards, i), "hunt");
        sheet_member(&sheet, json_array_get(boards, i), "players");
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

static void show_complete(const json_t *status)
{
    if (json_object_get(status, "boards") == NULL) {
        (void)puts("board    no epoch is complete yet");
        return;
    }
    show_line("board", "epoch ", print_text(status, "complete_epoch"));
    (void)fputs(", complete", stdout);
    show_lag(status, "complete_epoch");
    if (json_object_get(status, "settled_through_epoch") != NULL) {
        (void)fputs("; settled through ", stdout);
        print_clean(stdout, print_text(status, "settled_through_epoch"));
        show_lag(status, "settled_through_epoch");
    }
    (void)fputc('\n', stdout);
}

static void show_status_members(const json_t *status)
{
    static const char *const heads[] = {"NODE",      "STATE", ">LEADS", ">REPLICAS",
                                        ">CLOCK US", "HTTP",  NULL};
    static const char *const keys[] = {"name",     "state",           "leads",
                                       "replicas", "clock_offset_us", "http"};
    const json_t *members = json_object_get(status, "member_list");
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(members); i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
            sheet_member(&sheet, json_array_get(members, i), keys[j]);
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

/* "5", "2-7", or "-" where no range has such a number. */
static void sheet_span(struct sheet *sheet, const json_t *ranges, size_t from, size_t to,
                       const char *key)
{
    long long least = 0, most = -1;
    for (size_t i = from; i < to; i++) {
        const json_t *value = json_object_get(json_array_get(ranges, i), key);
        const long long number = (long long)json_integer_value(value);
        if (value == NULL)
            continue;
        least = most < 0 || number < least ? number : least;
        most = number > most ? number : most;
    }
    char text[64];
    if (most < 0)
        (void)snprintf(text, sizeof text, "-");
    else if (least == most)
        (void)snprintf(text, sizeof text, "%lld", least);
    else
        (void)snprintf(text, sizeof text, "%lld-%lld", least, most);
    sheet_text(sheet, text);
}

static bool same_replicas(const json_t *one, const json_t *other)
{
    static const char *const keys[] = {"leader", "voters", "learners"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *mine = json_object_get(one, keys[i]);
        const json_t *his = json_object_get(other, keys[i]);
        if (mine != his && !json_equal(mine, his))
            return false;
    }
    return true;
}

/* Neighbours that differ in nothing but their numbers are one row. */
static void show_status_ranges(const json_t *status)
{
    static const char *const heads[] = {"RANGES", "LEADER",   "VOTERS", "LEARNERS",
                                        ">TERM",  ">APPLIED", NULL};
    const json_t *ranges = json_object_get(status, "range_list");
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t from = 0, to; from < json_array_size(ranges); from = to) {
        const json_t *first = json_array_get(ranges, from);
        to = from + 1;
        while (to < json_array_size(ranges) && same_replicas(first, json_array_get(ranges, to)))
            to++;
        sheet_span(&sheet, ranges, from, to, "range");
        sheet_member(&sheet, first, "leader");
        sheet_member(&sheet, first, "voters");
        sheet_member(&sheet, first, "learners");
        sheet_span(&sheet, ranges, from, to, "term");
        sheet_span(&sheet, ranges, from, to, "applied");
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

static void show_node(const json_t *status)
{
    const bool ready = json_is_true(json_object_get(status, "ready"));
    const char *name = print_text(status, "node");
    show_line("node", name[0] != '\0' ? name : "(not in a cluster)", " at ");
    print_clean(stdout, print_text(status, "url"));
    (void)fputs(ready ? ", ready\n" : ", not ready: ", stdout);
    if (!ready) {
        print_clean(stdout, print_text(status, "reason"));
        (void)fputc('\n', stdout);
    }
}

static void show_status(const json_t *status)
{
    const bool in_cluster = json_object_get(status, "cluster_id") != NULL;
    show_node(status);
    if (in_cluster) {
        show_line("cluster", print_text(status, "cluster_id"), "");
        (void)fputc('\n', stdout);
        show_line("epoch", print_text(status, "epoch"), "");
        (void)printf(", each %lld ms\n", number_of(status, "epoch_ms"));
        (void)printf("members  %lld, %lld alive\n", number_of(status, "members"),
                     number_of(status, "members_alive"));
        (void)printf("ranges   %lld, %lld with a leader, %lld led here\n",
                     number_of(status, "ranges"), number_of(status, "ranges_with_leader"),
                     number_of(status, "ranges_led"));
    }
    show_complete(status);
    if (in_cluster) {
        show_status_members(status);
        show_status_ranges(status);
    }
    show_boards(status);
}

int ctl_status(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    (void)arguments;
    struct ctl_answer answer = ask_status(ctl);
    return ctl_finish(ctl, &answer, show_status);
}

/* --- Watching --------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

int ctl_watch(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    const struct timespec second = {.tv_sec = 1};
    const bool clears = !ctl->json && isatty(STDOUT_FILENO) != 0;
    struct sigaction action = {.sa_handler = on_interrupt};
    int code = 0;
    (void)sigaction(SIGINT, &action, NULL);
    for (uint32_t shown = 0; interrupted == 0; shown++) {
        if (shown > 0 && shown == arguments->count)
            break;
        /* A signal cuts this short, and the loop ends. */
        if (shown > 0)
            (void)nanosleep(&second, NULL);
        if (interrupted != 0)
            break;
        if (clears)
            (void)fputs("\033[H\033[J", stdout);
        else if (shown > 0 && !ctl->json)
            (void)fputc('\n', stdout);
        code = ctl_status(ctl, arguments);
        (void)fflush(stdout);
    }
    return code;
}
