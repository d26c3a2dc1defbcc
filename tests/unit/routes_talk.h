/* tests/unit/routes_talk.h -- Asking the routes, and reading what they say: shared by their tests.
 */
#ifndef CAIRN_TESTS_UNIT_ROUTES_TALK_H
#define CAIRN_TESTS_UNIT_ROUTES_TALK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tests/unit/routes_stage.h"

#define PLAYER "4be0643f-1d98-573b-97cd-ca98a65347dd"
#define OTHER  "0b7a2f6e-93e1-4f6e-9d8e-0c4f5a1b2c3d"

static struct reply_text reply; /* the last answer */

static inline void call(struct stage *stage, const char *method, const char *path)
{
    stage_call(stage, &(struct asking){.method = method, .path = path}, &reply);
}

static inline json_t *parsed(void)
{
    json_error_t error;
    json_t *root = json_loads(reply.body, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        print_error("%s: %s\n", error.text, reply.body);
    assert_non_null(root);
    return root;
}

static inline void assert_status(int status)
{
    if (reply.status != status)
        print_error("%s\n%s\n", reply.head, reply.body);
    assert_int_equal(reply.status, status);
}

/* The last answer is a problem with this status, code and field ("": no field). */
static inline void assert_problem(int status, const char *code, const char *field)
{
    assert_status(status);
    assert_non_null(strstr(reply.head, "application/problem+json"));
    json_t *root = parsed();
    assert_string_equal(json_string_value(json_object_get(root, "code")), code);
    const json_t *named = json_object_get(root, "field");
    assert_string_equal(named != NULL ? json_string_value(named) : "", field);
    json_decref(root);
}

static inline void assert_get_refused(struct stage *stage, const char *path, int status,
                                      const char *code, const char *field)
{
    call(stage, "GET", path);
    assert_problem(status, code, field);
}

static inline void get(struct stage *stage, const char *path)
{
    call(stage, "GET", path);
    assert_status(200);
}

static inline void put_hunt(struct stage *stage, const char *path, const char *text)
{
    const struct asking asking = {
        .method = "PUT", .path = path, .type = "application/yaml", .body = text};
    stage_call(stage, &asking, &reply);
}

static inline void post(struct stage *stage, const char *path, const char *text)
{
    const struct asking asking = {
        .method = "POST", .path = path, .type = "application/json", .body = text};
    stage_call(stage, &asking, &reply);
}

static inline void pass_epochs(struct stage *stage, unsigned epochs)
{
    for (unsigned i = 0; i < epochs * (STAGE_EPOCH_MS * 1000 / STEP_US); i++)
        stage_pass(&stage->node, STEP_US);
}

static inline int open_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_open(stage, stage_no_text);
    stage_pass(&stage->node, STEP_US);
    *state = stage;
    return 0;
}

/* With this as the hunt "harbour", and active. */
static inline int open_harbour_as(void **state, const char *text)
{
    (void)open_stage(state);
    put_hunt(*state, "/v1/hunts/harbour", text);
    assert_status(200);
    pass_epochs(*state, 3);
    return 0;
}

static inline int close_stage(void **state)
{
    stage_close(*state);
    free(*state);
    return 0;
}

/* The ETag of the last answer, with its quotes. */
static inline void take_tag(char tag[64])
{
    const char *from = strstr(reply.head, "ETag: ");
    assert_non_null(from);
    assert_int_equal(sscanf(from, "ETag: %63s", tag), 1);
}

static inline void get_unless(struct stage *stage, const char *path, const char *tags)
{
    char headers[256];
    (void)snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", tags);
    const struct asking asking = {.method = "GET", .path = path, .headers = headers};
    stage_call(stage, &asking, &reply);
}

static inline const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

#endif
