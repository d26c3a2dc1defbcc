/* tests/integration/test_engine_bench.c -- cairn-bench as its users run it. What it measures is not
 * judged here, for it is the machine's; what follows from the rules is. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <jansson.h>

/* Runs the program with these words; its exit code, and what it wrote to stdout. */
static int run(const char *words, char *output, size_t room)
{
    char command[1024];
    const char *bin = getenv("CAIRN_BIN");
    assert_non_null(bin);
    (void)snprintf(command, sizeof command, "'%s/cairn-bench' %s 2>/dev/null", bin, words);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c): our own program */
    assert_non_null(pipe);
    const size_t used = fread(output, 1, room - 1, pipe);
    assert_true(used < room - 1);
    output[used] = '\0';
    const int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static json_t *measure(const char *words)
{
    static char output[65536];
    assert_int_equal(run(words, output, sizeof output), 0);
    /* One line and nothing else. */
    assert_ptr_equal(strchr(output, '\n'), output + strlen(output) - 1);
    json_t *page = json_loads(output, JSON_REJECT_DUPLICATES, NULL);
    assert_true(json_is_object(page));
    return page;
}

static json_int_t count_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return value == NULL ? 0 : json_integer_value(value);
}

static json_int_t all_outcomes(const json_t *page)
{
    json_t *outcomes = json_object_get(page, "outcomes");
    json_int_t sum = 0;
    const char *key;
    json_t *value;
    json_object_foreach(outcomes, key, value) sum += json_integer_value(value);
    return sum;
}

static void every_figure_of_the_contract_is_there(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "claims_per_s", "ns_per_claim", "allocations",      "close_ms",          "merge_ms",
        "rank_ns",      "update_ns",    "bytes_per_player", "bytes_per_receipt", "rss_mb"};
    json_t *page = measure("--players 2000 --claims 40000 --treasures 64 --json");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const json_t *value = json_object_get(page, keys[i]);
        assert_true(json_is_number(value));
        if (strcmp(keys[i], "allocations") != 0)
            assert_true(json_number_value(value) > 0);
    }
    const double ns = json_number_value(json_object_get(page, "ns_per_claim"));
    const double rate = json_number_value(json_object_get(page, "claims_per_s"));
    assert_true(ns * rate > 0.999e9);
    assert_true(ns * rate < 1.001e9);
    json_decref(page);
}

static void judging_allocates_nothing_and_memory_is_what_the_budget_says(void **state)
{
    (void)state;
    json_t *page = measure("--players 20000 --claims 100000 --json");
    assert_true(json_is_integer(json_object_get(page, "allocations")));
    assert_int_equal(count_of(page, "allocations"), 0);
    assert_true(count_of(page, "bytes_per_player") >= 400);
    assert_true(count_of(page, "bytes_per_player") <= 480);
    assert_true(count_of(page, "bytes_per_receipt") <= 48);
    json_decref(page);
}

static void the_claims_are_in_the_mix_of_the_contract(void **state)
{
    (void)state;
    json_t *page = measure("--players 5000 --claims 100000 --json");
    assert_int_equal(count_of(page, "claims"), 100000);
    assert_int_equal(all_outcomes(page), 100000);
    const json_t *outcomes = json_object_get(page, "outcomes");
    const json_int_t missed = count_of(outcomes, "nothing") + count_of(outcomes, "closed");
    const json_int_t found = count_of(outcomes, "found") + count_of(outcomes, "pending");
    assert_in_range(missed, 59000, 61000);
    assert_in_range(count_of(outcomes, "already"), 29000, 31000);
    assert_in_range(found, 9000, 11000);
    assert_true(count_of(outcomes, "closed") > 0);
    assert_true(count_of(outcomes, "pending") > 0);
    json_decref(page);
}

static void two_runs_play_the_same_game(void **state)
{
    (void)state;
    json_t *first = measure("--players 300 --claims 5000 --treasures 20 --json");
    json_t *second = measure("--players 300 --claims 5000 --treasures 20 --json");
    assert_true(
        json_equal(json_object_get(first, "outcomes"), json_object_get(second, "outcomes")));
    assert_int_equal(count_of(first, "summary_bytes"), count_of(second, "summary_bytes"));
    json_decref(first);
    json_decref(second);
}

static void the_smallest_and_the_largest_hunts_are_measured(void **state)
{
    (void)state;
    json_t *page = measure("--players 1 --claims 10 --treasures 1 --json");
    assert_int_equal(all_outcomes(page), 10);
    json_decref(page);
    page = measure("--players 200 --claims 20000 --treasures 1024 --json");
    assert_int_equal(all_outcomes(page), 20000);
    assert_int_equal(count_of(json_object_get(page, "outcomes"), "full"), 0);
    json_decref(page);
}

static void people_get_a_table(void **state)
{
    (void)state;
    static char output[65536];
    assert_int_equal(run("--players 100 --claims 1000", output, sizeof output), 0);
    assert_non_null(strstr(output, "1000 claims of 100 players, 64 treasures"));
    assert_non_null(strstr(output, "claims/s"));
    assert_non_null(strstr(output, "closing an epoch"));
}

static void version_and_help_are_told_and_wrong_usage_exits_with_2(void **state)
{
    (void)state;
    static char output[65536];
    assert_int_equal(run("--version", output, sizeof output), 0);
    assert_non_null(strstr(output, "cairn-bench " CAIRN_VERSION));
    assert_int_equal(run("--help", output, sizeof output), 0);
    assert_non_null(strstr(output, "Exit code: 0"));
    static const char *const wrong[] = {
        "--players 0",   "--players 10000001", "--players x", "--claims 9",     "--claims -1",
        "--treasures 0", "--treasures 1025",   "--claims",    "--no-such-flag", "more"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(run(wrong[i], output, sizeof output), 2);
        assert_string_equal(output, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_figure_of_the_contract_is_there),
        cmocka_unit_test(judging_allocates_nothing_and_memory_is_what_the_budget_says),
        cmocka_unit_test(the_claims_are_in_the_mix_of_the_contract),
        cmocka_unit_test(two_runs_play_the_same_game),
        cmocka_unit_test(the_smallest_and_the_largest_hunts_are_measured),
        cmocka_unit_test(people_get_a_table),
        cmocka_unit_test(version_and_help_are_told_and_wrong_usage_exits_with_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
