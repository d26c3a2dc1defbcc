/* tests/unit/test_players.c -- Whom a range knows, and what it costs to look for him. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "cluster/base/hash.h"
#include "cluster/base/rng.h"
#include "cluster/hunt/players.h"

#define HUNT   3
#define SECRET UINT64_C(0x5eed)

static struct player_id random_id(struct rng *rng)
{
    struct player_id id;
    const uint64_t halves[2] = {rng_next(rng), rng_next(rng)};
    memcpy(id.bytes, halves, sizeof id.bytes);
    return id;
}

static void every_player_is_found_by_his_id_and_hunt_while_the_index_grows(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static struct player_id ids[COUNT];
    struct players players;
    assert_int_equal(players_init(&players, 2 * COUNT, SECRET), STATUS_OK);
    struct rng rng;
    rng_init(&rng, 1);
    for (uint32_t i = 0; i < COUNT; i++) {
        ids[i] = random_id(&rng);
        assert_null(players_find(&players, HUNT, &ids[i]));
        assert_int_equal(players_slot(&players, players_add(&players, HUNT, &ids[i])), 2 * i);
        assert_null(players_find(&players, HUNT + 1, &ids[i]));
        (void)players_add(&players, HUNT + 1, &ids[i]);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        const struct player *player = players_find(&players, HUNT, &ids[i]);
        const struct player *other = players_find(&players, HUNT + 1, &ids[i]);
        assert_int_equal(players_slot(&players, player), 2 * i);
        assert_int_equal(players_slot(&players, other), 2 * i + 1);
    }
    assert_true(players_full(&players));
    players_fini(&players);
}

/* The cells that lookups of these players begin at, when an index hashes with a secret. */
static uint32_t first_cells(uint64_t secret, const struct player_id *ids, uint32_t count)
{
    bool begins[256] = {false};
    uint32_t cells = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t tag = (uint32_t)hash_chain(secret, ids[i].bytes, sizeof ids[i].bytes);
        cells += !begins[tag >> 24];
        begins[tag >> 24] = true;
    }
    return cells;
}

static uint32_t longest_run(const struct table *table)
{
    uint32_t longest = 0, run = 0;
    for (uint32_t i = 0; i <= table->mask; i++) {
        run = table->cells[i].number_plus_1 != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

static void ids_that_meet_in_one_place_under_one_secret_are_spread_by_another(void **state)
{
    (void)state;
    enum { COUNT = 300 };
    static struct player_id ids[COUNT];
    struct rng rng;
    rng_init(&rng, 2);
    for (uint32_t count = 0; count < COUNT;) {
        ids[count] = random_id(&rng);
        const uint32_t tag = (uint32_t)hash_chain(SECRET, ids[count].bytes, sizeof ids[0].bytes);
        count += tag >> 24 == 0;
    }
    assert_int_equal(first_cells(SECRET, ids, COUNT), 1);
    assert_true(first_cells(SECRET + 1, ids, COUNT) > 100);

    uint32_t runs[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct players players;
        assert_int_equal(players_init(&players, COUNT, SECRET + i), STATUS_OK);
        for (uint32_t n = 0; n < COUNT; n++)
            (void)players_add(&players, 0, &ids[n]);
        runs[i] = longest_run(&players.index);
        players_fini(&players);
    }
    assert_true(runs[0] >= COUNT - 10);
    assert_true(runs[1] < COUNT / 4);
}

static void click_patterns_are_taken_when_begun_and_given_back_when_finished(void **state)
{
    (void)state;
    struct players players;
    assert_int_equal(players_init(&players, 2, SECRET), STATUS_OK);
    const struct player_id ids[2] = {{.bytes = {1}}, {.bytes = {2}}};
    struct player *one = players_add(&players, HUNT, &ids[0]);
    struct player *other = players_add(&players, HUNT, &ids[1]);
    assert_true(taps_empty(players_taps(&players, one)));
    players_forget_taps(&players, one, 4);
    assert_int_equal(players.taps.count, 0);

    players_click(&players, one, 4, 1000);
    players_click(&players, one, 5, 2000);
    assert_int_equal(players.taps.count, 1);
    assert_int_equal(taps_count(players_taps(&players, one), 4, 2000, 10), 1);
    assert_true(taps_empty(players_taps(&players, other)));

    players_forget_taps(&players, one, 4);
    assert_int_equal(taps_count(players_taps(&players, one), 5, 2000, 10), 1);
    players_forget_taps(&players, one, 5);
    assert_int_equal(one->taps, 0);
    assert_true(taps_empty(players_taps(&players, one)));

    players_click(&players, other, 6, 3000);
    assert_int_equal(players.taps.count, 1);
    assert_int_equal(taps_count(players_taps(&players, other), 6, 3000, 10), 1);
    assert_int_equal(taps_count(players_taps(&players, other), 5, 3000, 10), 0);
    players_fini(&players);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_player_is_found_by_his_id_and_hunt_while_the_index_grows),
        cmocka_unit_test(ids_that_meet_in_one_place_under_one_secret_are_spread_by_another),
        cmocka_unit_test(click_patterns_are_taken_when_begun_and_given_back_when_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
