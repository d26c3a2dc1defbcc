/* tests/unit/test_load_players.c -- Simulated players claim in the mix that was asked for, at
 * places that mean what the mix says. A small judge beside them plays the cluster. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "chaos/load_players.h"

/* gate is free to all, yard needs it, attic is opened by reactions, which nobody gives here, and
 * night is open for one second in 1970. */
static const char hunt_page[] =
    "{'hunt':'h','plane':'flat','version':3,'something_new':[1],'treasures':["
    "{'id':'gate','at':{'x':0,'y':0},'radius':50,'points':1,'requires':[]},"
    "{'id':'yard','at':{'x':1000,'y':0},'radius':50,'points':1,'requires':['gate']},"
    "{'id':'attic','at':{'x':0,'y':1000},'radius':50,'points':1,'unlock':{'reactions':2}},"
    "{'id':'night','at':{'x':1000,'y':1000},'radius':50,'points':1,"
    "'window':{'from':'1970-01-01T00:00:01Z','to':'1970-01-01T00:00:02Z'}}]}";

#define GATE  0
#define YARD  1
#define NIGHT 3

struct world {
    struct load_hunt hunt;
    struct load_players players;
};

/* JSON with ' for ". */
static json_t *parse(const char *text)
{
    char *copy = strdup(text);
    assert_non_null(copy);
    for (char *at = copy; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    json_t *value = json_loads(copy, 0, NULL);
    assert_non_null(value);
    free(copy);
    return value;
}

static struct world *new_world(uint32_t players, uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    struct rng rng;
    assert_non_null(world);
    json_t *page = parse(hunt_page);
    assert_int_equal(load_hunt_from_definition(&world->hunt, page), STATUS_OK);
    json_decref(page);
    rng_init(&rng, seed);
    load_hunt_find_empty(&world->hunt, &rng);
    assert_int_equal(load_players_init(&world->players, &world->hunt, players, seed), STATUS_OK);
    return world;
}

/* The same, and everybody may claim. */
static struct world *begin_world(uint32_t players, uint64_t seed)
{
    struct world *world = new_world(players, seed);
    load_players_begin(&world->players);
    return world;
}

static void free_world(struct world *world)
{
    load_players_fini(&world->players);
    load_hunt_fini(&world->hunt);
    free(world);
}

/* The treasure within whose radius the claim lies. */
static int32_t judge_place(const struct load_claim *claim)
{
    static const int32_t places[4][2] = {{0, 0}, {1000, 0}, {0, 1000}, {1000, 1000}};
    for (int32_t i = 0; i < 4; i++) {
        const int64_t dx = claim->place.x - places[i][0];
        const int64_t dy = claim->place.y - places[i][1];
        if (dx * dx + dy * dy <= 50 * 50)
            return i;
    }
    return LOAD_NO_TREASURE;
}

/* Claims are judged one by one, by whoever is the player. */
struct tally {
    uint32_t nothing, already, found;
};

static void play(struct world *world, uint32_t claims, bool *held, struct tally *ret_tally)
{
    *ret_tally = (struct tally){0};
    for (uint32_t i = 0; i < claims; i++) {
        struct load_claim claim;
        assert_true(load_players_claim(&world->players, &claim, 1, 5000));
        const int32_t treasure = judge_place(&claim);
        assert_int_equal(treasure, claim.treasure);
        assert_true(treasure == LOAD_NO_TREASURE || treasure == GATE || treasure == YARD);
        enum outcome outcome = OUTCOME_NOTHING;
        if (treasure != LOAD_NO_TREASURE) {
            bool *has = &held[claim.player * 2];
            assert_true(treasure == GATE || has[GATE]);
            outcome = has[treasure] ? OUTCOME_ALREADY : OUTCOME_FOUND;
            has[treasure] = true;
        }
        ret_tally->nothing += outcome == OUTCOME_NOTHING;
        ret_tally->already += outcome == OUTCOME_ALREADY;
        ret_tally->found += outcome == OUTCOME_FOUND;
        load_players_learn(&world->players, &claim, outcome, treasure);
        load_players_release(&world->players, &claim, 1);
    }
}

static void the_mix_is_sixty_thirty_ten(void **state)
{
    (void)state;
    struct world *world = begin_world(10000, 1);
    bool *held = calloc(20000, sizeof *held);
    struct tally warm, tally;
    play(world, 3000, held, &warm);

    play(world, 10000, held, &tally);

    assert_in_range(tally.nothing, 5800, 6200);
    assert_in_range(tally.already, 2850, 3150);
    assert_in_range(tally.found, 900, 1100);
    free(held);
    free_world(world);
}

static void when_all_is_found_the_rest_is_already(void **state)
{
    (void)state;
    struct world *world = begin_world(3, 1);
    bool held[6] = {false};
    struct tally tally;
    play(world, 1000, held, &tally);
    assert_int_equal(tally.found, 6);

    play(world, 1000, held, &tally);

    assert_int_equal(tally.found, 0);
    assert_in_range(tally.nothing, 520, 680);
    assert_int_equal(tally.nothing + tally.already, 1000);
    free_world(world);
}

static void a_treasure_is_sought_in_its_window(void **state)
{
    (void)state;
    struct world *world = begin_world(1000, 1);
    uint32_t aimed = 0;
    for (uint32_t i = 0; i < 1000; i++) {
        struct load_claim claim;
        assert_true(load_players_claim(&world->players, &claim, 1, 1500));
        aimed += judge_place(&claim) == NIGHT;
    }
    assert_true(aimed > 0);
    free_world(world);
}

static void what_is_sold_out_is_sought_no_more(void **state)
{
    (void)state;
    struct world *world = begin_world(1000, 1);
    const struct load_claim claim = {.player = 0, .treasure = GATE};
    load_players_learn(&world->players, &claim, OUTCOME_SOLD_OUT, GATE);
    bool held[2000] = {false};
    struct tally tally;

    play(world, 1000, held, &tally);

    assert_int_equal(tally.nothing, 1000);
    free_world(world);
}

static void seqs_go_up_by_one(void **state)
{
    (void)state;
    struct world *world = begin_world(1, 1);
    for (uint32_t i = 1; i <= 100; i++) {
        struct load_claim claim;
        assert_true(load_players_claim(&world->players, &claim, 1, 0));
        assert_int_equal(claim.seq, i);
        load_players_release(&world->players, &claim, 1);
    }
    free_world(world);
}

static void a_player_has_one_request_at_a_time(void **state)
{
    (void)state;
    struct world *world = begin_world(3, 1);
    struct load_claim claims[4];
    bool seen[3] = {false};
    for (uint32_t i = 0; i < 3; i++) {
        assert_true(load_players_claim(&world->players, &claims[i], 1, 0));
        assert_false(seen[claims[i].player]);
        seen[claims[i].player] = true;
    }

    assert_false(load_players_claim(&world->players, &claims[3], 1, 0));
    load_players_release(&world->players, &claims[1], 1);
    assert_true(load_players_claim(&world->players, &claims[3], 1, 0));
    assert_int_equal(claims[3].player, claims[1].player);
    free_world(world);
}

static void a_batch_has_sixteen_claims_of_a_player_at_most(void **state)
{
    (void)state;
    struct world *world = begin_world(2, 1);
    struct load_claim claims[33];
    uint32_t counts[2] = {0};

    assert_false(load_players_claim(&world->players, claims, 33, 0));
    assert_true(load_players_claim(&world->players, claims, 32, 0));

    for (uint32_t i = 0; i < 32; i++)
        counts[claims[i].player]++;
    assert_int_equal(counts[0], 16);
    assert_int_equal(counts[1], 16);
    load_players_release(&world->players, claims, 32);
    assert_int_equal(world->players.free_count, 2);
    free_world(world);
}

static void the_same_seed_gives_the_same_players(void **state)
{
    (void)state;
    struct world *first = begin_world(50, 9);
    struct world *second = begin_world(50, 9);
    struct world *other = begin_world(50, 10);
    for (uint32_t i = 0; i < 50; i++) {
        const struct player_id *id = &first->players.list[i].id;
        assert_true(player_id_equal(id, &second->players.list[i].id));
        assert_false(player_id_equal(id, &other->players.list[i].id));
    }
    free_world(first);
    free_world(second);
    free_world(other);
}

static void a_player_goes_on_from_his_page(void **state)
{
    (void)state;
    struct world *world = new_world(1, 1);
    struct load_claim claim;
    json_t *page = parse("{'last_seq':'41','found':['gate','gone'],'pending':['yard'],'won':[]}");
    assert_int_equal(load_players_resume(&world->players, 0, page), STATUS_OK);
    json_decref(page);

    assert_int_equal(world->players.list[0].held, 2);
    load_players_begin(&world->players);
    assert_true(load_players_claim(&world->players, &claim, 1, 0));
    assert_int_equal(claim.seq, 42);
    free_world(world);
}

static void what_is_no_page_is_refused(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "{}",
        "{'last_seq':7,'found':[],'pending':[],'won':[]}",
        "{'last_seq':'7'}",
        "{'last_seq':'-7','found':[],'pending':[],'won':[]}",
        "{'last_seq':'4294967295','found':[],'pending':[],'won':[]}",
        "[]",
    };
    struct world *world = new_world(1, 1);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        json_t *page = parse(pages[i]);
        assert_int_equal(load_players_resume(&world->players, 0, page), STATUS_INVALID);
        json_decref(page);
    }
    free_world(world);
}

