#include "node/token_file.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum status token_file_read(char ret_token[TOKEN_BYTES], const char *path)
{
    char line[TOKEN_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return STATUS_IO;
    const bool read = fgets(line, sizeof line, file) != NULL;
    const bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed)
        return STATUS_IO;
    if (!read || (strchr(line, '\n') == NULL && strlen(line) == sizeof line - 1))
        return STATUS_INVALID;
    const char *token = line + strspn(line, " \t");
    size_t bytes = strlen(token);
    while (bytes > 0 && strchr(" \t\r\n", token[bytes - 1]) != NULL)
        bytes--;
    for (size_t i = 0; i < bytes; i++) {
        if (token[i] <= ' ' || token[i] > '~')
            return STATUS_INVALID;
    }
    if (bytes == 0)
        return STATUS_INVALID;
    memcpy(ret_token, token, bytes);
    ret_token[bytes] = '\0';
    return STATUS_OK;
}
