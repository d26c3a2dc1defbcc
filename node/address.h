/* node/address.h -- Addresses as they stand in a configuration: "127.0.0.1:7801", "[::1]:7801",
 * "name.example:7901", and those of peers with "tcp://" before. Any thread. */
#ifndef CAIRN_NODE_ADDRESS_H
#define CAIRN_NODE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/base/status.h"

#define ADDRESS_HOST_BYTES 254 /* the longest name of RFC 1035, and a zero */

struct address {
    char host[ADDRESS_HOST_BYTES]; /* without brackets */
    uint16_t port;
    bool numeric;  /* an IPv4 or IPv6 address, not a name */
    bool loopback; /* only this machine can reach it */
};

/* STATUS_INVALID: no address; a port of up to 65535 is needed. */
MUST_USE enum status address_parse(struct address *ret_address, const char *text);

/* The same behind "tcp://". */
MUST_USE enum status address_parse_peer(struct address *ret_address, const char *text);

#endif
