/* tests/sim/test_exchange.c -- Epochs where no node holds all ranges: five nodes with three
 * replicas of each range make the same boards of summaries that they were given, and settle the
 * same winners, whatever is lost, late, away or wrong. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cluster/ranges/placement.h"
#include "tests/sim/play.h"

#define NODES    5
#define RANGES   6
#define EPOCH_MS 1000
#define SUPPLY   3

#define GROWN_MS  20000
#define REST_MS   6000 /* longer than until a leader is moved again */
#define PUSHED_MS 100  /* after the boundary: closed, pushed, merged */
#define PULLED_MS 900  /* the same where all that is pushed is lost */
#define CALM_MS   8000 /* after a disturbance: elections, catching up, settling */

static struct play play;

static const struct cluster *core(uint32_t node)
{
    return play.rig.nodes[node].core;
}

static bool holds(uint32_t node, uint32_t range)
{
    return cluster_range_state(core(node), range) != NULL;
}

/* Some node without a replica of the range. */
static uint32_t stranger_to(uint32_t range)
{
    for (uint32_t node = 0; node < NODES; node++) {
        if (!holds(node, range))
            return node;
    }
    fail_msg("every node holds range %u", range);
    return RIG_NOBODY;
}

/* ---- A cluster of five. */

static bool grown(void)
{
    for (uint32_t range = 0; range < play.rig.settings.ranges; range++) {
        uint32_t holders = 0;
        for (uint32_t node = 0; node < NODES; node++) {
            const uint32_t voters = cluster_voters(core(node), range);
            if (voters != 0 && voters != 3)
                return false;
            holders += voters == 3;
        }
        if (holders != 3)
            return false;
    }
    return true;
}

/* Until leaders stay where they are. */
static void wait_for_rest(void)
{
    uint32_t leaders[PLAY_RANGES_MAX] = {0};
    uint32_t quiet_ms = 0;
    for (uint32_t ms = 0; quiet_ms < REST_MS; ms += 10) {
        assert_true(ms < GROWN_MS);
        rig_run(&play.rig, 10);
        quiet_ms += 10;
        for (uint32_t range = 0; range < play.rig.settings.ranges; range++) {
            const uint32_t leader = rig_leader(&play.rig, range);
            if (leader == RIG_NOBODY || leader != leaders[range])
                quiet_ms = 0;
            leaders[range] = leader;
        }
    }
}

/* The founder's log has all others as members before any replica is placed, so that replicas are
 * placed on all of them. */
static void enter_all(void)
{
    rig_off(&play.rig, 0);
    for (uint32_t node = 1; node < NODES; node++) {
        uint8_t body[MEMBER_BYTES_MAX];
        struct writer writer;
        writer_init(&writer, body, sizeof body);
        member_encode(&play.rig.members[node], &writer);
        const struct record record = {
            .kind = RECORD_JOIN,
            .stamp = hlc_from_us(RIG_START_US + play.rig.now_us),
            .body = body,
            .body_bytes = writer.used,
        };
        play_forge_record(&play, 0, GROUP_SYSTEM, &record);
    }
    rig_restart(&play.rig, 0);
    rig_settle(&play.rig);
}

static void begin_with(uint32_t ranges, uint32_t epoch_ms)
{
    memset(&play, 0, sizeof play);
    rig_init_alone(&play.rig, NODES, 3, ranges, epoch_ms);
    rig_settle(&play.rig);
    play_find_players(&play);
    enter_all();
    for (uint32_t node = 1; node < NODES; node++)
        rig_join(&play.rig, node, 0);
    for (uint32_t ms = 0; !grown(); ms += 10) {
        assert_true(ms < GROWN_MS);
        rig_run(&play.rig, 10);
    }
    wait_for_rest();
    play_define(&play, play_hunt(SUPPLY));
    play_run_to_epoch(&play, play.rig.defined.active_from_epoch);
    rig_run(&play.rig, 20);
}

static void begin(void)
{
    begin_with(RANGES, EPOCH_MS);
}

/* Nobody was called wrong. */
static void end(void)
{
    if (play.rig.error_count > 0)
        fail_msg("an alarm: %s", play.rig.error);
    rig_fini(&play.rig);
}

