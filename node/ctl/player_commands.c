/* What concerns those who play a hunt: its board, its awards, one player. */
#include <stdio.h>

#include "node/ctl/commands.h"
#include "node/ctl/print.h"

static long long number_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

/* "NAME     TEXT", for a text that is there. */
static void show_text(const char *name, const json_t *object, const char *key)
{
    if (json_object_get(object, key) == NULL)
        return;
    (void)printf("%-9s ", name);
    print_clean(stdout, print_text(object, key));
    (void)fputc('\n', stdout);
}

/* Board. */

static void show_entries(const json_t *object)
{
    static const char *const heads[] = {">RANK", "PLAYER", ">SCORE", NULL};
    const json_t *entries = json_object_get(object, "entries");
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        sheet_member(&sheet, json_array_get(entries, i), "rank");
        sheet_member(&sheet, json_array_get(entries, i), "player");
        sheet_member(&sheet, json_array_get(entries, i), "score");
    }
    sheet_print(&sheet);
}

static void show_board(const json_t *board)
{
    const json_t *missing = json_object_get(board, "missing_ranges");
    print_clean(stdout, print_text(board, "hunt"));
    (void)fputs(", epoch ", stdout);
    print_clean(stdout, print_text(board, "epoch"));
    (void)fputs(", ", stdout);
    print_clean(stdout, print_text(board, "state"));
    (void)printf(", %lld players", number_of(board, "players"));
    if (json_array_size(missing) > 0) {
        (void)fputs(", without the ranges ", stdout);
        print_list(stdout, missing);
    }
    (void)fputs("\n\n", stdout);
    show_entries(board);
}

/* The ranks are of an epoch, the scores and the order of this moment. */
static void show_around(const json_t *around)
{
    print_clean(stdout, print_text(around, "hunt"));
    (void)fputs(", around ", stdout);
    print_clean(stdout, print_text(around, "player"));
    if (json_object_get(around, "rank") != NULL)
        (void)printf(", who is %lld of %lld in epoch ", number_of(around, "rank"),
                     number_of(around, "players"));
    else
        (void)printf(", who is not among the %lld players of epoch ", number_of(around, "players"));
    print_clean(stdout, print_text(around, "epoch"));
    (void)fputs("\n\n", stdout);
    show_entries(around);
}

static struct ctl_answer ask_list(struct ctl *ctl, const char *pattern, const char *const *words,
                                  uint32_t limit)
{
    char target[CTL_TARGET_BYTES];
    char limited[CTL_TARGET_BYTES + 32];
    if (!ctl_target(target, pattern, words))
        return ctl_problem("what was given is too long");
    if (limit == 0)
        return ctl_get(ctl, target);
    (void)snprintf(limited, sizeof limited, "%s?limit=%u", target, limit);
    return ctl_get(ctl, limited);
}

int ctl_board(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    const bool all = arguments->words[1] == NULL;
    struct ctl_answer answer =
        ask_list(ctl, all ? "/v1/hunts/{}/leaderboard" : "/v1/hunts/{}/leaderboard/around/{}",
                 arguments->words, arguments->limit);
    return ctl_finish(ctl, &answer, all ? show_board : show_around);
}

/* Awards. */

static void show_treasures(const json_t *awards)
{
    static const char *const heads[] = {"TREASURE", ">SUPPLY", ">AWARDED", NULL};
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(awards); i++) {
        sheet_member(&sheet, json_array_get(awards, i), "treasure");
        sheet_member(&sheet, json_array_get(awards, i), "supply");
        sheet_member(&sheet, json_array_get(awards, i), "awarded");
    }
    sheet_print(&sheet);
}

static size_t count_winners(const json_t *awards)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(awards); i++)
        count += json_array_size(json_object_get(json_array_get(awards, i), "winners"));
    return count;
}

