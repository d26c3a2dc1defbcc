#include "node/ctl/client.h"

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "cluster/base/check.h"
#include "node/ctl/print.h"

/* A hunt's new version takes up to five seconds to be decided on. */
#define ANSWER_MS      15000
#define BODY_BYTES_MAX ((size_t)16 << 20)

enum status ctl_open(struct ctl *ctl)
{
    ctl->base = event_base_new();
    if (ctl->base == NULL)
        return STATUS_NO_MEMORY;
    const struct http_client_settings settings = {.base = ctl->base,
                                                  .url = &ctl->url,
                                                  .answer_ms = ANSWER_MS,
                                                  .body_bytes_max = BODY_BYTES_MAX};
    ctl->client = http_client_new(&settings);
    if (ctl->client != NULL)
        return STATUS_OK;
    ctl_close(ctl);
    return STATUS_NO_MEMORY;
}

void ctl_close(struct ctl *ctl)
{
    http_client_free(ctl->client);
    if (ctl->base != NULL)
        event_base_free(ctl->base);
    ctl->client = NULL;
    ctl->base = NULL;
}

struct ctl_answer ctl_problem(const char *detail)
{
    return (struct ctl_answer){
        .json = json_pack("{s:s, s:s}", "type", "about:blank", "detail", detail)};
}

struct ctl_answer ctl_ask(struct ctl *ctl, const struct ctl_question *question)
{
    struct http_response response;
    char detail[HTTP_URL_BYTES + 100];
    http_client_wait(ctl->client,
                     &(struct http_call){
                         .method = question->method,
                         .target = question->target,
                         .token = ctl->token,
                         .content_type = question->content_type,
                         .body = question->body,
                         .body_bytes = question->body_bytes,
                     },
                     &response);
    if (response.failure != HTTP_FAILURE_NONE) {
        (void)snprintf(detail, sizeof detail, "%s: %s", ctl->url.text,
                       http_failure_text(response.failure));
        return ctl_problem(detail);
    }
    struct ctl_answer answer = {.status = response.status};
    answer.json = json_loadb(response.body, response.body_bytes, 0, NULL);
    if (!json_is_object(answer.json)) {
        json_decref(answer.json);
        (void)snprintf(detail, sizeof detail, "%s answered %d without a JSON object", ctl->url.text,
                       response.status);
        answer.json = ctl_problem(detail).json;
        return answer;
    }
    answer.ok = response.status / 100 == 2;
    return answer;
}

struct ctl_answer ctl_get(struct ctl *ctl, const char *target)
{
    return ctl_ask(ctl, &(struct ctl_question){.method = "GET", .target = target});
}

/* "harbour.yaml:12: treasures[3].radius: must be 1 to 1000000" */
static void complain_fault(const json_t *fault, const char *file)
{
    const json_t *line = json_object_get(fault, "line");
    const char *field = print_text(fault, "field");
    if (file != NULL)
        (void)fprintf(stderr, "%s:", file);
    if (json_is_integer(line))
        (void)fprintf(stderr, "%lld:", (long long)json_integer_value(line));
    (void)fputs(file != NULL || json_is_integer(line) ? " " : "", stderr);
    if (field[0] != '\0') {
        print_clean(stderr, field);
        (void)fputs(": ", stderr);
    }
    print_clean(stderr, print_text(fault, "detail"));
    (void)fputc('\n', stderr);
}

static void complain_sentence(const struct ctl_answer *answer)
{
    const char *detail = print_text(answer->json, "detail");
    const char *title = print_text(answer->json, "title");
    const char *field = print_text(answer->json, "field");
    (void)fputs("cairnctl: ", stderr);
    if (answer->status != 0)
        (void)fprintf(stderr, "%d: ", answer->status);
    if (field[0] != '\0') {
        print_clean(stderr, field);
        (void)fputs(": ", stderr);
    }
    print_clean(stderr, detail[0] != '\0' ? detail : title[0] != '\0' ? title : "no reason given");
    const json_t *ranges = json_object_get(answer->json, "missing_ranges");
    if (json_array_size(ranges) > 0) {
        (void)fputs(" (ranges ", stderr);
        print_list(stderr, ranges);
        (void)fputc(')', stderr);
    }
    (void)fputc('\n', stderr);
}

void ctl_complain(const struct ctl *ctl, const struct ctl_answer *answer, const char *file)
{
    CHECK(!answer->ok);
    const json_t *faults = json_object_get(answer->json, "errors");
    for (size_t i = 0; i < json_array_size(faults); i++)
        complain_fault(json_array_get(faults, i), file);
    complain_sentence(answer);
    if (ctl->json)
        print_json(answer->json);
}

int ctl_finish(const struct ctl *ctl, struct ctl_answer *answer, void (*show)(const json_t *object))
{
    const int code = answer->ok ? 0 : 1;
    if (!answer->ok)
        ctl_complain(ctl, answer, NULL);
    else if (ctl->json)
        print_json(answer->json);
    else
        show(answer->json);
    json_decref(answer->json);
    return code;
}

static bool is_unreserved(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-' || byte == '_' || byte == '.' || byte == '~';
}

static size_t put_word(char *target, size_t used, const char *word)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *word != '\0' && used + 4 <= CTL_TARGET_BYTES; word++) {
        if (is_unreserved(*word)) {
            target[used++] = *word;
            continue;
        }
        const unsigned char byte = (unsigned char)*word;
        target[used++] = '%';
        target[used++] = digits[byte >> 4];
        target[used++] = digits[byte & 15];
    }
    return *word == '\0' ? used : CTL_TARGET_BYTES;
}

bool ctl_target(char ret_target[CTL_TARGET_BYTES], const char *pattern, const char *const *words)
{
    size_t used = 0;
    while (*pattern != '\0' && used < CTL_TARGET_BYTES) {
        if (pattern[0] == '{' && pattern[1] == '}') {
            CHECK(*words != NULL);
            used = put_word(ret_target, used, *words++);
            pattern += 2;
        } else {
            ret_target[used++] = *pattern++;
        }
    }
    CHECK(*words == NULL);
    if (used >= CTL_TARGET_BYTES)
        return false;
    ret_target[used] = '\0';
    return true;
}

struct ctl_answer ctl_get_at(struct ctl *ctl, const char *pattern, const char *const *words)
{
    char target[CTL_TARGET_BYTES];
    if (!ctl_target(target, pattern, words))
        return ctl_problem("what was given is too long");
    return ctl_get(ctl, target);
}
