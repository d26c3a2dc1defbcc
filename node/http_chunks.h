/* node/http_chunks.h -- The chunked transfer coding (RFC 9112 7.1), decoded strictly.
 *
 * Every line ends with CR LF and nothing else; sizes are hexadecimal digits without white space;
 * extensions and trailers are dropped, and bounded, since they are bytes that no limit on the body
 * counts. */
#ifndef CAIRN_NODE_HTTP_CHUNKS_H
#define CAIRN_NODE_HTTP_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* Of one body, altogether. */
#define HTTP_EXTENSION_BYTES_MAX 4096
#define HTTP_TRAILER_BYTES_MAX   8192

/* All zero at the start of a body. */
struct http_chunks {
    int state;
    uint32_t digits;
    uint32_t extension_bytes;
    uint32_t trailer_bytes;
    uint64_t left; /* of the present chunk, from the moment its size line is read */
};

struct http_span {
    const char *data;
    size_t bytes;
};

/* Takes bytes off the front of *input and stops after the first run of body bytes or after a size
 * line, so that `left` can be held against a limit. *ret_body: those bytes, none or more, inside
 * the input.
 * STATUS_OK: the body is complete. STATUS_TRUNCATED: go on, with more input when it is used up.
 * STATUS_INVALID: malformed. STATUS_TOO_LARGE: too much beside the body. */
MUST_USE enum status http_chunks_take(struct http_chunks *chunks, struct http_span *input,
                                      struct http_span *ret_body);

#endif
