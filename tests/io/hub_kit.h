/* SPDX-License-Identifier: Apache-2.0 */
/* hub_kit: a registry on the private loop of store_kit, and edits of it. */
#pragma once

#include "store_kit.h"

#include "registry/registry.h"

/* An edit that notes how it ended. */
struct tried {
	struct registry_edit edit;
	enum kind kind;
	const char *name; /* of what is made */
	const char *text; /* the PromQL of a rule */
	int refuse;       /* apply() says no with this; 0: it does not */
	bool idle;        /* … or changes nothing */
	int n_applied;
	bool done;
	char words[1024]; /* of promtool */
};

extern struct config_registry config; /* of open_registry() */
extern struct buf log_text;

int hub_set_up(void **state);
int hub_tear_down(void **state);

struct registry *open_registry(void);
/* Runs the loop until it is closed. */
void close_registry(struct registry *registry);

/* A service, a shard or a global rule of that name; by "tester". */
struct tried making(enum kind kind, const char *name);
void submit(struct registry *registry, struct tried *tried);
void await_edit(struct tried *tried, enum registry_outcome outcome);
/* Both. */
void make(struct registry *registry, enum kind kind, const char *name);
bool has(struct registry *registry, enum kind kind, const char *name);
/* A program in the private directory, by which promtool is replaced. */
void write_promtool(const char *script);
