/* tests/unit/test_routes_pages.c -- What players and operators see of a whole hunt: limited
 * treasures, reactions, awards, boards, neighbours, settled epochs. Through a real HTTP server and
 * a real core with three ranges, in one thread and by a clock that only the tests move. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/routes_cursor.h"

#define HEAD                                                                                       \
    "hunt: harbour\n"                                                                              \
    "plane: flat\n"                                                                                \
    "reactions: [\"🔥\", \"\\\"\\\\\", \"👏\"]\n"

#define TREASURES                                                                                  \
    "treasures:\n"                                                                                 \
    "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n"                               \
    "  - { id: chest, at: { x: 1000, y: 0 }, radius: 50, points: 100, supply: 2 }\n"               \
    "  - { id: anchor, at: { x: 2000, y: 0 }, radius: 50, points: 50, supply: 9 }\n"

#define HARBOUR HEAD TREASURES

#define GATE   0
#define CHEST  1000
#define ANCHOR 2000
#define HALL   3000
#define CATCH  4000

struct id {
    char text[PLAYER_TEXT_LENGTH + 1];
};

/* Players with small numbers; their ranges differ. */
static struct id id_of(unsigned number)
{
    struct id id;
    (void)snprintf(id.text, sizeof id.text, "%08x-0000-4000-8000-000000000000", number);
    return id;
}

/* A claim; the x of a treasure names it. The answer's only result is returned, to be released. */
static json_t *claim(struct stage *stage, unsigned player, unsigned seq, int x)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"claims\":[{\"player\":\"%s\",\"seq\":%u,\"x\":%d,\"y\":0,\"time_ms\":0}]}",
                   id_of(player).text, seq, x);
    post(stage, "/v1/hunts/harbour/claims", text);
    assert_status(200);
    json_t *root = parsed();
    json_t *result = json_incref(json_array_get(json_object_get(root, "results"), 0));
    json_decref(root);
    return result;
}

static void assert_claim(struct stage *stage, unsigned player, unsigned seq, int x,
                         const char *outcome)
{
    json_t *result = claim(stage, player, seq, x);
    assert_string_equal(text_of(result, "outcome"), outcome);
    json_decref(result);
}

static void react(struct stage *stage, unsigned player, unsigned seq, unsigned to,
                  const char *emoji)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "{\"reactions\":[{\"player\":\"%s\",\"seq\":%u,\"to\":\"%s\",\"emoji\":\"%s\","
                   "\"time_ms\":0}]}",
                   id_of(player).text, seq, id_of(to).text, emoji);
    post(stage, "/v1/hunts/harbour/claims", text);
    assert_status(200);
    assert_non_null(strstr(reply.body, "\"outcome\":\"reacted\""));
    assert_non_null(strstr(reply.body, "\"state\":\"pending\""));
}

/* Puts the hunt, and waits until it counts. */
static void play(struct stage *stage, const char *hunt)
{
    put_hunt(stage, "/v1/hunts/harbour", hunt);
    assert_status(200);
    pass_epochs(stage, 3);
}

/* Until what is pending now is settled in every range. */
static void settle(struct stage *stage)
{
    pass_epochs(stage, 3);
}

static json_t *ask(struct stage *stage, const char *path)
{
    get(stage, path);
    return parsed();
}

static json_t *page(struct stage *stage, unsigned player)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/players/%s", id_of(player).text);
    return ask(stage, path);
}

static json_t *receipt(struct stage *stage, unsigned player, unsigned seq)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/players/%s/actions/%u", id_of(player).text,
                   seq);
    return ask(stage, path);
}

static json_int_t number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static uint64_t quoted(const json_t *object, const char *key)
{
    return strtoull(text_of(object, key), NULL, 10);
}

