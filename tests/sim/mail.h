/* tests/sim/mail.h -- Messages between simulated nodes outlive the turn of their sender. */
#ifndef CAIRN_TESTS_SIM_MAIL_H
#define CAIRN_TESTS_SIM_MAIL_H

#include "cluster/values/message.h"

/* A copy with entries of its own. */
struct message mail_copy(const struct message *message);
void mail_free(const struct message *copy);

#endif
