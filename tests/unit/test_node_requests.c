/* Requests that wait: every one is answered once, whatever comes late or not at all. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/node_requests.h"

#define CAPACITY 4
#define NOW_US   5000

struct fixture {
    struct requests *requests;
    struct metrics metrics;
    char story[512]; /* what was called back */
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.requests = requests_new(CAPACITY)};
    *state = &fixture;
    return fixture.requests != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    requests_free(fixture->requests);
    return 0;
}

static void tell(struct fixture *fixture, const char *word)
{
    const size_t used = strlen(fixture->story);
    (void)snprintf(fixture->story + used, sizeof fixture->story - used, "%s ", word);
}

static void on_results(void *context, const struct result *results, uint32_t count)
{
    tell(context, "results");
    for (uint32_t i = 0; i < count; i++)
        tell(context, outcome_name(results[i].outcome));
}

static void on_answer(void *context, const struct query_reply *reply)
{
    tell(context, "answer");
    tell(context, status_name(reply->status));
}

static void on_defined(void *context, const struct effect *defined)
{
    tell(context, "defined");
    tell(context, status_name(defined->defined.status));
}

static uint64_t ask(struct fixture *fixture, uint64_t now_us, uint32_t count)
{
    static const struct action actions[3] = {
        {.kind = ACTION_CLAIM, .seq = 1},
        {.kind = ACTION_CLAIM, .seq = 2},
        {.kind = ACTION_CLAIM, .seq = 3},
    };
    const uint64_t token = requests_add_actions(fixture->requests, now_us, actions, count);
    if (token != 0)
        requests_call_results(fixture->requests, token, on_results, fixture);
    return token;
}

static void reply(struct fixture *fixture, uint64_t token, uint32_t place, enum outcome outcome)
{
    const struct reply piece = {.token = token, .place = place, .result = {.outcome = outcome}};
    requests_result(fixture->requests, &piece);
}

static void results_are_given_in_their_places_when_all_are_in(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t token = ask(fixture, 0, 3);
    reply(fixture, token, 2, OUTCOME_TAP);
    reply(fixture, token, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "");
    reply(fixture, token, 1, OUTCOME_NOTHING);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "results found nothing tap ");
    assert_int_equal(requests_count(fixture->requests), 0);
    assert_int_equal(requests_actions(fixture->requests), 0);
}

static void on_named(void *context, const struct result *results, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        tell(context, results[i].treasure_id);
}

static void a_treasures_name_outlives_the_definition_it_came_from(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t token = ask(fixture, 0, 2);
    requests_call_results(fixture->requests, token, on_named, fixture);
    char *name = strdup("anchor");
    assert_non_null(name);
    requests_result(fixture->requests,
                    &(struct reply){.token = token,
                                    .place = 0,
                                    .result = {.outcome = OUTCOME_FOUND, .treasure_id = name}});
    memset(name, 'x', strlen(name));
    free(name);
    char longest[NAME_LENGTH_MAX + 1];
    memset(longest, 'a', NAME_LENGTH_MAX);
    longest[NAME_LENGTH_MAX] = '\0';
    requests_result(fixture->requests,
                    &(struct reply){.token = token,
                                    .place = 1,
                                    .result = {.outcome = OUTCOME_FOUND, .treasure_id = longest}});
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    char expected[128];
    (void)snprintf(expected, sizeof expected, "anchor %s ", longest);
    assert_string_equal(fixture->story, expected);
}

static void what_is_late_is_unavailable_and_what_comes_later_is_ignored(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t token = ask(fixture, 100, 2);
    reply(fixture, token, 1, OUTCOME_FOUND);
    assert_int_equal(requests_expire(fixture->requests, 100), 0);
    assert_int_equal(requests_expire(fixture->requests, 101), 1);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    reply(fixture, token, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "results unavailable found ");
}

static void a_token_is_not_used_again(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t first = ask(fixture, 0, 1);
    requests_give_up(fixture->requests, first);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    const uint64_t second = ask(fixture, 0, 1);
    assert_int_not_equal(first, second);
    reply(fixture, first, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "results unavailable ");
    reply(fixture, second, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "results unavailable results found ");
}