/* The member's value as compact JSON is `expected`. */
static void assert_member(const json_t *object, const char *key, const char *expected)
{
    char *text = json_dumps(json_object_get(object, key), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static const json_t *member(const json_t *root, const char *list, size_t at)
{
    const json_t *found = json_array_get(json_object_get(root, list), at);
    assert_non_null(found);
    return found;
}

/* The member of `open` with this id; NULL: it is not open. */
static const json_t *open_one(const json_t *root, const char *id)
{
    const json_t *open = json_object_get(root, "open");
    for (size_t i = 0; i < json_array_size(open); i++) {
        if (strcmp(text_of(json_array_get(open, i), "id"), id) == 0)
            return json_array_get(open, i);
    }
    return NULL;
}

/* --- Limited treasures ------------------------------------------------------------------------ */

static void a_limited_claim_is_pending_until_its_epoch_is_settled(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    json_t *result = claim(stage, 1, 1, CHEST);
    assert_string_equal(text_of(result, "outcome"), "pending");
    assert_string_equal(text_of(result, "state"), "pending");
    assert_int_equal(number(result, "points"), 100);
    assert_string_equal(text_of(result, "score"), "0");
    assert_null(json_object_get(result, "final_epoch"));
    const uint64_t epoch = quoted(result, "epoch");
    json_decref(result);
    json_t *root = page(stage, 1);
    assert_member(root, "pending", "[\"chest\"]");
    assert_null(open_one(root, "chest"));
    assert_claim(stage, 1, 2, CHEST, "already");
    json_decref(root);

    settle(stage);
    root = page(stage, 1);
    assert_member(root, "pending", "[]");
    assert_member(root, "won", "[\"chest\"]");
    assert_string_equal(text_of(root, "score"), "100");
    json_decref(root);
    result = receipt(stage, 1, 1);
    assert_string_equal(text_of(result, "outcome"), "won");
    assert_string_equal(text_of(result, "state"), "final");
    assert_string_equal(text_of(result, "score"), "100");
    assert_int_equal(number(result, "points"), 100);
    assert_true(quoted(result, "epoch") == epoch);
    assert_true(quoted(result, "final_epoch") > epoch);
    assert_true(json_is_true(json_object_get(result, "replayed")));
    json_decref(result);
}

static void the_earliest_win_and_the_others_have_lost(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    for (unsigned player = 1; player <= 5; player++)
        assert_claim(stage, player, 1, CHEST, "pending");
    settle(stage);
    for (unsigned player = 1; player <= 5; player++) {
        const bool won = player <= 2;
        json_t *root = page(stage, player);
        assert_member(root, "won", won ? "[\"chest\"]" : "[]");
        assert_member(root, "lost", won ? "[]" : "[\"chest\"]");
        json_t *result = receipt(stage, player, 1);
        assert_string_equal(text_of(result, "outcome"), won ? "won" : "lost");
        assert_string_equal(text_of(result, "state"), "final");
        assert_int_equal(number(result, "points"), won ? 100 : 0);
        assert_string_equal(text_of(result, "treasure"), "chest");
        assert_true(quoted(result, "final_epoch") > quoted(result, "epoch"));
        json_decref(result);
        json_decref(root);
    }
    assert_claim(stage, 6, 1, CHEST, "sold_out");
}

static void a_page_tells_how_much_is_left(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    json_t *root = page(stage, 9);
    assert_int_equal(number(open_one(root, "chest"), "supply_left"), 2);
    assert_int_equal(number(open_one(root, "anchor"), "supply_left"), 9);
    assert_null(json_object_get(open_one(root, "gate"), "supply_left"));
    json_decref(root);
    for (unsigned player = 1; player <= 3; player++)
        assert_claim(stage, player, 1, CHEST, "pending");
    /* What is only pending is not awarded yet. */
    root = page(stage, 9);
    assert_int_equal(number(open_one(root, "chest"), "supply_left"), 2);
    json_decref(root);
    settle(stage);
    root = page(stage, 9);
    assert_int_equal(number(open_one(root, "chest"), "supply_left"), 0);
    json_decref(root);

    /* A supply below what was awarded leaves none. */
    play(stage,
         HEAD "treasures:\n"
              "  - { id: chest, at: { x: 1000, y: 0 }, radius: 50, points: 9, supply: 1 }\n");
    root = page(stage, 9);
    assert_member(root, "open", "[{\"id\":\"chest\",\"points\":9,\"supply_left\":0}]");
    json_decref(root);
}

/* --- Reactions -------------------------------------------------------------------------------- */

#define HALLS                                                                                      \
    HARBOUR "  - { id: hall, at: { x: 3000, y: 0 }, radius: 50, points: 30, hint: Clap,\n"         \
            "      shown: true, unlock: { reactions: 2 } }\n"

static void reactions_arrive_with_the_settling_of_their_epoch(void **state)
{
    struct stage *stage = *state;
    play(stage, HALLS);
    assert_claim(stage, 1, 1, GATE, "found");
    react(stage, 2, 1, 1, "👏");
    react(stage, 2, 2, 1, "👏");
    react(stage, 3, 1, 1, "\\\"\\\\");
    json_t *root = page(stage, 1);
    assert_member(root, "reactions", "{}");
    json_decref(root);
    json_t *result = receipt(stage, 2, 1);
    assert_string_equal(text_of(result, "state"), "pending");
    json_decref(result);

    settle(stage);
    root = page(stage, 1);
    const json_t *received = json_object_get(root, "reactions");
    assert_int_equal(json_object_size(received), 2);
    assert_int_equal(number(received, "👏"), 2);
    assert_int_equal(number(received, "\"\\"), 1);
    json_decref(root);
    result = receipt(stage, 2, 1);
    assert_string_equal(text_of(result, "outcome"), "reacted");
    assert_string_equal(text_of(result, "state"), "final");
    json_decref(result);
}

static void a_locked_treasure_tells_what_is_missing_but_not_where_it_is(void **state)
{
    struct stage *stage = *state;
    play(stage, HALLS);
    assert_claim(stage, 1, 1, HALL, "nothing");
    react(stage, 2, 1, 1, "🔥");
    settle(stage);
    json_t *root = page(stage, 1);
    char *text = json_dumps(open_one(root, "hall"), JSON_COMPACT);
    assert_string_equal(
        text, "{\"id\":\"hall\",\"hint\":\"Clap\",\"points\":30,\"reactions_missing\":1}");
    free(text);
    json_decref(root);

    react(stage, 2, 2, 1, "🔥");
    settle(stage);
    root = page(stage, 1);
    text = json_dumps(open_one(root, "hall"), JSON_COMPACT);
    assert_string_equal(text, "{\"id\":\"hall\",\"hint\":\"Clap\",\"points\":30,\"x\":3000,\"y\":0,"
                              "\"radius\":50}");
    free(text);
    json_decref(root);
    assert_claim(stage, 1, 2, HALL, "found");
}

/* --- What is open ----------------------------------------------------------------------------- */

static void a_page_shows_the_points_that_a_claim_brings_now(void **state)
{
    static const char hunt[] =
        HARBOUR "  - { id: catch, at: { x: 4000, y: 0 }, radius: 50, points: 100,\n"
                "      decay: { per_ms: 1000, points: 7, floor: 20 } }\n";
    struct stage *stage = *state;
    play(stage, hunt);
    json_int_t before = 101;
    for (unsigned player = 1; player <= 20; player++) {
        json_t *root = page(stage, player);
        json_t *result = claim(stage, player, 1, CATCH);
        const json_int_t shown = number(open_one(root, "catch"), "points");
        const json_int_t brought = number(result, "points");
        /* A second may have passed in between. */
        assert_true(shown == brought || shown == brought + 7);
        assert_true(shown < before || shown == 20);
        before = shown;
        json_decref(root);
        json_decref(result);
        pass_epochs(stage, 1);
    }
    assert_int_equal(before, 20);
}

static void nothing_is_open_outside_of_the_time_of_the_hunt(void **state)
{
    struct stage *stage = *state;
    play(stage, "hunt: harbour\nplane: flat\nopens_at: 2030-01-01T00:00:00Z\n" TREASURES);
    json_t *root = page(stage, 1);
    assert_member(root, "open", "[]");
    json_decref(root);
    assert_claim(stage, 1, 1, GATE, "not_open");
    play(stage, "hunt: harbour\nplane: flat\ncloses_at: 2020-01-01T00:00:00Z\n" TREASURES);
    root = page(stage, 1);
    assert_member(root, "open", "[]");
    json_decref(root);
    assert_claim(stage, 1, 2, GATE, "ended");
}

static void a_treasure_is_open_within_its_window_only(void **state)
{
    struct stage *stage = *state;
    play(stage,
         HARBOUR "  - { id: past, at: { x: 5000, y: 0 }, radius: 50, points: 1,\n"
                 "      window: { from: 2020-01-01T00:00:00Z, to: 2021-01-01T00:00:00Z } }\n"
                 "  - { id: now, at: { x: 6000, y: 0 }, radius: 50, points: 1,\n"
                 "      window: { from: 2020-01-01T00:00:00Z, to: 2031-01-01T00:00:00Z } }\n");
    json_t *root = page(stage, 1);
    assert_null(open_one(root, "past"));
    assert_non_null(open_one(root, "now"));
    json_decref(root);
}

/* --- Tags ------------------------------------------------------------------------------------- */

/* Waits for the middle of an epoch: what its start brings is settled, and nothing changes for a
 * while. */
static void await_epoch(struct stage *stage)
{
    const uint64_t length_us = UINT64_C(1000) * STAGE_EPOCH_MS;
    do
        stage_pass(&stage->node, STEP_US);
    while (stage->node.now.physical_us % length_us != length_us / 2);
}

/* The page with the members that change by themselves taken out, and its tag. */
struct seen {
    char tag[64];
    char *text;
};

static struct seen look(struct stage *stage, unsigned player)
{
    struct seen seen;
    json_t *root = page(stage, player);
    take_tag(seen.tag);
    (void)json_object_del(root, "epoch");
    (void)json_object_del(root, "rank_epoch");
    (void)json_object_del(root, "settled_through_epoch");
    seen.text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(root);
    return seen;
}

static void assert_changed(struct stage *stage, unsigned player, struct seen *before)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/players/%s", id_of(player).text);
    get_unless(stage, path, before->tag);
    assert_status(200);
    struct seen after = look(stage, player);
    assert_string_not_equal(before->text, after.text);
    assert_string_not_equal(before->tag, after.tag);
    free(before->text);
    *before = after;
}

static void a_page_has_another_tag_whenever_it_reads_otherwise(void **state)
{
    struct stage *stage = *state;
    char path[128];
    play(stage, HALLS);
    assert_claim(stage, 1, 1, GATE, "found");
    settle(stage);
    await_epoch(stage);
    struct seen seen = look(stage, 1);
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/players/%s", id_of(1).text);
    get_unless(stage, path, seen.tag);
    assert_status(304);

    react(stage, 2, 1, 1, "🔥");
    settle(stage);
    assert_changed(stage, 1, &seen); /* a reaction was delivered */
    assert_claim(stage, 3, 1, CHEST, "pending");
    settle(stage);
    assert_changed(stage, 1, &seen); /* less is left for him */
    assert_claim(stage, 1, 2, CHEST, "pending");
    assert_changed(stage, 1, &seen);
    settle(stage);
    assert_changed(stage, 1, &seen); /* he has won */
    free(seen.text);
}

/* --- Awards ----------------------------------------------------------------------------------- */

static json_t *awards(struct stage *stage, const char *query)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/awards%s", query);
    return ask(stage, path);
}

