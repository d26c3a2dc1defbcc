/* Hunts: putting a new version, and reading them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/check.h"
#include "node/hunt_file.h"
#include "node/hunt_json.h"
#include "node/routes_internal.h"

/* Of a definition that can be read; with that many, the rest is only counted. */
#define CHECKED_FAULTS_MAX 200

/* Adds one member of `errors`; what does not apply is left out. */
static bool append_fault(json_t *errors, const struct hunt_fault *fault)
{
    json_t *error = json_object();
    bool ok = error != NULL;
    if (fault->line > 0)
        ok = ok && json_object_set_new(error, "line", json_integer(fault->line)) == 0;
    if (fault->field[0] != '\0')
        ok = ok && json_object_set_new(error, "field", json_string(fault->field)) == 0;
    ok = ok && json_object_set_new(error, "detail", json_string(fault->detail)) == 0;
    if (ok)
        return json_array_append_new(errors, error) == 0;
    json_decref(error);
    return false;
}

/* {"errors": [...]}; NULL: no memory. */
static json_t *faults_json(const struct hunt_faults *faults)
{
    json_t *errors = json_array();
    bool ok = errors != NULL;
    for (uint32_t i = 0; ok && i < faults->listed; i++)
        ok = append_fault(errors, &faults->list[i]);
    if (!ok) {
        json_decref(errors);
        return NULL;
    }
    return json_pack("{s:o}", "errors", errors);
}

static void refuse_faults(struct http_request *request, const struct hunt_faults *faults)
{
    char detail[64];
    json_t *members = faults_json(faults);
    (void)snprintf(detail, sizeof detail, "the hunt has %u fault%s", faults->count,
                   faults->count == 1 ? "" : "s");
    http_reply_problem(
        request, &(struct http_problem){
                     .status = 422, .code = "invalid_hunt", .detail = detail, .members = members});
    json_decref(members);
}

/* Whether this cluster could take the definition now; false, with faults: it could not. */
static bool check_definition(const struct call *call, const struct hunt_file *file,
                             const struct definition *definition, struct hunt_faults *faults)
{
    const struct system_state *system = cluster_system(node_cluster(call->routes->node));
    struct definition_fault list[CHECKED_FAULTS_MAX];
    struct definition_faults found = {.list = list, .capacity = CHECKED_FAULTS_MAX};
    system_state_check(system, definition, &found);
    if (system_state_find_hunt(system, definition->hunt.text) == NULL &&
        system_state_hunts(system) >= HUNTS_MAX)
        definition_fault(&found, "hunt", "the cluster has %d hunts already, and can have no more",
                         HUNTS_MAX);
    hunt_file_add(file, &found, faults);
    return found.count == 0;
}

static void refuse_missing(struct http_request *request, const struct effect *defined)
{
    json_t *ranges = json_array();
    for (uint32_t i = 0; i < defined->defined.missing_count; i++)
        (void)json_array_append_new(ranges, json_integer(defined->defined.missing[i]));
    json_t *members = ranges != NULL ? json_pack("{s:o}", "missing_ranges", ranges) : NULL;
    http_reply_problem(request,
                       &(struct http_problem){
                           .status = 503,
                           .code = "ranges_unavailable",
                           .detail = "not all ranges could take the new version; it was cancelled",
                           .members = members});
    json_decref(members);
}

static void refuse_define(struct http_request *request, const struct effect *defined)
{
    switch (defined->defined.status) {
    case STATUS_CONFLICT:
        routes_refuse(request, 409, "conflict", NULL, "another version of it is being decided on");
        return;
    case STATUS_NOT_FOUND:
        refuse_missing(request, defined);
        return;
    case STATUS_FULL:
        routes_refuse(request, 422, "full", NULL,
                      "the cluster has no room for another hunt, or the hunt for another treasure");
        return;
    case STATUS_INVALID:
        routes_refuse(request, 422, "invalid_hunt", NULL,
                      "another version came first, and this one may not follow it");
        return;
    case STATUS_TOO_LARGE:
        routes_refuse(request, 422, "too_large", NULL, "the hunt is too large to be replicated");
        return;
    default:
        routes_refuse_leaderless(request);
    }
}

