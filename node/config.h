/* node/config.h -- The node's configuration: a YAML file, `--set section.key=value` on top of it,
 * and defaults below it. What the keys mean is in the contract (README). */
#ifndef CAIRN_NODE_CONFIG_H
#define CAIRN_NODE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cluster/base/status.h"
#include "node/log.h"

#define CONFIG_FILE_BYTES_MAX (UINT32_C(1) << 20)
#define CONFIG_LIST_MAX       64 /* members of a list */

struct config_list {
    char **items; /* zero terminated texts */
    uint32_t count;
};

/* Everything is set once it is loaded; texts may be empty, never NULL. */
struct config {
    struct {
        char *name, *data, *zone;
    } node;
    struct {
        char *listen; /* "127.0.0.1:7801", numeric */
        uint32_t threads;
        char *admin_token_file;
        struct config_list cors;
    } http;
    struct {
        char *listen; /* "tcp://127.0.0.1:7901", numeric */
        char *advertise;
        struct config_list keys;
    } peer;
    struct {
        struct config_list join;
        bool found;
        uint32_t ranges, replicas, epoch_ms, replace_after_ms, players_max;
    } cluster;
    struct {
        uint32_t body_bytes, header_bytes, request_ms, connections, waiting_actions;
    } limits;
    struct {
        uint32_t snapshot_bytes, reserve_bytes;
    } disk;
    struct {
        enum log_level level;
        enum log_format format;
    } log;
};

/* One sentence that names the place: "n1.yaml:4:12: cluster.ranges: ...". */
struct config_fault {
    char text[512];
};

/* Reads `path`, then applies `settings` ("section.key=value", in order), then checks everything.
 * STATUS_INVALID: the first fault is in *fault. STATUS_IO: the file cannot be read (told in *fault,
 * too). STATUS_NO_MEMORY. */
MUST_USE enum status config_load(struct config *ret_config, const char *path,
                                 const char *const *settings, size_t settings_count,
                                 struct config_fault *fault);

/* The same for a text in memory; `name` stands for the path in messages. */
struct config_source {
    const char *name;
    const char *text;
    size_t bytes;
    const char *const *settings;
    size_t settings_count;
};
MUST_USE enum status config_parse(struct config *ret_config, const struct config_source *source,
                                  struct config_fault *fault);

/* Accepts a zeroed one. */
void config_fini(struct config *config);

/* Writes YAML that loads to the same configuration. */
void config_print(const struct config *config, FILE *out);

#endif