static void awards_tell_who_won_what_and_when(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    assert_claim(stage, 1, 1, CHEST, "pending");
    json_t *result = claim(stage, 2, 1, CHEST);
    settle(stage);
    json_t *root = awards(stage, "");
    assert_string_equal(text_of(root, "hunt"), "harbour");
    assert_true(quoted(root, "settled_through_epoch") >= quoted(result, "epoch"));
    assert_int_equal(json_array_size(json_object_get(root, "awards")), 2);
    const json_t *chest = member(root, "awards", 0);
    assert_string_equal(text_of(chest, "treasure"), "chest");
    assert_int_equal(number(chest, "supply"), 2);
    assert_int_equal(number(chest, "awarded"), 2);
    assert_int_equal(json_array_size(json_object_get(chest, "winners")), 2);
    const json_t *second = member(chest, "winners", 1);
    assert_int_equal(number(second, "place"), 2);
    assert_string_equal(text_of(second, "player"), id_of(2).text);
    assert_string_equal(text_of(second, "hlc"), text_of(result, "hlc"));
    assert_int_equal(number(second, "range"), number(result, "range"));
    assert_string_equal(text_of(second, "log_index"), text_of(result, "log_index"));
    assert_string_equal(text_of(second, "epoch"), text_of(result, "epoch"));
    assert_int_equal(number(second, "uncertainty_us"), 0);
    /* A limited treasure that nobody has won is told of, too. */
    const json_t *anchor = member(root, "awards", 1);
    assert_string_equal(text_of(anchor, "treasure"), "anchor");
    assert_int_equal(number(anchor, "awarded"), 0);
    assert_member(anchor, "winners", "[]");
    assert_null(json_object_get(root, "next_cursor"));
    json_decref(root);
    json_decref(result);
}

