/* tests/unit/test_routes_description.c -- The description that the node serves is of the routes
 * that it has, path by path, method by method, parameter by parameter. That real answers are as it
 * says is for tests/integration/test_contract.py. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <yaml.h>

#include "tests/unit/routes_stage.h"
#include "tests/unit/routes_talk.h"

#include "node/description.h"
#include "node/routes_internal.h"

#define PATH "/v1/openapi.yaml"

/* --- Reading it ------------------------------------------------------------------------------- */

static yaml_document_t document;

static int load(void **state)
{
    yaml_parser_t parser;
    (void)state;
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_string(&parser, description, description_bytes);
    assert_true(yaml_parser_load(&parser, &document));
    yaml_parser_delete(&parser);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    yaml_document_delete(&document);
    return 0;
}

static const char *text_at(int at)
{
    const yaml_node_t *node = yaml_document_get_node(&document, at);
    assert_non_null(node);
    assert_int_equal(node->type, YAML_SCALAR_NODE);
    return (const char *)node->data.scalar.value;
}

/* The member of that name; NULL: there is none. */
static yaml_node_t *find(const yaml_node_t *map, const char *key, size_t key_bytes)
{
    assert_int_equal(map->type, YAML_MAPPING_NODE);
    for (const yaml_node_pair_t *pair = map->data.mapping.pairs.start;
         pair < map->data.mapping.pairs.top; pair++) {
        if (strlen(text_at(pair->key)) == key_bytes &&
            memcmp(text_at(pair->key), key, key_bytes) == 0)
            return yaml_document_get_node(&document, pair->value);
    }
    return NULL;
}

static yaml_node_t *child(const yaml_node_t *map, const char *key)
{
    yaml_node_t *found = find(map, key, strlen(key));
    if (found == NULL)
        print_error("no member %s\n", key);
    assert_non_null(found);
    return found;
}

static yaml_node_t *root(void)
{
    return yaml_document_get_root_node(&document);
}

static const char *text(const yaml_node_t *map, const char *key)
{
    const yaml_node_t *node = child(map, key);
    assert_int_equal(node->type, YAML_SCALAR_NODE);
    return (const char *)node->data.scalar.value;
}

/* Where it is only "{ $ref: '#/a/b' }", what that points to. */
static const yaml_node_t *resolve(const yaml_node_t *node)
{
    const yaml_node_t *reference = find(node, "$ref", 4);
    if (reference == NULL)
        return node;
    const char *at = (const char *)reference->data.scalar.value;
    assert_int_equal(*at++, '#');
    const yaml_node_t *found = root();
    while (*at == '/') {
        const size_t length = strcspn(++at, "/");
        found = find(found, at, length);
        assert_non_null(found);
        at += length;
    }
    return found;
}

/* Appends "name " of each parameter of that kind. */
static void list_parameters(char *list, size_t bytes, const yaml_node_t *operation,
                            const char *kind)
{
    const yaml_node_t *parameters = find(operation, "parameters", strlen("parameters"));
    if (parameters == NULL)
        return;
    for (const yaml_node_item_t *item = parameters->data.sequence.items.start;
         item < parameters->data.sequence.items.top; item++) {
        const yaml_node_t *one = resolve(yaml_document_get_node(&document, *item));
        if (strcmp(text(one, "in"), kind) == 0)
            (void)snprintf(list + strlen(list), bytes - strlen(list), "%s ", text(one, "name"));
    }
}

/* --- The routes ------------------------------------------------------------------------------- */

/* "a b " of "/x/{a}/y/{b}". */
static void list_braces(char *list, size_t bytes, const char *pattern)
{
    for (const char *at = strchr(pattern, '{'); at != NULL; at = strchr(at + 1, '{'))
        (void)snprintf(list + strlen(list), bytes - strlen(list), "%.*s ",
                       (int)strcspn(at + 1, "}"), at + 1);
}

static void assert_operation(const struct route *route, const struct route_method *method,
                             const yaml_node_t *path, const char *name)
{
    char expected[128] = "";
    char found[128] = "";
    const yaml_node_t *operation = find(path, name, strlen(name));
    if ((method->handle != NULL) != (operation != NULL))
        print_error("%s %s\n", name, route->pattern);
    assert_int_equal(method->handle != NULL, operation != NULL);
    if (operation == NULL)
        return;
    for (size_t i = 0; i < ROUTE_PARAMETERS_MAX && method->parameters[i] != NULL; i++)
        (void)snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s ",
                       method->parameters[i]);
    list_parameters(found, sizeof found, operation, "query");
    assert_string_equal(found, expected);
    expected[0] = found[0] = '\0';
    list_braces(expected, sizeof expected, route->pattern);
    list_parameters(found, sizeof found, operation, "path");
    assert_string_equal(found, expected);
}

