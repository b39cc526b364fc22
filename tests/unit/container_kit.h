/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_kit: a table of containers and a listener that remembers what it
 * was told, and that fails the test when it is told what makes no sense.
 */
#pragma once

#include "support/cmocka.h"

#include "core/container_table.h"

#define KIT_MEMBERS 64

struct kit_member {
	bool used; /* it appeared, and has not left */
	uint32_t subscription;
	char identity[64];
	char id[64];   /* of the container, as last told */
	char name[64]; /* likewise */
	struct observation last;
	unsigned n_observed;
};

struct kit {
	struct container_table *table;
	struct kit_member members[KIT_MEMBERS];
	size_t max_members; /* more are refused */
	unsigned n_appeared, n_left, n_observed, n_refused;
	bool begun;
	unsigned n_begun;
	bool reading_given; /* with the last begin */
	enum reading_result reading;
	int64_t now_ms;
	struct exit_codes any, nonzero;
	struct selector all;
	struct containers_query health; /* of kit_init_health() */
};

void kit_init(struct kit *kit);
/* … with a subscription 0 to the health of all. */
void kit_init_health(struct kit *kit);
void kit_fini(struct kit *kit);
void kit_subscribe(struct kit *kit, uint32_t subscription,
                   const struct containers_query *query);

/* One that runs and is healthy, of a list. */
struct container kit_container(const char *id, const char *name);

/* … and is not. */
struct container kit_unhealthy(const char *id, const char *name);
/* It ran for five seconds, and ended four seconds ago. */
struct container kit_exited(const struct kit *kit, const char *id,
                            const char *name, int64_t code);
/* shop/web/1 */
struct container kit_of_compose(const char *id, const char *name,
                                int64_t created_ms);

/* Of all containers; ends by themselves with a code that is not 0. */
struct containers_query kit_health_query(const struct kit *kit);
struct containers_query kit_exited_query(const struct kit *kit);

/* A whole list of these; everything it leads to is looked up among them
 * (made detailed), and it is published if it can be. */
void kit_list(struct kit *kit, const struct container *containers, size_t n);
void kit_element(struct kit *kit, const struct container *container);

/* A second later. */
void kit_event(struct kit *kit, enum runtime_event_kind kind, const char *id);
void kit_health_event(struct kit *kit, const char *id,
                      enum container_health health);
void kit_ended(struct kit *kit, const char *id, int64_t code, bool asked);

/* The next look is at @id; "" for none. */
void kit_expect_look(struct kit *kit, const char *id);
/* It finds @container, detailed. */
void kit_found(struct kit *kit, const struct container *container);
void kit_look_failed(struct kit *kit, const char *id,
                     enum container_look result);

/* NULL if there is none now. */
struct kit_member *kit_member(struct kit *kit, uint32_t subscription,
                              const char *identity);
/* It is there, and was told this last. */
void kit_expect(struct kit *kit, uint32_t subscription, const char *identity,
                enum observation_kind kind, enum health health);
