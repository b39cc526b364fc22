/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_table against an engine whose life is chance: events, lists and
 * looks come late and in any mixture, streams are cut and events lost. When
 * all has arrived, what was told last of each container is how it is.
 */
#include "container_kit.h"

#include <inttypes.h>
#include "base/macros.h"
#include "base/rng.h"

#define N_SLOTS   6
#define N_EVENTS  256
#define N_LOOKS   4
#define N_STEPS   400
#define N_LIVES   300
#define NS_PER_MS 1000000

/* One container, as it is. */
struct slot {
	bool there;
	char id[16];
	char name[16];
	struct container state;
	bool asked; /* its last end was */
};

struct look {
	bool busy;
	bool answered; /* the state is from now on what it will say */
	bool found;
	char id[16];
	struct slot seen;
};

struct engine {
	struct kit kit;
	struct rng rng;
	struct containers_query health, ends, seen_ends;
	struct slot slots[N_SLOTS];
	unsigned n_made;

	struct runtime_event events[N_EVENTS]; /* on their way */
	char event_ids[N_EVENTS][16];
	size_t n_events, n_arrived;

	struct slot listed[N_SLOTS]; /* as they were when it was asked for */
	size_t at_listed;
	bool listing;
	bool gap;      /* events were lost since the last list began */
	bool ever_cut; /* … or at any time */
	struct look looks[N_LOOKS];
};

static bool chance(struct engine *engine, uint64_t of)
{
	return rng_below(&engine->rng, of) == 0;
}

static struct container state_of(const struct slot *slot)
{
	struct container state = slot->state;

	state.id = slot->id;
	state.name = slot->name;
	return state;
}

/* --- what happens in it ----------------------------------------------------------- */

static void happens(struct engine *engine, const struct slot *slot,
                    enum runtime_event_kind kind)
{
	size_t at = engine->n_events++;

	assert_true(at < N_EVENTS);
	(void)snprintf(engine->event_ids[at], sizeof(engine->event_ids[at]),
	               "%s", slot->id);
	engine->events[at] = (struct runtime_event){
		.kind = kind,
		.id = engine->event_ids[at],
		.name = "",
		.project = "",
		.health = slot->state.health,
		.exit_code = slot->state.exit_code,
		.time_ns = engine->kit.now_ms * NS_PER_MS,
	};
}

static void make(struct engine *engine, size_t at)
{
	struct slot *slot = &engine->slots[at];

	*slot = (struct slot){ .there = true };
	(void)snprintf(slot->id, sizeof(slot->id), "id%u", ++engine->n_made);
	(void)snprintf(slot->name, sizeof(slot->name), "slot%zu", at);
	slot->state = kit_container("", "");
	slot->state.status = CONTAINER_OTHER;
	slot->state.health = CONTAINER_HEALTH_NONE;
	slot->state.created_wall_ms = engine->kit.now_ms;
	happens(engine, slot, RUNTIME_EVENT_CREATED);
}

static void start(struct engine *engine, struct slot *slot)
{
	slot->state.status = CONTAINER_RUNNING;
	slot->state.health = CONTAINER_HEALTH_STARTING;
	slot->state.n_streak = 0;
	slot->state.exit_code = -1;
	slot->state.started_wall_ms = engine->kit.now_ms;
	slot->asked = false;
	happens(engine, slot, RUNTIME_EVENT_STARTED);
}

/* Now and then the engine tells of the kill only after the end. */
static void end(struct engine *engine, struct slot *slot, bool asked)
{
	bool late = asked && chance(engine, 3);

	if (asked && !late)
		happens(engine, slot, RUNTIME_EVENT_ASKED);
	engine->kit.now_ms += 7;
	slot->state.status = CONTAINER_EXITED;
	slot->state.finished_wall_ms = engine->kit.now_ms;
	slot->state.exit_code =
		asked ? 137 : (int64_t)rng_below(&engine->rng, 2);
	slot->asked = asked;
	happens(engine, slot, RUNTIME_EVENT_ENDED);
	engine->kit.now_ms += 7;
	if (late)
		happens(engine, slot, RUNTIME_EVENT_ASKED);
}

