/* What concerns one hunt. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "node/ctl/commands.h"
#include "node/ctl/print.h"
#include "node/hunt_file.h"
#include "node/hunt_file_tree.h"

/* List. */

static void show_hunts(const json_t *object)
{
    static const char *const heads[] = {"HUNT",       ">VERSION", ">ACTIVE FROM EPOCH",
                                        ">TREASURES", "TITLE",    NULL};
    static const char *const keys[] = {"hunt", "version", "active_from_epoch", "treasures",
                                       "title"};
    const json_t *hunts = json_object_get(object, "hunts");
    struct sheet sheet;
    if (json_array_size(hunts) == 0) {
        (void)puts("there are no hunts: cairnctl hunts put FILE");
        return;
    }
    sheet_init(&sheet, heads);
    for (size_t i = 0; i < json_array_size(hunts); i++) {
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++)
            sheet_member(&sheet, json_array_get(hunts, i), keys[j]);
    }
    sheet_print(&sheet);
}

int ctl_hunts(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    (void)arguments;
    struct ctl_answer answer = ctl_get(ctl, "/v1/hunts");
    return ctl_finish(ctl, &answer, show_hunts);
}

/* Get: the same for people and programs, only not on one line, so that it can be edited and put. */

static void show_hunt(const json_t *hunt)
{
    (void)json_dumpf(hunt, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    (void)fputc('\n', stdout);
}

int ctl_get_hunt(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    struct ctl_answer answer =
        ctl_get_at(ctl, "/v1/hunts/{}", (const char *const[]){arguments->words[0], NULL});
    return ctl_finish(ctl, &answer, show_hunt);
}

/* Put. */

struct file {
    const char *path;
    char *text;
    size_t bytes;
};

/* One byte more than the limit is read, so that the server or the checker can say that it is too
 * long. */
static bool read_file(struct file *ret_file, const char *path)
{
    const size_t room = (size_t)HUNT_FILE_BYTES_MAX + 1;
    FILE *stream = fopen(path, "re");
    if (stream == NULL)
        return false;
    char *text = malloc(room);
    const size_t bytes = text != NULL ? fread(text, 1, room, stream) : 0;
    const bool failed = text == NULL || ferror(stream) != 0;
    const int error = errno;
    (void)fclose(stream);
    errno = error;
    if (failed) {
        free(text);
        return false;
    }
    *ret_file = (struct file){path, text, bytes};
    return true;
}

static enum hunt_file_format format_of(const struct file *file)
{
    const size_t length = strlen(file->path);
    const bool json = length > 5 && strcmp(file->path + length - 5, ".json") == 0;
    return json ? HUNT_FILE_JSON : HUNT_FILE_YAML;
}

/* The id that the file is of; everything else about it is the server's to judge. */
static bool find_id(struct name *ret_id, const struct file *file)
{
    struct tree_fault fault;
    struct tree *tree = tree_new();
    if (tree == NULL)
        return false;
    const enum status status = format_of(file) == HUNT_FILE_JSON
                                   ? tree_read_json(tree, file->text, file->bytes, &fault)
                                   : tree_read_yaml(tree, file->text, file->bytes, &fault);
    const struct node *hunt =
        status == STATUS_OK && tree->root != NULL ? node_member(tree->root, "hunt") : NULL;
    const bool found = hunt != NULL && hunt->text != NULL &&
                       name_set(ret_id, hunt->text, strlen(hunt->text)) == STATUS_OK;
    tree_free(tree);
    return found;
}

/* Without an id there is nobody to ask: the same checker that the server has says what is wrong. */
static struct ctl_answer check_here(const struct file *file)
{
    const struct hunt_file hunt_file = {
        .text = file->text, .size = file->bytes, .format = format_of(file)};
    struct hunt_faults faults = {0};
    struct definition *definition = NULL;
    if (hunt_file_read(&definition, &hunt_file, &faults) == STATUS_TOO_LARGE)
        hunt_fault(&faults, 0, "", "a hunt file has at most %u bytes", HUNT_FILE_BYTES_MAX);
    struct ctl_answer answer = ctl_problem("the file names no hunt, so it was not sent");
    json_t *errors = json_array();
    for (uint32_t i = 0; i < faults.listed; i++) {
        const struct hunt_fault *fault = &faults.list[i];
        json_t *error = json_pack("{s:s, s:s}", "field", fault->field, "detail", fault->detail);
        if (fault->line > 0)
            (void)json_object_set_new(error, "line", json_integer(fault->line));
        (void)json_array_append_new(errors, error);
    }
    (void)json_object_set_new(answer.json, "errors", errors);
    hunt_faults_fini(&faults);
    definition_free(definition);
    return answer;
}

static void show_put(const json_t *object, bool dry_run)
{
    print_clean(stdout, print_text(object, "hunt"));
    if (dry_run) {
        (void)puts(": nothing is wrong with it; it was not put");
        return;
    }
    (void)printf(": version %lld, active from epoch ",
                 (long long)json_integer_value(json_object_get(object, "version")));
    print_clean(stdout, print_text(object, "active_from_epoch"));
    (void)fputc('\n', stdout);
}

static struct ctl_answer put(struct ctl *ctl, const struct file *file, bool dry_run)
{
    struct name id;
    char target[CTL_TARGET_BYTES];
    if (!find_id(&id, file))
        return check_here(file);
    CHECK(ctl_target(target, dry_run ? "/v1/hunts/{}?dry_run=true" : "/v1/hunts/{}",
                     (const char *const[]){id.text, NULL}));
    return ctl_ask(ctl, &(struct ctl_question){
                            .method = "PUT",
                            .target = target,
                            .content_type = format_of(file) == HUNT_FILE_JSON ? "application/json"
                                                                              : "application/yaml",
                            .body = file->text,
                            .body_bytes = file->bytes,
                        });
}

int ctl_put_hunt(struct ctl *ctl, const struct ctl_arguments *arguments)
{
    const char *path = arguments->words[0];
    struct file file;
    struct ctl_answer answer;
    if (read_file(&file, path)) {
        answer = put(ctl, &file, arguments->dry_run);
        free(file.text);
    } else {
        char detail[512];
        (void)snprintf(detail, sizeof detail, "%.400s: %s", path, strerror(errno));
        answer = ctl_problem(detail);
    }
    const int code = answer.ok ? 0 : 1;
    if (!answer.ok)
        ctl_complain(ctl, &answer, path);
    else if (ctl->json)
        print_json(answer.json);
    else
        show_put(answer.json, arguments->dry_run);
    json_decref(answer.json);
    return code;
}
