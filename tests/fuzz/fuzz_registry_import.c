/* SPDX-License-Identifier: Apache-2.0 */
/* registry_import: any bytes as what Promgen or prommgr export: refused with
 * words, or a document that a model takes, or refuses with words. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include "registry/model/import_promgen.h"
#include "registry/model/import_prommgr.h"
#include "registry/model/plan.h"

#define MAX_SIZE 65536 /* longer ones only take longer */
#define TEXT_MAX (64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void plan(const struct portable *portable)
{
	static const struct plan_options options = { .partial = true };
	struct model *model = model_new(1);
	struct model_tx *tx = model ? model_begin(model, 1790000000) : NULL;
	struct err err = { 0 };
	int r;

	require(tx != NULL);
	r = plan_apply(tx, portable, &options, &err);
	require(r == 0 || err.message[0]);
	if (r == 0)
		model_commit(tx);
	else
		model_rollback(tx);
	model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct portable portable;
	struct err err = { 0 };
	struct buf notes;
	bool promgen = size == 0 || data[0] != 'P';
	int r;

	if (size > MAX_SIZE)
		return 0;
	buf_init(&notes, TEXT_MAX);
	require(portable_init(&portable) == 0);
	r = promgen ? import_promgen(&portable, text, NULL, &notes, &err)
	            : import_prommgr(&portable, slice_skip(text, 1), "a1",
	                             &err);
	require(r == 0 || err.message[0]);
	if (r == 0)
		plan(&portable);
	portable_fini(&portable);
	buf_fini(&notes);
	return 0;
}