/* A check, which only tells if it changes anything. */
static void check(struct engine *engine, struct slot *slot)
{
	enum container_health health = chance(engine, 2)
	                                       ? CONTAINER_HEALTH_HEALTHY
	                                       : CONTAINER_HEALTH_UNHEALTHY;
	bool was_hollow = slot->state.health == CONTAINER_HEALTH_UNHEALTHY &&
	                  slot->state.n_streak == 0;

	/* what a pause has left behind: the engine would keep silent */
	if (was_hollow)
		health = CONTAINER_HEALTH_HEALTHY;
	if (health == slot->state.health)
		return;
	slot->state.health = health;
	slot->state.n_streak = health == CONTAINER_HEALTH_UNHEALTHY ? 3 : 0;
	happens(engine, slot, RUNTIME_EVENT_HEALTH);
}

static void freeze(struct engine *engine, struct slot *slot)
{
	slot->state.status = CONTAINER_PAUSED;
	slot->state.health = CONTAINER_HEALTH_UNHEALTHY;
	slot->state.n_streak = 0;
	happens(engine, slot, RUNTIME_EVENT_PAUSED);
}

static void something_happens(struct engine *engine)
{
	size_t at = rng_below(&engine->rng, N_SLOTS);
	struct slot *slot = &engine->slots[at];

	if (!slot->there) {
		make(engine, at);
	} else if (slot->state.status == CONTAINER_PAUSED) {
		slot->state.status = CONTAINER_RUNNING;
		happens(engine, slot, RUNTIME_EVENT_RESUMED);
	} else if (slot->state.status != CONTAINER_RUNNING) {
		if (!chance(engine, 3)) {
			start(engine, slot);
			return;
		}
		slot->there = false;
		happens(engine, slot, RUNTIME_EVENT_REMOVED);
	} else if (chance(engine, 4)) {
		end(engine, slot, chance(engine, 2));
	} else if (chance(engine, 5)) {
		freeze(engine, slot);
	} else {
		check(engine, slot);
	}
}

/* --- what arrives ------------------------------------------------------------------ */

static void event_arrives(struct engine *engine)
{
	if (engine->n_arrived == engine->n_events)
		return;
	assert_int_equal(
		container_table_event(engine->kit.table,
	                              &engine->events[engine->n_arrived++],
	                              engine->kit.now_ms),
		0);
	if (engine->n_arrived < engine->n_events)
		return;
	engine->n_arrived = engine->n_events = 0;
}

static void list_begins(struct engine *engine)
{
	if (engine->listing)
		return;
	engine->listing = true;
	engine->at_listed = 0;
	memcpy(engine->listed, engine->slots, sizeof(engine->slots));
	container_table_list_begin(engine->kit.table, engine->gap);
	engine->gap = false;
}

static void list_goes_on(struct engine *engine)
{
	const struct slot *slot;
	struct container state;

	if (!engine->listing)
		return;
	if (engine->at_listed == N_SLOTS) {
		container_table_list_end(engine->kit.table, true);
		engine->listing = false;
		return;
	}
	slot = &engine->listed[engine->at_listed++];
	state = state_of(slot);
	state.n_streak = 0;
	state.started_wall_ms = state.finished_wall_ms = 0;
	if (slot->there)
		kit_element(&engine->kit, &state);
}

static void publish(struct engine *engine)
{
	static const struct reading reading = { .detail = "" };

	if (container_table_ready(engine->kit.table))
		container_table_publish(engine->kit.table, &reading,
		                        engine->kit.now_ms);
}

static void look_begins(struct engine *engine, struct look *look)
{
	const struct container *next =
		container_table_next_look(engine->kit.table);

	if (!next)
		return;
	*look = (struct look){ .busy = true };
	(void)snprintf(look->id, sizeof(look->id), "%s", next->id);
}

static void look_sees(struct engine *engine, struct look *look)
{
	look->answered = true;
	for (size_t i = 0; i < N_SLOTS; i++) {
		if (!engine->slots[i].there ||
		    strcmp(engine->slots[i].id, look->id) != 0)
			continue;
		look->found = true;
		look->seen = engine->slots[i];
	}
}

static void look_arrives(struct engine *engine, struct look *look)
{
	struct container state = state_of(&look->seen);

	look->busy = false;
	if (look->found)
		kit_found(&engine->kit, &state);
	else
		kit_look_failed(&engine->kit, look->id, CONTAINER_LOOK_GONE);
}

static void look_goes_on(struct engine *engine)
{
	struct look *look = &engine->looks[rng_below(&engine->rng, N_LOOKS)];

	if (!look->busy)
		look_begins(engine, look);
	else if (!look->answered)
		look_sees(engine, look);
	else
		look_arrives(engine, look);
}