static void what_is_not_settled_is_not_awarded(void **state)
{
    struct stage *stage = *state;
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    json_t *root = awards(stage, "");
    assert_int_equal(json_array_size(json_object_get(root, "awards")), 0);
    json_decref(root);
    pass_epochs(stage, 3);
    assert_claim(stage, 1, 1, CHEST, "pending");
    root = awards(stage, "");
    assert_int_equal(number(member(root, "awards", 0), "awarded"), 0);
    assert_member(member(root, "awards", 0), "winners", "[]");
    json_decref(root);
}

static void a_removed_treasure_keeps_its_awards(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    assert_claim(stage, 1, 1, CHEST, "pending");
    settle(stage);
    play(stage, HEAD "treasures:\n"
                     "  - { id: gate, at: { x: 0, y: 0 }, radius: 50, points: 10 }\n");
    json_t *root = awards(stage, "");
    assert_int_equal(json_array_size(json_object_get(root, "awards")), 1);
    const json_t *chest = member(root, "awards", 0);
    assert_string_equal(text_of(chest, "treasure"), "chest");
    assert_null(json_object_get(chest, "supply"));
    assert_int_equal(number(chest, "awarded"), 1);
    assert_int_equal(json_array_size(json_object_get(chest, "winners")), 1);
    json_decref(root);
}

/* Appends "treasure/place/player " of each winner on a page. */
static void append_winners(char *text, size_t bytes, const json_t *root)
{
    const json_t *list = json_object_get(root, "awards");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *treasure = json_array_get(list, i);
        const json_t *winners = json_object_get(treasure, "winners");
        for (size_t j = 0; j < json_array_size(winners); j++) {
            const json_t *winner = json_array_get(winners, j);
            const size_t used = strlen(text);
            (void)snprintf(text + used, bytes - used, "%s/%lld/%.8s ",
                           text_of(treasure, "treasure"), (long long)number(winner, "place"),
                           text_of(winner, "player"));
        }
    }
}

