#include "chaos/bad_requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/bad_parts.h"
#include "cluster/base/check.h"

const char bad_flat_hunt[] =
    "hunt: " BAD_FLAT_HUNT "\n"
    "plane: flat\n"
    "reactions: [\"\xf0\x9f\x94\xa5\"]\n"
    "treasures:\n"
    "- {id: gate, at: {x: 0, y: 0}, radius: 50, points: 10}\n"
    "- {id: anchor, at: {x: 900, y: 0}, radius: 50, points: 5, supply: 2}\n";

const char bad_geo_hunt[] = "hunt: " BAD_GEO_HUNT "\n"
                            "plane: geo\n"
                            "treasures:\n"
                            "- {id: gate, at: {lat: 43.5, lon: 7.25}, radius: 50, points: 10}\n";

static struct bad_request *next_place(struct bad_requests *requests)
{
    if (requests->count == requests->capacity) {
        requests->capacity = requests->capacity > 0 ? 2 * requests->capacity : 256;
        struct bad_request *list =
            realloc(requests->list, requests->capacity * sizeof requests->list[0]);
        CHECK(list != NULL);
        requests->list = list;
    }
    return &requests->list[requests->count++];
}

struct bad_request *bad_add(struct bad_requests *requests, const char *name,
                            const struct bad_answer *answer, const void *bytes, size_t count)
{
    CHECK(count > 0);
    struct bad_request *request = next_place(requests);
    *request = (struct bad_request){.status = answer->status,
                                    .code = answer->code,
                                    .field = answer->field,
                                    .bytes = malloc(count),
                                    .count = count};
    CHECK(request->bytes != NULL);
    memcpy(request->bytes, bytes, count);
    (void)snprintf(request->name, sizeof request->name, "%s", name);
    return request;
}

struct bad_request *bad_add_text(struct bad_requests *requests, const char *name,
                                 const struct bad_answer *answer, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    const int count = vasprintf(&text, format, arguments);
    va_end(arguments);
    CHECK(count > 0);
    struct bad_request *request = bad_add(requests, name, answer, text, (size_t)count);
    free(text);
    return request;
}

struct bad_request *bad_add_body(struct bad_requests *requests, const char *name,
                                 const struct bad_answer *answer, const struct bad_body *body)
{
    const size_t room = strlen(body->head) + 64 + body->count;
    char *text = malloc(room);
    CHECK(text != NULL);
    const int head = snprintf(text, room, "%sContent-Length: %zu\r\n\r\n", body->head, body->count);
    memcpy(text + head, body->bytes, body->count);
    struct bad_request *request = bad_add(requests, name, answer, text, (size_t)head + body->count);
    free(text);
    return request;
}

char *bad_run(char byte, size_t count)
{
    char *text = malloc(count + 1);
    CHECK(text != NULL);
    memset(text, byte, count);
    text[count] = '\0';
    return text;
}

void bad_requests_init(struct bad_requests *requests)
{
    *requests = (struct bad_requests){0};
    bad_add_heads(requests);
    bad_add_chunks(requests);
    bad_add_routes(requests);
    bad_add_json(requests);
    bad_add_protobuf(requests);
    bad_add_lz4(requests);
    bad_add_hunts(requests);
}

void bad_requests_fini(struct bad_requests *requests)
{
    for (size_t i = 0; i < requests->count; i++)
        free(requests->list[i].bytes);
    free(requests->list);
    *requests = (struct bad_requests){0};
}