/* ---- Boards. */

/* The digest of the node's board of the epoch; 0: it has none, or it is partial. */
static uint64_t board_digest(uint32_t node, uint64_t epoch)
{
    struct global_board *board = cluster_board(core(node), epoch);
    if (board == NULL)
        return 0;
    const uint64_t digest = board->complete ? board->digest : 0;
    global_board_release(board);
    return digest;
}

static bool have_board(uint64_t epoch)
{
    for (uint32_t node = 0; node < NODES; node++) {
        if (!play.rig.nodes[node].off && board_digest(node, epoch) == 0)
            return false;
    }
    return true;
}

static void assert_same_board(uint64_t epoch)
{
    uint64_t digest = 0;
    for (uint32_t node = 0; node < NODES; node++) {
        if (play.rig.nodes[node].off)
            continue;
        const uint64_t own = board_digest(node, epoch);
        assert_int_not_equal(0, own);
        if (digest == 0)
            digest = own;
        assert_true(digest == own);
    }
}

static void wait_for_board(uint64_t epoch)
{
    for (uint32_t ms = 0; !have_board(epoch); ms += 10) {
        assert_true(ms < CALM_MS);
        rig_run(&play.rig, 10);
    }
    assert_same_board(epoch);
}

/* Runs until the epoch is over and this much later, when it must be complete everywhere. */
static void run_through(uint64_t epoch, uint32_t bound_ms)
{
    play_run_to_epoch(&play, epoch + 1);
    for (uint32_t ms = 0; ms < bound_ms && !have_board(epoch); ms++)
        rig_run(&play.rig, 1);
    assert_same_board(epoch);
}

static uint64_t players_of(uint32_t node, uint64_t epoch)
{
    struct global_board *board = cluster_board(core(node), epoch);
    assert_non_null(board);
    const struct global_hunt *hunt = global_board_hunt(board, PLAY_HUNT);
    const uint64_t players = hunt != NULL ? hunt->players : 0;
    global_board_release(board);
    return players;
}

/* ---- Settling. */

/* Every replica that has power has settled the epoch. */
static bool settled(uint64_t epoch)
{
    for (uint32_t node = 0; node < NODES; node++) {
        for (uint32_t range = 0; range < play.rig.settings.ranges; range++) {
            const struct range_state *state = cluster_range_state(core(node), range);
            if (!play.rig.nodes[node].off && state != NULL &&
                range_state_settle_next(state) <= epoch)
                return false;
        }
    }
    return true;
}

static void run_until_settled(uint64_t epoch, uint32_t ms_max)
{
    for (uint32_t ms = 0; !settled(epoch); ms += 10) {
        if (ms >= ms_max)
            fail_msg("epoch %llu is not settled after %u ms", (unsigned long long)epoch, ms_max);
        rig_run(&play.rig, 10);
    }
}

/* Exactly the earliest have won, as the receipts at the leaders say. */
static void assert_earliest_won(uint16_t treasure, uint32_t supply)
{
    struct play_pending *list;
    const uint32_t count = play_list_pending(&play, treasure, &list);
    assert_true(count > supply);
    for (uint32_t i = 0; i < count; i++) {
        const struct result receipt = play_receipt(&play, list[i].sent);
        assert_int_equal(i < supply ? OUTCOME_WON : OUTCOME_LOST, receipt.outcome);
    }
    free(list);
}

/* ---- Stories. */

static void who_does_not_hold_all_ranges_makes_the_same_boards(void **state)
{
    (void)state;
    begin();
    /* The founder keeps all of his. */
    for (uint32_t node = 1; node < NODES; node++) {
        uint32_t held = 0;
        for (uint32_t range = 0; range < RANGES; range++)
            held += holds(node, range);
        assert_in_range(held, 1, RANGES - 1);
    }
    for (uint32_t i = 0; i < 8; i++) {
        const uint64_t epoch = rig_epoch(&play.rig);
        play_claim_everywhere(&play, i, 1, PLAY_OWN);
        run_through(epoch, PUSHED_MS);
        assert_int_equal((i + 1) * RANGES, players_of(i % NODES, epoch));
    }
    end();
}

