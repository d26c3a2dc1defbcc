/* tests/unit/test_routes_remote.c -- What those may do who do not come from loopback. In a network
 * of its own, which holds this process only: nothing here can be reached from elsewhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#define REMOTE "10.77.0.1"

#define HARBOUR                                                                                    \
    "hunt: harbour\nplane: flat\ntreasures: [{ id: a, at: { x: 0, y: 0 }, radius: 1, points: 1 "   \
    "}]\n"

/* The new network's only device gets a second address. */
static bool set_up_address(void)
{
    struct ifreq address = {.ifr_name = "lo:1"};
    struct sockaddr_in *to = (struct sockaddr_in *)&address.ifr_addr;
    struct ifreq device = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    to->sin_family = AF_INET;
    bool done = fd >= 0 && inet_pton(AF_INET, REMOTE, &to->sin_addr) == 1;
    done = done && ioctl(fd, SIOCSIFFLAGS, &device) == 0 && ioctl(fd, SIOCSIFADDR, &address) == 0;
    (void)close(fd);
    return done;
}

static int open_remote(void **state)
{
    stage_listen = REMOTE ":0";
    stage_address = ntohl(inet_addr(REMOTE));
    return open_stage(state);
}

static void assert_loopback_only(struct stage *stage)
{
    call(stage, "GET", "/v1/hunts/harbour");
    assert_problem(403, "loopback_only", "");
    put_hunt(stage, "/v1/hunts/harbour", HARBOUR);
    assert_problem(403, "loopback_only", "");
    post(stage, "/v1/cluster/nodes/n1/drain", "");
    assert_problem(403, "loopback_only", "");
    call(stage, "DELETE", "/v1/cluster/nodes/n1");
    assert_problem(403, "loopback_only", "");
}

static void without_a_token_only_loopback_is_trusted(void **state)
{
    assert_loopback_only(*state);
    /* Whatever is claimed. */
    const struct asking asking = {.method = "GET",
                                  .path = "/v1/hunts/harbour",
                                  .headers = "Authorization: Bearer sesame\r\n"
                                             "X-Forwarded-For: 127.0.0.1\r\n"};
    stage_call(*state, &asking, &reply);
    assert_problem(403, "loopback_only", "");
}

static void all_else_is_for_everybody(void **state)
{
    get(*state, "/v1/hunts");
    get(*state, "/v1/cluster");
    get(*state, "/metrics");
    get(*state, "/v1/openapi.yaml");
    post(*state, "/hunt", "{}");
    assert_problem(400, "missing_field", "hunt");
}

static void with_a_token_it_does_not_matter_from_where(void **state)
{
    struct stage *stage = *state;
    char path[] = "/tmp/cairn-test-token-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "sesame\n", 7), 7);
    (void)close(fd);
    stage_close(stage);
    stage_open(stage, path);
    call(stage, "GET", "/v1/hunts/harbour");
    assert_problem(401, "unauthorized", "");
    const struct asking asking = {.method = "GET",
                                  .path = "/v1/hunts/harbour",
                                  .headers = "Authorization: Bearer sesame\r\n"};
    stage_call(stage, &asking, &reply);
    assert_problem(404, "unknown_hunt", "hunt");
    assert_int_equal(unlink(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_remote, close_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_a_token_only_loopback_is_trusted),
        TEST(all_else_is_for_everybody),
        TEST(with_a_token_it_does_not_matter_from_where),
    };
    if ((unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) ||
        !set_up_address()) {
        print_message("skipped: a network of its own is not allowed here\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
