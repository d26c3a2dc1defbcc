#include "proto/frame_lz4.h"

#include <stdbool.h>
#include <stdint.h>

#include <lz4frame.h>

#include "cluster/base/check.h"

/* Reads the frame's head; *ret_used is its length. */
static enum status read_head(LZ4F_dctx *context, size_t capacity, const void *frame, size_t bytes,
                             size_t *ret_used)
{
    LZ4F_frameInfo_t info = LZ4F_INIT_FRAMEINFO;
    size_t used = bytes;
    if (LZ4F_isError(LZ4F_getFrameInfo(context, &info, frame, &used)) != 0)
        return STATUS_INVALID;
    if (info.frameType != LZ4F_frame || info.dictID != 0)
        return STATUS_INVALID;
    if (info.contentSize > capacity)
        return STATUS_TOO_LARGE;
    *ret_used = used;
    return STATUS_OK;
}

struct output {
    uint8_t *data;
    size_t capacity, used;
};

/* When the buffer is full, a frame that fits has only its end mark left: one byte more is too many.
 */
static enum status decode_rest(LZ4F_dctx *context, struct output *output, const uint8_t *frame,
                               size_t bytes)
{
    size_t used = 0;
    size_t hint = 1;
    while (hint != 0) {
        uint8_t excess = 0;
        const bool full = output->used == output->capacity;
        size_t made = full ? 1 : output->capacity - output->used;
        size_t taken = bytes - used;
        hint = LZ4F_decompress(context, full ? &excess : output->data + output->used, &made,
                               frame + used, &taken, NULL);
        if (LZ4F_isError(hint) != 0)
            return STATUS_INVALID;
        if (full && made > 0)
            return STATUS_TOO_LARGE;
        if (hint != 0 && made == 0 && taken == 0)
            return STATUS_INVALID;
        used += taken;
        output->used += made;
    }
    return used == bytes ? STATUS_OK : STATUS_INVALID;
}

enum status frame_lz4_decode(void *data, size_t capacity, const void *frame, size_t bytes,
                             size_t *ret_bytes)
{
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0)
        return STATUS_NO_MEMORY;
    struct output output = {.data = data, .capacity = capacity};
    size_t head = 0;
    enum status status = read_head(context, capacity, frame, bytes, &head);
    if (status == STATUS_OK)
        status = decode_rest(context, &output, (const uint8_t *)frame + head, bytes - head);
    (void)LZ4F_freeDecompressionContext(context);
    if (status == STATUS_OK)
        *ret_bytes = output.used;
    return status;
}

static LZ4F_preferences_t preferences(size_t bytes)
{
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    preferences.frameInfo.contentSize = bytes;
    preferences.frameInfo.blockMode = LZ4F_blockIndependent;
    return preferences;
}

size_t frame_lz4_bytes_max(size_t bytes)
{
    const LZ4F_preferences_t wanted = preferences(bytes);
    return LZ4F_compressFrameBound(bytes, &wanted);
}

size_t frame_lz4_encode(void *frame, size_t capacity, const void *data, size_t bytes)
{
    const LZ4F_preferences_t wanted = preferences(bytes);
    CHECK(capacity >= frame_lz4_bytes_max(bytes));
    const size_t used = LZ4F_compressFrame(frame, capacity, data, bytes, &wanted);
    return LZ4F_isError(used) != 0 ? 0 : used;
}