static void what_is_pushed_and_lost_is_pulled(void **state)
{
    (void)state;
    begin();
    play.rig.pushes_lost = true;
    for (uint32_t i = 0; i < 8; i++) {
        const uint64_t epoch = rig_epoch(&play.rig);
        play_claim_everywhere(&play, i, 1, PLAY_OWN);
        run_through(epoch, PULLED_MS);
        assert_int_equal((i + 1) * RANGES, players_of(i % NODES, epoch));
    }
    end();
}

/* Whoever led when a node last had to do with a range may be gone: others have the summary too. */
static void what_is_lost_is_pulled_from_others_than_a_dead_leader(void **state)
{
    (void)state;
    begin();
    const uint32_t range = 2;
    const uint32_t stranger = stranger_to(range);
    struct play_sent *sent = play_next_claim(&play, range, 1, PLAY_OWN);
    sent->token = ++play.token;
    rig_send(&play.rig, stranger, sent->token, &sent->action, 1);
    rig_run(&play.rig, 50);
    assert_int_equal(OUTCOME_FOUND, play_answer(&play, sent)->outcome);
    const uint32_t leader = rig_leader(&play.rig, range);
    assert_int_equal(play.rig.members[leader].id, cluster_range_leader(core(stranger), range));

    play.rig.pushes_lost = true;
    rig_off(&play.rig, leader);
    rig_run(&play.rig, 3000);
    rig_settle(&play.rig);
    run_through(rig_epoch(&play.rig), PULLED_MS);
    rig_restart(&play.rig, leader);
    rig_settle(&play.rig);
    end();
}

/* A node that was deaf makes up for all epochs whose boards are kept, not for the newest only. */
static void a_node_that_was_deaf_completes_what_it_missed(void **state)
{
    (void)state;
    begin_with(1, EPOCH_MS);
    const uint32_t deaf = stranger_to(0);
    const uint64_t first = rig_epoch(&play.rig);
    play.rig.nodes[deaf].deaf = true;
    for (uint32_t i = 0; i < 5; i++) {
        play_claim_everywhere(&play, i, 1, PLAY_OWN);
        play_run_to_epoch(&play, first + i + 1);
        rig_run(&play.rig, 50);
    }
    assert_int_equal(0, board_digest(deaf, first + 2));
    play.rig.nodes[deaf].deaf = false;
    rig_run(&play.rig, 3000);
    for (uint32_t i = 0; i < 5; i++)
        assert_same_board(first + i);
    end();
}

/* Two nodes such that without them some ranges have no quorum, and the others and the system group
 * have one. */
static bool splits(uint32_t a, uint32_t b, bool *ret_dead)
{
    uint32_t dead = 0;
    for (uint32_t range = 0; range < RANGES; range++) {
        ret_dead[range] = holds(a, range) && holds(b, range);
        dead += ret_dead[range];
    }
    const bool system =
        cluster_voters(core(a), GROUP_SYSTEM) == 0 || cluster_voters(core(b), GROUP_SYSTEM) == 0;
    return system && dead > 0 && dead < RANGES;
}

static void find_split(uint32_t *ret_a, uint32_t *ret_b, bool *ret_dead)
{
    for (*ret_a = 0; *ret_a < NODES; ++*ret_a) {
        for (*ret_b = *ret_a + 1; *ret_b < NODES; ++*ret_b) {
            if (splits(*ret_a, *ret_b, ret_dead))
                return;
        }
    }
    fail_msg("no two nodes split the ranges");
}

static void wait_for_other_leaders(const bool *dead)
{
    for (uint32_t ms = 0; ms < CALM_MS; ms += 10) {
        bool all = rig_leader(&play.rig, GROUP_SYSTEM) != RIG_NOBODY;
        for (uint32_t range = 0; range < RANGES; range++)
            all = all && (dead[range] || rig_leader(&play.rig, range) != RIG_NOBODY);
        if (all)
            return;
        rig_run(&play.rig, 10);
    }
    fail_msg("a range with a quorum has no leader");
}

