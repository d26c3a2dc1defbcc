#include "tests/integration/process_compare.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "tests/integration/process_http.h"

/* Of the receipts that are not kept, one in so many is asked for: all say the same. */
#define GONE_SAMPLE 16

/* However slow the machine, somebody leads again by then. */
#define KNOWN_MS 10000
#define AGAIN_MS 20

struct compare {
    struct players *players;
    const struct process *process;
    struct link link;
    int status; /* of the last answer */
};

/* Asks until it is not told to come again: with several nodes, leaders may still move. */
static struct answer ask_until_known(struct compare *compare, const char *method,
                                     const char *target, const char *body)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        const struct process *process = compare->process;
        if (compare->link.fd < 0 && !link_open_in(&compare->link, process->network, process->port))
            fail_msg("nobody listens on port %u", process->port);
        const struct answer answer = http_ask(&compare->link, process->port, method, target, body);
        if (answer.status != 503 || answer.retry_after_s == 0 ||
            process_now_ms() - start > KNOWN_MS)
            return answer;
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

/* The answer's body; the caller drops it. */
static json_t *ask(struct compare *compare, const char *method, const char *target,
                   const char *body)
{
    const struct answer answer = ask_until_known(compare, method, target, body);
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    if (json == NULL)
        fail_msg("%s is answered with no JSON: %s", target, answer.body);
    compare->status = answer.status;
    return json;
}

/* --- Pages ------------------------------------------------------------------------------------ */

static void compare_found(const struct player *player, const json_t *page)
{
    const json_t *found = json_object_get(page, "found");
    bool listed[FIELD_TREASURES] = {false};
    uint64_t score = 0;
    for (size_t i = 0; i < json_array_size(found); i++) {
        const char *id = json_string_value(json_array_get(found, i));
        unsigned int treasure = 0;
        if (id == NULL || sscanf(id, "t%4u", &treasure) != 1 || treasure >= FIELD_TREASURES ||
            !player->found[treasure])
            players_fail(player, 0, "a treasure that no acknowledged claim found", page);
        if (listed[treasure])
            players_fail(player, 0, "a treasure found twice", page);
        listed[treasure] = true;
        score += field_points(treasure);
    }
    if (memcmp(listed, player->found, sizeof listed) != 0)
        players_fail(player, 0, "an acknowledged find is missing", page);
    if (score != player->score || json_u64(page, "score") != score)
        players_fail(player, 0, "the score is not the sum of the finds", page);
}

static void compare_pages(struct compare *compare)
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const struct player *player = &compare->players->list[i];
        char target[128];
        (void)snprintf(target, sizeof target, "/v1/hunts/field/players/%s", player->id);
        json_t *page = ask(compare, "GET", target, "");
        if (compare->status != 200)
            players_fail(player, 0, "no page", page);
        compare_found(player, page);
        const uint32_t last = player->count > 0 ? player->claims[player->count - 1].seq : 0;
        if (json_u64(page, "last_seq") != last)
            players_fail(player, last, "another last_seq", page);
        json_decref(page);
    }
}

/* --- Receipts --------------------------------------------------------------------------------- */

/* Finds are kept for ever, other results while they are in the window. */
static bool kept(const struct player *player, uint32_t claim)
{
    return player->claims[claim].verdict == VERDICT_FOUND || player->count - claim <= WINDOW_SEQS;
}

static void compare_receipt(struct compare *compare, uint32_t number, uint32_t claim)
{
    const struct player *player = &compare->players->list[number];
    const uint32_t seq = player->claims[claim].seq;
    char target[128];
    (void)snprintf(target, sizeof target, "/v1/hunts/field/players/%s/actions/%u", player->id, seq);
    json_t *receipt = ask(compare, "GET", target, "");
    if (compare->status != (kept(player, claim) ? 200 : 410))
        players_fail(player, seq, "the receipt is lost, or kept too long", receipt);
    if (compare->status == 200)
        (void)players_take(compare->players, number, claim, receipt);
    json_decref(receipt);
}

static void compare_receipts(struct compare *compare)
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const struct player *player = &compare->players->list[i];
        for (uint32_t k = 0; k < player->count; k++) {
            if (kept(player, k) || k % GONE_SAMPLE == 0)
                compare_receipt(compare, i, k);
        }
    }
}

/* --- The same claims again -------------------------------------------------------------------- */

static void compare_again(struct compare *compare, uint32_t number, uint32_t first, uint32_t count)
{
    char body[64 + ACTIONS_PER_PLAYER_MAX * FIELD_CLAIM_BYTES];
    const struct player *player = &compare->players->list[number];
    size_t used = (size_t)snprintf(body, sizeof body, "{\"hunt\":\"field\",\"claims\":[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            body[used++] = ',';
        used += players_write_claim(player, &player->claims[first + i], body + used,
                                    FIELD_CLAIM_BYTES - 1);
    }
    (void)snprintf(body + used, sizeof body - used, "]}");
    json_t *json = ask(compare, "POST", "/hunt", body);
    const json_t *results = json_object_get(json, "results");
    if (json_array_size(results) != count)
        players_fail(player, player->claims[first].seq, "no results", json);
    for (uint32_t i = 0; i < count; i++) {
        const json_t *result = json_array_get(results, i);
        const uint32_t seq = player->claims[first + i].seq;
        const char *outcome = json_text_of(result, "outcome");
        if (!kept(player, first + i)) {
            if (strcmp(outcome, "stale") != 0)
                players_fail(player, seq, "an old claim sent again is not stale", result);
        } else if (!players_take(compare->players, number, first + i, result) ||
                   json_u64(result, "score") != player->score) {
            players_fail(player, seq, "sent again, it is not the same", result);
        }
    }
    json_decref(json);
}

