/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v1: what the files of Promgen's first API share: /rest/KIND/{name}, also as
 * /api/KIND/{name}, and /KIND/{id or name} of its oldest form. Shards, services
 * and projects go by their names, farms by their ids.
 * https://github.com/line/promgen (promgen/rest.py, promgen/serializers.py)
 */
#pragma once

#include "registry/http/routes.h"

/* The kind that the pattern of the route says. */
enum kind v1_kind(const struct registry_route *route);
/* Whom params[0] means; NULL: nobody. */
struct object *v1_find(const struct model *model, enum kind kind,
                       const char *name);
/* As v1 answers it: @hosts also those of a farm. @origin: call_origin(). Where
 * a notifier tells is shown to those who may change it. */
void v1_write(struct json_writer *json, const struct registry_viewer *viewer,
              const struct object *object, const char *origin, bool hosts);

void v1_create(struct registry_call *call);
void v1_put(struct registry_call *call);
void v1_patch(struct registry_call *call);
void v1_delete(struct registry_call *call);

/* GET /rest/shard/{name}/usages/ (v1_usages.c) */
void v1_usages(struct registry_call *call);
