/* SPDX-License-Identifier: Apache-2.0 */
/* workers: what others may say of servers, too. */
#pragma once

#include "registry/http/routes.h"

#define REGISTRY_WORKERS_MAX_LIST (64u << 20) /* bytes of an answer */

/* Members of the object that is being written: how far that server is. */
void registry_server_write(struct registry *registry, struct json_writer *json,
                           const struct object *server);

/* GET /explain/target (explain_target.c). */
void registry_explain_target(struct registry_call *call);
