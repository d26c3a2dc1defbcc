/* tests/unit/test_members.c -- One node's membership, event by event. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/members/members.h"

#define US_PER_MS UINT64_C(1000)

enum { US = 1, ANN = 10, BOB = 11, CID = 12, DAN = 13, EVE = 14, STRANGER = 99 };

static struct members *members;
static struct members_output out;
static struct now now;

static struct member_details details_of(uint64_t id)
{
    struct member_details details = {0};
    char name[16];
    const int length = snprintf(name, sizeof name, "n%u", (unsigned)id);
    assert_int_equal(name_set(&details.name, name, (size_t)length), STATUS_OK);
    (void)snprintf(details.peer, sizeof details.peer, "tcp://10.0.0.%u:1", (unsigned)id);
    return details;
}

static void begin(uint32_t members_max)
{
    const struct members_config config = {
        .id = US, .boot = 5, .details = details_of(US), .members_max = members_max, .seed = 1};
    members = members_new(&config);
    assert_non_null(members);
    now = (struct now){.monotonic_us = 1000000, .physical_us = UINT64_C(1700000000000000)};
}

static int teardown(void **state)
{
    (void)state;
    members_free(members);
    members = NULL;
    return 0;
}

/* A step of time, in which nothing comes in. What was sent last stays in `out`. */
static void pass(uint64_t us)
{
    now.monotonic_us += us;
    now.physical_us += us;
    members_tick(members, &now, &out);
}

static void pass_ms(uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i += 10)
        pass(10 * US_PER_MS);
}

static struct rumour rumour_of(uint64_t id, uint64_t boot, uint64_t incarnation,
                               enum liveness liveness)
{
    static struct member_details kept[64];
    static uint32_t next;
    struct member_details *details = &kept[next++ % 64];
    *details = details_of(id);
    return (struct rumour){.id = id, .life = {boot, incarnation, liveness}, .details = details};
}

static void hear_rumour(uint64_t from, struct rumour rumour)
{
    const struct gossip message = {.kind = GOSSIP_NEWS, .rumours = &rumour, .rumour_count = 1};
    members_receive(members, &now, (struct members_sender){from, 1}, &message, &out);
}

static void hear(uint64_t id, uint64_t boot, uint64_t incarnation, enum liveness liveness)
{
    hear_rumour(STRANGER, rumour_of(id, boot, incarnation, liveness));
}

static void accuse(uint64_t observer, uint64_t id, uint64_t incarnation, bool refused)
{
    struct rumour rumour = rumour_of(id, 1, incarnation, LIVENESS_SUSPECT);
    rumour.accusations[0] = (struct accusation){observer, refused};
    rumour.accusation_count = 1;
    hear_rumour(observer, rumour);
}

static void receive(uint64_t from, struct gossip message)
{
    members_receive(members, &now, (struct members_sender){from, 1}, &message, &out);
}

static struct life life_of(uint64_t id)
{
    struct members_view view;
    if (!members_find(members, id, &view))
        return (struct life){0};
    return view.life;
}

static void assert_life(uint64_t id, uint64_t boot, uint64_t incarnation, enum liveness liveness)
{
    const struct life life = life_of(id);
    assert_int_equal(life.boot, boot);
    assert_int_equal(life.incarnation, incarnation);
    assert_string_equal(liveness_name(life.liveness), liveness_name(liveness));
}

/* The n-th message of a kind that was sent last; NULL: there are fewer. */
static const struct members_send *sent(enum gossip_kind kind, uint32_t n)
{
    for (uint32_t i = 0; i < out.send_count; i++) {
        if (out.sends[i].message.kind == kind && n-- == 0)
            return &out.sends[i];
    }
    return NULL;
}

/* Answers every ping of the step, as if from there. */
static void answer_pings(uint64_t but)
{
    struct gossip acks[MEMBERS_SENDS_MAX];
    uint64_t from[MEMBERS_SENDS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < out.send_count; i++) {
        if (out.sends[i].message.kind != GOSSIP_PING || out.sends[i].to == but)
            continue;
        from[count] = out.sends[i].to;
        acks[count++] = (struct gossip){.kind = GOSSIP_ACK,
                                        .probe = out.sends[i].message.probe,
                                        .digest = members_digest(members),
                                        .physical_us = now.physical_us};
    }
    for (uint32_t i = 0; i < count; i++)
        receive(from[i], acks[i]);
}

/* Time passes, and everybody but one answers at once. */
static void live_ms(uint64_t ms, uint64_t but)
{
    for (uint64_t i = 0; i < ms; i += 10) {
        pass(10 * US_PER_MS);
        answer_pings(but);
    }
}

static void know(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        hear(ANN + i, 1, 0, LIVENESS_ALIVE);
}

/* --- Life grows ----------------------------------------------------------------------------------
 */

