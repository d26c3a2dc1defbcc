/* What concerns the cluster as a whole. */
#include <stdio.h>
#include <string.h>

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
