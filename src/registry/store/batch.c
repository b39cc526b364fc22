/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include "base/mem.h"

#define LABELS_TEXT_MAX 1048576 /* of a set as JSON, escaped */

struct store_batch *store_batch_new(void)
{
	struct store_batch *batch = mem_calloc(1, sizeof(*batch));

	if (batch)
		batch->last = &batch->first;
	return batch;
}

void store_batch_free(struct store_batch *batch)
{
	if (!batch)
		return;
	arena_fini(&batch->arena);
	mem_free(batch);
}

int batch_fail(struct store_batch *batch, int code)
{
	if (batch->err.code == 0)
		(void)err_set_code(&batch->err, code,
		                   "what is to be written to the database");
	return batch->err.code;
}

struct store_op *batch_op(struct store_batch *batch, size_t n)
{
	struct store_op *op;

	if (batch->err.code < 0)
		return NULL;
	if (batch->arena.n_bytes > STORE_MAX_BATCH) {
		(void)batch_fail(batch, -E2BIG);
		return NULL;
	}
	op = arena_alloc(&batch->arena,
	                 sizeof(*op) + n * sizeof(op->values[0]));
	if (!op) {
		(void)batch_fail(batch, -ENOMEM);
		return NULL;
	}
	op->n = n;
	*batch->last = op;
	batch->last = &op->next;
	return op;
}

void batch_put(struct store_batch *batch, struct store_value *to,
               const struct store_value *value)
{
	*to = *value;
	if (value->type != STORE_TEXT)
		return;
	to->text.p = arena_copy(&batch->arena, value->text);
	if (!to->text.p)
		(void)batch_fail(batch, -ENOMEM);
}

void store_batch_add(struct store_batch *batch, const char *sql,
                     const struct store_value *values, size_t n)
{
	struct store_op *op = batch_op(batch, n);

	if (!op)
		return;
	op->sql = sql;
	for (size_t i = 0; i < n; i++)
		batch_put(batch, &op->values[i], &values[i]);
}

/* --- records ------------------------------------------------------------------ */

static void put_labels(struct store_batch *batch, struct store_value *to,
                       const struct label_set *labels, bool several)
{
	struct json_writer json;
	struct buf text;

	if (!labels) {
		*to = STORE_STR(slice_from("{}"));
		return;
	}
	buf_init(&text, LABELS_TEXT_MAX);
	json_write_init(&json, &text);
	label_set_write(&json, labels, several);
	if (text.failed)
		(void)batch_fail(batch, text.failed);
	else
		batch_put(batch, to, &STORE_STR(buf_slice(&text)));
	buf_fini(&text);
}

static void put_field(struct store_batch *batch, struct store_value *to,
                      const struct field *field, const union value *value)
{
	switch (field->type) {
	case FIELD_TEXT:
		batch_put(batch, to, &STORE_STR(slice_from(value->text)));
		break;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		*to = STORE_INT(value->number);
		break;
	case FIELD_REF:
		*to = STORE_NONE;
		if (value->object)
			*to = STORE_INT((int64_t)object_id(value->object));
		break;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		put_labels(batch, to, value->labels,
		           field->type == FIELD_PARAMS);
		break;
	}
}

static void add_record(struct store_batch *batch, const struct record *record)
{
	const struct kind_info *info = &kinds[record->kind];
	size_t n = record->op == RECORD_DELETED ? 0 : info->n_fields;
	struct store_op *op = batch_op(batch, 1 + n);

	if (!op)
		return;
	op->kind = record->kind;
	op->op = record->op;
	op->values[0] = STORE_INT((int64_t)record->id);
	for (size_t i = 0; i < n; i++)
		put_field(batch, &op->values[1 + i], &info->fields[i],
		          &record->new[i]);
}

void store_batch_records(struct store_batch *batch,
                         const struct record *records, size_t n,
                         const char *who, int64_t now_s)
{
	batch->records = true;
	for (size_t i = 0; i < n; i++) {
		add_record(batch, &records[i]);
		batch_audit(batch, &records[i], who, now_s);
	}
}
