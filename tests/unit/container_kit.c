/* SPDX-License-Identifier: Apache-2.0 */
#include "container_kit.h"

#include "base/macros.h"
#include "base/slice.h"

#define NS_PER_MS 1000000
#define START_MS  INT64_C(1700000000000)

/* --- the listener -------------------------------------------------------------- */

static void on_begin(void *context, const struct reading *reading)
{
	struct kit *kit = context;

	assert_false(kit->begun);
	kit->begun = true;
	kit->n_begun++;
	kit->reading_given = reading != NULL;
	if (reading)
		kit->reading = reading->result;
}

static void on_end(void *context)
{
	struct kit *kit = context;

	assert_true(kit->begun);
	kit->begun = false;
}

static void *on_appear(void *context, uint32_t subscription,
                       const struct container *container)
{
	struct kit *kit = context;
	struct kit_member *member = NULL;
	char identity[CONTAINER_IDENTITY_MAX];
	size_t n_used = 0;

	assert_true(kit->begun);
	(void)container_identity(container, identity, sizeof(identity));
	assert_null(kit_member(kit, subscription, identity));
	for (size_t i = 0; i < KIT_MEMBERS; i++) {
		n_used += kit->members[i].used;
		if (!kit->members[i].used && !member)
			member = &kit->members[i];
	}
	if (n_used >= kit->max_members || !member) {
		kit->n_refused++;
		return NULL;
	}
	*member = (struct kit_member){ .used = true,
		                       .subscription = subscription };
	(void)snprintf(member->identity, sizeof(member->identity), "%.63s",
	               identity);
	kit->n_appeared++;
	return member;
}

static void on_observe(void *context, void *memory,
                       const struct observation *observation,
                       const struct container *container)
{
	struct kit *kit = context;
	struct kit_member *member = memory;

	assert_true(kit->begun);
	assert_true(member->used);
	assert_int_equal(observation->kind == OBSERVATION_UNKNOWN, !container);
	member->last = *observation;
	member->n_observed++;
	kit->n_observed++;
	if (!container)
		return;
	(void)snprintf(member->id, sizeof(member->id), "%s", container->id);
	(void)snprintf(member->name, sizeof(member->name), "%s",
	               container->name);
}

static void on_leave(void *context, void *memory)
{
	struct kit *kit = context;
	struct kit_member *member = memory;

	assert_true(kit->begun);
	assert_true(member->used);
	member->used = false;
	kit->n_left++;
}

/* --- the table ------------------------------------------------------------------ */

void kit_init(struct kit *kit)
{
	struct container_table_listener listener = { on_begin,   on_appear,
		                                     on_observe, on_leave,
		                                     on_end,     kit };

	*kit = (struct kit){ .max_members = KIT_MEMBERS, .now_ms = START_MS };
	assert_int_equal(exit_codes_parse(slice_from("any"), &kit->any, NULL),
	                 0);
	assert_int_equal(
		exit_codes_parse(slice_from("nonzero"), &kit->nonzero, NULL),
		0);
	kit->table = container_table_new(&listener, "", 7);
	assert_non_null(kit->table);
}

void kit_fini(struct kit *kit)
{
	assert_false(kit->begun);
	container_table_free(kit->table);
}

void kit_subscribe(struct kit *kit, uint32_t subscription,
                   const struct containers_query *query)
{
	assert_int_equal(
		container_table_subscribe(kit->table, subscription, query), 0);
}

struct container kit_container(const char *id, const char *name)
{
	return (struct container){
		.id = id,
		.name = name,
		.project = "",
		.image = "image",
		.status = CONTAINER_RUNNING,
		.health = CONTAINER_HEALTH_HEALTHY,
		.created_wall_ms = START_MS - 5000,
		.exit_code = -1,
		.check_exit_code = -1,
		.output = "",
	};
}

struct containers_query kit_health_query(const struct kit *kit)
{
	return (struct containers_query){ .watch = CONTAINERS_HEALTH,
		                          .selector = &kit->all };
}

struct containers_query kit_exited_query(const struct kit *kit)
{
	return (struct containers_query){ .watch = CONTAINERS_EXITED,
		                          .selector = &kit->all,
		                          .codes = &kit->nonzero };
}

void kit_init_health(struct kit *kit)
{
	kit_init(kit);
	kit->health = kit_health_query(kit);
	kit_subscribe(kit, 0, &kit->health);
}

struct container kit_unhealthy(const char *id, const char *name)
{
	struct container container = kit_container(id, name);

	container.health = CONTAINER_HEALTH_UNHEALTHY;
	container.n_streak = 3;
	container.check_exit_code = 7;
	container.output = "no answer";
	return container;
}

