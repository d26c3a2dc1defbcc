/* Actions in JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/bad_parts.h"
#include "cluster/base/check.h"

#define HEAD "POST /hunt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

#define PLAYER   "\"player\":\"" BAD_PLAYER "\""
#define TIME     "\"time_ms\":1790000000000"
#define CLAIM(m) "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[{" m "}]}"
#define GEO(m)   "{\"hunt\":\"" BAD_GEO_HUNT "\",\"claims\":[{" m "}]}"
#define REACT(m) "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"reactions\":[{" m "}]}"
#define TO       "\"to\":\"" BAD_OTHER "\""

#define MALFORMED(f)                                                                               \
    {                                                                                              \
        400, "malformed", f                                                                        \
    }
#define UNKNOWN(f)                                                                                 \
    {                                                                                              \
        400, "unknown_field", f                                                                    \
    }
#define MISSING(f)                                                                                 \
    {                                                                                              \
        400, "missing_field", f                                                                    \
    }
#define WRONG(f)                                                                                   \
    {                                                                                              \
        400, "wrong_type", f                                                                       \
    }
#define OUT(f)                                                                                     \
    {                                                                                              \
        422, "out_of_range", f                                                                     \
    }
#define WRONG_PLANE(f)                                                                             \
    {                                                                                              \
        422, "wrong_plane", f                                                                      \
    }

static const struct {
    const char *body;
    struct bad_answer answer;
} bodies[] = {
    {"{", MALFORMED(NULL)},
    {"}", MALFORMED(NULL)},
    {"nul", MALFORMED(NULL)},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\",}", MALFORMED(NULL)},
    {"{'hunt':1}", MALFORMED(NULL)},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\"} {}", MALFORMED(NULL)},
    {"{\"hunt\":\"\xff\"}", MALFORMED(NULL)},
    {"{\"hunt\":\"a\\u0000b\"}", MALFORMED(NULL)},
    {"{\"hunt\":\"a\",\"hunt\":\"b\"}", MALFORMED(NULL)},
    {CLAIM(PLAYER ",\"seq\":1,\"seq\":2,\"x\":0,\"y\":0," TIME), MALFORMED(NULL)},
    {CLAIM(PLAYER ",\"seq\":01,\"x\":0,\"y\":0," TIME), MALFORMED(NULL)},
    {CLAIM(PLAYER ",\"seq\":NaN,\"x\":0,\"y\":0," TIME), MALFORMED(NULL)},
    {"[]", WRONG(NULL)},
    {"null", WRONG(NULL)},
    {"{\"hunt\":7}", WRONG("hunt")},
    {"{\"claims\":[]}", MISSING("hunt")},
    {"{\"hunt\":\"Bad\"}", OUT("hunt")},
    {"{\"hunt\":\"\"}", OUT("hunt")},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":{}}", WRONG("claims")},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[7]}", WRONG("claims[0]")},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\",\"colour\":1}", UNKNOWN("colour")},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\"}", {422, "no_actions", NULL}},
    {"{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[],\"reactions\":[]}", {422, "no_actions", NULL}},
    {"{\"hunt\":\"no-such-hunt\",\"claims\":[]}", {404, "unknown_hunt", "hunt"}},
    /* Claims. */
    {CLAIM("\"seq\":1,\"x\":0,\"y\":0," TIME), MISSING("claims[0].player")},
    {CLAIM(PLAYER ",\"x\":0,\"y\":0," TIME), MISSING("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":1,\"y\":0," TIME), MISSING("claims[0].x")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0," TIME), MISSING("claims[0].y")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":0"), MISSING("claims[0].time_ms")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":0,\"z\":0," TIME), UNKNOWN("claims[0].z")},
    {CLAIM("\"player\":7,\"seq\":1,\"x\":0,\"y\":0," TIME), WRONG("claims[0].player")},
    {CLAIM("\"player\":\"me\",\"seq\":1,\"x\":0,\"y\":0," TIME), WRONG("claims[0].player")},
    {CLAIM(PLAYER ",\"seq\":true,\"x\":0,\"y\":0," TIME), WRONG("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":1.0,\"x\":0,\"y\":0," TIME), WRONG("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":\"1 \",\"x\":0,\"y\":0," TIME), WRONG("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":\"0\",\"y\":0," TIME), WRONG("claims[0].x")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":0.5," TIME), WRONG("claims[0].y")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":0,\"time_ms\":null"), WRONG("claims[0].time_ms")},
    {CLAIM(PLAYER ",\"seq\":0,\"x\":0,\"y\":0," TIME), OUT("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":-1,\"x\":0,\"y\":0," TIME), OUT("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":4294967296,\"x\":0,\"y\":0," TIME), OUT("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":\"18446744073709551617\",\"x\":0,\"y\":0," TIME), OUT("claims[0].seq")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":2147483648,\"y\":0," TIME), OUT("claims[0].x")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":-2147483648,\"y\":0," TIME), OUT("claims[0].x")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":2147483648," TIME), OUT("claims[0].y")},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":-9223372036854775808," TIME), OUT("claims[0].y")},
    {CLAIM(PLAYER ",\"seq\":99999999999999999999,\"x\":0,\"y\":0," TIME), OUT(NULL)},
    {CLAIM(PLAYER ",\"seq\":1,\"x\":1e400,\"y\":0," TIME), OUT(NULL)},
    {CLAIM(PLAYER ",\"seq\":1,\"lat\":0,\"lon\":0," TIME), WRONG_PLANE("claims[0].lat")},
    {GEO(PLAYER ",\"seq\":1,\"x\":0,\"y\":0," TIME), WRONG_PLANE("claims[0].x")},
    {GEO(PLAYER ",\"seq\":1,\"lat\":90.0000001,\"lon\":0," TIME), OUT("claims[0].lat")},
    {GEO(PLAYER ",\"seq\":1,\"lat\":-91,\"lon\":0," TIME), OUT("claims[0].lat")},
    {GEO(PLAYER ",\"seq\":1,\"lat\":0,\"lon\":180.0000001," TIME), OUT("claims[0].lon")},
    {GEO(PLAYER ",\"seq\":1,\"lat\":0,\"lon\":-1e300," TIME), OUT("claims[0].lon")},
    {GEO(PLAYER ",\"seq\":1,\"lat\":\"0\",\"lon\":0," TIME), WRONG("claims[0].lat")},
    /* Reactions. */
    {REACT(PLAYER ",\"seq\":1,\"emoji\":\"a\"," TIME), MISSING("reactions[0].to")},
    {REACT(PLAYER ",\"seq\":1," TO "," TIME), MISSING("reactions[0].emoji")},
    {REACT(PLAYER ",\"seq\":1," TO ",\"emoji\":7," TIME), WRONG("reactions[0].emoji")},
    {REACT(PLAYER ",\"seq\":1," TO ",\"emoji\":\"\"," TIME), OUT("reactions[0].emoji")},
    {REACT(PLAYER ",\"seq\":1," TO ",\"emoji\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"," TIME),
     OUT("reactions[0].emoji")},
    {REACT(PLAYER ",\"seq\":1,\"to\":\"\",\"emoji\":\"a\"," TIME), WRONG("reactions[0].to")},
    {REACT(PLAYER ",\"seq\":1,\"x\":0," TO ",\"emoji\":\"a\"," TIME), UNKNOWN("reactions[0].x")},
};