static void a_new_node_knows_itself(void **state)
{
    (void)state;
    begin(8);
    assert_int_equal(members_count(members), 1);
    assert_life(US, 5, 0, LIVENESS_ALIVE);
    assert_int_equal(members_live(members), 1);
}

static void what_is_known_of_a_life_never_shrinks(void **state)
{
    (void)state;
    begin(8);
    hear(ANN, 3, 7, LIVENESS_ALIVE);
    hear(ANN, 3, 6, LIVENESS_FAILED);
    assert_life(ANN, 3, 7, LIVENESS_ALIVE);
    hear(ANN, 2, 9, LIVENESS_FAILED);
    assert_life(ANN, 3, 7, LIVENESS_ALIVE);
    hear(ANN, 3, 7, LIVENESS_FAILED);
    assert_life(ANN, 3, 7, LIVENESS_FAILED);
    hear(ANN, 3, 7, LIVENESS_SUSPECT);
    hear(ANN, 3, 7, LIVENESS_ALIVE);
    assert_life(ANN, 3, 7, LIVENESS_FAILED);
}

/* Else an alive of incarnation 8, late on its way, would raise the dead. */
static void an_accusation_of_the_dead_raises_their_incarnation(void **state)
{
    (void)state;
    begin(8);
    hear(ANN, 1, 5, LIVENESS_FAILED);
    hear(ANN, 1, 9, LIVENESS_FAILED);
    hear(ANN, 1, 8, LIVENESS_ALIVE);
    assert_life(ANN, 1, 9, LIVENESS_FAILED);
}

static void a_new_boot_clears_everything(void **state)
{
    (void)state;
    begin(8);
    hear(ANN, 1, 9, LIVENESS_LEFT);
    hear(ANN, 2, 0, LIVENESS_ALIVE);
    assert_life(ANN, 2, 0, LIVENESS_ALIVE);
    assert_int_equal(out.change_count, 1);
    assert_int_equal(out.changes[0].before.liveness, LIVENESS_LEFT);
    assert_int_equal(out.changes[0].after.liveness, LIVENESS_ALIVE);
    assert_true(out.dials_changed);
}

static void a_node_refutes_what_is_said_of_it(void **state)
{
    (void)state;
    begin(8);
    know(1);
    hear(US, 5, 3, LIVENESS_SUSPECT);
    assert_life(US, 5, 4, LIVENESS_ALIVE);
    hear(US, 5, 4, LIVENESS_FAILED);
    assert_life(US, 5, 5, LIVENESS_ALIVE);
    hear(US, 5, 4, LIVENESS_FAILED);
    assert_life(US, 5, 5, LIVENESS_ALIVE);
    hear(US, 4, 100, LIVENESS_FAILED);
    assert_life(US, 5, 5, LIVENESS_ALIVE);
    assert_false(members_usurped(members));
    hear(US, 6, 0, LIVENESS_ALIVE);
    assert_life(US, 5, 5, LIVENESS_ALIVE);
    assert_true(members_usurped(members));
}

static void incarnations_have_an_end_that_nobody_dies_of(void **state)
{
    (void)state;
    begin(8);
    hear(US, 5, INCARNATION_MAX - 1, LIVENESS_SUSPECT);
    assert_life(US, 5, INCARNATION_MAX, LIVENESS_ALIVE);
    hear(US, 5, INCARNATION_MAX, LIVENESS_FAILED);
    assert_life(US, 5, INCARNATION_MAX, LIVENESS_ALIVE);
    hear(ANN, 1, INCARNATION_MAX + 1, LIVENESS_ALIVE);
    assert_life(ANN, 0, 0, LIVENESS_UNHEARD);
}

static void rumours_that_make_no_sense_count_as_not_said(void **state)
{
    (void)state;
    begin(8);
    hear(0, 1, 0, LIVENESS_ALIVE);
    hear(ANN, 0, 0, LIVENESS_ALIVE);
    hear(ANN, 1, 0, (enum liveness)LIVENESS_COUNT);
    struct rumour rumour = rumour_of(ANN, 1, 0, LIVENESS_ALIVE);
    rumour.details = NULL;
    hear_rumour(STRANGER, rumour);
    receive(STRANGER, (struct gossip){.kind = (enum gossip_kind)77});
    receive(STRANGER, (struct gossip){.kind = GOSSIP_PULL});
    assert_int_equal(members_count(members), 1);
}

static void an_earlier_boot_is_not_listened_to(void **state)
{
    (void)state;
    begin(8);
    hear(ANN, 3, 0, LIVENESS_ALIVE);
    const struct rumour rumour = rumour_of(BOB, 1, 0, LIVENESS_ALIVE);
    const struct gossip message = {.kind = GOSSIP_NEWS, .rumours = &rumour, .rumour_count = 1};
    members_receive(members, &now, (struct members_sender){ANN, 2}, &message, &out);
    assert_int_equal(members_count(members), 2);
    members_receive(members, &now, (struct members_sender){ANN, 3}, &message, &out);
    assert_int_equal(members_count(members), 3);
}