/* What was on its way is lost; the next list finds it. */
static void cut(struct engine *engine)
{
	engine->n_arrived = engine->n_events = 0;
	engine->gap = engine->ever_cut = true;
	if (engine->listing) {
		engine->listing = false;
		container_table_list_end(engine->kit.table, false);
	}
}

static void step(struct engine *engine, bool may_cut)
{
	engine->kit.now_ms += 5;
	switch (rng_below(&engine->rng, 8)) {
	case 0:
	case 1:
		if (engine->n_events + 4 < N_EVENTS)
			something_happens(engine);
		break;
	case 2:
	case 3:
		event_arrives(engine);
		break;
	case 4:
		list_goes_on(engine);
		publish(engine);
		break;
	case 5:
		if (chance(engine, 20))
			list_begins(engine);
		if (may_cut && chance(engine, 30))
			cut(engine);
		break;
	default:
		look_goes_on(engine);
		publish(engine);
		break;
	}
}

/* Everything arrives; a list that was due, too. */
static void settle(struct engine *engine)
{
	if (engine->gap)
		list_begins(engine);
	while (engine->n_events)
		event_arrives(engine);
	while (engine->listing)
		list_goes_on(engine);
	for (int i = 0; i < 1000; i++)
		look_goes_on(engine);
	publish(engine);
	kit_expect_look(&engine->kit, "");
}

/* --- what must have been told -------------------------------------------------------- */

static enum health health_of(const struct slot *slot)
{
	if (slot->state.status != CONTAINER_RUNNING)
		return HEALTH_IDLE;
	if (slot->state.health == CONTAINER_HEALTH_HEALTHY)
		return HEALTH_GOOD;
	if (slot->state.health == CONTAINER_HEALTH_UNHEALTHY &&
	    slot->state.n_streak > 0)
		return HEALTH_BAD;
	return HEALTH_STARTING;
}

static void expect_end(struct engine *engine, uint32_t subscription,
                       const struct slot *slot, bool counts)
{
	if (slot->state.status == CONTAINER_EXITED && counts)
		kit_expect(&engine->kit, subscription, slot->name,
		           OBSERVATION_EXITED, HEALTH_IDLE);
	else
		kit_expect(&engine->kit, subscription, slot->name,
		           OBSERVATION_HEALTH,
		           slot->state.status == CONTAINER_RUNNING
		                   ? HEALTH_GOOD
		                   : HEALTH_IDLE);
}

static void expect_truth(struct engine *engine)
{
	size_t n_there = 0;

	for (size_t i = 0; i < N_SLOTS; i++) {
		const struct slot *slot = &engine->slots[i];

		if (!slot->there)
			continue;
		n_there++;
		kit_expect(&engine->kit, 0, slot->name, OBSERVATION_HEALTH,
		           health_of(slot));
		assert_string_equal(kit_member(&engine->kit, 0, slot->name)->id,
		                    slot->id);
		expect_end(engine, 1, slot, true);
		/* of what was lost nobody can know how it ended */
		if (!engine->ever_cut)
			expect_end(engine, 2, slot,
			           !slot->asked && slot->state.exit_code);
	}
	assert_int_equal(container_table_count(engine->kit.table), n_there);
	for (size_t i = 0; i < KIT_MEMBERS; i++)
		n_there -= engine->kit.members[i].used &&
		           engine->kit.members[i].subscription == 0;
	assert_int_equal(n_there, 0);
}

static void live(uint64_t seed, bool may_cut)
{
	static struct engine engine;

	memset(&engine, 0, sizeof(engine));
	engine.rng.state = seed;
	kit_init(&engine.kit);
	engine.health = kit_health_query(&engine.kit);
	engine.ends = kit_exited_query(&engine.kit);
	engine.ends.codes = &engine.kit.any;
	engine.ends.any_end = true;
	engine.seen_ends = kit_exited_query(&engine.kit);
	kit_subscribe(&engine.kit, 0, &engine.health);
	kit_subscribe(&engine.kit, 1, &engine.ends);
	kit_subscribe(&engine.kit, 2, &engine.seen_ends);
	engine.gap = true;
	list_begins(&engine);
	for (int i = 0; i < N_STEPS; i++)
		step(&engine, may_cut);
	settle(&engine);
	expect_truth(&engine);
	kit_fini(&engine.kit);
}

static void live_often(bool may_cut)
{
	for (uint64_t seed = 1; seed <= N_LIVES; seed++)
		live(seed, may_cut);
}

static void test_any_order(void **state)
{
	live_often(false);
}

static void test_any_order_with_losses(void **state)
{
	live_often(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_any_order_with_losses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
