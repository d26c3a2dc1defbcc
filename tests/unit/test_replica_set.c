#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <raft.h>
#include <string.h>

#include "cluster/ranges/replica_set.h"

static const struct replica four[] = {
    {1, 11, REPLICA_VOTER},
    {20, UINT64_MAX, REPLICA_VOTER},
    {300, 13, REPLICA_VOTER},
    {RAFT_NUMBER_LIMIT - 1, 14, REPLICA_LEARNER},
};

static struct replica_set set_of(const struct replica *replicas, uint32_t count)
{
    struct replica_set set;
    assert_int_equal(replica_set_make(&set, replicas, count), STATUS_OK);
    return set;
}

static void assert_same(const struct replica_set *a, const struct replica_set *b)
{
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->list[i].number, b->list[i].number);
        assert_int_equal(a->list[i].node, b->list[i].node);
        assert_int_equal(a->list[i].role, b->list[i].role);
    }
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct replica many[REPLICA_SET_MAX];
    for (uint32_t i = 0; i < REPLICA_SET_MAX; i++)
        many[i] = (struct replica){RAFT_NUMBER_LIMIT - 1 - i, UINT64_MAX - i, i % 2};
    for (uint32_t count = 1; count <= REPLICA_SET_MAX; count++) {
        const struct replica_set set = set_of(many, count);
        uint8_t data[REPLICA_SET_BYTES_MAX];
        const uint32_t bytes = replica_set_encode(&set, data);
        assert_int_equal(bytes % 8, 0);
        struct replica_set decoded;
        assert_int_equal(replica_set_decode(&decoded, data, bytes), STATUS_OK);
        assert_same(&decoded, &set);
    }
}

static void the_encoding_is_that_of_libraft(void **state)
{
    (void)state;
    const struct replica_set set = set_of(four, 4);
    uint8_t data[REPLICA_SET_BYTES_MAX];
    const uint32_t bytes = replica_set_encode(&set, data);

    struct raft_configuration configuration;
    raft_configuration_init(&configuration);
    for (uint32_t i = 0; i < 4; i++) {
        char address[REPLICA_ADDRESS_BYTES];
        replica_address_format(address, four[i].number, four[i].node);
        assert_int_equal(
            raft_configuration_add(&configuration, four[i].number, address, (int)four[i].role), 0);
    }
    struct raft_buffer buffer;
    assert_int_equal(raft_configuration_encode(&configuration, &buffer), 0);
    assert_int_equal(buffer.len, bytes);
    assert_memory_equal(buffer.base, data, bytes);
    raft_free(buffer.base);
    raft_configuration_close(&configuration);
}

static void cut_short_or_lengthened_it_is_invalid(void **state)
{
    (void)state;
    const struct replica_set set = set_of(four, 4);
    uint8_t data[REPLICA_SET_BYTES_MAX] = {0};
    const uint32_t bytes = replica_set_encode(&set, data);
    struct replica_set decoded;
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(replica_set_decode(&decoded, data, i), STATUS_INVALID);
    assert_int_equal(replica_set_decode(&decoded, data, bytes + 8), STATUS_INVALID);
}

/* Whatever is accepted is what we would have written: nothing else ever reaches libraft. */
static void damaged_it_is_invalid_or_another_set(void **state)
{
    (void)state;
    const struct replica_set set = set_of(four, 4);
    uint8_t data[REPLICA_SET_BYTES_MAX];
    const uint32_t bytes = replica_set_encode(&set, data);
    uint32_t accepted = 0;
    for (uint32_t i = 0; i < bytes * 255; i++) {
        uint8_t damaged[REPLICA_SET_BYTES_MAX], again[REPLICA_SET_BYTES_MAX];
        memcpy(damaged, data, bytes);
        damaged[i / 255] = (uint8_t)(damaged[i / 255] + 1 + i % 255);
        struct replica_set decoded;
        if (replica_set_decode(&decoded, damaged, bytes) != STATUS_OK)
            continue;
        accepted++;
        assert_int_equal(replica_set_encode(&decoded, again), bytes);
        assert_memory_equal(again, damaged, bytes);
    }
    assert_true(accepted > 0); /* another node, another role */
    assert_true(accepted < 2000);
}

