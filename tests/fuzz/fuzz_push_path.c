/* SPDX-License-Identifier: Apache-2.0 */
/* push_path: a key that was read from a path is whole, and is the same when
 * it is set from its labels. */
#undef NDEBUG
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/text.h"
#include "proto/push_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct push_key *key)
{
	struct push_key again;
	struct err err;

	assert(push_key_label(key, "job").n > 0);
	for (size_t i = 0; i < key->n_labels; i++) {
		assert(key->labels[i].name.n > 0);
		assert(key->labels[i].value.n > 0);
	}
	push_key_init(&again);
	assert(push_key_set(&again, key->labels, key->n_labels, &err) == 0);
	assert(again.n_labels == key->n_labels);
	for (size_t i = 0; i < key->n_labels; i++) {
		assert(slice_equal(again.labels[i].name, key->labels[i].name));
		assert(slice_equal(again.labels[i].value,
		                   key->labels[i].value));
	}
	push_key_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size > 0 ? size : 1);
	struct push_key key;
	struct ping ping;
	struct err err;
	int r;

	assert(copy);
	if (size > 0)
		memcpy(copy, data, size);
	push_key_init(&key);
	r = push_path_parse(slice_make(copy, size), &key, &err);
	assert(r == 0 || r == -EINVAL || r == -ENOENT);
	assert((r == -EINVAL) == (err.message[0] != '\0'));
	if (r == 0)
		check(&key);
	r = ping_path_parse(slice_make(copy, size), &key, &ping, &err);
	assert(r == 0 || r == -EINVAL || r == -ENOENT);
	if (r == 0)
		check(&key);
	push_key_fini(&key);
	free(copy);
	return 0;
}
