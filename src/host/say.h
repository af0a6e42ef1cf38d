/* SPDX-License-Identifier: MIT */
/*
 * What the program says on standard error: one line each, whatever the arguments contain; and
 * whether what it has written elsewhere is there.
 */
#ifndef HOST_SAY_H
#define HOST_SAY_H

#include <stdio.h>

/**
 * Write `fourtuple: `, the text and an end of line to standard error.
 *
 * @format: as of printf(3); control characters in the result become `?`, what is beyond 600 octets
 *          is cut
 */
void host_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/**
 * Why a file cannot be written, for people.
 *
 * @error: a -errno; -EBUSY: it is locked
 */
const char *host_why(int error);

/**
 * Write out what a stream still holds.
 *
 * Return: 0: nothing of all that was written to it is lost; an errno, EIO for a loss of before.
 */
int host_flush(FILE *file);

#endif
