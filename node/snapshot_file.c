#include "node/snapshot_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/values/effects.h"
#include "proto/frame_lz4.h"

#define FILE_VERSION    1
#define HEAD_WORD       "CairnSnp"
#define END_WORD        "CairnEnd"
#define WORD_BYTES      8
#define HEAD_SUMMED     56 /* bytes before the checksum */
#define CHUNK_SUMMED    16
#define END_SUMMED      24
#define CHUNK_NEEDS_MIN (SNAPSHOT_FILE_CHUNK_BYTES + 1)

static size_t frame_capacity(void)
{
    return SNAPSHOT_FILE_CHUNK_BYTES + frame_lz4_bytes_max(SNAPSHOT_CHUNK_BYTES_MAX);
}

/* --- Writing ---------------------------------------------------------------------------------- */

static enum status write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        const ssize_t put = write(fd, data, bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == ENOSPC || errno == EDQUOT ? STATUS_FULL : STATUS_IO;
        data += put;
        bytes -= (size_t)put;
    }
    return STATUS_OK;
}

static enum status put_out(struct snapshot_file_writer *writer, const uint8_t *data, size_t bytes)
{
    const enum status status = write_all(writer->fd, data, bytes);
    if (status == STATUS_OK)
        writer->sum.file_bytes += bytes;
    return status;
}

enum status snapshot_file_writer_init(struct snapshot_file_writer *writer, int fd,
                                      const struct snapshot_id *id)
{
    *writer = (struct snapshot_file_writer){.fd = fd, .frame = malloc(frame_capacity())};
    if (writer->frame == NULL)
        return STATUS_NO_MEMORY;
    uint8_t head[SNAPSHOT_FILE_HEAD_BYTES];
    struct writer bytes;
    writer_init(&bytes, head, sizeof head);
    put_bytes(&bytes, HEAD_WORD, WORD_BYTES);
    put_u32(&bytes, FILE_VERSION);
    put_u32(&bytes, id->group);
    put_u64(&bytes, id->cluster);
    put_u64(&bytes, id->node);
    put_u64(&bytes, id->index);
    put_u64(&bytes, id->term);
    put_u64(&bytes, 0);
    writer->head_check = hash_bytes(head, HEAD_SUMMED);
    writer->check = writer->head_check;
    put_u64(&bytes, writer->head_check);
    CHECK(writer_ok(&bytes));
    CHECK(bytes.used == sizeof head);
    return put_out(writer, head, sizeof head);
}

void snapshot_file_writer_fini(struct snapshot_file_writer *writer)
{
    free(writer->frame);
    *writer = (struct snapshot_file_writer){.fd = -1};
}