static void reply_defined(const struct waiting *waiting, const struct effect *defined)
{
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "hunt");
    json_text_string(&text, waiting->name.text);
    json_text_key(&text, "version");
    json_text_number(&text, defined->defined.version);
    json_text_key(&text, "active_from_epoch");
    json_text_quoted(&text, defined->defined.active_from_epoch);
    json_text_object_end(&text);
    routes_reply(waiting->request, &text);
}

static void decided(void *context, const struct effect *defined)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL && defined->defined.status == STATUS_OK)
        reply_defined(waiting, defined);
    else if (waiting->request != NULL)
        refuse_define(waiting->request, defined);
    free(waiting);
}

static void reply_checked(const struct call *call, const struct name *hunt)
{
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "hunt");
    json_text_string(&text, hunt->text);
    json_text_key(&text, "dry_run");
    json_text_bool(&text, true);
    json_text_object_end(&text);
    routes_reply(call->request, &text);
}

static void define(const struct call *call, const struct definition *definition)
{
    struct waiting *waiting = routes_wait(call);
    if (waiting == NULL)
        return;
    waiting->name = definition->hunt;
    node_define(call->routes->node, definition, decided, waiting);
}

/* A file that is, or was, read. */
struct hunt_reading {
    struct reading reading; /* the first member */
    bool dry_run;
    struct name name;
    struct hunt_file file;
    enum status status; /* of the reading */
    struct hunt_faults faults;
    struct definition *definition;
};

static void read_file(struct reading *reading)
{
    struct hunt_reading *hunt = (struct hunt_reading *)reading;
    hunt->status = hunt_file_read(&hunt->definition, &hunt->file, &hunt->faults);
}

static void take_file(const struct call *call, struct reading *reading)
{
    struct hunt_reading *hunt = (struct hunt_reading *)reading;
    if (hunt->status == STATUS_NO_MEMORY)
        routes_refuse_memory(call->request);
    else if (hunt->status == STATUS_TOO_LARGE)
        routes_refuse(call->request, 422, "too_large", NULL, "a hunt file has at most 1 MiB");
    else if (hunt->status != STATUS_OK ||
             !check_definition(call, &hunt->file, hunt->definition, &hunt->faults))
        refuse_faults(call->request, &hunt->faults);
    else if (hunt->dry_run)
        reply_checked(call, &hunt->definition->hunt);
    else if (routes_admit_growth(call))
        define(call, hunt->definition);
}

static void free_file(struct reading *reading)
{
    struct hunt_reading *hunt = (struct hunt_reading *)reading;
    hunt_faults_fini(&hunt->faults);
    definition_free(hunt->definition);
    free(hunt);
}

/* Reads the file here, or has it read. */
static void open_file(const struct call *call, const struct hunt_reading *how)
{
    struct hunt_reading *hunt = calloc(1, sizeof *hunt);
    if (hunt == NULL) {
        routes_refuse_memory(call->request);
        return;
    }
    *hunt = *how;
    hunt->file.hunt = &hunt->name;
    hunt->reading = (struct reading){.read = read_file, .take = take_file, .free = free_file};
    if (hunt->file.size > ROUTES_LARGE_BYTES) {
        routes_read_aside(call, &hunt->reading);
        return;
    }
    read_file(&hunt->reading);
    take_file(call, &hunt->reading);
    free_file(&hunt->reading);
}

/* The format of the body; false, and refused: it is of another type. */
static bool take_format(const struct call *call, enum hunt_file_format *ret_format)
{
    if (http_request_is_type(call->request, "application/yaml")) {
        *ret_format = HUNT_FILE_YAML;
        return true;
    }
    if (http_request_is_type(call->request, "application/json")) {
        *ret_format = HUNT_FILE_JSON;
        return true;
    }
    routes_refuse(call->request, 415, "unsupported_type", NULL,
                  "a hunt comes as application/yaml or application/json");
    return false;
}

