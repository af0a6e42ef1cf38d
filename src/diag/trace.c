/* SPDX-License-Identifier: MIT */
/*
 * Events of the stack as lines for people.
 */
#include "diag/trace.h"

#include <stdio.h>

#include "diag/addr.h"
#include "diag/counters.h"
#include "diag/socket.h"

static unsigned long long octets_of(const struct ft_frame *frame)
{
    unsigned long long octets = frame->len;

    for (unsigned i = 0; i < frame->n_spans; i++)
        octets += frame->spans[i].len;
    return octets;
}

size_t trace_line(const struct ft_trace_event *event, char *ret_line)
{
    char local[ADDR_TEXT_MAX], remote[ADDR_TEXT_MAX], pair[2 * ADDR_TEXT_MAX + 8] = "";
    unsigned long long seconds = event->at / FT_SEC, rest = event->at % FT_SEC;
    unsigned long long octets = event->frame == NULL ? 0 : octets_of(event->frame);
    const char *what = event->what == NULL ? "" : event->what;
    int n = 0;

    if (event->local_port != 0 || event->remote_port != 0)
        (void)snprintf(pair, sizeof(pair), " %s - %s",
                       addr_format_name(&event->local, event->local_port, local),
                       addr_format_name(&event->remote, event->remote_port, remote));
    switch ((enum ft_trace_kind)event->kind) {
    case FT_TRACE_RX:
        n = snprintf(ret_line, TRACE_LINE_MAX, "%llu.%09llu in  if%d%s %llu octets: %s%s%s",
                     seconds, rest, event->ifindex, pair, octets, counters_verdict(event->verdict),
                     what[0] == '\0' ? "" : " ", what);
        break;
    case FT_TRACE_TX:
        n = snprintf(ret_line, TRACE_LINE_MAX, "%llu.%09llu out if%d%s %llu octets%s%s", seconds,
                     rest, event->ifindex, pair, octets, what[0] == '\0' ? "" : ": ", what);
        break;
    case FT_TRACE_STATE:
        n = snprintf(ret_line, TRACE_LINE_MAX, "%llu.%09llu state%s: %s to %s", seconds, rest, pair,
                     socket_state_word(event->old_state), socket_state_word(event->new_state));
        break;
    case FT_TRACE_TIMER:
        n = snprintf(ret_line, TRACE_LINE_MAX, "%llu.%09llu timer%s: %s", seconds, rest, pair,
                     what);
        break;
    }
    return n < 0 ? 0 : n < TRACE_LINE_MAX ? (size_t)n : TRACE_LINE_MAX - 1;
}
