/* Snapshot files: a byte says how one is made of the rest. As it is: those bytes. Else a whole one
 * whose checksums are right, and whose chunks are what the bytes say, so that what stands behind
 * the checksums is reached. What is read must be what its end says; what our writer wrote is read.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "cluster/base/bytes.h"
#include "cluster/base/hash.h"
#include "cluster/values/effects.h"
#include "node/snapshot_file.h"
#include "proto/frame_lz4.h"
#include "tests/fuzz/fuzz.h"

static const struct snapshot_id id = {.cluster = 1, .node = 2, .group = 3, .index = 4, .term = 5};

enum making {
    MADE_AS_IT_IS,
    MADE_WITH_RIGHT_SUMS,
    MADE_BY_OUR_WRITER,
    MAKINGS,
};

static void put(int fd, const void *data, size_t bytes)
{
    CHECK(write(fd, data, bytes) == (ssize_t)bytes);
}

/* A chunk whose head may say anything, and whose data may be no frame. Returns its checksum. */
static uint64_t put_chunk(int fd, struct fuzz_input *input, uint64_t check)
{
    uint8_t head[SNAPSHOT_FILE_CHUNK_BYTES];
    struct writer writer;
    size_t bytes = 0;
    writer_init(&writer, head, sizeof head);
    put_u32(&writer, fuzz_u8(input));
    put_u32(&writer, (uint32_t)fuzz_u16(input) << (fuzz_u8(input) % 17));
    const uint32_t claimed = fuzz_u16(input);
    uint8_t *data = fuzz_bytes(input, claimed, &bytes);
    put_u32(&writer, claimed);
    put_u32(&writer, 0);
    check = hash_chain(hash_chain(check, head, 16), data, bytes);
    put_u64(&writer, check);
    put(fd, head, sizeof head);
    put(fd, data, bytes);
    free(data);
    return check;
}

/* Where the head's own checksum stands in the file, it is read back from there. */
static void make_with_right_sums(int fd, struct fuzz_input *input)
{
    struct snapshot_file_writer writer;
    uint8_t end[SNAPSHOT_FILE_END_BYTES];
    struct writer bytes;
    CHECK(snapshot_file_writer_init(&writer, fd, &id) == STATUS_OK);
    const uint64_t head_check = writer.head_check;
    snapshot_file_writer_fini(&writer);
    const uint8_t chunks = fuzz_u8(input);
    const uint64_t content = fuzz_u16(input);
    const uint64_t digest = fuzz_u64(input);
    uint64_t check = head_check;
    while (input->left > 0)
        check = put_chunk(fd, input, check);
    writer_init(&bytes, end, sizeof end);
    put_u32(&bytes, chunks);
    put_u32(&bytes, 0);
    put_u64(&bytes, content);
    put_u64(&bytes, digest);
    put_u64(&bytes, hash_chain(head_check, end, 24));
    put_bytes(&bytes, "CairnEnd", 8);
    put(fd, end, sizeof end);
}

static void make_by_our_writer(int fd, struct fuzz_input *input)
{
    struct snapshot_file_writer writer;
    struct snapshot_sum sum;
    size_t bytes = 0;
    CHECK(snapshot_file_writer_init(&writer, fd, &id) == STATUS_OK);
    do {
        uint8_t *data = fuzz_bytes(input, (size_t)fuzz_u8(input) + 1, &bytes);
        CHECK(snapshot_file_writer_chunk(&writer, bytes > 0 ? data : (const uint8_t *)"x",
                                         bytes > 0 ? (uint32_t)bytes : 1) == STATUS_OK);
        free(data);
    } while (input->left > 0);
    CHECK(snapshot_file_writer_end(&writer, &sum) == STATUS_OK);
    CHECK(sum.file_bytes == (uint64_t)lseek(fd, 0, SEEK_END));
    snapshot_file_writer_fini(&writer);
}

/* True: it was read to its end. */
static bool read_it(int fd)
{
    struct snapshot_file_reader reader;
    enum status status = snapshot_file_reader_init(&reader, fd, &id);
    uint64_t content = 0;
    uint64_t digest = 0;
    while (status == STATUS_OK && reader.chunk < reader.sum.chunks) {
        const uint8_t *data = NULL;
        uint32_t bytes = 0;
        status = snapshot_file_reader_next(&reader, &data, &bytes);
        if (status != STATUS_OK)
            break;
        CHECK(bytes > 0);
        CHECK(bytes <= SNAPSHOT_CHUNK_BYTES_MAX);
        content += bytes;
        digest = hash_chain(digest, data, bytes);
    }
    if (status == STATUS_OK) {
        CHECK(content == reader.sum.content_bytes);
        CHECK(digest == reader.sum.digest);
    } else {
        CHECK(status == STATUS_CORRUPT);
        CHECK(reader.fault != NULL);
    }
    snapshot_file_reader_fini(&reader);
    return status == STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    const int fd = memfd_create("snapshot", MFD_CLOEXEC);
    CHECK(fd >= 0);
    const enum making making = (enum making)(fuzz_u8(&input) % MAKINGS);
    if (making == MADE_AS_IT_IS)
        put(fd, input.data, input.left);
    else if (making == MADE_WITH_RIGHT_SUMS)
        make_with_right_sums(fd, &input);
    else
        make_by_our_writer(fd, &input);
    const bool read = read_it(fd);
    CHECK(read || making != MADE_BY_OUR_WRITER);
    CHECK(close(fd) == 0);
    return 0;
}