/* --- Probing -------------------------------------------------------------------------------------
 */

static void everybody_is_pinged_once_a_round(void **state)
{
    (void)state;
    begin(8);
    know(5);
    uint32_t pings[16] = {0};
    for (uint32_t i = 0; i < 10 * 5 * 20; i++) {
        pass(10 * US_PER_MS);
        for (uint32_t n = 0; sent(GOSSIP_PING, n) != NULL; n++)
            pings[sent(GOSSIP_PING, n)->to]++;
        answer_pings(0);
    }
    for (uint64_t id = ANN; id <= EVE; id++)
        assert_in_range(pings[id], 9, 11);
}

static void silence_is_asked_about_and_then_suspected(void **state)
{
    (void)state;
    begin(8);
    know(5);
    uint64_t asked_us = 0;
    const uint64_t start_us = now.monotonic_us;
    while (life_of(EVE).liveness == LIVENESS_ALIVE) {
        pass(10 * US_PER_MS);
        if (sent(GOSSIP_PING_REQ, 0) != NULL) {
            asked_us = now.monotonic_us;
            assert_non_null(sent(GOSSIP_PING_REQ, 2));
            assert_null(sent(GOSSIP_PING_REQ, 3));
            for (uint32_t n = 0; n < 3; n++) {
                assert_int_equal(sent(GOSSIP_PING_REQ, n)->message.target, EVE);
                assert_int_not_equal(sent(GOSSIP_PING_REQ, n)->to, EVE);
            }
        }
        answer_pings(EVE);
        assert_true(now.monotonic_us - start_us < 3000 * US_PER_MS);
    }
    assert_true(asked_us > 0);
    assert_int_equal(now.monotonic_us - asked_us, 120 * US_PER_MS);
}

static void an_ack_by_way_of_another_is_enough(void **state)
{
    (void)state;
    begin(8);
    know(5);
    for (uint32_t i = 0; i < 300; i++) {
        pass(10 * US_PER_MS);
        const struct members_send *request = sent(GOSSIP_PING_REQ, 0);
        const struct gossip ack = {.kind = GOSSIP_ACK,
                                   .probe = request != NULL ? request->message.probe : 0,
                                   .target = EVE};
        const uint64_t helper = request != NULL ? request->to : 0;
        answer_pings(EVE);
        if (helper != 0)
            receive(helper, ack);
    }
    assert_life(EVE, 1, 0, LIVENESS_ALIVE);
    assert_int_equal(members_health(members), 0);
}

static void a_helper_pings_and_says_what_it_hears(void **state)
{
    (void)state;
    begin(8);
    know(3);
    receive(ANN, (struct gossip){.kind = GOSSIP_PING_REQ, .probe = 77, .target = BOB});
    const struct members_send *ping = sent(GOSSIP_PING, 0);
    assert_non_null(ping);
    assert_int_equal(ping->to, BOB);
    const struct gossip ack = {
        .kind = GOSSIP_ACK, .probe = ping->message.probe, .digest = members_digest(members)};
    uint32_t nacks = 0;
    for (uint32_t i = 0; i < 8; i++) {
        pass(10 * US_PER_MS);
        const struct members_send *nack = sent(GOSSIP_NACK, 0);
        nacks += nack != NULL && nack->to == ANN && nack->message.probe == 77;
    }
    assert_int_equal(nacks, 1);
    receive(CID, ack); /* somebody else's */
    assert_null(sent(GOSSIP_ACK, 0));
    receive(BOB, ack);
    const struct members_send *relayed = sent(GOSSIP_ACK, 0);
    assert_non_null(relayed);
    assert_int_equal(relayed->to, ANN);
    assert_int_equal(relayed->message.probe, 77);
    assert_int_equal(relayed->message.target, BOB);
    receive(BOB, ack);
    assert_null(sent(GOSSIP_ACK, 0));
}

/* Helpers that are as silent as he whom they were asked about: it is us. */
static void hearing_nobody_at_all_is_blamed_on_ourselves(void **state)
{
    (void)state;
    begin(8);
    know(5);
    pass_ms(3000);
    assert_int_equal(members_health(members), 8);
    live_ms(8000, 0);
    assert_int_equal(members_health(members), 0);
}

/* --- Suspicion -----------------------------------------------------------------------------------
 */

/* How long ANN is suspect when these observers have accused him at once. */
static uint64_t suspect_ms(uint32_t observers, bool refused)
{
    begin(8);
    know(5);
    for (uint32_t i = 0; i < observers; i++)
        accuse(BOB + i, ANN, 0, refused && i == 0);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
    uint64_t ms = 0;
    while (life_of(ANN).liveness == LIVENESS_SUSPECT && ms < 10000) {
        live_ms(10, 0);
        ms += 10;
    }
    assert_life(ANN, 1, 0, LIVENESS_FAILED);
    members_free(members);
    members = NULL;
    return ms;
}

