/* SPDX-License-Identifier: Apache-2.0 */
/* push_snapshot: any text is read or refused; what was read is written so that
 * it reads the same. The checksum is made right, or nothing would get in. */
#undef NDEBUG
#include <assert.h>
#include <inttypes.h>
#include <stdint.h>
#include "core/push_snapshot.h"
#include "core/push_snapshot_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct push_time now = { 2000000, 1000 };

static void write_out(struct push_store *store, struct buf *out)
{
	struct push_snapshot_writer *writer =
		push_snapshot_writer_new(store, now.wall_ms);

	assert(writer);
	buf_init(out, SIZE_MAX / 2);
	while (!push_snapshot_write(writer, out, out->n + 100))
		;
	assert(!out->failed);
	push_snapshot_writer_free(writer);
}

static struct push_store *read_in(struct slice text, int *r)
{
	struct push_store *store = push_store_new(3, NULL, NULL);
	struct err err;

	assert(store);
	*r = push_snapshot_read(store, text, now, &err);
	return store;
}

/* Reads what was written, and writes it again. */
static void copy(const struct buf *from, struct buf *to)
{
	int r;
	struct push_store *store = read_in(buf_slice(from), &r);

	assert(r == 0);
	write_out(store, to);
	push_store_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct push_store *store;
	struct buf signed_text;
	struct buf written[3];
	int r;

	buf_init(&signed_text, SIZE_MAX / 2);
	(void)buf_append(&signed_text, text.p, text.n);
	(void)buf_printf(&signed_text, SNAPSHOT_END "%016" PRIx64 "\n",
	                 snapshot_sum(SNAPSHOT_SUM_START, text));
	store = read_in(buf_slice(&signed_text), &r);
	assert(r == 0 || push_store_counts(store).n_groups == 0);
	write_out(store, &written[0]);
	push_store_free(store);
	/* the first copy numbers the groups in order */
	copy(&written[0], &written[1]);
	copy(&written[1], &written[2]);
	assert(slice_equal(buf_slice(&written[1]), buf_slice(&written[2])));
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		buf_fini(&written[i]);
	buf_fini(&signed_text);
	return 0;
}
