/* SPDX-License-Identifier: MIT */
/*
 * Columns and JSON (RFC 8259).
 */
#include "diag/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *host;
    const char *fields[SOCKET_FIELDS];
    char octets[];
};

struct table {
    struct row **rows;
    size_t n, cap;
};

struct table *table_new(void)
{
    return calloc(1, sizeof(struct table));
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->n; i++)
        free(table->rows[i]);
    free(table->rows);
    free(table);
}

static const char *keep(char **at, const char *text)
{
    size_t len = strlen(text) + 1;
    char *begin = memcpy(*at, text, len);

    *at += len;
    return begin;
}

int table_add(struct table *table, const char *host, char *const *fields)
{
    size_t size = sizeof(struct row) + strlen(host) + 1;
    struct row *row;
    char *at;

    for (size_t i = 0; i < SOCKET_FIELDS; i++)
        size += strlen(fields[i]) + 1;
    if (table->n == table->cap) {
        size_t cap = table->cap == 0 ? 64 : table->cap * 2;
        struct row **rows = realloc(table->rows, cap * sizeof(struct row *));

        if (rows == NULL)
            return -ENOMEM;
        table->rows = rows;
        table->cap = cap;
    }
    row = malloc(size);
    if (row == NULL)
        return -ENOMEM;
    at = row->octets;
    row->host = keep(&at, host);
    for (size_t i = 0; i < SOCKET_FIELDS; i++)
        row->fields[i] = keep(&at, fields[i]);
    table->rows[table->n++] = row;
    return 0;
}

/* --- columns --------------------------------------------------------------------------------- */

static const char *const titles[SOCKET_FIELDS] = {
    [SOCKET_NETID] = "Netid",
    [SOCKET_STATE] = "State",
    [SOCKET_RECV_Q] = "Recv-Q",
    [SOCKET_SEND_Q] = "Send-Q",
    [SOCKET_LOCAL] = "Local Address:Port",
    [SOCKET_PEER] = "Peer Address:Port",
    [SOCKET_FAMILY] = "",
    [SOCKET_PROCESS] = "Process",
    [SOCKET_INFO] = "",
};

/* The column is as wide as its widest text; addresses are split at the port, as ss does. */
struct widths {
    int netid, state, recv_q, send_q, local, local_port, peer, peer_port;
};

static int address_len(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon == NULL ? (int)strlen(name) : (int)(colon - name);
}

static const char *port_of(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon == NULL ? "" : colon + 1;
}

static void widen(int *width, int len)
{
    if (*width < len)
        *width = len;
}

static void measure(struct widths *widths, const char *const *fields)
{
    widen(&widths->netid, (int)strlen(fields[SOCKET_NETID]));
    widen(&widths->state, (int)strlen(fields[SOCKET_STATE]));
    widen(&widths->recv_q, (int)strlen(fields[SOCKET_RECV_Q]));
    widen(&widths->send_q, (int)strlen(fields[SOCKET_SEND_Q]));
    widen(&widths->local, address_len(fields[SOCKET_LOCAL]));
    widen(&widths->local_port, (int)strlen(port_of(fields[SOCKET_LOCAL])));
    widen(&widths->peer, address_len(fields[SOCKET_PEER]));
    widen(&widths->peer_port, (int)strlen(port_of(fields[SOCKET_PEER])));
}

/* Prints a line without blanks at its end. */
static void print_row(const struct widths *widths, const char *const *fields, const char *tail,
                      FILE *out)
{
    (void)fprintf(out, "%-*s %-*s %*s %*s %*.*s:%-*s ", widths->netid, fields[SOCKET_NETID],
                  widths->state, fields[SOCKET_STATE], widths->recv_q, fields[SOCKET_RECV_Q],
                  widths->send_q, fields[SOCKET_SEND_Q], widths->local,
                  address_len(fields[SOCKET_LOCAL]), fields[SOCKET_LOCAL], widths->local_port,
                  port_of(fields[SOCKET_LOCAL]));
    (void)fprintf(out, "%*.*s:", widths->peer, address_len(fields[SOCKET_PEER]),
                  fields[SOCKET_PEER]);
    if (tail[0] == '\0')
        (void)fprintf(out, "%s\n", port_of(fields[SOCKET_PEER]));
    else
        (void)fprintf(out, "%-*s %s\n", widths->peer_port, port_of(fields[SOCKET_PEER]), tail);
}

