/* SPDX-License-Identifier: MIT */
/*
 * Recordings in files: a window of the file is mapped and filled, then the next one. Its blocks are
 * there before it is mapped, so a full disk is an error and not a signal. What was prepared and not
 * written stays zero until the end cuts it off; a reader takes zeros for a recording that broke
 * off.
 */
#include "host/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/say.h"

#define WINDOW ((size_t)4 << 20) /* a multiple of any page size */

struct record_file {
    const char *path;
    int fd;
    uint8_t *window; /* NULL: none is mapped */
    off_t at;        /* where it begins in the file */
    size_t used;     /* octets written in it */
    int error;       /* told already */
};

static int map_window(struct record_file *file, off_t at)
{
    int error = posix_fallocate(file->fd, at, (off_t)WINDOW);
    void *window;

    if (error != 0)
        return -error;
    window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, at);
    if (window == MAP_FAILED)
        return -errno;
    (void)madvise(window, WINDOW, MADV_DONTFORK); /* programs have no use for it */
    file->window = window;
    file->at = at;
    file->used = 0;
    return 0;
}

static int next_window(struct record_file *file)
{
    (void)munmap(file->window, WINDOW); /* of its own making: cannot fail */
    file->window = NULL;
    file->at += (off_t)WINDOW;
    file->used = 0;
    return map_window(file, file->at);
}

static int write_some(void *ctx, const void *data, size_t len)
{
    struct record_file *file = ctx;
    const uint8_t *p = data;

    while (len > 0) {
        size_t n = len < WINDOW - file->used ? len : WINDOW - file->used;

        memcpy(file->window + file->used, p, n);
        file->used += n;
        p += n;
        len -= n;
        if (file->used < WINDOW)
            continue;
        file->error = next_window(file);
        if (file->error == 0)
            continue;
        host_say("--record: %s cannot be written: %s; the recording ends", file->path,
                 strerror(-file->error));
        return file->error;
    }
    return 0;
}

/* Ours alone before it is cut to nothing: under somebody else's mapping that would be a SIGBUS.
   Where files cannot be locked we go on without. Mode 0600 whoever made it, and nobody else can
   have it open for reading from before. */
static int open_fd(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat stat;
    int error;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &stat) != 0)
        error = -errno;
    else if (!S_ISREG(stat.st_mode))
        error = -EINVAL;
    else if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        error = -EBUSY;
    else if (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0)
        error = -errno;
    else
        return fd;
    (void)close(fd); /* nothing was written */
    return error;
}

int record_file_open(const char *path, struct record_file **ret_file)
{
    struct record_file *file = calloc(1, sizeof(*file));
    int error;

    if (file == NULL)
        return -ENOMEM;
    file->path = path;
    file->fd = open_fd(path);
    error = file->fd < 0 ? file->fd : map_window(file, 0);
    if (error == 0) {
        *ret_file = file;
        return 0;
    }
    if (file->fd >= 0)
        (void)close(file->fd); /* nothing was written */
    free(file);
    return error;
}

struct ft_record_sink record_file_sink(struct record_file *file)
{
    return (struct ft_record_sink){write_some, file};
}

void record_file_close(struct record_file *file)
{
    if (file == NULL)
        return;
    if (file->window != NULL)
        (void)munmap(file->window, WINDOW); /* as above */
    if (ftruncate(file->fd, file->at + (off_t)file->used) != 0 || close(file->fd) != 0)
        host_say("--record: %s is not complete: %s", file->path, strerror(errno));
    free(file);
}