/* Each living node's board names just these ranges. */
static void assert_names_missing(uint64_t epoch, const bool *dead)
{
    for (uint32_t node = 0; node < NODES; node++) {
        if (play.rig.nodes[node].off)
            continue;
        struct global_board *board = cluster_board(core(node), epoch);
        assert_non_null(board);
        assert_false(board->complete);
        uint32_t named = 0;
        for (uint32_t range = 0; range < RANGES; range++) {
            if (!dead[range])
                continue;
            assert_true(named < board->ranges - board->ranges_in);
            assert_int_equal(range, board->missing[named++]);
        }
        assert_int_equal(named, board->ranges - board->ranges_in);
        global_board_release(board);
    }
}

static void claim_where_it_lives(const bool *dead, uint32_t number, uint16_t treasure)
{
    for (uint32_t range = 0; range < RANGES; range++) {
        if (!dead[range] && rig_leader(&play.rig, range) != RIG_NOBODY)
            play_claim(&play, range, number, treasure);
    }
    rig_run(&play.rig, 50);
}

/* Two nodes go: some ranges are without a quorum for `epochs`. Boards say so, limited claims stay
 * pending, reactions travel, everything else goes on. They come back, and all is settled. */
static void go_without_a_quorum(uint32_t epochs)
{
    begin();
    uint32_t a, b;
    bool dead[RANGES];
    find_split(&a, &b, dead);
    uint32_t alive = 0;
    while (dead[alive])
        alive++;
    play_claim_everywhere(&play, 20, 1, PLAY_OWN);
    play_claim_everywhere(&play, 0, 1, PLAY_RARE);
    rig_run(&play.rig, 30);
    rig_off(&play.rig, a);
    rig_off(&play.rig, b);
    wait_for_other_leaders(dead);

    const uint64_t first = rig_epoch(&play.rig);
    play_run_to_epoch(&play, first + 2);
    claim_where_it_lives(dead, 1, PLAY_RARE);
    const uint32_t claimed = play.sent_count - 1;
    for (uint32_t i = 0; i < 3; i++)
        play_react(&play, alive, 10 + i, &play.players[alive][20], &PLAY_FIRE);
    claim_where_it_lives(dead, 2, PLAY_OWN);
    assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[play.sent_count - 1])->outcome);
    play_run_to_epoch(&play, first + 4);
    rig_run(&play.rig, 700);
    assert_names_missing(first + 3, dead);

    play_run_to_epoch(&play, first + epochs);
    assert_int_equal(OUTCOME_PENDING, play_receipt(&play, &play.sent[claimed]).outcome);
    assert_int_equal(0, play_page(&play, alive, 20)->reactions);
    claim_where_it_lives(dead, 3, PLAY_OWN);
    assert_int_equal(OUTCOME_FOUND, play_answer(&play, &play.sent[play.sent_count - 1])->outcome);

    rig_restart(&play.rig, a);
    rig_restart(&play.rig, b);
    rig_settle(&play.rig);
    const uint64_t back = rig_epoch(&play.rig);
    run_until_settled(back, CALM_MS);
    assert_same_board(back);
    assert_earliest_won(PLAY_RARE, SUPPLY);
    assert_int_equal(3, play_page(&play, alive, 20)->reactions);
    end();
}

static void a_range_without_a_quorum_delays_settling_and_nothing_else(void **state)
{
    (void)state;
    go_without_a_quorum(8);
}

static void settling_goes_on_after_360_epochs_without_a_quorum(void **state)
{
    (void)state;
    go_without_a_quorum(360);
}

