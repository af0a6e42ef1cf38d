/* SPDX-License-Identifier: MIT */
/*
 * What the program says on standard error. Arguments are quoted in it, and they may contain ends of
 * lines and what commands a terminal.
 */
#include "host/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void host_say(const char *format, ...)
{
    char text[600];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    (void)fprintf(stderr, "fourtuple: %s\n", text);
}

const char *host_why(int error)
{
    return error == -EBUSY ? "it is being written already" : strerror(-error);
}

int host_flush(FILE *file)
{
    if (fflush(file) != 0)
        return errno;
    return ferror(file) ? EIO : 0; /* its own errno is gone */
}
