/* node/hunt_file_scalar.h -- Numbers, degrees and times as hunt files write them; how strictly is
 * said in hunt_file.h. Pure. */
#ifndef CAIRN_NODE_HUNT_FILE_SCALAR_H
#define CAIRN_NODE_HUNT_FILE_SCALAR_H

#include <stdint.h>

#include "cluster/base/status.h"

/* A whole decimal number. STATUS_INVALID: it is none; STATUS_TOO_LARGE: more than 18 digits. */
MUST_USE enum status scalar_whole(const char *text, int64_t *ret_value);

/* Degrees in 1e-7 degrees. STATUS_INVALID: no decimal number; STATUS_TOO_LARGE: beyond `limit`
 * (in 1e-7 degrees) on either side, by whatever little. */
MUST_USE enum status scalar_degrees(const char *text, int32_t limit, int32_t *ret_value);

/* An RFC 3339 time in ms since 1970 UTC. STATUS_INVALID: it is none, or finer than milliseconds;
 * STATUS_TOO_LARGE: outside the years 1970 to 9999 UTC. */
MUST_USE enum status scalar_time(const char *text, int64_t *ret_time_ms);

/* Room for "9999-12-31T23:59:59.999Z" and its zero. */
#define SCALAR_TIME_BYTES 32

/* Writes a time of those years, in UTC, with milliseconds only where there are some. */
void scalar_format_time(char text[SCALAR_TIME_BYTES], int64_t time_ms);

#endif
