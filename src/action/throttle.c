/* SPDX-License-Identifier: Apache-2.0 */
#include "action/throttle.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"

struct entry {
	struct list node;
	uint64_t begun_ms;
	uint8_t action[SHA256_SIZE]; /* the map's key */
};

static struct slice key_of(const uint8_t *action)
{
	return slice_make((const char *)action, SHA256_SIZE);
}

static void drop(struct throttle *throttle, struct entry *entry)
{
	(void)map_remove(&throttle->entries, key_of(entry->action));
	list_unlink(&entry->node);
	mem_free(entry);
	throttle->n--;
}

void throttle_init(struct throttle *throttle)
{
	*throttle = (struct throttle){ 0 };
	/* keys are digests: nobody chooses where they go */
	map_init(&throttle->entries, 0);
	list_init(&throttle->order);
}

void throttle_fini(struct throttle *throttle)
{
	LIST_FOR_EACH_SAFE (node, &throttle->order)
		drop(throttle, container_of(node, struct entry, node));
	map_fini(&throttle->entries);
}

uint64_t throttle_wait(const struct throttle *throttle,
                       const uint8_t action[SHA256_SIZE], uint64_t throttle_ms,
                       uint64_t now_ms)
{
	const struct entry *entry = map_get(&throttle->entries, key_of(action));
	uint64_t since_ms = entry ? now_ms - entry->begun_ms : throttle_ms;

	return since_ms < throttle_ms ? throttle_ms - since_ms : 0;
}

int throttle_note(struct throttle *throttle, const uint8_t action[SHA256_SIZE],
                  uint64_t now_ms)
{
	struct entry *entry;

	throttle_forget(throttle, action);
	if (throttle->n >= THROTTLE_MAX)
		drop(throttle,
		     container_of(throttle->order.next, struct entry, node));
	entry = mem_calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	memcpy(entry->action, action, SHA256_SIZE);
	entry->begun_ms = now_ms;
	if (map_set(&throttle->entries, key_of(entry->action), entry) < 0) {
		mem_free(entry);
		return -ENOMEM;
	}
	list_append(&throttle->order, &entry->node);
	throttle->n++;
	return 0;
}

void throttle_forget(struct throttle *throttle,
                     const uint8_t action[SHA256_SIZE])
{
	struct entry *entry = map_get(&throttle->entries, key_of(action));

	if (entry)
		drop(throttle, entry);
}