/* All pages of `limit` winners from a page on, which is released; `between` them others win. */
static void read_on(struct stage *stage, json_t *root, unsigned limit, char *text, size_t bytes)
{
    char query[96];
    append_winners(text, bytes, root);
    while (json_object_get(root, "next_cursor") != NULL) {
        (void)snprintf(query, sizeof query, "?limit=%u&cursor=%s", limit,
                       text_of(root, "next_cursor"));
        json_decref(root);
        root = awards(stage, query);
        append_winners(text, bytes, root);
    }
    /* Treasures after the last winner are on the last page, and only there. */
    const json_t *list = json_object_get(root, "awards");
    assert_string_equal(text_of(json_array_get(list, json_array_size(list) - 1), "treasure"),
                        "anchor");
    json_decref(root);
}

#define WINNERS                                                                                    \
    "chest/1/00000001 chest/2/00000002 anchor/1/00000003 anchor/2/00000004 anchor/3/00000005 "     \
    "anchor/4/00000006 anchor/5/00000007 "

static void seven_win(struct stage *stage)
{
    play(stage, HARBOUR);
    assert_claim(stage, 1, 1, CHEST, "pending");
    assert_claim(stage, 2, 1, CHEST, "pending");
    for (unsigned player = 3; player <= 7; player++)
        assert_claim(stage, player, 1, ANCHOR, "pending");
    settle(stage);
}

static void awards_are_read_page_by_page(void **state)
{
    struct stage *stage = *state;
    seven_win(stage);
    for (unsigned limit = 1; limit <= 8; limit++) {
        char text[1024] = "";
        char query[32];
        (void)snprintf(query, sizeof query, "?limit=%u", limit);
        read_on(stage, awards(stage, query), limit, text, sizeof text);
        assert_string_equal(text, WINNERS);
    }
}

static void the_cursor_of_awards_stays_with_its_epoch(void **state)
{
    struct stage *stage = *state;
    char text[1024] = "";
    seven_win(stage);
    json_t *first = awards(stage, "?limit=4");
    assert_claim(stage, 8, 1, ANCHOR, "pending");
    settle(stage);
    char query[96];
    (void)snprintf(query, sizeof query, "?cursor=%s", text_of(first, "next_cursor"));
    json_t *next = awards(stage, query);
    assert_int_equal(number(member(next, "awards", 0), "awarded"), 5);
    assert_string_equal(text_of(next, "settled_through_epoch"),
                        text_of(first, "settled_through_epoch"));
    json_decref(next);
    read_on(stage, first, 1, text, sizeof text);
    assert_string_equal(text, WINNERS);
    text[0] = '\0';
    read_on(stage, awards(stage, ""), 50, text, sizeof text);
    assert_string_equal(text, WINNERS "anchor/6/00000008 ");
}

static void a_treasure_that_was_told_is_not_told_again(void **state)
{
    struct stage *stage = *state;
    char query[96];
    seven_win(stage);
    json_t *root = awards(stage, "?limit=2");
    assert_int_equal(json_array_size(json_object_get(root, "awards")), 1);
    (void)snprintf(query, sizeof query, "?cursor=%s", text_of(root, "next_cursor"));
    json_decref(root);
    root = awards(stage, query);
    assert_int_equal(json_array_size(json_object_get(root, "awards")), 1);
    assert_string_equal(text_of(member(root, "awards", 0), "treasure"), "anchor");
    json_decref(root);
}

static void other_cursors_of_awards_are_refused(void **state)
{
    struct stage *stage = *state;
    char path[128];
    char text[AWARD_CURSOR_BYTES];
    seven_win(stage);
    json_t *root = awards(stage, "");
    const uint64_t epoch = quoted(root, "settled_through_epoch");
    json_decref(root);
    static const char *const wrong[] = {"", "x", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA",
                                        "????????????????????????"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(path, sizeof path, "/v1/hunts/harbour/awards?cursor=%s", wrong[i]);
        assert_get_refused(stage, path, 400, "malformed", "cursor");
    }
    award_cursor_format(
        text, &(struct award_cursor){.hunt = 1, .epoch = epoch, .treasure = 1, .place = 1});
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/awards?cursor=%s", text);
    assert_get_refused(stage, path, 400, "malformed", "cursor");
    award_cursor_format(text, &(struct award_cursor){.epoch = UINT64_MAX, .place = 1});
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/awards?cursor=%s", text);
    assert_get_refused(stage, path, 503, "not_settled", "cursor");
    award_cursor_format(text, &(struct award_cursor){.epoch = epoch, .treasure = 4095, .place = 1});
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/awards?cursor=%s", text);
    get(stage, path);
    assert_get_refused(stage, "/v1/hunts/harbour/awards?limit=1001", 422, "out_of_range", "limit");
    assert_get_refused(stage, "/v1/hunts/harbour/awards?limit=0", 422, "out_of_range", "limit");
    assert_get_refused(stage, "/v1/hunts/other/awards", 404, "unknown_hunt", "hunt");
}

