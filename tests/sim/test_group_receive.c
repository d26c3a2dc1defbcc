/* tests/sim/test_group_receive.c -- One replica, fed by hand: what it takes, what it drops, what it
 * answers. It is replica 1 of the voters 1, 2 and 3, with the log [1: CHANGE, term 1]. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cluster/base/rng.h"
#include "cluster/ranges/group.h"

#define GROUP 3

static struct group *group;
static struct arena arena;
static struct effects *effects;
static struct group_turn turn;

static const struct replica founders[] = {{1, 11, REPLICA_VOTER},
                                          {2, 12, REPLICA_VOTER},
                                          {3, 13, REPLICA_VOTER},
                                          {4, 14, REPLICA_LEARNER}};

/* --- The replica's surroundings ------------------------------------------------------------------
 */

static void end_turn(void)
{
    effects->count = 0;
    arena_reset(&arena, 0);
    turn.ticket++;
}

static void persist(uint64_t ticket)
{
    effects->count = 0;
    group_persisted(group, &turn, ticket);
}

static void new_group(void)
{
    const struct group_config config = {
        .group = GROUP, .replica = 1, .seed = 5, .tail_bytes_max = 4096};
    group_free(group);
    group = group_new(&config);
    assert_non_null(group);
    turn.ticket++;
}

static void found(void)
{
    new_group();
    group_found(group, &turn, founders, 3, NULL);
    end_turn();
    persist(turn.ticket - 1);
    end_turn();
}

static void join(void)
{
    new_group();
    const struct hard_state nothing = {0};
    assert_int_equal(group_start(group, &turn, &nothing), STATUS_OK);
    end_turn();
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena);
    effects = calloc(1, sizeof *effects);
    assert_non_null(effects);
    turn = (struct group_turn){.now_ms = 1000, .effects = effects, .arena = &arena};
    found();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    group_free(group);
    group = NULL;
    free(effects);
    arena_fini(&arena);
    return 0;
}

static struct group_view view(void)
{
    struct group_view now;
    group_view(group, &now);
    return now;
}

/* The newest effect of a kind in this turn; NULL: none. */
static const struct effect *find(enum effect_kind kind)
{
    const struct effect *found_one = NULL;
    for (uint32_t i = 0; i < effects->count; i++) {
        if (effects->list[i].kind == kind)
            found_one = &effects->list[i];
    }
    return found_one;
}

static const struct group_message *answer(void)
{
    const struct effect *send = find(EFFECT_SEND);
    assert_non_null(send);
    return &send->send.message->group;
}

static void receive(const struct group_message *message)
{
    group_receive(group, &turn, message);
}