static void a_node_that_was_away_for_360_epochs_comes_back(void **state)
{
    (void)state;
    begin();
    const uint32_t away = rig_leader(&play.rig, 0);
    play_claim_everywhere(&play, 20, 1, PLAY_OWN);
    play_claim_everywhere(&play, 0, 1, PLAY_RARE);
    play_claim_everywhere(&play, 6, 1, PLAY_OWN);
    rig_run(&play.rig, 30);
    rig_off(&play.rig, away);
    rig_run(&play.rig, 3000);
    rig_settle(&play.rig);
    play_claim_everywhere(&play, 1, 1, PLAY_RARE);
    play_react(&play, 0, 5, &play.players[3][6], &PLAY_CLAP);
    const uint64_t left = rig_epoch(&play.rig);
    for (uint64_t epoch = left; epoch < left + 360; epoch += 40) {
        play_claim_everywhere(&play, 10 + (uint32_t)(epoch - left) / 40, 1, PLAY_OWN);
        play_run_to_epoch(&play, epoch + 40);
        /* The others do not wait for him. */
        assert_true(settled(epoch + 37));
    }
    rig_restart(&play.rig, away);
    rig_settle(&play.rig);
    const uint64_t back = rig_epoch(&play.rig);
    run_until_settled(back, CALM_MS);
    for (uint64_t epoch = back - 2; epoch <= back; epoch++)
        assert_same_board(epoch);
    assert_earliest_won(PLAY_RARE, SUPPLY);
    assert_int_equal(1, play_page(&play, 3, 6)->reactions);
    end();
}

static void a_new_leader_closes_what_the_one_before_left_open(void **state)
{
    (void)state;
    begin();
    const uint32_t range = 4;
    const uint32_t leader = rig_leader(&play.rig, range);
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 0, 1, PLAY_OWN);
    play_run_before_end(&play, 30);
    rig_off(&play.rig, leader);
    play_run_to_epoch(&play, epoch + 1);
    rig_run(&play.rig, PUSHED_MS);
    assert_false(have_board(epoch));
    wait_for_board(epoch);
    assert_int_equal(RANGES, players_of((leader + 1) % NODES, epoch));
    rig_restart(&play.rig, leader);
    rig_settle(&play.rig);
    run_until_settled(epoch, CALM_MS);
    wait_for_board(epoch);
    end();
}

static void a_new_version_begins_in_the_same_epoch_everywhere(void **state)
{
    (void)state;
    begin();
    struct definition *second = play_hunt(SUPPLY);
    second->treasures[PLAY_OWN].points = 99;
    play_define(&play, second);
    const uint64_t from = play.rig.defined.active_from_epoch;
    rig_run(&play.rig, 500); /* those without the system group ask for news */
    uint32_t without = 0;
    for (uint32_t node = 0; node < NODES; node++) {
        without += cluster_voters(core(node), GROUP_SYSTEM) == 0;
        const struct hunt *hunt = system_state_find_hunt(cluster_system(core(node)), "harbour");
        assert_non_null(hunt);
        const struct hunt_version *active = hunt_newest_active(hunt);
        assert_non_null(active);
        assert_int_equal(2, active->version);
        assert_int_equal(from, active->active_from_epoch);
    }
    assert_int_equal(2, without);
    uint32_t number = 0;
    while (rig_epoch(&play.rig) <= from + 1) {
        play_claim_everywhere(&play, number++, 1, PLAY_OWN);
        rig_run(&play.rig, EPOCH_MS / 5);
    }
    for (uint32_t i = 0; i < play.sent_count; i++) {
        const struct result *result = play_answer(&play, &play.sent[i]);
        assert_int_equal(result->epoch >= from ? 2 : 1, result->definition_version);
        assert_int_equal(result->epoch >= from ? 99 : PLAY_OWN_POINTS, result->points);
    }
    end();
}

/* A node without any replica hears of all ledgers, and forgets them when they are settled. */
static void a_node_that_only_routes_keeps_no_more_than_what_is_not_settled(void **state)
{
    (void)state;
    begin_with(1, EPOCH_MS);
    const uint32_t router = stranger_to(0);
    uint64_t most = 0;
    for (uint32_t i = 0; i < 50; i++) {
        play_react(&play, 0, i, &play.players[0][(i + 1) % PLAY_EACH], &PLAY_FIRE);
        play_claim(&play, 0, i, PLAY_RARE);
        run_through(rig_epoch(&play.rig), PUSHED_MS);
        struct cluster_memory memory;
        cluster_memory(core(router), &memory);
        most = memory.ledgers_bytes > most ? memory.ledgers_bytes : most;
    }
    assert_in_range(most, 1, 4000);
    run_until_settled(rig_epoch(&play.rig) - 1, CALM_MS);
    assert_earliest_won(PLAY_RARE, SUPPLY);
    end();
}

/* The range's newest summary at a node with a replica, in which its only player has one point more;
 * the caller's to free. */