static void a_cursor_of_awards_reads_back_as_it_was_written(void **state)
{
    (void)state;
    const struct award_cursor cursors[] = {
        {0, 0, 0, 1}, {HUNTS_MAX - 1, UINT64_MAX, TREASURE_NUMBERS_MAX - 1, UINT32_MAX}};
    for (size_t i = 0; i < 2; i++) {
        char text[AWARD_CURSOR_BYTES];
        struct award_cursor read;
        award_cursor_format(text, &cursors[i]);
        assert_int_equal(award_cursor_parse(&read, text), STATUS_OK);
        assert_int_equal(read.hunt, cursors[i].hunt);
        assert_true(read.epoch == cursors[i].epoch);
        assert_int_equal(read.treasure, cursors[i].treasure);
        assert_int_equal(read.place, cursors[i].place);
    }
}

/* --- Ranks ------------------------------------------------------------------------------------ */

static void a_newcomer_has_no_rank_until_a_board_counts_him(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    assert_claim(stage, 1, 1, GATE, "found");
    pass_epochs(stage, 2);
    assert_claim(stage, 2, 1, GATE, "found");
    json_t *root = page(stage, 2);
    assert_string_equal(text_of(root, "score"), "10");
    assert_null(json_object_get(root, "rank"));
    assert_null(json_object_get(root, "rank_epoch"));
    json_decref(root);
    root = page(stage, 1);
    assert_int_equal(number(root, "rank"), 1);
    json_decref(root);
    pass_epochs(stage, 2);
    root = page(stage, 2);
    assert_int_equal(number(root, "rank"), 2);
    json_decref(root);
}

/* Three players, of whom the first two have as many points. */
static void assert_ranks(struct stage *stage, const char *hunt, const json_int_t ranks[3])
{
    play(stage, hunt);
    assert_claim(stage, 1, 1, GATE, "found");
    assert_claim(stage, 2, 1, GATE, "found");
    assert_claim(stage, 3, 1, 9999, "nothing");
    pass_epochs(stage, 2);
    json_t *root = ask(stage, "/v1/hunts/harbour/leaderboard");
    assert_int_equal(number(root, "players"), 3);
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(text_of(member(root, "entries", i), "player"), id_of(i + 1).text);
        assert_int_equal(number(member(root, "entries", i), "rank"), ranks[i]);
    }
    json_decref(root);
    for (unsigned i = 0; i < 3; i++) {
        root = page(stage, i + 1);
        assert_int_equal(number(root, "rank"), ranks[i]);
        json_decref(root);
    }
}

static void ties_go_to_the_first_where_the_hunt_says_so(void **state)
{
    assert_ranks(*state, HARBOUR "ties: first\n", (const json_int_t[]){1, 2, 3});
}

static void ties_are_shared_where_the_hunt_says_so(void **state)
{
    assert_ranks(*state, HARBOUR "ties: shared\n", (const json_int_t[]){1, 1, 3});
}

/* --- Neighbours ------------------------------------------------------------------------------- */

static json_t *around(struct stage *stage, unsigned player, const char *query)
{
    char path[160];
    (void)snprintf(path, sizeof path, "/v1/hunts/harbour/leaderboard/around/%s%s",
                   id_of(player).text, query);
    return ask(stage, path);
}

/* The players of the entries are those from `first` on, and ranked so. */
static void assert_entries(const json_t *root, unsigned first, size_t count)
{
    const json_t *entries = json_object_get(root, "entries");
    assert_int_equal(json_array_size(entries), count);
    for (unsigned i = 0; i < count; i++) {
        assert_string_equal(text_of(json_array_get(entries, i), "player"), id_of(first + i).text);
        assert_int_equal(number(json_array_get(entries, i), "rank"), first + i);
    }
}

#define LADDER 30

/* Players 1 to 30: the earlier, the more finds; the last five have none. */
static void climb(struct stage *stage)
{
    char hunt[4096] = "hunt: harbour\nplane: flat\ntreasures:\n";
    for (unsigned i = 0; i < LADDER; i++) {
        const size_t used = strlen(hunt);
        (void)snprintf(hunt + used, sizeof hunt - used,
                       "  - { id: t%u, at: { x: %u, y: 0 }, radius: 5, points: 10 }\n", i, i * 100);
    }
    play(stage, hunt);
    for (unsigned player = 1; player <= LADDER; player++) {
        char text[8192] = "{\"claims\":[";
        const unsigned finds = player <= 25 ? (26 - player + 1) / 2 : 1;
        for (unsigned i = 0; i < finds; i++) {
            const size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used,
                           "%s{\"player\":\"%s\",\"seq\":%u,\"x\":%d,\"y\":0,\"time_ms\":0}",
                           i > 0 ? "," : "", id_of(player).text, i + 1,
                           player <= 25 ? (int)i * 100 : -9999);
        }
        (void)snprintf(text + strlen(text), 3, "]}");
        post(stage, "/v1/hunts/harbour/claims", text);
        assert_status(200);
    }
}