static void what_is_no_hunt_is_refused(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "{}",
        "{'treasures':[]}",
        "{'treasures':[7]}",
        "{'treasures':[{'id':'No Name'}]}",
        "{'treasures':{}}",
    };
    struct load_hunt *hunt = calloc(1, sizeof *hunt);
    assert_non_null(hunt);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        json_t *page = parse(pages[i]);
        assert_int_equal(load_hunt_from_definition(hunt, page), STATUS_INVALID);
        json_decref(page);
    }
    free(hunt);
}

static void shown_places_are_learned_from_a_players_page(void **state)
{
    (void)state;
    struct load_hunt *hunt = calloc(1, sizeof *hunt);
    assert_non_null(hunt);
    json_t *page = parse("{'open':[{'id':'hidden','points':5},"
                         "{'id':'tower','points':5,'lat':43.6942,'lon':-7.2712,'radius':20}]}");

    assert_int_equal(load_hunt_from_player(hunt, page), STATUS_OK);

    assert_int_equal(hunt->definition->treasure_count, 1);
    assert_int_equal(hunt->definition->plane, PLANE_GEO);
    assert_int_equal(hunt->definition->treasures[0].y, 436942000);
    assert_int_equal(hunt->definition->treasures[0].x, -72712000);
    json_decref(page);
    load_hunt_fini(hunt);
    free(hunt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_mix_is_sixty_thirty_ten),
        cmocka_unit_test(when_all_is_found_the_rest_is_already),
        cmocka_unit_test(a_treasure_is_sought_in_its_window),
        cmocka_unit_test(what_is_sold_out_is_sought_no_more),
        cmocka_unit_test(seqs_go_up_by_one),
        cmocka_unit_test(a_player_has_one_request_at_a_time),
        cmocka_unit_test(a_batch_has_sixteen_claims_of_a_player_at_most),
        cmocka_unit_test(the_same_seed_gives_the_same_players),
        cmocka_unit_test(a_player_goes_on_from_his_page),
        cmocka_unit_test(what_is_no_page_is_refused),
        cmocka_unit_test(what_is_no_hunt_is_refused),
        cmocka_unit_test(shown_places_are_learned_from_a_players_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
