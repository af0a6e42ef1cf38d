/* SPDX-License-Identifier: MIT */
/*
 * A recording in a file (include/fourtuple/record.h). The file is mapped, so that what was written
 * is in it even if this process is killed in the next moment. Nobody but its owner may read it: it
 * holds secrets.
 */
#ifndef HOST_RECORD_FILE_H
#define HOST_RECORD_FILE_H

#include <fourtuple/record.h>

struct record_file; /* an open recording */

/**
 * Begin a file; one that exists is overwritten, and its mode is 0600 from then on.
 *
 * @path:     a regular file; borrowed until record_file_close(), for messages
 * @ret_file: to be ended by record_file_close(), after ft_record_stop() or ft_stack_free()
 *
 * Return: 0, or the -errno of opening; -EINVAL: not a regular file.
 */
int record_file_open(const char *path, struct record_file **ret_file);

/** Where ft_record_start() is to write. When the disk is full a line on stderr says so, once. */
struct ft_record_sink record_file_sink(struct record_file *file);

/**
 * End the file.
 *
 * @file: may be NULL
 */
void record_file_close(struct record_file *file);

#endif
