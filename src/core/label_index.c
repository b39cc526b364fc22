/* SPDX-License-Identifier: Apache-2.0 */
#include "core/label_index.h"

#include <errno.h>
#include <stdbool.h>
#include "base/map.h"
#include "base/mem.h"

#define LABEL_INDEX_FIRST_SLOTS 16
#define LABEL_INDEX_LONG_CHAIN  64 /* longer ones are all the same */
#define NO_ENTRY                UINT32_MAX

/*
 * The pairs of an entry lie in `text`, the key first, each as two lengths of
 * sixteen bits (name, value) and the bytes of both.
 */
struct label_index_entry {
	uint32_t hash; /* of scope and key */
	uint32_t next; /* of the same slot, or NO_ENTRY */
	uint32_t scope;
	uint32_t text; /* where its pairs begin */
	uint32_t number;
	uint8_t n_pairs;
	bool keyless; /* every value is empty: hangs under its scope alone */
};

static uint32_t key_hash(const struct label_index *index, uint32_t scope,
                         const struct label *pair)
{
	uint64_t hash =
		map_hash(index->seed + scope, pair->name.p, pair->name.n);

	return (uint32_t)map_hash(hash, pair->value.p, pair->value.n);
}

static uint32_t keyless_hash(const struct label_index *index, uint32_t scope)
{
	return (uint32_t)map_hash(index->seed, &scope, sizeof(scope));
}

static uint32_t *slot_of(const struct label_index *index, uint32_t hash)
{
	return &index->slots[hash & (index->n_slots - 1)];
}

void label_index_init(struct label_index *index, uint64_t seed)
{
	*index = (struct label_index){ .seed = seed };
	buf_init(&index->text, LABEL_INDEX_MAX_BYTES);
}

void label_index_fini(struct label_index *index)
{
	mem_free(index->entries);
	mem_free(index->slots);
	buf_fini(&index->text);
	*index = (struct label_index){ .seed = index->seed };
}

/* --- adding -------------------------------------------------------------- */

static void hang(struct label_index *index, uint32_t at)
{
	struct label_index_entry *entry = &index->entries[at];
	uint32_t *slot = slot_of(index, entry->hash);

	entry->next = *slot;
	*slot = at;
}

