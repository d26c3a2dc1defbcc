#include "tests/sim/mail.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

static bool has_entries(const struct message *message)
{
    return message->kind == MESSAGE_GROUP && message->group.type == GROUP_APPEND;
}

static void *copy_list(const void *list, size_t bytes)
{
    void *copy = malloc(bytes > 0 ? bytes : 1);
    CHECK(copy != NULL);
    if (bytes > 0)
        memcpy(copy, list, bytes);
    return copy;
}

static struct log_entry *copy_entries(const struct log_entry *list, uint32_t count)
{
    struct log_entry *entries = copy_list(list, count * sizeof *entries);
    for (uint32_t i = 0; i < count; i++)
        entries[i].data = copy_list(list[i].data, list[i].bytes);
    return entries;
}

struct message mail_copy(const struct message *message)
{
    struct message copy = *message;
    if (has_entries(message))
        copy.group.append.entries =
            copy_entries(message->group.append.entries, message->group.append.count);
    else if (message->kind == MESSAGE_FORWARD)
        copy.forward.list = copy_list(message->forward.list,
                                      message->forward.count * sizeof message->forward.list[0]);
    else if (message->kind == MESSAGE_RESULTS)
        copy.results.list = copy_list(message->results.list,
                                      message->results.count * sizeof message->results.list[0]);
    return copy;
}

static void free_list(const void *list)
{
    free((void *)(uintptr_t)list);
}

void mail_free(const struct message *copy)
{
    if (has_entries(copy)) {
        for (uint32_t i = 0; i < copy->group.append.count; i++)
            free_list(copy->group.append.entries[i].data);
        free_list(copy->group.append.entries);
    } else if (copy->kind == MESSAGE_FORWARD) {
        free_list(copy->forward.list);
    } else if (copy->kind == MESSAGE_RESULTS) {
        free_list(copy->results.list);
    }
}
