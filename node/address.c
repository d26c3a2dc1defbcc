#include "node/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static enum status parse_port(uint16_t *ret_port, const char *text)
{
    uint32_t port = 0;
    const size_t length = strlen(text);
    if (length == 0 || length > 5 || (text[0] == '0' && length > 1))
        return STATUS_INVALID;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return STATUS_INVALID;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port > UINT16_MAX)
        return STATUS_INVALID;
    *ret_port = (uint16_t)port;
    return STATUS_OK;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

/* What looks like an IPv4 address and is none ("127.0.0.256") is no name either. */
static enum status parse_name(const char *host)
{
    bool letters = false;
    if (host[0] == '\0' || host[0] == '-' || host[0] == '.')
        return STATUS_INVALID;
    for (const char *at = host; *at != '\0'; at++) {
        if (!is_name_character(*at))
            return STATUS_INVALID;
        letters = letters || !((*at >= '0' && *at <= '9') || *at == '.');
    }
    return letters ? STATUS_OK : STATUS_INVALID;
}

static enum status parse_host(struct address *address, bool bracketed)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (bracketed) {
        if (inet_pton(AF_INET6, address->host, &v6) != 1)
            return STATUS_INVALID;
        address->numeric = true;
        address->loopback = IN6_IS_ADDR_LOOPBACK(&v6);
        return STATUS_OK;
    }
    if (inet_pton(AF_INET, address->host, &v4) == 1) {
        address->numeric = true;
        address->loopback = (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
        return STATUS_OK;
    }
    address->loopback = strcmp(address->host, "localhost") == 0;
    return parse_name(address->host);
}

enum status address_parse(struct address *ret_address, const char *text)
{
    struct address address = {.port = 0};
    const char *colon = strrchr(text, ':');
    if (colon == NULL || parse_port(&address.port, colon + 1) != STATUS_OK)
        return STATUS_INVALID;
    size_t length = (size_t)(colon - text);
    const bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    }
    if (length >= sizeof address.host)
        return STATUS_INVALID;
    memcpy(address.host, text, length);
    address.host[length] = '\0';
    const enum status status = parse_host(&address, bracketed);
    if (status == STATUS_OK)
        *ret_address = address;
    return status;
}

enum status address_parse_peer(struct address *ret_address, const char *text)
{
    static const char scheme[] = "tcp://";
    const size_t length = sizeof scheme - 1;
    if (strncmp(text, scheme, length) != 0)
        return STATUS_INVALID;
    return address_parse(ret_address, text + length);
}
