/* proto/gossip_scan.h -- The look at a Gossip before it is unpacked.
 *
 * The unpacker takes memory for whatever is there, so the wire form is walked first: after it there
 * are no more rumours and accusations than a message may have, no field is twice there or of
 * another type, texts are short enough and end where they say, and few fields are unknown. Pure. */
#ifndef CAIRN_PROTO_GOSSIP_SCAN_H
#define CAIRN_PROTO_GOSSIP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* False: refused. */
bool gossip_scan(const void *data, size_t bytes);

#endif
