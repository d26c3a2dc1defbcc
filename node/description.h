/* node/description.h -- The description of the public interface (OpenAPI 3.1): node/openapi.yaml,
 * byte for byte, as it was when this was built. */
#ifndef CAIRN_NODE_DESCRIPTION_H
#define CAIRN_NODE_DESCRIPTION_H

#include <stddef.h>

extern const unsigned char description[];
extern const size_t description_bytes;

#endif