static void add_json(struct bad_requests *requests, const char *name,
                     const struct bad_answer *answer, const char *body, size_t bytes)
{
    (void)bad_add_body(requests, name, answer, &(struct bad_body){HEAD, body, bytes});
}

/* Each beginning of a good request. */
static void add_cuts(struct bad_requests *requests)
{
    static const char whole[] = CLAIM(PLAYER ",\"seq\":1,\"x\":0,\"y\":0," TIME "},{" PLAYER
                                             ",\"seq\":2,\"x\":0,\"y\":0," TIME);
    static const struct bad_answer answer = MALFORMED(NULL);
    for (size_t bytes = 0; bytes < sizeof whole - 1; bytes++)
        add_json(requests, "JSON, cut", &answer, whole, bytes);
}

static void add_nested(struct bad_requests *requests, const char *before, const char *opening,
                       size_t depth)
{
    static const struct bad_answer answer = MALFORMED(NULL);
    const size_t each = strlen(opening);
    const size_t bytes = strlen(before) + depth * each;
    char *text = malloc(bytes + 1);
    CHECK(text != NULL);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < depth; i++)
        at = stpcpy(at, opening);
    add_json(requests, "JSON, nested", &answer, text, bytes);
    free(text);
}

/* So many claims, of as many players as that takes. */
static void add_crowd(struct bad_requests *requests, size_t claims, size_t each,
                      const struct bad_answer *answer)
{
    char *text = malloc(claims * 128 + 128);
    CHECK(text != NULL);
    size_t used = (size_t)sprintf(text, "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[");
    for (size_t i = 0; i < claims; i++)
        used += (size_t)sprintf(text + used,
                                "%s{\"player\":\"00000000-0000-0000-0000-%012zx\",\"seq\":%zu,"
                                "\"x\":0,\"y\":0," TIME "}",
                                i > 0 ? "," : "", i / each, i + 1);
    used += (size_t)sprintf(text + used, "]}");
    add_json(requests, "JSON, crowded", answer, text, used);
    free(text);
}

/* Spaces between a good beginning and its end, up to `bytes`. */
static void add_wide(struct bad_requests *requests, size_t bytes, const struct bad_answer *answer,
                     bool closes)
{
    static const char start[] = "{\"hunt\":\"" BAD_FLAT_HUNT "\"";
    char *text = bad_run(' ', bytes);
    memcpy(text, start, sizeof start - 1);
    text[bytes - 1] = '}';
    add_json(requests, "JSON, wide", answer, text, bytes);
    requests->list[requests->count - 1].closes = closes;
    free(text);
}

void bad_add_json(struct bad_requests *requests)
{
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
        add_json(requests, bodies[i].body, &bodies[i].answer, bodies[i].body,
                 strlen(bodies[i].body));
    add_cuts(requests);
    add_nested(requests, "", "[", 500000);
    add_nested(requests, "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":", "[", 500000);
    add_nested(requests, "", "{\"hunt\":", 100000);
    add_crowd(requests, 1001, 16, &(struct bad_answer){422, "too_many_actions", "claims"});
    add_crowd(requests, 17, 17, &(struct bad_answer){422, "too_many_actions", "claims[16].player"});
    add_wide(requests, BAD_BODY_BYTES_MAX, &(struct bad_answer){422, "no_actions", NULL}, false);
    add_wide(requests, BAD_BODY_BYTES_MAX + 1, &(struct bad_answer){413, "body_too_large", NULL},
             true);
}