static void compare_all_again(struct compare *compare)
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        const uint32_t count = compare->players->list[i].count;
        for (uint32_t k = 0; k < count; k += ACTIONS_PER_PLAYER_MAX) {
            const uint32_t left = count - k;
            compare_again(compare, i, k,
                          left < ACTIONS_PER_PLAYER_MAX ? left : ACTIONS_PER_PLAYER_MAX);
        }
    }
}

/* --- Boards ----------------------------------------------------------------------------------- */

static struct player *find_player(struct players *players, const char *id)
{
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        if (strcmp(players->list[i].id, id) == 0)
            return &players->list[i];
    }
    fail_msg("a player '%s' on the board who never claimed", id);
    return NULL;
}

/* Of the last find: what decides between equal scores. */
static uint64_t find_stamp(const struct player *player)
{
    for (uint32_t i = player->count; i > 0; i--) {
        if (player->claims[i - 1].verdict == VERDICT_FOUND)
            return player->claims[i - 1].hlc;
    }
    return 0;
}

static void compare_entries(struct compare *compare, const json_t *board)
{
    const json_t *entries = json_object_get(board, "entries");
    bool seen[FIELD_PLAYERS] = {false};
    uint64_t wanted = 0;
    uint64_t players = 0;
    for (uint32_t i = 0; i < FIELD_PLAYERS; i++) {
        players += compare->players->list[i].count > 0;
        wanted += compare->players->list[i].score;
    }
    uint64_t sum = 0;
    uint64_t score_above = UINT64_MAX;
    uint64_t stamp_above = 0;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const struct player *player = find_player(compare->players, json_text_of(entry, "player"));
        bool *mark = &seen[player - compare->players->list];
        const uint64_t stamp = find_stamp(player);
        if (*mark)
            players_fail(player, 0, "twice on the board", entry);
        *mark = true;
        if (json_u64(entry, "score") != player->score || json_u64(entry, "hlc") != stamp)
            players_fail(player, 0, "another score or stamp on the board", entry);
        if (json_u64(entry, "rank") != i + 1 || player->score > score_above ||
            (player->score == score_above && stamp < stamp_above))
            players_fail(player, 0, "a wrong rank", entry);
        sum += player->score;
        score_above = player->score;
        stamp_above = stamp;
    }
    assert_int_equal(json_array_size(entries), players);
    assert_int_equal(json_u64(board, "players"), players);
    assert_int_equal(sum, wanted);
}

/* The first complete board that has every claim. */
static json_t *wait_board(struct compare *compare)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        json_t *board = ask(compare, "GET", "/v1/hunts/field/leaderboard?limit=1000", "");
        if (compare->status == 200 && strcmp(json_text_of(board, "state"), "complete") == 0 &&
            json_u64(board, "epoch") >= compare->players->last_epoch)
            return board;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("no complete board of epoch %llu: %s",
                     (unsigned long long)compare->players->last_epoch, json_dumps(board, 0));
        json_decref(board);
    }
}

static void compare_board(struct compare *compare, char ret_digest[DIGEST_BYTES])
{
    char target[64];
    json_t *board = wait_board(compare);
    compare_entries(compare, board);
    (void)snprintf(ret_digest, DIGEST_BYTES, "%s", json_text_of(board, "digest"));
    assert_int_equal(strlen(ret_digest), DIGEST_BYTES - 1);
    (void)snprintf(target, sizeof target, "/v1/epochs/%s", json_text_of(board, "epoch"));
    json_t *epoch = ask(compare, "GET", target, "");
    const json_t *hunt = json_array_get(json_object_get(epoch, "hunts"), 0);
    assert_string_equal(json_text_of(epoch, "state"), "complete");
    assert_string_equal(json_text_of(hunt, "digest"), ret_digest);
    assert_int_equal(json_u64(hunt, "players"), json_u64(board, "players"));
    json_decref(epoch);
    json_decref(board);
}

/* --- All -------------------------------------------------------------------------------------- */

void compare_all(struct players *players, const struct process *process,
                 char ret_digest[DIGEST_BYTES])
{
    struct compare compare = {.players = players, .process = process};
    link_init(&compare.link);
    compare_pages(&compare);
    compare_receipts(&compare);
    compare_all_again(&compare);
    compare_pages(&compare); /* and that has changed nothing */
    compare_board(&compare, ret_digest);
    link_fini(&compare.link);
}
