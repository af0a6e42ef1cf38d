/* SPDX-License-Identifier: MIT */
/*
 * The socket table on paper: gathers lines of fields, then prints them as ss(8) does, in columns
 * that are as wide as they must be, or as JSON, one object a line.
 */
#ifndef DIAG_TABLE_H
#define DIAG_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "diag/socket.h"

struct table; /* lines that were gathered */

struct table_options {
    bool process; /* the column Process */
    bool info;    /* a second line with SOCKET_INFO */
    bool hosts;   /* say of each socket which host it is of */
    bool header;  /* a line of titles */
};

/**
 * Make an empty table.
 *
 * Return: it, to be freed by table_free(); NULL: no memory.
 */
struct table *table_new(void);

/** Free a table. @table: may be NULL. */
void table_free(struct table *table);

/**
 * Add a socket.
 *
 * @host:   its host's name; copied, like the fields
 * @fields: SOCKET_FIELDS texts
 *
 * Return: 0; -ENOMEM.
 */
int table_add(struct table *table, const char *host, char *const *fields);

/** Print in columns. */
void table_print(const struct table *table, const struct table_options *options, FILE *out);

/** Print as JSON: an object a line, without regard to columns. */
void table_print_json(const struct table *table, FILE *out);

/**
 * Write a text as a JSON string, with its quotes.
 */
void table_json_string(const char *text, FILE *out);

#endif
