#include "node/http_head.h"

#include <string.h>

#include <http_parser.h>

#include "cluster/base/check.h"

static const struct http_fault malformed = {400, "malformed_request",
                                            "the request line or a header is malformed"};
static const struct http_fault bad_version = {400, "unsupported_version",
                                              "only HTTP/1.0 and HTTP/1.1 are spoken here"};
static const struct http_fault bad_method = {400, "unknown_method", "the method is unknown"};
static const struct http_fault bad_target = {400, "malformed_target",
                                             "the request target is malformed"};
static const struct http_fault bad_host = {
    400, "malformed_host", "there must be exactly one Host header, and it must be well-formed"};
static const struct http_fault bad_framing = {
    400, "ambiguous_length", "the length of the body is malformed or said in two ways"};
static const struct http_fault repeated = {400, "repeated_header",
                                           "a header that may occur once is repeated"};
static const struct http_fault upgrading = {400, "upgrade_refused",
                                            "CONNECT and protocol upgrades are refused"};
static const struct http_fault unexpected = {417, "expectation_failed",
                                             "the only expectation known is 100-continue"};
static const struct http_fault lengthless = {
    411, "length_required", "a Content-Length or the chunked transfer coding is required"};
static const struct http_fault crowded = {431, "headers_too_large", "there are too many headers"};

/* A whole line, from its first byte to its LF. */
static bool line_is_sound(const char *line, size_t bytes)
{
    if (bytes < 2 || line[bytes - 2] != '\r')
        return false;
    if (line[0] == ' ' || line[0] == '\t')
        return false;
    return memchr(line, '\r', bytes - 2) == NULL && memchr(line, '\0', bytes) == NULL;
}

enum status http_head_scan(struct http_scan *scan, const char *data, size_t size, size_t *ret_bytes)
{
    CHECK(scan->seen <= size);
    CHECK(scan->line_at <= scan->seen);
    while (scan->seen < size) {
        const char *end = memchr(data + scan->seen, '\n', size - scan->seen);
        if (end == NULL) {
            scan->seen = size;
            break;
        }
        const size_t next = (size_t)(end - data) + 1;
        const size_t line_bytes = next - scan->line_at;
        if (!line_is_sound(data + scan->line_at, line_bytes))
            return STATUS_INVALID;
        scan->seen = next;
        scan->line_at = next;
        /* Empty lines before the request line are forgiven, as RFC 9112 2.2 asks. */
        if (line_bytes == 2 && scan->started) {
            *ret_bytes = next;
            return STATUS_OK;
        }
        scan->started = scan->started || line_bytes > 2;
    }
    return STATUS_TRUNCATED;
}

static char lower(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    return letter;
}

bool http_text_equal(const char *a, size_t a_bytes, const char *b)
{
    for (size_t i = 0; i < a_bytes; i++) {
        if (b[i] == '\0' || lower(a[i]) != lower(b[i]))
            return false;
    }
    return b[a_bytes] == '\0';
}

/* What the library's callbacks fill in. */
struct parse {
    struct http_head *head;
    const char *block;
    const char *target;
    size_t target_bytes;
    const struct http_fault *fault;
    bool complete;
    bool upgrade;
    unsigned major, minor;
};

static int take_target(http_parser *parser, const char *at, size_t bytes)
{
    struct parse *parse = parser->data;
    parse->target = at;
    parse->target_bytes = bytes;
    return 0;
}

/* The `token` of RFC 9110 5.6.2: no white space, above all. */
static bool is_token(const char *text, size_t bytes)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < bytes; i++) {
        const char letter = lower(text[i]);
        const bool alphanumeric =
            (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
        if (!alphanumeric && (letter == '\0' || strchr(marks, letter) == NULL))
            return false;
    }
    return bytes > 0;
}

static int take_name(http_parser *parser, const char *at, size_t bytes)
{
    struct parse *parse = parser->data;
    struct http_head *head = parse->head;
    if (head->fields_count == HTTP_FIELDS_MAX)
        parse->fault = &crowded;
    else if (!is_token(at, bytes))
        parse->fault = &malformed;
    if (parse->fault != NULL)
        return 1;
    struct http_field *field = &head->fields[head->fields_count++];
    field->name_at = (uint16_t)(at - parse->block);
    field->name_bytes = (uint16_t)bytes;
    /* Until there is a value it is empty, and shares the name's terminating zero. */
    field->value_at = (uint16_t)(field->name_at + bytes);
    field->value_bytes = 0;
    return 0;
}

static bool has_controls(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return true;
    }
    return false;
}

