/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of a registry from JSON, a line each: "host {…}" makes one,
 * "-host 1" deletes it. What was made can be written and read back as the
 * same; what is undone leaves nothing; an address has one way to be written. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "base/number.h"
#include "registry/model/assign.h"
#include "registry/model/check.h"

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A host by its farm's id: the farm's name is not what finds it. */
static void check_written(struct model_tx *tx, struct object *object)
{
	enum kind kind = object_kind(object);
	struct assignments given;
	struct json_writer json;
	struct json_t *root = NULL;
	struct err err;
	struct buf text;
	size_t before, after;
	uint64_t only = (1ull << kinds[kind].n_fields) - 1;

	if (kind == KIND_NODE) /* times finer than they are written */
		return;
	buf_init(&text, 1 << 24);
	json_write_init(&json, &text);
	json_write_object(&json);
	object_write(&json, kind, object_values(object), false);
	json_write_object_end(&json);
	assert(!text.failed);
	assert(json_parse(buf_slice(&text), &root, &err) == 0);
	(void)model_records(tx, &before);
	assert(assign_json(&given, model_of(tx), kind, root, only, true) == 0);
	assert(model_update(tx, object, given.items, given.n, &err) == 0);
	(void)model_records(tx, &after);
	assert(before == after);
	assignments_fini(&given);
	json_free(root);
	buf_fini(&text);
}

static void make(struct model_tx *tx, enum kind kind, struct slice text)
{
	struct assignments given;
	struct object *object = NULL;
	struct json_t *root = NULL;
	char title[OBJECT_TITLE_MAX];
	struct err err = { 0 };
	int rc;

	if (json_parse(text, &root, &err) < 0)
		return;
	rc = assign_json(&given, model_of(tx), kind, root, 0, false);
	if (rc == 0)
		rc = model_create(tx, kind, given.items, given.n, &object,
		                  &given.err);
	if (rc == 0) {
		assert(object_title(object, title)[0]);
		check_written(tx, object);
	} else {
		assert(given.err.code == rc && given.err.message[0]);
	}
	assignments_fini(&given);
	json_free(root);
}

static void line(struct model_tx *tx, struct slice text)
{
	struct object *object;
	struct slice word;
	enum kind kind;
	uint64_t id;
	bool gone = text.n && text.p[0] == '-';

	if (gone)
		text = slice_skip(text, 1);
	if (!slice_next(&text, ' ', &word) || !kind_find(word, &kind))
		return;
	if (!gone) {
		make(tx, kind, text);
		return;
	}
	if (number_parse_u64(text, &id) < 0)
		return;
	object = model_find(model_of(tx), kind, id);
	assert(!object || model_delete(tx, object, NULL) == 0);
	assert(!model_find(model_of(tx), kind, id));
}

static void check_texts(struct slice text)
{
	char out[CHECK_HOST_MAX + 1], again[CHECK_HOST_MAX + 1];
	uint64_t ms;

	(void)check_name(text, NULL);
	(void)check_path(text, NULL);
	(void)check_web_url(text, NULL);
	(void)check_lines(text, NULL);
	assert((check_duration(text, NULL) == 0) ==
	       (text.n == 0 || duration_of_prometheus(text, &ms) == 0));
	if (check_host(text, NULL) < 0 || !host_canonical(text, out))
		return;
	assert(check_host(slice_from(out), NULL) == 0);
	assert(host_canonical(slice_from(out), again));
	assert(strcmp(out, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct model *model = model_new(1);
	struct model_tx *tx = model_begin(model, 1790000000);
	struct slice part;

	check_texts(text);
	for (int n = 0; n < MAX_LINES && slice_next(&text, '\n', &part); n++) {
		check_texts(part);
		line(tx, part);
	}
	model_rollback(tx);
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		assert(model_count(model, (enum kind)kind) == 0);
		assert(model_next_id(model, (enum kind)kind) == 1);
	}
	model_free(model);
	return 0;
}
