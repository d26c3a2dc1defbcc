/* What concerns the cluster as a whole. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/ctl/commands.h"
#include "node/ctl/print.h"

static void show_members(const json_t *cluster)
{
    static const char *const heads[] = {"NODE",      "STATE",   "HTTP",      "PEER",     ">LEADS",
                                        ">REPLICAS", "VERSION", ">CLOCK US", "DRAINING", NULL};
    static const char *const keys[] = {"name",    "state",           "http",
                                       "peer",    "leads",           "replicas",
                                       "version", "clock_offset_us", "draining"};
    const json_t *members = json_object_get(cluster, "members");
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(members); i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
            sheet_member(&sheet, json_array_get(members, i), keys[j]);
    }
    sheet_print(&sheet);
}

int ctl_members(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    (void)arguments;
    struct ctl_answer answer = ctl_get(ctl, "/v1/cluster");
    return ctl_finish(ctl, &answer, show_members);
}

static void show_ranges(const json_t *cluster)
{
    static const char *const heads[] = {">RANGE",   ">FROM", ">TO",      "LEADER", "VOTERS",
                                        "LEARNERS", ">TERM", ">APPLIED", NULL};
    static const char *const keys[] = {"range",  "from",     "to",   "leader",
                                       "voters", "learners", "term", "applied"};
    const json_t *ranges = json_object_get(cluster, "ranges");
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(ranges); i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
            sheet_member(&sheet, json_array_get(ranges, i), keys[j]);
    }
    sheet_print(&sheet);
}

int ctl_ranges(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    (void)arguments;
    struct ctl_answer answer = ctl_get(ctl, "/v1/cluster");
    return ctl_finish(ctl, &answer, show_ranges);
}

/* Epochs. */

static void show_epoch_hunts(const json_t *epoch)
{
    static const char *const heads[] = {"HUNT", ">PLAYERS", "DIGEST", NULL};
    const json_t *hunts = json_object_get(epoch, "hunts");
    struct sheet sheet;
    if (json_array_size(hunts) == 0)
        return;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(hunts); i++) {
        const json_t *hunt = json_array_get(hunts, i);
        sheet_member(&sheet, hunt, "hunt");
        sheet_member(&sheet, hunt, "players");
        sheet_member(&sheet, hunt, "digest");
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

static long long summaries_bytes(const json_t *summaries)
{
    long long bytes = 0;
    for (size_t i = 0; i < json_array_size(summaries); i++)
        bytes += json_integer_value(json_object_get(json_array_get(summaries, i), "bytes"));
    return bytes;
}

static void show_epoch(const json_t *epoch)
{
    const json_t *missing = json_object_get(epoch, "missing_ranges");
    const json_t *summaries = json_object_get(epoch, "summaries");
    const json_t *settled = json_object_get(epoch, "settled_through_epoch");
    (void)printf("epoch      ");
    print_clean(stdout, print_text(epoch, "epoch"));
    (void)fputs(", ", stdout);
    print_clean(stdout, print_text(epoch, "state"));
    (void)printf("\nranges in  %lld of %lld",
                 (long long)json_integer_value(json_object_get(epoch, "ranges_in")),
                 (long long)json_integer_value(json_object_get(epoch, "ranges")));
    if (json_array_size(missing) > 0) {
        (void)fputs(", missing ", stdout);
        print_list(stdout, missing);
    }
    (void)printf("\nsummaries  %zu, %lld bytes\n", json_array_size(summaries),
                 summaries_bytes(summaries));
    if (settled != NULL) {
        (void)fputs("settled    through epoch ", stdout);
        print_clean(stdout, print_text(epoch, "settled_through_epoch"));
        (void)fputc('\n', stdout);
    }
    show_epoch_hunts(epoch);
}

int ctl_epoch(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    char target[CTL_TARGET_BYTES];
    const char *const words[] = {arguments->words[0] != NULL ? arguments->words[0] : "latest",
                                 NULL};
    struct ctl_answer answer = ctl_target(target, "/v1/epochs/{}", words)
                                   ? ctl_get(ctl, target)
                                   : ctl_problem("the epoch's number is too long");
    return ctl_finish(ctl, &answer, show_epoch);
}

/* Nodes. */

static void show_done(const json_t *object)
{
    const char *key;
    json_t *value;
    /* jansson iterates over mutable objects only, though it changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const json_t *list = json_pack("[O]", value);
        print_clean(stdout, key);
        (void)fputs(": ", stdout);
        print_list(stdout, json_is_array(value) ? value : list);
        (void)fputc('\n', stdout);
        json_decref((json_t *)(uintptr_t)list);
    }
}

static int change_node(struct ctl *ctl, const char *method, const char *pattern, const char *name)
{
    char target[CTL_TARGET_BYTES];
    const char *const words[] = {name, NULL};
    struct ctl_answer answer =
        ctl_target(target, pattern, words)
            ? ctl_ask(ctl, &(struct ctl_question){.method = method, .target = target})
            : ctl_problem("the node's name is too long");
    return ctl_finish(ctl, &answer, show_done);
}

int ctl_drain(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    return change_node(ctl, "POST", "/v1/cluster/nodes/{}/drain", arguments->words[0]);
}

int ctl_remove(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    return change_node(ctl, "DELETE", "/v1/cluster/nodes/{}", arguments->words[0]);
}

/* Status. */

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

static void show_boards(const json_t *status)
{
    static const char *const heads[] = {"HUNT", ">PLAYERS", NULL};
    const json_t *boards = json_object_get(status, "boards");
    struct sheet sheet;
    show_line("board", "epoch ", print_text(status, "complete_epoch"));
    (void)fputs(", complete\n", stdout);
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

static void show_status(const json_t *status)
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
    if (json_object_get(status, "cluster_id") != NULL) {
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
    if (json_object_get(status, "boards") != NULL)
        show_boards(status);
    else
        (void)puts("board    no epoch is complete yet");
}

int ctl_status(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    (void)arguments;
    struct ctl_answer answer = ask_status(ctl);
    return ctl_finish(ctl, &answer, show_status);
}

/* Watch. */

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