static void impossible_replicas_make_no_set(void **state)
{
    (void)state;
    struct replica_set set;
    const struct replica bad[][2] = {
        {{0, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}},
        {{RAFT_NUMBER_LIMIT, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}},
        {{1, 0, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}},
        {{1, 1, (enum replica_role)2}, {2, 2, REPLICA_VOTER}},
        {{2, 1, REPLICA_VOTER}, {2, 2, REPLICA_VOTER}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(replica_set_make(&set, bad[i], 2), STATUS_INVALID);
    assert_int_equal(replica_set_make(&set, four, 0), STATUS_INVALID);
    assert_int_equal(replica_set_make(&set, four, REPLICA_SET_MAX + 1), STATUS_INVALID);
}

static void addresses_have_one_form(void **state)
{
    (void)state;
    uint64_t number, node;
    const char *good = "7@00000000000000ab";
    assert_int_equal(replica_address_parse(good, strlen(good), &number, &node), STATUS_OK);
    assert_int_equal(number, 7);
    assert_int_equal(node, 0xab);
    const char *bad[] = {"",
                         "7",
                         "@00000000000000ab",
                         "7@ab",
                         "07@00000000000000ab",
                         "0@00000000000000ab",
                         "7@00000000000000AB",
                         "7@0000000000000000",
                         "7@000000000000000ab",
                         "7@00000000000000a ",
                         "-7@00000000000000ab",
                         "99999999999999999999@00000000000000ab",
                         "7@@0000000000000ab"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(replica_address_parse(bad[i], strlen(bad[i]), &number, &node),
                         STATUS_INVALID);
}

static enum status change(const struct replica *present, uint32_t present_count,
                          const struct replica *wanted, uint32_t wanted_count,
                          struct replica_set *next)
{
    const struct replica_set from = set_of(present, present_count);
    const struct replica_set to = set_of(wanted, wanted_count);
    return replica_set_change(&from, &to, next);
}

static void one_difference_is_a_change_and_the_others_keep_their_places(void **state)
{
    (void)state;
    struct replica_set next;
    /* Removed, though the wanted list is in another order. */
    const struct replica turned[] = {four[3], four[1], four[0]};
    assert_int_equal(change(four, 4, turned, 3, &next), STATUS_OK);
    const struct replica expected[] = {four[0], four[1], four[3]};
    const struct replica_set kept = set_of(expected, 3);
    assert_same(&next, &kept);
    /* Added. */
    assert_int_equal(change(turned, 3, four, 4, &next), STATUS_OK);
    assert_int_equal(next.list[3].number, four[2].number);
    /* Made a voter. */
    struct replica voters[] = {four[0], four[1], four[2], four[3]};
    voters[3].role = REPLICA_VOTER;
    assert_int_equal(change(four, 4, voters, 4, &next), STATUS_OK);
    assert_int_equal(replica_set_voters(&next), 4);
}

static void anything_else_is_no_change(void **state)
{
    (void)state;
    struct replica_set next;
    assert_int_equal(change(four, 4, four, 4, &next), STATUS_INVALID);
    assert_int_equal(change(four, 4, four, 2, &next), STATUS_INVALID);
    assert_int_equal(change(four, 2, four, 4, &next), STATUS_INVALID);
    struct replica other[] = {four[0], four[1], four[2], four[3]};
    other[1].node = 99; /* moved */
    assert_int_equal(change(four, 4, other, 4, &next), STATUS_INVALID);
    other[1] = four[1];
    other[1].role = REPLICA_LEARNER; /* a voter stays one */
    assert_int_equal(change(four, 4, other, 4, &next), STATUS_INVALID);
    other[1] = (struct replica){77, 7, REPLICA_VOTER}; /* one gone and one come */
    assert_int_equal(change(four, 4, other, 4, &next), STATUS_INVALID);
    /* Two voters never become one, and one never none. */
    assert_int_equal(change(four, 2, four, 1, &next), STATUS_INVALID);
    const struct replica rest[] = {four[0], four[3]};
    assert_int_equal(change(rest, 2, four + 3, 1, &next), STATUS_INVALID);
    assert_true(replica_set_sole_voter(&(struct replica_set){2, {four[0], four[3]}}, 1));
    assert_false(replica_set_sole_voter(&(struct replica_set){2, {four[0], four[1]}}, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(the_encoding_is_that_of_libraft),
        cmocka_unit_test(cut_short_or_lengthened_it_is_invalid),
        cmocka_unit_test(damaged_it_is_invalid_or_another_set),
        cmocka_unit_test(impossible_replicas_make_no_set),
        cmocka_unit_test(addresses_have_one_form),
        cmocka_unit_test(one_difference_is_a_change_and_the_others_keep_their_places),
        cmocka_unit_test(anything_else_is_no_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
