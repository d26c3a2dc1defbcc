/* Prometheus' own judgement of the page. promtool comes with Debian's package `prometheus`, which
 * also starts a server, so ./dev does not install it: without it this is skipped. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_load.h"

#define EXIT_SKIPPED 77

static void promtool_has_nothing_to_say_against_the_page(void **state)
{
    (void)state;
    static struct process process;
    struct link link;
    link_init(&link);
    process_init(&process);
    process_start(&process);
    load_put_hunt(&process);
    const struct answer answer = http_ask(&link, process.port, "GET", "/metrics", "");
    assert_int_equal(answer.status, 200);
    FILE *promtool = popen("promtool check metrics >&2", "w");
    assert_non_null(promtool);
    assert_int_equal(fwrite(answer.body, 1, answer.bytes, promtool), answer.bytes);
    const int status = pclose(promtool);
    link_fini(&link);
    process_fini(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promtool_has_nothing_to_say_against_the_page),
    };
    if (system("command -v promtool >/dev/null") != 0) {
        (void)puts("promtool is not installed");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