enum status snapshot_file_writer_chunk(struct snapshot_file_writer *writer, const void *data,
                                       uint32_t bytes)
{
    CHECK(bytes > 0);
    CHECK(bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
    CHECK(writer->sum.chunks < UINT32_MAX);
    uint8_t *stored_at = writer->frame + SNAPSHOT_FILE_CHUNK_BYTES;
    const size_t stored =
        frame_lz4_encode(stored_at, frame_capacity() - SNAPSHOT_FILE_CHUNK_BYTES, data, bytes);
    if (stored == 0)
        return STATUS_NO_MEMORY;
    struct writer head;
    writer_init(&head, writer->frame, SNAPSHOT_FILE_CHUNK_BYTES);
    put_u32(&head, writer->sum.chunks);
    put_u32(&head, bytes);
    put_u32(&head, (uint32_t)stored);
    put_u32(&head, 0);
    writer->check =
        hash_chain(hash_chain(writer->check, writer->frame, CHUNK_SUMMED), stored_at, stored);
    put_u64(&head, writer->check);
    CHECK(writer_ok(&head));
    writer->sum.chunks++;
    writer->sum.content_bytes += bytes;
    writer->sum.digest = hash_chain(writer->sum.digest, data, bytes);
    return put_out(writer, writer->frame, SNAPSHOT_FILE_CHUNK_BYTES + stored);
}

enum status snapshot_file_writer_end(struct snapshot_file_writer *writer,
                                     struct snapshot_sum *ret_sum)
{
    uint8_t end[SNAPSHOT_FILE_END_BYTES];
    struct writer bytes;
    writer_init(&bytes, end, sizeof end);
    put_u32(&bytes, writer->sum.chunks);
    put_u32(&bytes, 0);
    put_u64(&bytes, writer->sum.content_bytes);
    put_u64(&bytes, writer->sum.digest);
    put_u64(&bytes, hash_chain(writer->head_check, end, END_SUMMED));
    put_bytes(&bytes, END_WORD, WORD_BYTES);
    CHECK(writer_ok(&bytes));
    CHECK(bytes.used == sizeof end);
    const enum status status = put_out(writer, end, sizeof end);
    if (status == STATUS_OK)
        *ret_sum = writer->sum;
    return status;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static enum status fault(struct snapshot_file_reader *reader, enum status status, const char *what)
{
    reader->fault = what;
    return status;
}

static enum status read_at(struct snapshot_file_reader *reader, uint64_t at, uint8_t *data,
                           size_t bytes)
{
    while (bytes > 0) {
        const ssize_t got = pread(reader->fd, data, bytes, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fault(reader, STATUS_IO, strerror(errno));
        if (got == 0)
            return fault(reader, STATUS_CORRUPT, "it ends too early");
        data += got;
        at += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return STATUS_OK;
}

/* What stands in a head that is whole must be what is looked for. */
static enum status compare_head(struct snapshot_file_reader *reader, struct reader *bytes,
                                const struct snapshot_id *id)
{
    if (take_u32(bytes) != FILE_VERSION)
        return fault(reader, STATUS_CORRUPT, "it is of another version");
    if (take_u32(bytes) != id->group)
        return fault(reader, STATUS_CORRUPT, "it is another group's snapshot");
    if (take_u64(bytes) != id->cluster)
        return fault(reader, STATUS_CORRUPT, "it is another cluster's snapshot");
    if (take_u64(bytes) != id->node)
        return fault(reader, STATUS_CORRUPT, "it is another node's snapshot");
    if (take_u64(bytes) != id->index || take_u64(bytes) != id->term || take_u64(bytes) != 0)
        return fault(reader, STATUS_CORRUPT, "it is a snapshot of another place in the log");
    return STATUS_OK;
}

static enum status read_head(struct snapshot_file_reader *reader, const struct snapshot_id *id)
{
    uint8_t head[SNAPSHOT_FILE_HEAD_BYTES];
    enum status status = read_at(reader, 0, head, sizeof head);
    if (status != STATUS_OK)
        return status;
    struct reader bytes;
    reader_init(&bytes, head + HEAD_SUMMED, sizeof head - HEAD_SUMMED);
    reader->check = take_u64(&bytes);
    if (memcmp(head, HEAD_WORD, WORD_BYTES) != 0 || reader->check != hash_bytes(head, HEAD_SUMMED))
        return fault(reader, STATUS_CORRUPT, "its head is damaged");
    reader_init(&bytes, head + WORD_BYTES, HEAD_SUMMED - WORD_BYTES);
    return compare_head(reader, &bytes, id);
}

static enum status read_end(struct snapshot_file_reader *reader)
{
    struct stat about;
    uint8_t end[SNAPSHOT_FILE_END_BYTES];
    if (fstat(reader->fd, &about) != 0)
        return fault(reader, STATUS_IO, strerror(errno));
    if (about.st_size < SNAPSHOT_FILE_HEAD_BYTES + SNAPSHOT_FILE_END_BYTES)
        return fault(reader, STATUS_CORRUPT, "it ends too early");
    reader->sum.file_bytes = (uint64_t)about.st_size;
    reader->end_at = reader->sum.file_bytes - SNAPSHOT_FILE_END_BYTES;
    reader->at = reader->end_at;
    const enum status status = read_at(reader, reader->end_at, end, sizeof end);
    if (status != STATUS_OK)
        return status;
    struct reader bytes;
    reader_init(&bytes, end, sizeof end);
    reader->sum.chunks = take_u32(&bytes);
    const uint32_t zero = take_u32(&bytes);
    reader->sum.content_bytes = take_u64(&bytes);
    reader->sum.digest = take_u64(&bytes);
    const uint64_t check = take_u64(&bytes);
    if (memcmp(take_bytes(&bytes, WORD_BYTES), END_WORD, WORD_BYTES) != 0 || zero != 0 ||
        check != hash_chain(reader->check, end, END_SUMMED))
        return fault(reader, STATUS_CORRUPT, "its end is damaged or missing");
    if (reader->sum.chunks == 0)
        return fault(reader, STATUS_CORRUPT, "there is nothing in it");
    return STATUS_OK;
}

enum status snapshot_file_reader_init(struct snapshot_file_reader *reader, int fd,
                                      const struct snapshot_id *id)
{
    *reader = (struct snapshot_file_reader){
        .fd = fd, .frame = malloc(frame_capacity()), .content = malloc(SNAPSHOT_CHUNK_BYTES_MAX)};
    if (reader->frame == NULL || reader->content == NULL)
        return STATUS_NO_MEMORY;
    enum status status = read_head(reader, id);
    if (status == STATUS_OK)
        status = read_end(reader);
    if (status == STATUS_OK)
        reader->at = SNAPSHOT_FILE_HEAD_BYTES;
    return status;
}

void snapshot_file_reader_fini(struct snapshot_file_reader *reader)
{
    free(reader->frame);
    free(reader->content);
    *reader = (struct snapshot_file_reader){.fd = -1};
}

/* The chunk's head, and its bytes into `frame`; what the head says is believed only as far as it
 * can be true. */
static enum status read_stored(struct snapshot_file_reader *reader, uint32_t *ret_bytes,
                               uint32_t *ret_stored)
{
    if (reader->end_at - reader->at < CHUNK_NEEDS_MIN)
        return fault(reader, STATUS_CORRUPT, "a chunk is missing");
    enum status status = read_at(reader, reader->at, reader->frame, SNAPSHOT_FILE_CHUNK_BYTES);
    if (status != STATUS_OK)
        return status;
    struct reader head;
    reader_init(&head, reader->frame, SNAPSHOT_FILE_CHUNK_BYTES);
    const uint32_t number = take_u32(&head);
    const uint32_t bytes = take_u32(&head);
    const uint32_t stored = take_u32(&head);
    const uint32_t zero = take_u32(&head);
    const uint64_t check = take_u64(&head);
    const uint64_t left = reader->end_at - reader->at - SNAPSHOT_FILE_CHUNK_BYTES;
    if (number != reader->chunk || bytes == 0 || bytes > SNAPSHOT_CHUNK_BYTES_MAX || stored == 0 ||
        stored > frame_lz4_bytes_max(SNAPSHOT_CHUNK_BYTES_MAX) || stored > left || zero != 0)
        return fault(reader, STATUS_CORRUPT, "the head of a chunk is damaged");
    uint8_t *data = reader->frame + SNAPSHOT_FILE_CHUNK_BYTES;
    status = read_at(reader, reader->at + SNAPSHOT_FILE_CHUNK_BYTES, data, stored);
    if (status != STATUS_OK)
        return status;
    reader->check =
        hash_chain(hash_chain(reader->check, reader->frame, CHUNK_SUMMED), data, stored);
    if (reader->check != check)
        return fault(reader, STATUS_CORRUPT, "the checksum of a chunk is wrong");
    *ret_bytes = bytes;
    *ret_stored = stored;
    return STATUS_OK;
}

static enum status compare_end(struct snapshot_file_reader *reader)
{
    if (reader->at != reader->end_at || reader->content_bytes != reader->sum.content_bytes ||
        reader->digest != reader->sum.digest)
        return fault(reader, STATUS_CORRUPT, "it is not what its end says");
    return STATUS_OK;
}

enum status snapshot_file_reader_next(struct snapshot_file_reader *reader, const uint8_t **ret_data,
                                      uint32_t *ret_bytes)
{
    CHECK(reader->chunk < reader->sum.chunks);
    uint32_t bytes = 0;
    uint32_t stored = 0;
    enum status status = read_stored(reader, &bytes, &stored);
    if (status != STATUS_OK)
        return status;
    size_t made = 0;
    status = frame_lz4_decode(reader->content, SNAPSHOT_CHUNK_BYTES_MAX,
                              reader->frame + SNAPSHOT_FILE_CHUNK_BYTES, stored, &made);
    if (status == STATUS_NO_MEMORY)
        return status;
    if (status != STATUS_OK || made != bytes)
        return fault(reader, STATUS_CORRUPT, "a chunk cannot be unpacked");
    reader->at += SNAPSHOT_FILE_CHUNK_BYTES + stored;
    reader->chunk++;
    reader->content_bytes += bytes;
    reader->digest = hash_chain(reader->digest, reader->content, bytes);
    if (reader->chunk == reader->sum.chunks && (status = compare_end(reader)) != STATUS_OK)
        return status;
    *ret_data = reader->content;
    *ret_bytes = bytes;
    return STATUS_OK;
}
