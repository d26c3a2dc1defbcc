/* Hunt files, each with one fault, put under a name that no hunt has; and changes that a hunt which
 * is there may not make. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/bad_parts.h"
#include "cluster/base/bounds.h"
#include "cluster/base/check.h"

#define HEAD(hunt, type)                                                                           \
    "PUT /v1/hunts/" hunt " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/" type "\r\n"
#define YAML HEAD("bad-new", "yaml")
#define JSON HEAD("bad-new", "json")

#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50

#define T(field)         "treasures[0]." field
#define WINDOW(from, to) "window: {from: " from ", to: " to "}"

/* A line for the hunt and one for its treasure; what they break. */
static const struct {
    const char *top, *treasure, *field;
} lines[] = {
    {"colour: red", "", "colour"},
    {"plane: flat", "", "plane"},
    {"title: [x]", "", "title"},
    {"title: " X250, "", "title"},
    {"opens_at: yesterday", "", "opens_at"},
    {"opens_at: 2026-02-30T00:00:00Z", "", "opens_at"},
    {"opens_at: 2026-12-01T18:00:00", "", "opens_at"},
    {"{opens_at: 1}: 2", "", NULL},
    {"opens_at: 2026-12-01T18:00:00Z\ncloses_at: 2026-12-01T18:00:00Z", "", "closes_at"},
    {"ties: maybe", "", "ties"},
    {"claim_ttl_ms: -1", "", "claim_ttl_ms"},
    {"claim_ttl_ms: 86400001", "", "claim_ttl_ms"},
    {"claim_ttl_ms: \"1\"", "", "claim_ttl_ms"},
    {"claim_ttl_ms: 0x10", "", "claim_ttl_ms"},
    {"clock_tolerance_ms: 86400001", "", "clock_tolerance_ms"},
    {"max_speed: 1000001", "", "max_speed"},
    {"max_speed: 1.5", "", "max_speed"},
    {"rate: 7", "", "rate"},
    {"rate: {claims: 1}", "", "rate.per_ms"},
    {"rate: {claims: 0, per_ms: 1}", "", "rate.claims"},
    {"rate: {claims: 1, per_ms: 3600001}", "", "rate.per_ms"},
    {"rate: {claims: 1, per_ms: 1, x: 1}", "", "rate.x"},
    {"reactions: a", "", "reactions"},
    {"reactions: [a, a]", "", "reactions[1]"},
    {"reactions: ['']", "", "reactions[0]"},
    {"reactions: [" X10 X10 X10 "xxx]", "", "reactions[0]"},
    {"reactions: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]", "", "reactions"},
    {"", "id: b", T("id")},
    {"", "radius: 6", T("radius")},
    {"", "colour: red", T("colour")},
    {"", "hint: " X250 X250 X10, T("hint")},
    {"", "shown: maybe", T("shown")},
    {"", "shown: \"true\"", T("shown")},
    {"", "supply: 0", T("supply")},
    {"", "supply: 1000001", T("supply")},
    {"", "requires: [b]", T("requires[0]")},
    {"", "requires: [a]", T("requires[0]")},
    {"", "requires: a", T("requires")},
    {"", WINDOW("2026-12-01T18:00:00Z", "2026-12-01T17:00:00Z"), T("window.to")},
    {"", "window: {from: 2026-12-01T18:00:00Z}", T("window.to")},
    {"", "taps: {count: 1, within_ms: 5}", T("taps.count")},
    {"", "taps: {count: 17, within_ms: 5}", T("taps.count")},
    {"", "taps: {count: 2, within_ms: 0}", T("taps.within_ms")},
    {"", "taps: {count: 2, within_ms: 3600001}", T("taps.within_ms")},
    {"", "unlock: {reactions: 0}", T("unlock.reactions")},
    {"", "unlock: {reactions: 1000001}", T("unlock.reactions")},
    {"", "unlock: 5", T("unlock")},
    {"", "decay: {per_ms: 0, points: 1, floor: 0}", T("decay.per_ms")},
    {"", "decay: {per_ms: 1, points: 1, floor: 2}", T("decay.floor")},
    {"", "decay: {per_ms: 1}", T("decay.points")},
};

#define HUNT(top)     "hunt: bad-new\n" top
#define ONE(treasure) HUNT("plane: flat\ntreasures:\n- " treasure "\n")
#define GEO(at)       HUNT("plane: geo\ntreasures:\n- {id: a, radius: 1, points: 1, at: " at "}\n")

