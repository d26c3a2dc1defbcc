#include "tests/sim/mail.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

static bool has_entries(const struct message *message)
{
    return message->kind == MESSAGE_GROUP && message->group.type == GROUP_APPEND;
}

struct message mail_copy(const struct message *message)
{
    struct message copy = *message;
    if (!has_entries(message))
        return copy;
    const uint32_t count = message->group.append.count;
    struct log_entry *entries = calloc(count > 0 ? count : 1, sizeof *entries);
    CHECK(entries != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct log_entry *from = &message->group.append.entries[i];
        uint8_t *data = malloc(from->bytes > 0 ? from->bytes : 1);
        CHECK(data != NULL);
        if (from->bytes > 0)
            memcpy(data, from->data, from->bytes);
        entries[i] = *from;
        entries[i].data = data;
    }
    copy.group.append.entries = entries;
    return copy;
}

void mail_free(const struct message *copy)
{
    if (!has_entries(copy))
        return;
    for (uint32_t i = 0; i < copy->group.append.count; i++)
        free((void *)(uintptr_t)copy->group.append.entries[i].data);
    free((void *)(uintptr_t)copy->group.append.entries);
}
