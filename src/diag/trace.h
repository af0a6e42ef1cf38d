/* SPDX-License-Identifier: MIT */
/*
 * A line for each event that the stack tells of.
 */
#ifndef DIAG_TRACE_H
#define DIAG_TRACE_H

#include <fourtuple/diag.h>

#define TRACE_LINE_MAX 256

/**
 * Write an event as one line without a line feed: the time in seconds, what happened, to whom.
 *
 *     1.000200300 in  if2 10.7.0.2:80 - 10.7.0.1:4711 66 octets: active
 *     1.000200300 state 10.7.0.2:80 - 10.7.0.1:4711: SYN-RECV to ESTAB
 *
 * @ret_line: room for TRACE_LINE_MAX
 *
 * Return: its length.
 */
size_t trace_line(const struct ft_trace_event *event, char *ret_line);

#endif
