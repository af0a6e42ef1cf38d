/* SPDX-License-Identifier: MIT */
/*
 * Option values in and out, by Linux's rules for their lengths: what is set may be longer than the
 * value, what is read is cut to the room there is. It knows no option.
 */
#include "sock/opt.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int ft_opt_get(const void *value, socklen_t len, void *ret, size_t size)
{
    if (len > INT_MAX || len < size)
        return -EINVAL;
    if (!value)
        return -EFAULT;
    memcpy(ret, value, size);
    return 0;
}

int ft_opt_get_int(const void *value, socklen_t len, int *ret)
{
    return ft_opt_get(value, len, ret, sizeof(*ret));
}

int ft_opt_get_small(const void *value, socklen_t len, int *ret)
{
    unsigned char octet;
    int err;

    if (len >= sizeof(*ret))
        return ft_opt_get_int(value, len, ret);
    err = ft_opt_get(value, len, &octet, sizeof(octet));
    if (!err)
        *ret = octet;
    return err;
}

int ft_opt_put(void *ret_value, socklen_t *len, const void *data, size_t size)
{
    if (!len)
        return -EFAULT;
    if (*len > INT_MAX)
        return -EINVAL;
    if (size > *len)
        size = *len;
    if (size > 0 && !ret_value)
        return -EFAULT;
    if (size > 0)
        memcpy(ret_value, data, size);
    *len = (socklen_t)size;
    return 0;
}

int ft_opt_put_int(void *ret_value, socklen_t *len, int v)
{
    return ft_opt_put(ret_value, len, &v, sizeof(v));
}

int ft_opt_put_small(void *ret_value, socklen_t *len, int v)
{
    unsigned char octet = (unsigned char)v;

    if (len && *len > 0 && *len < sizeof(v) && v >= 0 && v <= UCHAR_MAX)
        return ft_opt_put(ret_value, len, &octet, sizeof(octet));
    return ft_opt_put_int(ret_value, len, v);
}