static const uint8_t word[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static struct log_entry command(uint64_t term)
{
    return (struct log_entry){.term = term, .type = ENTRY_COMMAND, .data = word, .bytes = 8};
}

/* The payload stays until the next call but three. */
static struct log_entry change_to(uint64_t term, const struct replica *replicas, uint32_t count)
{
    static uint8_t payloads[4][REPLICA_SET_BYTES_MAX];
    static uint32_t next;
    uint8_t *payload = payloads[next++ % 4];
    struct replica_set set;
    assert_int_equal(replica_set_make(&set, replicas, count), STATUS_OK);
    return (struct log_entry){.term = term,
                              .type = ENTRY_CHANGE,
                              .data = payload,
                              .bytes = replica_set_encode(&set, payload)};
}

static struct group_message message_of(enum group_message_type type, uint64_t from, uint64_t term)
{
    return (struct group_message){
        .group = GROUP, .type = type, .from = from, .from_node = from + 10, .to = 1, .term = term};
}

static struct group_message append_of(uint64_t from, uint64_t term, uint64_t previous,
                                      const struct log_entry *entries, uint32_t count)
{
    struct group_message message = message_of(GROUP_APPEND, from, term);
    message.append.previous_index = previous;
    message.append.previous_term = group_term_of(group, previous);
    message.append.commit = 1;
    message.append.entries = entries;
    message.append.count = count;
    return message;
}

static void take_entries(uint64_t from, uint64_t term, uint64_t previous,
                         const struct log_entry *entries, uint32_t count)
{
    const struct group_message message = append_of(from, term, previous, entries, count);
    receive(&message);
    assert_int_equal(view().last_index, previous + count);
}

/* --- Answers and the disk ------------------------------------------------------------------------
 */

static void entries_are_acknowledged_when_they_are_on_disk(void **state)
{
    (void)state;
    const struct log_entry entries[] = {command(2), command(2)};
    take_entries(2, 2, 1, entries, 2);
    assert_null(find(EFFECT_SEND));
    assert_null(find(EFFECT_TRUNCATE));
    assert_int_equal(find(EFFECT_HARD_STATE)->hard_state.term, 2);
    assert_int_equal(find(EFFECT_HARD_STATE)->hard_state.replica, 1);
    assert_int_equal(find(EFFECT_APPEND)->append.first, 2);
    assert_int_equal(find(EFFECT_APPEND)->append.count, 2);
    end_turn();
    persist(turn.ticket - 1);
    assert_int_equal(find(EFFECT_SEND)->send.node, 12);
    assert_int_equal(answer()->to, 2);
    assert_int_equal(answer()->from_node, 11);
    assert_int_equal(answer()->append_result.rejected, 0);
    assert_int_equal(answer()->append_result.last_index, 3);
}

static void a_vote_leaves_when_it_is_on_disk(void **state)
{
    (void)state;
    struct group_message vote = message_of(GROUP_VOTE, 3, 5);
    vote.vote.last_index = vote.vote.last_term = 1;
    receive(&vote);
    assert_null(find(EFFECT_SEND));
    assert_int_equal(find(EFFECT_HARD_STATE)->hard_state.vote, 3);
    end_turn();
    persist(turn.ticket - 1);
    assert_true(answer()->vote_result.granted);
    assert_int_equal(answer()->term, 5);
}

static void what_a_truncation_overtook_is_not_reported_as_persisted(void **state)
{
    (void)state;
    const struct log_entry old[] = {command(2), command(2), command(2)};
    take_entries(2, 2, 1, old, 3);
    const uint64_t old_ticket = turn.ticket;
    end_turn();
    const struct log_entry newer[] = {command(3)};
    take_entries(3, 3, 2, newer, 1);
    assert_int_equal(find(EFFECT_TRUNCATE)->truncate.from, 3);
    assert_true(find(EFFECT_TRUNCATE) < find(EFFECT_APPEND));
    end_turn();

    persist(old_ticket);
    assert_int_equal(view().durable_index, 2);
    end_turn();
    persist(turn.ticket - 1);
    assert_int_equal(view().durable_index, 3);
    assert_int_equal(answer()->to, 3);
    assert_int_equal(answer()->append_result.last_index, 3);
}

static void a_truncation_takes_durable_entries_along(void **state)
{
    (void)state;
    const struct log_entry old[] = {command(2), command(2), command(2)};
    take_entries(2, 2, 1, old, 3);
    end_turn();
    persist(turn.ticket - 1);
    assert_int_equal(view().durable_index, 4);
    end_turn();
    const struct log_entry newer[] = {command(3)};
    take_entries(3, 3, 2, newer, 1);
    assert_int_equal(view().durable_index, 2);
    end_turn();
    persist(turn.ticket - 1);
    assert_int_equal(view().durable_index, 3);
}

/* --- Where libraft would go wrong ----------------------------------------------------------------
 */

static void an_old_leaders_first_entries_are_not_acknowledged_in_the_new_term(void **state)
{
    (void)state;
    struct group_message vote = message_of(GROUP_VOTE, 2, 5);
    vote.vote.last_index = vote.vote.last_term = 1;
    receive(&vote);
    end_turn();
    persist(turn.ticket - 1);
    end_turn();
    /* Replica 2, which has our vote, sent this before. If it leads now, it must not believe that we
     * have anything. */
    const struct log_entry first = change_to(1, founders, 3);
    const struct group_message old = append_of(2, 4, 0, &first, 1);
    receive(&old);
    assert_int_equal(answer()->type, GROUP_APPEND_RESULT);
    assert_int_equal(answer()->term, 5);
    assert_int_equal(answer()->append_result.rejected, 1);
    assert_int_equal(answer()->append_result.last_index, 0);
}

static void the_commit_index_never_steps_back(void **state)
{
    (void)state;
    struct log_entry entries[8];
    for (int i = 0; i < 8; i++)
        entries[i] = command(2);
    struct group_message message = append_of(2, 2, 1, entries, 8);
    message.append.commit = 8;
    receive(&message);
    assert_int_equal(view().commit_index, 8);
    message.append.count =
        3; /* a repetition of the first few, by a leader that has committed more */
    message.append.commit = 9;
    receive(&message);
    assert_int_equal(view().commit_index, 8);
}

static void the_second_of_two_changes_is_rolled_back_alone(void **state)
{
    (void)state;
    join();
    const struct replica four[] = {founders[0], founders[1], founders[2], {4, 14, REPLICA_VOTER}};
    const struct log_entry entries[] = {change_to(1, founders, 3), command(2),
                                        change_to(2, founders, 4), command(2),
                                        change_to(2, four, 4),     command(2)};
    struct group_message message = append_of(2, 2, 0, entries, 6);
    message.append.commit = 0; /* a leader that has just begun knows of no more */
    receive(&message);
    assert_int_equal(view().last_index, 6);
    assert_int_equal(view().replicas[3].role, REPLICA_VOTER);
    end_turn();
    const struct log_entry newer[] = {command(3)};
    take_entries(3, 3, 4, newer, 1);
    assert_int_equal(view().replica_count, 4);
    assert_int_equal(view().replicas[3].role, REPLICA_LEARNER);
}

static void a_change_that_was_truncated_from_the_middle_of_an_append_is_rolled_back(void **state)
{
    (void)state;
    const struct log_entry entries[] = {command(2), change_to(2, founders, 4), command(2)};
    take_entries(2, 2, 1, entries, 3);
    assert_int_equal(view().replica_count, 4);
    end_turn();
    /* Noted at index 2, where the message began, it would survive a truncation at its own. */
    const struct log_entry newer[] = {command(3)};
    take_entries(3, 3, 2, newer, 1);
    assert_int_equal(view().replica_count, 3);
}

static void a_refused_pre_vote_tells_a_newer_term(void **state)
{
    (void)state;
    struct group_message vote = message_of(GROUP_VOTE, 2, 9);
    vote.vote.last_index = vote.vote.last_term = 1;
    receive(&vote);
    end_turn();
    persist(turn.ticket - 1);
    end_turn();
    struct group_message late = message_of(GROUP_VOTE, 3, 4);
    late.vote.last_index = late.vote.last_term = 1;
    late.vote.pre_vote = true;
    receive(&late);
    assert_false(answer()->vote_result.granted);
    assert_int_equal(answer()->term, 9);
}

static void a_late_vote_result_changes_no_term(void **state)
{
    (void)state;
    struct group_message late = message_of(GROUP_VOTE_RESULT, 2, 8);
    late.vote_result.granted = true;
    late.vote_result.pre_vote = true;
    receive(&late);
    assert_int_equal(view().term, 1);
    assert_int_equal(effects->count, 0);
}

static void at_most_eight_changes_are_taken_from_one_append(void **state)
{
    (void)state;
    struct log_entry entries[20];
    for (int i = 0; i < 20; i++)
        entries[i] = change_to(2, founders, i % 2 == 0 ? 4 : 3);
    const struct group_message message = append_of(2, 2, 1, entries, 20);
    receive(&message);
    assert_int_equal(view().last_index, 9); /* the rest counts as lost */
    assert_false(view().broken);
    assert_true(effects->count <= GROUP_EFFECTS_MAX);
}

static void too_much_that_waits_for_the_disk_is_taken_as_a_heartbeat(void **state)
{
    (void)state;
    static uint8_t large[4096];
    struct log_entry entries[3];
    for (int i = 0; i < 3; i++) {
        entries[i] = command(2);
        entries[i].data = large;
        entries[i].bytes = sizeof large;
    }
    take_entries(2, 2, 1, entries, 2);
    const struct group_message more = append_of(2, 2, 3, entries, 1);
    receive(&more);
    assert_int_equal(view().last_index, 3);
    assert_int_equal(view().dropped, 0);
    assert_int_equal(view().leader, 2);
    end_turn();
    persist(turn.ticket - 1);
    receive(&more);
    assert_int_equal(view().last_index, 4);
}

static void replicas_that_we_do_not_know_may_ask_for_votes_and_lead(void **state)
{
    (void)state;
    struct group_message vote = message_of(GROUP_VOTE, 7, 5);
    vote.vote.last_index = vote.vote.last_term = 1;
    receive(&vote);
    end_turn();
    persist(turn.ticket - 1);
    assert_int_equal(find(EFFECT_SEND)->send.node, 17);
    assert_true(answer()->vote_result.granted);
    end_turn();
    const struct log_entry entries[] = {command(5)};
    take_entries(7, 5, 1, entries, 1);
    assert_int_equal(view().leader, 7);
}

/* --- What cannot be true -------------------------------------------------------------------------
 */

static void entries_that_contradict_committed_ones_break_the_group(void **state)
{
    (void)state;
    const struct log_entry entries[] = {command(2), command(2)};
    struct group_message message = append_of(2, 2, 1, entries, 2);
    message.append.commit = 3;
    receive(&message);
    assert_int_equal(view().commit_index, 3);
    end_turn();
    const struct log_entry other[] = {command(3)};
    const struct group_message wrong = append_of(3, 3, 2, other, 1);
    receive(&wrong);
    assert_true(view().broken);
    assert_int_equal(view().role, GROUP_FOLLOWER);
    assert_int_equal(view().leader, 0);
    assert_null(find(EFFECT_APPEND));
    assert_int_equal(find(EFFECT_NOTE)->note.level, NOTE_ERROR);
    end_turn();
    /* Everything is dropped from now on. */
    receive(&message);
    group_tick(group, &turn);
    persist(turn.ticket - 1);
    assert_int_equal(effects->count, 0);
    assert_int_equal(group_next_tick(group), UINT64_MAX);
    uint64_t index;
    assert_int_equal(group_submit(group, &turn, group_block(8), 8, &index), STATUS_NOT_LEADER);
    struct log_entry entry;
    assert_false(group_next_committed(group, &turn, &index, &entry));
}

static void two_leaders_of_one_term_are_one_too_many(void **state)
{
    (void)state;
    const struct log_entry entries[] = {command(2)};
    take_entries(2, 2, 1, entries, 1);
    const struct group_message other = append_of(3, 2, 2, entries, 1);
    receive(&other);
    assert_int_equal(view().dropped, 1);
    assert_int_equal(view().last_index, 2);
}

static void a_log_that_cannot_be_read_breaks_the_group(void **state)
{
    (void)state;
    /* A restart: everything that is committed is read back. */
    new_group();
    const struct log_entry first = change_to(1, founders, 3);
    const struct log_entry second = command(1);
    assert_int_equal(group_restore(group, &first), STATUS_OK);
    assert_int_equal(group_restore(group, &second), STATUS_OK);
    const struct hard_state hard_state = {.term = 1, .replica = 1};
    assert_int_equal(group_start(group, &turn, &hard_state), STATUS_OK);
    assert_int_equal(find(EFFECT_READ_LOG)->read_log.first, 1);
    assert_int_equal(find(EFFECT_READ_LOG)->read_log.last, 1);
    end_turn();
    struct log_entry wrong = first;
    wrong.term = 2;
    group_log_read(group, &turn, 1, &wrong, 1);
    assert_true(view().broken);
}

static void a_log_that_is_no_log_is_not_restored(void **state)
{
    (void)state;
    new_group();
    struct log_entry entry = command(1);
    assert_int_equal(group_restore(group, &entry), STATUS_CORRUPT); /* entry 1 is no CHANGE */
    entry = change_to(2, founders, 3);
    assert_int_equal(group_restore(group, &entry), STATUS_OK);
    entry = command(1);
    assert_int_equal(group_restore(group, &entry), STATUS_CORRUPT); /* terms fall */
    entry = command(2);
    entry.type = (enum entry_type)9;
    assert_int_equal(group_restore(group, &entry), STATUS_CORRUPT);
    entry = change_to(2, founders, 3);
    entry.bytes -= 8;
    assert_int_equal(group_restore(group, &entry), STATUS_CORRUPT);
    const struct hard_state too_old = {.term = 1};
    assert_int_equal(group_start(group, &turn, &too_old), STATUS_CORRUPT);
}

/* --- Messages that nobody sends ------------------------------------------------------------------
 */

#define LIMIT RAFT_NUMBER_LIMIT

struct damage {
    const char *what;
    void (*apply)(struct group_message *message, struct log_entry *entries);
};

#define DAMAGE(name, statement)                                                                    \
    static void name(struct group_message *m, struct log_entry *e)                                 \
    {                                                                                              \
        (void)m;                                                                                   \
        (void)e;                                                                                   \
        statement;                                                                                 \
    }

DAMAGE(other_group, m->group++)
DAMAGE(other_replica, m->to++)
DAMAGE(from_nobody, m->from = 0)
DAMAGE(from_ourselves, m->from = 1)
DAMAGE(from_beyond, m->from = LIMIT)
DAMAGE(from_another_node, m->from_node = 13)
DAMAGE(no_term, m->term = 0)
DAMAGE(huge_term, m->term = LIMIT)
DAMAGE(highest_term, m->term = UINT64_MAX)
DAMAGE(no_type, m->type = (enum group_message_type)0)
DAMAGE(snapshot_type, m->type = (enum group_message_type)5)
DAMAGE(type_7, m->type = (enum group_message_type)7)
DAMAGE(stranger_without_node, (m->from = 9, m->from_node = 0))
DAMAGE(huge_previous, m->append.previous_index = LIMIT)
DAMAGE(highest_previous, m->append.previous_index = UINT64_MAX)
DAMAGE(previous_without_term, m->append.previous_term = 0)
DAMAGE(term_without_previous, m->append.previous_index = 0)
DAMAGE(previous_term_above_term, m->append.previous_term = 3)
DAMAGE(huge_commit, m->append.commit = LIMIT)
DAMAGE(many_entries, m->append.count = GROUP_APPEND_ENTRIES_MAX + 1)
DAMAGE(highest_count, m->append.count = UINT32_MAX)
DAMAGE(no_entries, m->append.entries = NULL)
DAMAGE(entry_without_term, e[0].term = 0)
DAMAGE(entry_above_term, e[1].term = 3)
DAMAGE(falling_terms, (m->append.previous_term = 2, e[0].term = 1))
DAMAGE(entry_type_0, e[0].type = (enum entry_type)0)
DAMAGE(entry_type_4, e[1].type = (enum entry_type)4)
DAMAGE(odd_bytes, e[0].bytes = 7)
DAMAGE(no_bytes, e[0].bytes = 0)
DAMAGE(too_many_bytes, e[0].bytes = ENTRY_BYTES_MAX + 8)
DAMAGE(no_data, e[1].data = NULL)
DAMAGE(command_as_change, e[1].type = ENTRY_CHANGE)
DAMAGE(starts_without_change, (m->append.previous_index = 0, m->append.previous_term = 0))

static const struct damage damages[] = {
    {"other group", other_group},
    {"other replica", other_replica},
    {"from nobody", from_nobody},
    {"from ourselves", from_ourselves},
    {"from beyond", from_beyond},
    {"from another node", from_another_node},
    {"no term", no_term},
    {"huge term", huge_term},
    {"highest term", highest_term},
    {"no type", no_type},
    {"a snapshot", snapshot_type},
    {"type 7", type_7},
    {"a stranger without a node", stranger_without_node},
    {"huge previous index", huge_previous},
    {"highest previous index", highest_previous},
    {"previous index without term", previous_without_term},
    {"previous term without index", term_without_previous},
    {"previous term above term", previous_term_above_term},
    {"huge commit", huge_commit},
    {"many entries", many_entries},
    {"highest count", highest_count},
    {"no entries", no_entries},
    {"entry without term", entry_without_term},
    {"entry above term", entry_above_term},
    {"falling terms", falling_terms},
    {"entry type 0", entry_type_0},
    {"entry type 4", entry_type_4},
    {"odd bytes", odd_bytes},
    {"no bytes", no_bytes},
    {"too many bytes", too_many_bytes},
    {"no data", no_data},
    {"a command as a change", command_as_change},
    {"a log that starts without a change", starts_without_change},
};

static void damaged_appends_are_dropped_and_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct log_entry entries[] = {command(2), command(2)};
        struct group_message message = append_of(2, 2, 1, entries, 2);
        damages[i].apply(&message, entries);
        receive(&message);
        if (view().dropped != i + 1 || effects->count != 0)
            fail_msg("taken: %s", damages[i].what);
        assert_int_equal(view().term, 1);
        assert_int_equal(view().last_index, 1);
    }
    /* Undamaged it is taken. */
    struct log_entry entries[] = {command(2), command(2)};
    take_entries(2, 2, 1, entries, 2);
}

