/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/repeats.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"

#define MAX_WORDS (4u << 20) /* bytes by which a message is known again */

/* The last message of a group. */
struct group {
	struct list node; /* in the order of at_ms */
	uint64_t at_ms;
	uint8_t digest[SHA256_SIZE];
	bool writing; /* it is not on disk yet */
	size_t n_key;
	char key[]; /* as in struct repeats_print */
};

void repeats_init(struct repeats *repeats, uint64_t seed)
{
	map_init(&repeats->by_key, seed);
	list_init(&repeats->groups);
}

void repeats_fini(struct repeats *repeats)
{
	LIST_FOR_EACH_SAFE (node, &repeats->groups)
		mem_free(container_of(node, struct group, node));
	map_fini(&repeats->by_key);
}

/* --- what a message is known by ---------------------------------------------- */

static void put_part(struct buf *out, struct slice text)
{
	(void)buf_append(out, text.p, text.n);
	(void)buf_putc(out, '\0');
}

static void put_key(struct buf *out, const struct am_message *message)
{
	put_part(out, message->receiver);
	put_part(out, message->group_key);
	/* who gives no key is told from others by what it groups by */
	for (size_t i = 0;
	     message->group_key.n == 0 && i < message->common_labels.n; i++) {
		put_part(out, message->common_labels.items[i].name);
		put_part(out, message->common_labels.items[i].value);
	}
}

static int digest_of(const struct am_message *message, struct slice key,
                     uint8_t *digest)
{
	struct buf words;
	int r;

	buf_init(&words, MAX_WORDS);
	put_part(&words, key);
	for (size_t i = 0; i < message->n_alerts; i++) {
		const struct am_alert *alert = &message->alerts[i];

		put_part(&words, alert->fingerprint);
		(void)buf_printf(&words, "%d %lld %lld ", alert->firing,
		                 (long long)alert->starts_ms,
		                 (long long)alert->ends_ms);
	}
	r = words.failed;
	if (r == 0)
		sha256(buf_slice(&words), digest);
	buf_fini(&words);
	return r;
}

/* Keys are as long as senders like; many are kept. */
static int shorten(struct buf *key)
{
	uint8_t digest[SHA256_SIZE];

	sha256(buf_slice(key), digest);
	buf_reset(key);
	return buf_append(key, digest, sizeof(digest));
}

int repeats_print_make(struct repeats_print *print,
                       const struct am_message *message)
{
	int r;

	buf_init(&print->key, MAX_WORDS);
	put_key(&print->key, message);
	r = print->key.failed;
	if (r == 0)
		r = shorten(&print->key);
	if (r == 0)
		r = digest_of(message, buf_slice(&print->key), print->digest);
	return r == 0 ? 0 : -ENOMEM;
}

void repeats_print_fini(struct repeats_print *print)
{
	buf_fini(&print->key);
}

/* --- groups ------------------------------------------------------------------ */

static void group_free(struct repeats *repeats, struct group *group)
{
	(void)map_remove(&repeats->by_key,
	                 slice_make(group->key, group->n_key));
	list_unlink(&group->node);
	mem_free(group);
}

static void forget(struct repeats *repeats, uint64_t now_ms)
{
	LIST_FOR_EACH_SAFE (node, &repeats->groups) {
		struct group *group = container_of(node, struct group, node);

		if (group->at_ms + REPEATS_MS > now_ms &&
		    repeats->by_key.n < REPEATS_MAX)
			break;
		group_free(repeats, group);
	}
}

/* Is that the last of its group, and lately? */
static struct group *find_same(struct repeats *repeats,
                               const struct repeats_print *print,
                               uint64_t now_ms)
{
	struct group *group;

	forget(repeats, now_ms);
	group = map_get(&repeats->by_key, buf_slice(&print->key));
	return group && memcmp(group->digest, print->digest, SHA256_SIZE) == 0
	               ? group
	               : NULL;
}

enum repeats_found repeats_find(struct repeats *repeats,
                                const struct repeats_print *print,
                                uint64_t now_ms)
{
	const struct group *same = find_same(repeats, print, now_ms);

	if (!same)
		return REPEATS_NEW;
	return same->writing ? REPEATS_WRITING : REPEATS_KNOWN;
}

static struct group *group_new(struct repeats *repeats, struct slice key)
{
	struct group *group = mem_alloc(sizeof(*group) + key.n);

	if (!group)
		return NULL;
	group->n_key = key.n;
	memcpy(group->key, key.p, key.n);
	list_init(&group->node);
	if (map_set(&repeats->by_key, slice_make(group->key, group->n_key),
	            group) == 0)
		return group;
	mem_free(group);
	return NULL;
}

int repeats_note(struct repeats *repeats, const struct repeats_print *print,
                 uint64_t now_ms)
{
	struct slice key = buf_slice(&print->key);
	struct group *group = map_get(&repeats->by_key, key);

	if (!group)
		group = group_new(repeats, key);
	if (!group)
		return -ENOMEM;
	list_unlink(&group->node);
	list_append(&repeats->groups, &group->node);
	group->at_ms = now_ms;
	group->writing = true;
	memcpy(group->digest, print->digest, SHA256_SIZE);
	return 0;
}

void repeats_settle(struct repeats *repeats, const struct repeats_print *print,
                    bool kept, uint64_t now_ms)
{
	struct group *group = find_same(repeats, print, now_ms);

	if (group && kept)
		group->writing = false;
	else if (group)
		group_free(repeats, group);
}