static uint8_t *altered_summary(uint32_t node, uint32_t range, uint32_t *ret_bytes)
{
    uint32_t count, whole;
    struct summary *const *kept =
        range_state_kept(cluster_range_state(core(node), range), &count, &whole);
    assert_true(count > 0);
    const struct summary *right = kept[count - 1];
    const struct summary_hunt *hunt = summary_hunt(right, PLAY_HUNT);
    assert_non_null(hunt);
    uint8_t *bytes = malloc(right->size);
    assert_non_null(bytes);
    memcpy(bytes, right->bytes, right->size);
    assert_int_equal(PLAY_OWN_POINTS, bytes[hunt->entries_at]);
    assert_int_equal(PLAY_OWN_POINTS, bytes[hunt->buckets_at]);
    bytes[hunt->entries_at]++;
    bytes[hunt->buckets_at]++;
    struct summary *wrong;
    assert_int_equal(STATUS_OK, summary_decode(&wrong, bytes, right->size));
    summary_release(wrong);
    *ret_bytes = (uint32_t)right->size;
    return bytes;
}

static void tell_summary(uint32_t node, uint32_t teller, const uint8_t *data, uint32_t bytes)
{
    const struct message message = {.kind = MESSAGE_SUMMARY,
                                    .summary = {.whole = true, .data = data, .bytes = bytes}};
    const struct event event = {
        .kind = EVENT_MESSAGE,
        .received = {.node = play.rig.members[teller].id, .stamp = 0, .message = &message},
    };
    rig_event(&play.rig, node, &event);
}

static void a_summary_with_another_score_is_noticed_and_settling_stops(void **state)
{
    (void)state;
    begin();
    const uint32_t range = 3;
    const uint32_t leader = rig_leader(&play.rig, range);
    play_claim_everywhere(&play, 0, 1, PLAY_OWN);
    run_through(rig_epoch(&play.rig), PUSHED_MS);
    assert_int_equal(0, play.rig.error_count);
    uint32_t bytes;
    uint8_t *data = altered_summary(leader, range, &bytes);
    /* By nodes that have a replica, and by those that were told before. */
    for (uint32_t node = 0; node < NODES; node++) {
        const uint32_t before = play.rig.error_count;
        tell_summary(node, (node + 1) % NODES, data, bytes);
        assert_true(play.rig.error_count > before);
        assert_non_null(strstr(play.rig.error, "range 3 has diverged"));
    }
    free(data);
    const uint32_t errors = play.rig.error_count;
    const uint64_t epoch = rig_epoch(&play.rig);
    play_claim_everywhere(&play, 1, 1, PLAY_RARE);
    play_run_to_epoch(&play, epoch + 3);
    /* It is said once, nothing is settled on such grounds, and the rest goes on. */
    assert_int_equal(errors, play.rig.error_count);
    assert_same_board(epoch + 1);
    for (uint32_t node = 0; node < NODES; node++) {
        for (uint32_t each = 0; each < RANGES; each++) {
            if (holds(node, each))
                assert_true(range_state_settle_next(cluster_range_state(core(node), each)) <=
                            epoch);
        }
    }
    rig_fini(&play.rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_hold_all_ranges_makes_the_same_boards),
        cmocka_unit_test(what_is_pushed_and_lost_is_pulled),
        cmocka_unit_test(what_is_lost_is_pulled_from_others_than_a_dead_leader),
        cmocka_unit_test(a_node_that_was_deaf_completes_what_it_missed),
        cmocka_unit_test(a_range_without_a_quorum_delays_settling_and_nothing_else),
        cmocka_unit_test(settling_goes_on_after_360_epochs_without_a_quorum),
        cmocka_unit_test(a_node_that_was_away_for_360_epochs_comes_back),
        cmocka_unit_test(a_new_leader_closes_what_the_one_before_left_open),
        cmocka_unit_test(a_new_version_begins_in_the_same_epoch_everywhere),
        cmocka_unit_test(a_node_that_only_routes_keeps_no_more_than_what_is_not_settled),
        cmocka_unit_test(a_summary_with_another_score_is_noticed_and_settling_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
