#include "tests/integration/process_trio.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

int trio_setup(void **state)
{
    static struct trio trio;
    rng_init(&trio.rng, process_seed());
    nodes_init(&trio.nodes);
    players_init(&trio.players, &trio.rng);
    load_init(&trio.load, &trio.players);
    *state = &trio;
    return 0;
}

int trio_teardown(void **state)
{
    struct trio *trio = *state;
    load_fini(&trio->load);
    players_fini(&trio->players);
    nodes_fini(&trio->nodes);
    return 0;
}

void trio_begin(struct trio *trio)
{
    nodes_grow(&trio->nodes);
    load_put_hunt(&trio->nodes.list[rng_below(&trio->rng, CLUSTER_NODES)]);
}

void trio_run(struct trio *trio, uint64_t ms)
{
    load_run_at(&trio->load, trio->nodes.all, CLUSTER_NODES, ms);
}

void trio_run_until_answered(struct trio *trio, uint64_t more)
{
    const uint64_t wanted = trio->load.answers + more;
    const uint64_t start = process_now_ms();
    while (trio->load.answers < wanted) {
        if (process_now_ms() - start > PROCESS_WAIT_MS)
            fail_msg("claims are not answered any more; n1 said: %s",
                     process_said(&trio->nodes.list[0]));
        trio_run(trio, 50);
    }
}

void trio_compare(struct trio *trio)
{
    const struct players *players = &trio->players;
    const struct load *load = &trio->load;
    load_finish_at(&trio->load, trio->nodes.all, CLUSTER_NODES);
    print_message("acknowledged=%llu finds=%llu replays=%llu unheard=%llu unanswered=%llu cut=%llu "
                  "refused=%llu\n",
                  (unsigned long long)players->acknowledged, (unsigned long long)players->finds,
                  (unsigned long long)players->replays, (unsigned long long)players->unheard,
                  (unsigned long long)load->unanswered, (unsigned long long)load->cut,
                  (unsigned long long)load->refused);
    nodes_wait_whole(&trio->nodes);
    nodes_compare(&trio->nodes, &trio->players);
    assert_true(players->finds > 0);
}
