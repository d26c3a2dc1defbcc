#include "node/store_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void store_explain(struct store_error *error, const char *format, ...)
{
    if (error == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
}

enum status store_rocksdb_status(char *message, const char *doing, struct store_error *error)
{
    if (message == NULL)
        return STATUS_OK;
    store_explain(error, "%s: %s", doing, message);
    /* The C interface hands out text only; its first word is the kind. */
    const enum status status =
        strncmp(message, "Corruption", strlen("Corruption")) == 0 ? STATUS_CORRUPT : STATUS_IO;
    rocksdb_free(message);
    return status;
}
