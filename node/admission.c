#include "node/admission.h"

#include "cluster/base/check.h"

bool admission_admits(struct admission *admission, const struct node_load *load,
                      uint32_t actions_max)
{
    CHECK(actions_max > 0);
    const struct {
        uint64_t now, bound;
    } measures[] = {
        {load->actions, actions_max},
        {load->write_backlog, ADMISSION_BYTES},
        {load->queue_us + load->write_us, ADMISSION_WAIT_US},
    };
    bool reached = false;
    bool low = true;
    for (unsigned i = 0; i < sizeof measures / sizeof measures[0]; i++) {
        reached = reached || measures[i].now >= measures[i].bound;
        low = low && measures[i].now <= measures[i].bound / 2;
    }
    admission->shedding = reached || (admission->shedding && !low);
    return !admission->shedding;
}
