/* GET /v1/openapi.yaml: what this file's neighbours do, for programs. */
#include "cluster/base/hash.h"
#include "node/description.h"
#include "node/routes_internal.h"

void routes_get_description(const struct call *call)
{
    routes_reply_body(call->request,
                      &(struct routes_body){.type = "application/yaml",
                                            .cache_control = ROUTES_CACHE_CHECKED,
                                            .data = description,
                                            .bytes = description_bytes,
                                            .tagged = true,
                                            .digest = hash_bytes(description, description_bytes),
                                            .gzip = call->routes->description_gzip,
                                            .gzip_bytes = call->routes->description_gzip_bytes});
}
