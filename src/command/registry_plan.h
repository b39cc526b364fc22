/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_plan: what changes a registry in bulk, and the plan that comes of
 * it: for the commands that apply, import and register.
 */
#pragma once

#include "base/json_writer.h"
#include "command/registry.h"

#define PLAN_MAX_REQUEST 67108864 /* bytes */
#define PLAN_TIMEOUT_MS  120000   /* much may be read and written */

/* POSTs @body to @path (with its query); the plan in call->root. As
 * registry_ask(); without a timeout of the options it has its own. */
int plan_post(struct client *client, const struct client_options *options,
              const char *path, struct slice body, const char *content_type,
              struct client_call *call);

/* Its lines, what was left out, and how much it is; or the JSON. */
void plan_print(const struct command_io *io,
                const struct client_options *options,
                const struct client_call *call);

/* The first change of that kind; NULL: there is none. */
const struct json_t *plan_change(const struct client_call *call,
                                 const char *kind);
/* Is the change's op that? False of NULL. */
bool plan_is(const struct json_t *change, const char *op);
