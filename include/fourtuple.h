/* SPDX-License-Identifier: MIT */
/*
 * fourtuple: a TCP/IP host in your process. No thread, no system call, no clock: packets, calls and
 * the time come in by arguments; packets, events and the next deadline are asked for.
 *
 *     config.h   a stack and its limits
 *     iface.h    interfaces, addresses, routes, packets, time
 *     socket.h   the socket calls
 *     diag.h     the socket table, counters, the verdict on each packet
 *     handover.h a live connection goes on in another stack
 *     record.h   writing down all that enters a stack, to run it again
 *     malloc.h   libc's allocator (include it yourself)
 */
#ifndef FOURTUPLE_H
#define FOURTUPLE_H

#include <fourtuple/config.h>
#include <fourtuple/diag.h>
#include <fourtuple/handover.h>
#include <fourtuple/iface.h>
#include <fourtuple/record.h>
#include <fourtuple/socket.h>
#include <fourtuple/types.h>

#endif
