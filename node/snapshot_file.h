/* node/snapshot_file.h -- A snapshot of one group, as a file: its chunks, each an LZ4 frame,
 * between a head that says whose it is and an end that says what is in it.
 *
 *     head    "CairnSnp"  version u32  group u32  cluster u64  node u64  index u64  term u64
 *             zero u64  checksum u64
 *     chunk   number u32  bytes u32  stored u32  zero u32  checksum u64  `stored` bytes: an LZ4
 * frame of `bytes` bytes end     chunks u32  zero u32  bytes u64  digest u64  checksum u64
 * "CairnEnd"
 *
 * All little-endian. Checksums are XXH3-64: the head's over what stands before it; a chunk's over
 * its own head and its stored bytes, seeded with the checksum before it, so that chunks of one file
 * cannot stand in another one, or elsewhere in it; the end's over what stands before it, seeded
 * with the head's. The digest covers the chunks' bytes before compression. Nothing follows the end.
 *
 * Neither half opens, syncs or closes the descriptor. One thread at a time. */
#ifndef CAIRN_NODE_SNAPSHOT_FILE_H
#define CAIRN_NODE_SNAPSHOT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

#define SNAPSHOT_FILE_HEAD_BYTES  64
#define SNAPSHOT_FILE_CHUNK_BYTES 24 /* before its data */
#define SNAPSHOT_FILE_END_BYTES   40

/* Whose snapshot it is, and of what: the last entry it contains. */
struct snapshot_id {
    uint64_t cluster, node;
    uint32_t group;
    uint64_t index, term;
};

/* What is in it. */
struct snapshot_sum {
    uint32_t chunks;
    uint64_t content_bytes; /* before compression */
    uint64_t file_bytes;
    uint64_t digest; /* of the content */
};

struct snapshot_file_writer {
    int fd;
    uint8_t *frame;      /* room for one stored chunk with its head */
    uint64_t head_check; /* the head's checksum */
    uint64_t check;      /* the newest one */
    struct snapshot_sum sum;
};

/* Writes the head. STATUS_FULL: no room in the file system, or for this user; STATUS_IO;
 * STATUS_NO_MEMORY. After a failure only snapshot_file_writer_fini. */
MUST_USE enum status snapshot_file_writer_init(struct snapshot_file_writer *writer, int fd,
                                               const struct snapshot_id *id);
/* Accepts a zeroed one. */
void snapshot_file_writer_fini(struct snapshot_file_writer *writer);

/* 1 to SNAPSHOT_CHUNK_BYTES_MAX bytes. The same failures. */
MUST_USE enum status snapshot_file_writer_chunk(struct snapshot_file_writer *writer,
                                                const void *data, uint32_t bytes);

/* Writes the end; *ret_sum says what was written in all. */
MUST_USE enum status snapshot_file_writer_end(struct snapshot_file_writer *writer,
                                              struct snapshot_sum *ret_sum);

struct snapshot_file_reader {
    int fd;
    uint8_t *frame, *content; /* a chunk, as it is stored and as it was given */
    uint64_t check, digest;
    uint64_t at, end_at; /* in the file */
    uint32_t chunk;      /* the next one's number */
    uint64_t content_bytes;
    struct snapshot_sum sum; /* as the end says */
    const char *fault;       /* what is wrong at `at`, after STATUS_CORRUPT or STATUS_IO */
};

/* Reads head and end, which must be those of this snapshot. STATUS_CORRUPT, STATUS_IO,
 * STATUS_NO_MEMORY. After a failure only snapshot_file_reader_fini. */
MUST_USE enum status snapshot_file_reader_init(struct snapshot_file_reader *reader, int fd,
                                               const struct snapshot_id *id);
/* Accepts a zeroed one. */
void snapshot_file_reader_fini(struct snapshot_file_reader *reader);

/* The next chunk; its data are valid until the next call. With the last one the whole content has
 * been compared with what the end says. Not called behind the last one. */
MUST_USE enum status snapshot_file_reader_next(struct snapshot_file_reader *reader,
                                               const uint8_t **ret_data, uint32_t *ret_bytes);

#endif
