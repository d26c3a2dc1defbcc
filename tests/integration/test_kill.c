/* kill -9, many times, at random moments, under claims that are retried: none that was acknowledged
 * is lost, and none counts twice.
 *
 * CAIRN_KILLS: how many; CAIRN_SEED: of moments and claims (the machine's timing stays its own). */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_single.h"

#define KILLS_DEFAULT 40
#define KILLS_MIN     25 /* however slow the machine */
#define QUICK_MS      40000

#define FOUNDING_KILLS 3

#define KILL_AFTER_MIN_MS 10
#define KILL_AFTER_MAX_MS 400

/* Somewhere in its start: while it founds, reads its log, or begins to serve. */
static void kill_while_it_starts(struct single *test)
{
    const int after_ms = (int)rng_below(&test->rng, 60);
    process_launch(&test->process, NULL);
    (void)poll(NULL, 0, after_ms);
    process_kill(&test->process);
}

static void kill_under_load(struct single *test)
{
    process_start(&test->process);
    load_run(&test->load, &test->process,
             rng_between(&test->rng, KILL_AFTER_MIN_MS, KILL_AFTER_MAX_MS));
    process_kill(&test->process);
    load_take_rest(&test->load);
}

static uint32_t kill_again_and_again(struct single *test)
{
    const uint64_t wanted = process_number("CAIRN_KILLS", KILLS_DEFAULT);
    const uint64_t start = process_now_ms();
    uint32_t kills = 0;
    while (kills < wanted) {
        if (wanted <= KILLS_DEFAULT && kills >= KILLS_MIN && process_now_ms() - start > QUICK_MS)
            break;
        if (rng_chance(&test->rng, 1, 5))
            kill_while_it_starts(test);
        else
            kill_under_load(test);
        kills++;
    }
    return kills;
}

static void kill_9_loses_no_acknowledged_claim_and_counts_none_twice(void **state)
{
    struct single *test = *state;
    char digest[DIGEST_BYTES];
    char digest_again[DIGEST_BYTES];
    for (uint32_t i = 0; i < FOUNDING_KILLS; i++)
        kill_while_it_starts(test);
    process_start(&test->process);
    load_put_hunt(&test->process);
    process_kill(&test->process);

    const uint32_t kills = kill_again_and_again(test);
    process_start(&test->process);
    load_finish(&test->load, &test->process);
    compare_all(&test->players, &test->process, digest);

    /* The same from the disk alone. */
    process_kill(&test->process);
    process_start(&test->process);
    compare_all(&test->players, &test->process, digest_again);
    assert_string_equal(digest_again, digest);
    process_signal(&test->process, SIGTERM);
    assert_int_equal(process_wait(&test->process, PROCESS_WAIT_MS), 0);

    const struct players *players = &test->players;
    print_message("kills=%u acknowledged=%llu finds=%llu replays=%llu unheard=%llu "
                  "unanswered=%llu cut=%llu refused=%llu\n",
                  kills, (unsigned long long)players->acknowledged,
                  (unsigned long long)players->finds, (unsigned long long)players->replays,
                  (unsigned long long)players->unheard, (unsigned long long)test->load.unanswered,
                  (unsigned long long)test->load.cut, (unsigned long long)test->load.refused);
    /* Without these it was no test of what it says. */
    assert_true(players->finds > 0);
    assert_true(players->unheard > 0);
    assert_true(test->load.unanswered >= kills);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kill_9_loses_no_acknowledged_claim_and_counts_none_twice,
                                        single_setup, single_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