static void a_large_append_of_several_entries_is_dropped(void **state)
{
    (void)state;
    static uint8_t large[ENTRY_BYTES_MAX];
    struct log_entry entries[] = {command(2), command(2)};
    entries[0].data = entries[1].data = large;
    entries[0].bytes = entries[1].bytes = GROUP_APPEND_BYTES_MAX / 2 + 8;
    const struct group_message both = append_of(2, 2, 1, entries, 2);
    receive(&both);
    assert_int_equal(view().dropped, 1);
    entries[0].bytes = ENTRY_BYTES_MAX;
    take_entries(2, 2, 1, entries, 1);
}

/* Votes wait until a term has passed, so that we may become a candidate and a leader. */
static void become_leader(void)
{
    for (int i = 0; i < 1000 && view().role != GROUP_LEADER; i++) {
        turn.now_ms += 10;
        group_tick(group, &turn);
        end_turn();
        persist(turn.ticket - 1);
        if (view().role == GROUP_CANDIDATE) {
            struct group_message granted = message_of(GROUP_VOTE_RESULT, 2, view().term);
            granted.vote_result.granted = true;
            receive(&granted);
            granted.term++;
            granted.vote_result.pre_vote = true;
            receive(&granted);
        }
        end_turn();
    }
    assert_int_equal(view().role, GROUP_LEADER);
}

