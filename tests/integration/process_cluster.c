#include "tests/integration/process_cluster.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/integration/process_compare.h"
#include "tests/integration/process_http.h"

#define AGAIN_MS      50
#define ARGUMENTS_MAX 8

/* Growing, electing, and catching up, however slow the machine. */
#define WHOLE_MS 60000

static const char *const names[CLUSTER_NODES] = {"n1", "n2", "n3"};

/* --- Life ------------------------------------------------------------------------------------- */

void nodes_init(struct nodes *nodes)
{
    *nodes = (struct nodes){.arguments = NULL};
    char joins[96];
    /* 22 bits of our process id, and two of the node's number. */
    const uint32_t own = (uint32_t)getpid() & 0x3fffff;
    for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
        const uint32_t low = own << 2 | (i + 1);
        (void)snprintf(nodes->host[i], sizeof nodes->host[i], "tcp://127.%u.%u.%u", low >> 16,
                       low >> 8 & 0xff, low & 0xff);
        nodes->all[i] = &nodes->list[i];
    }
    (void)snprintf(joins, sizeof joins, "{ join: ['%s:%d'] }", nodes->host[0], CLUSTER_PEER_PORT);
    for (uint32_t i = 0; i < CLUSTER_NODES; i++)
        process_init_as(&nodes->list[i], names[i],
                        i == 0 ? "{ found: true, ranges: 8, epoch_ms: 400 }" : joins);
}

void nodes_fini(struct nodes *nodes)
{
    for (uint32_t i = 0; i < CLUSTER_NODES; i++)
        process_fini(&nodes->list[i]);
}

void nodes_launch(struct nodes *nodes, uint32_t number, uint16_t peer_port)
{
    char listen[64];
    const char *arguments[ARGUMENTS_MAX] = {listen, NULL};
    uint32_t count = 1;
    (void)snprintf(listen, sizeof listen, "--set=peer.listen=%s:%u", nodes->host[number],
                   (unsigned)peer_port);
    for (const char *const *more = nodes->arguments; more != NULL && *more != NULL; more++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        arguments[count++] = *more;
    }
    process_launch(&nodes->list[number], arguments);
}

void nodes_start(struct nodes *nodes, uint32_t number, uint16_t peer_port)
{
    nodes_launch(nodes, number, peer_port);
    process_wait_ready(&nodes->list[number]);
}

void nodes_grow(struct nodes *nodes)
{
    for (uint32_t i = 0; i < CLUSTER_NODES; i++)
        nodes_start(nodes, i, CLUSTER_PEER_PORT);
    nodes_wait_whole(nodes);
}

/* --- Asking ----------------------------------------------------------------------------------- */

json_t *nodes_get(struct nodes *nodes, uint32_t number, const char *target, int *ret_status)
{
    const struct process *process = &nodes->list[number];
    struct link link;
    link_init(&link);
    if (!link_open_in(&link, process->network, process->port))
        fail_msg("%s does not listen; it said: %s", process->name, process_said(process));
    const struct answer answer = http_ask(&link, process->port, "GET", target, "");
    json_t *json = json_loadb(answer.body, answer.bytes, 0, NULL);
    if (json == NULL || (ret_status == NULL && answer.status != 200))
        fail_msg("%s answers GET %s with %d %s", process->name, target, answer.status, answer.body);
    if (ret_status != NULL)
        *ret_status = answer.status;
    link_fini(&link);
    return json;
}

uint32_t nodes_led(struct nodes *nodes, uint32_t number)
{
    json_t *cluster = nodes_get(nodes, number, "/v1/cluster", NULL);
    size_t i;
    json_t *range;
    uint32_t led = 0;
    json_array_foreach(json_object_get(cluster, "ranges"), i, range)
    {
        led += strcmp(json_text_of(range, "leader"), nodes->list[number].name) == 0;
    }
    json_decref(cluster);
    return led;
}

/* --- Whole ------------------------------------------------------------------------------------ */

static bool members_right(const struct nodes *nodes, const json_t *cluster)
{
    const json_t *members = json_object_get(cluster, "members");
    uint32_t right = 0;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *member = json_array_get(members, i);
        for (uint32_t k = 0; k < CLUSTER_NODES; k++) {
            const struct process *process = &nodes->list[k];
            const char *http = json_text_of(member, "http");
            const char *port = strrchr(http, ':');
            char wanted[16];
            (void)snprintf(wanted, sizeof wanted, ":%u", (unsigned)process->port);
            right += strcmp(json_text_of(member, "name"), process->name) == 0 && port != NULL &&
                     strcmp(port, wanted) == 0 &&
                     strcmp(json_text_of(member, "peer"), process->peer) == 0;
        }
    }
    return right == CLUSTER_NODES && json_array_size(members) == CLUSTER_NODES;
}

