#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/snapshots_parts.h"

#define NAME_ENDING    ".snapshot"
#define PARTIAL_ENDING ".snapshot.partial"

void snapshots_name(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index)
{
    (void)snprintf(name, SNAPSHOT_NAME_BYTES, "%08" PRIx32 "-%016" PRIx64 NAME_ENDING, group,
                   index);
}

void snapshots_name_partial(char name[SNAPSHOT_NAME_BYTES], uint32_t group, uint64_t index)
{
    (void)snprintf(name, SNAPSHOT_NAME_BYTES, "%08" PRIx32 "-%016" PRIx64 PARTIAL_ENDING, group,
                   index);
}

bool snapshots_name_read(const char *name, uint32_t *ret_group, uint64_t *ret_index,
                         bool *ret_partial)
{
    uint32_t group = 0;
    uint64_t index = 0;
    char again[SNAPSHOT_NAME_BYTES];
    if (sscanf(name, "%8" SCNx32 "-%16" SCNx64, &group, &index) != 2)
        return false;
    snapshots_name(again, group, index);
    const bool whole = strcmp(name, again) == 0;
    snapshots_name_partial(again, group, index);
    const bool partial = strcmp(name, again) == 0;
    if (!whole && !partial)
        return false;
    *ret_group = group;
    *ret_index = index;
    *ret_partial = partial;
    return true;
}

uint32_t snapshots_remove(struct snapshots *snapshots,
                          bool (*stays)(void *context, uint32_t group, uint64_t index,
                                        bool partial),
                          void *context)
{
    uint32_t removed = 0;
    DIR *directory = opendir(snapshots->path);
    if (directory == NULL)
        return 0;
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        uint32_t group = 0;
        uint64_t index = 0;
        bool partial = false;
        if (snapshots_name_read(entry->d_name, &group, &index, &partial) &&
            !stays(context, group, index, partial) &&
            unlinkat(snapshots->directory, entry->d_name, 0) == 0)
            removed++;
    }
    (void)closedir(directory);
    return removed;
}

struct wish {
    snapshot_wanted_fn *wanted;
    void *context;
};

static bool is_wanted(void *context, uint32_t group, uint64_t index, bool partial)
{
    const struct wish *wish = context;
    return !partial && wish->wanted(wish->context, group, index);
}

uint32_t snapshots_clean(struct snapshots *snapshots, snapshot_wanted_fn *wanted, void *context)
{
    struct wish wish = {wanted, context};
    return snapshots_remove(snapshots, is_wanted, &wish);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static enum status refuse(const struct snapshots *snapshots, const char *name,
                          const struct snapshot_file_reader *reader, struct snapshots_error *error)
{
    (void)snprintf(error->text, sizeof error->text,
                   "%s/%s is damaged at byte %" PRIu64
                   " (%s), and the log that it replaces is gone. Nothing was changed. Put an "
                   "undamaged copy of this very file in its place, or rebuild this node from its "
                   "peers under a new id.",
                   snapshots->path, name, reader->at,
                   reader->fault != NULL ? reader->fault : "unknown");
    return STATUS_CORRUPT;
}

static enum status open_failure(const struct snapshots *snapshots, const char *name,
                                struct snapshots_error *error)
{
    if (errno != ENOENT) {
        (void)snprintf(error->text, sizeof error->text, "%s/%s: %s", snapshots->path, name,
                       strerror(errno));
        return STATUS_IO;
    }
    (void)snprintf(error->text, sizeof error->text,
                   "%s/%s is missing, and the log that it replaces is gone. Nothing was changed. "
                   "Put the file back, or rebuild this node from its peers under a new id.",
                   snapshots->path, name);
    return STATUS_CORRUPT;
}

static enum status read_chunks(struct snapshot_file_reader *reader, snapshot_chunk_fn *fn,
                               void *context, enum status *ret_verdict)
{
    enum status status = STATUS_OK;
    *ret_verdict = STATUS_OK;
    while (status == STATUS_OK && *ret_verdict == STATUS_OK && reader->chunk < reader->sum.chunks) {
        const uint8_t *data = NULL;
        uint32_t bytes = 0;
        status = snapshot_file_reader_next(reader, &data, &bytes);
        if (status == STATUS_OK)
            *ret_verdict =
                fn(context, reader->chunk - 1, reader->chunk == reader->sum.chunks, data, bytes);
    }
    return status;
}

enum status snapshots_read(struct snapshots *snapshots, const struct snapshot_id *id,
                           const struct snapshot_sum *sum, struct snapshots_error *error,
                           snapshot_chunk_fn *fn, void *context)
{
    char name[SNAPSHOT_NAME_BYTES];
    snapshots_name(name, id->group, id->index);
    const int fd = openat(snapshots->directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return open_failure(snapshots, name, error);
    struct snapshot_file_reader reader;
    enum status verdict = STATUS_OK;
    enum status status = snapshot_file_reader_init(&reader, fd, id);
    if (status == STATUS_OK &&
        (reader.sum.file_bytes != sum->file_bytes || reader.sum.digest != sum->digest)) {
        reader.fault = "it is not the file that the log refers to";
        status = STATUS_CORRUPT;
    }
    if (status == STATUS_OK)
        status = read_chunks(&reader, fn, context, &verdict);
    if (status == STATUS_CORRUPT)
        (void)refuse(snapshots, name, &reader, error);
    else if (status == STATUS_IO)
        (void)snprintf(error->text, sizeof error->text, "%s/%s: %s", snapshots->path, name,
                       reader.fault);
    snapshot_file_reader_fini(&reader);
    (void)close(fd);
    return status != STATUS_OK ? status : verdict;
}