static void impossible_acknowledgements_are_dropped(void **state)
{
    (void)state;
    become_leader();
    uint64_t index;
    assert_int_equal(group_submit(group, &turn, group_block(8), 8, &index), STATUS_OK);
    assert_int_equal(index, 2);
    end_turn();
    struct group_message result = message_of(GROUP_APPEND_RESULT, 2, view().term);
    result.append_result.last_index = 3; /* more than we have */
    receive(&result);
    result.append_result.last_index = LIMIT;
    receive(&result);
    result.append_result.rejected = 2;
    result.append_result.last_index = 2; /* has what it rejects */
    receive(&result);
    result.append_result.rejected = 0;
    result.from = 9; /* nobody of ours */
    receive(&result);
    assert_int_equal(view().dropped, 4);
    assert_int_equal(view().commit_index, 1);
    result.from = 2;
    receive(&result);
    assert_int_equal(group_match(group, 2), 2);
    /* Our own disk has not said anything yet, so it is one of three. */
    assert_int_equal(view().commit_index, 1);
    persist(turn.ticket - 1);
    assert_int_equal(view().commit_index, 2);
    assert_true(group_ready_to_lead(group));
}

static void another_leader_of_our_own_term_is_not_believed(void **state)
{
    (void)state;
    become_leader();
    const struct log_entry entries[] = {command(1)};
    struct group_message message = append_of(3, view().term, 1, entries, 1);
    receive(&message);
    assert_int_equal(view().dropped, 1);
    assert_int_equal(view().role, GROUP_LEADER);
    assert_int_equal(view().last_index, 1);
}

