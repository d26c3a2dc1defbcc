/* node/gzip.h -- A body as a gzip member (RFC 1952), by zlib. Any thread. */
#ifndef CAIRN_NODE_GZIP_H
#define CAIRN_NODE_GZIP_H

#include <stddef.h>

#include "cluster/base/status.h"

/* The caller frees *ret_data. Fast rather than small: what is asked for once is compressed on the
 * thread that judges claims. STATUS_NO_MEMORY. */
MUST_USE enum status gzip_encode(void **ret_data, size_t *ret_bytes, const void *data,
                                 size_t bytes);

#endif