struct container kit_exited(const struct kit *kit, const char *id,
                            const char *name, int64_t code)
{
	struct container container = kit_container(id, name);

	container.status = CONTAINER_EXITED;
	container.health = CONTAINER_HEALTH_UNSAID;
	container.started_wall_ms = kit->now_ms - 9000;
	container.finished_wall_ms = kit->now_ms - 4000;
	container.exit_code = code;
	return container;
}

static const struct container_label compose_labels[] = {
	{ CONTAINER_COMPOSE_PROJECT, "shop" },
	{ CONTAINER_COMPOSE_SERVICE, "web" },
	{ CONTAINER_COMPOSE_NUMBER, "1" },
	{ CONTAINER_COMPOSE_DEPENDS, "db:service_started:true" },
	{ "else", "x" },
};

struct container kit_of_compose(const char *id, const char *name,
                                int64_t created_ms)
{
	struct container container = kit_container(id, name);

	container.labels = compose_labels;
	container.n_labels = ARRAY_SIZE(compose_labels);
	container.created_wall_ms = created_ms;
	return container;
}

void kit_element(struct kit *kit, const struct container *container)
{
	assert_int_equal(container_table_list_element(kit->table, container,
	                                              kit->now_ms),
	                 0);
}

static const struct container *among(const struct container *containers,
                                     size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(containers[i].id, id) == 0)
			return &containers[i];
	return NULL;
}

void kit_list(struct kit *kit, const struct container *containers, size_t n)
{
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };
	const struct container *next;

	container_table_list_begin(kit->table, true);
	for (size_t i = 0; i < n; i++)
		kit_element(kit, &containers[i]);
	container_table_list_end(kit->table, true);
	while ((next = container_table_next_look(kit->table))) {
		const struct container *there = among(containers, n, next->id);

		if (there)
			kit_found(kit, there);
		else
			kit_look_failed(kit, next->id, CONTAINER_LOOK_GONE);
	}
	assert_true(container_table_ready(kit->table));
	container_table_publish(kit->table, &reading, kit->now_ms);
	assert_false(kit->begun);
}

static void send(struct kit *kit, struct runtime_event *event)
{
	kit->now_ms += 1000;
	event->time_ns = kit->now_ms * NS_PER_MS;
	event->name = "";
	event->project = "";
	assert_int_equal(container_table_event(kit->table, event, kit->now_ms),
	                 0);
	assert_false(kit->begun);
}

void kit_event(struct kit *kit, enum runtime_event_kind kind, const char *id)
{
	struct runtime_event event = { .kind = kind,
		                       .id = id,
		                       .exit_code = -1 };

	send(kit, &event);
}

void kit_health_event(struct kit *kit, const char *id,
                      enum container_health health)
{
	struct runtime_event event = { .kind = RUNTIME_EVENT_HEALTH,
		                       .id = id,
		                       .health = health,
		                       .exit_code = -1 };

	send(kit, &event);
}

void kit_ended(struct kit *kit, const char *id, int64_t code, bool asked)
{
	struct runtime_event event = { .kind = RUNTIME_EVENT_ENDED,
		                       .id = id,
		                       .exit_code = code,
		                       .asked = asked };

	send(kit, &event);
}

void kit_expect_look(struct kit *kit, const char *id)
{
	const struct container *next = container_table_next_look(kit->table);

	assert_string_equal(next ? next->id : "", id);
}

void kit_found(struct kit *kit, const struct container *container)
{
	struct container detailed = *container;

	detailed.detailed = true;
	assert_int_equal(container_table_looked(kit->table, container->id,
	                                        CONTAINER_LOOK_FOUND, &detailed,
	                                        kit->now_ms),
	                 0);
	assert_false(kit->begun);
}

void kit_look_failed(struct kit *kit, const char *id,
                     enum container_look result)
{
	assert_int_equal(container_table_looked(kit->table, id, result, NULL,
	                                        kit->now_ms),
	                 0);
	assert_false(kit->begun);
}

struct kit_member *kit_member(struct kit *kit, uint32_t subscription,
                              const char *identity)
{
	for (size_t i = 0; i < KIT_MEMBERS; i++)
		if (kit->members[i].used &&
		    kit->members[i].subscription == subscription &&
		    strcmp(kit->members[i].identity, identity) == 0)
			return &kit->members[i];
	return NULL;
}

void kit_expect(struct kit *kit, uint32_t subscription, const char *identity,
                enum observation_kind kind, enum health health)
{
	const struct kit_member *member =
		kit_member(kit, subscription, identity);

	if (!member) {
		fail_msg("%s is not covered by %u", identity, subscription);
		return;
	}
	if (!member->n_observed)
		fail_msg("nothing was told of %s", identity);
	if (member->last.kind != kind || member->last.health != health)
		fail_msg("%s: kind %d, health %d; not %d, %d", identity,
		         member->last.kind, member->last.health, kind, health);
}