static void neighbours_are_found_everywhere_on_the_board(void **state)
{
    struct stage *stage = *state;
    climb(stage);
    pass_epochs(stage, 2);

    json_t *root = around(stage, 12, "");
    assert_string_equal(text_of(root, "hunt"), "harbour");
    assert_string_equal(text_of(root, "player"), id_of(12).text);
    assert_int_equal(number(root, "rank"), 12);
    assert_int_equal(number(root, "players"), LADDER);
    assert_true(quoted(root, "epoch") > 0);
    assert_entries(root, 7, 10);
    assert_string_equal(text_of(member(root, "entries", 5), "score"), "70");
    assert_true(quoted(member(root, "entries", 5), "hlc") > 0);
    json_decref(root);

    root = around(stage, 1, "");
    assert_int_equal(number(root, "rank"), 1);
    assert_entries(root, 1, 10);
    json_decref(root);
    root = around(stage, 3, "?limit=4");
    assert_entries(root, 1, 4);
    json_decref(root);
    root = around(stage, 3, "?limit=2");
    assert_entries(root, 2, 2);
    json_decref(root);
    root = around(stage, 20, "?limit=1");
    assert_entries(root, 20, 1);
    json_decref(root);
}

/* Without points all share the last rank; their order is that of the ranges, then of their ids. */
static void those_without_points_have_neighbours_too(void **state)
{
    struct stage *stage = *state;
    climb(stage);
    pass_epochs(stage, 2);
    json_t *root = around(stage, 28, "?limit=1000");
    const json_t *entries = json_object_get(root, "entries");
    assert_int_equal(number(root, "rank"), 26);
    assert_int_equal(json_array_size(entries), LADDER);
    bool there = false;
    for (unsigned i = 25; i < LADDER; i++) {
        const json_t *entry = json_array_get(entries, i);
        assert_int_equal(number(entry, "rank"), 26);
        assert_string_equal(text_of(entry, "score"), "0");
        assert_null(json_object_get(entry, "hlc"));
        there = there || strcmp(text_of(entry, "player"), id_of(28).text) == 0;
    }
    assert_true(there);
    /* The last of all has all his neighbours before him. */
    char last[PLAYER_TEXT_LENGTH + 1];
    (void)snprintf(last, sizeof last, "%s", text_of(json_array_get(entries, LADDER - 1), "player"));
    json_decref(root);
    root = around(stage, (unsigned)strtoul(last, NULL, 16), "?limit=10");
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 10);
    assert_string_equal(text_of(member(root, "entries", 9), "player"), last);
    assert_string_equal(text_of(member(root, "entries", 4), "player"), id_of(25).text);
    json_decref(root);
}

static void an_unknown_player_has_no_neighbours(void **state)
{
    struct stage *stage = *state;
    climb(stage);
    pass_epochs(stage, 2);
    json_t *root = around(stage, 99, "");
    assert_null(json_object_get(root, "rank"));
    assert_int_equal(number(root, "players"), LADDER);
    assert_member(root, "entries", "[]");
    json_decref(root);
}

static void a_newcomer_stands_among_his_neighbours_without_a_rank(void **state)
{
    struct stage *stage = *state;
    climb(stage);
    pass_epochs(stage, 2);
    assert_claim(stage, 99, 1, 0, "found");
    json_t *root = around(stage, 99, "?limit=2");
    assert_null(json_object_get(root, "rank"));
    assert_int_equal(number(root, "players"), LADDER);
    assert_int_equal(json_array_size(json_object_get(root, "entries")), 2);
    assert_int_equal(number(member(root, "entries", 0), "rank"), 25);
    assert_string_equal(text_of(member(root, "entries", 1), "player"), id_of(99).text);
    assert_null(json_object_get(member(root, "entries", 1), "rank"));
    json_decref(root);
}