static void more_observers_leave_less_time_to_object(void **state)
{
    (void)state;
    assert_in_range(suspect_ms(1, false), 5990, 6010);
    assert_in_range(suspect_ms(2, false), 3490, 3510);
    assert_in_range(suspect_ms(3, false), 2030, 2050);
    assert_in_range(suspect_ms(4, false), 990, 1010);
}

static void a_refusal_needs_a_second_observer(void **state)
{
    (void)state;
    assert_in_range(suspect_ms(1, true), 5990, 6010);
    assert_in_range(suspect_ms(2, true), 90, 110);
}

static void one_observer_counts_once(void **state)
{
    (void)state;
    begin(8);
    know(5);
    for (uint32_t i = 0; i < 10; i++)
        accuse(BOB, ANN, 0, true);
    live_ms(2000, 0);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
}

static void an_objection_clears_the_suspicion(void **state)
{
    (void)state;
    begin(8);
    know(5);
    accuse(BOB, ANN, 0, true);
    accuse(CID, ANN, 0, true);
    live_ms(90, 0);
    hear(ANN, 1, 1, LIVENESS_ALIVE);
    live_ms(10000, 0);
    assert_life(ANN, 1, 1, LIVENESS_ALIVE);
}

static void a_refused_connection_is_told_and_looked_into(void **state)
{
    (void)state;
    begin(8);
    know(5);
    live_ms(1000, 0);
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
    assert_non_null(sent(GOSSIP_PING_REQ, 2));
    const struct members_send *news = sent(GOSSIP_NEWS, 0);
    assert_non_null(news);
    assert_int_equal(news->message.rumours[0].id, ANN);
    assert_int_equal(news->message.rumours[0].accusations[0].observer, US);
    assert_true(news->message.rumours[0].accusations[0].refused);
}

static void of_two_nodes_the_other_ones_own_second_refusal_decides(void **state)
{
    (void)state;
    begin(8);
    know(1);
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    live_ms(200, ANN);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    pass_ms(100);
    assert_life(ANN, 1, 0, LIVENESS_FAILED);
}

/* Something between us refuses: he lives, as others can tell. */
static void refusals_that_were_refuted_prove_nothing_until_he_answers(void **state)
{
    (void)state;
    begin(8);
    know(5);
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    hear(ANN, 1, 1, LIVENESS_ALIVE);
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    assert_life(ANN, 1, 1, LIVENESS_ALIVE);
    live_ms(2000, 0); /* he answers */
    members_link(members, &now, ANN, MEMBERS_LINK_REFUSED, &out);
    assert_life(ANN, 1, 1, LIVENESS_SUSPECT);
}

static void the_accused_hears_it_with_every_message(void **state)
{
    (void)state;
    begin(8);
    know(5);
    accuse(BOB, ANN, 0, false);
    live_ms(1000, 0); /* told often enough */
    receive(ANN,
            (struct gossip){.kind = GOSSIP_PING, .probe = 1, .digest = members_digest(members)});
    const struct members_send *ack = sent(GOSSIP_ACK, 0);
    assert_non_null(ack);
    assert_int_equal(ack->message.rumour_count, 1);
    assert_int_equal(ack->message.rumours[0].id, ANN);
    assert_int_equal(ack->message.rumours[0].life.liveness, LIVENESS_SUSPECT);
}

/* --- Our own pauses ------------------------------------------------------------------------------
 */

static void a_late_tick_convicts_nobody(void **state)
{
    (void)state;
    begin(8);
    know(5);
    accuse(BOB, ANN, 0, false);
    accuse(CID, ANN, 0, false);
    accuse(DAN, ANN, 0, false);
    accuse(EVE, ANN, 0, false);
    live_ms(900, 0);
    pass(60 * 1000 * US_PER_MS);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
    assert_int_equal(out.change_count, 0);
    live_ms(80, 0);
    assert_life(ANN, 1, 0, LIVENESS_SUSPECT);
    live_ms(50, 0);
    assert_life(ANN, 1, 0, LIVENESS_FAILED);
}

static void a_probe_that_was_open_during_a_pause_is_taken_back(void **state)
{
    (void)state;
    begin(8);
    know(1);
    while (sent(GOSSIP_PING, 0) == NULL)
        pass(10 * US_PER_MS);
    pass(MEMBERS_LATE_US + 200 * US_PER_MS);
    assert_life(ANN, 1, 0, LIVENESS_ALIVE);
}

/* --- Views ---------------------------------------------------------------------------------------
 */

