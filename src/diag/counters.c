/* SPDX-License-Identifier: MIT */
/*
 * The names of counters, made from the lists of the public header, so none can be forgotten.
 */
#include "diag/counters.h"

void counters_each(const struct ft_counters *counters,
                   void (*each)(void *ctx, const char *name, uint64_t value, const char *text),
                   void *ctx)
{
#define X(NAME, name, text) each(ctx, "rx_" #name, counters->verdicts[FT_RX_##NAME], text);
    FT_VERDICTS(X)
#undef X
#define X(name, text) each(ctx, #name, counters->name, text);
    FT_COUNTERS(X)
#undef X
    each(ctx, "now_memory", counters->now_memory, "octets allocated");
    each(ctx, "now_sockets", counters->now_sockets, "descriptors open");
    each(ctx, "now_connections", counters->now_connections, "active sockets without TIME-WAIT");
    each(ctx, "now_half_open", counters->now_half_open, "connections being opened from outside");
    each(ctx, "now_time_wait", counters->now_time_wait, "entries in TIME-WAIT");
    each(ctx, "now_orphans", counters->now_orphans, "connections that no descriptor holds");
    each(ctx, "now_unfinished", counters->now_unfinished,
         "connections with octets or a FIN not acknowledged");
}

const char *counters_verdict(unsigned verdict)
{
    static const char *const names[FT_RX_N] = {
#define X(NAME, name, text) [FT_RX_##NAME] = #name,
        FT_VERDICTS(X)
#undef X
    };

    return verdict < FT_RX_N ? names[verdict] : "unknown";
}
