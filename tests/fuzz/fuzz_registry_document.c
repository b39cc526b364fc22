/* SPDX-License-Identifier: Apache-2.0 */
/* registry_document: any bytes as a registry's document. It is refused with
 * words; or what comes of it, exported, reads back as the same. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "registry/model/plan.h"
#include "registry/model/portable.h"

#define MAX_SIZE 65536 /* longer ones only take longer */
#define TEXT_MAX (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* 0 and the model is that; else there are words. */
static int apply(struct model *model, struct slice text)
{
	static const struct plan_options options = { .prune = true };
	struct portable portable;
	struct model_tx *tx;
	struct err err = { 0 };
	struct json_writer json;
	struct buf words;
	int r;

	buf_init(&words, TEXT_MAX);
	require(portable_init(&portable) == 0);
	r = portable_read(&portable, "fuzz", text, &words);
	require(r == 0 || (r == -EINVAL && words.n > 0));
	if (r == 0) {
		tx = model_begin(model, 1790000000);
		require(tx != NULL);
		r = plan_apply(tx, &portable, &options, &err);
		require(r == 0 || err.message[0]);
		if (r == 0) {
			size_t n;
			const struct record *records = model_records(tx, &n);

			json_write_init(&json, &words);
			json_write_object(&json);
			plan_write_json(records, n, &json);
			json_write_object_end(&json);
			model_commit(tx);
		} else {
			model_rollback(tx);
		}
	}
	buf_fini(&words);
	portable_fini(&portable);
	return r;
}

static void export(const struct model *model, bool json, struct buf *out)
{
	struct portable portable;

	buf_init(out, TEXT_MAX);
	require(portable_init(&portable) == 0);
	require(portable_take(&portable, model, true) == 0);
	require((json ? portable_write_json(&portable, out)
	              : portable_write_yaml(&portable, out)) == 0);
	portable_fini(&portable);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model *model = model_new(1);
	struct model *copy = model_new(2);
	struct buf before, after;

	require(model && copy);
	if (size <= MAX_SIZE &&
	    apply(model, slice_make((const char *)data, size)) == 0) {
		export(model, size % 2, &before);
		require(apply(copy, buf_slice(&before)) == 0);
		export(copy, size % 2, &after);
		require(slice_equal(buf_slice(&before), buf_slice(&after)));
		buf_fini(&before);
		buf_fini(&after);
	}
	model_free(model);
	model_free(copy);
	return 0;
}
