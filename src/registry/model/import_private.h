/* SPDX-License-Identifier: Apache-2.0 */
/* What the files import_*.c share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "proto/json.h"
#include "registry/model/portable.h"

struct import {
	struct portable *portable;
	const char *shard;    /* of all projects; NULL: as they say */
	struct buf *notes;    /* lines: what is left out */
	struct arena memory;  /* for as long as one document is read */
	struct map exporters; /* item → struct import_exporter */
	struct map hosts;     /* item → struct import_host */
	struct import_exporter *first_exporter;
	bool only_hosts; /* of targets: exporters are known already */
	struct err *err;
};

/* The first character that is no blank; 0 if there is none. */
char import_first(struct slice text);

/* The item of that name (its first field) in @owner, made if there is none. */
int import_named(struct portable *portable, struct portable_item *owner,
                 enum kind kind, struct slice name,
                 struct portable_item **itemp) MUST_CHECK;
/* The project, its service and its shard (p NULL: not said). */
int import_project(struct import *import, struct slice service,
                   struct slice project, struct slice shard,
                   struct portable_item **projectp) MUST_CHECK;
int import_farm(struct import *import, struct portable_item *project,
                struct slice name, struct slice source,
                struct portable_item **farmp) MUST_CHECK;
int import_url(struct import *import, struct portable_item *project,
               struct slice url, struct slice module) MUST_CHECK;

/* As portable_labels(); too many are an error that names the item. */
int import_labels(struct import *import, struct portable_item *item,
                  unsigned field, const struct label *labels,
                  size_t n) MUST_CHECK;

/* A list of groups: targets, or URLs. */
int import_groups(struct import *import,
                  const struct json_t *groups) MUST_CHECK;
int import_rules(struct import *import, struct slice yaml) MUST_CHECK;
int import_v2(struct import *import, const struct json_t *v2) MUST_CHECK;