static void the_digest_says_who_lives_but_not_who_is_suspect(void **state)
{
    (void)state;
    begin(8);
    know(2);
    const uint64_t before = members_digest(members);
    accuse(BOB, ANN, 0, false);
    assert_int_equal(members_digest(members), before);
    hear(ANN, 1, 0, LIVENESS_FAILED);
    assert_int_not_equal(members_digest(members), before);
    hear(ANN, 1, 1, LIVENESS_ALIVE);
    assert_int_not_equal(members_digest(members), before);
}

static void another_digest_is_followed_by_a_pull(void **state)
{
    (void)state;
    begin(8);
    know(2);
    pass_ms(500);
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .digest = members_digest(members)});
    assert_null(sent(GOSSIP_PULL, 0));
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .digest = members_digest(members) + 1});
    assert_non_null(sent(GOSSIP_PULL, 0));
    assert_non_null(sent(GOSSIP_PULL, 0)->message.buckets);
    /* Once is enough for a while. */
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .digest = members_digest(members) + 1});
    assert_null(sent(GOSSIP_PULL, 0));
}

static void a_pull_is_answered_with_the_parts_that_differ(void **state)
{
    (void)state;
    begin(200);
    know(100);
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .digest = 0});
    uint64_t buckets[GOSSIP_BUCKETS];
    pass_ms(600);
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .digest = 0});
    assert_non_null(sent(GOSSIP_PULL, 0));
    memcpy(buckets, sent(GOSSIP_PULL, 0)->message.buckets, sizeof buckets);

    receive(BOB, (struct gossip){.kind = GOSSIP_PULL, .buckets = buckets});
    assert_int_equal(out.send_count, 0);

    buckets[9] ^= 1;
    receive(BOB, (struct gossip){.kind = GOSSIP_PULL, .buckets = buckets});
    const struct members_send *view = sent(GOSSIP_VIEW, 0);
    assert_non_null(view);
    assert_true(view->message.rumour_count < 20);
    assert_int_equal(view->message.wanted, UINT64_C(1) << 9);

    /* All of them differ: several messages, and only the last one asks back. */
    memset(buckets, 0xff, sizeof buckets);
    receive(BOB, (struct gossip){.kind = GOSSIP_PULL, .buckets = buckets});
    assert_int_equal(sent(GOSSIP_VIEW, 0)->message.rumour_count, GOSSIP_RUMOURS_MAX);
    assert_int_equal(sent(GOSSIP_VIEW, 0)->message.wanted, 0);
    assert_int_equal(sent(GOSSIP_VIEW, 1)->message.rumour_count, 101 - GOSSIP_RUMOURS_MAX);
    assert_int_equal(sent(GOSSIP_VIEW, 1)->message.wanted, UINT64_MAX);
    assert_null(sent(GOSSIP_VIEW, 2));
}

static void joining_asks_the_contacts_in_turn_until_somebody_tells(void **state)
{
    (void)state;
    begin(8);
    const char *const addresses[2] = {"tcp://10.0.0.1:1", "tcp://10.0.0.2:1"};
    assert_int_equal(members_contacts(members, addresses, 2), STATUS_OK);
    const char *asked[3];
    for (uint32_t i = 0; i < 3; i++) {
        do {
            pass(10 * US_PER_MS);
        } while (sent(GOSSIP_JOIN, 0) == NULL);
        asked[i] = sent(GOSSIP_JOIN, 0)->address;
        assert_int_equal(sent(GOSSIP_JOIN, 0)->to, 0);
        assert_int_equal(sent(GOSSIP_JOIN, 0)->message.rumours[0].id, US);
    }
    assert_string_equal(asked[0], addresses[0]);
    assert_string_equal(asked[1], addresses[1]);
    assert_string_equal(asked[2], addresses[0]);
    const struct rumour rumour = rumour_of(ANN, 1, 0, LIVENESS_ALIVE);
    receive(ANN, (struct gossip){.kind = GOSSIP_VIEW, .rumours = &rumour, .rumour_count = 1});
    assert_true(members_joined(members));
    for (uint32_t i = 0; i < 200; i++) {
        pass(10 * US_PER_MS);
        assert_null(sent(GOSSIP_JOIN, 0));
    }
}

static void he_who_joins_is_told_everything(void **state)
{
    (void)state;
    begin(8);
    know(3);
    const struct rumour rumour = rumour_of(STRANGER, 1, 0, LIVENESS_ALIVE);
    receive(STRANGER, (struct gossip){.kind = GOSSIP_JOIN, .rumours = &rumour, .rumour_count = 1});
    assert_life(STRANGER, 1, 0, LIVENESS_ALIVE);
    assert_int_equal(sent(GOSSIP_VIEW, 0)->to, STRANGER);
    assert_int_equal(sent(GOSSIP_VIEW, 0)->message.rumour_count, 5);
}

/* --- Lists, removals, limits ---------------------------------------------------------------------
 */

