#include "chaos/load_setup.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <jansson.h>

#include "cluster/base/check.h"

#define BODY_BYTES_MAX ((size_t)8 << 20)
#define SETUP_MS       10000
#define TARGET_BYTES   160

/* Pages of players are asked for over so many connections, and each again so many times. */
#define PAGE_CONNECTIONS 32
#define PAGE_TRIES       50
#define PAGE_PAUSE_US    100000

void load_trouble(struct load_report *report, const char *sentence, ...)
{
    if (report->trouble[0] != '\0')
        return;
    va_list arguments;
    va_start(arguments, sentence);
    (void)vsnprintf(report->trouble, sizeof report->trouble, sentence, arguments);
    va_end(arguments);
}

void load_trouble_answer(struct load_report *report, const char *url, const char *target,
                         const struct http_response *response)
{
    if (response->failure != HTTP_FAILURE_NONE) {
        load_trouble(report, "%s: %s", url, http_failure_text(response->failure));
        return;
    }
    json_t *problem = json_loadb(response->body, response->body_bytes, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *field = json_string_value(json_object_get(problem, "field"));
    load_trouble(report, "%s%s answered %d%s%s%s%s", url, target, response->status,
                 field != NULL ? ": " : "", field != NULL ? field : "", detail != NULL ? ": " : "",
                 detail != NULL ? detail : "");
    json_decref(problem);
}

/* The hunt. */

/* One target that is asked. */
struct asking {
    const struct load_options *options;
    const struct http_url *url;
    struct http_client *client;
    struct load_report *report;
};

static void ask(const struct asking *asking, const char *target, struct http_response *ret_response)
{
    const struct http_call call = {
        .method = "GET", .target = target, .token = asking->options->token};
    http_client_wait(asking->client, &call, ret_response);
}

static bool is_answer(const struct http_response *response)
{
    return response->failure == HTTP_FAILURE_NONE && response->status == 200;
}

static enum status take_hunt(struct load_hunt *ret_hunt, const struct http_response *response,
                             bool from_player)
{
    json_t *page = json_loadb(response->body, response->body_bytes, 0, NULL);
    const enum status status = from_player ? load_hunt_from_player(ret_hunt, page)
                                           : load_hunt_from_definition(ret_hunt, page);
    json_decref(page);
    return status;
}

/* Without an administrator's rights only the places that every player is shown can be learned. */
static enum status hunt_from_player(struct load_hunt *ret_hunt, const struct asking *asking)
{
    char target[TARGET_BYTES];
    struct http_response response;
    (void)snprintf(target, sizeof target, "/v1/hunts/%s/players/%s", asking->options->hunt,
                   "00000000-0000-8000-8000-000000000000");
    ask(asking, target, &response);
    if (!is_answer(&response)) {
        load_trouble_answer(asking->report, asking->url->text, target, &response);
        return STATUS_INVALID;
    }
    struct load_report *report = asking->report;
    const enum status status = take_hunt(ret_hunt, &response, true);
    if (status == STATUS_OK)
        (void)snprintf(report->note, sizeof report->note,
                       "the hunt's page is for administrators (--token-file): only the %u places "
                       "shown to new players are claimed at",
                       ret_hunt->definition->treasure_count);
    else
        load_trouble(report, "the hunt's page is for administrators, and new players are shown no "
                             "places: give --token-file");
    return status;
}

/* STATUS_NOT_FOUND: this target does not answer, another one may. */
static enum status hunt_from(struct load_hunt *ret_hunt, const struct asking *asking)
{
    char target[TARGET_BYTES];
    struct http_response response;
    (void)snprintf(target, sizeof target, "/v1/hunts/%s", asking->options->hunt);
    ask(asking, target, &response);
    if (response.failure == HTTP_FAILURE_NONE && (response.status == 401 || response.status == 403))
        return hunt_from_player(ret_hunt, asking);
    if (!is_answer(&response)) {
        load_trouble_answer(asking->report, asking->url->text, target, &response);
        return response.failure != HTTP_FAILURE_NONE || response.status >= 500 ? STATUS_NOT_FOUND
                                                                               : STATUS_INVALID;
    }
    const enum status status = take_hunt(ret_hunt, &response, false);
    if (status != STATUS_OK)
        load_trouble(asking->report, "%s%s answered with no hunt that has treasures",
                     asking->url->text, target);
    return status;
}

enum status load_setup_hunt(struct load_hunt *ret_hunt, const struct load_options *options,
                            struct event_base *base, struct load_report *report)
{
    enum status status = STATUS_NOT_FOUND;
    for (uint32_t i = 0; i < options->targets_count && status == STATUS_NOT_FOUND; i++) {
        const struct http_client_settings settings = {.base = base,
                                                      .url = &options->targets[i],
                                                      .answer_ms = SETUP_MS,
                                                      .body_bytes_max = BODY_BYTES_MAX};
        const struct asking asking = {.options = options,
                                      .url = &options->targets[i],
                                      .client = http_client_new(&settings),
                                      .report = report};
        if (asking.client == NULL)
            return STATUS_NO_MEMORY;
        status = hunt_from(ret_hunt, &asking);
        http_client_free(asking.client);
    }
    /* A target that is down matters only when no other answers. */
    if (status == STATUS_OK)
        report->trouble[0] = '\0';
    return status == STATUS_NOT_FOUND ? STATUS_INVALID : status;
}

/* Players. */

struct page_reader {
    struct pages *pages;
    struct http_client *client;
    struct event *pause;
    uint32_t player;
    uint32_t tries;
    char target[TARGET_BYTES];
};

struct pages {
    struct load_players *players;
    const struct load_options *options;
    struct event_base *base;
    struct load_report *report;
    uint32_t next;
    uint32_t done;
    enum status status;
    struct page_reader readers[PAGE_CONNECTIONS];
};

static void page_read(void *context, const struct http_response *response);

static void read_page(struct page_reader *reader)
{
    const struct pages *pages = reader->pages;
    char id[PLAYER_TEXT_LENGTH + 1];
    player_id_format(id, &pages->players->list[reader->player].id);
    (void)snprintf(reader->target, sizeof reader->target, "/v1/hunts/%s/players/%s",
                   pages->options->hunt, id);
    http_client_call(reader->client,
                     &(struct http_call){
                         .method = "GET", .target = reader->target, .token = pages->options->token},
                     page_read, reader);
}

static void on_pause_over(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    read_page(context);
}

static void read_next(struct page_reader *reader)
{
    struct pages *pages = reader->pages;
    if (pages->next == pages->players->count)
        return;
    reader->player = pages->next++;
    reader->tries = 0;
    read_page(reader);
}

static void pages_end(struct pages *pages, enum status status)
{
    pages->status = status;
    (void)event_base_loopbreak(pages->base);
}

static void page_read(void *context, const struct http_response *response)
{
    static const struct timeval pause = {.tv_usec = PAGE_PAUSE_US};
    struct page_reader *reader = context;
    struct pages *pages = reader->pages;
    const bool answered = response->failure == HTTP_FAILURE_NONE && response->status == 200;
    const bool hopeless = response->status >= 400 && response->status < 500;
    if (!answered && !hopeless && ++reader->tries < PAGE_TRIES) {
        (void)evtimer_add(reader->pause, &pause);
        return;
    }
    json_t *page = answered ? json_loadb(response->body, response->body_bytes, 0, NULL) : NULL;
    enum status status = STATUS_INVALID;
    if (!answered)
        load_trouble_answer(pages->report, pages->options->targets[0].text, reader->target,
                            response);
    else
        status = load_players_resume(pages->players, reader->player, page);
    json_decref(page);
    if (status != STATUS_OK) {
        load_trouble(pages->report, "the answer to GET %s is no player's page to go on from",
                     reader->target);
        pages_end(pages, status);
    } else if (++pages->done == pages->players->count) {
        pages_end(pages, STATUS_OK);
    } else {
        read_next(reader);
    }
}

static enum status start_readers(struct pages *pages)
{
    const struct load_options *options = pages->options;
    for (uint32_t i = 0; i < PAGE_CONNECTIONS; i++) {
        struct page_reader *reader = &pages->readers[i];
        const struct http_client_settings settings = {
            .base = pages->base,
            .url = &options->targets[i % options->targets_count],
            .answer_ms = SETUP_MS,
            .body_bytes_max = BODY_BYTES_MAX};
        reader->pages = pages;
        reader->client = http_client_new(&settings);
        reader->pause = evtimer_new(pages->base, on_pause_over, reader);
        if (reader->client == NULL || reader->pause == NULL)
            return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < PAGE_CONNECTIONS; i++)
        read_next(&pages->readers[i]);
    return STATUS_OK;
}

enum status load_setup_players(struct load_players *players, const struct load_options *options,
                               struct event_base *base, struct load_report *report)
{
    struct pages *pages = calloc(1, sizeof *pages);
    if (pages == NULL)
        return STATUS_NO_MEMORY;
    *pages = (struct pages){.players = players, .options = options, .base = base, .report = report};
    pages->status = start_readers(pages);
    if (pages->status == STATUS_OK)
        CHECK(event_base_dispatch(base) == 0);
    const enum status status = pages->status;
    for (uint32_t i = 0; i < PAGE_CONNECTIONS; i++) {
        http_client_free(pages->readers[i].client);
        if (pages->readers[i].pause != NULL)
            event_free(pages->readers[i].pause);
    }
    free(pages);
    return status;
}