/* Ticks that come too early would make libraft take its followers for unreachable, and entries wait
 * for the next heartbeat. */
static void early_ticks_do_nothing(void **state)
{
    (void)state;
    become_leader();
    struct group_message result = message_of(GROUP_APPEND_RESULT, 2, view().term);
    result.append_result.last_index = 1;
    receive(&result);
    end_turn();
    const uint64_t due_ms = group_next_tick(group);
    assert_int_equal(due_ms % 10, 0);
    assert_true(due_ms > turn.now_ms + 30);
    while (turn.now_ms + 1 < due_ms) {
        turn.now_ms++;
        group_tick(group, &turn);
        assert_int_equal(effects->count, 0);
    }
    uint64_t index;
    assert_int_equal(group_submit(group, &turn, group_block(8), 8, &index), STATUS_OK);
    assert_int_equal(answer()->type, GROUP_APPEND);
    assert_int_equal(answer()->to, 2);
    assert_int_equal(answer()->append.count, 1);
}

/* --- Reading back for a follower -----------------------------------------------------------------
 */

/* A leader with the log [CHANGE, command, command] of term 1 on disk, a barrier of its own term in
 * the tail, and a follower that lacks all but entry 1. */
static void lead_a_restored_log(void)
{
    new_group();
    const struct log_entry entries[] = {change_to(1, founders, 3), command(1), command(1)};
    for (int i = 0; i < 3; i++)
        assert_int_equal(group_restore(group, &entries[i]), STATUS_OK);
    const struct hard_state hard_state = {.term = 1, .replica = 1};
    assert_int_equal(group_start(group, &turn, &hard_state), STATUS_OK);
    end_turn();
    group_log_read(group, &turn, 1, entries, 1);
    become_leader();
    assert_int_equal(view().last_index, 4);
    struct group_message result = message_of(GROUP_APPEND_RESULT, 2, view().term);
    result.append_result.rejected = 3;
    result.append_result.last_index = 1;
    receive(&result);
    assert_int_equal(find(EFFECT_READ_LOG)->read_log.first, 2);
    assert_int_equal(find(EFFECT_READ_LOG)->read_log.last, 3);
    assert_null(find(EFFECT_SEND));
    effects->count = 0;
}