/* Whole files. */
static const struct {
    const char *text, *field;
} files[] = {
    {"", NULL},
    {"# nothing\n", NULL},
    {"7\n", NULL},
    {"[]\n", NULL},
    {"hunt: [\n", NULL},
    {"hunt: bad-new\n\tplane: flat\n", NULL},
    {"hunt: &a bad-new\n", NULL},
    {"hunt: *a\n", NULL},
    {"hunt: !!str bad-new\n", NULL},
    {"<<: {}\n", NULL},
    {"%YAML 1.1\n---\nhunt: bad-new\n", NULL},
    {"hunt: bad-new\n---\nhunt: bad-new\n", NULL},
    {"? [a]\n: b\n", NULL},
    {"hunt: \"a\\0b\"\n", NULL},
    {"hunt: \xff\n", NULL},
    {"a: [[[[[[[[[[1]]]]]]]]]]\n", NULL},
    {"plane: flat\ntreasures: []\n", "hunt"},
    {"hunt: another\nplane: flat\ntreasures: []\n", "hunt"},
    {"hunt: Bad\nplane: flat\ntreasures: []\n", "hunt"},
    {"hunt: " X50 "xxxxxxxxxxxxxx\nplane: flat\ntreasures: []\n", "hunt"},
    {HUNT("treasures: []\n"), "plane"},
    {HUNT("plane: round\ntreasures: []\n"), "plane"},
    {HUNT("plane: flat\n"), "treasures"},
    {HUNT("plane: flat\ntreasures: {}\n"), "treasures"},
    {ONE("7"), "treasures[0]"},
    {ONE("{at: {x: 0, y: 0}, radius: 1, points: 1}"), T("id")},
    {ONE("{id: A, at: {x: 0, y: 0}, radius: 1, points: 1}"), T("id")},
    {ONE("{id: '', at: {x: 0, y: 0}, radius: 1, points: 1}"), T("id")},
    {ONE("{id: " X50 "xxxxxxxxxxxxxx, at: {x: 0, y: 0}, radius: 1, points: 1}"), T("id")},
    {ONE("{id: a, radius: 1, points: 1}"), T("at")},
    {ONE("{id: a, at: {x: 0}, radius: 1, points: 1}"), T("at.y")},
    {ONE("{id: a, at: {lat: 0, lon: 0}, radius: 1, points: 1}"), T("at.lat")},
    {ONE("{id: a, at: {x: 2147483648, y: 0}, radius: 1, points: 1}"), T("at.x")},
    {ONE("{id: a, at: {x: -2147483648, y: 0}, radius: 1, points: 1}"), T("at.x")},
    {ONE("{id: a, at: {x: 0, y: 2147483648}, radius: 1, points: 1}"), T("at.y")},
    {GEO("{lat: 90.0000001, lon: 0}"), T("at.lat")},
    {GEO("{lat: -91, lon: 0}"), T("at.lat")},
    {GEO("{lat: 0, lon: 180.0000001}"), T("at.lon")},
    {GEO("{lat: north, lon: 0}"), T("at.lat")},
    {ONE("{id: a, at: {x: 0, y: 0}, points: 1}"), T("radius")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 0, points: 1}"), T("radius")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1000001, points: 1}"), T("radius")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1}"), T("points")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1, points: -1}"), T("points")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1, points: 1000001}"), T("points")},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1, points: 1}\n"
         "- {id: a, at: {x: 0, y: 0}, radius: 1, points: 1}"),
     "treasures[1].id"},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1, points: 1}\n"
         "- {id: b, at: {x: 0, y: 0}, radius: 1, points: 1, requires: [a, a]}"),
     "treasures[1].requires[1]"},
    {ONE("{id: a, at: {x: 0, y: 0}, radius: 1, points: 1, requires: [b]}\n"
         "- {id: b, at: {x: 0, y: 0}, radius: 1, points: 1, requires: [a]}"),
     "treasures[1].requires[0]"},
};

static const struct {
    const char *text, *field;
} json_files[] = {
    {"{", NULL},
    {"{\"hunt\": \"bad-new\",}", NULL},
    {"{\"hunt\": \"bad-new\"} x", NULL},
    {"{\"hunt\": 'bad-new'}", NULL},
    {"{\"hunt\": \"bad-new\", \"hunt\": \"bad-new\"}", "hunt"},
    {"{\"hunt\": \"bad-new\", \"plane\": \"flat\", \"treasures\": null}", "treasures"},
    {"{\"hunt\": \"bad-new\", \"plane\": \"flat\", \"treasures\": [], \"ties\": 1}", "ties"},
    {"{\"hunt\": \"bad-new\", \"plane\": \"flat\", \"treasures\": [], \"max_speed\": \"1\"}",
     "max_speed"},
};

