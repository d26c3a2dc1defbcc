#include "node/gzip.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include <zlib.h>

#include "cluster/base/check.h"

/* A board of a thousand players (104 KB) takes 0.9 ms to become 41 KB; with level 6 it would take
 * 2.4 ms to become 37 KB. */
#define LEVEL 1
/* zlib's largest window, and 16 for gzip's own head and checksum. */
#define WINDOW_BITS (15 + 16)
#define MEMORY      8

/* All in one call: the room is enough for the worst case. */
static enum status deflate_all(z_stream *stream, void **ret_data, size_t *ret_bytes)
{
    const uLong bound = deflateBound(stream, stream->avail_in);
    unsigned char *data = malloc(bound);
    if (data == NULL)
        return STATUS_NO_MEMORY;
    stream->next_out = data;
    stream->avail_out = (uInt)bound;
    const int done = deflate(stream, Z_FINISH);
    CHECK(done == Z_STREAM_END);
    *ret_data = data;
    *ret_bytes = stream->total_out;
    return STATUS_OK;
}

enum status gzip_encode(void **ret_data, size_t *ret_bytes, const void *data, size_t bytes)
{
    CHECK(data != NULL);
    CHECK(bytes < INT_MAX / 2);
    /* zlib's interface knows no const, but it only reads. */
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)data, .avail_in = (uInt)bytes};
    if (deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return STATUS_NO_MEMORY;
    const enum status status = deflate_all(&stream, ret_data, ret_bytes);
    (void)deflateEnd(&stream);
    return status;
}