void table_print(const struct table *table, const struct table_options *options, FILE *out)
{
    struct widths widths = {0};
    char tail[400];

    if (options->header)
        measure(&widths, titles);
    for (size_t i = 0; i < table->n; i++)
        measure(&widths, table->rows[i]->fields);
    if (options->header)
        print_row(&widths, titles, titles[SOCKET_PROCESS], out);
    for (size_t i = 0; i < table->n; i++) {
        const struct row *row = table->rows[i];
        const char *process = options->process ? row->fields[SOCKET_PROCESS] : "";

        (void)snprintf(tail, sizeof(tail), "%s%s%s%s", process,
                       options->hosts && process[0] != '\0' ? " " : "",
                       options->hosts ? "host:" : "", options->hosts ? row->host : "");
        print_row(&widths, row->fields, tail, out);
        if (options->info && row->fields[SOCKET_INFO][0] != '\0')
            (void)fprintf(out, "\t %s\n", row->fields[SOCKET_INFO]);
    }
}

/* --- JSON ------------------------------------------------------------------------------------ */

void table_json_string(const char *text, FILE *out)
{
    (void)putc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(out, "\\u%04x", c);
        else
            (void)putc(c, out);
    }
    (void)putc('"', out);
}

static void json_name(const char *key, const char *name, FILE *out)
{
    const char *port = port_of(name);
    char address[100];
    int len = address_len(name);
    const char *begin = name;

    /* [fd07::2] without its brackets. */
    if (name[0] == '[' && strchr(name, ']') != NULL && strchr(name, '%') == NULL) {
        begin++;
        len -= 2;
    }
    (void)snprintf(address, sizeof(address), "%.*s", len, begin);
    (void)fprintf(out, ",\"%s_address\":", key);
    table_json_string(address, out);
    (void)fprintf(out, ",\"%s_port\":%s", key, strcmp(port, "*") == 0 ? "null" : port);
}

/* "rto:204 rtt:0.1/0.05" becomes "rto":204,"rtt":"0.1/0.05". */
static void json_info(const char *info, FILE *out)
{
    bool first = true;

    while (*info != '\0') {
        size_t len = strcspn(info, " "), key = strcspn(info, ":");
        bool number = key < len && strspn(info + key + 1, "0123456789") == len - key - 1;

        if (key < len) {
            (void)fprintf(out, "%s\"%.*s\":%s%.*s%s", first ? "" : ",", (int)key, info,
                          number ? "" : "\"", (int)(len - key - 1), info + key + 1,
                          number ? "" : "\"");
            first = false;
        }
        info += len;
        info += strspn(info, " ");
    }
}

void table_print_json(const struct table *table, FILE *out)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct row *row = table->rows[i];

        (void)fprintf(out, "{\"host\":");
        table_json_string(row->host, out);
        (void)fprintf(out,
                      ",\"netid\":\"%s\",\"state\":\"%s\",\"family\":%s,\"recv_q\":%s,"
                      "\"send_q\":%s",
                      row->fields[SOCKET_NETID], row->fields[SOCKET_STATE],
                      row->fields[SOCKET_FAMILY], row->fields[SOCKET_RECV_Q],
                      row->fields[SOCKET_SEND_Q]);
        json_name("local", row->fields[SOCKET_LOCAL], out);
        json_name("peer", row->fields[SOCKET_PEER], out);
        (void)fprintf(out, ",\"process\":");
        table_json_string(row->fields[SOCKET_PROCESS], out);
        (void)fprintf(out, ",\"info\":{");
        json_info(row->fields[SOCKET_INFO], out);
        (void)fprintf(out, "}}\n");
    }
}
