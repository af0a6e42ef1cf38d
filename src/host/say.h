/* SPDX-License-Identifier: MIT */
/*
 * What the program says on standard error: one line each, whatever the arguments contain.
 */
#ifndef HOST_SAY_H
#define HOST_SAY_H

/**
 * Write `fourtuple: `, the text and an end of line to standard error.
 *
 * @format: as of printf(3); control characters in the result become `?`, what is beyond 600 octets
 *          is cut
 */
void host_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