static void entries_read_back_go_out_with_those_of_the_tail_behind_them(void **state)
{
    (void)state;
    lead_a_restored_log();
    const struct log_entry read[] = {command(1), command(1)};
    group_log_read(group, &turn, 2, read, 1); /* fewer than asked for */
    assert_int_equal(answer()->append.previous_index, 1);
    assert_int_equal(answer()->append.count, 1);
    assert_int_equal(find(EFFECT_READ_LOG)->read_log.first, 3);
    effects->count = 0;
    group_log_read(group, &turn, 3, read, 1);
    assert_int_equal(answer()->append.previous_index, 2);
    assert_int_equal(answer()->append.previous_term, 1);
    assert_int_equal(answer()->append.count, 2);
    assert_int_equal(answer()->append.entries[1].type, ENTRY_BARRIER);
    assert_memory_equal(answer()->append.entries[0].data, word, 8);
}

/* The entries would be those of another log than the message speaks of. */
static void what_waited_for_the_log_is_dropped_with_the_leadership(void **state)
{
    (void)state;
    lead_a_restored_log();
    const struct log_entry newer[] = {command(9)};
    take_entries(3, 9, 1, newer, 1);
    assert_null(find(EFFECT_SEND));
    effects->count = 0;
    /* From before the truncation: no sign of corruption. */
    const struct log_entry read[] = {command(1), command(1)};
    group_log_read(group, &turn, 2, read, 2);
    assert_false(view().broken);
    assert_int_equal(effects->count, 0);
    end_turn();
    persist(turn.ticket - 1);
    for (uint32_t i = 0; i < effects->count; i++) {
        assert_int_equal(effects->list[i].kind, EFFECT_SEND);
        assert_int_equal(effects->list[i].send.message->group.type, GROUP_APPEND_RESULT);
    }
}