void routes_put_hunt(const struct call *call)
{
    struct hunt_reading how = {.file = {.text = http_request_body(call->request),
                                        .size = http_request_body_bytes(call->request)}};
    if (routes_admit_admin(call) && routes_hunt_name(call, &how.name) &&
        routes_flag_parameter(call, "dry_run", &how.dry_run) &&
        take_format(call, &how.file.format) && routes_body_is_plain(call) &&
        routes_settings(call) != NULL &&
        (how.dry_run || !routes_pass_on(call, routes_system_node(call))))
        open_file(call, &how);
}

/* The version asked for, or else the newest that is or will be active; NULL, and refused: it is
 * not there. Versions that never came to be active are not shown. */
static const struct hunt_version *find_version(const struct call *call, const struct hunt *hunt)
{
    const struct number_rule rule = {"version", 1, UINT32_MAX};
    uint64_t number = 0;
    bool given = false;
    if (!routes_number_parameter(call, &rule, &number, &given))
        return NULL;
    const struct hunt_version *version =
        given ? hunt_version(hunt, (uint32_t)number) : hunt_newest_active(hunt);
    if (version != NULL && version->state == VERSION_ACTIVE && version->definition != NULL)
        return version;
    if (given && hunt->version_count > 0 && number < hunt->versions[0].version)
        routes_refuse(call->request, 410, "version_gone", "version",
                      "this version is not kept any more");
    else
        routes_refuse(call->request, 404, "unknown_version", "version",
                      "the hunt has no such active version");
    return NULL;
}

static char *version_text(const struct hunt_version *version)
{
    char epoch[24];
    (void)snprintf(epoch, sizeof epoch, "%llu", (unsigned long long)version->active_from_epoch);
    json_t *object = hunt_json(version->definition);
    if (object == NULL)
        return NULL;
    char *text = NULL;
    if (json_object_set_new(object, "version", json_integer(version->version)) == 0 &&
        json_object_set_new(object, "active_from_epoch", json_string(epoch)) == 0)
        text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(HUNT_JSON_DIGITS));
    json_decref(object);
    return text;
}

void routes_get_hunt(const struct call *call)
{
    if (!routes_admit_admin(call))
        return;
    const struct hunt *hunt = routes_path_hunt(call);
    const struct hunt_version *version = hunt != NULL ? find_version(call, hunt) : NULL;
    if (version == NULL)
        return;
    char *data = version_text(version);
    if (data == NULL) {
        routes_refuse_memory(call->request);
        return;
    }
    struct json_text text = {.data = data, .used = strlen(data), .capacity = strlen(data)};
    routes_reply_cached(call->request, &text, "private, no-cache");
}

static void write_hunt(struct json_text *text, const struct hunt *hunt,
                       const struct hunt_version *version)
{
    json_text_object(text);
    json_text_key(text, "hunt");
    json_text_string(text, hunt->name.text);
    if (version->definition->title != NULL) {
        json_text_key(text, "title");
        json_text_string(text, version->definition->title);
    }
    json_text_key(text, "version");
    json_text_number(text, version->version);
    json_text_key(text, "active_from_epoch");
    json_text_quoted(text, version->active_from_epoch);
    json_text_key(text, "treasures");
    json_text_number(text, version->definition->treasure_count);
    json_text_object_end(text);
}

void routes_get_hunts(const struct call *call)
{
    const struct system_state *system = cluster_system(node_cluster(call->routes->node));
    if (routes_settings(call) == NULL)
        return;
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "hunts");
    json_text_array(&text);
    for (uint32_t i = 0; i < system_state_hunts(system); i++) {
        const struct hunt *hunt = system_state_hunt(system, i);
        const struct hunt_version *version = hunt_newest_active(hunt);
        if (version != NULL && version->definition != NULL)
            write_hunt(&text, hunt, version);
    }
    json_text_array_end(&text);
    json_text_object_end(&text);
    routes_reply_cached(call->request, &text, ROUTES_CACHE_CHECKED);
}
