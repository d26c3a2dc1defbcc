#include "tests/sim/group_disk.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void group_disk_init(struct group_disk *disk)
{
    *disk = (struct group_disk){.sync_ms_min = 1, .sync_ms_max = 3};
}

static void free_entries(struct log_entry *entries, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < count; i++)
        free((void *)(uintptr_t)entries[i].data);
}

static void free_write(struct group_disk_write *write)
{
    if (write->entries != NULL)
        free_entries(write->entries, 0, write->effect.append.count);
    free(write->entries);
}

void group_disk_fini(struct group_disk *disk)
{
    group_disk_lose(disk);
    free(disk->writes);
    free_entries(disk->durable.entries, 0, disk->durable.count);
    free(disk->durable.entries);
}

static struct log_entry copy_entry(const struct log_entry *entry)
{
    struct log_entry copy = *entry;
    uint8_t *data = malloc(entry->bytes);
    CHECK(data != NULL);
    memcpy(data, entry->data, entry->bytes);
    copy.data = data;
    return copy;
}

void group_disk_write(struct group_disk *disk, const struct effect *effect)
{
    if (disk->write_count == disk->write_capacity) {
        disk->write_capacity = disk->write_capacity == 0 ? 16 : disk->write_capacity * 2;
        disk->writes = realloc(disk->writes, disk->write_capacity * sizeof *disk->writes);
        CHECK(disk->writes != NULL);
    }
    struct group_disk_write *write = &disk->writes[disk->write_count++];
    *write = (struct group_disk_write){.effect = *effect};
    if (effect->kind != EFFECT_APPEND)
        return;
    write->entries = malloc(effect->append.count * sizeof *write->entries);
    CHECK(write->entries != NULL);
    for (uint32_t i = 0; i < effect->append.count; i++)
        write->entries[i] = copy_entry(&effect->append.entries[i]);
}

static void truncate(struct group_disk_log *log, uint64_t from)
{
    if (from > log->count)
        return;
    free_entries(log->entries, from - 1, log->count);
    log->count = from - 1;
}

static void append(struct group_disk_log *log, uint64_t first, struct log_entry *entries,
                   uint32_t count)
{
    CHECK(first == log->count + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (log->count == log->capacity) {
            log->capacity = log->capacity == 0 ? 64 : log->capacity * 2;
            log->entries = realloc(log->entries, log->capacity * sizeof *log->entries);
            CHECK(log->entries != NULL);
        }
        log->entries[log->count++] = entries[i];
    }
}

static void carry_out(struct group_disk *disk, struct group_disk_write *write)
{
    switch (write->effect.kind) {
    case EFFECT_HARD_STATE:
        disk->durable.hard_state = write->effect.hard_state;
        break;
    case EFFECT_TRUNCATE:
        truncate(&disk->durable, write->effect.truncate.from);
        break;
    case EFFECT_APPEND:
        append(&disk->durable, write->effect.append.first, write->entries,
               write->effect.append.count);
        free(write->entries);
        write->entries = NULL;
        break;
    case EFFECT_COMPACT:
        disk->durable.compacted = true;
        break;
    default:
        UNREACHABLE();
    }
}

void group_disk_sync(struct group_disk *disk, uint64_t ticket)
{
    uint32_t done = 0;
    while (done < disk->write_count && disk->writes[done].effect.ticket <= ticket) {
        carry_out(disk, &disk->writes[done]);
        done++;
    }
    disk->write_count -= done;
    if (done > 0)
        memmove(disk->writes, disk->writes + done, disk->write_count * sizeof *disk->writes);
}

void group_disk_lose(struct group_disk *disk)
{
    for (uint32_t i = 0; i < disk->write_count; i++)
        free_write(&disk->writes[i]);
    disk->write_count = 0;
    disk->sync_due_ms = 0;
    disk->read.waiting = false;
}

const struct log_entry *group_disk_entry(const struct group_disk *disk, uint64_t index)
{
    return index >= 1 && index <= disk->durable.count ? &disk->durable.entries[index - 1] : NULL;
}
