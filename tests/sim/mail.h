/* tests/sim/mail.h -- Messages between simulated nodes outlive the turn of their sender. They
 * travel as the bytes that real nodes would send, so every simulation is a test of the codec too.
 */
#ifndef CAIRN_TESTS_SIM_MAIL_H
#define CAIRN_TESTS_SIM_MAIL_H

#include "cluster/base/arena.h"
#include "cluster/values/message.h"

struct mail {
    struct message message; /* as it was read */
    uint8_t *bytes;
    struct arena arena;
};

void mail_init(struct mail *mail, const struct message *message);
void mail_fini(struct mail *mail);

#endif