static void every_route_is_described(void **state)
{
    size_t count;
    const struct route *table = routes_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *path = child(child(root(), "paths"), table[i].pattern);
        assert_operation(&table[i], &table[i].get, path, "get");
        assert_operation(&table[i], &table[i].post, path, "post");
        assert_operation(&table[i], &table[i].put, path, "put");
        assert_operation(&table[i], &table[i].remove, path, "delete");
    }
}

static void everything_described_is_a_route(void **state)
{
    size_t count;
    const struct route *table = routes_table(&count);
    const yaml_node_t *paths = child(root(), "paths");
    (void)state;
    for (const yaml_node_pair_t *pair = paths->data.mapping.pairs.start;
         pair < paths->data.mapping.pairs.top; pair++) {
        bool found = false;
        for (size_t i = 0; i < count; i++)
            found = found || strcmp(table[i].pattern, text_at(pair->key)) == 0;
        if (!found)
            print_error("%s is no route\n", text_at(pair->key));
        assert_true(found);
        /* No operation besides those that were compared. */
        const yaml_node_t *path = yaml_document_get_node(&document, pair->value);
        for (const yaml_node_pair_t *one = path->data.mapping.pairs.start;
             one < path->data.mapping.pairs.top; one++)
            assert_non_null(strstr("get post put delete", text_at(one->key)));
    }
}

static void the_methods_allowed_are_those_that_are_handled(void **state)
{
    size_t count;
    const struct route *table = routes_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%s%s%s%sOPTIONS",
                       table[i].get.handle != NULL ? "GET, HEAD, " : "",
                       table[i].post.handle != NULL ? "POST, " : "",
                       table[i].put.handle != NULL ? "PUT, " : "",
                       table[i].remove.handle != NULL ? "DELETE, " : "");
        assert_string_equal(table[i].allow, expected);
    }
}

static void it_is_of_this_version(void **state)
{
    (void)state;
    assert_string_equal(text(child(root(), "info"), "version"), CAIRN_VERSION);
    assert_int_equal(strncmp(text(root(), "openapi"), "3.1.", 4), 0);
}

/* The file's text, which is static. */
static const char *read_source(const char *name)
{
    static char data[1 << 18];
    char path[512];
    const char *source = getenv("CAIRN_SOURCE");
    (void)snprintf(path, sizeof path, "%s/%s", source != NULL ? source : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    const size_t bytes = fread(data, 1, sizeof data - 1, file);
    assert_true(bytes > 0);
    assert_true(bytes < sizeof data - 1);
    data[bytes] = '\0';
    assert_int_equal(fclose(file), 0);
    return data;
}

static void it_holds_the_protobuf_schema(void **state)
{
    (void)state;
    assert_string_equal(text(root(), "x-protobuf"), read_source("proto/cairn.proto"));
}

/* --- Serving it ------------------------------------------------------------------------------- */

static void it_is_served_as_it_is_written(void **state)
{
    char tag[64];
    const struct asking asking = {
        .method = "GET", .path = PATH, .headers = "Accept-Encoding: gzip\r\n"};
    static struct reply_text plain;
    stage_call(*state, &(struct asking){.method = "GET", .path = PATH}, &plain);
    assert_int_equal(plain.status, 200);
    assert_non_null(strstr(plain.head, "\r\nContent-Type: application/yaml\r\n"));
    const char *file = read_source("node/openapi.yaml");
    assert_int_equal(plain.body_bytes, strlen(file));
    assert_memory_equal(plain.body, file, plain.body_bytes);
    assert_int_equal(plain.body_bytes, description_bytes);
    stage_call(*state, &asking, &reply);
    assert_non_null(strstr(reply.head, "\r\nContent-Encoding: gzip"));
    assert_true(reply.body_bytes * 3 < plain.body_bytes);
    take_tag(tag);
    get_unless(*state, PATH, tag);
    assert_status(200); /* gzipped it would not help who does not take that */
}

#define READING(name) cmocka_unit_test_setup_teardown(name, load, unload)

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING(every_route_is_described),
        READING(everything_described_is_a_route),
        cmocka_unit_test(the_methods_allowed_are_those_that_are_handled),
        READING(it_is_of_this_version),
        READING(it_holds_the_protobuf_schema),
        cmocka_unit_test_setup_teardown(it_is_served_as_it_is_written, open_stage, close_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
