/* SPDX-License-Identifier: MIT */
/*
 * Files and names around the program, in its private mount and UTS namespaces. The files live in a
 * tmpfs that is bound over the real ones and mounted nowhere else, so nothing is left on any disk.
 *
 * Not applicable: no name is resolved here; the program's own resolver asks,
 * through its UDP sockets, the servers that --dns names in its resolv.conf.
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where resolvers of this machine listen: a program must not ask them behind our back. */
static const char *const resolvers[] = {
    "/run/systemd/resolve",
    "/run/nscd",
    "/var/run/nscd",
    "/run/avahi-daemon",
};

#define N_RESOLVERS (sizeof(resolvers) / sizeof(resolvers[0]))

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int write_file(const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc = 0;

    if (fd < 0)
        return -errno;
    if (write(fd, text, len) != (ssize_t)len)
        rc = errno ? -errno : -ENOSPC;
    close(fd);
    return rc;
}

/* A link into a folder that is hidden by now leads nowhere: its target may be made there. No file
   is ever made on the machine's own disks. */
static bool leads_into_hidden(const char *path)
{
    char target[256];
    ssize_t n = readlink(path, target, sizeof(target) - 1);

    if (n <= 0)
        return false;
    target[n] = '\0';
    for (size_t i = 0; i < N_RESOLVERS; i++) {
        if (strstr(target, resolvers[i] + 1))
            return is_dir(resolvers[i]);
    }
    return false;
}

static int cover(const char *with, const char *path)
{
    int fd;

    if (mount(with, path, NULL, MS_BIND, NULL) == 0)
        return 0;
    if (errno != ENOENT || !leads_into_hidden(path))
        return -errno;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return -errno;
    close(fd);
    return mount(with, path, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* A file that is not there need not be covered, unless it would have to say something. */
static int cover_if_there(const char *with, const char *path, bool must)
{
    int rc = cover(with, path);

    return rc == -ENOENT && !must ? 0 : rc;
}

/* /sys tells of the interfaces of the namespace in which it was mounted, so it would show those of
   the machine. Only its two folders about interfaces give way, for in the others (control groups)
   other things are mounted. Where a new sysfs is refused (containers that hide parts of theirs),
   there are no interfaces to be found in it: none is better than somebody else's. */
static void cover_interfaces(void)
{
    static const char *const folders[] = {"class/net", "devices/virtual/net"};
    bool is_new = mkdir("/proc/sysfs", 0755) == 0 &&
                  mount("sysfs", "/proc/sysfs", "sysfs",
                        MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) == 0;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char from[64], path[64];

        (void)snprintf(from, sizeof(from), "/proc/sysfs/%s", folders[i]);
        (void)snprintf(path, sizeof(path), "/sys/%s", folders[i]);
        if (!is_dir(path) || (is_new && mount(from, path, NULL, MS_BIND, NULL) == 0))
            continue;
        (void)mount("fourtuple", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=4k");
    }
}

static int cover_files(const struct sandbox *sandbox, char *ret_err, size_t err_len)
{
    int rc;

    /* /proc gets a new mount anyway; until then it is a place for ours. */
    if (mount("fourtuple", "/proc", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=755") < 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "a tmpfs cannot be mounted: %s", strerror(-rc));
        return rc;
    }
    rc = write_file("/proc/resolv.conf", sandbox->resolv_conf);
    if (rc == 0)
        rc = write_file("/proc/hosts", sandbox->hosts);
    if (rc == 0)
        rc = cover_if_there("/proc/resolv.conf", "/etc/resolv.conf",
                            strstr(sandbox->resolv_conf, "nameserver") != NULL);
    if (rc == 0)
        rc = cover_if_there("/proc/hosts", "/etc/hosts", false);
    if (rc < 0)
        snprintf(ret_err, err_len, "/etc/resolv.conf and /etc/hosts cannot be covered: %s",
                 strerror(-rc));
    cover_interfaces();
    if (umount2("/proc", MNT_DETACH) < 0 && rc == 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "/proc: %s", strerror(-rc));
    }
    return rc;
}

static void hide_resolvers(void)
{
    for (size_t i = 0; i < N_RESOLVERS; i++) {
        /* Where there is none there is nothing to hide. */
        if (is_dir(resolvers[i]))
            (void)mount("fourtuple", resolvers[i], "tmpfs", MS_NOSUID | MS_NODEV, "size=64k");
    }
}

int sandbox_furnish(struct sandbox *sandbox, char *ret_err, size_t err_len)
{
    int rc = netif_make(sandbox, ret_err, err_len);

    if (rc < 0)
        return rc;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "the mounts cannot be made private: %s", strerror(-rc));
        return rc;
    }
    hide_resolvers();
    rc = cover_files(sandbox, ret_err, err_len);
    if (rc < 0)
        return rc;
    /* Inside some containers /proc may not be mounted anew; the old one still serves. */
    (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    if (sethostname(sandbox->host_name, strlen(sandbox->host_name)) < 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "--name: %s: %s", sandbox->host_name, strerror(-rc));
    }
    return rc;
}