static enum status list(uint32_t count)
{
    static struct members_listed listed[64];
    for (uint32_t i = 0; i < count; i++)
        listed[i] = (struct members_listed){.id = ANN + i, .details = details_of(ANN + i)};
    return members_list(members, &now, listed, count, &out);
}

static void listed_members_are_dialled_for_ever_and_no_others(void **state)
{
    (void)state;
    begin(8);
    assert_int_equal(list(2), STATUS_OK);
    hear(CID, 1, 0, LIVENESS_ALIVE);
    uint64_t dials[MEMBERS_MAX];
    assert_int_equal(members_dials(members, dials), 3);
    hear(ANN, 1, 0, LIVENESS_FAILED);
    hear(CID, 1, 0, LIVENESS_FAILED);
    assert_int_equal(members_dials(members, dials), 2);
    assert_int_equal(list(1), STATUS_OK);
    assert_int_equal(members_dials(members, dials), 1);
    assert_int_equal(dials[0], ANN);
    /* BOB was never heard of. */
    assert_life(BOB, 0, 0, LIVENESS_UNHEARD);
    assert_int_equal(members_count(members), 3);
}

static void the_failed_are_pinged_too(void **state)
{
    (void)state;
    begin(8);
    know(5);
    hear(EVE, 1, 0, LIVENESS_FAILED);
    uint32_t pings = 0;
    for (uint32_t i = 0; i < 100; i++) {
        pass(20 * US_PER_MS);
        for (uint32_t n = 0; sent(GOSSIP_PING, n) != NULL; n++)
            pings += sent(GOSSIP_PING, n)->to == EVE;
        answer_pings(EVE);
    }
    assert_in_range(pings, 9, 11);
}

static void a_removed_member_never_comes_back(void **state)
{
    (void)state;
    begin(8);
    know(2);
    const uint64_t other = members_digest(members);
    assert_int_equal(members_remove(members, &now, ANN, &out), STATUS_OK);
    assert_true(out.dials_changed);
    assert_int_not_equal(members_digest(members), other);
    hear(ANN, 99, 99, LIVENESS_ALIVE);
    receive(ANN, (struct gossip){.kind = GOSSIP_PING, .probe = 1});
    assert_int_equal(out.send_count, 0);
    assert_int_equal(list(2), STATUS_OK);
    assert_life(ANN, 0, 0, LIVENESS_UNHEARD);
    assert_int_equal(members_count(members), 2);
    assert_int_equal(members_remove(members, &now, ANN, &out), STATUS_OK);
    assert_int_equal(members_remove(members, &now, US, &out), STATUS_CONFLICT);
}

static void removals_have_a_limit(void **state)
{
    (void)state;
    begin(8);
    for (uint64_t i = 0; i < MEMBERS_REMOVED_MAX; i++)
        assert_int_equal(members_remove(members, &now, 1000 + i * 7 % 16384, &out), STATUS_OK);
    assert_int_equal(members_remove(members, &now, ANN, &out), STATUS_FULL);
    assert_true(members_removed(members, 1000));
    assert_true(members_removed(members, 1000 + 16383));
    assert_false(members_removed(members, 999));
    assert_false(members_removed(members, 1000 + 16384));
}

static void a_full_table_gives_up_the_dead_that_nobody_lists(void **state)
{
    (void)state;
    begin(4);
    assert_int_equal(list(1), STATUS_OK);
    hear(ANN, 1, 0, LIVENESS_FAILED);
    hear(BOB, 1, 0, LIVENESS_ALIVE);
    hear(CID, 1, 0, LIVENESS_FAILED);
    assert_int_equal(members_count(members), 4);
    hear(DAN, 1, 0, LIVENESS_ALIVE);
    assert_life(CID, 0, 0, LIVENESS_UNHEARD);
    assert_life(DAN, 1, 0, LIVENESS_ALIVE);
    hear(EVE, 1, 0, LIVENESS_ALIVE);
    assert_life(EVE, 0, 0, LIVENESS_UNHEARD);
    assert_int_equal(members_count(members), 4);
    assert_int_equal(list(5), STATUS_FULL);
    live_ms(2000, 0);
}

static void contacts_have_limits(void **state)
{
    (void)state;
    begin(8);
    char longest[ADDRESS_LENGTH_MAX + 2];
    memset(longest, 'a', sizeof longest);
    longest[ADDRESS_LENGTH_MAX] = '\0';
    const char *addresses[CONTACTS_MAX + 1];
    for (uint32_t i = 0; i <= CONTACTS_MAX; i++)
        addresses[i] = longest;
    assert_int_equal(members_contacts(members, addresses, CONTACTS_MAX), STATUS_OK);
    assert_int_equal(members_contacts(members, addresses, CONTACTS_MAX + 1), STATUS_TOO_LARGE);
    char longer[ADDRESS_LENGTH_MAX + 2];
    memset(longer, 'a', sizeof longer);
    longer[ADDRESS_LENGTH_MAX + 1] = '\0';
    const char *const one = longer;
    assert_int_equal(members_contacts(members, &one, 1), STATUS_TOO_LARGE);
}

