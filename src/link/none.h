/* SPDX-License-Identifier: MIT */
/*
 * A wire with nobody on it: takes every frame and gives none.
 */
#ifndef LINK_NONE_H
#define LINK_NONE_H

#include "link/link.h"

/**
 * Open one.
 *
 * @ret_link: to be closed by link_close()
 *
 * Return: 0; -ENOMEM.
 */
int link_none_open(struct link **ret_link);

#endif
