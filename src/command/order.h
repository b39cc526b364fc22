/* SPDX-License-Identifier: Apache-2.0 */
/* order: a POST to the daemon that changes something. */
#pragma once

#include "command/client.h"

/*
 * Sends @body to @path and, if it was done, prints the answer as it is with
 * --json, else by @print. @monitor as in client_complain(). Returns what to
 * exit with.
 */
int order_send(const struct command_io *io,
               const struct client_options *options, struct slice path,
               struct slice body, const char *monitor,
               void (*print)(FILE *out, const struct json_t *answer));