/* --- What we say --------------------------------------------------------------------------------
 */

static void new_addresses_are_a_new_incarnation(void **state)
{
    (void)state;
    begin(8);
    know(1);
    pass_ms(1000);
    const struct member_details details = details_of(77);
    members_set_details(members, &details);
    assert_life(US, 5, 1, LIVENESS_ALIVE);
    pass(10 * US_PER_MS);
    const struct members_send *news = sent(GOSSIP_NEWS, 0);
    assert_non_null(news);
    assert_int_equal(news->message.rumours[0].id, US);
    assert_string_equal(news->message.rumours[0].details->peer, "tcp://10.0.0.77:1");
}

static void hints_ride_on_pings_and_the_later_ones_count(void **state)
{
    (void)state;
    begin(8);
    know(1);
    live_ms(2000, 0);
    members_set_hints(members, &(struct member_hints){.players = 5});
    members_set_hints(members, &(struct member_hints){.players = 5});
    assert_int_equal(members_at(members, 0).hints->version, 1);
    while (sent(GOSSIP_PING, 0) == NULL) {
        assert_null(sent(GOSSIP_NEWS, 0));
        pass(10 * US_PER_MS);
    }
    const struct rumour *rumour = &sent(GOSSIP_PING, 0)->message.rumours[0];
    assert_int_equal(rumour->id, US);
    assert_int_equal(rumour->hints->players, 5);
    assert_null(rumour->details);

    struct member_hints hints = {.version = 2, .players = 20};
    const struct rumour said = {.id = ANN, .life = {.boot = 1}, .hints = &hints};
    hear_rumour(ANN, said);
    hints = (struct member_hints){.version = 1, .players = 10};
    hear_rumour(ANN, said);
    struct members_view view;
    assert_true(members_find(members, ANN, &view));
    assert_int_equal(view.hints->players, 20);
    /* Another boot's are none of this one's. */
    hints.version = 3;
    const struct rumour late = {.id = ANN, .life = {.boot = 9}, .hints = &hints};
    hear_rumour(ANN, late);
    assert_int_equal(view.hints->players, 20);
    hear(ANN, 2, 0, LIVENESS_ALIVE);
    assert_int_equal(view.hints->version, 0);
}

static void a_node_that_leaves_says_so_and_does_not_come_back(void **state)
{
    (void)state;
    begin(8);
    know(2);
    pass_ms(500);
    members_leave(members);
    members_leave(members);
    assert_life(US, 5, 0, LIVENESS_LEFT);
    pass(10 * US_PER_MS);
    assert_non_null(sent(GOSSIP_NEWS, 0));
    assert_int_equal(sent(GOSSIP_NEWS, 0)->message.rumours[0].life.liveness, LIVENESS_LEFT);
    hear(US, 5, 4, LIVENESS_FAILED);
    assert_life(US, 5, 5, LIVENESS_LEFT);
    for (uint32_t i = 0; i < 100; i++) {
        pass(10 * US_PER_MS);
        assert_null(sent(GOSSIP_PING, 0));
    }
}

static void clocks_are_measured_at_the_middle_of_a_ping(void **state)
{
    (void)state;
    begin(8);
    know(1);
    while (sent(GOSSIP_PING, 0) == NULL)
        pass(10 * US_PER_MS);
    const uint32_t probe = sent(GOSSIP_PING, 0)->message.probe;
    const uint64_t asked_us = now.physical_us;
    now.monotonic_us += 8000;
    now.physical_us += 8000;
    receive(ANN, (struct gossip){.kind = GOSSIP_ACK,
                                 .probe = probe,
                                 .digest = members_digest(members),
                                 .physical_us = asked_us + 4000 - 700000});
    struct members_view view;
    assert_true(members_find(members, ANN, &view));
    assert_true(view.measured);
    assert_int_equal(view.clock_offset_us, -700000);
    assert_int_equal(view.clock_error_us, 4000);
    struct skew_sample samples[MEMBERS_MAX];
    now.monotonic_us += 1000000;
    assert_int_equal(members_clocks(members, &now, samples), 1);
    assert_int_equal(samples[0].offset_us, -700000);
    assert_int_equal(samples[0].error_us, 24000);
    now.monotonic_us += 30000000;
    assert_int_equal(members_clocks(members, &now, samples), 0);
}

/* --- Anything at all -----------------------------------------------------------------------------
 */

static uint64_t some(struct rng *rng)
{
    static const uint64_t ends[] = {0, 1, 2, INCARNATION_MAX, INCARNATION_MAX + 1, UINT64_MAX};
    return rng_chance(rng, 1, 4) ? ends[rng_below(rng, 6)] : rng_below(rng, 20);
}

