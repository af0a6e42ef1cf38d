/* SPDX-License-Identifier: MIT */
/*
 * The scalar types and small structs that every public header uses.
 */
#ifndef FOURTUPLE_TYPES_H
#define FOURTUPLE_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
#define FT_BEGIN_DECLS extern "C" {
#define FT_END_DECLS   }
#else
#define FT_BEGIN_DECLS
#define FT_END_DECLS
#endif

#if defined(__GNUC__)
#define FT_PUBLIC __attribute__((visibility("default")))
#else
#define FT_PUBLIC
#endif

/* A socket. Negative: -errno. Else a 32-bit index and a 31-bit generation; a slot whose generation
   is spent is retired, so a stale descriptor is -EBADF for ever. */
typedef int64_t ft_sock;

/* Nanoseconds from an origin that the caller chooses. It never goes back: the stack's time is the
   largest ever given. */
typedef uint64_t ft_time;

#define FT_CC_MAX     16 /* octets of a congestion control's name, its end among them */
#define FT_TIME_NEVER UINT64_MAX
#define FT_US         UINT64_C(1000)
#define FT_MS         UINT64_C(1000000)
#define FT_SEC        UINT64_C(1000000000)

/* An IPv6 address as two host-order integers, most significant first. An IPv4 address is its
   v4-mapped form, ::ffff:a.b.c.d. All zero is "any". */
struct ft_addr {
    uint64_t hi;
    uint64_t lo;
};

/* Octets lent or borrowed; the call that uses one says by whom and for how long. */
struct ft_span {
    uint8_t *data;
    size_t len;
};

struct ft_stack;

#endif