static int take_value(http_parser *parser, const char *at, size_t bytes)
{
    struct parse *parse = parser->data;
    struct http_head *head = parse->head;
    while (bytes > 0 && (at[bytes - 1] == ' ' || at[bytes - 1] == '\t'))
        bytes--;
    if (head->fields_count == 0 || has_controls(at, bytes))
        return 1;
    /* For an empty value the library points at the next line, where no zero may be written. */
    if (bytes == 0)
        return 0;
    struct http_field *field = &head->fields[head->fields_count - 1];
    field->value_at = (uint16_t)(at - parse->block);
    field->value_bytes = (uint16_t)bytes;
    return 0;
}

static enum http_verb verb_of(unsigned method)
{
    switch (method) {
    case HTTP_GET:
        return HTTP_VERB_GET;
    case HTTP_HEAD:
        return HTTP_VERB_HEAD;
    case HTTP_POST:
        return HTTP_VERB_POST;
    case HTTP_PUT:
        return HTTP_VERB_PUT;
    case HTTP_DELETE:
        return HTTP_VERB_DELETE;
    case HTTP_OPTIONS:
        return HTTP_VERB_OPTIONS;
    case HTTP_PATCH:
        return HTTP_VERB_PATCH;
    default:
        return HTTP_VERB_OTHER;
    }
}

static int take_end(http_parser *parser)
{
    struct parse *parse = parser->data;
    parse->complete = true;
    parse->upgrade = parser->upgrade != 0 || parser->method == HTTP_CONNECT;
    parse->major = parser->http_major;
    parse->minor = parser->http_minor;
    parse->head->verb = verb_of(parser->method);
    parse->head->method = http_method_str((enum http_method)parser->method);
    parse->head->keeps_alive = http_should_keep_alive(parser) != 0;
    return 1; /* no body: framing it is our business */
}

static const struct http_fault *run_library(struct parse *parse, const char *block, size_t bytes)
{
    static const http_parser_settings callbacks = {
        .on_url = take_target,
        .on_header_field = take_name,
        .on_header_value = take_value,
        .on_headers_complete = take_end,
    };
    http_parser parser;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = parse;
    const size_t used = http_parser_execute(&parser, &callbacks, block, bytes);
    if (parse->fault != NULL)
        return parse->fault;
    if (parse->complete && parse->upgrade)
        return &upgrading;
    switch (HTTP_PARSER_ERRNO(&parser)) {
    case HPE_OK:
        return used == bytes && parse->complete ? NULL : &malformed;
    case HPE_INVALID_METHOD:
        return &bad_method;
    case HPE_INVALID_VERSION:
        return &bad_version;
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return &bad_framing;
    default:
        return &malformed;
    }
}

/* Digits only; 18 of them fit and are beyond any limit. */
static bool read_length(uint64_t *ret_length, const char *text, size_t bytes)
{
    uint64_t length = 0;
    if (bytes == 0 || bytes > 18)
        return false;
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        length = length * 10 + (uint64_t)(text[i] - '0');
    }
    *ret_length = length;
    return true;
}

/* The headers that we act on, or that would be ambiguous twice. */
enum known { HOST, LENGTH, CODING, EXPECT, TYPE, AUTHORIZATION, KNOWN_COUNT };

static enum known known_field(const char *name, size_t bytes)
{
    static const char *const names[KNOWN_COUNT] = {"host",   "content-length", "transfer-encoding",
                                                   "expect", "content-type",   "authorization"};
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (lower(name[0]) == names[i][0] && http_text_equal(name, bytes, names[i]))
            return (enum known)i;
    }
    return KNOWN_COUNT;
}

static const struct http_fault *apply_framing(struct http_head *head, const char *block,
                                              const struct http_field *const fields[KNOWN_COUNT])
{
    const struct http_field *length = fields[LENGTH];
    const struct http_field *coding = fields[CODING];
    if (coding != NULL) {
        head->chunked = http_text_equal(block + coding->value_at, coding->value_bytes, "chunked");
        if (!head->chunked || length != NULL || head->version_1_0)
            return &bad_framing;
    }
    if (length != NULL) {
        head->has_length = true;
        if (!read_length(&head->content_length, block + length->value_at, length->value_bytes))
            return &bad_framing;
    }
    const bool sends = head->verb == HTTP_VERB_POST || head->verb == HTTP_VERB_PUT ||
                       head->verb == HTTP_VERB_PATCH;
    return sends && !head->chunked && !head->has_length ? &lengthless : NULL;
}

static bool host_is_sound(const struct http_field *host, const char *block)
{
    return strcspn(block + host->value_at, " \t\r,/?#@") >= host->value_bytes;
}

static const struct http_fault *repetition_of(enum known known)
{
    if (known == HOST)
        return &bad_host;
    return known == LENGTH || known == CODING ? &bad_framing : &repeated;
}