static void there_is_room_for_so_many_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    for (int round = 0; round < 3; round++) {
        uint64_t tokens[CAPACITY];
        for (int i = 0; i < CAPACITY; i++) {
            tokens[i] = ask(fixture, 0, 2);
            assert_int_not_equal(tokens[i], 0);
        }
        assert_int_equal(ask(fixture, 0, 1), 0);
        assert_int_equal(requests_add(fixture->requests, 0), 0);
        assert_int_equal(requests_actions(fixture->requests), 2 * CAPACITY);
        for (int i = 0; i < CAPACITY; i++)
            requests_give_up(fixture->requests, tokens[(i * 3 + round) % CAPACITY]);
        requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
        assert_int_equal(requests_count(fixture->requests), 0);
    }
}

static void only_the_old_ones_expire(void **state)
{
    struct fixture *fixture = *state;
    (void)ask(fixture, 10, 1);
    const uint64_t middle = ask(fixture, 20, 1);
    (void)ask(fixture, 30, 1);
    reply(fixture, middle, 0, OUTCOME_FOUND);
    assert_int_equal(requests_expire(fixture->requests, 25), 1);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "results found results unavailable ");
    assert_int_equal(requests_count(fixture->requests), 1);
}

static void questions_and_definitions_are_answered_or_given_up(void **state)
{
    struct fixture *fixture = *state;
    const struct query_reply yes = {.status = STATUS_OK};
    const uint64_t question = requests_add(fixture->requests, 0);
    requests_call_answer(fixture->requests, question, on_answer, fixture);
    const uint64_t definition = requests_add(fixture->requests, 0);
    requests_call_defined(fixture->requests, definition, on_defined, fixture);
    const uint64_t unanswered = requests_add(fixture->requests, 0);
    requests_call_answer(fixture->requests, unanswered, on_answer, fixture);

    requests_answer(fixture->requests, question, &yes);
    const struct effect conflict = {
        .kind = EFFECT_DEFINED,
        .defined = {.token = definition, .status = STATUS_CONFLICT},
    };
    requests_defined(fixture->requests, &conflict);
    requests_give_up(fixture->requests, unanswered);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "answer ok defined conflict answer not leader ");
}

static void strange_tokens_are_ignored(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t token = ask(fixture, 0, 1);
    reply(fixture, 0, 0, OUTCOME_FOUND);
    reply(fixture, UINT64_MAX, 0, OUTCOME_FOUND);
    reply(fixture, token + 1, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_string_equal(fixture->story, "");
}

static void what_is_answered_is_counted_with_the_time_it_took(void **state)
{
    struct fixture *fixture = *state;
    const struct metrics *metrics = &fixture->metrics;
    const uint64_t token = ask(fixture, 1000, 2);
    const uint64_t question = requests_add(fixture->requests, 1000);
    requests_call_answer(fixture->requests, question, on_answer, fixture);
    reply(fixture, token, 0, OUTCOME_FOUND);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_int_equal(metrics->actions[OUTCOME_FOUND], 0);

    requests_give_up(fixture->requests, token);
    requests_give_up(fixture->requests, question);
    requests_deliver(fixture->requests, NOW_US, &fixture->metrics);
    assert_int_equal(metrics->actions[OUTCOME_FOUND], 1);
    assert_int_equal(metrics->actions[OUTCOME_UNAVAILABLE], 1);
    assert_int_equal(metrics->commit.count, 1);
    assert_int_equal(metrics->commit.sum_us, NOW_US - 1000);
}

#define REQUESTS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        REQUESTS_TEST(results_are_given_in_their_places_when_all_are_in),
        REQUESTS_TEST(a_treasures_name_outlives_the_definition_it_came_from),
        REQUESTS_TEST(what_is_late_is_unavailable_and_what_comes_later_is_ignored),
        REQUESTS_TEST(a_token_is_not_used_again),
        REQUESTS_TEST(there_is_room_for_so_many_and_no_more),
        REQUESTS_TEST(only_the_old_ones_expire),
        REQUESTS_TEST(questions_and_definitions_are_answered_or_given_up),
        REQUESTS_TEST(strange_tokens_are_ignored),
        REQUESTS_TEST(what_is_answered_is_counted_with_the_time_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
