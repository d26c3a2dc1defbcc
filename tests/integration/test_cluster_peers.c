/* Who may speak to a cluster: nodes with its key, and of its id. Three nodes under claims, and
 * strangers at their peer ports. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/process_trio.h"

/* So long nothing may happen. */
#define QUIET_MS 2000

#define EXIT_CONFIGURATION 78

static void wait_until_said(struct trio *trio, const struct process *process, const char *part)
{
    const uint64_t start = process_now_ms();
    while (process_count_said(process, part) == 0) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%s never says '%s', but: %s", process->name, part, process_said(process));
        trio_run(trio, 50);
    }
}

/* What the node has counted. */
static uint64_t refused_for(const struct trio *trio, uint32_t number, const char *reason)
{
    struct link link;
    char name[96];
    link_init(&link);
    const struct answer answer =
        http_ask(&link, trio->nodes.list[number].port, "GET", "/metrics", "");
    (void)snprintf(name, sizeof name, "cairn_peer_messages_refused_total{reason=\"%s\"} ", reason);
    const char *at = strstr(answer.body, name);
    if (at == NULL) {
        fail_msg("there is no metric %s", name);
        return 0;
    }
    const uint64_t count = strtoull(at + strlen(name), NULL, 10);
    link_fini(&link);
    return count;
}

static bool is_ready(const struct process *process)
{
    struct pollfd wait = {.fd = process->out, .events = POLLIN};
    return poll(&wait, 1, 0) > 0;
}

/* --- Keys ------------------------------------------------------------------------------------- */

/* A setting that names key files in the first node's folder, which are made: each letter is one. */
static const char *keys_setting(const struct trio *trio, const char *letters)
{
    static char setting[3 * PROCESS_PATH_BYTES];
    size_t used = (size_t)snprintf(setting, sizeof setting, "--set=peer.keys=[");
    for (const char *letter = letters; *letter != '\0'; letter++) {
        const char name[] = {'k', 'e', 'y', *letter, '\0'};
        const char *path = process_path(&trio->nodes.list[0], name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        /* 32 bytes in Base64. */
        (void)fprintf(file, "%cAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", *letter);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0600), 0);
        used += (size_t)snprintf(setting + used, sizeof setting - used, "%s%s",
                                 letter > letters ? "," : "", path);
    }
    (void)snprintf(setting + used, sizeof setting - used, "]");
    return setting;
}

static void a_node_with_another_key_stays_out_and_disturbs_nobody(void **state)
{
    struct trio *trio = *state;
    char ours[3 * PROCESS_PATH_BYTES];
    char joins[PROCESS_PATH_BYTES + 16];
    struct process stranger;
    const char *const arguments[] = {ours, NULL};
    (void)snprintf(ours, sizeof ours, "%s", keys_setting(trio, "B"));
    trio->nodes.arguments = arguments;
    trio_begin(trio);
    trio_run_until_answered(trio, LOAD_CLIENTS);

    (void)snprintf(joins, sizeof joins, "{ join: ['%s'] }", trio->nodes.list[0].peer);
    process_init_as(&stranger, "n4", joins);
    process_launch(&stranger, (const char *const[]){keys_setting(trio, "C"), NULL});
    wait_until_said(trio, &trio->nodes.list[0], "why=other_key");
    trio_run(trio, QUIET_MS);
    assert_int_equal(process_count_said(&trio->nodes.list[0], "why=other_key"), 1);
    assert_true(refused_for(trio, 0, "other_key") > 1);
    assert_false(is_ready(&stranger));
    assert_int_equal(process_count_said(&stranger, "in the cluster now"), 0);
    process_fini(&stranger);
    nodes_wait_whole(&trio->nodes);
    trio_compare(trio);
}

/* Keys change while the cluster works: first all can open the new one, then all seal with it, then
 * the old one goes; one node after the other. */
static void keys_are_exchanged_node_by_node(void **state)
{
    struct trio *trio = *state;
    static const char *const steps[] = {"B", "BC", "CB", "C"};
    char setting[3 * PROCESS_PATH_BYTES];
    const char *const arguments[] = {setting, NULL};
    (void)snprintf(setting, sizeof setting, "%s", keys_setting(trio, steps[0]));
    trio->nodes.arguments = arguments;
    trio_begin(trio);
    for (size_t step = 1; step < sizeof steps / sizeof steps[0]; step++) {
        (void)snprintf(setting, sizeof setting, "%s", keys_setting(trio, steps[step]));
        for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
            process_signal(&trio->nodes.list[i], SIGTERM);
            assert_int_equal(process_wait(&trio->nodes.list[i], PROCESS_WAIT_MS), 0);
            trio_run_until_answered(trio, LOAD_CLIENTS);
            nodes_start(&trio->nodes, i, CLUSTER_PEER_PORT);
            nodes_wait_whole(&trio->nodes);
        }
    }
    /* (What was sent to a node's former start is refused too.) */
    for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
        assert_int_equal(process_count_said(&trio->nodes.list[i], "why=other_key"), 0);
        assert_int_equal(process_count_said(&trio->nodes.list[i], "why=forged"), 0);
        assert_int_equal(process_count_said(&trio->nodes.list[i], "why=not_sealed"), 0);
    }
    trio_compare(trio);
}

static int run_with(struct process *process, const char *const *arguments)
{
    process_launch(process, arguments);
    return process_wait(process, PROCESS_WAIT_MS);
}