static void a_heartbeat_does_not_overtake_entries_that_wait_for_the_log(void **state)
{
    (void)state;
    lead_a_restored_log();
    struct group_message result = message_of(GROUP_APPEND_RESULT, 2, view().term);
    result.append_result.last_index = 1;
    receive(&result); /* libraft goes on as if the entries had been sent */
    for (int i = 0; i < 12; i++) {
        turn.now_ms += 10;
        group_tick(group, &turn);
    }
    assert_true(effects->count > 0);
    for (uint32_t i = 0; i < effects->count; i++)
        assert_int_equal(effects->list[i].send.message->group.to, 3);
}

/* --- Anything at all -----------------------------------------------------------------------------
 */

static uint64_t some_number(struct rng *rng)
{
    switch (rng_below(rng, 8)) {
    case 0:
        return rng_next(rng);
    case 1:
        return LIMIT - rng_below(rng, 3);
    case 2:
        return 0;
    default:
        return rng_below(rng, 12);
    }
}

static struct log_entry some_entry(struct rng *rng, uint64_t term)
{
    static uint8_t bytes[64];
    if (rng_chance(rng, 1, 3))
        return change_to(term > 0 ? term : 1, founders, (uint32_t)rng_between(rng, 1, 4));
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rng_next(rng);
    struct log_entry entry = {.term = term, .data = bytes};
    entry.type = (enum entry_type)rng_below(rng, 5);
    entry.bytes = 8 * (uint32_t)rng_below(rng, 9);
    return entry;
}