/* Neighbours stand as they are now, but a rank is that of the board, and the same on every page. */
static void ranks_around_a_player_are_those_of_the_pages(void **state)
{
    struct stage *stage = *state;
    climb(stage);
    pass_epochs(stage, 2);
    assert_claim(stage, 25, 50, 2000, "found");
    assert_claim(stage, 25, 51, 2100, "found");
    json_t *root = around(stage, 25, "?limit=1000");
    json_t *own = page(stage, 25);
    assert_string_equal(text_of(own, "rank_epoch"), text_of(root, "epoch"));
    assert_int_equal(number(own, "rank"), 25);
    assert_int_equal(number(root, "rank"), 25);
    /* He has risen past those with 20 points by now. */
    assert_string_equal(text_of(member(root, "entries", 21), "player"), id_of(25).text);
    assert_string_equal(text_of(member(root, "entries", 21), "score"), "30");
    assert_int_equal(number(member(root, "entries", 21), "rank"), 25);
    json_decref(own);
    json_decref(root);
}

static void faults_of_a_question_for_neighbours_are_named(void **state)
{
    struct stage *stage = *state;
    static const char path[] = "/v1/hunts/harbour/leaderboard/around/" PLAYER;
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_status(200);
    assert_get_refused(stage, path, 503, "no_board", "");
    assert_get_refused(stage, "/v1/hunts/harbour/leaderboard/around/7", 400, "malformed", "player");
    assert_get_refused(stage, "/v1/hunts/other/leaderboard/around/" PLAYER, 404, "unknown_hunt",
                       "hunt");
    assert_get_refused(stage, "/v1/hunts/harbour/leaderboard/around/" PLAYER "?limit=0", 422,
                       "out_of_range", "limit");
    assert_get_refused(stage, "/v1/hunts/harbour/leaderboard/around/" PLAYER "?limit=1001", 422,
                       "out_of_range", "limit");
}

/* --- Settled epochs --------------------------------------------------------------------------- */

static void an_epoch_tells_how_far_all_ranges_have_settled(void **state)
{
    struct stage *stage = *state;
    play(stage, HARBOUR);
    json_t *result = claim(stage, 1, 1, CHEST);
    const uint64_t epoch = quoted(result, "epoch");
    json_decref(result);
    json_t *root = ask(stage, "/v1/epochs/latest");
    assert_true(quoted(root, "settled_through_epoch") < epoch);
    json_decref(root);
    settle(stage);
    root = ask(stage, "/v1/epochs/latest");
    const uint64_t settled = quoted(root, "settled_through_epoch");
    assert_true(settled >= epoch);
    assert_true(settled <= quoted(root, "epoch"));
    json_decref(root);
    root = page(stage, 1);
    assert_true(quoted(root, "settled_through_epoch") >= settled);
    json_decref(root);
}

static void nothing_is_settled_at_first(void **state)
{
    struct stage *stage = *state;
    char path[64];
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    json_t *root = page(stage, 1);
    assert_null(json_object_get(root, "settled_through_epoch"));
    json_decref(root);
    (void)snprintf(path, sizeof path, "/v1/epochs/%llu",
                   (unsigned long long)(STAGE_START_US / 1000 / STAGE_EPOCH_MS));
    root = ask(stage, path);
    assert_string_equal(text_of(root, "state"), "open");
    assert_null(json_object_get(root, "settled_through_epoch"));
    json_decref(root);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stage, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_limited_claim_is_pending_until_its_epoch_is_settled),
        TEST(the_earliest_win_and_the_others_have_lost),
        TEST(a_page_tells_how_much_is_left),
        TEST(reactions_arrive_with_the_settling_of_their_epoch),
        TEST(a_locked_treasure_tells_what_is_missing_but_not_where_it_is),
        TEST(a_page_shows_the_points_that_a_claim_brings_now),
        TEST(nothing_is_open_outside_of_the_time_of_the_hunt),
        TEST(a_treasure_is_open_within_its_window_only),
        TEST(a_page_has_another_tag_whenever_it_reads_otherwise),
        TEST(awards_tell_who_won_what_and_when),
        TEST(what_is_not_settled_is_not_awarded),
        TEST(a_removed_treasure_keeps_its_awards),
        TEST(awards_are_read_page_by_page),
        TEST(the_cursor_of_awards_stays_with_its_epoch),
        TEST(a_treasure_that_was_told_is_not_told_again),
        TEST(other_cursors_of_awards_are_refused),
        cmocka_unit_test(a_cursor_of_awards_reads_back_as_it_was_written),
        TEST(a_newcomer_has_no_rank_until_a_board_counts_him),
        TEST(ties_go_to_the_first_where_the_hunt_says_so),
        TEST(ties_are_shared_where_the_hunt_says_so),
        TEST(neighbours_are_found_everywhere_on_the_board),
        TEST(those_without_points_have_neighbours_too),
        TEST(an_unknown_player_has_no_neighbours),
        TEST(a_newcomer_stands_among_his_neighbours_without_a_rank),
        TEST(ranks_around_a_player_are_those_of_the_pages),
        TEST(faults_of_a_question_for_neighbours_are_named),
        TEST(an_epoch_tells_how_far_all_ranges_have_settled),
        TEST(nothing_is_settled_at_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
