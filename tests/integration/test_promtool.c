/* Prometheus' own judgement of the page. promtool is where ./dev test has put it (build/tools), or
 * is installed; without it this is skipped, which ./dev test never does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"
#include "tests/integration/process_load.h"

#define EXIT_SKIPPED  77
#define COMMAND_BYTES 1024

static char tool[COMMAND_BYTES / 2];

/* False: there is none. */
static bool find_tool(void)
{
    const char *source = getenv("CAIRN_SOURCE");
    (void)snprintf(tool, sizeof tool, "%s/build/tools/promtool", source != NULL ? source : ".");
    if (access(tool, X_OK) == 0)
        return true;
    (void)snprintf(tool, sizeof tool, "promtool");
    return system("command -v promtool >/dev/null") == 0;
}

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
    char command[COMMAND_BYTES];
    (void)snprintf(command, sizeof command, "'%s' check metrics >&2", tool);
    FILE *promtool = popen(command, "w");
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
    if (!find_tool()) {
        (void)puts("promtool is not installed");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