static struct group_message some_message(struct rng *rng, struct log_entry entries[4])
{
    const uint64_t term =
        rng_chance(rng, 3, 4) ? view().term + rng_below(rng, 3) : some_number(rng);
    const enum group_message_type type = (enum group_message_type)rng_below(rng, 8);
    struct group_message message = message_of(type, rng_between(rng, 1, 5), term);
    if (rng_chance(rng, 1, 10))
        message.from_node = some_number(rng);
    if (message.type != GROUP_APPEND) {
        message.vote.last_index = some_number(rng);
        message.vote.last_term = some_number(rng);
        if (message.type == GROUP_VOTE) {
            message.vote.disrupt_leader = rng_chance(rng, 1, 2);
            message.vote.pre_vote = rng_chance(rng, 1, 2);
        } else if (message.type == GROUP_VOTE_RESULT) {
            message.vote_result.granted = rng_chance(rng, 1, 2);
            message.vote_result.pre_vote = rng_chance(rng, 1, 2);
        }
        return message;
    }
    const uint64_t previous =
        rng_chance(rng, 3, 4) ? rng_below(rng, view().last_index + 2) : some_number(rng);
    for (int i = 0; i < 4; i++)
        entries[i] = some_entry(rng, term);
    message.append.previous_index = previous;
    message.append.previous_term =
        rng_chance(rng, 3, 4) ? group_term_of(group, previous) : some_number(rng);
    message.append.commit = rng_chance(rng, 1, 2) ? rng_below(rng, 3) : some_number(rng);
    message.append.entries = entries;
    message.append.count = (uint32_t)rng_below(rng, 5);
    return message;
}

static void apply_all(void)
{
    uint64_t index;
    struct log_entry entry;
    effects->count = 0;
    while (group_next_committed(group, &turn, &index, &entry))
        effects->count = 0;
}

static void no_message_whatsoever_aborts(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 42);
    uint64_t broken = 0, taken = 0;
    for (int i = 0; i < 200000; i++) {
        struct log_entry entries[4];
        const struct group_message message = some_message(&rng, entries);
        const uint64_t dropped = view().dropped;
        receive(&message);
        taken += view().dropped == dropped;
        end_turn();
        if (rng_chance(&rng, 1, 3))
            persist(turn.ticket - 1 - rng_below(&rng, 2));
        if (rng_chance(&rng, 1, 3))
            apply_all();
        if (rng_chance(&rng, 1, 50)) {
            turn.now_ms += 700;
            group_tick(group, &turn);
        }
        end_turn();
        if (view().broken || view().term > LIMIT / 2 || i % 500 == 0) {
            broken += view().broken;
            found();
        }
    }
    assert_true(taken > 20000);
    assert_true(broken > 100); /* only what contradicts committed entries */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(entries_are_acknowledged_when_they_are_on_disk),
        CASE(a_vote_leaves_when_it_is_on_disk),
        CASE(what_a_truncation_overtook_is_not_reported_as_persisted),
        CASE(a_truncation_takes_durable_entries_along),
        CASE(an_old_leaders_first_entries_are_not_acknowledged_in_the_new_term),
        CASE(the_commit_index_never_steps_back),
        CASE(the_second_of_two_changes_is_rolled_back_alone),
        CASE(a_change_that_was_truncated_from_the_middle_of_an_append_is_rolled_back),
        CASE(a_refused_pre_vote_tells_a_newer_term),
        CASE(a_late_vote_result_changes_no_term),
        CASE(at_most_eight_changes_are_taken_from_one_append),
        CASE(too_much_that_waits_for_the_disk_is_taken_as_a_heartbeat),
        CASE(replicas_that_we_do_not_know_may_ask_for_votes_and_lead),
        CASE(entries_that_contradict_committed_ones_break_the_group),
        CASE(two_leaders_of_one_term_are_one_too_many),
        CASE(a_log_that_cannot_be_read_breaks_the_group),
        CASE(a_log_that_is_no_log_is_not_restored),
        CASE(damaged_appends_are_dropped_and_change_nothing),
        CASE(a_large_append_of_several_entries_is_dropped),
        CASE(impossible_acknowledgements_are_dropped),
        CASE(another_leader_of_our_own_term_is_not_believed),
        CASE(early_ticks_do_nothing),
        CASE(entries_read_back_go_out_with_those_of_the_tail_behind_them),
        CASE(what_waited_for_the_log_is_dropped_with_the_leadership),
        CASE(a_heartbeat_does_not_overtake_entries_that_wait_for_the_log),
        CASE(no_message_whatsoever_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