static const struct http_fault *apply_fields(struct http_head *head, const char *block)
{
    const struct http_field *fields[KNOWN_COUNT] = {NULL};
    for (size_t i = 0; i < head->fields_count; i++) {
        const struct http_field *field = &head->fields[i];
        const enum known known = known_field(block + field->name_at, field->name_bytes);
        if (known == KNOWN_COUNT)
            continue;
        if (fields[known] != NULL)
            return repetition_of(known);
        fields[known] = field;
    }
    const struct http_field *host = fields[HOST];
    if (host == NULL ? !head->version_1_0 : !host_is_sound(host, block))
        return &bad_host;
    const struct http_field *expect = fields[EXPECT];
    if (expect != NULL) {
        if (!http_text_equal(block + expect->value_at, expect->value_bytes, "100-continue"))
            return &unexpected;
        head->expects_continue = !head->version_1_0;
    }
    return apply_framing(head, block, fields);
}

/* The absolute form is what a proxy is sent; a server must take it too (RFC 9112 3.2.2). */
static size_t skip_authority(const char *target, size_t bytes)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        const size_t scheme = strlen(schemes[i]);
        if (bytes > scheme && http_text_equal(target, scheme, schemes[i]))
            return scheme + strcspn(target + scheme, "/?");
    }
    return 0;
}

/* `target` is zero terminated by now. */
static const struct http_fault *apply_target(struct http_head *head, char *target, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (target[i] <= ' ' || target[i] > '~' || target[i] == '#')
            return &bad_target;
    }
    char *path = target + skip_authority(target, bytes);
    char *query = path + strcspn(path, "?");
    if (*query == '?')
        *query++ = '\0';
    /* "http://host" asks for "/", for which there is room where the scheme was. */
    if (path != target && *path == '\0') {
        memcpy(target, "/", 2);
        path = target;
    }
    head->path_at = (uint16_t)(head->path_at + (path - target));
    head->query_at = (uint16_t)(head->query_at + (query - target));
    const bool asterisk = head->verb == HTTP_VERB_OPTIONS && strcmp(path, "*") == 0;
    return *path == '/' || asterisk ? NULL : &bad_target;
}

static void terminate_texts(const struct http_head *head, char *block)
{
    for (size_t i = 0; i < head->fields_count; i++) {
        block[head->fields[i].name_at + head->fields[i].name_bytes] = '\0';
        block[head->fields[i].value_at + head->fields[i].value_bytes] = '\0';
    }
}

/* One space on each side of the target, and nothing behind the version: the library takes more. */
static bool line_is_exact(const struct parse *parse)
{
    const char *end = parse->target + parse->target_bytes;
    if (parse->target - parse->block < 2 || parse->target[-1] != ' ' || parse->target[-2] == ' ')
        return false;
    /* " HTTP/1.1" and its line's end; the head is longer than that, or it would not be one. */
    return strncmp(end, " HTTP/1.", 8) == 0 && end[9] == '\r';
}

void http_head_init(struct http_head *head)
{
    head->verb = HTTP_VERB_OTHER;
    head->method = "";
    head->path_at = 0;
    head->query_at = 0;
    head->content_length = 0;
    head->version_1_0 = false;
    head->keeps_alive = false;
    head->chunked = false;
    head->has_length = false;
    head->expects_continue = false;
    head->fields_count = 0;
}

/* The library's view, and what it takes too lightly. */
static const struct http_fault *read_lines(struct parse *parse, const char *block, size_t bytes)
{
    const struct http_fault *fault = run_library(parse, block, bytes);
    if (fault != NULL)
        return fault;
    if (parse->major != 1 || parse->minor > 1)
        return &bad_version;
    return parse->target != NULL && line_is_exact(parse) ? NULL : &malformed;
}

const struct http_fault *http_head_parse(struct http_head *ret_head, char *block, size_t bytes)
{
    CHECK(bytes > 0);
    CHECK(bytes <= HTTP_HEADER_BYTES_LIMIT);
    struct parse parse = {.head = ret_head, .block = block};
    http_head_init(ret_head);
    const struct http_fault *fault = read_lines(&parse, block, bytes);
    if (fault != NULL) {
        /* Their texts have no ends yet. */
        ret_head->fields_count = 0;
        return fault;
    }
    ret_head->version_1_0 = parse.minor == 0;
    terminate_texts(ret_head, block);
    char *target = block + (parse.target - block);
    target[parse.target_bytes] = '\0';
    ret_head->path_at = (uint16_t)(target - block);
    ret_head->query_at = ret_head->path_at;
    fault = apply_target(ret_head, target, parse.target_bytes);
    return fault != NULL ? fault : apply_fields(ret_head, block);
}
