/* SPDX-License-Identifier: MIT */
/*
 * The directory of a user's wires and hosts, and how it is made sure that nobody else can enter or
 * replace it: made with mode 0700, opened without following a link, owner and mode checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/wire.h"

int link_wire_private_dir(const char *path, char *ret_err, size_t err_len)
{
    struct stat st;
    int fd, error = 0;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        error = -errno;
        (void)snprintf(ret_err, err_len, "cannot make %s: %s", path, strerror(-error));
        return error;
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        error = -errno;
        (void)snprintf(ret_err, err_len, "cannot open the directory %s: %s", path,
                       strerror(-error));
    } else if (st.st_uid != geteuid()) {
        error = -EPERM;
        (void)snprintf(ret_err, err_len,
                       "%s belongs to another user; set XDG_RUNTIME_DIR to a directory of yours",
                       path);
    } else if ((st.st_mode & 077) != 0) {
        error = -EPERM;
        (void)snprintf(ret_err, err_len, "others may enter %s; do: chmod 0700 %s", path, path);
    }
    if (fd >= 0)
        (void)close(fd); /* was only read */
    return error;
}

int link_wire_base(char *ret_path, size_t len, char *ret_err, size_t err_len)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    int n;

    if (runtime == NULL || runtime[0] == '\0') {
        n = snprintf(ret_path, len, "/tmp/fourtuple-%u", (unsigned)geteuid());
        return n < 0 || (size_t)n >= len ? -ENAMETOOLONG
                                         : link_wire_private_dir(ret_path, ret_err, err_len);
    }
    /* What sudo or su leave behind is another user's: nothing of ours may be put there. */
    if (stat(runtime, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid()) {
        (void)snprintf(ret_err, err_len,
                       "XDG_RUNTIME_DIR is %.200s, which is not a directory of yours; unset it",
                       runtime);
        return -EPERM;
    }
    n = snprintf(ret_path, len, "%s/fourtuple", runtime);
    if (n < 0 || (size_t)n >= len) {
        (void)snprintf(ret_err, err_len, "the path in XDG_RUNTIME_DIR is too long");
        return -ENAMETOOLONG;
    }
    return link_wire_private_dir(ret_path, ret_err, err_len);
}
