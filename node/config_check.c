#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cluster/base/ids.h"
#include "node/address.h"
#include "node/config_parts.h"

#define FIELD(section, key) config_find(#section, #key)

#define ORIGIN_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789-.:[]_"

static enum status check_node(const struct config_making *making)
{
    const struct config *config = making->config;
    struct name name;
    const size_t name_length = strlen(config->node.name);
    if (name_length == 0)
        return config_fail(making, FIELD(node, name), -1, "must be given");
    if (name_set(&name, config->node.name, name_length) != STATUS_OK)
        return config_fail(making, FIELD(node, name), -1,
                           "must be 1 to %d of a-z 0-9 -, is '%.80s'", NAME_LENGTH_MAX,
                           config->node.name);
    if (config->node.data[0] == '\0')
        return config_fail(making, FIELD(node, data), -1, "must be given");
    return STATUS_OK;
}

/* A file that is named must be there and readable now, not at the first request that needs it. */
static enum status check_file(const struct config_making *making, size_t field, long item,
                              const char *path)
{
    if (access(path, R_OK) != 0)
        return config_fail(making, field, item, "'%.80s': %s", path, strerror(errno));
    return STATUS_OK;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* As a browser writes it: without a path, in lower case, without the port that the scheme has
 * anyway. Compared as a text, any other would never match. */
static bool is_origin(const char *text)
{
    const size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+.-");
    if (scheme == 0 || strncmp(text + scheme, "://", 3) != 0)
        return false;
    const char *host = text + scheme + 3;
    const char *port = strncmp(text, "https:", 6) == 0 ? ":443" : ":80";
    return host[0] != '\0' && host[strspn(host, ORIGIN_LETTERS)] == '\0' && !ends_with(host, port);
}

static enum status check_origins(const struct config_making *making)
{
    const struct config_list *cors = &making->config->http.cors;
    for (uint32_t i = 0; i < cors->count; i++) {
        if (strcmp(cors->items[i], "*") != 0 && !is_origin(cors->items[i]))
            return config_fail(making, FIELD(http, cors), (long)i,
                               "must be origins like https://play.example or "
                               "http://localhost:3000, or '*'; one is '%.80s'",
                               cors->items[i]);
    }
    return STATUS_OK;
}

static enum status check_http(const struct config_making *making)
{
    const struct config *config = making->config;
    struct address address;
    if (address_parse(&address, config->http.listen) != STATUS_OK || !address.numeric)
        return config_fail(making, FIELD(http, listen), -1,
                           "must be like 127.0.0.1:7801 or [::1]:7801, is '%.80s'",
                           config->http.listen);
    if (config->http.threads > 0)
        return config_fail(making, FIELD(http, threads), -1,
                           "threads of its own are not supported by this version; must be 0");
    const enum status status = check_origins(making);
    if (status == STATUS_OK && config->http.admin_token_file[0] != '\0')
        return check_file(making, FIELD(http, admin_token_file), -1, config->http.admin_token_file);
    return status;
}

static enum status check_peer(const struct config_making *making)
{
    const struct config *config = making->config;
    const size_t keys = FIELD(peer, keys);
    struct address address;
    struct address advertised;
    if (address_parse_peer(&address, config->peer.listen) != STATUS_OK || !address.numeric)
        return config_fail(making, FIELD(peer, listen), -1,
                           "must be like tcp://127.0.0.1:7901, is '%.80s'", config->peer.listen);
    if (!address.loopback && config->peer.keys.count == 0)
        return config_fail(making, FIELD(peer, listen), -1,
                           "others than this machine can reach '%.80s': peer.keys must name a key "
                           "file",
                           config->peer.listen);
    if (config->peer.advertise[0] != '\0' &&
        (address_parse_peer(&advertised, config->peer.advertise) != STATUS_OK ||
         advertised.port == 0))
        return config_fail(making, FIELD(peer, advertise), -1,
                           "must be like tcp://10.0.0.1:7901, is '%.80s'", config->peer.advertise);
    for (uint32_t i = 0; i < config->peer.keys.count; i++) {
        const enum status status = check_file(making, keys, (long)i, config->peer.keys.items[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status check_cluster(const struct config_making *making)
{
    const struct config *config = making->config;
    const size_t join = FIELD(cluster, join);
    for (uint32_t i = 0; i < config->cluster.join.count; i++) {
        const char *text = config->cluster.join.items[i];
        struct address address;
        if (address_parse_peer(&address, text) != STATUS_OK || address.port == 0)
            return config_fail(making, join, (long)i,
                               "must be addresses like tcp://127.0.0.1:7901, one is '%.80s'", text);
    }
    if (config->cluster.replicas % 2 == 0)
        return config_fail(making, FIELD(cluster, replicas), -1, "must be odd, is %u",
                           config->cluster.replicas);
    return STATUS_OK;
}

enum status config_check(const struct config_making *making)
{
    enum status status = check_node(making);
    if (status == STATUS_OK)
        status = check_http(making);
    if (status == STATUS_OK)
        status = check_peer(making);
    if (status == STATUS_OK)
        status = check_cluster(making);
    return status;
}
