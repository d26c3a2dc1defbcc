/* node/ctl/commands.h -- The commands of cairnctl. Each asks, prints, and returns the exit code. */
#ifndef CAIRN_NODE_CTL_COMMANDS_H
#define CAIRN_NODE_CTL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include "node/ctl/client.h"

#define CTL_WORDS_MAX 3

struct ctl_arguments {
    const char *words[CTL_WORDS_MAX + 1]; /* after the command; NULL: no more */
    bool dry_run;
    uint32_t limit; /* 0: the server's default */
    uint32_t count; /* snapshots; 0: until interrupted */
};

typedef int ctl_command(struct ctl *ctl, const struct ctl_arguments *arguments);

ctl_command ctl_status, ctl_members, ctl_ranges, ctl_epoch, ctl_drain, ctl_remove, ctl_watch;
ctl_command ctl_hunts, ctl_put_hunt, ctl_get_hunt;
ctl_command ctl_board, ctl_awards, ctl_player;

#endif
