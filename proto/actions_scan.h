/* proto/actions_scan.h -- The look at a HuntRequest before it is unpacked.
 *
 * The unpacker keeps unknown fields, lets a later field replace an earlier one, cuts numbers to
 * their width and texts at a zero, and takes memory for whatever is there. So the wire form is
 * walked first, without any memory: after it there are no more actions than a request may have, no
 * field is unknown, twice there or of another type, and texts are UTF-8. Pure. */
#ifndef CAIRN_PROTO_ACTIONS_SCAN_H
#define CAIRN_PROTO_ACTIONS_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/request.h"

/* False: refused. `names_hunt`: the field `hunt` must be there, else it must not. */
bool actions_scan(struct request_reading *reading, const void *body, size_t bytes, bool names_hunt);

#endif