static void show_winners(const json_t *awards)
{
    static const char *const heads[] = {"TREASURE", ">PLACE", "PLAYER",       ">EPOCH",
                                        ">RANGE",   ">INDEX", ">CLOCK +- US", NULL};
    static const char *const keys[] = {"place", "player",    "epoch",
                                       "range", "log_index", "uncertainty_us"};
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(awards); i++) {
        const json_t *treasure = json_array_get(awards, i);
        const json_t *winners = json_object_get(treasure, "winners");
        for (size_t j = 0; j < json_array_size(winners); j++) {
            sheet_member(&sheet, treasure, "treasure");
            for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
                sheet_member(&sheet, json_array_get(winners, j), keys[k]);
        }
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

static void show_awards(const json_t *object)
{
    const json_t *awards = json_object_get(object, "awards");
    print_clean(stdout, print_text(object, "hunt"));
    if (json_object_get(object, "settled_through_epoch") == NULL) {
        (void)fputs(", no epoch is settled yet\n", stdout);
    } else {
        (void)fputs(", settled through epoch ", stdout);
        print_clean(stdout, print_text(object, "settled_through_epoch"));
        (void)fputc('\n', stdout);
    }
    if (json_array_size(awards) == 0) {
        (void)puts("no treasure is limited");
        return;
    }
    (void)fputc('\n', stdout);
    show_treasures(awards);
    if (count_winners(awards) > 0)
        show_winners(awards);
    if (json_object_get(object, "next_cursor") != NULL)
        (void)printf("\nand more than these %zu winners: --limit\n", count_winners(awards));
}

int ctl_awards(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    struct ctl_answer answer =
        ask_list(ctl, "/v1/hunts/{}/awards", arguments->words, arguments->limit);
    return ctl_finish(ctl, &answer, show_awards);
}

/* Player. */

static void show_open(const json_t *open)
{
    static const char *const heads[] = {"OPEN TO HIM",        ">POINTS", ">LEFT",
                                        ">REACTIONS MISSING", "HINT",    NULL};
    static const char *const keys[] = {"id", "points", "supply_left", "reactions_missing", "hint"};
    struct sheet sheet;
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(open); i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
            sheet_member(&sheet, json_array_get(open, i), keys[j]);
    }
    (void)fputc('\n', stdout);
    sheet_print(&sheet);
}

static void show_reactions(const json_t *reactions)
{
    const char *emoji;
    json_t *count;
    bool any = false;
    (void)printf("%-9s ", "reactions");
    /* jansson iterates over mutable objects only, though it changes nothing. */
    json_object_foreach((json_t *)(uintptr_t)reactions, emoji, count)
    {
        (void)fputs(any ? ", " : "", stdout);
        print_clean(stdout, emoji);
        (void)printf(" %lld", (long long)json_integer_value(count));
        any = true;
    }
    (void)fputs(any ? "\n" : "-\n", stdout);
}

static void show_player(const json_t *page)
{
    static const char *const lists[] = {"found", "pending", "won", "lost"};
    show_text("player", page, "player");
    show_text("score", page, "score");
    if (json_object_get(page, "rank") != NULL) {
        (void)printf("%-9s %lld in epoch ", "rank", number_of(page, "rank"));
        print_clean(stdout, print_text(page, "rank_epoch"));
        (void)fputc('\n', stdout);
    }
    show_text("last seq", page, "last_seq");
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        (void)printf("%-9s ", lists[i]);
        print_list(stdout, json_object_get(page, lists[i]));
        (void)fputc('\n', stdout);
    }
    show_reactions(json_object_get(page, "reactions"));
    if (json_object_get(page, "settled_through_epoch") != NULL) {
        (void)printf("%-9s through epoch ", "settled");
        print_clean(stdout, print_text(page, "settled_through_epoch"));
        (void)fputc('\n', stdout);
    }
    if (json_array_size(json_object_get(page, "open")) > 0)
        show_open(json_object_get(page, "open"));
}

int ctl_player(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    struct ctl_answer answer = ctl_get_at(ctl, "/v1/hunts/{}/players/{}", arguments->words);
    return ctl_finish(ctl, &answer, show_player);
}