/* Room for one more entry, at most one to a slot on average. */
static int grow(struct label_index *index)
{
	uint32_t n = MAX(index->n_slots * 2, LABEL_INDEX_FIRST_SLOTS);
	struct label_index_entry *entries;
	uint32_t *slots;

	if (index->n_entries < index->n_slots)
		return 0;
	if (index->n_slots > UINT32_MAX / 4)
		return -E2BIG;

	entries = mem_realloc(index->entries, n * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	index->entries = entries;
	slots = mem_realloc(index->slots, n * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	index->slots = slots;
	index->n_slots = n;

	memset(slots, 0xff, n * sizeof(*slots)); /* NO_ENTRY everywhere */
	for (uint32_t i = 0; i < index->n_entries; i++)
		hang(index, i);
	return 0;
}

/* How many hang where @hash would; counts no further than @limit. */
static uint32_t chain_length(const struct label_index *index, uint32_t hash,
                             uint32_t limit)
{
	uint32_t n = 0;

	for (uint32_t at = *slot_of(index, hash); at != NO_ENTRY && n < limit;
	     at = index->entries[at].next)
		n += index->entries[at].hash == hash;
	return n;
}

/* The most selective pair, or @n_pairs if no value is more than empty. */
static size_t choose_key(const struct label_index *index, uint32_t scope,
                         const struct label *pairs, size_t n_pairs)
{
	uint32_t shortest = LABEL_INDEX_LONG_CHAIN;
	size_t key = n_pairs;

	for (size_t i = 0; i < n_pairs && shortest > 0; i++) {
		uint32_t n;

		if (pairs[i].value.n == 0)
			continue;
		n = chain_length(index, key_hash(index, scope, &pairs[i]),
		                 shortest);
		if (n < shortest || key == n_pairs) {
			shortest = n;
			key = i;
		}
	}
	return key;
}

static void write_pair(struct buf *text, const struct label *pair)
{
	uint16_t lengths[2] = { (uint16_t)pair->name.n,
		                (uint16_t)pair->value.n };

	(void)buf_append(text, lengths, sizeof(lengths));
	(void)buf_append(text, pair->name.p, pair->name.n);
	(void)buf_append(text, pair->value.p, pair->value.n);
}

/* Appends all pairs, the key first. On failure `text` is as it was. */
static int write_pairs(struct buf *text, const struct label *pairs,
                       size_t n_pairs, size_t key)
{
	size_t start = text->n;
	int r;

	if (key < n_pairs)
		write_pair(text, &pairs[key]);
	for (size_t i = 0; i < n_pairs; i++) {
		if (i != key)
			write_pair(text, &pairs[i]);
	}
	r = text->failed;
	if (r < 0) {
		text->n = start;
		text->failed = 0;
	}
	return r;
}

int label_index_add(struct label_index *index, uint32_t scope,
                    const struct label *pairs, size_t n_pairs, uint32_t number)
{
	uint32_t start = (uint32_t)index->text.n;
	size_t key;
	int r;

	if (n_pairs == 0 || n_pairs > LABEL_INDEX_MAX_PAIRS)
		return -EINVAL;
	for (size_t i = 0; i < n_pairs; i++) {
		if (pairs[i].name.n > LABEL_INDEX_MAX_TEXT ||
		    pairs[i].value.n > LABEL_INDEX_MAX_TEXT)
			return -E2BIG;
	}
	r = grow(index);
	if (r < 0)
		return r;
	key = choose_key(index, scope, pairs, n_pairs);
	r = write_pairs(&index->text, pairs, n_pairs, key);
	if (r < 0)
		return r;

	index->entries[index->n_entries] = (struct label_index_entry){
		.hash = key < n_pairs ? key_hash(index, scope, &pairs[key])
		                      : keyless_hash(index, scope),
		.scope = scope,
		.text = start,
		.number = number,
		.n_pairs = (uint8_t)n_pairs,
		.keyless = key == n_pairs,
	};
	hang(index, index->n_entries++);
	return 0;
}

/* --- matching ------------------------------------------------------------ */

/* Takes the pair at *offsetp and moves on to the next. */
static struct label read_pair(const struct label_index *index, size_t *offsetp)
{
	const char *p = index->text.p + *offsetp;
	uint16_t lengths[2];
	struct label pair;

	memcpy(lengths, p, sizeof(lengths));
	p += sizeof(lengths);
	pair.name = slice_make(p, lengths[0]);
	pair.value = slice_make(p + lengths[0], lengths[1]);
	*offsetp += sizeof(lengths) + lengths[0] + lengths[1];
	return pair;
}

static bool holds(const struct label *pair, const struct label *labels,
                  size_t n_labels)
{
	for (size_t i = 0; i < n_labels; i++) {
		if (slice_equal(labels[i].name, pair->name))
			return slice_equal(labels[i].value, pair->value);
	}
	return pair->value.n == 0;
}

static bool satisfies(const struct label_index *index,
                      const struct label_index_entry *entry,
                      const struct label *labels, size_t n_labels)
{
	size_t offset = entry->text;

	for (unsigned i = 0; i < entry->n_pairs; i++) {
		struct label pair = read_pair(index, &offset);

		if (!holds(&pair, labels, n_labels))
			return false;
	}
	return true;
}

/* The entry hangs under @key; without one, under its scope alone. */
static bool hangs_under(const struct label_index *index,
                        const struct label_index_entry *entry,
                        const struct label *key)
{
	size_t offset = entry->text;
	struct label pair;

	if (!key || entry->keyless)
		return !key && entry->keyless;
	pair = read_pair(index, &offset);
	return slice_equal(pair.name, key->name) &&
	       slice_equal(pair.value, key->value);
}

void label_index_match(const struct label_index *index, uint32_t scope,
                       const struct label *labels, size_t n_labels,
                       label_index_cb match, void *context)
{
	if (index->n_entries == 0)
		return;

	for (size_t i = 0; i <= n_labels; i++) {
		const struct label *key = i < n_labels ? &labels[i] : NULL;
		uint32_t hash = key ? key_hash(index, scope, key)
		                    : keyless_hash(index, scope);

		for (uint32_t at = *slot_of(index, hash); at != NO_ENTRY;
		     at = index->entries[at].next) {
			const struct label_index_entry *entry =
				&index->entries[at];

			if (entry->hash == hash && entry->scope == scope &&
			    hangs_under(index, entry, key) &&
			    satisfies(index, entry, labels, n_labels))
				match(context, entry->number);
		}
	}
}