static void no_message_of_a_peer_can_abort(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    begin(6);
    for (uint32_t i = 0; i < 100000; i++) {
        struct member_details details = details_of(3);
        struct member_hints hints = {.version = (uint32_t)some(&rng)};
        uint64_t buckets[GOSSIP_BUCKETS];
        for (uint32_t j = 0; j < GOSSIP_BUCKETS; j++)
            buckets[j] = some(&rng);
        struct rumour rumours[3];
        for (uint32_t j = 0; j < 3; j++) {
            rumours[j] = (struct rumour){0};
            rumours[j].id = some(&rng);
            rumours[j].life.boot = some(&rng);
            rumours[j].life.incarnation = some(&rng);
            rumours[j].life.liveness = (enum liveness)rng_below(&rng, LIVENESS_COUNT + 1);
            rumours[j].accusation_count = (uint32_t)rng_below(&rng, OBSERVERS_MAX + 1);
            for (uint32_t k = 0; k < OBSERVERS_MAX; k++)
                rumours[j].accusations[k].observer = some(&rng);
            rumours[j].accusations[0].refused = rng_chance(&rng, 1, 2);
            rumours[j].details = rng_chance(&rng, 3, 4) ? &details : NULL;
            rumours[j].hints = rng_chance(&rng, 1, 4) ? &hints : NULL;
        }
        struct gossip message = {.rumours = rumours};
        message.kind = (enum gossip_kind)rng_below(&rng, GOSSIP_VIEW + 2);
        message.probe = (uint32_t)some(&rng);
        message.target = some(&rng);
        message.digest = some(&rng);
        message.physical_us = some(&rng);
        message.wanted = some(&rng);
        message.buckets = rng_chance(&rng, 1, 2) ? buckets : NULL;
        message.rumour_count = (uint32_t)rng_below(&rng, 4);
        struct members_sender sender;
        sender.id = some(&rng);
        sender.boot = some(&rng);
        members_receive(members, &now, sender, &message, &out);
        if (rng_chance(&rng, 1, 3))
            pass(rng_below(&rng, 200000));
        if (rng_chance(&rng, 1, 10))
            members_link(members, &now, some(&rng), (enum members_link)rng_below(&rng, 3), &out);
    }
    assert_true(members_count(members) <= 6);
}

#define FACT(test) cmocka_unit_test_teardown(test, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(a_new_node_knows_itself),
        FACT(what_is_known_of_a_life_never_shrinks),
        FACT(an_accusation_of_the_dead_raises_their_incarnation),
        FACT(a_new_boot_clears_everything),
        FACT(a_node_refutes_what_is_said_of_it),
        FACT(incarnations_have_an_end_that_nobody_dies_of),
        FACT(rumours_that_make_no_sense_count_as_not_said),
        FACT(an_earlier_boot_is_not_listened_to),
        FACT(everybody_is_pinged_once_a_round),
        FACT(silence_is_asked_about_and_then_suspected),
        FACT(an_ack_by_way_of_another_is_enough),
        FACT(a_helper_pings_and_says_what_it_hears),
        FACT(hearing_nobody_at_all_is_blamed_on_ourselves),
        FACT(more_observers_leave_less_time_to_object),
        FACT(a_refusal_needs_a_second_observer),
        FACT(one_observer_counts_once),
        FACT(an_objection_clears_the_suspicion),
        FACT(a_refused_connection_is_told_and_looked_into),
        FACT(of_two_nodes_the_other_ones_own_second_refusal_decides),
        FACT(refusals_that_were_refuted_prove_nothing_until_he_answers),
        FACT(the_accused_hears_it_with_every_message),
        FACT(a_late_tick_convicts_nobody),
        FACT(a_probe_that_was_open_during_a_pause_is_taken_back),
        FACT(the_digest_says_who_lives_but_not_who_is_suspect),
        FACT(another_digest_is_followed_by_a_pull),
        FACT(a_pull_is_answered_with_the_parts_that_differ),
        FACT(joining_asks_the_contacts_in_turn_until_somebody_tells),
        FACT(he_who_joins_is_told_everything),
        FACT(listed_members_are_dialled_for_ever_and_no_others),
        FACT(the_failed_are_pinged_too),
        FACT(a_removed_member_never_comes_back),
        FACT(removals_have_a_limit),
        FACT(a_full_table_gives_up_the_dead_that_nobody_lists),
        FACT(contacts_have_limits),
        FACT(new_addresses_are_a_new_incarnation),
        FACT(hints_ride_on_pings_and_the_later_ones_count),
        FACT(a_node_that_leaves_says_so_and_does_not_come_back),
        FACT(clocks_are_measured_at_the_middle_of_a_ping),
        FACT(no_message_of_a_peer_can_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
