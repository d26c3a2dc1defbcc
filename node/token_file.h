/* node/token_file.h -- An administrator's token, kept in a file so that it shows neither in a
 * process list nor in a shell's history. Any thread. */
#ifndef CAIRN_NODE_TOKEN_FILE_H
#define CAIRN_NODE_TOKEN_FILE_H

#include "cluster/base/status.h"

#define TOKEN_BYTES 4096

/* The file's first line, without the space around it. STATUS_IO: it cannot be read, errno tells;
 * STATUS_INVALID: the line is empty, too long, or has other characters than printable ASCII. */
MUST_USE enum status token_file_read(char ret_token[TOKEN_BYTES], const char *path);

#endif