static void a_peer_port_for_other_machines_needs_keys(void **state)
{
    struct trio *trio = *state;
    struct process *process = &trio->nodes.list[0];
    const char *keys = keys_setting(trio, "B");
    assert_int_equal(
        run_with(process, (const char *const[]){"--set=peer.listen=tcp://0.0.0.0:0", NULL}),
        EXIT_CONFIGURATION);
    assert_true(process_count_said(process, "peer.listen") > 0);
    assert_true(process_count_said(process, "peer.keys") > 0);
    assert_int_equal(run_with(process, (const char *const[]){"--set=peer.listen=tcp://0.0.0.0:0",
                                                             "--check", NULL}),
                     EXIT_CONFIGURATION);
    assert_int_equal(
        run_with(process, (const char *const[]){"--set=peer.listen=tcp://0.0.0.0:7901",
                                                "--set=peer.advertise=tcp://192.0.2.1:7901", keys,
                                                "--check", NULL}),
        0);
    assert_int_equal(
        run_with(process,
                 (const char *const[]){"--set=peer.listen=tcp://127.0.0.2:7901", "--check", NULL}),
        0);
}

/* --- Strangers -------------------------------------------------------------------------------- */

/* Two nodes of another cluster; the first dies, and one of ours gets its address. */
static void a_node_of_another_cluster_that_calls_is_refused(void **state)
{
    struct trio *trio = *state;
    struct process others[2];
    char listen[96], joins[PROCESS_PATH_BYTES + 16];
    const uint32_t low = ((uint32_t)getpid() & 0x3fffff) << 2;
    const char *const at_old_address[] = {listen, NULL};
    (void)snprintf(listen, sizeof listen, "--set=peer.listen=tcp://127.%u.%u.%u:%d", low >> 16,
                   low >> 8 & 0xff, low & 0xff, CLUSTER_PEER_PORT);
    process_init_as(&others[0], "b1", "{ found: true, ranges: 4, epoch_ms: 400 }");
    process_launch(&others[0], at_old_address);
    process_wait_ready(&others[0]);
    (void)snprintf(joins, sizeof joins, "{ join: ['%s'] }", others[0].peer);
    process_init_as(&others[1], "b2", joins);
    process_start(&others[1]);
    trio_begin(trio);
    trio_run_until_answered(trio, LOAD_CLIENTS);
    process_kill(&others[0]);

    struct process *ours = &trio->nodes.list[rng_below(&trio->rng, CLUSTER_NODES)];
    process_kill(ours);
    process_launch(ours, at_old_address);
    process_wait_ready(ours);
    wait_until_said(trio, ours, "why=other_cluster");
    trio_run(trio, QUIET_MS);
    assert_int_equal(process_count_said(ours, "why=other_cluster"), 1);
    assert_true(refused_for(trio, (uint32_t)(ours - trio->nodes.list), "other_cluster") > 1);
    nodes_wait_whole(&trio->nodes);
    process_fini(&others[1]);
    process_fini(&others[0]);
    trio_compare(trio);
}

/* Connects to a node's peer port and sends what no peer sends. */
static void send_garbage(struct trio *trio, const struct process *process)
{
    /* nng's greeting: half of the strangers begin as a peer does. */
    static const uint8_t greeting[8] = {0, 'S', 'P', 0, 0, 0x50, 0, 0};
    uint8_t bytes[512];
    char host[32] = "";
    unsigned int port = 0;
    size_t used = 0;
    assert_int_equal(sscanf(process->peer, "tcp://%31[0-9.]:%5u", host, &port), 2);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    if (rng_chance(&trio->rng, 1, 2)) {
        memcpy(bytes, greeting, sizeof greeting);
        used = sizeof greeting;
        /* A length that is plausible, of a message that is none. */
        const uint8_t length[8] = {[7] = (uint8_t)rng_below(&trio->rng, 256)};
        memcpy(bytes + used, length, sizeof length);
        used += sizeof length;
    }
    const size_t end = used + rng_below(&trio->rng, sizeof bytes - used);
    while (used < end)
        bytes[used++] = (uint8_t)rng_below(&trio->rng, 256);
    (void)send(fd, bytes, used, MSG_NOSIGNAL);
    (void)close(fd);
}

static void garbage_on_the_peer_ports_disturbs_nobody(void **state)
{
    struct trio *trio = *state;
    trio_begin(trio);
    trio_run_until_answered(trio, LOAD_CLIENTS);
    for (uint32_t i = 0; i < 150; i++) {
        send_garbage(trio, &trio->nodes.list[i % CLUSTER_NODES]);
        trio_run(trio, rng_below(&trio->rng, 20));
    }
    trio_run_until_answered(trio, LOAD_CLIENTS);
    for (uint32_t i = 0; i < CLUSTER_NODES; i++)
        assert_false(process_ended(&trio->nodes.list[i]));
    trio_compare(trio);
}

#define TRIO_TEST(test) cmocka_unit_test_setup_teardown(test, trio_setup, trio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRIO_TEST(a_node_with_another_key_stays_out_and_disturbs_nobody),
        TRIO_TEST(keys_are_exchanged_node_by_node),
        TRIO_TEST(a_peer_port_for_other_machines_needs_keys),
        TRIO_TEST(a_node_of_another_cluster_that_calls_is_refused),
        TRIO_TEST(garbage_on_the_peer_ports_disturbs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
