/* Heads and chunks that a server and a proxy before it could read in two ways, or that are too
 * long. All of them end the connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/bad_parts.h"
#include "cluster/base/check.h"

#define HOST "Host: localhost\r\n"
#define POST "POST /hunt HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
#define GET  "GET /v1/hunts HTTP/1.1\r\n" HOST

struct shape {
    const char *name, *text;
    struct bad_answer answer;
};

static void add_all(struct bad_requests *requests, const struct shape *shapes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bad_request *request =
            bad_add_text(requests, shapes[i].name, &shapes[i].answer, "%s", shapes[i].text);
        request->closes = true;
    }
}
#define ADD_ALL(requests, shapes) add_all(requests, shapes, sizeof(shapes) / sizeof((shapes)[0]))

/* --- Lengths ---------------------------------------------------------------------------------- */

#define LENGTH                                                                                     \
    {                                                                                              \
        400, "ambiguous_length", NULL                                                              \
    }

static const struct shape lengths[] = {
    {"two lengths", POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", LENGTH},
    {"the same length twice", POST "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", LENGTH},
    {"a list of lengths", POST "Content-Length: 2, 2\r\n\r\n{}", LENGTH},
    {"length and coding", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     LENGTH},
    {"coding and length", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
     LENGTH},
    {"another coding", POST "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n", LENGTH},
    {"two codings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", LENGTH},
    {"chunked twice",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", LENGTH},
    {"chunked with a tail", POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", LENGTH},
    {"chunked after a tab", POST "Transfer-Encoding:\tchunked\tx\r\n\r\n0\r\n\r\n", LENGTH},
    {"chunked in 1.0", "POST /hunt HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     LENGTH},
    {"a length below zero", POST "Content-Length: -2\r\n\r\n{}", LENGTH},
    {"a length with a plus", POST "Content-Length: +2\r\n\r\n{}", LENGTH},
    {"a length in hexadecimal", POST "Content-Length: 0x2\r\n\r\n{}", LENGTH},
    {"a length with a space", POST "Content-Length: 2 2\r\n\r\n{}", LENGTH},
    {"an empty length", POST "Content-Length: \r\n\r\n{}", LENGTH},
    {"a length beyond 64 bits", POST "Content-Length: 18446744073709551618\r\n\r\n{}", LENGTH},
    {"no length", POST "\r\n{}", {411, "length_required", NULL}},
};

/* --- Lines ------------------------------------------------------------------------------------ */

#define LINES                                                                                      \
    {                                                                                              \
        400, "malformed_request", NULL                                                             \
    }

static const struct shape lines[] = {
    {"bare LF in the request line", "GET /v1/hunts HTTP/1.1\n" HOST "\r\n", LINES},
    {"bare LF in a header", "GET /v1/hunts HTTP/1.1\r\nHost: localhost\n\r\n", LINES},
    {"bare LF before a smuggled length", POST "X: y\nContent-Length: 40\r\n\r\n", LINES},
    {"bare LF at the end", "GET /v1/hunts HTTP/1.1\r\n" HOST "\n", LINES},
    {"bare CR in a value", GET "X: a\rb\r\n\r\n", LINES},
    {"a folded line", GET "X: a\r\n b\r\n\r\n", LINES},
    {"a folded coding", POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", LINES},
    {"a space before the colon", POST "Content-Length : 2\r\n\r\n{}", LINES},
    {"a tab before the colon", POST "Content-Length\t: 2\r\n\r\n{}", LINES},
    {"a space before the first header", "GET /v1/hunts HTTP/1.1\r\n Host: localhost\r\n\r\n",
     LINES},
    {"no colon", GET "X\r\n\r\n", LINES},
    {"no name", GET ": x\r\n\r\n", LINES},
    {"a name that is no token", GET "X(y): x\r\n\r\n", LINES},
    {"a control character in a value", GET "X: a\x01z\r\n\r\n", LINES},
    {"two spaces in the request line", "GET  /v1/hunts HTTP/1.1\r\n" HOST "\r\n", LINES},
    {"a space after the version",
     "GET /v1/hunts HTTP/1.1 \r\n" HOST "\r\n",
     {400, "unsupported_version", NULL}},
    {"no version", "GET /v1/hunts\r\n" HOST "\r\n", {400, "unsupported_version", NULL}},
    {"a TLS greeting",
     "\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
     {400, "unknown_method", NULL}},
    {"a word", "hello\r\n\r\n", {400, "unknown_method", NULL}},
    {"an unknown method", "FOO /v1/hunts HTTP/1.1\r\n" HOST "\r\n", {400, "unknown_method", NULL}},
    {"a method in lower case",
     "get /v1/hunts HTTP/1.1\r\n" HOST "\r\n",
     {400, "unknown_method", NULL}},
    {"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n" HOST "\r\n", {400, "upgrade_refused", NULL}},
    {"an upgrade",
     GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
     {400, "upgrade_refused", NULL}},
    {"HTTP/1.2", "GET /v1/hunts HTTP/1.2\r\n" HOST "\r\n", {400, "unsupported_version", NULL}},
    {"HTTP/2.0", "GET /v1/hunts HTTP/2.0\r\n" HOST "\r\n", {400, "unsupported_version", NULL}},
    {"a fragment", "GET /v1/hunts#x HTTP/1.1\r\n" HOST "\r\n", {400, "malformed_target", NULL}},
    {"no host", "GET /v1/hunts HTTP/1.1\r\n\r\n", {400, "malformed_host", NULL}},
    {"two hosts", GET HOST "\r\n", {400, "malformed_host", NULL}},
    {"a host with a path",
     "GET /v1/hunts HTTP/1.1\r\nHost: a/b\r\n\r\n",
     {400, "malformed_host", NULL}},
    {"two types",
     POST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
     {400, "repeated_header", NULL}},
    {"another expectation",
     POST "Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}",
     {417, "expectation_failed", NULL}},
};

/* --- Too long --------------------------------------------------------------------------------- */

/* A GET whose head has just so many bytes. */
static char *long_head(size_t bytes)
{
    static const char before[] = GET "X: ";
    char *value = bad_run('a', bytes - (sizeof before - 1) - 4);
    char *text = malloc(bytes + 1);
    CHECK(text != NULL);
    (void)snprintf(text, bytes + 1, "%s%s\r\n\r\n", before, value);
    CHECK(strlen(text) == bytes);
    free(value);
    return text;
}

static void add_long_heads(struct bad_requests *requests)
{
    static const struct bad_answer answer = {431, "headers_too_large", NULL};
    char *text = long_head(BAD_HEADER_BYTES_MAX + 1);
    bad_add_text(requests, "a head of 8193 bytes", &answer, "%s", text)->closes = true;
    free(text);
    text = bad_run('a', BAD_HEADER_BYTES_MAX);
    bad_add_text(requests, "a long target", &answer, "GET /%s HTTP/1.1\r\n" HOST "\r\n", text)
        ->closes = true;
    bad_add_text(requests, "a line without an end", &answer, "%s", text)->closes = true;
    free(text);
    char headers[101 * 7 + 1] = "";
    for (size_t i = 0; i < 100; i++)
        memcpy(headers + i * 6, "a: b\r\n", 7);
    bad_add_text(requests, "101 headers", &answer, GET "%s\r\n", headers)->closes = true;
}

static void add_cut(struct bad_requests *requests)
{
    static const struct bad_answer answer = {400, "incomplete_request", NULL};
    static const char *const texts[] = {"GET /v1/hu", GET, POST "Content-Length: 3\r\n\r\n{}",
                                        POST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct bad_request *request =
            bad_add_text(requests, "half a request and an end", &answer, "%s", texts[i]);
        request->closes = true;
        request->ends = true;
    }
}

void bad_add_heads(struct bad_requests *requests)
{
    static const char zero[] = "GET /v1/hunts HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";
    static const struct bad_answer malformed = LINES;
    ADD_ALL(requests, lengths);
    ADD_ALL(requests, lines);
    bad_add(requests, "a zero in a value", &malformed, zero, sizeof zero - 1)->closes = true;
    add_long_heads(requests);
    add_cut(requests);
}

/* --- Chunks ----------------------------------------------------------------------------------- */

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKS                                                                                     \
    {                                                                                              \
        400, "malformed_chunks", NULL                                                              \
    }

static const struct shape chunks[] = {
    {"a chunk size that is no number", CHUNKED "zz\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk size with 0x", CHUNKED "0x2\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk size below zero", CHUNKED "-2\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk size with a space", CHUNKED "2 \r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a space before a chunk size", CHUNKED " 2\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"an empty chunk size", CHUNKED "\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk size beyond 32 bits", CHUNKED "000000002\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk size that ends with LF", CHUNKED "2\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk that ends with LF", CHUNKED "2\r\n{}\n0\r\n\r\n", CHUNKS},
    {"a chunk longer than said", CHUNKED "2\r\n{}}\r\n0\r\n\r\n", CHUNKS},
    {"a chunk shorter than said", CHUNKED "4\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a control character in an extension", CHUNKED "2;a\x01\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"LF in an extension", CHUNKED "2;a\nb\r\n{}\r\n0\r\n\r\n", CHUNKS},
    {"a folded trailer", CHUNKED "2\r\n{}\r\n0\r\n a: b\r\n\r\n", CHUNKS},
    {"an end with LF", CHUNKED "2\r\n{}\r\n0\r\n\n", CHUNKS},
    {"a chunk of 4 GiB", CHUNKED "ffffffff\r\n{}", {413, "body_too_large", NULL}},
};

void bad_add_chunks(struct bad_requests *requests)
{
    static const struct bad_answer answer = {431, "headers_too_large", NULL};
    ADD_ALL(requests, chunks);
    char *text = bad_run('a', 8193);
    bad_add_text(requests, "a long extension", &answer, CHUNKED "2;%s\r\n{}\r\n0\r\n\r\n", text)
        ->closes = true;
    bad_add_text(requests, "a long trailer", &answer, CHUNKED "2\r\n{}\r\n0\r\n%s\r\n\r\n", text)
        ->closes = true;
    free(text);
}
