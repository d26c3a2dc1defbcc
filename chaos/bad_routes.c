/* Paths, queries, methods, types and codings that are none of ours. */
#include <string.h>

#include "chaos/bad_parts.h"

#define HUNT   "/v1/hunts/" BAD_FLAT_HUNT
#define PLAYER HUNT "/players/" BAD_PLAYER

static const struct {
    const char *method, *target;
    struct bad_answer answer;
} targets[] = {
    {"GET", "/nowhere", {404, "unknown_path", NULL}},
    {"GET", "/v1/hunts/", {404, "unknown_path", NULL}},
    {"GET", "//v1/hunts", {404, "unknown_path", NULL}},
    {"GET", "/v1/hunts/a/b/c/d/e/f/g/h", {404, "unknown_path", NULL}},
    {"GET", "/v1/hunts/%zz", {400, "malformed", "path"}},
    {"GET", "/v1/hunts/%0", {400, "malformed", "path"}},
    {"GET", "/v1/hunts/a%00b", {400, "malformed", "path"}},
    {"GET", "/v1/hunts/a%2fb", {400, "malformed", "path"}},
    {"GET", "/v1/../v1/hunts", {400, "malformed", "path"}},
    {"GET", "/v1/%2e%2e/hunts", {400, "malformed", "path"}},
    {"GET", "/v1/hunts/UPPER", {400, "malformed", "hunt"}},
    {"GET", "/v1/hunts/no-such-hunt", {404, "unknown_hunt", "hunt"}},
    {"GET", HUNT "/players/4be0643f", {400, "malformed", "player"}},
    {"GET", HUNT "/players/4be0643f-1d98-573b-97cd-ca98a65347dg", {400, "malformed", "player"}},
    {"GET", PLAYER "?consistent=maybe", {400, "malformed", "consistent"}},
    {"GET", PLAYER "?colour=red", {400, "unknown_field", "colour"}},
    {"GET", PLAYER "?consistent=true&consistent=true", {400, "malformed", "consistent"}},
    {"GET", PLAYER "?consistent=%zz", {400, "malformed", "query"}},
    {"GET", PLAYER "?%ff=1", {400, "unknown_field", "?"}},
    {"GET", PLAYER "/actions/x", {400, "malformed", "seq"}},
    {"GET", PLAYER "/actions/-1", {400, "malformed", "seq"}},
    {"GET", PLAYER "/actions/0", {422, "out_of_range", "seq"}},
    {"GET", PLAYER "/actions/4294967296", {422, "out_of_range", "seq"}},
    {"GET", PLAYER "/actions/99999999999999999999999", {422, "out_of_range", "seq"}},
    {"GET", PLAYER "/actions/4294967295", {404, "not_judged", "seq"}},
    {"GET", HUNT "/leaderboard?limit=0", {422, "out_of_range", "limit"}},
    {"GET", HUNT "/leaderboard?limit=1001", {422, "out_of_range", "limit"}},
    {"GET", HUNT "/leaderboard?limit=ten", {400, "malformed", "limit"}},
    {"GET", HUNT "/leaderboard?limit=", {400, "malformed", "limit"}},
    {"GET", HUNT "/leaderboard?cursor=x", {400, "malformed", "cursor"}},
    {"GET", HUNT "/leaderboard?epoch=-1", {400, "malformed", "epoch"}},
    {"GET", HUNT "/leaderboard?epoch=0", {404, "unknown_epoch", "epoch"}},
    {"GET", HUNT "/leaderboard?epoch=18446744073709551615", {404, "unknown_epoch", "epoch"}},
    {"GET", HUNT "/leaderboard/around/me", {400, "malformed", "player"}},
    {"GET", HUNT "/awards?cursor=%20", {400, "malformed", "cursor"}},
    {"GET", HUNT "?version=0", {422, "out_of_range", "version"}},
    {"GET", HUNT "?version=1000000", {404, "unknown_version", "version"}},
    {"GET", "/v1/epochs/never", {400, "malformed", "epoch"}},
    {"GET", "/hunt", {405, "method_not_allowed", NULL}},
    {"DELETE", HUNT, {405, "method_not_allowed", NULL}},
    {"DELETE", "/healthz", {405, "method_not_allowed", NULL}},
};

static void add_posts(struct bad_requests *requests)
{
    static const struct {
        const char *name, *head;
        struct bad_answer answer;
    } posts[] = {
        {"no type", "", {415, "unsupported_type", NULL}},
        {"another type", "Content-Type: text/plain\r\n", {415, "unsupported_type", NULL}},
        {"a type like ours",
         "Content-Type: application/jsonx\r\n",
         {415, "unsupported_type", NULL}},
        {"another coding",
         "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
         {415, "unsupported_coding", NULL}},
        {"two codings",
         "Content-Type: application/json\r\nContent-Encoding: lz4, lz4\r\n",
         {415, "unsupported_coding", NULL}},
        {"an empty coding",
         "Content-Type: application/x-protobuf\r\nContent-Encoding: \r\n",
         {415, "unsupported_coding", NULL}},
    };
    for (size_t i = 0; i < sizeof posts / sizeof posts[0]; i++)
        bad_add_text(requests, posts[i].name, &posts[i].answer,
                     "POST /hunt HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 2\r\n\r\n{}",
                     posts[i].head);
}

static void add_puts(struct bad_requests *requests)
{
    static const struct bad_answer type = {415, "unsupported_type", NULL};
    static const struct bad_answer coding = {415, "unsupported_coding", NULL};
    static const struct bad_answer flag = {400, "malformed", "dry_run"};
    static const char format[] = "PUT %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 2\r\n"
                                 "\r\n{}";
    bad_add_text(requests, "a hunt without a type", &type, format, HUNT, "");
    bad_add_text(requests, "a hunt of another type", &type, format, HUNT,
                 "Content-Type: application/x-protobuf\r\n");
    bad_add_text(requests, "a hunt with a coding", &coding, format, HUNT,
                 "Content-Type: application/json\r\nContent-Encoding: lz4\r\n");
    bad_add_text(requests, "a hunt that is dry perhaps", &flag, format, HUNT "?dry_run=perhaps",
                 "Content-Type: application/json\r\n");
}

void bad_add_routes(struct bad_requests *requests)
{
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++)
        bad_add_text(requests, targets[i].target, &targets[i].answer,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n", targets[i].method,
                     targets[i].target);
    add_posts(requests);
    add_puts(requests);
}
