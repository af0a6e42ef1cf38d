/* SPDX-License-Identifier: MIT */
/*
 * The asking side: finds the hosts of this user, asks them, takes their answers apart.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "diag/socket.h"
#include "host/status.h"
#include "host/status_priv.h"

#define FIELDS_MAX 16
#define HOSTS_MAX  1024
#define PATIENCE_S 3

typedef void line_fn(void *ctx, const char *host, char *const *fields, size_t n_fields);

static void take_line(char *text, const char *host, line_fn *line, void *ctx)
{
    char *fields[FIELDS_MAX];
    size_t n = 0;

    text[strcspn(text, "\n")] = '\0';
    while (n < FIELDS_MAX) {
        fields[n++] = text;
        text = strchr(text, '\t');
        if (text == NULL)
            break;
        *text++ = '\0';
    }
    line(ctx, host, fields, n);
}

/* Asks one host. 0; -ECONNREFUSED: it is dead, and its name is removed; another -errno. */
static int ask_host(const char *host, const char *request, line_fn *line, void *ctx, char *err,
                    size_t err_len)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    char path[PATH_MAX], text[SOCKET_LINE_MAX + 2];
    struct sockaddr_un sun;
    FILE *stream;
    int fd, error = status_path(host, path, sizeof(path), err, err_len);

    if (error == 0)
        error = status_address(path, &sun);
    if (error != 0)
        return error;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* A host that is stopped answers nothing: it must not stop us. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
        error = -errno;
        if (error == -ECONNREFUSED)
            (void)unlink(path); /* another may have been faster */
        (void)close(fd);        /* nothing was sent on it */
        return error;
    }
    (void)snprintf(text, sizeof(text), "%s\n", request);
    stream = fdopen(fd, "r");
    if (stream == NULL || send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
        error = -errno;
        (void)(stream == NULL ? close(fd) : fclose(stream)); /* was only to be read */
        return error;
    }
    while (fgets(text, sizeof(text), stream) != NULL)
        take_line(text, host, line, ctx);
    error = ferror(stream) ? -ETIMEDOUT : 0;
    (void)fclose(stream); /* was only read */
    return error;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in the directory, sorted; each is to be freed. */
static int list_hosts(char **ret_names, size_t max, char *err, size_t err_len)
{
    char path[PATH_MAX];
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;
    int error = status_path(NULL, path, sizeof(path), err, err_len);

    if (error != 0)
        return error;
    dir = opendir(path);
    if (dir == NULL)
        return -errno;
    while (n < max && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= STATUS_NAME_MAX)
            continue;
        ret_names[n] = strdup(entry->d_name);
        if (ret_names[n] == NULL)
            break;
        n++;
    }
    (void)closedir(dir); /* was only read */
    qsort(ret_names, n, sizeof(ret_names[0]), compare);
    return (int)n;
}

static int ask_all(const char *request, line_fn *line, void *ctx, char *err, size_t err_len)
{
    char *names[HOSTS_MAX];
    int n = list_hosts(names, HOSTS_MAX, err, err_len), n_answered = 0;

    for (int i = 0; i < n; i++) {
        /* A host that ends or is stopped just now is not there: no error of the others. */
        if (ask_host(names[i], request, line, ctx, err, err_len) == 0)
            n_answered++;
        free(names[i]);
    }
    return n < 0 ? n : n_answered;
}

/* Whether a name has come before: its host is listed once. */
static bool is_repeated(const char *const *names, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(names[k], names[i]) == 0)
            return true;
    }
    return false;
}

int status_ask(const char *const *names, size_t n_names, const char *request, line_fn *line,
               void *ctx, char *ret_err, size_t err_len)
{
    ret_err[0] = '\0';
    if (n_names == 0) {
        int n = ask_all(request, line, ctx, ret_err, err_len);

        if (n < 0 && ret_err[0] == '\0')
            (void)snprintf(ret_err, err_len, "the hosts cannot be listed: %s", strerror(-n));
        return n;
    }
    for (size_t i = 0; i < n_names; i++) {
        if (is_repeated(names, i))
            continue;
        int error = strchr(names[i], '/') != NULL || names[i][0] == '\0'
                        ? -ENOENT
                        : ask_host(names[i], request, line, ctx, ret_err, err_len);

        if (error == 0)
            continue;
        if (error == -ENOENT || error == -ECONNREFUSED) {
            (void)snprintf(ret_err, err_len, "%s: no host of this name is running",
                           names[i][0] != '\0' ? names[i] : "\"\"");
            return -ENOENT;
        }
        if (ret_err[0] == '\0')
            (void)snprintf(ret_err, err_len, "%s: the host does not answer: %s", names[i],
                           strerror(-error));
        return error;
    }
    return (int)n_names;
}