static const struct bad_answer invalid = {422, "invalid_hunt", NULL};

static void add_file(struct bad_requests *requests, const char *head, const char *text,
                     const char *field)
{
    const struct bad_answer answer = {422, "invalid_hunt", field};
    (void)bad_add_body(requests, text, &answer, &(struct bad_body){head, text, strlen(text)});
}

static void add_lines(struct bad_requests *requests)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text,
                       "%s\nhunt: bad-new\nplane: flat\ntreasures:\n- id: a\n"
                       "  at: {x: 0, y: 0}\n  radius: 5\n  points: 1\n  %s\n",
                       lines[i].top, lines[i].treasure);
        add_file(requests, YAML, text, lines[i].field);
        (void)snprintf(requests->list[requests->count - 1].name, sizeof requests->list[0].name,
                       "%s%s", lines[i].top, lines[i].treasure);
    }
}

/* So many treasures; and one that requires so many others. */
static void add_many(struct bad_requests *requests)
{
    char *text = malloc((size_t)TREASURES_MAX * 80 + 4096);
    CHECK(text != NULL);
    size_t used = (size_t)sprintf(text, HUNT("plane: flat\ntreasures:\n"));
    for (unsigned i = 0; i <= TREASURES_MAX; i++)
        used += (size_t)sprintf(text + used,
                                "- {id: t%u, at: {x: 0, y: 0}, radius: 1, points: 1}\n", i);
    add_file(requests, YAML, text, "treasures");
    used = (size_t)sprintf(text, HUNT("plane: flat\ntreasures:\n"));
    for (unsigned i = 0; i <= REQUIRES_MAX; i++)
        used += (size_t)sprintf(text + used,
                                "- {id: t%u, at: {x: 0, y: 0}, radius: 1, points: 1}\n", i);
    used += (size_t)sprintf(text + used,
                            "- {id: last, at: {x: 0, y: 0}, radius: 1, points: 1, requires: [");
    for (unsigned i = 0; i <= REQUIRES_MAX; i++)
        used += (size_t)sprintf(text + used, "%st%u", i > 0 ? ", " : "", i);
    (void)sprintf(text + used, "]}\n");
    add_file(requests, YAML, text, "treasures[17].requires");
    free(text);
}

static void add_changes(struct bad_requests *requests)
{
    static const char plane[] = "hunt: " BAD_FLAT_HUNT "\nplane: geo\ntreasures:\n"
                                "- {id: gate, at: {lat: 0, lon: 0}, radius: 50, points: 10}\n";
    static const char limited[] =
        "hunt: " BAD_FLAT_HUNT "\nplane: flat\ntreasures:\n"
        "- {id: gate, at: {x: 0, y: 0}, radius: 50, points: 10, supply: 3}\n";
    add_file(requests, HEAD(BAD_FLAT_HUNT, "yaml"), plane, "plane");
    add_file(requests, HEAD(BAD_FLAT_HUNT, "yaml"), limited, T("supply"));
}

/* At the limit a file is read; a byte more is too much of a body. */
static void add_wide(struct bad_requests *requests)
{
    static const struct bad_answer large = {413, "body_too_large", NULL};
    char *text = bad_run('\n', BAD_BODY_BYTES_MAX + 1);
    (void)bad_add_body(requests, "a hunt file of 1 MiB", &invalid,
                       &(struct bad_body){YAML, text, BAD_BODY_BYTES_MAX});
    bad_add_body(requests, "a hunt file of a byte more", &large,
                 &(struct bad_body){YAML, text, BAD_BODY_BYTES_MAX + 1})
        ->closes = true;
    memset(text, '[', BAD_BODY_BYTES_MAX);
    (void)bad_add_body(requests, "a nested hunt file", &invalid,
                       &(struct bad_body){YAML, text, BAD_BODY_BYTES_MAX});
    (void)bad_add_body(requests, "a nested hunt file, JSON", &invalid,
                       &(struct bad_body){JSON, text, BAD_BODY_BYTES_MAX});
    free(text);
}

void bad_add_hunts(struct bad_requests *requests)
{
    add_lines(requests);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        add_file(requests, YAML, files[i].text, files[i].field);
    for (size_t i = 0; i < sizeof json_files / sizeof json_files[0]; i++)
        add_file(requests, JSON, json_files[i].text, json_files[i].field);
    add_many(requests);
    add_changes(requests);
    add_wide(requests);
}
