/* SPDX-License-Identifier: Apache-2.0 */
#include "core/target.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"

void targets_init(struct targets *targets, uint64_t seed)
{
	map_init(&targets->map, seed);
}

void targets_fini(struct targets *targets)
{
	assert(targets->map.n == 0);
	map_fini(&targets->map);
}

struct target *targets_take(struct targets *targets, struct slice key)
{
	struct target *target = map_get(&targets->map, key);

	if (target) {
		target->n_refs++;
		return target;
	}
	target = mem_calloc(1, sizeof(*target) + key.n);
	if (!target)
		return NULL;
	target->ended_ms = TARGET_NEVER;
	target->n_refs = 1;
	target->n_key = (uint32_t)key.n;
	memcpy(target->key, key.p, key.n);
	if (map_set(&targets->map, slice_make(target->key, key.n), target) <
	    0) {
		mem_free(target);
		return NULL;
	}
	return target;
}

void targets_release(struct targets *targets, struct target *target)
{
	if (--target->n_refs > 0)
		return;
	assert(!target->owner);
	(void)map_remove(&targets->map, slice_make(target->key, target->n_key));
	mem_free(target);
}

bool target_free(const struct target *target, const void *who,
                 uint64_t settle_ms, uint64_t now_ms)
{
	if (target->owner)
		return false;
	return target->last_owner == who || target->ended_ms == TARGET_NEVER ||
	       now_ms >= target->ended_ms + settle_ms;
}

void target_begin(struct target *target, const void *who)
{
	assert(!target->owner);
	target->owner = who;
}

void target_forget(struct target *target, const void *who)
{
	assert(target->owner != who);
	if (target->last_owner == who)
		target->last_owner = NULL;
}

void target_end(struct target *target, uint64_t now_ms)
{
	target->last_owner = target->owner;
	target->owner = NULL;
	target->ended_ms = now_ms;
}
