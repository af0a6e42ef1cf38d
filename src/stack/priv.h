/* SPDX-License-Identifier: MIT */
/*
 * What the files of stack/ share.
 */
#ifndef STACK_PRIV_H
#define STACK_PRIV_H

#include "base/assert.h"
#include "stack/stack.h"

/** Whether a configuration is sensible. */
bool ft_config_ok(const struct ft_config *config);

#endif
