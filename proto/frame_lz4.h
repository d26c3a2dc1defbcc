/* proto/frame_lz4.h -- Bodies as LZ4 frames (LZ4 Frame Format 1.6), each exactly one frame.
 *
 * LZ4 makes up to 255 bytes of one, so decoding writes into a buffer of the caller's and ends where
 * that does. Pure; any thread. */
#ifndef CAIRN_PROTO_FRAME_LZ4_H
#define CAIRN_PROTO_FRAME_LZ4_H

#include <stddef.h>

#include "cluster/base/status.h"

/* STATUS_TOO_LARGE: holds more than `capacity`; one that declares it is refused before anything is
 * decoded. STATUS_INVALID: no such frame, damaged or cut short, one that needs a dictionary, or
 * bytes after it. STATUS_NO_MEMORY. `data` is changed whatever comes out. */
MUST_USE enum status frame_lz4_decode(void *data, size_t capacity, const void *frame, size_t bytes,
                                      size_t *ret_bytes);

/* What frame_lz4_encode may write for so many bytes. */
size_t frame_lz4_bytes_max(size_t bytes);

/* The content's size is declared. The bytes written; 0: no memory. `capacity` is at least
 * frame_lz4_bytes_max(bytes). */
size_t frame_lz4_encode(void *frame, size_t capacity, const void *data, size_t bytes);

#endif