/* The leaders of all ranges, one after the other; false: not all have one and three voters. */
static bool leaders_of(const json_t *cluster, char leaders[CLUSTER_RANGES * 4])
{
    const json_t *ranges = json_object_get(cluster, "ranges");
    size_t used = 0;
    leaders[0] = '\0';
    if (json_array_size(ranges) != CLUSTER_RANGES)
        return false;
    for (size_t i = 0; i < CLUSTER_RANGES; i++) {
        const json_t *range = json_array_get(ranges, i);
        const char *leader = json_text_of(range, "leader");
        if (*leader == '\0' || json_array_size(json_object_get(range, "voters")) != CLUSTER_NODES)
            return false;
        used += (size_t)snprintf(leaders + used, CLUSTER_RANGES * 4 - used, "%s,", leader);
    }
    return true;
}

/* Why the cluster is not whole as this node sees it; NULL: it is. Fills in what it says of leaders.
 */
static const char *why_not_whole(struct nodes *nodes, uint32_t number,
                                 char leaders[CLUSTER_RANGES * 4])
{
    const char *why = NULL;
    int status = 0;
    json_t *cluster = nodes_get(nodes, number, "/v1/cluster", &status);
    if (status != 200)
        why = "it does not know the cluster";
    else if (!members_right(nodes, cluster))
        why = "it has other members";
    else if (!leaders_of(cluster, leaders))
        why = "ranges without a leader or three voters";
    json_decref(cluster);
    if (why != NULL)
        return why;
    json_decref(nodes_get(nodes, number, "/readyz", &status));
    return status == 200 ? NULL : "it is not ready";
}

void nodes_wait_whole(struct nodes *nodes)
{
    const uint64_t start = process_now_ms();
    for (;;) {
        char leaders[CLUSTER_NODES][CLUSTER_RANGES * 4] = {""};
        const char *why = NULL;
        uint32_t at = 0;
        for (uint32_t i = 0; i < CLUSTER_NODES && why == NULL; i++) {
            why = why_not_whole(nodes, i, leaders[i]);
            if (why == NULL && strcmp(leaders[i], leaders[0]) != 0)
                why = "it has other leaders than the first";
            at = i;
        }
        if (why == NULL)
            return;
        if (process_now_ms() - start > WHOLE_MS) {
            json_t *cluster = nodes_get(nodes, at, "/v1/cluster", &(int){0});
            fail_msg("no whole cluster, says %s: %s\n%s\nit said: %s", nodes->list[at].name, why,
                     json_dumps(cluster, 0), process_said(&nodes->list[at]));
        }
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* What a node says of a complete epoch; waits until it is complete there. */
static json_t *complete_epoch(struct nodes *nodes, uint32_t number, const char *epoch)
{
    const uint64_t start = process_now_ms();
    char target[64];
    (void)snprintf(target, sizeof target, "/v1/epochs/%s", epoch);
    for (;;) {
        int status = 0;
        json_t *json = nodes_get(nodes, number, target, &status);
        if (status == 200 && strcmp(json_text_of(json, "state"), "complete") == 0)
            return json;
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("%s: epoch %s does not get complete: %s", nodes->list[number].name, epoch,
                     json_dumps(json, 0));
        json_decref(json);
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

static void compare_epoch(struct nodes *nodes)
{
    json_t *latest = nodes_get(nodes, 0, "/v1/epochs/latest", NULL);
    const char *epoch = json_text_of(latest, "epoch");
    for (uint32_t i = 1; i < CLUSTER_NODES; i++) {
        json_t *other = complete_epoch(nodes, i, epoch);
        if (!json_equal(json_object_get(latest, "hunts"), json_object_get(other, "hunts")) ||
            !json_equal(json_object_get(latest, "summaries"), json_object_get(other, "summaries")))
            fail_msg("epoch %s is not the same at n1 and %s:\n%s\n%s", epoch, nodes->list[i].name,
                     json_dumps(latest, 0), json_dumps(other, 0));
        json_decref(other);
    }
    json_decref(latest);
}

void nodes_compare(struct nodes *nodes, struct players *players)
{
    char digests[CLUSTER_NODES][DIGEST_BYTES];
    for (uint32_t i = 0; i < CLUSTER_NODES; i++) {
        compare_all(players, &nodes->list[i], digests[i]);
        /* Nobody claims any more. */
        assert_string_equal(digests[i], digests[0]);
    }
    compare_epoch(nodes);
}
