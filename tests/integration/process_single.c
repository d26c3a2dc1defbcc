#include "tests/integration/process_single.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

void single_init(struct single *single)
{
    rng_init(&single->rng, process_seed());
    process_init(&single->process);
    players_init(&single->players, &single->rng);
    load_init(&single->load, &single->players);
}

void single_fini(struct single *single)
{
    load_fini(&single->load);
    players_fini(&single->players);
    process_fini(&single->process);
}

int single_setup(void **state)
{
    static struct single single;
    single_init(&single);
    *state = &single;
    return 0;
}

int single_teardown(void **state)
{
    single_fini(*state);
    return 0;
}
