/* LZ4 frames: two bytes of room for what comes out, then a frame; and the same bytes as what goes
 * in. */
#include "proto/frame_lz4.h"
#include "tests/fuzz/fuzz.h"

/* Blocks have just the size that they are said to have, so that a sanitizer sees a byte too many.
 */
static uint8_t *block(size_t bytes)
{
    uint8_t *data = malloc(bytes > 0 ? bytes : 1);
    CHECK(data != NULL);
    return data;
}

static void check_round_trip(const uint8_t *data, size_t bytes)
{
    const size_t capacity = frame_lz4_bytes_max(bytes);
    uint8_t *frame = block(capacity);
    uint8_t *decoded = block(bytes);
    size_t decoded_bytes = 0;
    const size_t used = frame_lz4_encode(frame, capacity, data, bytes);
    CHECK(used > 0);
    CHECK(used <= capacity);
    CHECK(frame_lz4_decode(decoded, bytes, frame, used, &decoded_bytes) == STATUS_OK);
    CHECK(decoded_bytes == bytes);
    CHECK(bytes == 0 || memcmp(decoded, data, bytes) == 0);
    if (bytes > 0)
        CHECK(frame_lz4_decode(decoded, bytes - 1, frame, used, &decoded_bytes) ==
              STATUS_TOO_LARGE);
    CHECK(frame_lz4_decode(decoded, bytes, frame, used - 1, &decoded_bytes) == STATUS_INVALID);
    free(decoded);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t bytes;
    size_t decoded_bytes = SIZE_MAX;
    const size_t capacity = fuzz_u16(&input);
    uint8_t *frame = fuzz_bytes(&input, SIZE_MAX, &bytes);
    uint8_t *decoded = block(capacity);
    const enum status status = frame_lz4_decode(decoded, capacity, frame, bytes, &decoded_bytes);
    if (status == STATUS_OK) {
        CHECK(decoded_bytes <= capacity);
        check_round_trip(decoded, decoded_bytes);
    } else {
        CHECK(status == STATUS_INVALID || status == STATUS_TOO_LARGE);
        CHECK(decoded_bytes == SIZE_MAX);
    }
    free(decoded);
    check_round_trip(frame, bytes);
    free(frame);
    return 0;
}
