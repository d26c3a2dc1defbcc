/* An old leader that is cut off from the other nodes, while its clients still reach it: what it
 * acknowledged is there, what it could not is not, and no treasure is given twice.
 *
 * The first node lives in a network namespace of its own, with a cable to the others' that is
 * pulled; the test's clients have sockets in both. Needs root and ip(8); skipped (77) without. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/process_gold.h"
#include "tests/integration/process_trio.h"

#define SKIPPED 77
#define ROUNDS  3

/* Longer than any election, and than claims wait for a leader. */
#define CUT_MS 4500

/* Ours, and the first node's. */
static int own_network = -1, first_network = -1;

static void enter(int network)
{
    if (setns(network, CLONE_NEWNET) != 0)
        fail_msg("cannot enter a network namespace: %s", strerror(errno));
}

/* --- The networks ----------------------------------------------------------------------------- */

/* A new namespace for whatever this process makes from now on; -1: it may not. */
static int new_network(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static bool ip(const char *const *arguments)
{
    const char *list[16] = {"ip", NULL};
    for (size_t i = 0; arguments[i] != NULL; i++) {
        assert_true(i + 2 < sizeof list / sizeof list[0]);
        list[i + 1] = arguments[i];
        list[i + 2] = NULL;
    }
    return process_run(list) == 0;
}

#define IP(...) ip((const char *const[]){__VA_ARGS__, NULL})

/* Two namespaces and a cable: 10.77.0.1 and .2 here, 10.77.0.9 there. */
static bool lay_cable(void)
{
    char there[32];
    first_network = new_network();
    if (first_network < 0 || !IP("link", "set", "lo", "up"))
        return false;
    own_network = new_network();
    (void)snprintf(there, sizeof there, "/proc/%ld/fd/%d", (long)getpid(), first_network);
    if (own_network < 0 || !IP("link", "set", "lo", "up") ||
        !IP("link", "add", "here", "type", "veth", "peer", "name", "there", "netns", there) ||
        !IP("addr", "add", "10.77.0.1/24", "dev", "here") ||
        !IP("addr", "add", "10.77.0.2/24", "dev", "here") || !IP("link", "set", "here", "up"))
        return false;
    enter(first_network);
    const bool done =
        IP("addr", "add", "10.77.0.9/24", "dev", "there") && IP("link", "set", "there", "up");
    enter(own_network);
    return done;
}

static void set_cable(const char *state)
{
    enter(first_network);
    const bool done = IP("link", "set", "there", state);
    enter(own_network);
    assert_true(done);
}

/* --- The cluster ------------------------------------------------------------------------------ */

/* The nodes' settings; the first node's folder holds the key that addresses beyond loopback need.
 */
static void place_nodes(struct trio *trio, char *keys, size_t keys_bytes)
{
    static const char *const hosts[CLUSTER_NODES] = {"tcp://10.77.0.9", "tcp://10.77.0.1",
                                                     "tcp://10.77.0.2"};
    static const char joins[] = "{ join: ['tcp://10.77.0.9:7900'] }";
    struct nodes *nodes = &trio->nodes;
    for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
        (void)snprintf(nodes->host[i], sizeof nodes->host[i], "%s", hosts[i]);
        if (i > 0) {
            const char *const name = nodes->list[i].name;
            process_fini(&nodes->list[i]);
            process_init_as(&nodes->list[i], name, joins);
        }
    }
    nodes->list[0].network = first_network;
    const char *path = process_path(&nodes->list[0], "key");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "DAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    (void)snprintf(keys, keys_bytes, "--set=peer.keys=%s", path);
}

static void an_old_leader_that_its_clients_still_reach_loses_and_doubles_nothing(void **state)
{
    struct trio *trio = *state;
    struct gold gold;
    char keys[2 * PROCESS_PATH_BYTES];
    const char *const arguments[] = {"--set=http.listen=0.0.0.0:0", keys, NULL};
    place_nodes(trio, keys, sizeof keys);
    trio->nodes.arguments = arguments;
    nodes_start(&trio->nodes, 0, CLUSTER_PEER_PORT);
    gold_init(&gold, &trio->nodes);
    /* While it is alone: it is for us to change hunts only. */
    load_put_hunt(&trio->nodes.list[0]);
    gold_put(&gold, 0);
    nodes_start(&trio->nodes, 1, CLUSTER_PEER_PORT);
    nodes_start(&trio->nodes, 2, CLUSTER_PEER_PORT);
    gold_wait_open(&gold);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        nodes_wait_whole(&trio->nodes);
        trio_run_until_answered(trio, LOAD_CLIENTS);
        trio_run(trio, rng_below(&trio->rng, 1000));
        const uint32_t led = nodes_led(&trio->nodes, 0);
        const uint64_t answers = trio->load.answers;
        set_cable("down");
        gold_want(&gold); /* at the old leader too */
        trio_run(trio, CUT_MS);
        trio_run_until_answered(trio, LOAD_CLIENTS); /* by the other two */
        print_message("the first node led %u; %llu requests were answered while it was cut off\n",
                      led, (unsigned long long)(trio->load.answers - answers));
        set_cable("up");
        trio_run_until_answered(trio, LOAD_CLIENTS);
        gold_settle(&gold);
    }
    gold_fini(&gold);
    trio_compare(trio);
    /* Its clients were told that it does not know. */
    assert_true(trio->load.refused + trio->load.unanswered > 0);
}

int main(void)
{
    if (geteuid() != 0 || !lay_cable()) {
        print_message("skipped: it needs root, ip(8) and network namespaces\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            an_old_leader_that_its_clients_still_reach_loses_and_doubles_nothing, trio_setup,
            trio_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
